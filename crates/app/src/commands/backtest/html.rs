//! A comparison as one page that opens offline.

use std::fmt::Write as _;

use tenantry_sim::backtest::{PolicyName, Replayed, Report, World};

use super::{plot, show};
use crate::page;

const STYLE: &str = "
th, td { padding: .3rem .4rem; font-size: 13px; }
svg text { fill: var(--ink); } .load { fill: none; stroke: var(--soft); stroke-width: 1; }
.band { fill: var(--ours); opacity: .16; } figure { margin: .8rem 0; } .legend label { margin-left: .8rem; white-space: nowrap; }
.swatch { display: inline-block; width: 1.4em; height: .7em; background: var(--ours); opacity: .3; } [hidden] { display: none; }
";

/// Boxes switch lines on and off.
const SCRIPT: &str = "
document.addEventListener('change', event => {
  const policy = event.target.dataset.policy;
  if (policy) event.target.closest('figure').querySelectorAll('.size.' + policy).forEach(line => line.toggleAttribute('hidden', !event.target.checked));
});
";

/// The page.
pub(super) fn of(report: &Report, replayed: &[Replayed], world: &World) -> String {
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
    let body = format!(
        "<h1>What each way of scaling would have cost</h1>\
         <p class=\"lead\">{lead}</p><h2>Cost against requests outside the objective</h2>{}\
         <p class=\"soft\">Left is cheaper, lower is better. The dashed line is the error budget; the orange line is HPA at \
         targets from 30 to 100 %. Medians over traces. {} {}</p><h2>Over all traces</h2>{}\
         <p class=\"soft\">Of optimum, violating, response (the mean and what 95 % take at most, in service times) and efficiency: the middle trace. Turns: the mean. Dearer: than Tenantry, of the middle \
         trace. The rest: all together.</p>\
         <h2>Trace by trace</h2><p class=\"soft\">Drawn are the last days that were scored.</p>{}{}<script>{SCRIPT}</script>",
        plot::cost_and_failures(report, world),
        show::equal_cost(report).unwrap_or_default(),
        show::equal_violations(report).unwrap_or_default(),
        page::table(&show::heads_overall(), &show::overall(report).collect::<Vec<_>>(), |row| is_ours(row.first())),
        traces(report, replayed),
        page::closing(&report.left_out, "Assumptions", &report.assumptions),
    );
    page::whole("Backtest of scaling policies", STYLE, &body)
}

fn is_ours(name: Option<&String>) -> bool {
    name.is_some_and(|name| name == PolicyName::Tenantry.as_str())
}

fn traces(report: &Report, replayed: &[Replayed]) -> String {
    let mut out = String::new();
    for (place, one) in replayed.iter().enumerate() {
        let rows: Vec<_> = show::rows(report.results.iter().filter(|row| row.trace == one.trace)).collect();
        let _ = write!(
            out,
            "<details{}><summary>{}</summary>{}{}</details>",
            if place == 0 { " open" } else { "" },
            page::escape(&one.trace),
            plot::trace(one),
            page::table(&show::heads(), &rows, |row| is_ours(row.get(1)))
        );
    }
    out
}
