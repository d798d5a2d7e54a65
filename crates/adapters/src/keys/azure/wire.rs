//! What is said to Azure Key Vault and by it: the parts of its API 7.4 that are used.

use serde::{Deserialize, Serialize};

use crate::keys::wiped::Wiped;

#[derive(Serialize)]
pub(super) struct KeyOperation {
    pub(super) alg: &'static str,
    pub(super) value: Wiped,
}

#[derive(Deserialize)]
pub(super) struct KeyResult {
    pub(super) value: Wiped,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyBundle {
    pub(super) key: JsonWebKey,
    pub(super) attributes: Attributes,
}

#[derive(Debug, Deserialize)]
pub(super) struct JsonWebKey {
    pub(super) kid: String,
    pub(super) kty: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Attributes {
    pub(super) enabled: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

/// A refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) error: Reason,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) innererror: Option<Inner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Inner {
    pub(super) code: String,
}
