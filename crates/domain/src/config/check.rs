//! A tree held against the schema: every unknown key, wrong type and impossible value, each with its place.

use std::str::FromStr;

use serde_json::Value;

use super::capacity::{AUTO, unknown};
use super::problem::nearest;
use super::schema::schema;
use super::tree::{Kind, Node, Place};
use super::vertical::quantity_fault;
use crate::id::TierName;
use crate::unit::Span;

/// Something wrong in a tree, before the file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) place: Place,
    pub(crate) field: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Holds the whole file against the schema.
pub(crate) fn check(root: &Node) -> Vec<Wrong> {
    let mut found = Vec::new();
    Checker { found: &mut found }.node(schema(), root, "");
    found
}

struct Checker<'a> {
    found: &'a mut Vec<Wrong>,
}

fn resolve(schema: &'static Value) -> &'static Value {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
    let target = reference.strip_prefix('#').and_then(|pointer| self::schema().pointer(pointer));
    target.map_or(schema, resolve)
}

/// Alternatives of a schema, with `null` told apart.
fn alternatives(schema: &'static Value) -> (Vec<&'static Value>, bool) {
    let schema = resolve(schema);
    let Some(any) = schema.get("anyOf").and_then(Value::as_array) else {
        return (vec![schema], types(schema).contains(&"null"));
    };
    let resolved: Vec<&Value> = any.iter().map(resolve).collect();
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
    let nullable = resolved.iter().any(is_null);
    (resolved.into_iter().filter(|schema| !is_null(schema)).collect(), nullable)
}

fn types(schema: &'static Value) -> Vec<&'static str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The texts that a schema allows, when it names them.
fn choices(schema: &'static Value) -> Vec<&'static str> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let constants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let inner = constants.clone().filter_map(|one| one.get("enum")).filter_map(Value::as_array).flatten();
    listed
        .chain(constants.filter_map(|one| one.get("const")))
        .chain(inner)
        .chain(schema.get("const"))
        .filter_map(Value::as_str)
        .collect()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn in_words(kind: &str) -> &'static str {
    match kind {
        "null" => "nothing",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        _ => "a group of fields",
    }
}

impl Checker<'_> {
    fn wrong(&mut self, place: Place, field: &str, message: String, help: Option<String>) {
        // Which of the four kinds of document it is, the file says already.
        let field = field.split_once("_config.").map_or(field, |(_, inner)| inner).to_owned();
        self.found.push(Wrong { place, field, message, help });
    }

    fn node(&mut self, schema: &'static Value, node: &Node, path: &str) {
        let (options, nullable) = alternatives(schema);
        let value_kind = match &node.kind {
            Kind::Scalar { value, .. } => kind_of(value),
            Kind::List(_) => "array",
            Kind::Map(_) => "object",
        };
        if value_kind == "null" && nullable {
            return;
        }
        let Some(schema) = options.first().copied() else { return };
        let names = choices(schema);
        if !names.is_empty() {
            return self.choice(&names, node, path);
        }
        let allowed = types(schema);
        let fits = allowed.is_empty()
            || allowed.contains(&value_kind)
            || (value_kind == "integer" && allowed.contains(&"number"));
        if !fits {
            return self.wrong_type(&allowed, value_kind, node, path);
        }
        match &node.kind {
            Kind::Map(pairs) => self.map(schema, pairs, node.place, path),
            Kind::List(items) => {
                let Some(inner) = schema.get("items") else { return };
                for (place, item) in items.iter().enumerate() {
                    self.node(inner, item, &format!("{path}[{place}]"));
                }
            }
            Kind::Scalar { value, text } => self.scalar(schema, value, text, node.place, path),
        }
    }

    fn choice(&mut self, names: &[&'static str], node: &Node, path: &str) {
        let text = match &node.kind {
            Kind::Scalar { text, .. } => text.as_str(),
            _ => "",
        };
        if names.contains(&text) {
            return;
        }
        let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let one_of = if listed.len() == 1 { "it can only be" } else { "it is one of" };
        let help = nearest(text, names.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        self.wrong(node.place, path, format!("`{text}` is not known here; {one_of} {}", listed.join(", ")), help);
    }

    fn wrong_type(&mut self, allowed: &[&'static str], found: &str, node: &Node, path: &str) {
        let wanted: Vec<&str> = allowed.iter().filter(|kind| **kind != "null").map(|kind| in_words(kind)).collect();
        let text = match &node.kind {
            Kind::Scalar { text, .. } => text.as_str(),
            _ => "",
        };
        let help = match text {
            "yes" | "on" | "Yes" | "On" if allowed.contains(&"boolean") => Some("write `true`".to_owned()),
            "no" | "off" | "No" | "Off" if allowed.contains(&"boolean") => Some("write `false`".to_owned()),
            _ if allowed.contains(&"string") && matches!(found, "integer" | "number" | "boolean") => {
                Some(format!("put it in quotes: \"{text}\""))
            }
            _ if found == "string" && text.parse::<f64>().is_ok() => Some(format!("leave the quotes away: {text}")),
            _ => None,
        };
        self.wrong(node.place, path, format!("expected {}, found {}", wanted.join(" or "), in_words(found)), help);
    }

    fn map(&mut self, schema: &'static Value, pairs: &[(String, Place, Node)], place: Place, path: &str) {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        for (key, place, node) in pairs {
            let field = join(path, key);
            if let Some(inner) = known.and_then(|known| known.get(key)) {
                self.node(inner, node, &field);
            } else if let Some(inner) = others {
                if let Err(error) = TierName::new(key.as_str()).map(|_| ()).or_else(|error| {
                    // Labels are the user's own; only groups of ours need names that fit everywhere.
                    if types(resolve(inner)) == ["string"] { Ok(()) } else { Err(error) }
                }) {
                    let message = error.to_string().replacen("tier `", "name `", 1);
                    self.wrong(*place, &field, message, None);
                }
                self.node(inner, node, &field);
            } else {
                let names: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                let help = nearest(key, names.iter().copied()).map(|name| format!("did you mean `{name}`?"));
                let help = help.or_else(|| Some(format!("known here: {}", names.join(", "))));
                self.wrong(*place, &field, format!("unknown key `{key}`"), help);
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !pairs.iter().any(|(key, _, _)| key == name) {
                self.wrong(place, path, format!("`{name}` is missing"), None);
            }
        }
    }

    fn scalar(&mut self, schema: &'static Value, value: &Value, text: &str, place: Place, path: &str) {
        if let Some(number) = value.as_f64() {
            let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
            let (least, most) = (limit("minimum"), limit("maximum"));
            if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
                let range = match (least, most) {
                    (Some(least), Some(most)) => format!("from {least} to {most}"),
                    (Some(least), None) => format!("at least {least}"),
                    (None, Some(most)) => format!("at most {most}"),
                    (None, None) => String::new(),
                };
                return self.wrong(place, path, format!("{text} is out of range: it must be {range}"), None);
            }
        }
        let Some(format) = schema.get("format").and_then(Value::as_str) else { return };
        if let Some(message) = value.as_str().and_then(|text| format_fault(format, text)) {
            self.wrong(place, path, message, None);
        }
    }
}

/// What keeps a text from being of a format.
fn format_fault(format: &str, text: &str) -> Option<String> {
    let told = |error: &dyn std::fmt::Display| Some(error.to_string());
    match format {
        "quantity" => quantity_fault(text),
        "span" => Span::from_str(text).err().and_then(|error| told(&error)),
        "capacity" => (text != AUTO).then(|| unknown(text)),
        "name" => TierName::new(text).err().map(|error| error.to_string().replacen("tier `", "name `", 1)),
        "promql" => super::query::read(text).err().map(|error| format!("not PromQL: {error}")),
        "time-zone" => jiff::tz::TimeZone::get(text).err().map(|_| {
            format!("`{text}` is no time zone of the IANA database; use a name such as `Europe/Paris` or `UTC`")
        }),
        "time-of-day" => {
            text.parse::<jiff::civil::Time>().err().map(|_| format!("`{text}` is no time of day; write it as `08:30`"))
        }
        "date" => {
            text.parse::<jiff::civil::Date>().err().map(|_| format!("`{text}` is no day; write it as `2026-12-25`"))
        }
        "instant" => text.parse::<jiff::Timestamp>().err().map(|_| {
            format!("`{text}` is no instant; write it as `2026-11-27T00:00:00Z` or with an offset, `…T00:00:00+01:00`")
        }),
        _ => None,
    }
}
