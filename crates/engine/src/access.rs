//! The access gate: who a caller is, and whether they may. `TenantSecurityManager`'s shell.
//!
//! INVARIANT(closed): whatever cannot be known or decided refuses.
//! INVARIANT(no oracle): what a caller is told of a tenant that none of their roles reaches is the same whether there
//! is one or not; nothing is read about it either, so that time does not tell.

mod asking;
mod gate;
mod glass;
pub mod identity;
mod issue;
mod known;
mod maker;
mod remembered;
mod sets;
mod token;
mod writing;

use std::fmt;

use tenantry_domain::config::DocumentKey;
use tenantry_domain::id::{TenantId, WorkloadKey};
use thiserror::Error;

pub use asking::{Answered, supposed};
pub use gate::{Admission, Caller, Explained, Gate};
pub use glass::{Breaking, GLASS_MAX, Glass, GlassError};
pub use issue::{Asked, Issued, Tokens, TokensError};
pub use maker::{Ends, LIVES_USUALLY};
pub use tenantry_policy::access::{
    Action, ActionError, Binding, BindingError, Circumstances, DeclaredError, DeclaredName, DeclaredRole,
    DeclaredRoles, Kind, Listed, Principal, Reach, Resource, Rewrite, Role, RoleError, RoleName, RoleNameError,
    RuleSet, Rules, RulesError, Shared, Sizes, TenantFacts, Verdict, Written, WrittenError, cases,
};
pub use token::{Presented, masked};
pub use writing::{Applied, Body, Writing, WritingError};

use crate::ports::Retry;
use crate::ports::store::StoreError;

/// What a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// What all tenants share, and all tenants at once.
    Platform,
    /// A tenant.
    Tenant(TenantId),
    /// A workload.
    Workload(WorkloadKey),
}

impl Target {
    /// Whose it is; none for the platform's.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Platform => None,
            Self::Tenant(tenant) => Some(tenant),
            Self::Workload(key) => Some(&key.tenant),
        }
    }
}

impl From<&DocumentKey> for Target {
    fn from(key: &DocumentKey) -> Self {
        match key {
            DocumentKey::Tenant(tenant) => Self::Tenant(tenant.clone()),
            DocumentKey::Defaults | DocumentKey::Tier(_) | DocumentKey::Region(_) => Self::Platform,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("the platform"),
            Self::Tenant(tenant) => write!(f, "tenant `{tenant}`"),
            Self::Workload(key) => write!(f, "workload `{key}`"),
        }
    }
}

/// Why somebody was not let through.
#[derive(Debug, Error)]
pub enum AccessError {
    /// It is not known who asks. The same for a token that is unknown, expired, revoked or misspelt.
    #[error("the token is not valid: it is unknown, ended or misspelt; ask for another")]
    Unauthenticated,
    /// They may not. Says nothing of whether the target is there.
    #[error("`{principal}` may not {action} on {target}{}", because(.policies, .says))]
    Refused {
        /// Who asked.
        principal: String,
        /// For what.
        action: Action,
        /// On what, in the request's own words.
        target: Target,
        /// Which policies forbid it; none where nothing permits it, and none where the caller's roles do not reach.
        policies: Vec<String>,
        /// What the walls among them say. What is written over those is not told to whom it stops.
        says: Vec<String>,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn because(policies: &[String], says: &[String]) -> String {
    let said = if says.is_empty() { String::new() } else { format!(" ({})", says.join("; ")) };
    if policies.is_empty() { String::new() } else { format!(": forbidden by {}{said}", policies.join(", ")) }
}

impl AccessError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "T701",
            Self::Refused { .. } => "T702",
            Self::Store(error) => error.code(),
        }
    }

    /// Whether to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Unauthenticated | Self::Refused { .. } => Retry::Never,
            Self::Store(error) => error.retry(),
        }
    }
}
