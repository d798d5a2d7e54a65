//! Where things are remembered. Rows carry bodies that the store does not read: what they mean is the engine's.
//!
//! INVARIANT(durable): when a method that writes has returned `Ok`, the write survives the loss of the process, of
//! power, and of room on the disk; when it has not, nothing of it is ever seen.

pub mod audit;
mod tokens;
mod written;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
pub use tenantry_domain::config::DocumentKey;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::snapshot::{Override, Pause};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use thiserror::Error;
pub use tokens::{AccessStore, KEY_ID_LENGTH, KeyId, KeyIdError, SecretHash, TokenRecord, TokenStore};
pub use written::{Versions, WrittenChange, WrittenKey, WrittenKind, WrittenRevision, WrittenStore, Wrote};

use super::Retry;
use crate::scope::Scope;

/// Who may write a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The command line and the API.
    Api,
    /// A watched folder; its name as the server was given it.
    Folder(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api => f.write_str("the command line and API"),
            Self::Folder(folder) => write!(f, "the folder {folder}"),
        }
    }
}

/// An immutable version of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Which document.
    pub key: DocumentKey,
    /// Counts from 1 for each document, without gaps.
    pub number: u64,
    /// Who may write the document from here on.
    pub owner: Owner,
    /// Who made it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The document; none when this revision removes it.
    pub body: Option<String>,
    /// Digest of the body's canonical form; empty when there is none.
    pub digest: String,
}

/// A revision to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which document.
    pub key: DocumentKey,
    /// The number of the revision it is based on; 0 for a document that is not there yet.
    pub based_on: u64,
    /// Who may write the document from here on.
    pub owner: Owner,
    /// The document; none to remove it.
    pub body: Option<String>,
    /// Digest of the body's canonical form; empty when there is none.
    pub digest: String,
}

/// Who makes changes, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorship {
    /// Who.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// A decision as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Rises with each record; unique in the store. 0 until stored.
    pub id: u64,
    /// About which workload.
    pub key: WorkloadKey,
    /// When it was made.
    pub at: Timestamp,
    /// By which cycle.
    pub generation: Generation,
    /// Size before; none when it could not be read.
    pub from: Option<Replicas>,
    /// Size asked for; the same as before for a hold.
    pub to: Option<Replicas>,
    /// SHA-256 of the inputs, lower-case hexadecimal.
    pub inputs_digest: String,
    /// Spec and snapshot as JSON: all that is needed to make the decision again.
    pub inputs: String,
    /// Plan and report as JSON.
    pub planned: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl DecisionRecord {
    /// Whether it asked for a change: of the size, or at a size that stays of what its containers request.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.from != self.to || (self.from.is_some() && self.outcome != Outcome::Held)
    }
}

/// Which decisions to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Of this workload only.
    pub key: Option<WorkloadKey>,
    /// Only those that asked for a change.
    pub changes_only: bool,
    /// Only those older than this record; for the next page.
    pub before: Option<u64>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
}

/// How long decisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Holds older than this go.
    pub holds_before: Timestamp,
    /// Changes older than this go.
    pub changes_before: Timestamp,
    /// At most so many records are kept for a workload, newest first.
    pub records_per_workload: u64,
}

/// What a person asked of a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervention {
    /// A size set by hand.
    pub manual: Option<Override>,
    /// A stop.
    pub pause: Option<Pause>,
}

/// A blob that lets a restart be warm: a forecasting model, a planner's memory, the last known state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which workload.
    pub key: WorkloadKey,
    /// What it is, such as `model/request_rate`, `memory` or `status`.
    pub part: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// As of when.
    pub at: Timestamp,
}

/// Why a store did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Somebody else changed the document first.
    #[error("{key} is at revision {found}, and the change was based on revision {based_on}; read it again and repeat")]
    Stale {
        /// Which document.
        key: DocumentKey,
        /// What the change was based on.
        based_on: u64,
        /// What it is at.
        found: u64,
    },
    /// The document is written from somewhere else.
    #[error(
        "{key} is written by {owner}, and cannot be changed from elsewhere; change it there, or hand it over first"
    )]
    Owned {
        /// Which document.
        key: DocumentKey,
        /// Who may write it.
        owner: Owner,
    },
    /// The store is for a newer Tenantry.
    #[error(
        "the store is at schema version {found}, and this program knows versions up to {known}; use a newer program"
    )]
    TooNew {
        /// The store's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The store could not be opened.
    #[error("could not open the store at `{place}`: {message}")]
    Open {
        /// Where, without secrets.
        place: String,
        /// What the driver said.
        message: String,
    },
    /// What was to be filled holds something.
    #[error(
        "{place} holds something already; a restore needs an empty place: name another, or move away what is there"
    )]
    NotEmpty {
        /// Where, without secrets.
        place: String,
    },
    /// There is no room.
    #[error("the store has no room left while trying to {action}; nothing was written")]
    Full {
        /// What was attempted.
        action: &'static str,
    },
    /// It is not there, or broke off.
    #[error("the store did not answer while trying to {action}")]
    Unavailable {
        /// What was attempted.
        action: &'static str,
        /// What the driver said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is there and will not do it.
    #[error("the store refused to {action}: {message}")]
    Refused {
        /// What was attempted.
        action: &'static str,
        /// Why, and what to do.
        message: String,
    },
    /// What it is sealed with is not there, or is not the right key.
    #[error("the store cannot {action}: {message}")]
    Keys {
        /// What was attempted.
        action: &'static str,
        /// What is wrong, and what to do.
        message: String,
        /// Under which code it is described.
        code: &'static str,
        /// Whether the same may go well later.
        passes: bool,
    },
    /// What was read is not what was written.
    #[error("the store holds something unreadable where {action} looked: {message}")]
    Corrupt {
        /// What was attempted.
        action: &'static str,
        /// What was wrong.
        message: String,
    },
}

impl StoreError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "T105",
            Self::Owned { .. } => "T102",
            Self::TooNew { .. } => "T201",
            Self::Open { .. } => "T202",
            Self::NotEmpty { .. } => "T1108",
            Self::Full { .. } => "T203",
            Self::Unavailable { .. } => "T204",
            Self::Refused { .. } => "T205",
            Self::Keys { code, .. } => code,
            Self::Corrupt { .. } => "T206",
        }
    }

    /// Whether to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Stale { .. } => Retry::AfterChange,
            Self::Full { .. } | Self::Unavailable { .. } | Self::Keys { passes: true, .. } => Retry::Later,
            Self::Owned { .. }
            | Self::TooNew { .. }
            | Self::Open { .. }
            | Self::NotEmpty { .. }
            | Self::Refused { .. }
            | Self::Keys { .. }
            | Self::Corrupt { .. } => Retry::Never,
        }
    }
}

/// Result of a store's method.
pub type Stored<T> = Result<T, StoreError>;

/// Documents and their revisions.
#[async_trait]
pub trait ConfigStore: Send + Sync {
    /// Makes revisions: all of them, or none. Returns them in the order of `changes`; a later one of the same document
    /// is based on the earlier one's number.
    ///
    /// A document that is there belongs to its owner. Another owner gets it by a revision that has the same digest and
    /// changes nothing but the owner, or after it was removed.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when one is not based on the document's last revision, [`StoreError::Owned`] when it is
    /// not the owner's.
    async fn revise(&self, changes: &[Change], by: &Authorship) -> Stored<Vec<Revision>>;

    /// The last revision of each document in scope that was not removed, ordered by key. Tiers, regions and defaults
    /// are in every scope; other tenants are not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn documents(&self, scope: &Scope) -> Stored<Vec<Revision>>;

    /// The last revision of one document, a removal included.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn head(&self, scope: &Scope, key: &DocumentKey) -> Stored<Option<Revision>>;

    /// Revisions of a document, newest first, those under `before` when given, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn history(&self, scope: &Scope, key: &DocumentKey, before: Option<u64>, count: u32)
    -> Stored<Vec<Revision>>;

    /// Whether what is kept of each tenant is sealed with a key-encryption key of its own.
    fn keys_of_their_own(&self) -> bool {
        true
    }

    /// A number that is another one whenever any document or intervention has changed; cheap, for polling.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn config_version(&self) -> Stored<u64>;

    /// Documents that changed after a version, each once; none when there are more than `most` or it cannot be told, and
    /// whoever follows reads all of them anew. Names only: nothing of what they say.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn changed_since(&self, version: u64, most: u32) -> Stored<Option<Vec<DocumentKey>>>;
}

/// Decisions, interventions, and what lets a restart be warm.
#[async_trait]
pub trait ControlStore: Send + Sync {
    /// Adds records and gives them ids, in order; all or none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn record(&self, decisions: &[DecisionRecord]) -> Stored<Vec<u64>>;

    /// Settles outcomes of earlier changes; all or none. Records that are gone and holds are passed over, and the last of
    /// several outcomes for one record counts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn settle(&self, outcomes: &[(u64, Outcome)]) -> Stored<()>;

    /// Decisions in scope, newest first, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn decisions(&self, scope: &Scope, filter: &DecisionFilter, count: u32) -> Stored<Vec<DecisionRecord>>;

    /// Removes what is too old or too much; returns how many records went.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn prune(&self, retention: &Retention) -> Stored<u64>;

    /// Sets what a person asked of a workload; an empty one clears it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn intervene(&self, key: &WorkloadKey, intervention: &Intervention, by: &Authorship) -> Stored<()>;

    /// What people asked, in scope, ordered by key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn interventions(&self, scope: &Scope) -> Stored<Vec<(WorkloadKey, Intervention)>>;

    /// Keeps blobs, replacing those of the same workload and part; an empty one goes away. All or none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keep(&self, kept: &[Kept]) -> Stored<()>;

    /// Kept blobs in scope whose part begins with `part`, ordered by key and part.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn kept(&self, scope: &Scope, part: &str) -> Stored<Vec<Kept>>;

    /// Takes or renews a named lease until `until`: its epoch when held by `holder`, none while another holds it.
    /// The epoch rises by one whenever the holder changes, and when a lease that was given up is taken again.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lease(&self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> Stored<Option<u64>>;

    /// Gives a lease up if `holder` holds it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release(&self, name: &str, holder: &str) -> Stored<()>;
}

/// Both halves of a store.
pub trait Store: ConfigStore + ControlStore {}

impl<T: ConfigStore + ControlStore> Store for T {}
