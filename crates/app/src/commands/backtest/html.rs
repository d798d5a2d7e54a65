//! A comparison as one page that opens offline.

use std::fmt::Write as _;

use tenantry_sim::backtest::{PolicyName, Replayed, Report, World};

use super::plot;

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
.axis { stroke: var(--line); } .load { fill: none; stroke: var(--soft); stroke-width: 1; } .band { fill: var(--ours); opacity: .16; }
figure { margin: .8rem 0; } .legend label { margin-left: .8rem; white-space: nowrap; } .swatch { display: inline-block; width: 1.4em; height: .7em; background: var(--ours); opacity: .3; } [hidden] { display: none; } .lead { font-size: 1.1rem; } .soft { color: var(--soft); } details { margin: .6rem 0; }
";

/// Boxes switch lines on and off.
const SCRIPT: &str = "
document.addEventListener('change', event => {
  const policy = event.target.dataset.policy;
  if (policy) event.target.closest('figure').querySelectorAll('.size.' + policy).forEach(line => line.toggleAttribute('hidden', !event.target.checked));
});
";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page.
pub(super) fn page(report: &Report, replayed: &[Replayed], world: &World) -> String {
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
         <p class=\"soft\">Left is cheaper, lower is better. The dashed line is the error budget; the orange line is HPA at targets from \
         30 to 100 %. Medians over traces.{}</p>\
         <h2>Over all traces</h2><div class=\"scroll\">{}</div><h2>Trace by trace</h2>{}{left_out}\
         <h2>Assumptions</h2><ul>{assumptions}</ul><script>{SCRIPT}</script></body></html>",
        plot::cost_and_failures(report, world),
        equal_cost(report),
        overall(report),
        traces(report, replayed),
    )
}

/// What HPA can do for the same money, in a sentence.
fn equal_cost(report: &Report) -> String {
    let Some(equal) = report.equal_cost else { return String::new() };
    format!(
        " For what Tenantry cost, the best HPA chosen with hindsight came to {} incidents; Tenantry came to {}.",
        equal.hpa_incidents, equal.tenantry_incidents
    )
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

fn traces(report: &Report, replayed: &[Replayed]) -> String {
    let mut out = String::new();
    for (place, one) in replayed.iter().enumerate() {
        let name = one.trace.as_str();
        let _ = write!(
            out,
            "<details{}><summary>{}</summary>{}<div class=\"scroll\"><table><tr><th>Policy</th><th>Replica-hours</th>\
             <th>Over optimum</th><th>Violating</th><th>Incidents</th><th>Efficiency</th><th>Turns/h</th><th>Setting</th></tr>",
            if place == 0 { " open" } else { "" },
            escape(name),
            plot::trace(one)
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
