//! Answers that are kept for a while, so that a request which is sent twice is done once.

use async_trait::async_trait;
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;

use super::store::Stored;

/// A request that its caller gave a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The tenant that the caller belongs to; none for the platform's own people.
    pub tenant: Option<TenantId>,
    /// Who asks.
    pub caller: String,
    /// The key.
    pub key: String,
    /// Digest of all that the request says.
    pub digest: String,
    /// When it came.
    pub at: Timestamp,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// HTTP status.
    pub status: u16,
    /// Its entity tag, where it has one.
    pub tag: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Nobody has done it: the caller does.
    Yours,
    /// It is under way.
    UnderWay,
    /// It was done.
    Done(Given),
    /// The key stands for a request that says something else.
    Another,
}

/// Keeps answers by caller and key.
#[async_trait]
pub trait AnswerStore: Send + Sync {
    /// Takes the key, unless it is taken. Answers from before `forgotten` are gone, and so are requests from before
    /// `given_up` that were never answered.
    ///
    /// # Errors
    /// [`StoreError`](super::store::StoreError).
    async fn take_turn(&self, asked: &Keyed, forgotten: Timestamp, given_up: Timestamp) -> Stored<Turn>;

    /// Keeps the answer to a request whose turn was taken; without one the key is free again.
    ///
    /// # Errors
    /// [`StoreError`](super::store::StoreError).
    async fn end_turn(&self, asked: &Keyed, given: Option<&Given>) -> Stored<()>;

    /// Drops answers from before an instant; returns how many.
    ///
    /// # Errors
    /// [`StoreError`](super::store::StoreError).
    async fn forget_answers(&self, before: Timestamp) -> Stored<u64>;
}
