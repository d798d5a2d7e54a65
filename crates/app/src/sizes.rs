//! Numbers as people read them.

use tenantry_domain::spec::Target;
use tenantry_domain::unit::Milli;

/// A value with at most four digits and a letter for its size.
pub(crate) fn short(value: Milli) -> String {
    let number = value.as_f64();
    let (scaled, unit) = match number.abs() {
        size if size >= 1e9 => (number / 1e9, "G"),
        size if size >= 1e6 => (number / 1e6, "M"),
        size if size >= 1e4 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let text = if scaled.abs() >= 100.0 { format!("{scaled:.0}") } else { format!("{scaled:.1}") };
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// What a signal is held against, short.
pub(crate) fn target(target: &Target) -> String {
    match target {
        Target::Utilization(percent) => format!("{percent}%"),
        Target::PerReplica(value) => format!("{}/replica", short(*value)),
        Target::Value(value) => short(*value),
    }
}
