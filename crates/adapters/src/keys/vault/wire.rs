//! What is said to Vault and by it: the parts of the transit engine's API that are used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keys::wiped::Wiped;

#[derive(Serialize)]
pub(super) struct Encrypt {
    pub(super) plaintext: Wiped,
    pub(super) associated_data: Wiped,
}

#[derive(Deserialize)]
pub(super) struct Encrypted {
    pub(super) ciphertext: String,
}

#[derive(Serialize)]
pub(super) struct Decrypt {
    pub(super) ciphertext: String,
    pub(super) associated_data: Wiped,
}

#[derive(Deserialize)]
pub(super) struct Decrypted {
    pub(super) plaintext: Wiped,
}

/// A key that is to be made.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// A key as it is.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) derived: bool,
    pub(super) latest_version: i64,
    #[serde(default)]
    pub(super) min_available_version: i64,
    #[serde(default)]
    pub(super) min_decryption_version: i64,
    keys: BTreeMap<i64, Value>,
}

impl State {
    /// When each version was made, in seconds since 1970. Of keys in pairs more is said, and nothing is had here.
    pub(super) fn versions(&self) -> BTreeMap<i64, i64> {
        self.keys.iter().filter_map(|(number, made)| Some((*number, made.as_i64()?))).collect()
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Least {
    pub(super) min_decryption_version: i64,
    pub(super) min_encryption_version: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Trim {
    pub(super) min_available_version: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Deletable {
    pub(super) deletion_allowed: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

/// Around each answer.
#[derive(Deserialize)]
pub(super) struct Wrapper<T> {
    pub(super) data: T,
}

/// A refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) errors: Vec<String>,
}
