//! What a stranger presents: API tokens, tokens of providers, and the keys that providers hand out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_engine::access::Presented;
use tenantry_engine::access::identity::{KeySet, Unproven};

fuzz_target!(|bytes: &[u8]| {
    let _ = KeySet::read(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(token) = Presented::read(text) {
        let _ = token.id();
    }
    let _ = Unproven::read(text);
});
