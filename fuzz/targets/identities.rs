//! The document that says who of a provider is what.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_engine::access::identity::Declared;

fuzz_target!(|text: &str| {
    if let Err(problems) = Declared::read("identities.yaml", text) {
        assert!(!problems.0.is_empty(), "what is refused says why");
    }
});
