//! Half-precision numbers in two bytes each, where a variable-length code would take three.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the bits of `halves`.
pub(crate) fn serialize<S: Serializer>(halves: &[u16], to: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = halves.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    bytes.serialize(to)
}

/// Reads what [`serialize`] wrote.
pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<u16>, D::Error> {
    let bytes = Vec::<u8>::deserialize(from)?;
    let (pairs, rest) = bytes.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
    } else {
        Err(D::Error::custom("an odd number of bytes"))
    }
}
