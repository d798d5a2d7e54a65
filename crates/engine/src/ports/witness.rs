//! Witnesses: others who watch over the root log, each with a key of its own.

use async_trait::async_trait;
use tenantry_audit::{Seen, Submission};
use thiserror::Error;

/// What a witness said to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witnessing {
    /// It cosigned: the lines of its signatures, not verified.
    Cosigned(String),
    /// It has seen another size last.
    Seen(u64),
    /// It does not take it for a log that goes on from what it has seen.
    Unproved(String),
    /// It refuses for another reason: it does not know the log, or its key.
    Refused(String),
}

/// A witness did not answer, or not in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Unheard {
    /// What happened.
    pub message: String,
}

/// A witness as its log sees it.
#[async_trait]
pub trait Witness: Send + Sync {
    /// Asks for a cosignature.
    ///
    /// # Errors
    /// [`Unheard`].
    async fn submit(&self, submission: &Submission) -> Result<Witnessing, Unheard>;
}

/// What a witness must not forget.
pub trait WitnessMemory: Send + Sync {
    /// What was cosigned last of a log.
    fn last(&self, origin: &str) -> Option<Seen>;

    /// Writes down what is cosigned of a log next, so that it outlasts a crash.
    ///
    /// # Errors
    /// [`Unheard`] when it could not: then nothing is cosigned.
    fn keep(&mut self, origin: &str, seen: Seen) -> Result<(), Unheard>;
}
