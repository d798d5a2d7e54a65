//! Policies as somebody writes them: read strictly, or told what is wrong.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tenantry_policy::access::{DeclaredRoles, Rules, Written};

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().expect("they come with the program"));

fuzz_target!(|text: &str| {
    let written = Written { policies: text.to_owned(), roles: DeclaredRoles::default() };
    if let Err(error) = RULES.shared(&written) {
        assert!(!error.to_string().is_empty());
    }
});
