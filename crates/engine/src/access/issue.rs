//! Making, listing and ending API tokens.

use std::sync::Arc;

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_policy::access::{Binding, Role};
use thiserror::Error;

use super::Presented;
use crate::ports::Retry;
use crate::ports::store::{AccessStore, Authorship, KeyId, StoreError, TokenRecord};
use crate::scope::Scope;

/// Longest name of a token, in characters.
const NAME_LENGTH_MAX: usize = 100;
/// Most roles of a token.
const BINDINGS_MAX: usize = 32;

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whose it is to be; none for the platform's own.
    pub tenant: Option<TenantId>,
    /// What it is for.
    pub name: String,
    /// What it may be used as.
    pub bindings: Vec<Binding>,
    /// How long it lives; none for until it is revoked.
    pub lives: Option<Span>,
}

/// A token that was made. What opens is in it, and cannot be had again.
#[derive(Debug)]
pub struct Issued {
    /// As it is remembered.
    pub record: TokenRecord,
    /// As it is presented.
    pub token: Presented,
}

/// Why a token was not made or ended.
#[derive(Debug, Error)]
pub enum TokensError {
    /// It cannot be made so.
    #[error("the token was not made: {why}")]
    Unfit {
        /// What is wrong and what to do.
        why: String,
    },
    /// There is none, as far as the asker may see.
    #[error("there is no token `{id}`; `tenantry token list` lists those that are")]
    NoToken {
        /// Which.
        id: KeyId,
    },
    /// Who asks would be ended with it.
    #[error("the token that you use was made by `{id}`, and would end with it; keep what it made, or use another")]
    EndsOwn {
        /// Which.
        id: KeyId,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoChance(#[source] getrandom::Error),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TokensError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unfit { .. } => "T703",
            Self::NoToken { .. } => "T704",
            Self::EndsOwn { .. } => "T713",
            Self::NoChance(_) => "T705",
            Self::Store(error) => error.code(),
        }
    }

    /// Whether to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Unfit { .. } | Self::NoToken { .. } | Self::EndsOwn { .. } => Retry::Never,
            Self::NoChance(_) => Retry::Later,
            Self::Store(error) => error.retry(),
        }
    }
}

/// The use cases of tokens. The scope says whose may be touched; whether the asker may at all is the gate's to say.
#[derive(Clone)]
pub struct Tokens {
    pub(super) store: Arc<dyn AccessStore>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Over a store.
    #[must_use]
    pub fn new(store: Arc<dyn AccessStore>) -> Self {
        Self { store }
    }

    /// Checks what is asked without making it.
    ///
    /// # Errors
    /// [`TokensError::Unfit`].
    pub fn check(scope: &Scope, asked: &Asked) -> Result<(), TokensError> {
        let unfit = |why: String| Err(TokensError::Unfit { why });
        // INVARIANT(no more than one's own): what a tenant makes opens nothing beyond the tenant.
        if let Some(only) = scope.only()
            && asked.tenant.as_ref() != Some(only)
        {
            return unfit(format!("here only tokens of the tenant `{only}` can be made"));
        }
        if let Some(tenant) = &asked.tenant
            && let Some(beyond) = asked.bindings.iter().find(|binding| binding.tenant() != Some(tenant))
        {
            return unfit(format!("a token of the tenant `{tenant}` cannot be {beyond}"));
        }
        if asked.bindings.is_empty() || asked.bindings.len() > BINDINGS_MAX {
            return unfit(format!("it needs 1 to {BINDINGS_MAX} roles"));
        }
        let length = asked.name.chars().count();
        if asked.name.trim().is_empty() || length > NAME_LENGTH_MAX || asked.name.chars().any(char::is_control) {
            return unfit(format!(
                "its name needs 1 to {NAME_LENGTH_MAX} characters, and may hold no control characters"
            ));
        }
        if asked.lives.is_some_and(|lives| lives.as_millis() == 0) {
            return unfit("it would end before its first use; say how long it is to live".to_owned());
        }
        Ok(())
    }

    /// Makes a token.
    ///
    /// # Errors
    /// [`TokensError`].
    pub async fn create(&self, scope: &Scope, asked: Asked, by: &str, now: Timestamp) -> Result<Issued, TokensError> {
        Self::check(scope, &asked)?;
        self.check_roles(&asked).await?;
        let issued = draw(asked, by, now)?;
        self.store.create_token(&issued.record).await?;
        Ok(issued)
    }

    /// First start: where no token was ever made, makes one that may do everything, and never ends by itself. None where
    /// there is or was one. What is returned is to be shown once; there is no default password.
    ///
    /// # Errors
    /// [`TokensError`].
    pub async fn bootstrap(&self, now: Timestamp) -> Result<Option<Issued>, TokensError> {
        let role = Binding::new(Role::PlatformAdmin, None);
        let bindings =
            role.map(|binding| vec![binding]).map_err(|error| TokensError::Unfit { why: error.to_string() })?;
        let asked = Asked { tenant: None, name: "first start".to_owned(), bindings, lives: None };
        let issued = draw(asked, "first start", now)?;
        Ok(self.store.create_first_token(&issued.record).await?.then_some(issued))
    }

    /// Tokens, newest first, at most `count`; after the one given, for the next page.
    ///
    /// # Errors
    /// [`TokensError`].
    pub async fn list(
        &self,
        scope: &Scope,
        after: Option<&TokenRecord>,
        count: u32,
    ) -> Result<Vec<TokenRecord>, TokensError> {
        Ok(self.store.tokens(scope, after, count).await?)
    }

    /// Ends a token, from the next request on.
    ///
    /// # Errors
    /// [`TokensError`].
    pub async fn revoke(&self, scope: &Scope, id: &KeyId, by: &Authorship) -> Result<TokenRecord, TokensError> {
        let revoked = self.store.revoke_token(scope, id, by).await?;
        revoked.ok_or_else(|| TokensError::NoToken { id: id.clone() })
    }
}

pub(super) fn draw(asked: Asked, by: &str, now: Timestamp) -> Result<Issued, TokensError> {
    let token = Presented::draw().map_err(TokensError::NoChance)?;
    let Asked { tenant, name, mut bindings, lives } = asked;
    bindings.sort();
    bindings.dedup();
    let record = TokenRecord {
        id: token.id().clone(),
        tenant,
        name,
        bindings,
        hash: token.hash(),
        created_by: by.to_owned(),
        created_at: now,
        expires_at: lives.map(|lives| now + lives),
        last_used_at: None,
        revoked_at: None,
        glass: None,
    };
    Ok(Issued { record, token })
}
