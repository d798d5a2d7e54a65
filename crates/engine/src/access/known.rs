//! What the gate remembers between requests: each tenant's policies, and what policies may know of it.
//!
//! Neither outlives what it was made from: facts hold for one version of the configuration, which is asked for each time,
//! and sets are made from policies that do not change while the program runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tenantry_domain::config::{Document, DocumentKey, Layers, Lifecycle};
use tenantry_domain::id::TenantId;
use tenantry_policy::access::{RuleSet, Rules, RulesError, TenantFacts};
use tracing::warn;

use crate::ports::store::{AccessStore, StoreError};
use crate::scope::Scope;

/// Sets that are remembered: some 27 KiB each. One is made anew in less time than a decision takes.
const SETS_MAX: usize = 1024;
/// Tenants whose facts are remembered: some 500 bytes each.
const FACTS_MAX: usize = 16_384;

/// Tenants' policies. Forgotten all at once when there are too many: what is asked about comes back soon.
#[derive(Default)]
pub(super) struct Sets(Mutex<BTreeMap<TenantId, Arc<RuleSet>>>);

impl Sets {
    pub(super) fn of(&self, rules: &Rules, tenant: &TenantId) -> Result<Arc<RuleSet>, RulesError> {
        if let Some(set) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant) {
            return Ok(set.clone());
        }
        // Made outside the lock; two that make the same make the same.
        let set = Arc::new(rules.of_tenant(tenant)?);
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= SETS_MAX {
            sets.clear();
        }
        sets.insert(tenant.clone(), set.clone());
        Ok(set)
    }
}

/// What is known of tenants, as of a version of the configuration.
#[derive(Default)]
pub(super) struct Known(Mutex<(u64, BTreeMap<TenantId, TenantFacts>)>);

impl Known {
    pub(super) async fn facts(&self, store: &dyn AccessStore, tenant: &TenantId) -> Result<TenantFacts, StoreError> {
        // Asked before the documents are: what changes in between is then read again, never missed.
        let version = store.config_version().await?;
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
