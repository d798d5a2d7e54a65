//! Who answers for a log: signing keys, and the checkpoints that they sign.

use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, PqdsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use signed_note::{Note, Signature};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use thiserror::Error;

use crate::tree::Hash;

/// Bytes that keys are made of: 32 for Ed25519 and 32 for ML-DSA-44.
pub const SEED_LENGTH: usize = 64;
/// Signature types of signed-note and tlog-cosignature.
const TYPE_ED25519: u8 = 0x01;
const TYPE_ML_DSA_44: u8 = 0x06;
const ML_DSA_44_LENGTH: usize = 2420;
const ML_DSA_44_KEY: usize = 1312;
const ED25519_KEY: usize = 32;

/// The name of a tenant's log, or of the platform's, under which it signs.
#[must_use]
pub fn origin(deployment: &str, tenant: Option<&TenantId>) -> String {
    match tenant {
        Some(tenant) => format!("{deployment}/audit/tenant/{tenant}"),
        None => format!("{deployment}/audit/platform"),
    }
}

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

fn no_key(message: impl std::fmt::Display) -> CheckpointError {
    CheckpointError::Key { message: format!("{message}") }
}

fn shape(message: impl std::fmt::Display) -> CheckpointError {
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
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64_STANDARD.encode(self.root.0))
    }

    fn parse(text: &[u8]) -> Result<Self, CheckpointError> {
        let parsed = tlog_tiles::Checkpoint::from_bytes(text).map_err(|_| shape("it has no origin, size and root"))?;
        if !parsed.extension().is_empty() {
            return Err(shape("it says more than origin, size and root, which its cosignature does not speak for"));
        }
        Ok(Self { origin: parsed.origin().to_owned(), size: parsed.size(), root: Hash(parsed.hash().0) })
    }

    /// The message that an ML-DSA-44 cosignature signs (`cosigned_message` of tlog-cosignature).
    fn cosigned(&self, cosigner: &str, seconds: u64) -> Option<Vec<u8>> {
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

/// `SHA-256(name || "\n" || type || key)`, its first four bytes.
fn key_id(name: &str, kind: u8, key: &[u8]) -> u32 {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(key).finalize();
    hash.iter().take(4).fold(0, |id, byte| (id << 8) | u32::from(*byte))
}

/// The keys that a deployment signs its logs with. Each log signs under its own origin.
pub struct SigningKeys {
    ed25519: Ed25519KeyPair,
    ml_dsa: PqdsaKeyPair,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

impl SigningKeys {
    /// The keys of a seed, which is a secret.
    ///
    /// # Errors
    /// [`CheckpointError::Key`].
    pub fn from_seed(seed: &[u8; SEED_LENGTH]) -> Result<Self, CheckpointError> {
        let (first, second) = seed.split_at(SEED_LENGTH / 2);
        Ok(Self {
            ed25519: Ed25519KeyPair::from_seed_unchecked(first).map_err(no_key)?,
            ml_dsa: PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, second).map_err(no_key)?,
        })
    }

    /// A new seed, from the system's random numbers.
    ///
    /// # Errors
    /// [`CheckpointError::Key`] when the system gives none.
    pub fn new_seed() -> Result<[u8; SEED_LENGTH], CheckpointError> {
        let mut seed = [0; SEED_LENGTH];
        aws_lc_rs::rand::fill(&mut seed).map_err(no_key)?;
        Ok(seed)
    }

    /// What others verify with.
    #[must_use]
    pub fn public(&self) -> PublicKeys {
        PublicKeys {
            ed25519: self.ed25519.public_key().as_ref().to_vec(),
            ml_dsa: self.ml_dsa.public_key().as_ref().to_vec(),
        }
    }

    /// Signs a checkpoint as of an instant.
    ///
    /// # Errors
    /// [`CheckpointError`] when its origin is no name, or signing fails.
    pub fn sign(&self, checkpoint: &Checkpoint, at: Timestamp) -> Result<String, CheckpointError> {
        let (text, origin) = (checkpoint.text(), checkpoint.origin.as_str());
        let public = self.public();
        let line = |kind: u8, key: &[u8], signature: Vec<u8>| {
            Signature::new(origin.to_owned(), key_id(origin, kind, key), signature).map_err(shape)
        };
        let plain = self.ed25519.try_sign(text.as_bytes()).map_err(no_key)?;
        let plain = line(TYPE_ED25519, &public.ed25519, plain.as_ref().to_vec())?;

        let seconds = u64::try_from(at.as_millis() / 1000).unwrap_or(0);
        let message =
            checkpoint.cosigned(origin, seconds).ok_or_else(|| shape("its origin is longer than 255 bytes"))?;
        let mut signature = vec![0; ML_DSA_44_LENGTH];
        let length = self.ml_dsa.sign(&message, &mut signature).map_err(no_key)?;
        signature.truncate(length);
        let timestamped = [&seconds.to_be_bytes()[..], &signature].concat();
        let quantum_safe = line(TYPE_ML_DSA_44, &public.ml_dsa, timestamped)?;

        let note = Note::new(text.as_bytes(), &[plain, quantum_safe]).map_err(shape)?;
        String::from_utf8(note.to_bytes()).map_err(shape)
    }
}

/// What checkpoints are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys {
    ed25519: Vec<u8>,
    ml_dsa: Vec<u8>,
}

impl PublicKeys {
    /// As one line of text, to be written down where nobody who could alter the log can reach it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let part = |kind: u8, key: &[u8]| BASE64_STANDARD.encode([&[kind], key].concat());
        format!("tenantry-audit:{}:{}", part(TYPE_ED25519, &self.ed25519), part(TYPE_ML_DSA_44, &self.ml_dsa))
    }

    /// A name for the deployment that signs with them, for [`origin`].
    #[must_use]
    pub fn deployment(&self) -> String {
        let digest = crate::digest(self.to_text().as_bytes());
        format!("tenantry/{}", digest.get(..16).unwrap_or(&digest))
    }

    /// From that text.
    ///
    /// # Errors
    /// [`CheckpointError::Key`].
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let key = |part: &str, kind: u8, length: usize| {
            let bytes = BASE64_STANDARD.decode(part).ok()?;
            let (found, key) = bytes.split_first()?;
            (*found == kind && key.len() == length).then(|| key.to_vec())
        };
        let parts = text.trim().strip_prefix("tenantry-audit:").and_then(|rest| rest.split_once(':'));
        let (first, second) = parts.ok_or_else(|| no_key("it is written `tenantry-audit:…:…`"))?;
        Ok(Self {
            ed25519: key(first, TYPE_ED25519, ED25519_KEY).ok_or_else(|| no_key("its first part is no Ed25519 key"))?,
            ml_dsa: key(second, TYPE_ML_DSA_44, ML_DSA_44_KEY)
                .ok_or_else(|| no_key("its second part is no ML-DSA-44 key"))?,
        })
    }

    /// Reads a signed checkpoint and verifies both signatures; gives when it was signed.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is none, or a signature is not there or does not fit.
    pub fn verify(&self, signed: &str) -> Result<(Checkpoint, Timestamp), CheckpointError> {
        let note = Note::from_bytes(signed.as_bytes()).map_err(shape)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let origin = checkpoint.origin.clone();
        let unfit = |which| CheckpointError::Signature { which, origin: origin.clone(), size: checkpoint.size };
        // The library keeps signatures to itself: the lines are read again, as it has checked their form.
        let lines = signed.rsplit_once("\n\n").map_or("", |(_, lines)| lines).lines();
        let signatures: Vec<Signature> = lines.filter_map(|line| Signature::from_bytes(line.as_bytes()).ok()).collect();
        let of = |kind: u8, key: &[u8]| {
            let id = key_id(&origin, kind, key);
            signatures.iter().find(|one| one.name() == origin && one.id() == id).map(Signature::signature)
        };
        let plain = of(TYPE_ED25519, &self.ed25519).ok_or_else(|| unfit("Ed25519"))?;
        UnparsedPublicKey::new(&ED25519, &self.ed25519).verify(note.text(), plain).map_err(|_| unfit("Ed25519"))?;

        let timestamped = of(TYPE_ML_DSA_44, &self.ml_dsa).ok_or_else(|| unfit("ML-DSA-44"))?;
        let (seconds, signature) = timestamped.split_first_chunk::<8>().ok_or_else(|| unfit("ML-DSA-44"))?;
        let seconds = u64::from_be_bytes(*seconds);
        let message = checkpoint.cosigned(&origin, seconds).ok_or_else(|| unfit("ML-DSA-44"))?;
        UnparsedPublicKey::new(&ML_DSA_44, &self.ml_dsa).verify(&message, signature).map_err(|_| unfit("ML-DSA-44"))?;
        let at = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        Ok((checkpoint, Timestamp::from_millis(at)))
    }
}

#[cfg(test)]
mod tests;
