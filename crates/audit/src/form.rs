//! Entries as others read them: CloudEvents 1.0, and events of the Open Cybersecurity Schema Framework (OCSF).
//!
//! A form tells what an entry says; the proof stays with the log, whose name, place and hash each form carries.

mod ocsf;
mod sending;

use serde_json::{Map, Value, json};

pub use self::ocsf::OCSF_VERSION;
pub use self::sending::{octet_counted, webhook_id, webhook_signature};
use crate::detail::Detail;
use crate::entry::Entry;

/// What is told to others of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The name of its log.
    pub origin: String,
    /// The entry.
    pub entry: Entry,
    /// The hash that the log's tree has for it, in hexadecimal.
    pub hash: String,
    /// Its details, where they were not erased.
    pub detail: Option<Detail>,
}

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the entry itself, with its log and hash.
    Json,
    /// As an event of OCSF.
    Ocsf,
    /// As a CloudEvent in its structured form.
    CloudEvents,
}

impl Form {
    /// By its name: `jsonl`, `ocsf` or `cloudevents`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "jsonl" => Some(Self::Json),
            "ocsf" => Some(Self::Ocsf),
            "cloudevents" => Some(Self::CloudEvents),
            _ => None,
        }
    }

    /// Media type of several in a list.
    #[must_use]
    pub const fn media_type_of_many(self) -> &'static str {
        match self {
            Self::Json | Self::Ocsf => "application/json",
            Self::CloudEvents => "application/cloudevents-batch+json",
        }
    }

    /// An entry in this form.
    #[must_use]
    pub fn of(self, told: &Told) -> Value {
        match self {
            Self::Json => told.json(),
            Self::Ocsf => ocsf::event(told),
            Self::CloudEvents => told.cloud_event(),
        }
    }
}

impl Told {
    fn json(&self) -> Value {
        let mut whole = Map::new();
        let entry = serde_json::to_value(&self.entry).unwrap_or_default();
        let detail = self.detail.clone().map(|detail| detail.into_parts().0);
        for (name, value) in [
            ("detail", detail),
            ("entry", Some(entry)),
            ("hash", Some(json!(self.hash))),
            ("log", Some(json!(self.origin))),
        ] {
            if let Some(value) = value {
                whole.insert(name.to_owned(), value);
            }
        }
        Value::Object(whole)
    }

    /// By log and place, which is what makes two deliveries of one entry the same.
    fn cloud_event(&self) -> Value {
        let Entry { action, at, resource, seq, tenant, .. } = &self.entry;
        let mut event = json!({
            "specversion": "1.0",
            "id": seq.to_string(),
            "source": self.origin,
            "type": format!("io.tenantry.audit.{action}"),
            "subject": resource,
            "time": at.to_string(),
            "datacontenttype": "application/json",
            "data": self.json(),
        });
        if let (Some(tenant), Value::Object(event)) = (tenant, &mut event) {
            event.insert("tenantid".to_owned(), json!(tenant.to_string()));
        }
        event
    }
}

#[cfg(test)]
mod tests;
