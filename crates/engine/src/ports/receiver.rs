//! Receivers of audit logs: files, SIEMs, webhooks.

use async_trait::async_trait;
use tenantry_audit::Told;
use thiserror::Error;

/// Something was not delivered, or it is not known to have been.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Undelivered {
    /// What happened.
    pub message: String,
    /// Seconds after which the receiver wants to be asked again, where it says.
    pub again_after: Option<u64>,
}

/// Who is told of entries. The same may come twice, in the same order, and never with a gap.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// Delivers entries of one log in their order, and returns when the receiver has acknowledged all of them.
    ///
    /// # Errors
    /// [`Undelivered`]: then all of them come again.
    async fn deliver(&self, told: &[Told]) -> Result<(), Undelivered>;
}
