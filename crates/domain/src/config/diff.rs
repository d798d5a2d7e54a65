//! What differs between two documents or two effective configurations, field by field.

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
    let mut changes: Vec<FieldChange> = Vec::new();
    for (field, value) in &old {
        let other = new.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone());
        if other.as_ref() != Some(value) {
            changes.push(FieldChange { field: field.clone(), before: Some(value.clone()), after: other });
        }
    }
    for (field, value) in new {
        if !old.iter().any(|(name, _)| *name == field) {
            changes.push(FieldChange { field, before: None, after: Some(value) });
        }
    }
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    changes
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
