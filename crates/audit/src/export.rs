//! An export of a log: lines of JSON, each by itself, so that it can be written and read while it is long.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entry::Entry;

/// The form of exports that is written here.
pub const FORMAT: u32 = 2;

/// That a log, as it had so many entries, is in the root log of its deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootProof {
    /// How many entries.
    pub size: u64,
    /// The leaf that speaks for them.
    pub leaf: u64,
    /// The hashes from that leaf to the root, in hexadecimal.
    pub path: Vec<String>,
    /// The signed checkpoint of the root log, with what witnesses cosigned.
    pub checkpoint: String,
}

/// A line of an export. The first is a [`Line::Log`]; then comes what was pruned, where it was; entries follow in their
/// order, and checkpoints after the last entry that they speak for; proofs that lead to the root log come last.
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
    /// The first entries were pruned.
    Pruned {
        /// How many.
        size: u64,
        /// The hashes of the tree's edge at that size, in hexadecimal.
        edge: Vec<String>,
        /// What their pruner signed: that size and root, under the log's name with `/pruned` behind it.
        statement: String,
    },
    /// A leaf, in an export of the root log.
    Leaf {
        /// Its place.
        seq: u64,
        /// The checkpoint of a log that it is.
        leaf: String,
        /// The hash that the tree has for it, in hexadecimal.
        hash: String,
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
    /// That the log goes on from an earlier size, for who kept a checkpoint of that.
    Consistent {
        /// The earlier size.
        from: u64,
        /// The size that it is proved for.
        to: u64,
        /// The hashes of the proof, in hexadecimal.
        path: Vec<String>,
    },
    /// That the log is in the root log.
    Root(RootProof),
}
