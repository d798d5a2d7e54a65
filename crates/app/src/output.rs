//! Answers as a table, JSON or YAML.

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::terminal;

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
    /// A page for a browser, from `backtest` and `forecast`; others do not offer it.
    #[value(hide = true)]
    Html,
}

/// Says `value` in a form; `table` makes the one for people.
///
/// # Errors
/// A value that cannot be written in the form.
pub(crate) fn render<T: Serialize + ?Sized>(
    format: Format,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> anyhow::Result<String> {
    match format {
        Format::Table => Ok(table(value)),
        Format::Json => serde_json::to_string_pretty(value).context("the answer cannot be written as JSON"),
        Format::Html => bail!(
            "only `tenantry backtest` and `tenantry forecast` have an answer as HTML; ask for table, json or yaml"
        ),
        Format::Yaml => {
            let text = serde_saphyr::to_string(&value).context("the answer cannot be written as YAML")?;
            Ok(text.trim_end().to_owned())
        }
    }
}

/// Rows under a head. Nothing but spaces between columns, so that `awk` reads it too.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    let lines: Vec<&str> =
        text.lines().map(|line| line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end())).collect();
    lines.join("\n")
}

/// Says a value.
///
/// # Errors
/// As [`render`].
pub(crate) fn say<T: Serialize + ?Sized>(
    format: Format,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    terminal::say(&render(format, value, table)?);
    Ok(())
}
