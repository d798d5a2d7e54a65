//! An evaluation for a terminal.

use tenantry_sim::evaluate::{Ahead, Method, Report, Row};

use crate::commands::recorded;
use crate::output;

/// Rows for single traces are shown up to this many traces; JSON has them all.
const TRACES_SHOWN: usize = 4;

/// The heads of [`cells`].
pub(super) const HEAD: [&str; 10] =
    ["HORIZON", "ORIGINS", "METHOD", "SCORED", "WQL", "MASE", "≤ Q50", "≤ Q90", "≤ Q95", "≤ Q99"];

/// The figures of one row.
pub(super) fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![
        row.horizon.to_string(),
        row.origins.as_str().to_owned(),
        row.method.as_str().to_owned(),
        row.scored.to_string(),
        format!("{:.5}", row.wql),
        row.mase.map_or_else(|| "-".to_owned(), |mase| format!("{mase:.3}")),
    ];
    cells.extend(row.levels.iter().map(|level| percent(level.coverage)));
    cells
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The heads of [`comparisons`].
pub(super) const COMPARED: [&str; 11] =
    ["HORIZON", "ORIGINS", "AGAINST", "TRACES", "WQL", "Q50", "Q90", "Q95", "Q99", "WQL NOT WORSE", "MEDIAN NOT WORSE"];

/// How much less our losses are than others', over all traces.
pub(super) fn comparisons(report: &Report) -> Vec<Vec<String>> {
    let change = |ratio: f64| format!("{:+.1} %", (ratio - 1.0) * 100.0);
    let rows = report.summary.iter().map(|one| {
        let mut line = vec![
            one.horizon.to_string(),
            one.origins.as_str().to_owned(),
            one.against.as_str().to_owned(),
            one.traces.to_string(),
            change(one.wql_ratio),
        ];
        line.extend(one.levels.iter().map(|level| change(level.ratio)));
        line.extend([percent(one.wql_not_worse), percent(one.median_not_worse)]);
        line
    });
    rows.collect()
}

/// The heads of [`coverages`].
pub(super) const COVERED: [&str; 7] = ["HORIZON", "ORIGINS", "METHOD", "LEVEL", "MEAN", "LEAST", "MOST"];

/// What quantiles cover, over all traces.
pub(super) fn coverages(report: &Report) -> Vec<Vec<String>> {
    let rows = report.coverage.iter().map(|of| {
        vec![
            of.horizon.to_string(),
            of.origins.as_str().to_owned(),
            of.method.as_str().to_owned(),
            format!("{:.0} %", of.level * 100.0),
            format!("{:.2} %", of.mean * 100.0),
            format!("{:.2} % ({})", of.least * 100.0, of.least_on),
            format!("{:.2} % ({})", of.most * 100.0, of.most_on),
        ]
    });
    rows.collect()
}

/// The heads of [`ahead`].
pub(super) const AHEAD: [&str; 8] = ["AHEAD", "AT", "LOAD Q50", "Q90", "Q99", "LARGEST UNTIL THEN Q50", "Q90", "Q99"];

/// What is said of the time after a trace's end, at the horizons that were asked for.
pub(super) fn ahead(report: &Report, trace: &str) -> Vec<Vec<String>> {
    let asked = |ahead: &&Ahead| ahead.trace == trace && report.results.iter().any(|row| row.horizon == ahead.ahead);
    let rows = report.ahead.iter().filter(asked).map(|ahead| {
        let shown = [0.5, 0.9, 0.99].map(|level| ahead.levels.iter().find(|of| of.level.total_cmp(&level).is_eq()));
        let mut line = vec![ahead.ahead.to_string(), ahead.at.to_string()];
        line.extend(shown.iter().flatten().map(|of| number(of.load)));
        line.extend(shown.iter().flatten().map(|of| number(of.largest)));
        line
    });
    rows.collect()
}

/// Four digits or so.
fn number(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// The evaluation as text.
pub(super) fn table(report: &Report) -> String {
    let mut parts = Vec::new();
    let mut names: Vec<&str> = report.results.iter().map(|row| row.trace.as_str()).collect();
    names.dedup();
    if names.len() <= TRACES_SHOWN {
        let head: Vec<&str> = ["TRACE"].into_iter().chain(HEAD).collect();
        let rows = report.results.iter().map(|row| {
            let mut line = vec![row.trace.clone()];
            line.append(&mut cells(row));
            line
        });
        parts.push(output::table(&head, rows));
    }
    let next = names.iter().take(TRACES_SHOWN).filter(|name| report.ahead.iter().any(|ahead| ahead.trace == **name));
    for name in next {
        parts.push(format!("After the end of {name}\n{}", output::table(&AHEAD, ahead(report, name))));
    }
    parts.push(format!(
        "Our losses over those of others, geometric means over {} trace{}; less than 0 % is better\n{}",
        names.len(),
        if names.len() == 1 { "" } else { "s" },
        output::table(&COMPARED, comparisons(report))
    ));
    if names.len() > 1 {
        let ours = coverages(report).into_iter().filter(|line| line.get(2).is_some_and(|name| name == OURS));
        parts.push(format!("Shares of loads at or under our quantiles\n{}", output::table(&COVERED, ours)));
    }
    parts.extend(recorded::closing(&report.left_out, "How it is done", &report.assumptions));
    parts.join("\n\n")
}

/// The name of ours.
pub(super) const OURS: &str = Method::Tenantry.as_str();
