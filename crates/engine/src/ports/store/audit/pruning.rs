//! Pruning entries that are old, and holding those that may not be.

use async_trait::async_trait;
use tenantry_domain::time::Timestamp;

use super::{Deed, LogOf};
use crate::ports::store::Stored;

/// What is pruned of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruning {
    /// Whose log.
    pub log: LogOf,
    /// How many entries were pruned before.
    pub from: u64,
    /// How many are pruned with it.
    pub size: u64,
    /// What is signed about it.
    pub statement: String,
    /// What the log is told of it, in the same transaction.
    pub deed: Deed,
}

/// Pruning and holding.
#[async_trait]
pub trait PruningStore: Send + Sync {
    /// Prunes entries; what was hashed of them stays. Says whether it did, which it does not where somebody else pruned
    /// first, or where the log is held.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn prune_log(&self, pruning: &Pruning) -> Stored<bool>;

    /// What was signed when entries of a log were last pruned.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn pruned(&self, log: &LogOf) -> Stored<Option<String>>;

    /// The first entry that a destination whose cursor moved after `since` has not; none where all have all.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn awaited(&self, log: &LogOf, since: Timestamp) -> Stored<Option<u64>>;

    /// Holds a log for a reason, or lets it go; says whether there is such a log.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn hold(&self, log: &LogOf, reason: Option<&str>, deed: &Deed) -> Stored<bool>;
}
