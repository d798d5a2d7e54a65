//! Objects that two workloads would size in turns.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use tenantry_domain::config::{Document, DocumentKey, Layers, Problems};
use tenantry_domain::id::{TenantId, WorkloadKey};

use super::Declarations;
use super::register::{Object, object};

/// Workloads of changed documents that name an object which another workload has, one of what was read or one of those
/// that are `held`. What stood before is left alone, so that an old fault does not forbid a change elsewhere.
pub(super) fn named_twice(
    found: &Declarations,
    changed: &BTreeSet<&DocumentKey>,
    held: BTreeMap<Object, WorkloadKey>,
    sees: impl Fn(&TenantId) -> bool,
) -> Vec<(DocumentKey, Problems)> {
    clashes(&found.layers, found.tenants.values(), changed, held, sees)
}

/// Objects that the workloads of changed documents size.
pub(super) fn objects_of(found: &Declarations, changed: &BTreeSet<&DocumentKey>) -> BTreeSet<Object> {
    let changed = found.tenants.values().filter(|tenant| changed.contains(tenant.key()));
    let resolved = changed.filter_map(|tenant| found.layers.resolve(tenant).ok());
    let specs = resolved.flat_map(|effective| effective.workloads()).filter(|spec| spec.enabled);
    specs.map(|spec| object(&spec.target)).collect()
}

/// Workloads of these documents that name an object which another of them has, with no store at hand.
#[must_use]
pub fn objects_named_twice(layers: &Layers, tenants: &[Document]) -> Problems {
    let all = tenants.iter().map(Document::key).collect();
    let found = clashes(layers, tenants.iter(), &all, BTreeMap::new(), |_| true);
    Problems(found.into_iter().flat_map(|(_, problems)| problems.0).collect())
}

fn clashes<'a>(
    layers: &Layers,
    tenants: impl Iterator<Item = &'a Document>,
    changed: &BTreeSet<&DocumentKey>,
    held: BTreeMap<Object, WorkloadKey>,
    sees: impl Fn(&TenantId) -> bool,
) -> Vec<(DocumentKey, Problems)> {
    // By whom each object is sized, with the document that says so where it was read.
    let held = held.into_iter().map(|(object, by)| (object, (None, by)));
    let mut taken: BTreeMap<Object, (Option<&Document>, WorkloadKey)> = held.collect();
    let mut wrong = Vec::new();
    for tenant in tenants {
        let Ok(effective) = layers.resolve(tenant) else { continue };
        for spec in effective.workloads().into_iter().filter(|spec| spec.enabled) {
            match taken.entry(object(&spec.target)) {
                Entry::Vacant(free) => {
                    free.insert((Some(tenant), spec.key));
                }
                Entry::Occupied(held) => {
                    let (other, by) = held.get();
                    let (document, own, by) = match other {
                        _ if changed.contains(tenant.key()) => (tenant, &spec.key, by),
                        Some(other) if changed.contains(other.key()) => (*other, by, &spec.key),
                        _ => continue,
                    };
                    let object = &spec.target;
                    let mut problem = document.locate(&format!("workloads.{}", own.workload));
                    problem.message = if sees(&by.tenant) {
                        format!("{object} is sized by the workload {by} already")
                    } else {
                        format!("{object} is sized by a workload of another tenant already")
                    };
                    problem.help =
                        Some("remove one of the two, or set `enabled: false` under its autoscaling".to_owned());
                    wrong.push((document.key().clone(), Problems(vec![problem])));
                }
            }
        }
    }
    wrong
}
