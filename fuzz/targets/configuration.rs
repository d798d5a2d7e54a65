//! A configuration document of anybody: whatever is in it, it is read or told what is wrong, and what was read stays the same
//! when it is stored and read back, exported and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_domain::config::{Document, DocumentKey, Draft, Layers};

fuzz_target!(|text: &str| {
    let draft = Draft::read("fuzz.yaml", text, Some("acme"));
    let _ = draft.problems().to_string();
    let Ok(document) = draft.into_document() else { return };
    let stored = Document::from_stored(document.key().clone(), &document.to_stored()).expect("what is stored is read back");
    assert_eq!(stored.digest(), document.digest());
    let exported = Document::parse("export.yaml", &document.to_yaml(), None).expect("what is exported is read again");
    assert_eq!(exported.digest(), document.digest());
    let layers = Layers::default();
    if matches!(document.key(), DocumentKey::Tenant(_))
        && let Ok(effective) = layers.resolve(&document)
    {
        let _ = effective.workloads();
        let _ = layers.explain(&document, None);
    }
});
