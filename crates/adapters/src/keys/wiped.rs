//! Texts of answers and questions that are keys or open something, wiped when they are dropped.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Such a text.
#[derive(Clone)]
pub(super) struct Wiped(Zeroizing<String>);

impl Wiped {
    /// Bytes as text.
    pub(super) fn of(bytes: &[u8], by: &GeneralPurpose) -> Self {
        Self(Zeroizing::new(by.encode(bytes)))
    }

    /// The bytes that it stands for.
    pub(super) fn bytes(&self, by: &GeneralPurpose) -> Option<Zeroizing<Vec<u8>>> {
        by.decode(self.0.as_bytes()).ok().map(Zeroizing::new)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_text(self) -> Zeroizing<String> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Wiped {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Serialize for Wiped {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}
