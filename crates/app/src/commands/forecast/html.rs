//! An evaluation as one page that opens offline.

use std::fmt::Write as _;

use tenantry_sim::evaluate::{Comparison, Method, Origins, Picture, Report};

use super::{picture, show};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #fff; --ours: #0a58ca; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4ae; --line: #30363d; --ground: #0d1117; --ours: #6ea8fe; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 600; }
tr.ours td { color: var(--ours); font-weight: 600; }
.scroll { overflow-x: auto; } svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 12px; }
.axis { stroke: var(--line); } .lead { font-size: 1.1rem; } .soft { color: var(--soft); } details { margin: .3rem 0; }
.band { fill: var(--ours); opacity: .22; } polyline { fill: none; } .load { stroke: var(--ink); stroke-width: 1.1; }
.middle { stroke: var(--ours); stroke-width: 1; } .high { stroke: var(--ours); stroke-width: 1; stroke-dasharray: 3 3; }
";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page.
pub(super) fn page(report: &Report, pictures: &[(String, Picture)]) -> String {
    let traces: String = pictures.iter().map(|(name, picture)| of_trace(report, name, picture)).collect();
    let list = |items: Vec<String>| items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect::<String>();
    let left_out = list(report.left_out.iter().map(|one| format!("{}: {}", one.trace, one.reason)).collect());
    let left_out = if left_out.is_empty() { left_out } else { format!("<h2>Left out</h2><ul>{left_out}</ul>") };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Forecasts of recorded load</title>\
         <style>{STYLE}</style></head><body><h1>How good forecasts of this load would have been</h1>\
         <p class=\"lead\">{}</p><h2>Our losses over those of others</h2>{}\
         <p class=\"soft\">Geometric means over traces; less than 0 % is better. WQL is the mean over the quantiles 0.9, \
         0.95 and 0.99.</p><h2>Shares of loads at or under a quantile</h2>{}<h2>Trace by trace</h2>\
         <p class=\"soft\">Black is the load. Blue is what had been said of it the horizon before: the line its median, the \
         band its 10 to 90 % quantiles, dotted its 99 % quantile.</p>{traces}{left_out}\
         <h2>How it is done</h2><ul>{}</ul></body></html>",
        lead(report),
        table(&show::COMPARED, &show::comparisons(report), usize::MAX),
        coverages(report),
        list(report.assumptions.clone()),
    )
}

/// Ours in sight, the others' folded away.
fn coverages(report: &Report) -> String {
    let named = 2;
    let (ours, others): (Vec<_>, Vec<_>) =
        show::coverages(report).into_iter().partition(|row| row.get(named).is_some_and(|name| name == show::OURS));
    format!(
        "{}<details><summary>Of the others</summary>{}</details>",
        table(&show::COVERED, &ours, named),
        table(&show::COVERED, &others, named)
    )
}

/// The longest horizon in a sentence.
fn lead(report: &Report) -> String {
    let all = report.summary.iter().filter(|one| one.origins == Origins::All);
    let Some(farthest) = all.clone().map(|one| one.horizon).max() else { return String::new() };
    let against = |method: Method| all.clone().find(|one| one.against == method && one.horizon == farthest);
    let said = |one: &Comparison, name: &str| {
        let change = (one.wql_ratio - 1.0) * 100.0;
        let word = if change < 0.0 { "less" } else { "more" };
        format!("<strong>{:.1} % {word}</strong> than that of {name}", change.abs())
    };
    let parts = [(Method::LastValue, "repeating the last value"), (Method::AugursMstl, "MSTL")];
    let parts: Vec<String> = parts.iter().filter_map(|(method, name)| Some(said(against(*method)?, name))).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("At {farthest} ahead Tenantry's weighted quantile loss is {}.", parts.join(" and "))
    }
}

/// `named` is the column that says whose a row is.
fn table(head: &[&str], rows: &[Vec<String>], named: usize) -> String {
    let mut out = String::from("<div class=\"scroll\"><table><tr>");
    for cell in head {
        let _ = write!(out, "<th>{cell}</th>");
    }
    out.push_str("</tr>");
    for row in rows {
        let ours = row.get(named).is_some_and(|name| name == show::OURS);
        out.push_str(if ours { "<tr class=\"ours\">" } else { "<tr>" });
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escape(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
    out
}

fn of_trace(report: &Report, name: &str, drawn: &Picture) -> String {
    let rows = report.results.iter().filter(|row| row.trace == name).map(show::cells);
    format!(
        "<h3>{}</h3><p class=\"soft\">{} ahead</p>{}<details><summary>Figures</summary>{}</details>",
        escape(name),
        drawn.horizon,
        picture::svg(drawn),
        table(&show::HEAD, &rows.collect::<Vec<_>>(), 2)
    )
}
