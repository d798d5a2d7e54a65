//! Holding an export against keys that its reader trusts.
//!
//! Each entry brings the hash that the tree had for it. Where those come to the signed root, they are as they were signed,
//! and an entry that does not fit its own hash is the one that was altered. Where they do not, the last checkpoint that
//! still fits and the first that does not name the entries between which it happened.

use std::collections::BTreeMap;
use std::fmt;

use tenantry_domain::time::Timestamp;

use crate::detail::Detail;
use crate::entry::{Entry, digest};
use crate::export::{FORMAT, Line};
use crate::key::PublicKeys;
use crate::note::Checkpoint;
use crate::tree::{Hash, Tree, hash_of};

/// Missing entries that are reckoned with: beyond, a log is too broken to say more of it.
const GAPS_MAX: u64 = 100_000;

/// Whose keys a checkpoint was held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Keys that the reader brought.
    Given,
    /// The keys that the export names itself: it was not altered by anybody but their holder.
    Own,
}

/// Something that is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A line that cannot be read.
    Unreadable {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// An entry that is not what was hashed.
    Altered {
        /// Which.
        seq: u64,
    },
    /// An entry's details are not those that it has the digest of.
    DetailAltered {
        /// Which.
        seq: u64,
    },
    /// Entries are not there.
    Dropped {
        /// The first that is not.
        from: u64,
        /// The first that is there again.
        until: u64,
    },
    /// An entry stands in another place than it was made in.
    Moved {
        /// Where it stands.
        place: u64,
        /// Which it is.
        seq: u64,
    },
    /// An entry of another tenant.
    Foreign {
        /// Which.
        seq: u64,
    },
    /// The hashes do not come to a signed root: something among these entries was altered together with its hash.
    Root {
        /// The last checkpoint that fits had so many.
        from: u64,
        /// The checkpoint that does not.
        until: u64,
    },
    /// A checkpoint speaks for more entries than there are: the end is cut off.
    CutOff {
        /// How many there are.
        entries: u64,
        /// How many were signed.
        signed: u64,
    },
    /// Entries that no checkpoint speaks for: anybody may have written them.
    Unsealed {
        /// The first.
        from: u64,
        /// The first after the last.
        until: u64,
    },
    /// A checkpoint whose signatures do not fit.
    Unsigned {
        /// In which line, counted from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// No checkpoint at all.
    NoCheckpoint,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { line, message } => write!(f, "line {line} cannot be read: {message}"),
            Self::Altered { seq } => write!(f, "entry {seq} was altered after it was written"),
            Self::DetailAltered { seq } => write!(f, "the details of entry {seq} were altered"),
            Self::Dropped { from, until } if from + 1 == *until => write!(f, "entry {from} is missing"),
            Self::Dropped { from, until } => write!(f, "entries {from} to {} are missing", until - 1),
            Self::Moved { place, seq } => write!(f, "entry {seq} stands in the place of entry {place}"),
            Self::Foreign { seq } => write!(f, "entry {seq} belongs to another log"),
            Self::Root { from, until } => {
                write!(f, "entries {from} to {} do not come to what was signed: at least one was altered", until - 1)
            }
            Self::CutOff { entries, signed } => {
                write!(f, "{signed} entries were signed, and {entries} are there: the end is cut off")
            }
            Self::Unsealed { from, until } => {
                write!(f, "entries {from} to {} are signed by nobody", until - 1)
            }
            Self::Unsigned { line, message } => write!(f, "the checkpoint in line {line} cannot be trusted: {message}"),
            Self::NoCheckpoint => f.write_str("nothing is signed: there is no checkpoint"),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which log.
    pub origin: String,
    /// How many entries were read.
    pub entries: u64,
    /// The last checkpoint that fits, and when it was signed.
    pub sealed: Option<(Checkpoint, Timestamp)>,
    /// Whose keys spoke.
    pub trust: Trust,
    /// What is not as it was signed. Empty for a log that is whole.
    pub findings: Vec<Finding>,
}

/// Reads an export line by line.
#[derive(Debug)]
pub struct Verifier {
    trusted: Option<PublicKeys>,
    own: Option<PublicKeys>,
    origin: Option<String>,
    line: u64,
    next: u64,
    tree: Tree,
    sealed: Option<(Checkpoint, Timestamp)>,
    /// Checkpoints that speak for entries which were not read yet, by their sizes, with their lines.
    ahead: BTreeMap<u64, (Checkpoint, Timestamp, u64)>,
    broken_from: Option<u64>,
    /// Places that were filled for entries which are missing.
    gaps: u64,
    findings: Vec<Finding>,
}

impl Verifier {
    /// A reader that trusts `keys`; where none are given, those that the export names.
    #[must_use]
    pub fn new(keys: Option<PublicKeys>) -> Self {
        Self {
            trusted: keys,
            own: None,
            origin: None,
            line: 0,
            next: 0,
            tree: Tree::default(),
            sealed: None,
            ahead: BTreeMap::new(),
            broken_from: None,
            gaps: 0,
            findings: Vec::new(),
        }
    }

    /// Reads the next line.
    pub fn read(&mut self, text: &str) {
        self.line += 1;
        let line = self.line;
        match serde_json::from_str::<Line>(text) {
            Err(error) => self.findings.push(Finding::Unreadable { line, message: error.to_string() }),
            Ok(Line::Log { format, origin, keys }) => self.begin(format, origin, &keys),
            Ok(Line::Entry { entry, hash, detail, salt }) => {
                let detail = detail.map(|detail| match salt {
                    Some(salt) => {
                        Detail::from_parts(detail, salt).map(|detail| detail.commitment()).unwrap_or_default()
                    }
                    None => digest(detail.to_string().as_bytes()),
                });
                self.entry(&entry, &hash, detail.as_deref());
            }
            Ok(Line::Unreadable { seq, hash }) => {
                self.findings.push(Finding::Altered { seq });
                if let Some(hash) = Hash::from_hex(&hash).filter(|_| seq == self.next) {
                    self.add(hash);
                }
            }
            Ok(Line::Checkpoint(signed)) => self.checkpoint(&signed),
        }
    }

    fn begin(&mut self, format: u32, origin: String, keys: &str) {
        let line = self.line;
        let mut unreadable = |message: String| self.findings.push(Finding::Unreadable { line, message });
        if format != FORMAT {
            unreadable(format!("it is of form {format}, and this program reads {FORMAT}"));
        }
        if line != 1 {
            unreadable("a log begins in the midst of another".to_owned());
            return;
        }
        match PublicKeys::from_text(keys) {
            Ok(keys) => self.own = Some(keys),
            Err(error) => unreadable(error.to_string()),
        }
        self.origin = Some(origin);
    }

    fn entry(&mut self, entry: &Entry, hash: &str, detail: Option<&str>) {
        let seq = entry.seq;
        if seq > self.next {
            self.findings.push(Finding::Dropped { from: self.next, until: seq });
        } else if seq < self.next {
            self.findings.push(Finding::Moved { place: self.next, seq });
        }
        let tenant = entry.tenant.as_ref().map_or("/audit/platform".to_owned(), |id| format!("/audit/tenant/{id}"));
        if self.origin.as_ref().is_some_and(|origin| !origin.ends_with(&tenant)) {
            self.findings.push(Finding::Foreign { seq });
        }
        let (claimed, found) = (Hash::from_hex(hash), entry.to_bytes().map(|bytes| hash_of(&bytes)));
        if claimed.is_none() || found.as_ref().ok() != claimed.as_ref() {
            self.findings.push(Finding::Altered { seq });
        }
        // Details may be erased, and then are not there.
        if detail.is_some() && detail != entry.detail.as_deref() {
            self.findings.push(Finding::DetailAltered { seq });
        }
        // A hash for each entry that is missing keeps the others in their places.
        while self.next < seq && self.gaps < GAPS_MAX {
            self.gaps += 1;
            self.add(Hash([0; 32]));
        }
        if seq == self.next {
            self.add(claimed.or(found.ok()).unwrap_or(Hash([0; 32])));
        }
    }

    fn add(&mut self, hash: Hash) {
        if self.tree.add(hash).is_ok() {
            self.next += 1;
        }
        if let Some((checkpoint, at, line)) = self.ahead.remove(&self.next) {
            self.settle(checkpoint, at, line);
        }
    }

    fn checkpoint(&mut self, signed: &str) {
        let line = self.line;
        let unsigned = |error: &dyn fmt::Display| Finding::Unsigned { line, message: error.to_string() };
        let Some(keys) = self.trusted.as_ref().or(self.own.as_ref()) else {
            self.findings.push(unsigned(&"there is no key to hold it against"));
            return;
        };
        match keys.verify(signed) {
            Err(error) => self.findings.push(unsigned(&error)),
            Ok((checkpoint, _)) if self.origin.as_ref() != Some(&checkpoint.origin) => {
                self.findings.push(unsigned(&format_args!("it is of the log {}", checkpoint.origin)));
            }
            Ok((checkpoint, at)) if checkpoint.size > self.next => {
                self.ahead.insert(checkpoint.size, (checkpoint, at, line));
            }
            Ok((checkpoint, at)) => self.settle(checkpoint, at, line),
        }
    }

    /// Holds a checkpoint against the hashes that were read.
    fn settle(&mut self, checkpoint: Checkpoint, at: Timestamp, line: u64) {
        match self.tree.root_at(checkpoint.size) {
            Ok(root) if root == checkpoint.root => {
                let newest = self.sealed.as_ref().is_none_or(|(known, _)| known.size <= checkpoint.size);
                if newest {
                    self.sealed = Some((checkpoint, at));
                }
            }
            // The first that does not fit says where; all later ones do not, either.
            Ok(_) if self.broken_from.is_none() => {
                let from = self.sealed.as_ref().map_or(0, |(known, _)| known.size);
                self.broken_from = Some(checkpoint.size);
                self.findings.push(Finding::Root { from, until: checkpoint.size });
            }
            Ok(_) => {}
            Err(error) => self.findings.push(Finding::Unsigned { line, message: error.to_string() }),
        }
    }

    /// A checkpoint that the reader had kept: what it speaks for must still be there.
    pub fn kept(&mut self, signed: &str) {
        self.checkpoint(signed);
    }

    /// What came of all lines.
    #[must_use]
    pub fn end(mut self) -> Verdict {
        if let Some((signed, _)) = self.ahead.last_key_value() {
            self.findings.push(Finding::CutOff { entries: self.next, signed: *signed });
        } else if self.sealed.is_none() && self.broken_from.is_none() {
            self.findings.push(Finding::NoCheckpoint);
        }
        let sealed = self.sealed.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size);
        if sealed > 0 && sealed < self.next && self.broken_from.is_none() {
            self.findings.push(Finding::Unsealed { from: sealed, until: self.next });
        }
        let trust = if self.trusted.is_some() { Trust::Given } else { Trust::Own };
        self.findings.sort();
        self.findings.dedup();
        let origin = self.origin.unwrap_or_default();
        Verdict { origin, entries: self.next, sealed: self.sealed, trust, findings: self.findings }
    }
}

#[cfg(test)]
mod tests;
