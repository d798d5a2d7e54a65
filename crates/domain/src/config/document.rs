//! One file of the configuration.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::DocumentKey;
use super::body::Body;
use super::check::Wrong;
use super::counts;
use super::cross::cross_check;
use super::draft::Draft;
use super::problem::{Problem, Problems};
use super::tree::{Kind, Node, Place};
use crate::id::{NameError, RegionName, TenantId, TierName};

/// A document that is sound in itself: its shape, its values, and what they say of each other.
#[derive(Debug, Clone)]
pub struct Document {
    key: DocumentKey,
    // Shared, as documents are laid over others and kept beside them by the ten thousand.
    body: Arc<Value>,
    source: Arc<str>,
    /// Line and column of each field, by its dotted name.
    places: Arc<BTreeMap<String, (u32, u32)>>,
    /// The text, while it is at hand.
    text: Option<Arc<str>>,
    /// Made once, when it is first asked for.
    digest: OnceLock<String>,
}

/// A document as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    source: String,
    body: Value,
    places: BTreeMap<String, (u32, u32)>,
}

/// The keys a file may begin with, with the name of the one field that names what it is about.
const ROOTS: [(&str, &str); 4] =
    [("default_config", ""), ("tier_config", "name"), ("region_config", "name"), ("tenant_config", "tenant")];

impl Document {
    /// Reads a document. `source` names it in messages; `stem` is the file's name without its ending, and names what a
    /// document is about that does not say so itself.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(source: &str, text: &str, stem: Option<&str>) -> Result<Self, Problems> {
        Draft::read(source, text, stem).into_document()
    }

    pub(super) fn cross_check(&self) -> Result<(), Problems> {
        let (body, locate) = (self.typed()?, |field: &str| self.locate(field));
        let mut problems = cross_check(&body, &self.body, &locate);
        // What is not said here may be said by a layer.
        problems.0.extend(counts::check(&body, &self.body, false, &locate).0);
        problems.into_result()
    }

    /// Without the fields that `wrong` names, so that the rest can be held against itself and other documents.
    pub(super) fn without(&self, wrong: &[Wrong]) -> Self {
        let mut rest = Self { digest: OnceLock::new(), ..self.clone() };
        // What is inside an item of a list takes the item with it, once; later items first, so that places hold.
        let mut fields: Vec<&str> =
            wrong.iter().map(|wrong| wrong.field.split_inclusive(']').next().unwrap_or_default()).collect();
        fields.dedup();
        for field in fields.into_iter().rev() {
            remove(Arc::make_mut(&mut rest.body), field);
        }
        rest
    }

    /// Reads a document as [`Document::to_stored`] wrote it.
    ///
    /// # Errors
    /// A text that is none, or one that this program's schema no longer allows.
    pub fn from_stored(key: DocumentKey, json: &str) -> Result<Self, Problems> {
        let stored: Stored = serde_json::from_str(json).map_err(|error| {
            Problems(vec![Problem {
                file: format!("stored {key}"),
                line: 0,
                column: 0,
                field: String::new(),
                message: format!("it cannot be read: {error}"),
                excerpt: String::new(),
                help: None,
            }])
        })?;
        let document = Self {
            key,
            body: Arc::new(stored.body),
            source: stored.source.into(),
            places: Arc::new(stored.places),
            text: None,
            digest: OnceLock::new(),
        };
        document.typed()?;
        Ok(document)
    }

    /// What it is about.
    #[must_use]
    pub const fn key(&self) -> &DocumentKey {
        &self.key
    }

    /// Its fields.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The shared documents that it is laid over, whether they are declared or not.
    #[must_use]
    pub fn layers(&self) -> Vec<DocumentKey> {
        let named = |field: &str| self.body.get(field).and_then(Value::as_str);
        let tier = named("tier").and_then(|name| TierName::new(name).ok()).map(DocumentKey::Tier);
        let region = named("region").and_then(|name| RegionName::new(name).ok()).map(DocumentKey::Region);
        let shared = matches!(self.key, DocumentKey::Tenant(_)).then_some(DocumentKey::Defaults);
        shared.into_iter().chain(tier).chain(region).collect()
    }

    /// What it was called when it was read.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// As text to store: fields, and where each stood.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let (body, places) = (Value::clone(&self.body), BTreeMap::clone(&self.places));
        let stored = Stored { source: self.source.to_string(), body, places };
        // Plain data with text for keys always has a form as JSON; what is empty is refused when it is read.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// SHA-256 of its fields in their canonical form, lower-case hexadecimal. Comments, order and the file's name do
    /// not count.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let mut text = String::with_capacity(64);
            let mut canonical = String::new();
            write_canonical(&self.body, &mut canonical);
            for byte in Sha256::digest(canonical.as_bytes()) {
                text.extend([byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')));
            }
            text
        })
    }

    /// As the content of a file that reads back as the same document.
    #[must_use]
    pub fn to_file(&self) -> Value {
        let root = match self.key {
            DocumentKey::Defaults => "default_config",
            DocumentKey::Tier(_) => "tier_config",
            DocumentKey::Region(_) => "region_config",
            DocumentKey::Tenant(_) => "tenant_config",
        };
        let mut body = Map::new();
        let name = match &self.key {
            DocumentKey::Defaults => None,
            DocumentKey::Tier(name) => Some(("name", name.to_string())),
            DocumentKey::Region(name) => Some(("name", name.to_string())),
            DocumentKey::Tenant(id) => Some(("tenant", id.to_string())),
        };
        if let Some((field, name)) = name {
            body.insert(field.to_owned(), Value::String(name));
        }
        // The same document reads the same wherever it was written.
        let mut fields = Value::clone(&self.body);
        fields.sort_all_objects();
        if let Value::Object(fields) = fields {
            body.extend(fields);
        }
        Value::Object([(root.to_owned(), Value::Object(body))].into_iter().collect())
    }

    /// As a file that reads back as the same document.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        // YAML is a superset of JSON; the JSON form is the one that cannot fail.
        let file = self.to_file();
        serde_saphyr::to_string(&file).unwrap_or_else(|_| file.to_string())
    }

    /// Where a field stands, or the group nearest around it, as a problem that says nothing yet.
    #[must_use]
    pub fn locate(&self, field: &str) -> Problem {
        let mut name = field;
        let place = loop {
            if let Some(place) = self.places.get(name) {
                break *place;
            }
            match name.rsplit_once('.') {
                Some((outer, _)) => name = outer,
                None => break (0, 0),
            }
        };
        Problem {
            file: self.source.to_string(),
            line: place.0,
            column: place.1,
            field: field.to_owned(),
            message: String::new(),
            excerpt: self.text.as_deref().map(|text| line_of(text, place.0)).unwrap_or_default(),
            help: None,
        }
    }

    /// Line of a field, when it is set here.
    pub(crate) fn line(&self, field: &str) -> Option<u32> {
        self.places.get(field).map(|(line, _)| *line)
    }

    pub(crate) fn typed(&self) -> Result<Body, Problems> {
        Body::deserialize(self.body.as_ref()).map_err(|error| {
            let mut problem = self.locate("");
            problem.message = error.to_string();
            Problems(vec![problem])
        })
    }
}

/// Writes JSON without blanks and with every object's keys in order. How a map keeps its keys is for other crates of the
/// program to say (`serde_json/preserve_order`), and is no part of what a document says.
pub(super) fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (place, (name, inner)) in fields.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write_canonical(inner, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn line_of(text: &str, line: u32) -> String {
    let index = usize::try_from(line).unwrap_or(0);
    let found = index.checked_sub(1).and_then(|index| text.lines().nth(index));
    found.map(|line| line.trim_end().chars().take(160).collect()).unwrap_or_default()
}

/// Takes a field out, such as `autoscaling.strategy` or the second item of `calendars.holidays[1]`.
fn remove(value: &mut Value, field: &str) {
    let (path, item) = match field.split_once('[') {
        Some((path, rest)) => (path, rest.split(']').next().and_then(|place| place.parse::<usize>().ok())),
        None => (field, None),
    };
    let Some(item) = item else {
        let (group, key) = path.rsplit_once('.').unwrap_or(("", path));
        let group = if group.is_empty() { String::new() } else { format!("/{}", group.replace('.', "/")) };
        if let Some(Value::Object(fields)) = value.pointer_mut(&group) {
            fields.remove(key);
        }
        return;
    };
    if let Some(Value::Array(items)) = value.pointer_mut(&format!("/{}", path.replace('.', "/")))
        && item < items.len()
    {
        items.remove(item);
    }
}

pub(super) struct Reader<'a> {
    pub(super) source: &'a str,
    pub(super) text: &'a str,
}

impl Reader<'_> {
    pub(super) fn problem(&self, wrong: &Wrong) -> Problem {
        Problem {
            file: self.source.to_owned(),
            line: wrong.place.line,
            column: wrong.place.column,
            field: wrong.field.clone(),
            message: wrong.message.clone(),
            excerpt: line_of(self.text, wrong.place.line),
            help: wrong.help.clone(),
        }
    }

    pub(super) fn document(&self, root: &Node, stem: Option<&str>, wrong: &mut Vec<Wrong>) -> Option<Document> {
        let found: Vec<(&(&str, &str), &Node)> =
            ROOTS.iter().filter_map(|known| Some((known, root.get(known.0)?))).collect();
        let told = |message: &str, place: Place| Wrong {
            place,
            field: String::new(),
            message: message.to_owned(),
            help: None,
        };
        let [((root_name, name_field), body)] = found.as_slice() else {
            let names: Vec<&str> = ROOTS.iter().map(|(name, _)| *name).collect();
            if found.len() > 1 || wrong.is_empty() {
                wrong.push(told(&format!("a file holds exactly one of {}", names.join(", ")), root.place));
            }
            return None;
        };
        for (field, only) in [("tenant", "tenant_config"), ("tier", "tenant_config"), ("region", "tenant_config")] {
            if let Some(node) = body.get(field).filter(|_| root_name != &only) {
                wrong.push(told(&format!("`{field}` belongs into `{only}` only"), node.place));
            }
        }
        if let Some(node) =
            body.get("name").filter(|_| !root_name.starts_with("tier") && !root_name.starts_with("region"))
        {
            wrong.push(told("`name` belongs into `tier_config` and `region_config` only", node.place));
        }
        let said = body.get(name_field).and_then(|node| match &node.kind {
            Kind::Scalar { text, .. } => Some(text.as_str()),
            _ => None,
        });
        let key = match key(root_name, said.or(stem)) {
            Ok(key) => key,
            Err(message) => {
                if !wrong.iter().any(|known| known.field == *name_field) {
                    wrong.push(told(&message, body.place));
                }
                return None;
            }
        };
        let mut fields = body.to_value();
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("tenant");
            fields.remove("name");
        }
        if fields.is_null() {
            fields = Value::Object(Map::new());
        }
        let mut places = BTreeMap::new();
        note_places("", body, &mut places);
        let (source, text) = (Arc::from(self.source), Some(Arc::from(self.text)));
        let (body, places) = (Arc::new(fields), Arc::new(places));
        Some(Document { key, body, source, places, text, digest: OnceLock::new() })
    }
}

fn key(root: &str, name: Option<&str>) -> Result<DocumentKey, String> {
    let named = name.unwrap_or_default();
    let told = |error: NameError| format!("{error}; name it in the document, or by the file's name");
    match root {
        "default_config" => Ok(DocumentKey::Defaults),
        "tier_config" => TierName::new(named).map(DocumentKey::Tier).map_err(told),
        "region_config" => RegionName::new(named).map(DocumentKey::Region).map_err(told),
        _ if named == "tenantry" => Err("`tenantry` is the server's own name; give the tenant another".to_owned()),
        _ => TenantId::new(named).map(DocumentKey::Tenant).map_err(told),
    }
}

fn note_places(path: &str, node: &Node, places: &mut BTreeMap<String, (u32, u32)>) {
    let Kind::Map(pairs) = &node.kind else { return };
    for (key, place, inner) in pairs {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        note_places(&path, inner, places);
        places.insert(path, (place.line, place.column));
    }
}
