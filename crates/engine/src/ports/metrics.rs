//! Where load is measured.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use thiserror::Error;

use super::Retry;

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

/// A value of one series at one instant, as the source gave it: it may be no number, old, or absurd.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Whose it is.
    pub labels: Labels,
    /// The value in the query's unit.
    pub value: f64,
    /// When it was measured.
    pub at: Timestamp,
}

/// The answer to a query at an instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// One sample for each series.
    pub samples: Vec<Sample>,
    /// What the source warned of; not empty means that the answer may be partial.
    pub warnings: Vec<String>,
}

/// A series over a stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Whose it is.
    pub labels: Labels,
    /// Values with their instants, oldest first.
    pub points: Vec<(Timestamp, f64)>,
}

/// Why a source did not answer.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It could not be reached, or broke off.
    #[error("metrics source `{source_name}` could not be reached")]
    Unreachable {
        /// Which source.
        source_name: String,
        /// What the client said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("metrics source `{source_name}` did not answer within {limit}")]
    Timeout {
        /// Which source.
        source_name: String,
        /// How long was waited.
        limit: Span,
    },
    /// It refused the query or the caller.
    #[error("metrics source `{source_name}` refused the query (status {status}): {message}")]
    Refused {
        /// Which source.
        source_name: String,
        /// HTTP status.
        status: u16,
        /// The source's own words.
        message: String,
    },
    /// It answered something that is no answer, or more than is read.
    #[error("metrics source `{source_name}` gave an answer that cannot be read: {message}")]
    Garbled {
        /// Which source.
        source_name: String,
        /// What was wrong with it.
        message: String,
    },
}

impl SourceError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "T401",
            Self::Timeout { .. } => "T402",
            Self::Refused { .. } => "T403",
            Self::Garbled { .. } => "T404",
        }
    }

    /// Whether to ask again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => Retry::Later,
            Self::Refused { status, .. } if *status == 429 || *status >= 500 => Retry::Later,
            Self::Refused { .. } | Self::Garbled { .. } => Retry::Never,
        }
    }
}

/// Something that answers queries about load. One query serves all workloads; answers are matched by labels.
#[async_trait]
pub trait MetricsSource: Send + Sync {
    /// Its name in messages.
    fn name(&self) -> &str;

    /// The value of every series of `query` at `at`.
    ///
    /// # Errors
    /// [`SourceError`]; never an empty answer in place of an error.
    async fn instant(&self, query: &str, at: Timestamp) -> Result<Answer, SourceError>;

    /// The values of every series of `query` from `from` to `until`, one each `step`.
    ///
    /// # Errors
    /// [`SourceError`].
    async fn range(
        &self,
        query: &str,
        from: Timestamp,
        until: Timestamp,
        step: Span,
    ) -> Result<Vec<Series>, SourceError>;
}
