//! Breaking glass: rights for a short while that somebody does not have otherwise, with a reason and in plain sight.
//!
//! INVARIANT(short): it ends by itself, at most so long after it began as the server allows, and makes nothing that
//! outlives it (`wall.glass`).
//! INVARIANT(seen): the tenant's log and the platform's both tell of it, and every act done under it is told with its id
//! and reason.

use std::sync::Arc;

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_policy::access::{Binding, Role};
use thiserror::Error;

use super::issue::{Asked, Issued, TokensError, draw};
use crate::ports::Retry;
use crate::ports::store::{AccessStore, Authorship, KeyId, StoreError, TokenRecord};
use crate::scope::Scope;

/// How long glass stays broken at most, unless a server is told otherwise.
pub const GLASS_MAX: Span = Span::from_secs(4 * 3600);
/// Longest reason, in bytes.
const REASON_MAX: usize = 500;

/// Glass to be broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaking {
    /// In which tenant, as its administrator; none for the whole platform, as its administrator.
    pub tenant: Option<TenantId>,
    /// Why.
    pub reason: String,
    /// For how long.
    pub lives: Span,
}

/// Why glass was not broken, or not mended.
#[derive(Debug, Error)]
pub enum GlassError {
    /// It cannot be so.
    #[error("no glass was broken: {why}")]
    Unfit {
        /// What is wrong and what to do.
        why: String,
    },
    /// There is none of that id, as far as the asker may see.
    #[error("there is no broken glass `{id}`; `tenantry break-glass list` lists what there is")]
    None {
        /// Which.
        id: KeyId,
    },
    /// No token could be made.
    #[error(transparent)]
    Token(#[from] TokensError),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GlassError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unfit { .. } => "T711",
            Self::None { .. } => "T712",
            Self::Token(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whether to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Unfit { .. } | Self::None { .. } => Retry::Never,
            Self::Token(error) => error.retry(),
            Self::Store(error) => error.retry(),
        }
    }
}

/// The use cases of broken glass. Whether the asker may is the gate's to say.
#[derive(Clone)]
pub struct Glass {
    store: Arc<dyn AccessStore>,
    lives_max: Span,
}

impl std::fmt::Debug for Glass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Glass").field("lives_max", &self.lives_max).finish_non_exhaustive()
    }
}

impl Glass {
    /// Over a store; glass stays broken for `lives_max` at most.
    #[must_use]
    pub fn new(store: Arc<dyn AccessStore>, lives_max: Span) -> Self {
        Self { store, lives_max }
    }

    /// Checks what is asked, without breaking anything.
    ///
    /// # Errors
    /// [`GlassError::Unfit`].
    pub fn check(&self, breaking: &Breaking) -> Result<(), GlassError> {
        let unfit = |why: String| Err(GlassError::Unfit { why });
        let reason = &breaking.reason;
        if reason.trim().is_empty() || reason.len() > REASON_MAX || reason.chars().any(char::is_control) {
            return unfit(format!("say why, in at most {REASON_MAX} bytes and without control characters"));
        }
        if breaking.lives.as_millis() == 0 || breaking.lives > self.lives_max {
            return unfit(format!("it lasts longer than nothing and at most {}", self.lives_max));
        }
        Ok(())
    }

    /// Breaks glass: gives a token that opens more than its maker may open otherwise, and ends by itself.
    ///
    /// # Errors
    /// [`GlassError`].
    pub async fn begin(&self, breaking: Breaking, by: &str, now: Timestamp) -> Result<Issued, GlassError> {
        self.check(&breaking)?;
        let Breaking { tenant, reason, lives } = breaking;
        let role = if tenant.is_some() { Role::TenantAdmin } else { Role::PlatformAdmin };
        let binding = Binding::new(role, tenant.clone());
        let binding = binding.map_err(|error| GlassError::Unfit { why: error.to_string() })?;
        let asked = Asked { tenant, name: "break-glass".to_owned(), bindings: vec![binding], lives: Some(lives) };
        let mut issued = draw(asked, by, now)?;
        issued.record.glass = Some(reason);
        self.store.create_token(&issued.record).await?;
        Ok(issued)
    }

    /// Glass that is broken now, in scope, newest first.
    ///
    /// # Errors
    /// [`GlassError`].
    pub async fn list(&self, scope: &Scope, now: Timestamp) -> Result<Vec<TokenRecord>, GlassError> {
        Ok(self.store.tokens_of_glass(scope, now).await?)
    }

    /// Ends it before its time, from the next request on.
    ///
    /// # Errors
    /// [`GlassError::None`] where there is none that is broken.
    pub async fn end(&self, scope: &Scope, id: &KeyId, by: &Authorship) -> Result<TokenRecord, GlassError> {
        let broken = self.store.tokens_of_glass(scope, by.at).await?;
        if !broken.iter().any(|record| record.id == *id) {
            return Err(GlassError::None { id: id.clone() });
        }
        let ended = self.store.revoke_token(scope, id, by).await?;
        ended.ok_or_else(|| GlassError::None { id: id.clone() })
    }
}
