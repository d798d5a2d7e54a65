//! Names, spans, quantities and queries, as they stand in documents, paths and on the command line: what is read is written
//! so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_domain::config::averaged_over;
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::quantity;
use tenantry_domain::unit::Span;

fuzz_target!(|text: &str| {
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string().parse::<Span>(), Ok(span));
    }
    if let Ok(id) = TenantId::new(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(key) = text.parse::<WorkloadKey>() {
        assert_eq!(key.to_string().parse::<WorkloadKey>(), Ok(key));
    }
    let _ = quantity::parse(text);
    let _ = averaged_over(text);
});
