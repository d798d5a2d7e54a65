//! The port behind which key-encryption keys are.

use std::fmt;

use async_trait::async_trait;
use tenantry_domain::id::TenantId;

use crate::bound::Bound;
use crate::error::KeyError;
use crate::secret::Secret;

/// Whose keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The platform's own: tiers, regions, defaults.
    Platform,
    /// A tenant's.
    Tenant(TenantId),
}

impl Owner {
    /// From the name that rows have: a tenant's id, or nothing for the platform.
    ///
    /// # Errors
    /// A name that no tenant can have.
    pub fn of_row(name: &str) -> Result<Self, tenantry_domain::id::NameError> {
        if name.is_empty() { Ok(Self::Platform) } else { TenantId::new(name).map(Self::Tenant) }
    }

    /// The name that rows have.
    #[must_use]
    pub fn row(&self) -> &str {
        match self {
            Self::Platform => "",
            Self::Tenant(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Tenant(id) => write!(f, "tenant/{id}"),
        }
    }
}

/// A data key, sealed with a key-encryption key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Which of its owner's key-encryption keys; a later one has another number.
    pub version: i64,
    /// The data key, sealed.
    pub bytes: Vec<u8>,
}

/// Who holds key-encryption keys, seals data keys with them and opens them again.
///
/// What is sealed for one owner and [`Bound`] never opens for another. A key of an owner that has none is made when
/// something is first sealed for them.
#[async_trait]
pub trait KeyProvider: fmt::Debug + Send + Sync {
    /// Where the keys are, in words, without anything secret.
    fn place(&self) -> String;

    /// Whether each owner has a key of their own here, which can be destroyed. Where not, a copy of the database from before
    /// can be read for as long as the one key exists.
    fn holds_one_each(&self) -> bool;

    /// Makes keys for those owners that have none, before something is sealed for each: where that is dear, all at once.
    ///
    /// # Errors
    /// [`KeyError`].
    async fn prepare(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        Ok(())
    }

    /// Seals a data key with its owner's newest key, which is made when there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    async fn wrap(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError>;

    /// Opens a data key.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::Wrong`], [`KeyError::Destroyed`] and others.
    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped, bound: &Bound) -> Result<Secret, KeyError>;

    /// The number of an owner's newest key; none when they have none.
    ///
    /// # Errors
    /// [`KeyError`].
    async fn newest(&self, owner: &Owner) -> Result<Option<i64>, KeyError>;

    /// Makes a newer key for each of some owners, with which is sealed from now on. Where keys are made by people, nothing is
    /// done.
    ///
    /// # Errors
    /// [`KeyError`].
    async fn renew(&self, owners: &[Owner]) -> Result<(), KeyError>;

    /// Destroys all keys of some owners but their newest. Only for when nothing is sealed with them any more.
    ///
    /// # Errors
    /// [`KeyError`].
    async fn retire(&self, owners: &[Owner]) -> Result<(), KeyError>;

    /// Destroys all keys of an owner: what they sealed can be read by nobody any more, in no copy. Says whether there was
    /// any; where owners have no keys of their own, nothing is done.
    ///
    /// # Errors
    /// [`KeyError`].
    async fn destroy(&self, owner: &Owner) -> Result<bool, KeyError>;
}
