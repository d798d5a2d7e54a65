//! What policies may know of each tenant, as the gate remembers it: as of one version of the configuration, which is asked
//! for each time. A change of one tenant makes it forget that one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tenantry_domain::config::{Document, DocumentKey, Layers, Lifecycle};
use tenantry_domain::id::TenantId;
use tenantry_policy::access::TenantFacts;
use tracing::warn;

use crate::ports::store::{AccessStore, StoreError};
use crate::scope::Scope;

/// Tenants whose facts are remembered: some 500 bytes each.
const FACTS_MAX: usize = 16_384;

/// Changes that it follows one by one; of more, it forgets all.
const CHANGED_MAX: u32 = 256;

/// What is known of tenants, as of a version of the configuration.
#[derive(Default)]
pub(super) struct Known(Mutex<(u64, BTreeMap<TenantId, TenantFacts>)>);

impl Known {
    /// As of a version, which was asked for before: what changes in between is then read again, never missed.
    pub(super) async fn facts(
        &self,
        store: &dyn AccessStore,
        tenant: &TenantId,
        version: u64,
    ) -> Result<TenantFacts, StoreError> {
        self.follow(store, version).await?;
        if let Some(facts) = self.remembered(version, tenant) {
            return Ok(facts);
        }
        let facts = read(store, tenant).await?;
        let mut known = self.lock();
        // What was read is as of `version` at least; where others have followed further, it may be older than they are.
        if known.0 == version {
            if known.1.len() >= FACTS_MAX {
                known.1.clear();
            }
            known.1.insert(tenant.clone(), facts.clone());
        }
        Ok(facts)
    }

    /// Forgets what changed up to a version.
    async fn follow(&self, store: &dyn AccessStore, version: u64) -> Result<(), StoreError> {
        let from = self.lock().0;
        if from >= version {
            return Ok(());
        }
        let changed = store.changed_since(from, CHANGED_MAX).await?;
        let mut known = self.lock();
        if known.0 != from {
            // Somebody else has followed meanwhile, perhaps not as far: then nothing is found, and it is read.
            return Ok(());
        }
        known.0 = version;
        for key in changed.iter().flatten() {
            if let DocumentKey::Tenant(id) = key {
                known.1.remove(id);
            }
        }
        // A document that tenants share says something of each.
        let of_one = |key: &DocumentKey| matches!(key, DocumentKey::Tenant(_));
        if !changed.is_some_and(|changed| changed.iter().all(of_one)) {
            known.1.clear();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<TenantId, TenantFacts>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered, of no older version than this.
    fn remembered(&self, version: u64, tenant: &TenantId) -> Option<TenantFacts> {
        let known = self.lock();
        if known.0 >= version { known.1.get(tenant).cloned() } else { None }
    }
}

async fn read(store: &dyn AccessStore, tenant: &TenantId) -> Result<TenantFacts, StoreError> {
    let own_key = DocumentKey::Tenant(tenant.clone());
    let unknown = TenantFacts::unknown(tenant.clone());
    // Where it cannot be told whether it is suspended, only those may write it whom that does not stop.
    let closed = TenantFacts { declared: true, suspended: true, ..unknown.clone() };
    let mut layers = Layers::default();
    let mut own = None;
    for revision in store.documents(&Scope::tenant(tenant.clone())).await? {
        let Some(body) = &revision.body else { continue };
        match Document::from_stored(revision.key.clone(), body) {
            Ok(document) if *document.key() == own_key => own = Some(document),
            Ok(document) => layers.insert(document),
            Err(problems) => {
                warn!(key = %revision.key, %problems, "a document that is stored cannot be read");
                // A tier or region that is missing is told by those that name it.
                if revision.key == own_key || revision.key == DocumentKey::Defaults {
                    return Ok(closed);
                }
            }
        }
    }
    let Some(own) = own else { return Ok(unknown) };
    Ok(match layers.resolve(&own) {
        Ok(effective) => TenantFacts {
            declared: true,
            tier: effective.tier().map(str::to_owned),
            region: effective.region().map(str::to_owned),
            labels: effective.labels(),
            suspended: effective.lifecycle() != Lifecycle::Active,
            ..unknown
        },
        Err(problems) => {
            warn!(%tenant, %problems, "a tenant's layers contradict each other");
            closed
        }
    })
}
