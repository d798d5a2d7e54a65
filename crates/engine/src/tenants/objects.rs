//! Objects that two workloads would size in turns.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use tenantry_domain::config::{Document, DocumentKey, Layers, Problems};
use tenantry_domain::id::{TenantId, WorkloadKey};

use super::Declarations;
use crate::rivals::group;

/// Workloads of changed documents that name an object which another workload has. What stood before is left alone, so
/// that an old fault does not forbid a change elsewhere.
pub(super) fn named_twice(
    found: &Declarations,
    documents: &[Document],
    sees: impl Fn(&TenantId) -> bool,
) -> Vec<(DocumentKey, Problems)> {
    let differs =
        |document: &&Document| found.heads.get(document.key()).is_none_or(|head| head.digest != document.digest());
    let changed: BTreeSet<&DocumentKey> = documents.iter().filter(differs).map(Document::key).collect();
    clashes(&found.layers, found.tenants.values(), &changed, sees)
}

/// Workloads of these documents that name an object which another of them has, with no store at hand.
#[must_use]
pub fn objects_named_twice(layers: &Layers, tenants: &[Document]) -> Problems {
    let all = tenants.iter().map(Document::key).collect();
    Problems(clashes(layers, tenants.iter(), &all, |_| true).into_iter().flat_map(|(_, problems)| problems.0).collect())
}

fn clashes<'a>(
    layers: &Layers,
    tenants: impl Iterator<Item = &'a Document>,
    changed: &BTreeSet<&DocumentKey>,
    sees: impl Fn(&TenantId) -> bool,
) -> Vec<(DocumentKey, Problems)> {
    let mut taken: BTreeMap<(String, String), (&Document, WorkloadKey)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for tenant in tenants {
        let Ok(effective) = layers.resolve(tenant) else { continue };
        for spec in effective.workloads().into_iter().filter(|spec| spec.enabled) {
            let object = spec.target.to_string();
            match taken.entry((group(&spec.target).to_owned(), object.clone())) {
                Entry::Vacant(free) => {
                    free.insert((tenant, spec.key));
                }
                Entry::Occupied(held) => {
                    let (other, by) = held.get();
                    let (document, own, by) = if changed.contains(tenant.key()) {
                        (tenant, &spec.key, by)
                    } else if changed.contains(other.key()) {
                        (*other, by, &spec.key)
                    } else {
                        continue;
                    };
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
