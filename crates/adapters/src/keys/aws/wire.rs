//! What is said to AWS KMS and by it: the parts of its API of 2014-11-01 that are used.

use serde::{Deserialize, Serialize};

use crate::keys::wiped::Wiped;

/// What a one-time key is for. It stands in the account's trail, and policies can ask for it.
#[derive(Debug, Serialize)]
pub(super) struct Context {
    #[serde(rename = "tenantry:owner")]
    pub(super) owner: String,
    #[serde(rename = "tenantry:place")]
    pub(super) place: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKey<'a> {
    pub(super) key_id: &'a str,
    pub(super) key_spec: &'static str,
    pub(super) encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Generated {
    pub(super) key_id: String,
    pub(super) plaintext: Wiped,
    pub(super) ciphertext_blob: Wiped,
    /// Not there for keys in stores of one's own, which have only one.
    pub(super) key_material_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypt<'a> {
    pub(super) key_id: &'a str,
    pub(super) ciphertext_blob: Wiped,
    pub(super) encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypted {
    pub(super) plaintext: Wiped,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeKey<'a> {
    pub(super) key_id: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described {
    pub(super) key_metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    pub(super) key_id: String,
    pub(super) enabled: bool,
    pub(super) key_state: Option<String>,
    pub(super) current_key_material_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotateKey<'a> {
    pub(super) key_id: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rotated {}

/// A refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    #[serde(rename = "__type")]
    pub(super) kind: String,
    #[serde(alias = "Message")]
    pub(super) message: String,
}

/// A key's id, out of its ARN.
pub(super) fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
