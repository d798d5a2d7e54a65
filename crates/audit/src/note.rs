//! Checkpoints, the lines that sign them, and the keys that such lines are held against, in the forms of C2SP
//! (tlog-checkpoint, signed-note, tlog-cosignature).

use aws_lc_rs::signature::{ED25519, ML_DSA_44, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use signed_note::{Note, Signature};
use tenantry_domain::time::Timestamp;
use thiserror::Error;

use crate::tree::Hash;

/// What signs a note: a plain signature of its log.
pub(crate) const ED25519_PLAIN: u8 = 0x01;
/// A cosignature, `cosignature/v1`.
pub(crate) const ED25519_COSIGNATURE: u8 = 0x04;
/// A cosignature with ML-DSA-44.
pub(crate) const ML_DSA_44_COSIGNATURE: u8 = 0x06;
/// Longest name of a key, which the message of a cosignature has a byte for.
const NAME_MAX: usize = 255;
const ML_DSA_44_KEY: usize = 1312;
const ED25519_KEY: usize = 32;

/// Why a checkpoint is not one, or a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// It is not written as checkpoints are.
    #[error("this is no checkpoint: {message}")]
    Shape {
        /// What is wrong.
        message: String,
    },
    /// A signature of a trusted key does not fit, or is not there.
    #[error("the {which} signature of {origin} does not fit its checkpoint of {size} entries")]
    Signature {
        /// Which signature.
        which: &'static str,
        /// Whose.
        origin: String,
        /// Of how many entries.
        size: u64,
    },
    /// A key that is no key.
    #[error("this is no key of an audit log: {message}")]
    Key {
        /// What is wrong.
        message: String,
    },
}

pub(crate) fn no_key(message: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::Key { message: format!("{message}") }
}

pub(crate) fn shape(message: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::Shape { message: format!("{message}") }
}

/// A log's size and root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Its text, as it is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64_STANDARD.encode(self.root.0))
    }

    /// Reads that text.
    ///
    /// # Errors
    /// [`CheckpointError::Shape`].
    pub fn parse(text: &[u8]) -> Result<Self, CheckpointError> {
        let parsed = tlog_tiles::Checkpoint::from_bytes(text).map_err(|_| shape("it has no origin, size and root"))?;
        if !parsed.extension().is_empty() {
            return Err(shape("it says more than origin, size and root, which its cosignature does not speak for"));
        }
        Ok(Self { origin: parsed.origin().to_owned(), size: parsed.size(), root: Hash(parsed.hash().0) })
    }

    /// The message that an ML-DSA-44 cosignature signs (`cosigned_message` of tlog-cosignature).
    pub(crate) fn cosigned(&self, cosigner: &str, seconds: u64) -> Option<Vec<u8>> {
        let named = |message: &mut Vec<u8>, name: &str| {
            message.push(u8::try_from(name.len()).ok().filter(|length| *length > 0)?);
            message.extend(name.as_bytes());
            Some(())
        };
        let mut message = b"subtree/v1\n\0".to_vec();
        named(&mut message, cosigner)?;
        message.extend(seconds.to_be_bytes());
        named(&mut message, &self.origin)?;
        message.extend(0_u64.to_be_bytes());
        message.extend(self.size.to_be_bytes());
        message.extend(self.root.0);
        Some(message)
    }
}

/// A checkpoint with the lines that sign it, read and not verified.
#[derive(Debug)]
pub struct SignedNote {
    text: Vec<u8>,
    checkpoint: Checkpoint,
    signatures: Vec<Signature>,
}

impl SignedNote {
    /// Reads it.
    ///
    /// # Errors
    /// [`CheckpointError::Shape`].
    pub fn parse(signed: &str) -> Result<Self, CheckpointError> {
        let note = Note::from_bytes(signed.as_bytes()).map_err(shape)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        // The library keeps signatures to itself: the lines are read again, as it has checked their form.
        let lines = signed.rsplit_once("\n\n").map_or("", |(_, lines)| lines).lines();
        let signatures = lines.filter_map(|line| Signature::from_bytes(line.as_bytes()).ok()).collect();
        Ok(Self { text: note.text().to_vec(), checkpoint, signatures })
    }

    /// What is signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// How many names, besides its log's own, stand under it.
    #[must_use]
    pub fn cosigners(&self) -> u64 {
        let mut names: Vec<&str> = self.signatures.iter().map(Signature::name).collect();
        names.retain(|name| *name != self.checkpoint.origin);
        names.sort_unstable();
        names.dedup();
        u64::try_from(names.len()).unwrap_or(u64::MAX)
    }

    /// Whether it has a line of this key, right or wrong.
    #[must_use]
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|one| one.name() == key.name && one.id() == key.id())
    }

    /// The same with what others signed of it: lines that are none are left out.
    ///
    /// # Errors
    /// [`CheckpointError::Shape`] when these are too many.
    pub fn with(self, lines: &str) -> Result<String, CheckpointError> {
        let mut signatures = self.signatures;
        for added in lines.lines().filter_map(|line| Signature::from_bytes(line.as_bytes()).ok()) {
            signatures.retain(|one| one.name() != added.name() || one.id() != added.id());
            signatures.push(added);
        }
        let note = Note::new(&self.text, &signatures).map_err(shape)?;
        String::from_utf8(note.to_bytes()).map_err(shape)
    }
}

/// A key that signatures are held against, with the name that it signs under (a vkey of signed-note).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: u8,
    key: Vec<u8>,
}

impl VerifierKey {
    pub(crate) fn new(name: &str, kind: u8, key: &[u8]) -> Result<Self, CheckpointError> {
        let length = match kind {
            ED25519_PLAIN | ED25519_COSIGNATURE => ED25519_KEY,
            ML_DSA_44_COSIGNATURE => ML_DSA_44_KEY,
            other => return Err(no_key(format_args!("keys of type {other} are not known here"))),
        };
        if !signed_note::is_key_name_valid(name) || name.len() > NAME_MAX {
            return Err(no_key(format_args!("`{name}` is no name of a key: it has no spaces and no `+`")));
        }
        if key.len() != length {
            return Err(no_key(format_args!("it has {} bytes, not {length}", key.len())));
        }
        Ok(Self { name: name.to_owned(), kind, key: key.to_vec() })
    }

    /// From its text, `NAME+ID+KEY`.
    ///
    /// # Errors
    /// [`CheckpointError::Key`].
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let written = || no_key("it is written `NAME+ID+KEY`, as a verifier key of signed-note");
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(written());
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| written())?;
        let (kind, key) = bytes.split_first().ok_or_else(written)?;
        let read = Self::new(name, *kind, key)?;
        if format!("{:08x}", read.id()) == id { Ok(read) } else { Err(no_key("its id is not that of its key")) }
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let key = BASE64_STANDARD.encode([&[self.kind], &self.key[..]].concat());
        format!("{}+{:08x}+{key}", self.name, self.id())
    }

    /// The name that it signs under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether what it signs are cosignatures, and not a log's own signature.
    #[must_use]
    pub const fn cosigns(&self) -> bool {
        self.kind != ED25519_PLAIN
    }

    /// `SHA-256(name || "\n" || type || key)`, its first four bytes.
    pub(crate) fn id(&self) -> u32 {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', self.kind]).chain_update(&self.key);
        hash.finalize().iter().take(4).fold(0, |id, byte| (id << 8) | u32::from(*byte))
    }

    /// Makes a line of a signature, which begins with its time where it has one.
    pub(crate) fn line(&self, signature: Vec<u8>) -> Result<Signature, CheckpointError> {
        Signature::new(self.name.clone(), self.id(), signature).map_err(shape)
    }

    /// Whether this key signed it, and when; a log's own signature does not say.
    ///
    /// # Errors
    /// [`CheckpointError::Signature`] when it did not.
    pub fn verify(&self, note: &SignedNote) -> Result<Option<Timestamp>, CheckpointError> {
        let checkpoint = &note.checkpoint;
        let which = if self.kind == ML_DSA_44_COSIGNATURE { "ML-DSA-44" } else { "Ed25519" };
        let unfit = || CheckpointError::Signature { which, origin: self.name.clone(), size: checkpoint.size };
        let id = self.id();
        let found = note.signatures.iter().find(|one| one.id() == id && one.name() == self.name).ok_or_else(unfit)?;
        if self.kind == ED25519_PLAIN {
            let key = UnparsedPublicKey::new(&ED25519, &self.key);
            return key.verify(&note.text, found.signature()).map(|()| None).map_err(|_| unfit());
        }
        let (seconds, signature) = found.signature().split_first_chunk::<8>().ok_or_else(unfit)?;
        let seconds = u64::from_be_bytes(*seconds);
        let held = if self.kind == ED25519_COSIGNATURE {
            UnparsedPublicKey::new(&ED25519, &self.key).verify(&cosigned_text(&note.text, seconds), signature)
        } else {
            let message = checkpoint.cosigned(&self.name, seconds).ok_or_else(unfit)?;
            UnparsedPublicKey::new(&ML_DSA_44, &self.key).verify(&message, signature)
        };
        held.map_err(|_| unfit())?;
        let at = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        Ok(Some(Timestamp::from_millis(at)))
    }
}

/// The message that an Ed25519 cosignature signs.
pub(crate) fn cosigned_text(text: &[u8], seconds: u64) -> Vec<u8> {
    [format!("cosignature/v1\ntime {seconds}\n").as_bytes(), text].concat()
}
