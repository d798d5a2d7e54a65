//! Policies and roles that were written over the built-in ones, in revisions.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;

use super::{Authorship, Stored, TokenRecord};
use crate::scope::Scope;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenKind {
    /// Policies.
    Policies,
    /// Declared roles.
    Roles,
}

impl fmt::Display for WrittenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policies => "policies",
            Self::Roles => "roles",
        })
    }
}

/// Whose, and what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WrittenKey {
    /// Of a tenant; none for the platform's, which are for all tenants.
    pub tenant: Option<TenantId>,
    /// What.
    pub kind: WrittenKind,
}

impl WrittenKey {
    /// Whether it may be touched in a scope.
    #[must_use]
    pub fn is_in(&self, scope: &Scope) -> bool {
        scope.only().is_none_or(|only| self.tenant.as_ref() == Some(only))
    }
}

impl fmt::Display for WrittenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            None => write!(f, "the platform's {}", self.kind),
            Some(tenant) => write!(f, "the {} of the tenant `{tenant}`", self.kind),
        }
    }
}

/// An immutable version of what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRevision {
    /// Whose, and what.
    pub key: WrittenKey,
    /// Counts from 1 for each key, without gaps.
    pub number: u64,
    /// Who made it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// What was written; none when this revision removes it.
    pub body: Option<String>,
}

/// A revision to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenChange {
    /// Whose, and what.
    pub key: WrittenKey,
    /// The number of the revision that it is based on; 0 where there is none.
    pub based_on: u64,
    /// What is written; none to remove it.
    pub body: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrote {
    /// It was made.
    Made(WrittenRevision),
    /// Somebody else was first; the last revision's number.
    Stale(u64),
}

/// Numbers that rise when something has changed; cheap, for each request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions {
    /// Of the configuration.
    pub config: u64,
    /// Of policies and roles.
    pub written: u64,
    /// Of tokens that were made or ended.
    pub tokens: u64,
}

/// Policies and roles. INVARIANT(tenant first): the key of a row begins with whose it is.
#[async_trait]
pub trait WrittenStore: Send + Sync {
    /// Makes a revision, unless it is not based on the last one.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn write(&self, change: &WrittenChange, by: &Authorship) -> Stored<Wrote>;

    /// Revisions in scope, newest first, those under `before` when given, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn written_history(
        &self,
        scope: &Scope,
        key: &WrittenKey,
        before: Option<u64>,
        count: u32,
    ) -> Stored<Vec<WrittenRevision>>;

    /// The last revision of everything in scope that was not removed, ordered by whose it is, the platform's first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn all_written(&self, scope: &Scope) -> Stored<Vec<WrittenRevision>>;

    /// The last revisions of what speaks of a tenant: the tenant's own and the platform's, removals included. In no scope:
    /// the gate asks before it is known who may see them.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn written_about(&self, tenant: Option<&TenantId>) -> Stored<Vec<WrittenRevision>>;

    /// As [`written_about`](Self::written_about), their numbers only.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn written_numbers(&self, tenant: Option<&TenantId>) -> Stored<Vec<(WrittenKey, u64)>>;

    /// Tokens that are live and hold a declared role of one of these names: in a tenant, or in any.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn holders(&self, tenant: Option<&TenantId>, roles: &[&str], now: Timestamp) -> Stored<Vec<TokenRecord>>;

    /// Whether something has changed.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn versions(&self) -> Stored<Versions>;
}
