//! What knowing callers needs of the outside: the keys that providers sign with, and a cluster that knows its own tokens.

use std::path::PathBuf;

use async_trait::async_trait;
use thiserror::Error;

/// Where a provider's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysAt {
    /// The issuer's address, without a slash at its end.
    pub issuer: String,
    /// PEM file of the authorities that its certificate may be of; none for those that the system trusts.
    pub ca: Option<PathBuf>,
}

/// Why something outside did not say what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Unanswered {
    /// What went wrong, for the log.
    pub message: String,
}

/// Fetches the keys of providers.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// A provider's set of keys, as the JSON text of RFC 7517. Bounded in size and in time.
    ///
    /// # Errors
    /// [`Unanswered`].
    async fn keys(&self, at: &KeysAt) -> Result<Vec<u8>, Unanswered>;
}

/// Whose a cluster's token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The user, such as `system:serviceaccount:acme:deployer`.
    pub username: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// For whom the token is, of those that were asked about.
    pub audiences: Vec<String>,
}

/// Asks a cluster about tokens.
#[async_trait]
pub trait TokenReviewer: Send + Sync {
    /// Whose a token is; none for one that the cluster does not know, or that is for somebody else.
    ///
    /// # Errors
    /// [`Unanswered`].
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, Unanswered>;
}
