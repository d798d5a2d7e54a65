//! What `backtest` and `forecast` have in common: recorded load, of which some is left out.

use tenantry_sim::backtest::LeftOut;

fn lines(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("  {item}")).collect::<Vec<_>>().join("\n")
}

fn reasons(left_out: &[LeftOut]) -> String {
    lines(left_out.iter().map(|one| format!("{}: {}", one.trace, one.reason)))
}

/// Why there is no answer when no trace was of use.
pub(crate) fn nothing(done: &str, left_out: &[LeftOut]) -> anyhow::Error {
    anyhow::anyhow!("no trace could be {done}\n{}", reasons(left_out))
}

/// The last parts of an answer: what was left out, and how it was done.
pub(crate) fn closing(left_out: &[LeftOut], head: &str, assumptions: &[String]) -> Vec<String> {
    let mut parts = Vec::new();
    if !left_out.is_empty() {
        parts.push(format!("Left out\n{}", reasons(left_out)));
    }
    parts.push(format!("{head}\n{}", lines(assumptions.iter().cloned())));
    parts
}
