//! Witnessing, from both sides: the log that asks, and the witness that cosigns.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tenantry_audit::{CheckpointError, SignedNote, SigningKeys, Submission, VerifierKey, WitnessRefusal};
use tenantry_domain::time::Timestamp;
use thiserror::Error;

use super::{Audit, AuditError};
use crate::ports::store::audit::roots::RootCheckpoint;
use crate::ports::witness::{Unheard, Witness, WitnessMemory, Witnessing};

/// How often a witness is asked anew because it, or the store, was elsewhere by then.
const ROUNDS_MAX: usize = 4;

/// Why a witness has not cosigned the root log.
#[derive(Debug, Error)]
pub enum WitnessError {
    /// The root log could not be read, or what was cosigned not be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// It has seen more of the log than there is, or something else.
    #[error(
        "the witness {witness} has seen another root log: {message}; this store was put back or altered, or two servers \
         sign with one key over different stores"
    )]
    OtherLog {
        /// Who.
        witness: String,
        /// What it said.
        message: String,
    },
    /// It answered, and did not cosign.
    #[error("the witness {witness} does not cosign: {message}")]
    Refused {
        /// Who.
        witness: String,
        /// What it said.
        message: String,
    },
    /// It did not answer.
    #[error("the witness {witness} did not answer: {source}")]
    Unheard {
        /// Who.
        witness: String,
        /// What happened.
        source: Unheard,
    },
}

impl WitnessError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Audit(error) => error.code(),
            Self::OtherLog { .. } => "T1201",
            Self::Refused { .. } | Self::Unheard { .. } => "T1202",
        }
    }
}

/// A witness that is asked, and what it is known by.
pub struct Asked {
    key: VerifierKey,
    witness: Box<dyn Witness>,
    /// What it is thought to have cosigned last.
    seen: u64,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("witness", &self.key.name()).field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Asked {
    /// A witness whose cosignatures are held against `key`.
    #[must_use]
    pub const fn new(key: VerifierKey, witness: Box<dyn Witness>) -> Self {
        Self { key, witness, seen: 0 }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.name()
    }
}

impl Audit {
    /// Has a witness cosign the last checkpoint of the root log, where it has not, and keeps what it cosigned.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub async fn witness(&self, asked: &mut Asked) -> Result<(), WitnessError> {
        let Some((head, note)) = self.root_head().await? else { return Ok(()) };
        let size = head.size;
        if asked.key.verify(&note).is_ok() {
            // At the start it is asked all the same: it may have seen more of a store that was put back.
            if std::mem::replace(&mut asked.seen, size) == size {
                return Ok(());
            }
        }
        let witness = asked.name().to_owned();
        let other = |message: String| WitnessError::OtherLog { witness: witness.clone(), message };
        let refused = |message: String| WitnessError::Refused { witness: witness.clone(), message };
        for _ in 0..ROUNDS_MAX {
            let old = asked.seen.min(size);
            let proof = self.prove_root_prefix(old, size).await?;
            let submission = Submission { old, proof, checkpoint: head.signed.clone() };
            let answer = asked.witness.submit(&submission).await;
            match answer.map_err(|source| WitnessError::Unheard { witness: witness.clone(), source })? {
                Witnessing::Cosigned(lines) => {
                    self.keep_cosigned(&asked.key, &head, &lines).await?;
                    asked.seen = size;
                    return Ok(());
                }
                Witnessing::Seen(seen) if seen > size => {
                    return Err(other(format!("it has seen {seen} leaves, and there are {size}")));
                }
                Witnessing::Seen(seen) if seen == old => {
                    return Err(other(format!("it has seen another one of {seen} leaves")));
                }
                Witnessing::Seen(seen) => asked.seen = seen,
                Witnessing::Unproved(said) => {
                    return Err(other(format!(
                        "this one does not begin with the {old} leaves that it has seen ({said})"
                    )));
                }
                Witnessing::Refused(said) => return Err(refused(said)),
            }
        }
        Err(refused("it names another size each time".to_owned()))
    }

    async fn keep_cosigned(&self, key: &VerifierKey, head: &RootCheckpoint, lines: &str) -> Result<(), WitnessError> {
        let mut before = head.clone();
        for _ in 0..ROUNDS_MAX {
            let note = SignedNote::parse(&before.signed).map_err(AuditError::from)?;
            let signed = note.with(lines).map_err(AuditError::from)?;
            let parsed = SignedNote::parse(&signed).map_err(AuditError::from)?;
            let refused = |error: CheckpointError| WitnessError::Refused {
                witness: key.name().to_owned(),
                message: error.to_string(),
            };
            key.verify(&parsed).map_err(refused)?;
            let after = RootCheckpoint { size: before.size, witnesses: parsed.cosigners(), signed };
            if self.store.keep_cosigned(&before, &after).await.map_err(AuditError::from)? {
                return Ok(());
            }
            // Another witness' lines came in between.
            let all = self.store.root_checkpoints().await.map_err(AuditError::from)?;
            let Some(now) = all.into_iter().find(|one| one.size == before.size) else { continue };
            before = now;
        }
        Ok(())
    }
}

/// Why a witness did not cosign what it was asked to.
#[derive(Debug, Error)]
pub enum NotCosigned {
    /// It may not.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// What it would cosign could not be written down.
    #[error("what is to be cosigned could not be written down: {0}")]
    Forgetful(Unheard),
    /// It could not sign.
    #[error(transparent)]
    Signing(#[from] CheckpointError),
}

/// A witness: the logs that it knows, its memory, and its keys.
pub struct Cosigner {
    name: String,
    keys: SigningKeys,
    logs: BTreeMap<String, Vec<VerifierKey>>,
    /// Judging and writing down are one step: of two that come at once, one sees what the other left.
    memory: Mutex<Box<dyn WitnessMemory>>,
}

impl std::fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cosigner").field("name", &self.name).field("logs", &self.logs.keys()).finish_non_exhaustive()
    }
}

impl Cosigner {
    /// A witness of this name for the logs that sign with these keys.
    #[must_use]
    pub fn new(name: String, keys: SigningKeys, logs: Vec<VerifierKey>, memory: Box<dyn WitnessMemory>) -> Self {
        let mut known: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        for key in logs {
            known.entry(key.name().to_owned()).or_default().push(key);
        }
        Self { name, keys, logs: known, memory: Mutex::new(memory) }
    }

    /// Cosigns a submission, or says why not. It blocks while it writes down what it cosigns.
    ///
    /// # Errors
    /// [`NotCosigned`].
    pub fn cosign(&self, text: &str, now: Timestamp) -> Result<String, NotCosigned> {
        let submission = Submission::from_text(text)?;
        let checkpoint = submission.check(&self.logs)?;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let last = memory.last(&checkpoint.origin);
        let seen = submission.judge(&checkpoint, last.as_ref())?;
        // Signed first: what cannot be signed is not noted, and nothing leaves before it is.
        let lines = self.keys.cosign(&self.name, &checkpoint, now)?;
        if last.as_ref() != Some(&seen) {
            memory.keep(&checkpoint.origin, seen).map_err(NotCosigned::Forgetful)?;
        }
        Ok(lines)
    }
}
