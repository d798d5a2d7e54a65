//! The alarm of broken glass: an error in the log once for each, and a count for as long as any is broken.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenantry_engine::ports::store::{KeyId, TokenRecord};
use tenantry_engine::scope::Scope;
use tracing::{error, warn};

use crate::api::Api;

/// From one look to the next, so that what was broken elsewhere is told soon.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// What this server has told of.
#[derive(Debug, Default)]
pub(crate) struct Alarms(Mutex<BTreeSet<KeyId>>);

impl Alarms {
    /// Tells of broken glass, once.
    pub(crate) fn told(&self, api: &Api, record: &TokenRecord) {
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(record.id.clone()) {
            return;
        }
        api.metrics.glass_broken();
        let what =
            record.tenant.as_ref().map_or_else(|| "the platform".to_owned(), |tenant| format!("tenant {tenant}"));
        let until = record.expires_at.map(|end| end.to_string()).unwrap_or_default();
        let reason = record.glass.as_deref().unwrap_or_default();
        error!(id = %record.id, what, by = record.created_by, reason, until, "glass is broken");
    }

    /// Looks again and again, also for what was broken by others.
    pub(crate) async fn keep(&self, api: &Api) {
        loop {
            match api.glass.list(&Scope::platform(), api.clock.now()).await {
                Ok(broken) => {
                    broken.iter().for_each(|record| self.told(api, record));
                    let now: BTreeSet<KeyId> = broken.into_iter().map(|record| record.id).collect();
                    api.metrics.glass(now.len());
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| now.contains(id));
                }
                Err(error) => warn!(%error, "whether glass is broken is not known"),
            }
            tokio::time::sleep(LOOKED_EVERY).await;
        }
    }
}
