//! Envelopes for services that seal keys of their own, or authenticate nothing with what they seal: a key is used for one
//! data key, and the service seals that. The data key itself never leaves this machine.
//!
//! An envelope is `form, length and text of which key of the service, length and bytes of the sealed one-time key, the data
//! key sealed with the one-time key`. The last is bound to owner, place and number of the service's key.

use aws_lc_rs::digest::{SHA256, digest};
use tenantry_keys::{Bound, Key, KeyError, Owner, Secret, Wrapped};
use zeroize::Zeroizing;

/// The form that is written here.
const FORM: u8 = 1;

/// What is in one.
pub(super) struct OneTime {
    /// Which key of the service.
    pub(super) with: String,
    /// The one-time key, sealed by the service.
    pub(super) key: Vec<u8>,
    sealed: Vec<u8>,
}

impl OneTime {
    /// Seals a data key with a one-time key.
    pub(super) fn seal(
        one: &Secret,
        with: &str,
        key: &[u8],
        number: i64,
        secret: &Secret,
        place: (&Owner, &Bound),
    ) -> Result<Wrapped, KeyError> {
        let sealed = Key::new(one)?.seal(secret.expose(), &bound(place, number))?;
        let mut bytes = vec![FORM];
        for part in [with.as_bytes(), key] {
            bytes.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(part);
        }
        bytes.extend(sealed);
        Ok(Wrapped { version: number, bytes })
    }

    /// Reads one; none when it is something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&form, rest) = bytes.split_first()?;
        let (with, rest) = part(rest)?;
        let (key, sealed) = part(rest)?;
        let with = std::str::from_utf8(with).ok()?.to_owned();
        (form == FORM).then(|| Self { with, key: key.to_vec(), sealed: sealed.to_vec() })
    }

    /// Opens the data key with the one-time key; none when it was sealed for something else.
    pub(super) fn open(&self, one: &Secret, number: i64, place: (&Owner, &Bound)) -> Option<Secret> {
        let opened = Key::new(one).ok()?.open(&self.sealed, &bound(place, number)).ok()?;
        Secret::from_bytes(&Zeroizing::new(opened))
    }
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn bound((owner, bound): (&Owner, &Bound), number: i64) -> Bound {
    bound.clone().text(&owner.to_string()).number(number)
}

/// What a service authenticates with a data key, where it does: owner and place.
pub(super) fn authenticated(owner: &Owner, bound: &Bound) -> Vec<u8> {
    bound.clone().text(&owner.to_string()).to_bytes()
}

/// A place as a short text that says nothing of it, for where such texts are logged.
pub(super) fn fingerprint(bound: &Bound) -> String {
    hex::encode(digest(&SHA256, &bound.to_bytes()))
}

/// The number of a key that a service knows by a text: 48 bits of its hash, so that it is the same everywhere, and fits into
/// the integers of JSON.
pub(super) fn number(id: &str) -> i64 {
    let hash = digest(&SHA256, format!("tenantry key id 1 {id}").as_bytes());
    hash.as_ref().iter().take(6).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}
