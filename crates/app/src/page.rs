//! Pages that open offline: a single file with its style.

use std::fmt::Write as _;

use tenantry_sim::backtest::LeftOut;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #fff; --ours: #0a58ca; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4ae; --line: #30363d; --ground: #0d1117; --ours: #6ea8fe; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 600; }
tr.ours td { color: var(--ours); font-weight: 600; }
.scroll { overflow-x: auto; } svg { width: 100%; height: auto; } svg text { font-size: 12px; } .axis { stroke: var(--line); }
.lead { font-size: 1.1rem; } .soft { color: var(--soft); } details { margin: .4rem 0; }
";

/// Text as it stands in a page.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A whole page; `style` comes after that of all pages.
pub(crate) fn whole(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{STYLE}{style}</style></head>\
         <body>{body}</body></html>"
    )
}

/// A table; rows that are `ours` stand out.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>], ours: impl Fn(&[String]) -> bool) -> String {
    let mut out = String::from("<div class=\"scroll\"><table><tr>");
    for cell in head {
        let _ = write!(out, "<th>{}</th>", escape(cell));
    }
    out.push_str("</tr>");
    for row in rows {
        out.push_str(if ours(row) { "<tr class=\"ours\">" } else { "<tr>" });
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escape(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
    out
}

/// What was left out, and how it was done, at the end of a page.
pub(crate) fn closing(left_out: &[LeftOut], head: &str, assumptions: &[String]) -> String {
    let list = |items: &[String]| items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect::<String>();
    let left_out: Vec<String> = left_out.iter().map(|one| format!("{}: {}", one.trace, one.reason)).collect();
    let left_out =
        if left_out.is_empty() { String::new() } else { format!("<h2>Left out</h2><ul>{}</ul>", list(&left_out)) };
    format!("{left_out}<h2>{head}</h2><ul>{}</ul>", list(assumptions))
}
