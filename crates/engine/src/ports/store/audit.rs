//! Logs of what was done: a tenant's, and the platform's own.
//!
//! INVARIANT(no change without a record): what a store changes for somebody, it writes down in the same transaction.

pub mod cursors;
pub mod pruning;
pub mod roots;

use std::collections::BTreeMap;

use async_trait::async_trait;
use tenantry_audit::{Detail, Entry, Hash, Outcome};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;

use super::{Authorship, Stored};
use crate::scope::Scope;

/// Whose log; none for the platform's.
pub type LogOf = Option<TenantId>;

/// Something that was done or refused, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// In whose log.
    pub log: LogOf,
    /// Who.
    pub actor: String,
    /// From where, where it is known.
    pub from: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What, such as `config.revise`.
    pub action: &'static str,
    /// To what, such as `tenant/acme`.
    pub resource: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in the words of who did it.
    pub reason: String,
    /// The request that it came with.
    pub request: Option<String>,
    /// Policies that decided.
    pub policies: Vec<String>,
    /// Digest of what was there before.
    pub before: Option<String>,
    /// Digest of what was there after.
    pub after: Option<String>,
    /// What else there is to tell, such as the document: kept beside the entry, where it can be erased.
    pub details: BTreeMap<String, String>,
}

impl Deed {
    /// Something that was done by somebody; what it was is for the caller to say.
    #[must_use]
    pub fn done(log: LogOf, by: &Authorship, resource: String) -> Self {
        Self {
            log,
            actor: by.author.clone(),
            from: None,
            at: by.at,
            action: "",
            resource,
            outcome: Outcome::Done,
            reason: by.reason.clone(),
            request: None,
            policies: Vec::new(),
            before: None,
            after: None,
            details: BTreeMap::new(),
        }
    }
}

/// How far a log has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// Whose.
    pub log: LogOf,
    /// How many entries it has.
    pub entries: u64,
    /// How many of them are sealed: hashed into the tree, and signed for.
    pub sealed: u64,
    /// How many of those were pruned: the first.
    pub pruned: u64,
    /// Why nothing of it may be pruned, where that is so.
    pub held: Option<String>,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place in the log.
    pub seq: u64,
    /// Its bytes.
    pub entry: Vec<u8>,
    /// Its details; none where there are none, or where they were erased.
    pub detail: Option<Detail>,
    /// When it is indexed.
    pub at: Timestamp,
    /// Under which actor.
    pub actor: String,
    /// Under which action.
    pub action: String,
}

impl Logged {
    /// Whether it is indexed as the entry that it is.
    #[must_use]
    pub fn is_indexed_as(&self, entry: &Entry) -> bool {
        (self.seq, self.at, &self.actor, &self.action) == (entry.seq, entry.at, &entry.actor, &entry.action)
    }
}

/// Which entries to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// By this actor.
    pub actor: Option<String>,
    /// Of this action, or of those that begin with it and a dot.
    pub action: Option<String>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Only those with a lower place; for the next page.
    pub before: Option<u64>,
}

/// What is added to a log's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Whose log.
    pub log: LogOf,
    /// How many entries were sealed before; another number there means that somebody else has sealed it.
    pub from: u64,
    /// How many are sealed with it.
    pub size: u64,
    /// The new hashes with their places.
    pub hashes: Vec<(u64, Hash)>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// The logs.
#[async_trait]
pub trait AuditStore: roots::RootStore + cursors::CursorStore + pruning::PruningStore {
    /// Writes deeds down by themselves: refusals, and what was read. What changes the store is written by what changes it.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn note(&self, deeds: &[Deed]) -> Stored<()>;

    /// The logs in scope, ordered by tenant, the platform's first. A tenant's scope has its own alone.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn logs(&self, scope: &Scope) -> Stored<Vec<LogHead>>;

    /// Logs with entries that are not sealed, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn unsealed(&self, count: u32) -> Stored<Vec<LogHead>>;

    /// Entries of a log from `from` on, in order, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn entries(&self, log: &LogOf, from: u64, count: u32) -> Stored<Vec<Logged>>;

    /// Entries of a log that a filter lets through, newest first, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn search(&self, log: &LogOf, filter: &LogFilter, count: u32) -> Stored<Vec<Logged>>;

    /// Hashes of a log's tree at some places, with them; those that are not there are left out.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn hashes(&self, log: &LogOf, places: &[u64]) -> Stored<Vec<(u64, Hash)>>;

    /// Signed checkpoints of a log, oldest first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn checkpoints(&self, log: &LogOf) -> Stored<Vec<String>>;

    /// Adds to logs' trees, of each log once; says of each whether it did, which it does not where somebody else was first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError); nothing was added then.
    async fn seal(&self, seals: &[Seal]) -> Stored<Vec<bool>>;
}
