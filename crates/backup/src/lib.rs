//! Backups: archives of snapshots of a store, on a folder or object storage.
//!
//! A snapshot is the rows of all tables, as they are in the database: what is sealed there stays sealed. They are cut into
//! pieces, which are packed, sealed and named by a keyed hash of what they hold, so that what has not changed is
//! not written again. A manifest names the pieces of a backup, and is written last.
//!
//! INVARIANT(whole or absent): a backup is there when its manifest is; until then there are only pieces that nothing names.
//! INVARIANT(nothing needed goes): pieces are removed by one alone, while no backup is taken, and only when every backup that
//! is left could be read.
//!
//! No clock, and nothing of a database: rows come from a [`Source`] and go into a [`Sink`].

mod archive;
mod chunk;
mod cipher;
mod error;
mod fill;
mod lock;
mod manifest;
mod place;
mod prune;
mod retention;
mod row;
mod take;
mod verify;

pub use archive::{Access, Archive, Listed, Which};
pub use error::BackupError;
pub use fill::{Filled, fill};
pub use manifest::{About, Manifest, Name, NameError};
pub use place::Place;
pub use prune::{Pruned, Pruning, prune};
pub use retention::Keep;
pub use row::{Cell, DatabaseError, Row, Shape, Sink, Source};
pub use take::{Taken, scan, take};
pub use verify::{Finding, Verdict, Verified, verify};
