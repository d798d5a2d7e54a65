//! Keys and names that are made of a key.

use std::fmt;

use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::error::KeyError;
use crate::secret::{SECRET_LENGTH, Secret};

/// Bytes of a name.
pub const NAME_LENGTH: usize = 32;

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        SECRET_LENGTH
    }
}

impl Secret {
    /// Another key, made of this one for one use (HKDF). Who has it learns nothing of this one, or of those for other uses.
    ///
    /// # Errors
    /// [`KeyError::Random`] when the library cannot; it does not for keys of this length.
    pub fn derive(&self, purpose: &str) -> Result<Self, KeyError> {
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tenantry derived key 1").extract(self.expose());
        let mut bytes = Zeroizing::new([0_u8; SECRET_LENGTH]);
        let info = [purpose.as_bytes()];
        let expanded = pseudorandom.expand(&info, Length).map_err(|_| KeyError::Random)?;
        expanded.fill(bytes.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Self::from_bytes(bytes.as_slice()).ok_or(KeyError::Random)
    }
}

/// Names contents by a keyed hash: the same contents have the same name, and nobody without the key can tell by a name whether
/// contents are those that they guess.
#[derive(Clone)]
pub struct Namer(hmac::Key);

impl Namer {
    /// Makes a key ready for naming.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// The name of contents.
    #[must_use]
    pub fn name(&self, contents: &[u8]) -> [u8; NAME_LENGTH] {
        let mut name = [0; NAME_LENGTH];
        name.copy_from_slice(hmac::sign(&self.0, contents).as_ref());
        name
    }
}

impl fmt::Debug for Namer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Namer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_derived_depends_on_key_and_purpose_only() {
        let key = |byte| Secret::from_bytes(&[byte; SECRET_LENGTH]).unwrap();
        let derived = key(1).derive("seal").unwrap();
        assert_eq!(*derived.to_hex(), *key(1).derive("seal").unwrap().to_hex());
        assert_ne!(*derived.to_hex(), *key(1).derive("name").unwrap().to_hex());
        assert_ne!(*derived.to_hex(), *key(2).derive("seal").unwrap().to_hex());
        assert_ne!(*derived.to_hex(), *key(1).to_hex());
    }

    #[test]
    fn names_are_of_contents_and_key() {
        let namer = |byte| Namer::new(&Secret::from_bytes(&[byte; SECRET_LENGTH]).unwrap());
        assert_eq!(namer(1).name(b"a"), namer(1).name(b"a"));
        assert_ne!(namer(1).name(b"a"), namer(1).name(b"b"));
        assert_ne!(namer(1).name(b"a"), namer(2).name(b"a"));
        assert_eq!(format!("{:?}", namer(1)), "Namer(..)");
    }
}
