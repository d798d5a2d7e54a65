//! The screen as cells.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState, Wrap};
use tenantry_domain::unit::MicroUsd;
use tenantry_engine::status::WorkloadStatus;

use super::screen::{Picture, Screen, is_troubled};
use super::tenants::{TenantRow, alerts};
use crate::{sizes, time};

const HEAD: [&str; 10] =
    ["WORKLOAD", "STRATEGY", "SIZE", "READY", "RANGE", "STATE", "SIGNAL", "NOW", "EXPECTED", "COST/H"];

pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen) {
    let Some(picture) = screen.picture.clone() else { return };
    let banner = u16::try_from(picture.banner.len()).unwrap_or(0);
    let lines = head_lines(&picture);
    let [head, under, body, foot] = Layout::vertical([
        Constraint::Length(u16::try_from(lines.len()).unwrap_or(2)),
        Constraint::Length(if banner > 0 { banner + 1 } else { 0 }),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(lines), head);
    let lines: Vec<Line<'_>> = picture.banner.iter().map(|line| banner_line(line)).collect();
    frame.render_widget(Paragraph::new(lines), under);
    match screen.open() {
        Some(key) => opened(frame, body, &picture, &key.to_string(), screen.scrolled),
        None if screen.by_tenant => tenant_table(frame, body, screen),
        None => table(frame, body, screen),
    }
    frame.render_widget(Paragraph::new(foot_line(screen)), foot);
}

/// What stands before two spaces is a name.
fn banner_line(line: &str) -> Line<'_> {
    match line.split_once("  ") {
        Some((name, rest)) => Line::from(vec![name.bold(), Span::raw("  "), Span::raw(rest)]),
        None => Line::from(line.dim()),
    }
}

fn head_lines(picture: &Picture) -> Vec<Line<'static>> {
    let replicas: u32 = picture.workloads.iter().filter_map(|status| status.current).map(|size| size.get()).sum();
    let cost: i64 = picture.workloads.iter().filter_map(|status| status.hour_cost).map(|cost| cost.0).sum();
    let troubled = picture.workloads.iter().filter(|status| is_troubled(status)).count();
    let mut line = vec![
        "tenantry".bold(),
        Span::raw(format!(
            "  {}  {} workloads  {replicas} replicas  {} an hour",
            picture.now,
            picture.workloads.len(),
            MicroUsd(cost)
        )),
    ];
    if troubled > 0 {
        line.push(format!("  {troubled} in trouble").red().bold());
    }
    let leading = picture.controllers.iter().flatten().find(|controller| controller.leading);
    let second = match leading {
        None if picture.controllers.is_none() => {
            Line::from("controllers are told to who sees the whole platform".dim())
        }
        None => Line::from("no controller is in charge; start one with `tenantry up`".red()),
        Some(controller) => {
            let silent = picture.now.since(controller.at);
            let acts = if controller.acts { "" } else { "  observes only" };
            let text = format!(
                "{} in charge{acts}  cycle {} took {} of {}  heard of {} ago",
                controller.holder,
                controller.generation,
                controller.took,
                controller.period,
                time::age(silent)
            );
            Line::from(text.dim())
        }
    };
    let alerts = alerts(picture);
    let more = if alerts.len() > 1 {
        format!("  and {} more: `tenantry status` says what to do", alerts.len() - 1)
    } else {
        String::new()
    };
    let alert = alerts.first().map(|first| Line::from(format!("! {first}{more}").red()));
    [Line::from(line), second].into_iter().chain(alert).collect()
}

fn foot_line(screen: &Screen) -> Line<'static> {
    if screen.still {
        return Line::default();
    }
    if screen.typing {
        return Line::from(format!("filter: {}▏", screen.filter)).yellow();
    }
    let filter = if screen.filter.is_empty() { String::new() } else { format!("  filter `{}`", screen.filter) };
    let keys = if screen.open().is_some() {
        "↑↓ scroll  Esc back  q quit".to_owned()
    } else {
        let other = if screen.by_tenant { "workloads" } else { "tenants" };
        format!("↑↓ move  Enter open  t {other}  s sort ({})  / filter{filter}  q quit", screen.sort.name())
    };
    Line::from(keys.dim())
}

fn tenant_table(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let row = |row: TenantRow| {
        let size =
            if row.size == row.decided { row.size.to_string() } else { format!("{}→{}", row.size, row.decided) };
        let troubled = Style::new().fg(if row.troubled > 0 { Color::Red } else { Color::Reset });
        Row::new(vec![
            Cell::from(row.tenant.to_string()),
            Cell::from(row.workloads.to_string()),
            Cell::from(size),
            Cell::from(row.ready.to_string()),
            Cell::from(row.held.to_string()),
            Cell::from(row.troubled.to_string()).style(troubled),
            Cell::from(row.hour_cost.map_or_else(|| "-".to_owned(), |cost| cost.to_string())),
        ])
    };
    let widths = [Constraint::Min(24), Constraint::Length(10), Constraint::Length(12), Constraint::Length(8)];
    let widths = widths.into_iter().chain([Constraint::Length(8), Constraint::Length(8), Constraint::Length(10)]);
    let table = Table::new(screen.tenants().into_iter().map(row), widths)
        .header(
            Row::new(["TENANT", "WORKLOADS", "SIZE", "READY", "HELD", "TROUBLE", "COST/H"])
                .style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)),
        )
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .column_spacing(1);
    frame.render_stateful_widget(table, area, &mut TableState::default().with_selected(screen.selected));
}

fn table(frame: &mut Frame<'_>, area: Rect, screen: &mut Screen) {
    let rows: Vec<Row<'static>> = screen.rows().into_iter().map(row).collect();
    if rows.is_empty() {
        let text =
            if screen.filter.is_empty() { "no workload has been looked at yet" } else { "nothing passes the filter" };
        frame.render_widget(Paragraph::new(text.dim()), area);
        return;
    }
    let widths = [
        Constraint::Min(24),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(8),
        Constraint::Length(16),
        Constraint::Length(13),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(8),
    ];
    let table = Table::new(rows, widths)
        .header(Row::new(HEAD).style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .column_spacing(1);
    let mut state = TableState::default().with_selected(screen.selected);
    frame.render_stateful_widget(table, area, &mut state);
}

fn row(status: &WorkloadStatus) -> Row<'static> {
    let signal = status.signals.first();
    let size = status.current.map_or_else(|| "?".to_owned(), |size| size.to_string());
    let (size, colour) = match (status.current, status.decided) {
        (Some(current), Some(decided)) if decided > current => (format!("{current}→{decided}"), Color::Green),
        (Some(current), Some(decided)) if decided < current => (format!("{current}→{decided}"), Color::Cyan),
        _ => (size, Color::Reset),
    };
    let starting = status.current.is_some_and(|current| status.ready < current);
    let now = signal.map_or_else(String::new, |signal| {
        signal.now.as_ref().map_or_else(|_| "?".to_owned(), |now| sizes::short(*now))
    });
    let expected = signal.and_then(|signal| {
        let value = sizes::short(signal.expected?);
        Some(if signal.trusted { value } else { format!("({value})") })
    });
    let state = status.held().unwrap_or("scaling");
    let state_style = if is_troubled(status) { Style::new().red().bold() } else { Style::new() };
    Row::new(vec![
        Cell::from(status.key.to_string()),
        Cell::from(status.strategy.to_string()),
        Cell::from(size).style(Style::new().fg(colour)),
        Cell::from(status.ready.to_string()).style(if starting { Style::new().yellow() } else { Style::new() }),
        Cell::from(format!("{}-{}", status.bounds.floor(), status.bounds.ceiling())),
        Cell::from(state).style(state_style),
        Cell::from(signal.map_or_else(String::new, |signal| signal.name.to_string())),
        Cell::from(now),
        Cell::from(expected.unwrap_or_default()),
        Cell::from(status.hour_cost.map_or_else(|| "-".to_owned(), |cost| cost.to_string())),
    ])
}

fn opened(frame: &mut Frame<'_>, area: Rect, picture: &Picture, key: &str, scrolled: u16) {
    let mut lines = vec![Line::from(key.to_owned().bold())];
    if let Some(status) = picture.workloads.iter().find(|status| status.key.to_string() == key) {
        lines.push(Line::from(format!(
            "{}  {}  {}-{} replicas  a replica takes {} to start",
            status.target,
            status.strategy,
            status.bounds.floor(),
            status.bounds.ceiling(),
            status.startup_delay
        )));
        if let Some(trouble) = &status.trouble {
            lines.push(Line::from(trouble.clone().red()));
        }
        for signal in &status.signals {
            let now = signal.now.as_ref().map_or_else(Clone::clone, |now| sizes::short(*now));
            let expected = signal.expected.map_or_else(|| "-".to_owned(), sizes::short);
            let say = if signal.trusted { "" } else { ", without a say" };
            let target = sizes::target(&signal.target);
            lines.push(Line::from(format!("{}: {now} now, {expected} expected{say}, target {target}", signal.name)));
            lines.extend(signal.demand.iter().map(|known| Line::from(format!("  {known}"))));
        }
    }
    lines.push(Line::default());
    lines.extend(picture.decisions.iter().map(|line| Line::from(line.clone())));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((scrolled, 0)), area);
}
