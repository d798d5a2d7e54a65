//! Each tenant's set of policies, as the gate remembers it.
//!
//! A set holds for as long as nothing was written that speaks of its tenant. When anything was written at all, the numbers
//! of the revisions that speak of a tenant are asked for once, and where they are the same the set stays: a change costs
//! no rebuild of other tenants' sets, and counts at the next request on every server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tenantry_domain::id::TenantId;
use tenantry_policy::access::{DeclaredRoles, RuleSet, Rules, Shared, Written};
use tracing::error;

use crate::ports::store::{AccessStore, StoreError, WrittenKey, WrittenKind, WrittenRevision};

/// Sets that are remembered: some 27 KiB each. One is made anew in less time than a decision takes, unless its tenant
/// wrote policies.
const SETS_MAX: usize = 1024;

/// Which revisions something was made of.
type Numbers = Vec<(WrittenKey, u64)>;

#[derive(Clone)]
struct Kept {
    /// The version of what is written at which it was last found to hold.
    seen: u64,
    numbers: Numbers,
    /// Why there is none, where the platform's policies cannot be read.
    set: Result<Arc<RuleSet>, String>,
}

/// What stands in every set, with the revisions that it was made of.
type KeptShared = (Numbers, Result<Arc<Shared>, String>);

/// Tenants' policies, and the platform's. Forgotten all at once when there are too many: what is asked about comes back
/// soon.
#[derive(Default)]
pub(super) struct Sets {
    sets: Mutex<BTreeMap<Option<TenantId>, Kept>>,
    shared: Mutex<Option<KeptShared>>,
}

impl Sets {
    /// The set that speaks of a tenant, or of the platform, as of a version of what is written; why not, where the
    /// platform's policies cannot be read.
    pub(super) async fn of(
        &self,
        store: &dyn AccessStore,
        rules: &Rules,
        tenant: Option<&TenantId>,
        version: u64,
    ) -> Result<Result<Arc<RuleSet>, String>, StoreError> {
        let key = tenant.cloned();
        let kept = self.sets.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(kept) = &kept
            && kept.seen == version
        {
            return Ok(kept.set.clone());
        }
        // Where nothing was ever written, nothing is asked for.
        let mut numbers = if version == 0 { Vec::new() } else { store.written_numbers(tenant).await? };
        numbers.sort();
        let kept = match kept {
            Some(kept) if kept.numbers == numbers => Kept { seen: version, ..kept },
            _ => self.made(store, rules, tenant, version).await?,
        };
        let set = kept.set.clone();
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= SETS_MAX {
            sets.clear();
        }
        sets.insert(key, kept);
        Ok(set)
    }

    async fn made(
        &self,
        store: &dyn AccessStore,
        rules: &Rules,
        tenant: Option<&TenantId>,
        version: u64,
    ) -> Result<Kept, StoreError> {
        let rows = if version == 0 { Vec::new() } else { store.written_about(tenant).await? };
        let mut numbers: Numbers = rows.iter().map(|row| (row.key.clone(), row.number)).collect();
        numbers.sort();
        let set = self.shared(rules, &rows).and_then(|shared| match tenant {
            None => Ok(Arc::new(shared.set().clone())),
            Some(tenant) => of_tenant(rules, &shared, tenant, &rows).map(Arc::new),
        });
        Ok(Kept { seen: version, numbers, set })
    }

    fn shared(&self, rules: &Rules, rows: &[WrittenRevision]) -> Result<Arc<Shared>, String> {
        let of_platform = rows.iter().filter(|row| row.key.tenant.is_none());
        let mut numbers: Numbers = of_platform.map(|row| (row.key.clone(), row.number)).collect();
        numbers.sort();
        let mut kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, shared)) = kept.as_ref()
            && *of == numbers
        {
            return shared.clone();
        }
        let made = written(rows, None).and_then(|own| rules.shared(&own).map_err(|error| error.to_string()));
        let made = made.map(Arc::new).map_err(|why| format!("the platform's policies cannot be read: {why}"));
        *kept = Some((numbers, made.clone()));
        made
    }
}

fn of_tenant(rules: &Rules, shared: &Shared, tenant: &TenantId, rows: &[WrittenRevision]) -> Result<RuleSet, String> {
    let made = written(rows, Some(tenant))
        .and_then(|own| rules.set_of(shared, tenant, &own).map_err(|error| error.to_string()));
    made.or_else(|why| {
        error!(%tenant, why, "a tenant's policies cannot be read, and whoever has a role there is refused; \
            `tenantry policy rollback` mends it");
        rules.closed_set_of(shared, tenant, &why).map_err(|error| error.to_string())
    })
}

/// What is written of a tenant, or of the platform, among some revisions.
pub(super) fn written(rows: &[WrittenRevision], tenant: Option<&TenantId>) -> Result<Written, String> {
    let body = |kind: WrittenKind| {
        let found = rows.iter().find(|row| row.key.tenant.as_ref() == tenant && row.key.kind == kind);
        found.and_then(|row| row.body.as_deref())
    };
    Ok(Written {
        policies: body(WrittenKind::Policies).unwrap_or_default().to_owned(),
        roles: body(WrittenKind::Roles).map_or_else(|| Ok(DeclaredRoles::default()), read_roles)?,
    })
}

/// Roles as they are stored.
pub(super) fn read_roles(body: &str) -> Result<DeclaredRoles, String> {
    serde_json::from_str(body).map_err(|error| format!("its roles: {error}"))
}
