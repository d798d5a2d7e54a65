//! What policies may know of each tenant, as the gate remembers it: for one version of the configuration, which is asked
//! for each time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tenantry_domain::config::{Document, DocumentKey, Layers, Lifecycle};
use tenantry_domain::id::TenantId;
use tenantry_policy::access::TenantFacts;
use tracing::warn;

use crate::ports::store::{AccessStore, StoreError};
use crate::scope::Scope;

/// Tenants whose facts are remembered: some 500 bytes each.
const FACTS_MAX: usize = 16_384;

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
        if let Some(facts) = self.remembered(version, tenant) {
            return Ok(facts);
        }
        let facts = read(store, tenant).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 < version {
            *known = (version, BTreeMap::new());
        }
        if known.0 == version {
            if known.1.len() >= FACTS_MAX {
                known.1.clear();
            }
            known.1.insert(tenant.clone(), facts.clone());
        }
        Ok(facts)
    }

    fn remembered(&self, version: u64, tenant: &TenantId) -> Option<TenantFacts> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 == version { known.1.get(tenant).cloned() } else { None }
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
