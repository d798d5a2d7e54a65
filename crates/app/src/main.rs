//! The one binary `tenantry`.
fn main() {}
