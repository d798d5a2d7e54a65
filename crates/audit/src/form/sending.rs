//! How forms travel: frames of syslog, and the signature of a webhook.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::Told;
use crate::entry::{Outcome, digest};

/// Facility 13, `log audit`.
const FACILITY: u8 = 13;
/// Longest message id of RFC 5424.
const MESSAGE_ID_MAX: usize = 32;

/// A message of RFC 5424 in a frame with its length (RFC 6587 and 5425, octet counting).
#[must_use]
pub fn octet_counted(told: &Told, host: &str, form: &Value) -> String {
    let severity = if told.entry.outcome == Outcome::Done { 6 } else { 4 };
    let priority = FACILITY * 8 + severity;
    let id: String = told.entry.action.chars().filter(char::is_ascii_graphic).take(MESSAGE_ID_MAX).collect();
    let host: String = host.chars().filter(char::is_ascii_graphic).take(255).collect();
    let nil = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let mut message = String::new();
    // Writing into a text does not fail.
    let _ = write!(message, "<{priority}>1 {} {} tenantry - {} - {form}", told.entry.at, nil(host), nil(id));
    format!("{} {message}", message.len())
}

/// What a webhook knows a delivery by: the same entries have the same one.
#[must_use]
pub fn webhook_id(told: &[Told]) -> String {
    let name = |told: &Told| format!("{}#{}", told.origin, told.entry.seq);
    let names = (told.first().map(name), told.last().map(name));
    let hash = digest(format!("{}\n{}", names.0.unwrap_or_default(), names.1.unwrap_or_default()).as_bytes());
    format!("audit_{}", hash.get(..32).unwrap_or(&hash))
}

/// The signature of Standard Webhooks, `v1,…`, over the id, the time in seconds and the body.
#[must_use]
pub fn webhook_signature(secret: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signed = [format!("{id}.{seconds}.").as_bytes(), body].concat();
    format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&key, &signed)))
}
