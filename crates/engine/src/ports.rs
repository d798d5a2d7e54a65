//! What the engine needs of the outside: one trait for each outside world, with its words and its errors.

pub mod answers;
pub mod cluster;
pub mod events;
pub mod identity;
pub mod metrics;
pub mod receiver;
pub mod store;
pub mod witness;

use tenantry_domain::time::Timestamp;

/// Whether doing the same again may help. Callers branch on this, never on an error's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It will fail the same way.
    Never,
    /// It may pass by itself.
    Later,
    /// It may pass after reading anew what it was based on.
    AfterChange,
}

/// What tells the time. The only clock of the engine.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// The instant now.
    fn now(&self) -> Timestamp;

    /// Waits for an instant. Where time passes between turns only, and not in them, it never comes.
    async fn reaches(&self, _at: Timestamp) {
        std::future::pending::<()>().await;
    }
}
