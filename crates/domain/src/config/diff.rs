//! What differs between two documents or two effective configurations, field by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::write_canonical;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field, such as `autoscaling.min_replicas`.
    pub field: String,
    /// Its value before; none where it was not set.
    pub before: Option<String>,
    /// Its value after; none where it is no longer set.
    pub after: Option<String>,
}

/// Every field that differs, ordered by name. An absent side has no fields.
#[must_use]
pub fn diff(before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    leaves("", before.unwrap_or(&Value::Null), &mut old);
    leaves("", after.unwrap_or(&Value::Null), &mut new);
    // Who writes a document decides how many fields it has: nothing here takes their square.
    let mut fields: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for (field, value) in old {
        fields.entry(field).or_default().0 = Some(value);
    }
    for (field, value) in new {
        fields.entry(field).or_default().1 = Some(value);
    }
    let differing = fields.into_iter().filter(|(_, (before, after))| before != after);
    differing.map(|(field, (before, after))| FieldChange { field, before, after }).collect()
}

/// Every field that holds a value, with it as text.
pub(crate) fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, inner) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(&path, inner, found);
            }
        }
        Value::Null if path.is_empty() => {}
        Value::Null => found.push((path.to_owned(), "(built-in default)".to_owned())),
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => {
            let mut text = String::new();
            write_canonical(other, &mut text);
            found.push((path.to_owned(), text));
        }
    }
}
