//! The root log: what all logs of a deployment come to.

use async_trait::async_trait;
use tenantry_audit::Hash;

use super::LogOf;
use crate::ports::store::Stored;

/// A checkpoint of a log, as a leaf of the root log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootLeaf {
    /// Which leaf.
    pub seq: u64,
    /// Of whose log.
    pub log: LogOf,
    /// How many entries of it.
    pub size: u64,
    /// The checkpoint's text, without signatures.
    pub leaf: String,
}

/// A signed checkpoint of the root log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootCheckpoint {
    /// How many leaves it speaks for.
    pub size: u64,
    /// The signed note, with the lines of witnesses.
    pub signed: String,
    /// How many witnesses have cosigned it.
    pub witnesses: u64,
}

/// What is added to the root log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSeal {
    /// How many leaves there were before; another number there means that somebody else has added some.
    pub from: u64,
    /// The new leaves.
    pub leaves: Vec<RootLeaf>,
    /// The new hashes with their places.
    pub hashes: Vec<(u64, Hash)>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// The root log.
#[async_trait]
pub trait RootStore: Send + Sync {
    /// The last checkpoints of logs that have entries which no leaf speaks for, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn unrooted(&self, count: u32) -> Stored<Vec<(LogOf, String)>>;

    /// How many leaves it has.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn root_size(&self) -> Stored<u64>;

    /// Adds leaves; says whether it did, which it does not where somebody else was first.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn root(&self, seal: &RootSeal) -> Stored<bool>;

    /// Leaves from `from` on, in order, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn root_leaves(&self, from: u64, count: u32) -> Stored<Vec<RootLeaf>>;

    /// The last leaf of a log among the first `among`.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn root_leaf(&self, log: &LogOf, among: u64) -> Stored<Option<RootLeaf>>;

    /// Hashes of the tree at some places, with them; those that are not there are left out.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn root_hashes(&self, places: &[u64]) -> Stored<Vec<(u64, Hash)>>;

    /// The checkpoints that are kept, oldest first.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn root_checkpoints(&self) -> Stored<Vec<RootCheckpoint>>;

    /// The last checkpoint, the last that a witness cosigned, and the last that as many cosigned as any; each once.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn root_heads(&self) -> Stored<Vec<RootCheckpoint>>;

    /// Keeps what a checkpoint became with the lines of a witness, where it still is what it was `before`.
    ///
    /// # Errors
    /// [`StoreError`](crate::ports::store::StoreError).
    async fn keep_cosigned(&self, before: &RootCheckpoint, after: &RootCheckpoint) -> Stored<bool>;
}
