//! Who answers for a log: the keys that sign, and what others verify with.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, ML_DSA_44_SIGNING, PqdsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use signed_note::{Note, Signature};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;

use crate::note::{
    Checkpoint, CheckpointError, ED25519_COSIGNATURE, ED25519_PLAIN, ML_DSA_44_COSIGNATURE, SignedNote, VerifierKey,
    cosigned_text, no_key, shape,
};

/// Bytes that keys are made of: 32 for Ed25519 and 32 for ML-DSA-44.
pub const SEED_LENGTH: usize = 64;
const ML_DSA_44_LENGTH: usize = 2420;

/// The name of the deployment's root log.
#[must_use]
pub fn root_origin(deployment: &str) -> String {
    format!("{deployment}/audit/root")
}

/// The name under which it is said that entries of a log were pruned: such a statement is no checkpoint of the log.
#[must_use]
pub fn pruned_origin(origin: &str) -> String {
    format!("{origin}/pruned")
}

/// The name of a tenant's log, or of the platform's, under which it signs.
#[must_use]
pub fn origin(deployment: &str, tenant: Option<&TenantId>) -> String {
    match tenant {
        Some(tenant) => format!("{deployment}/audit/tenant/{tenant}"),
        None => format!("{deployment}/audit/platform"),
    }
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

    /// Signs a checkpoint as of an instant, as its log.
    ///
    /// # Errors
    /// [`CheckpointError`] when its origin is no name, or signing fails.
    pub fn sign(&self, checkpoint: &Checkpoint, at: Timestamp) -> Result<String, CheckpointError> {
        let (text, [plain, quantum_safe]) = (checkpoint.text(), self.public().of(&checkpoint.origin)?);
        let signature = self.ed25519.try_sign(text.as_bytes()).map_err(no_key)?;
        let lines = [
            plain.line(signature.as_ref().to_vec())?,
            quantum_safe.line(self.ml_dsa_cosignature(&checkpoint.origin, checkpoint, seconds(at))?)?,
        ];
        let note = Note::new(text.as_bytes(), &lines).map_err(shape)?;
        String::from_utf8(note.to_bytes()).map_err(shape)
    }

    /// Cosigns a checkpoint of another's log, as a witness of this name that has seen it: two lines, of Ed25519
    /// and ML-DSA-44.
    ///
    /// # Errors
    /// [`CheckpointError`] when the name is none, or signing fails.
    pub fn cosign(&self, name: &str, checkpoint: &Checkpoint, at: Timestamp) -> Result<String, CheckpointError> {
        let seconds = seconds(at);
        let [plain, quantum_safe] = self.public().of_witness(name)?;
        let message = cosigned_text(checkpoint.text().as_bytes(), seconds);
        let signature = self.ed25519.try_sign(&message).map_err(no_key)?;
        let timed = [&seconds.to_be_bytes()[..], signature.as_ref()].concat();
        let lines = [plain.line(timed)?, quantum_safe.line(self.ml_dsa_cosignature(name, checkpoint, seconds)?)?];
        let written = |line: &Signature| String::from_utf8(line.to_bytes()).map_err(shape);
        lines.iter().map(|line| written(line).map(|line| format!("{}\n", line.trim_end()))).collect()
    }

    fn ml_dsa_cosignature(
        &self,
        name: &str,
        checkpoint: &Checkpoint,
        seconds: u64,
    ) -> Result<Vec<u8>, CheckpointError> {
        let message = checkpoint
            .cosigned(name, seconds)
            .ok_or_else(|| shape("a name in it is empty, or longer than 255 bytes"))?;
        let mut signature = vec![0; ML_DSA_44_LENGTH];
        let length = self.ml_dsa.sign(&message, &mut signature).map_err(no_key)?;
        signature.truncate(length);
        Ok([&seconds.to_be_bytes()[..], &signature].concat())
    }
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis() / 1000).unwrap_or(0)
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
        format!("tenantry-audit:{}:{}", part(ED25519_PLAIN, &self.ed25519), part(ML_DSA_44_COSIGNATURE, &self.ml_dsa))
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
        let key = |part: &str, kind: u8| {
            let bytes = BASE64_STANDARD.decode(part).ok()?;
            let (found, key) = bytes.split_first()?;
            (*found == kind && VerifierKey::new("a", kind, key).is_ok()).then(|| key.to_vec())
        };
        let parts = text.trim().strip_prefix("tenantry-audit:").and_then(|rest| rest.split_once(':'));
        let (first, second) = parts.ok_or_else(|| no_key("it is written `tenantry-audit:…:…`"))?;
        Ok(Self {
            ed25519: key(first, ED25519_PLAIN).ok_or_else(|| no_key("its first part is no Ed25519 key"))?,
            ml_dsa: key(second, ML_DSA_44_COSIGNATURE).ok_or_else(|| no_key("its second part is no ML-DSA-44 key"))?,
        })
    }

    /// The keys of the log of this name: of its own signature, and of its cosignature.
    ///
    /// # Errors
    /// [`CheckpointError::Key`] when it is no name.
    pub fn of(&self, origin: &str) -> Result<[VerifierKey; 2], CheckpointError> {
        Ok([
            VerifierKey::new(origin, ED25519_PLAIN, &self.ed25519)?,
            VerifierKey::new(origin, ML_DSA_44_COSIGNATURE, &self.ml_dsa)?,
        ])
    }

    /// The keys of the witness of this name: of its cosignatures with Ed25519, and with ML-DSA-44.
    ///
    /// # Errors
    /// [`CheckpointError::Key`] when it is no name.
    pub fn of_witness(&self, name: &str) -> Result<[VerifierKey; 2], CheckpointError> {
        Ok([
            VerifierKey::new(name, ED25519_COSIGNATURE, &self.ed25519)?,
            VerifierKey::new(name, ML_DSA_44_COSIGNATURE, &self.ml_dsa)?,
        ])
    }

    /// Reads a signed checkpoint and verifies both signatures; gives when it was signed.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is none, or a signature is not there or does not fit.
    pub fn verify(&self, signed: &str) -> Result<(Checkpoint, Timestamp), CheckpointError> {
        let note = SignedNote::parse(signed)?;
        let [plain, quantum_safe] = self.of(&note.checkpoint().origin)?;
        plain.verify(&note)?;
        let at = quantum_safe.verify(&note)?;
        Ok((note.checkpoint().clone(), at.unwrap_or(Timestamp::from_millis(0))))
    }
}

#[cfg(test)]
mod tests;
