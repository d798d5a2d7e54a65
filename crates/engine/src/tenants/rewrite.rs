//! What a change of a tenant's document would do, as policies ask it.

use std::collections::BTreeMap;

use tenantry_domain::config::{Document, DocumentKey, FieldChange, IsolationLevel, Layers, diff, is_query, reads_only};
use tenantry_domain::id::{TenantId, WorkloadName};
use tenantry_domain::spec::ScaleTarget;
use tenantry_domain::unit::Replicas;
use tenantry_policy::access::{Reach, Rewrite, Sizes};

use super::{Tenants, TenantsError};

/// The field of the most replicas.
const CEILING: &str = "autoscaling.max_replicas";

impl Tenants {
    /// What it would do to put `after` in the place of a tenant's document, with what tenants share as it would be after
    /// `beside`, and the revision that this is: 0 where there is none. What is allowed on its word is allowed of that revision alone.
    ///
    /// # Errors
    /// [`TenantsError`]; a document that its layers contradict among them.
    pub async fn rewrite(
        &self,
        id: &TenantId,
        after: &Document,
        beside: impl IntoIterator<Item = &Document>,
    ) -> Result<(Rewrite, u64), TenantsError> {
        let found = self.declarations(&self.scope_for(&DocumentKey::Tenant(id.clone()))?, &[]).await?;
        let before = found.tenants.get(id);
        let fields = diff(before.map(Document::body), Some(after.body()));
        let first = |field: &str| field.split('.').next().unwrap_or_default().to_owned();
        let touches = fields.iter().map(|change| first(&change.field)).collect();
        // What cannot be resolved as it stands had no ceiling to speak of.
        let old = before.and_then(|before| Side::of(&found.layers, before).ok()).unwrap_or_default();
        let mut layers = found.layers;
        beside
            .into_iter()
            .filter(|one| !matches!(one.key(), DocumentKey::Tenant(_)))
            .cloned()
            .for_each(|one| layers.insert(one));
        let new = Side::of(&layers, after)?;
        let is_abroad = |target: &&ScaleTarget| target.namespace != id.as_str();
        let objects = new.targets.iter().filter(is_abroad).any(|target| !old.targets.contains(target));
        let series = fields.iter().any(|change| reads_others(change, id));
        let apart = new.isolation != old.isolation;
        let reaches = [(Reach::Objects, objects), (Reach::Series, series), (Reach::Apart, apart)];
        let reaches = reaches.into_iter().filter_map(|(reach, it_does)| it_does.then_some(reach)).collect();
        let default = old.ceilings.get(&None).copied().unwrap_or(Replicas::new(0));
        let sizes = |(name, to): (&Option<WorkloadName>, &Replicas)| Sizes {
            from: old.ceilings.get(name).copied().unwrap_or(default),
            to: *to,
        };
        let base = found.heads.get(after.key()).map_or(0, |head| head.number);
        Ok((Rewrite { touches, ceilings: new.ceilings.iter().map(sizes).collect(), reaches }, base))
    }
}

/// What a document comes to, before or after.
#[derive(Default)]
struct Side {
    /// The most replicas of each workload, and of one that does not say (none).
    ceilings: BTreeMap<Option<WorkloadName>, Replicas>,
    /// The objects that its workloads size, those that are not scaled among them.
    targets: Vec<ScaleTarget>,
    isolation: IsolationLevel,
}

impl Side {
    fn of(layers: &Layers, tenant: &Document) -> Result<Self, TenantsError> {
        let effective = layers.resolve(tenant)?;
        let of_all = layers.explain(tenant, Some(CEILING))?.into_iter().find(|one| one.field == CEILING);
        let of_all = of_all.and_then(|one| one.value.parse().ok()).map(Replicas::new);
        let mut side = Self { isolation: effective.isolation(), ..Self::default() };
        side.ceilings.extend(of_all.map(|ceiling| (None, ceiling)));
        for spec in effective.workloads() {
            side.ceilings.insert(Some(spec.key.workload), spec.bounds.ceiling());
            side.targets.push(spec.target);
        }
        Ok(side)
    }
}

/// Whether a change brings a query that reads more than the tenant's own series, as far as the two labels say by which
/// answers are told apart.
fn reads_others(change: &FieldChange, id: &TenantId) -> bool {
    let own = [("namespace", id.as_str()), ("tenant", id.as_str())];
    is_query(&change.field) && change.after.as_deref().is_some_and(|query| !reads_only(query, &own))
}
