//! What a token looks like: `tnt_`, its id, `_`, 43 random characters, and six that catch misspellings.
//!
//! The secret has 256 bits of chance, so a fast hash is enough: there is nothing to guess that slow hashing would make
//! dearer, and slow hashing of whatever anyone presents would be a way to keep the server busy.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::ports::store::{KEY_ID_LENGTH, KeyId, SecretHash};

/// How tokens begin, so that scanners of leaked secrets can tell them.
const PREFIX: &str = "tnt_";
/// Characters of the secret: 43 of 62 kinds are 256 bits.
const SECRET_LENGTH: usize = 43;
/// Characters of the checksum: six of 62 kinds are 32 bits.
const CHECKSUM_LENGTH: usize = 6;

const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Of [`LETTERS`], those that ids are made of.
const ID_LETTERS: u8 = 36;

/// A token as it is presented. Prints nothing but its id.
#[derive(Clone)]
pub struct Presented {
    id: KeyId,
    secret: String,
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A text without the secrets of tokens that stand in it, whole or misspelt: it may have been sent where none belongs, and is
/// shown again in what is said to be wrong.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(PREFIX) {
        shown.push_str(before);
        shown.push_str(PREFIX);
        rest = after;
        let is_id = |(id, _): &(&str, &str)| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if let Some((id, secret)) = rest.split_once('_').filter(is_id) {
            shown.push_str(id);
            shown.push_str("_…");
            rest = secret.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
        }
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

impl Presented {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn draw() -> Result<Self, getrandom::Error> {
        let id = KeyId::new(drawn(KEY_ID_LENGTH, ID_LETTERS)?).map_err(|_| getrandom::Error::UNEXPECTED)?;
        Ok(Self { id, secret: drawn(SECRET_LENGTH, 62)? })
    }

    /// Reads what was presented; none when it is no token, misspelt ones included.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (body, checksum) = text.split_at_checked(text.len().checked_sub(CHECKSUM_LENGTH)?)?;
        let (id, secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
        let sound = secret.len() == SECRET_LENGTH && secret.bytes().all(|byte| LETTERS.contains(&byte));
        if !sound || checksum != checksum_of(body) {
            return None;
        }
        Some(Self { id: KeyId::new(id).ok()?, secret: secret.to_owned() })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole of it, to be shown once to whom it is for.
    #[must_use]
    pub fn reveal(&self) -> String {
        let body = format!("{PREFIX}{}_{}", self.id, self.secret);
        let checksum = checksum_of(&body);
        body + &checksum
    }

    /// What is remembered of the secret. The id is hashed along, so that a hash fits no other token's row.
    pub(super) fn hash(&self) -> SecretHash {
        let mut hasher = Sha256::new();
        hasher.update(b"tenantry token 1\0");
        hasher.update(self.id.as_str());
        hasher.update(b"\0");
        hasher.update(&self.secret);
        SecretHash(hasher.finalize().into())
    }

    /// Whether the secret is the one that was remembered; takes as long for one as for another.
    pub(super) fn opens(&self, hash: &SecretHash) -> bool {
        bool::from(self.hash().0.ct_eq(&hash.0))
    }
}

/// `length` letters, each of the first `kinds` as likely as another.
fn drawn(length: usize, kinds: u8) -> Result<String, getrandom::Error> {
    // What lies beyond the last whole multiple is thrown away, or some letters would be likelier.
    let limit = u8::MAX - u8::MAX % kinds;
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        let letters = bytes.iter().filter(|byte| **byte < limit);
        let letters = letters.filter_map(|byte| LETTERS.get(usize::from(byte % kinds)));
        text.extend(letters.map(|letter| char::from(*letter)).take(length - text.len()));
    }
    Ok(text)
}

/// CRC-32 of a text, in letters.
fn checksum_of(text: &str) -> String {
    let mut rest = u64::from(crc32(text.as_bytes()));
    let mut letters = [b'0'; CHECKSUM_LENGTH];
    for letter in letters.iter_mut().rev() {
        let kind = usize::try_from(rest % 62).unwrap_or(0);
        *letter = LETTERS.get(kind).copied().unwrap_or(b'0');
        rest /= 62;
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

/// The CRC-32 of zip and Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests;
