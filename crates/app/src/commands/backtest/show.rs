//! A comparison for a terminal.

use tenantry_sim::backtest::{Figures, PolicyName, Report};

use crate::output;

/// Rows for single traces are shown up to this many traces; JSON has them all.
const TRACES_SHOWN: usize = 12;

fn cells(figures: &Figures) -> Vec<String> {
    vec![
        format!("{:.1}", figures.replica_hours),
        format!("{:.3}", figures.cost_ratio_to_oracle),
        format!("{:.3} %", figures.violating_request_share * 100.0),
        format!("{:.0}", figures.violating_minutes),
        format!("{:.0}", figures.incidents),
        format!("{:.1} %", figures.efficiency * 100.0),
        format!("{:.0}", figures.scale_events),
        format!("{:.2}", figures.direction_changes_per_hour),
    ]
}

const HEAD: [&str; 8] =
    ["REPLICA-HOURS", "OF OPTIMUM", "VIOLATING", "MINUTES", "INCIDENTS", "EFFICIENCY", "CHANGES", "TURNS/H"];

/// The comparison as text.
pub(super) fn table(report: &Report) -> String {
    let mut parts = Vec::new();
    let traces: usize = report.summary.iter().map(|summary| summary.traces).max().unwrap_or(0);
    if traces <= TRACES_SHOWN {
        let head: Vec<&str> = ["TRACE", "POLICY"].into_iter().chain(HEAD).chain(["SETTING"]).collect();
        let rows = report.results.iter().map(|row| {
            let mut line = vec![row.trace.clone(), row.policy.as_str().to_owned()];
            line.extend(cells(&row.figures));
            line.push(row.setting.clone());
            line
        });
        parts.push(output::table(&head, rows));
    }
    if traces > 1 {
        let head: Vec<&str> =
            ["POLICY", "KEEPS BUDGET"].into_iter().chain(HEAD).chain(["DEARER THAN TENANTRY (95 %)"]).collect();
        let rows = report.summary.iter().map(|summary| {
            let mut figures = summary.total;
            // Ratios and shares of the middle trace say more than their mean.
            figures.cost_ratio_to_oracle = summary.median.cost_ratio_to_oracle;
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
        });
        parts.push(format!("Over {traces} traces\n{}", output::table(&head, rows)));
    }
    if let Some(equal) = &report.equal_cost {
        parts.push(format!(
            "For what Tenantry cost, the best HPA chosen with hindsight came to {} incidents; Tenantry came to {}.",
            equal.hpa_incidents, equal.tenantry_incidents
        ));
    }
    if !report.left_out.is_empty() {
        let lines = report.left_out.iter().map(|one| format!("  {}: {}", one.trace, one.reason));
        parts.push(format!("Left out\n{}", lines.collect::<Vec<_>>().join("\n")));
    }
    let lines: Vec<String> = report.assumptions.iter().map(|assumption| format!("  {assumption}")).collect();
    parts.push(format!("Assumptions\n{}", lines.join("\n")));
    parts.join("\n\n")
}
