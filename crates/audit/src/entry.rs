//! What is written of each thing that was done, or refused.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use thiserror::Error;

/// The most bytes of an entry: what a bundle of tlog-tiles holds.
pub const ENTRY_MAX: usize = 65_535;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not allowed.
    Refused,
    /// It was allowed and could not be done.
    Failed,
}

/// One thing that was done or refused. Its fields are in the order of their names, so that its JSON is the canonical form of
/// RFC 8785: no spaces, no fractions, names sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was done, such as `config.revise`.
    pub action: String,
    /// Who did it, such as `token:ab12cd`.
    pub actor: String,
    /// Digest of what was there after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Digest of what was there before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// [`commitment`](crate::Detail::commitment) to the details, which are kept beside the entry and may be erased without it;
    /// of entries from before there were salts, their [`digest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// From where: an address, or `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Policies that allowed or refused it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Why, in the words of who did it.
    pub reason: String,
    /// The request that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What it was done to, such as `tenant/acme`.
    pub resource: String,
    /// Its place in the log, from 0.
    pub seq: u64,
    /// Whose log it is in; none for the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
}

/// Why something is no entry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryError {
    /// It is not written as entries are.
    #[error("it is not an entry of an audit log: {message}")]
    Shape {
        /// What is wrong.
        message: String,
    },
    /// It is longer than entries may be.
    #[error("an entry of {length} bytes is longer than the {ENTRY_MAX} that one may have; shorten its reason")]
    TooLong {
        /// Its length.
        length: usize,
    },
}

impl Entry {
    /// The bytes that are hashed into the tree.
    ///
    /// # Errors
    /// [`EntryError::TooLong`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let shape = |error: serde_json::Error| EntryError::Shape { message: error.to_string() };
        let bytes = serde_json::to_vec(self).map_err(shape)?;
        if bytes.len() > ENTRY_MAX { Err(EntryError::TooLong { length: bytes.len() }) } else { Ok(bytes) }
    }

    /// From its bytes, which must be the canonical ones.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let entry: Self =
            serde_json::from_slice(bytes).map_err(|error| EntryError::Shape { message: error.to_string() })?;
        if entry.to_bytes()? == bytes {
            Ok(entry)
        } else {
            Err(EntryError::Shape { message: "it is not in canonical form".to_owned() })
        }
    }
}

/// SHA-256 of some bytes, in lower-case hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(seq: u64) -> Entry {
        Entry {
            action: "config.revise".into(),
            actor: "user:ada".into(),
            after: Some(digest(b"after")),
            at: Timestamp::from_millis(1_800_000_000_000 + i64::try_from(seq).unwrap()),
            before: None,
            detail: None,
            from: Some("127.0.0.1".into()),
            outcome: Outcome::Done,
            policies: vec!["role.tenant-admin".into()],
            reason: format!("change {seq}"),
            request: None,
            resource: "tenant/acme".into(),
            seq,
            tenant: Some(TenantId::new("acme").unwrap()),
        }
    }

    #[test]
    fn its_json_is_canonical_and_nothing_else_is_taken_for_it() {
        let bytes = entry(7).to_bytes().unwrap();
        let sorted: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        // Values sort the names of their fields.
        assert_eq!(serde_json::to_vec(&sorted).unwrap(), bytes);
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry(7));
        let text = String::from_utf8(bytes).unwrap();
        for other in
            [text.replace("\":", "\": "), text.replace("\"seq\":7", "\"seq\":7,\"more\":1"), text[1..].to_owned()]
        {
            assert!(Entry::from_bytes(other.as_bytes()).is_err(), "{other}");
        }
        let long = Entry { reason: "x".repeat(ENTRY_MAX), ..entry(7) };
        assert!(matches!(long.to_bytes(), Err(EntryError::TooLong { .. })));
    }
}
