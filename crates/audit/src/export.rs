//! An export of a log: lines of JSON, each by itself, so that it can be written and read while it is long.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entry::Entry;

/// The form of exports that is written here.
pub const FORMAT: u32 = 1;

/// A line of an export. The first is a [`Line::Log`]; entries follow in their order, and checkpoints after the last entry
/// that they speak for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "one line at a time is held")]
pub enum Line {
    /// Which log it is of.
    Log {
        /// [`FORMAT`].
        format: u32,
        /// The log's name, under which it signs.
        origin: String,
        /// The keys of whoever wrote it, for those who trust them.
        keys: String,
    },
    /// An entry.
    Entry {
        /// As it was written.
        entry: Entry,
        /// The hash that the tree has for it, in hexadecimal.
        hash: String,
        /// Its details, where they were not erased.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Value>,
        /// The salt of their commitment, in hexadecimal; details from before there were salts have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        salt: Option<String>,
    },
    /// An entry that the store has, and that is none.
    Unreadable {
        /// Its place.
        seq: u64,
        /// The hash that the tree has for it, in hexadecimal.
        hash: String,
    },
    /// A signed checkpoint.
    Checkpoint(String),
}
