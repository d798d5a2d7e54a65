//! Keys as they are before they are used.

use std::fmt;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::error::KeyError;

/// Bytes of a key.
pub const SECRET_LENGTH: usize = 32;

/// The 256 bits of a key. Wiped when it is dropped, and never shown.
pub struct Secret(Zeroizing<[u8; SECRET_LENGTH]>);

impl Secret {
    /// Draws a new one.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0_u8; SECRET_LENGTH]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Ok(Self(bytes))
    }

    /// From its bytes; none when there are not exactly [`SECRET_LENGTH`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        <[u8; SECRET_LENGTH]>::try_from(bytes).ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// From hexadecimal digits; none when it is something else.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0_u8; SECRET_LENGTH]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).ok().map(|()| Self(bytes))
    }

    /// As hexadecimal digits, for where it is kept.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// Its bytes, for who seals it.
    #[must_use]
    pub fn expose(&self) -> &[u8; SECRET_LENGTH] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
