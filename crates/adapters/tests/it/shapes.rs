//! What vendors publish of their interfaces (`api/*.json`), as something that requests and answers are held against.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// A description.
pub(crate) struct Shapes(Value);

impl Shapes {
    pub(crate) fn of(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// What is said of an operation.
    pub(crate) fn operation(&self, name: &str) -> Option<&Value> {
        self.0["operations"].get(name)
    }

    /// What is wrong with the request (`request`) or answer (`response`) of an operation.
    pub(crate) fn check(&self, operation: &str, which: &str, body: &str) -> Result<Value, String> {
        let described = self.operation(operation).ok_or_else(|| format!("there is no operation `{operation}`"))?;
        let Some(schema) = described[which].as_str() else {
            return if body.is_empty() { Ok(Value::Null) } else { Err(format!("{operation} takes no body")) };
        };
        let value: Value = serde_json::from_str(body).map_err(|error| format!("{operation}: {error}"))?;
        self.fits(schema, &value)?;
        Ok(value)
    }

    fn fits(&self, schema: &str, value: &Value) -> Result<(), String> {
        let shape = &self.0["schemas"][schema];
        let members = value.as_object().ok_or_else(|| format!("{schema} should be an object"))?;
        for required in shape["required"].as_array().unwrap() {
            if !members.contains_key(required.as_str().unwrap()) {
                return Err(format!("{schema} needs {required}"));
            }
        }
        for (name, value) in members {
            let property = shape["properties"].get(name).ok_or_else(|| format!("{schema} has no `{name}`"))?;
            match property["ref"].as_str() {
                Some(other) => self.fits(other, value)?,
                None => fits(property, value).map_err(|why| format!("{schema}.{name} {why}"))?,
            }
        }
        Ok(())
    }
}

fn fits(property: &Value, value: &Value) -> Result<(), String> {
    let length = match (property["type"].as_str().unwrap(), value) {
        ("string", Value::String(text)) => {
            let known = property["enum"].as_array();
            if known.is_some_and(|known| !known.contains(value)) {
                return Err(format!("is none of {known:?}"));
            }
            text.len()
        }
        ("bytes", Value::String(text)) => {
            STANDARD.decode(text).map_err(|error| format!("is no base64: {error}"))?.len()
        }
        ("base64url", Value::String(text)) => {
            URL_SAFE_NO_PAD.decode(text).map_err(|error| format!("is no base64url: {error}"))?.len()
        }
        ("map", Value::Object(members)) if members.values().all(Value::is_string) => return Ok(()),
        ("list", Value::Array(_)) | ("boolean", Value::Bool(_)) | ("integer" | "number", Value::Number(_)) => {
            return Ok(());
        }
        (kind, _) => return Err(format!("is no {kind}")),
    };
    let limit = |name: &str| property[name].as_u64().map(|limit| usize::try_from(limit).unwrap());
    if limit("min").is_some_and(|min| length < min) || limit("max").is_some_and(|max| length > max) {
        return Err(format!("has a length of {length}"));
    }
    Ok(())
}

/// A request as a fake reads it.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    head: &'a str,
    pub(crate) body: &'a str,
}

impl<'a> Request<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        Self { method, target, head, body }
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(": "))
    }

    pub(crate) fn header(&self, name: &str) -> &'a str {
        self.headers().find(|(of, _)| of.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// A way in which a fake misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// So many requests are too many; then it is well again.
    Busy(usize),
    /// It refuses whoever asks.
    Denying,
    /// It never answers.
    Stalled,
}
