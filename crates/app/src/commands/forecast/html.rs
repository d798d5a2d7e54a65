//! An evaluation as one page that opens offline.

use tenantry_sim::evaluate::{Ahead, Comparison, Method, Origins, Picture, Point, Report};

use super::{picture, show};
use crate::page;

const STYLE: &str = "
svg text { fill: var(--soft); }
.band { fill: var(--ours); opacity: .22; } polyline { fill: none; } .load { stroke: var(--ink); stroke-width: 1.1; }
.middle { stroke: var(--ours); stroke-width: 1; } .high { stroke: var(--ours); stroke-width: 1; stroke-dasharray: 3 3; }
";

/// The page.
pub(super) fn of(report: &Report, pictures: &[(String, Picture)]) -> String {
    let traces: String = pictures.iter().map(|(name, picture)| of_trace(report, name, picture)).collect();
    let body = format!(
        "<h1>How good forecasts of this load would have been</h1>\
         <p class=\"lead\">{}</p><h2>Our losses over those of others</h2>{}\
         <p class=\"soft\">Geometric means over traces; less than 0 % is better. WQL is the mean over the quantiles 0.9, \
         0.95 and 0.99.</p><h2>Shares of loads at or under a quantile</h2>{}<h2>Trace by trace</h2>\
         <p class=\"soft\">Black is the load. Blue is what had been said of it the horizon before: the line its median, the \
         band its 10 to 90 % quantiles, dotted its 99 % quantile.</p>{traces}{}",
        lead(report),
        page::table(&show::COMPARED, &show::comparisons(report), |_| false),
        coverages(report),
        page::closing(&report.left_out, "How it is done", &report.assumptions),
    );
    page::whole("Forecasts of recorded load", STYLE, &body)
}

/// Whether a row is of ours: the third cell says whose it is.
fn is_ours(row: &[String]) -> bool {
    row.get(2).is_some_and(|name| name == show::OURS)
}

/// Ours in sight, the others' folded away.
fn coverages(report: &Report) -> String {
    let (ours, others): (Vec<_>, Vec<_>) = show::coverages(report).into_iter().partition(|row| is_ours(row));
    format!(
        "{}<details><summary>Of the others</summary>{}</details>",
        page::table(&show::COVERED, &ours, is_ours),
        page::table(&show::COVERED, &others, is_ours)
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
    let parts =
        [(Method::LastValue, "repeating the last value"), (Method::AugursMstl, "MSTL"), (Method::AutoTheta, "Theta")];
    let parts: Vec<String> = parts.iter().filter_map(|(method, name)| Some(said(against(*method)?, name))).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("At {farthest} ahead Tenantry's weighted quantile loss is {}.", parts.join(" and "))
    }
}

fn of_trace(report: &Report, name: &str, drawn: &Picture) -> String {
    let rows = report.results.iter().filter(|row| row.trace == name).map(show::cells);
    let label = format!("Load of the last days, and what had been said of it {} before", drawn.horizon);
    format!(
        "<h3>{}</h3>{}<p class=\"soft\">{} ahead</p>{}<details><summary>Figures</summary>{}</details>",
        page::escape(name),
        next(report, name),
        drawn.horizon,
        picture::svg(drawn, &label),
        page::table(&show::HEAD, &rows.collect::<Vec<_>>(), is_ours)
    )
}

/// What the days after the trace look like, or nothing where no far horizon was asked for.
fn next(report: &Report, name: &str) -> String {
    let ahead: Vec<&Ahead> = report.ahead.iter().filter(|ahead| ahead.trace == name).collect();
    let Some(farthest) = ahead.last().map(|ahead| ahead.ahead) else { return String::new() };
    let points = ahead.iter().filter_map(|ahead| {
        let said: Vec<f64> = ahead.levels.iter().map(|of| of.load).collect();
        Some(Point { at: ahead.at, load: None, said: said.try_into().ok()? })
    });
    let drawn = Picture { horizon: farthest, points: points.collect() };
    format!(
        "<p class=\"soft\">The next {farthest} after its end, hour by hour</p>{}{}",
        picture::svg(&drawn, &format!("What is said of the next {farthest}")),
        page::table(&show::AHEAD, &show::ahead(report, name), |_| false)
    )
}
