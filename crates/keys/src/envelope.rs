//! Sealing and opening.
//!
//! An envelope is `form, algorithm, nonce, ciphertext and tag`: one byte, one byte, [`NONCE`] bytes, the rest. Both first
//! bytes are authenticated too, so that nobody can have an envelope read as one of another algorithm.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};

use crate::bound::Bound;
use crate::error::{KeyError, Unsealed};
use crate::secret::Secret;

/// The form of envelopes that is written here.
const FORM: u8 = 1;
const HEAD: usize = 2;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Bytes by which an envelope is longer than what is in it.
pub const OVERHEAD: usize = HEAD + NONCE + TAG;

/// How something is sealed. Each has a number that stands in the envelope, and is in the inventory of cryptography
/// (`docs/cbom.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// AES-256 in Galois/counter mode with a synthetic initialisation vector (RFC 8452). A nonce that comes twice, after a
    /// machine was copied for instance, only shows that the same was sealed twice.
    Aes256GcmSiv,
}

impl Algorithm {
    /// All that can be opened.
    pub const ALL: [Self; 1] = [Self::Aes256GcmSiv];

    /// The number that stands in envelopes.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Aes256GcmSiv => 1,
        }
    }

    /// Its name in the inventory.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256GcmSiv => "AES-256-GCM-SIV",
        }
    }

    fn of(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }
}

/// A key that is ready to seal and to open.
pub struct Key {
    algorithm: Algorithm,
    cipher: RandomizedNonceKey,
}

impl Key {
    /// Makes a secret ready for use.
    ///
    /// # Errors
    /// [`KeyError::Random`] when the library cannot; it does not for keys of this length.
    pub fn new(secret: &Secret) -> Result<Self, KeyError> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM_SIV, secret.expose()).map_err(|_| KeyError::Random)?;
        Ok(Self { algorithm: Algorithm::Aes256GcmSiv, cipher })
    }

    /// Seals something for one place.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn seal(&self, plain: &[u8], bound: &Bound) -> Result<Vec<u8>, KeyError> {
        let mut sealed = Vec::with_capacity(plain.len().saturating_add(OVERHEAD));
        let head = [FORM, self.algorithm.id()];
        sealed.extend(head);
        sealed.extend([0; NONCE]);
        sealed.extend_from_slice(plain);
        let (front, text) = sealed.split_at_mut(HEAD + NONCE);
        let authenticated = Aad::from(authenticated(head, bound));
        let (nonce, tag) = self.cipher.seal_in_place_separate_tag(authenticated, text).map_err(|_| KeyError::Random)?;
        if let Some(place) = front.get_mut(HEAD..) {
            place.copy_from_slice(nonce.as_ref());
        }
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for that place.
    ///
    /// # Errors
    /// [`Unsealed`] says which way it is not what it should be.
    pub fn open(&self, sealed: &[u8], bound: &Bound) -> Result<Vec<u8>, Unsealed> {
        let (head, rest) = sealed.split_first_chunk::<HEAD>().ok_or(Unsealed::Short)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or(Unsealed::Short)?;
        if head.first() != Some(&FORM) {
            return Err(Unsealed::Form);
        }
        let algorithm = head.last().copied().and_then(Algorithm::of);
        if algorithm != Some(self.algorithm) {
            return Err(Unsealed::Algorithm);
        }
        let mut text = text.to_vec();
        let authenticated = Aad::from(authenticated(*head, bound));
        let opened = self.cipher.open_in_place(Nonce::assume_unique_for_key(*nonce), authenticated, &mut text);
        let length = opened.map_err(|_| Unsealed::Closed)?.len();
        text.truncate(length);
        Ok(text)
    }
}

fn authenticated(head: [u8; HEAD], bound: &Bound) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + bound.bytes().len());
    bytes.extend(head);
    bytes.extend_from_slice(bound.bytes());
    bytes
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.algorithm).finish()
    }
}

#[cfg(test)]
mod tests;
