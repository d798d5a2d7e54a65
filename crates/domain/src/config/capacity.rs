//! How a document says what a replica carries.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::spec::Capacity;
use crate::unit::Milli;

/// The text that asks for learning.
pub(crate) const AUTO: &str = "auto";

/// A number that is held, `auto`, or a number to learn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CapacityBody {
    /// Held as it is.
    Declared(f64),
    /// Learned, with what it is taken for before.
    Learned(Option<f64>),
}

impl CapacityBody {
    /// The number that is told, whatever it is for.
    pub(crate) const fn told(self) -> Option<f64> {
        match self {
            Self::Declared(value) => Some(value),
            Self::Learned(prior) => prior,
        }
    }

    /// As the planner knows it; none for a number out of range, which the schema refuses.
    pub(crate) fn capacity(self) -> Option<Capacity> {
        match self {
            Self::Declared(value) => Milli::from_f64(value).map(Capacity::Declared),
            Self::Learned(None) => Some(Capacity::Learned { prior: None }),
            Self::Learned(Some(prior)) => Milli::from_f64(prior).map(|prior| Capacity::Learned { prior: Some(prior) }),
        }
    }
}

impl<'de> Deserialize<'de> for CapacityBody {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
            Prior { prior: f64 },
        }
        match Either::deserialize(from)? {
            Either::Number(value) => Ok(Self::Declared(value)),
            Either::Text(text) if text == AUTO => Ok(Self::Learned(None)),
            Either::Text(text) => Err(serde::de::Error::custom(unknown(&text))),
            Either::Prior { prior } => Ok(Self::Learned(Some(prior))),
        }
    }
}

/// What a text that is not [`AUTO`] is told.
pub(crate) fn unknown(text: &str) -> String {
    format!("`{text}` is no capacity; write a number, `{AUTO}`, or `{{ prior: 100 }}`")
}

impl JsonSchema for CapacityBody {
    fn schema_name() -> Cow<'static, str> {
        "Capacity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a ready replica carries: a number, which is held; `auto`, which is learned from cpu and \
                            latency; or `{ prior: 100 }`, which is learned too and taken for about 100 before.",
            "type": ["number", "string", "object"],
            "format": "capacity",
            "minimum": 0.001,
            "maximum": 1e15,
            "properties": {
                "prior": {
                    "description": "What it is taken for, give or take a tenth, before anything is learned.",
                    "type": "number",
                    "minimum": 0.001,
                    "maximum": 1e15
                }
            },
            "required": ["prior"],
            "additionalProperties": false
        })
    }
}
