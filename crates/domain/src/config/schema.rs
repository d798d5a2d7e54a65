//! The JSON Schema of documents, made from the types, for editors and for our own checks.

use std::sync::LazyLock;

use serde_json::Value;

use super::body::File;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(File).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("minProperties".to_owned(), 1.into());
        root.insert("maxProperties".to_owned(), 1.into());
    }
    // How a map keeps its keys is for other crates of the program to say.
    schema.sort_all_objects();
    schema
});

/// The JSON Schema of a configuration file.
#[must_use]
pub fn schema() -> &'static Value {
    &SCHEMA
}
