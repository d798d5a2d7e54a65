//! A comparison as one page that opens offline.

use std::fmt::Write as _;

use tenantry_sim::backtest::{PolicyName, Report, Summary, World};

/// Width and height of the picture, and its margins.
const SIZE: (f64, f64) = (720.0, 380.0);
const MARGIN: f64 = 56.0;
/// Shares of requests under this are drawn as this: the axis is logarithmic.
const SHARE_MIN: f64 = 1e-5;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #fff; --ours: #0a58ca; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4ae; --line: #30363d; --ground: #0d1117; --ours: #6ea8fe; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 600; }
tr.ours td { color: var(--ours); font-weight: 600; }
.scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
.axis { stroke: var(--line); } .lead { font-size: 1.1rem; } .soft { color: var(--soft); } details { margin: .6rem 0; }
";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page.
pub(super) fn page(report: &Report, world: &World) -> String {
    let find = |policy: PolicyName| report.summary.iter().find(|summary| summary.policy == policy);
    let lead = match (find(PolicyName::Tenantry), find(PolicyName::Hpa)) {
        (Some(ours), Some(hpa)) => format!(
            "On {} recorded load{}, Tenantry would have used <strong>{:.0} replica-hours</strong> where HPA at {:.0} % uses {:.0}: \
             <strong>{:+.1} %</strong>. It kept the error budget of {:.2} % of requests on {} of them.",
            ours.traces,
            if ours.traces == 1 { "" } else { "s" },
            ours.total.replica_hours,
            world.hpa_target * 100.0,
            hpa.total.replica_hours,
            (ours.total.replica_hours / hpa.total.replica_hours.max(1e-9) - 1.0) * 100.0,
            world.error_budget * 100.0,
            ours.keeps_budget,
        ),
        _ => String::new(),
    };
    let assumptions: String =
        report.assumptions.iter().map(|assumption| format!("<li>{}</li>", escape(assumption))).collect();
    let left_out: String =
        report.left_out.iter().map(|one| format!("<li>{}: {}</li>", escape(&one.trace), escape(&one.reason))).collect();
    let left_out = if left_out.is_empty() { String::new() } else { format!("<h2>Left out</h2><ul>{left_out}</ul>") };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Backtest of scaling policies</title>\
         <style>{STYLE}</style></head><body><h1>What each way of scaling would have cost</h1>\
         <p class=\"lead\">{lead}</p><h2>Cost against requests outside the objective</h2>{}\
         <p class=\"soft\">Left is cheaper, lower is better. The dashed line is the error budget. Medians over traces.</p>\
         <h2>Over all traces</h2><div class=\"scroll\">{}</div><h2>Trace by trace</h2>{}{left_out}\
         <h2>Assumptions</h2><ul>{assumptions}</ul></body></html>",
        picture(report, world),
        overall(report),
        traces(report),
    )
}

fn place(summary: &Summary, widest: f64) -> (f64, f64) {
    let share = summary.median.violating_request_share.max(SHARE_MIN).log10();
    let across = (summary.median.cost_ratio_to_oracle - 1.0) / (widest - 1.0).max(0.01);
    (MARGIN + across * (SIZE.0 - 2.0 * MARGIN), down(share))
}

/// From 100 % at the top to the smallest share at the bottom.
fn down(log_share: f64) -> f64 {
    let part = log_share / SHARE_MIN.log10();
    MARGIN * 0.5 + part.clamp(0.0, 1.0) * (SIZE.1 - 1.5 * MARGIN)
}

fn picture(report: &Report, world: &World) -> String {
    let widest = report.summary.iter().map(|one| one.median.cost_ratio_to_oracle).fold(1.05, f64::max);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Cost of each policy over the optimum, against the share of \
         requests outside the objective\">",
        SIZE.0, SIZE.1
    );
    let right = SIZE.0 - MARGIN;
    for power in -5..=0 {
        let y = down(f64::from(power));
        let label = if power == -5 { "0".to_owned() } else { format!("{} %", 10_f64.powi(power + 2)) };
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"4\" y=\"{:.1}\">{label}</text>",
            y + 4.0
        );
    }
    let budget = down(world.error_budget.max(SHARE_MIN).log10());
    let _ = write!(
        svg,
        "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{budget:.1}\" y2=\"{budget:.1}\" stroke=\"#c33\" stroke-dasharray=\"5 4\"/>"
    );
    for part in 0..=4 {
        let ratio = 1.0 + (widest - 1.0) * f64::from(part) / 4.0;
        let x = MARGIN + f64::from(part) / 4.0 * (SIZE.0 - 2.0 * MARGIN);
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{ratio:.2}×</text>", SIZE.1 - 24.0);
    }
    let _ = write!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">replica-hours over the clairvoyant optimum</text>",
        SIZE.0 / 2.0,
        SIZE.1 - 6.0
    );
    for summary in &report.summary {
        let (x, y) = place(summary, widest);
        let ours = summary.policy == PolicyName::Tenantry;
        let (color, radius) = if ours { ("var(--ours)", 7) } else { ("var(--soft)", 5) };
        let _ = write!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{color}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            (x + 10.0).min(right - 60.0),
            y - 8.0,
            summary.policy.as_str()
        );
    }
    svg.push_str("</svg>");
    svg
}

fn overall(report: &Report) -> String {
    let mut rows = String::new();
    for one in &report.summary {
        let ours = if one.policy == PolicyName::Tenantry { " class=\"ours\"" } else { "" };
        let dearer = one
            .dearer_than_tenantry
            .filter(|_| one.policy != PolicyName::Tenantry)
            .map_or_else(String::new, |[middle, low, high]| {
                format!("{:+.1} % ({:+.1} to {:+.1})", middle * 100.0, low * 100.0, high * 100.0)
            });
        let _ = write!(
            rows,
            "<tr{ours}><td>{}</td><td>{} of {}</td><td>{:.0}</td><td>{:.3}</td><td>{:.3} %</td><td>{:.0}</td><td>{:.1} %</td><td>{:.2}</td><td>{dearer}</td></tr>",
            one.policy.as_str(),
            one.keeps_budget,
            one.traces,
            one.total.replica_hours,
            one.median.cost_ratio_to_oracle,
            one.median.violating_request_share * 100.0,
            one.total.incidents,
            one.median.efficiency * 100.0,
            one.median.direction_changes_per_hour,
        );
    }
    format!(
        "<table><tr><th>Policy</th><th>Keeps budget</th><th>Replica-hours</th><th>Over optimum</th><th>Violating</th>\
         <th>Incidents</th><th>Efficiency</th><th>Turns/h</th><th>Dearer than Tenantry (95 %)</th></tr>{rows}</table>"
    )
}

fn traces(report: &Report) -> String {
    let mut names: Vec<&str> = report.results.iter().map(|row| row.trace.as_str()).collect();
    names.dedup();
    let mut out = String::new();
    for name in names {
        let _ = write!(
            out,
            "<details><summary>{}</summary><div class=\"scroll\"><table><tr><th>Policy</th><th>Replica-hours</th>\
             <th>Over optimum</th><th>Violating</th><th>Incidents</th><th>Efficiency</th><th>Turns/h</th><th>Setting</th></tr>",
            escape(name)
        );
        for row in report.results.iter().filter(|row| row.trace == name) {
            let ours = if row.policy == PolicyName::Tenantry { " class=\"ours\"" } else { "" };
            let figures = &row.figures;
            let _ = write!(
                out,
                "<tr{ours}><td>{}</td><td>{:.1}</td><td>{:.3}</td><td>{:.3} %</td><td>{:.0}</td><td>{:.1} %</td><td>{:.2}</td><td>{}</td></tr>",
                row.policy.as_str(),
                figures.replica_hours,
                figures.cost_ratio_to_oracle,
                figures.violating_request_share * 100.0,
                figures.incidents,
                figures.efficiency * 100.0,
                figures.direction_changes_per_hour,
                escape(&row.setting),
            );
        }
        out.push_str("</table></div></details>");
    }
    out
}
