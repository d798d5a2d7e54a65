//! SQLite and PostgreSQL behind one contract, [`ConfigStore`], [`ControlStore`] and [`TokenStore`].
//!
//! Each query is written once, as data (`statement`), and run by either driver (`backend`). SQLite is the embedded
//! default: one file, a write-ahead log, every commit synced to the disk.
//!
//! INVARIANT(durable): `Ok` from a method that writes means that the database has synced the commit. An error means
//! that nothing was written, with one exception no client can rule out: where the server or the disk was lost during
//! the commit itself, the whole of it may be there or none. Revisions carry their base and kept blobs replace, so
//! repeating is safe.
//!
//! What rows hold of a tenant is sealed with that tenant's data keys (`sealed`, `sealing`), where the store was opened with keys
//! ([`open_sealed`]).
//!
//! [`ConfigStore`]: tenantry_engine::ports::store::ConfigStore
//! [`ControlStore`]: tenantry_engine::ports::store::ControlStore
//! [`TokenStore`]: tenantry_engine::ports::store::TokenStore

mod answers;
mod audit;
mod backend;
mod control;
mod decisions;
mod documents;
mod events;
mod failure;
mod fence;
mod open;
mod place;
mod restore;
mod rotation;
mod sealed;
mod sealing;
mod shredding;
mod snapshot;
mod statement;
mod store;
mod tokens;
mod written;

pub use backend::Settings;
pub use open::{open, open_sealed, open_with};
pub use restore::{Ending, Restore};
pub use rotation::{KeyRow, Progress, Rotation};
pub use shredding::Shredded;
pub use snapshot::Snapshot;
pub use store::Store;
