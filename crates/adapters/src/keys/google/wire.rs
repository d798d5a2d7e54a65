//! What is said to Google Cloud KMS and by it: the parts of its API v1 that are used.

use serde::{Deserialize, Serialize};

use crate::keys::wiped::Wiped;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Encrypt {
    pub(super) plaintext: Wiped,
    pub(super) additional_authenticated_data: Wiped,
}

#[derive(Deserialize)]
pub(super) struct Encrypted {
    /// The version that was used.
    pub(super) name: String,
    pub(super) ciphertext: Wiped,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Decrypt {
    pub(super) ciphertext: Wiped,
    pub(super) additional_authenticated_data: Wiped,
}

#[derive(Deserialize)]
pub(super) struct Decrypted {
    pub(super) plaintext: Wiped,
}

#[derive(Debug, Deserialize)]
pub(super) struct CryptoKey {
    pub(super) primary: Option<Version>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Version {
    pub(super) name: String,
    #[serde(default)]
    pub(super) state: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Primary {
    pub(super) crypto_key_version_id: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

/// A refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) error: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) status: String,
    pub(super) message: String,
}
