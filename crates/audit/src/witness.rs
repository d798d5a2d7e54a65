//! What a witness is asked, and what it may cosign, as C2SP's tlog-witness has it.
//!
//! INVARIANT(one history): a witness cosigns a checkpoint of a log only where it begins with the one that it cosigned last.
//! Who serves it judges and writes down what is cosigned without anything in between.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::note::{Checkpoint, SignedNote, VerifierKey};
use crate::tree::{Hash, is_prefix};

/// Hashes of a proof that a witness reads.
const PROOF_MAX: usize = 63;

/// What a log asks of a witness: to cosign its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The size that the witness is thought to have cosigned last.
    pub old: u64,
    /// That the log begins with that.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// The checkpoint of a log that a witness cosigned last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// How many entries the log had.
    pub size: u64,
    /// Its root, in hexadecimal.
    pub root: String,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WitnessRefusal {
    /// What was sent is no submission.
    #[error("this is no submission to a witness: {message}")]
    Malformed {
        /// What is wrong.
        message: String,
    },
    /// The log is not one that is witnessed here.
    #[error("the log {origin} is not witnessed here")]
    UnknownLog {
        /// Its name.
        origin: String,
    },
    /// No key of the log signed it.
    #[error("no known key of the log {origin} signed its checkpoint of {size} entries")]
    Unsigned {
        /// Its name.
        origin: String,
        /// Of how many entries.
        size: u64,
    },
    /// The witness cosigned another size last.
    #[error("the checkpoint that was cosigned last has {size} entries")]
    Stale {
        /// Which.
        size: u64,
    },
    /// The witness cosigned the same size with another root.
    #[error("another checkpoint of {size} entries was cosigned: the log has two histories")]
    Split {
        /// Which size.
        size: u64,
    },
    /// The log does not begin with what was cosigned last.
    #[error("it is not proved that the log of {size} entries begins with the {old} that were cosigned")]
    Unproved {
        /// What was cosigned.
        old: u64,
        /// What is to be.
        size: u64,
    },
}

impl Submission {
    /// As it is sent.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            // Writing into a text does not fail.
            let _ = writeln!(text, "{}", BASE64_STANDARD.encode(hash.0));
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads what was sent.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, WitnessRefusal> {
        let malformed = |message: &str| WitnessRefusal::Malformed { message: message.to_owned() };
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(|| malformed("it has no empty line"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(|digits| {
            let size = digits.parse::<u64>().ok()?;
            (size.to_string() == digits).then_some(size)
        });
        let old = old.ok_or_else(|| malformed("it begins with `old` and the size that was cosigned last"))?;
        let proof: Option<Vec<Hash>> = lines.take(PROOF_MAX + 1).map(hash).collect();
        let proof = proof.ok_or_else(|| malformed("a line of its proof is no hash"))?;
        if proof.len() > PROOF_MAX {
            return Err(malformed("its proof has more than 63 lines"));
        }
        Ok(Self { old, proof, checkpoint: checkpoint.to_owned() })
    }

    /// Which log asks: its checkpoint, which one of its keys signed.
    ///
    /// # Errors
    /// [`WitnessRefusal`] where it is none, of an unknown log, or not signed by it.
    pub fn check(&self, logs: &BTreeMap<String, Vec<VerifierKey>>) -> Result<Checkpoint, WitnessRefusal> {
        let note = SignedNote::parse(&self.checkpoint)
            .map_err(|error| WitnessRefusal::Malformed { message: error.to_string() })?;
        let Checkpoint { origin, size, .. } = note.checkpoint();
        let keys = logs.get(origin).ok_or_else(|| WitnessRefusal::UnknownLog { origin: origin.clone() })?;
        if !keys.iter().any(|key| key.verify(&note).is_ok()) {
            return Err(WitnessRefusal::Unsigned { origin: origin.clone(), size: *size });
        }
        if self.old > *size {
            return Err(WitnessRefusal::Malformed { message: "`old` is more than the checkpoint has".to_owned() });
        }
        Ok(note.checkpoint().clone())
    }

    /// Whether a checkpoint that was [checked](Self::check) goes on from the one that was cosigned last; what is
    /// to be written down when it is cosigned.
    ///
    /// # Errors
    /// [`WitnessRefusal`] where it does not.
    pub fn judge(&self, checkpoint: &Checkpoint, last: Option<&Seen>) -> Result<Seen, WitnessRefusal> {
        let size = checkpoint.size;
        let known = last.map_or(0, |last| last.size);
        if self.old != known {
            return Err(WitnessRefusal::Stale { size: known });
        }
        let unproved = || WitnessRefusal::Unproved { old: known, size };
        let before = last.map(|last| Hash::from_hex(&last.root).ok_or_else(unproved)).transpose()?;
        if before.is_some_and(|before| known == size && before != checkpoint.root) {
            return Err(WitnessRefusal::Split { size });
        }
        let proved = match before {
            Some(before) if (1..size).contains(&known) => {
                is_prefix(&self.proof, (known, before), (size, checkpoint.root))
            }
            // Of nothing, and of the same, there is nothing to prove.
            Some(_) | None => self.proof.is_empty(),
        };
        if !proved {
            return Err(unproved());
        }
        Ok(Seen { size, root: checkpoint.root.to_string() })
    }
}

fn hash(line: &str) -> Option<Hash> {
    BASE64_STANDARD.decode(line).ok()?.try_into().ok().map(Hash)
}

#[cfg(test)]
mod tests;
