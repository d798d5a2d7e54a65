//! A comparison for a terminal.

use tenantry_sim::backtest::{Figures, PolicyName, Report, Row};

use crate::commands::recorded;
use crate::output;

/// Rows for single traces are shown up to this many traces; JSON has them all.
const TRACES_SHOWN: usize = 12;

fn cells(figures: &Figures) -> Vec<String> {
    vec![
        format!("{:.1}", figures.replica_hours),
        format!("{:.3}", figures.cost_ratio_to_oracle),
        format!("{:.3} %", figures.violating_request_share * 100.0),
        format!("{:.2}, {:.1}", figures.latency_mean, figures.latency_p95),
        format!("{:.0}", figures.violating_minutes),
        format!("{:.0}", figures.incidents),
        format!("{:.1} %", figures.efficiency * 100.0),
        format!("{:.0}", figures.scale_events),
        format!("{:.2}", figures.direction_changes_per_hour),
    ]
}

/// Responses are told in service times: the mean, and what 95 % take at most.
const HEAD: [&str; 9] = [
    "REPLICA-HOURS",
    "OF OPTIMUM",
    "VIOLATING",
    "RESPONSE, P95",
    "MINUTES",
    "INCIDENTS",
    "EFFICIENCY",
    "CHANGES",
    "TURNS/H",
];

/// The heads of [`rows`].
pub(super) fn heads() -> Vec<&'static str> {
    ["TRACE", "POLICY"].into_iter().chain(HEAD).chain(["SETTING"]).collect()
}

/// Each policy on each trace.
pub(super) fn rows<'a>(of: impl Iterator<Item = &'a Row> + 'a) -> impl Iterator<Item = Vec<String>> + 'a {
    of.map(|row| {
        let mut line = vec![row.trace.clone(), row.policy.as_str().to_owned()];
        line.extend(cells(&row.figures));
        line.push(row.setting.clone());
        line
    })
}

/// The heads of [`overall`].
pub(super) fn heads_overall() -> Vec<&'static str> {
    ["POLICY", "KEEPS BUDGET"].into_iter().chain(HEAD).chain(["DEARER (95 %)"]).collect()
}

/// Each policy over all traces.
pub(super) fn overall(report: &Report) -> impl Iterator<Item = Vec<String>> + '_ {
    report.summary.iter().map(|summary| {
        let mut figures = summary.total;
        // Ratios and shares of the middle trace say more than their mean.
        figures.cost_ratio_to_oracle = summary.median.cost_ratio_to_oracle;
        figures.violating_request_share = summary.median.violating_request_share;
        figures.latency_mean = summary.median.latency_mean;
        figures.latency_p95 = summary.median.latency_p95;
        figures.efficiency = summary.median.efficiency;
        let mut line =
            vec![summary.policy.as_str().to_owned(), format!("{} of {}", summary.keeps_budget, summary.traces)];
        line.extend(cells(&figures));
        line.push(match summary.dearer_than_tenantry {
            Some([middle, low, high]) if summary.policy != PolicyName::Tenantry => {
                format!("{:+.1} % ({:+.1} to {:+.1})", middle * 100.0, low * 100.0, high * 100.0)
            }
            _ => String::new(),
        });
        line
    })
}

/// What HPA can do for the same money, in a sentence.
pub(super) fn equal_cost(report: &Report) -> Option<String> {
    report.equal_cost.as_ref().map(|equal| {
        format!(
            "For what Tenantry cost, the best HPA chosen with hindsight came to {} incidents; Tenantry came to {}.",
            equal.hpa_incidents, equal.tenantry_incidents
        )
    })
}

/// What Tenantry costs where it is held to what HPA failed, in a sentence or two.
pub(super) fn equal_violations(report: &Report) -> Option<String> {
    let told = |[middle, low, high]: [f64; 3]| {
        format!("{:+.1} % on the middle trace ({:+.1} to {:+.1})", middle * 100.0, low * 100.0, high * 100.0)
    };
    report.equal_violations.as_ref().map(|equal| {
        let all = equal.dearer_than_hpa.map(told).unwrap_or_default();
        let good = equal.dearer_where_no_worse.map(|dearer| format!(", at {}", told(dearer))).unwrap_or_default();
        format!(
            "With what HPA failed on the first half as its error budget, Tenantry would have used {:.0} replica-hours for HPA's              {:.0}, {all}, with {} incidents for {}. On {} of {} traces it failed no more requests in no more incidents{good}.",
            equal.tenantry_replica_hours,
            equal.hpa_replica_hours,
            equal.tenantry_incidents,
            equal.hpa_incidents,
            equal.no_worse,
            equal.traces,
        )
    })
}

/// The comparison as text.
pub(super) fn table(report: &Report) -> String {
    let mut parts = Vec::new();
    let traces: usize = report.summary.iter().map(|summary| summary.traces).max().unwrap_or(0);
    if traces <= TRACES_SHOWN {
        parts.push(output::table(&heads(), rows(report.results.iter())));
    }
    if traces > 1 {
        parts.push(format!("Over {traces} traces\n{}", output::table(&heads_overall(), overall(report))));
    }
    parts.extend(equal_cost(report));
    parts.extend(equal_violations(report));
    parts.extend(recorded::closing(&report.left_out, "Assumptions", &report.assumptions));
    parts.join("\n\n")
}
