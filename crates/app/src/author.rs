//! Who runs the command.

/// The name given, or that of the user of this machine.
pub(crate) fn author(given: Option<String>) -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    given
        .or_else(|| named("TENANTRY_AUTHOR"))
        .or_else(|| named("USER"))
        .or_else(|| named("LOGNAME"))
        .unwrap_or_else(|| "unknown".to_owned())
}
