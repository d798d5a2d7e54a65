//! How far logs were delivered, for each place that they are delivered to.

use async_trait::async_trait;
use tenantry_domain::time::Timestamp;

use super::LogOf;
use crate::ports::store::Stored;

/// A log of which something is not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Whose.
    pub log: LogOf,
    /// The first entry that is not.
    pub next: u64,
    /// How many are sealed: nothing that is not signed is delivered.
    pub sealed: u64,
}

/// Cursors, one for each destination and log.
#[async_trait]
pub trait CursorStore: Send + Sync {
    /// Logs after `after` in the order of their names with sealed entries that a destination has not, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn undelivered(&self, destination: &str, after: &str, count: u32) -> Stored<Vec<Behind>>;

    /// How many sealed entries of all logs a destination has not.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn lag(&self, destination: &str) -> Stored<u64>;

    /// Notes that entries before `next` were acknowledged, and that the destination is there. A cursor never goes back.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn advance(&self, destination: &str, log: &LogOf, next: u64, at: Timestamp) -> Stored<()>;
}
