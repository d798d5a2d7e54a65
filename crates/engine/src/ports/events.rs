//! What has happened, in the order in which it did: for those who follow it.
//!
//! INVARIANT(no gaps): numbers rise in the order of commits, so that whoever has read up to one never misses what
//! comes with a lower one.

use async_trait::async_trait;
use tenantry_domain::config::DocumentKey;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;

use super::store::{Intervention, Owner, Stored};
use crate::scope::Scope;

/// How far two histories have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The last change of a document or intervention.
    pub change: u64,
    /// The last decision.
    pub decision: u64,
}

/// A revision that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revised {
    /// Which document.
    pub key: DocumentKey,
    /// Its new revision.
    pub number: u64,
    /// Who may write it from here on.
    pub owner: Owner,
    /// Who made it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// Whether it removed the document.
    pub removed: bool,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// A document.
    Document(Revised),
    /// What a person asks of a workload; empty when that was taken back.
    Intervention {
        /// Which workload.
        key: WorkloadKey,
        /// What is asked from here on.
        asked: Intervention,
    },
}

/// A change with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Its number over all changes.
    pub change: u64,
    /// What changed.
    pub what: Changed,
}

/// A decision without what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its number.
    pub id: u64,
    /// About which workload.
    pub key: WorkloadKey,
    /// When.
    pub at: Timestamp,
    /// By which cycle.
    pub generation: Generation,
    /// Size before; none when it could not be read.
    pub from: Option<Replicas>,
    /// Size asked for.
    pub to: Option<Replicas>,
    /// Whether it asked for a change.
    pub changes: bool,
    /// What became of it, as of now.
    pub outcome: Outcome,
}

/// Histories that can be followed.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// How far they have come; cheap, for polling.
    ///
    /// # Errors
    /// [`StoreError`](super::store::StoreError).
    async fn position(&self) -> Stored<Position>;

    /// Changes in scope after one, oldest first, at most `count`. Shared documents are told to the platform alone, as who
    /// changed them, and why, may name others; changes from before this was kept have no number and are not told.
    ///
    /// # Errors
    /// [`StoreError`](super::store::StoreError).
    async fn changes_after(&self, scope: &Scope, change: u64, count: u32) -> Stored<Vec<Noted>>;

    /// Decisions in scope after one, oldest first, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](super::store::StoreError).
    async fn decisions_after(&self, scope: &Scope, id: u64, count: u32) -> Stored<Vec<Decided>>;
}
