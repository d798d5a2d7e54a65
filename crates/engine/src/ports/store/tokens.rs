//! API tokens, as they are remembered: without what is secret of them.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_policy::access::{Binding, Principal};
use thiserror::Error;

use super::{Authorship, ConfigStore, Stored, WrittenStore};
use crate::scope::Scope;

/// Characters of a key id.
pub const KEY_ID_LENGTH: usize = 12;

/// The part of a token that names it, and is no secret: lower-case letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// Why a text is not a key id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no id of a token: it has {KEY_ID_LENGTH} lower-case letters and digits, see `tenantry token list`"
)]
pub struct KeyIdError {
    /// What was given, cut to a readable length.
    pub text: String,
}

impl KeyId {
    /// Checks `text` and makes the id.
    ///
    /// # Errors
    /// [`KeyIdError`] when it has another length or other characters.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyIdError> {
        let text = text.into();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if text.len() == KEY_ID_LENGTH && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(KeyIdError { text: text.chars().take(2 * KEY_ID_LENGTH).collect() })
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyIdError;

    fn try_from(text: String) -> Result<Self, KeyIdError> {
        Self::new(text)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

/// SHA-256 of a token's secret. Prints nothing of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// A token as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its id.
    pub id: KeyId,
    /// Whose it is; none for the platform's own. A tenant's holds roles in that tenant only.
    pub tenant: Option<TenantId>,
    /// What it is for, in its maker's words.
    pub name: String,
    /// What it may be used as.
    pub bindings: Vec<Binding>,
    /// What its secret must hash to.
    pub hash: SecretHash,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself; none for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; none before its first use.
    pub last_used_at: Option<Timestamp>,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// Why glass was broken, for a token that was made so.
    pub glass: Option<String>,
}

impl TokenRecord {
    /// Who asks by it.
    #[must_use]
    pub fn principal(&self) -> Principal {
        let (kind, glass) = if self.glass.is_some() { ("break-glass", true) } else { ("token", false) };
        Principal { id: format!("{kind}:{}", self.id), bindings: self.bindings.clone(), glass }
    }

    /// Whether it opens anything at that instant.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Tokens. INVARIANT(tenant first): the key of a row begins with whose it is, so that no tenant's token can stand in the
/// way of another's.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Adds a token.
    ///
    /// # Errors
    /// [`StoreError::Refused`](super::StoreError::Refused) when its owner has one of that id.
    async fn create_token(&self, token: &TokenRecord) -> Stored<()>;

    /// Adds a token when none was ever added; says whether it did. Of several that try at once, one does.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn create_first_token(&self, token: &TokenRecord) -> Stored<bool>;

    /// The tokens that have an id, in no scope: who presents one is not known yet. More than one only if two tenants
    /// ever drew the same.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn tokens_by_id(&self, id: &KeyId) -> Stored<Vec<TokenRecord>>;

    /// Tokens in scope, newest first, at most `count`; after the one given, for the next page. A tenant's scope holds
    /// the tenant's own.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn tokens(&self, scope: &Scope, after: Option<&TokenRecord>, count: u32) -> Stored<Vec<TokenRecord>>;

    /// Ends a token in scope, from the next use on; returns it, or none when there is no such token in scope. One that
    /// was ended before stays as it is.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn revoke_token(&self, scope: &Scope, id: &KeyId, by: &Authorship) -> Stored<Option<TokenRecord>>;

    /// Tokens in scope that are live and were made by breaking glass, newest first.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn tokens_of_glass(&self, scope: &Scope, now: Timestamp) -> Stored<Vec<TokenRecord>>;

    /// Tokens in scope that were made by one of these makers, as `created_by` names them; ended ones
    /// are among them.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn tokens_made_by(&self, scope: &Scope, makers: &[String]) -> Stored<Vec<TokenRecord>>;

    /// Notes that a token was used; never moves the instant back.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    async fn touch_token(&self, tenant: Option<&TenantId>, id: &KeyId, at: Timestamp) -> Stored<()>;
}

/// What deciding who may do what needs of a store.
pub trait AccessStore: ConfigStore + TokenStore + WrittenStore {}

impl<T: ConfigStore + TokenStore + WrittenStore> AccessStore for T {}
