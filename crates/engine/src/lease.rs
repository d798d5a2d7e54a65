//! A lease in the store, for controllers that share a database and not a cluster.

use std::sync::Arc;

use async_trait::async_trait;
use tenantry_domain::unit::Span;

use crate::ports::Clock;
use crate::ports::cluster::{Lease, LeaseError};
use crate::ports::store::{ControlStore, Store, StoreError};

/// A named lease in a store.
pub struct StoreLease {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    name: String,
    holder: String,
    term: Span,
}

impl std::fmt::Debug for StoreLease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreLease").field("name", &self.name).field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl StoreLease {
    /// The lease `name`, to be held by `holder` for `term` after each renewal.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, name: &str, holder: &str, term: Span) -> Self {
        Self { store, clock, name: name.to_owned(), holder: holder.to_owned(), term }
    }

    fn error(&self, error: &StoreError) -> LeaseError {
        LeaseError { lease: self.name.clone(), message: error.to_string() }
    }
}

#[async_trait]
impl Lease for StoreLease {
    async fn hold(&self) -> Result<Option<u64>, LeaseError> {
        let now = self.clock.now();
        let held = ControlStore::lease(self.store.as_ref(), &self.name, &self.holder, now, now + self.term).await;
        held.map_err(|error| self.error(&error))
    }

    async fn release(&self) -> Result<(), LeaseError> {
        let released = ControlStore::release(self.store.as_ref(), &self.name, &self.holder).await;
        released.map_err(|error| self.error(&error))
    }
}
