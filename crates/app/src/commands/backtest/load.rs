//! Recorded load from files and from Prometheus.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use tenantry_adapters::metrics::prometheus::{Prometheus, Settings};
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::metrics::MetricsSource as _;
use tenantry_sim::backtest::{LeftOut, Trace};

use super::Backtest;

/// From here on a whole number is milliseconds: as seconds it would be the year 5138.
const MILLIS_FROM: i64 = 100_000_000_000;

/// Traces from files and folders. A file that was named must be one; of a folder, what cannot be read is left out.
pub(in crate::commands) fn read(paths: &[PathBuf]) -> anyhow::Result<(Vec<Trace>, Vec<LeftOut>)> {
    let (mut traces, mut left_out) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            traces.push(trace(path)?);
            continue;
        }
        let listed = std::fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut files: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "csv"));
        files.sort();
        if files.is_empty() {
            bail!("{} holds no CSV file", path.display());
        }
        for file in files {
            match trace(&file) {
                Ok(trace) => traces.push(trace),
                Err(error) => left_out.push(LeftOut { trace: name(&file), reason: format!("{error:#}") }),
            }
        }
    }
    Ok((traces, left_out))
}

fn name(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn trace(path: &Path) -> anyhow::Result<Trace> {
    let shown = path.display();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .with_context(|| format!("{shown} cannot be read"))?;
    let head = reader.headers().with_context(|| format!("{shown}: its first line cannot be read"))?.clone();
    let time = head.iter().position(|column| matches!(column, "timestamp" | "time")).ok_or_else(|| {
        anyhow!("{shown}:1: no column is called `timestamp`; the first line names the columns: `timestamp,value`")
    })?;
    let value = head
        .iter()
        .position(|column| column == "value")
        .or_else(|| (0..head.len()).find(|column| *column != time))
        .ok_or_else(|| anyhow!("{shown}:1: there is no column of values beside `timestamp`"))?;
    let mut samples = Vec::new();
    for row in reader.records() {
        let row = row.with_context(|| format!("{shown} cannot be read"))?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |column: usize| row.get(column).unwrap_or_default();
        let at = instant(cell(time))
            .ok_or_else(|| anyhow!("{shown}:{line}: `{}` is no time; write it as 2026-10-01T12:00:00Z", cell(time)))?;
        // A cell without a number is a sample that was missed.
        if cell(value).is_empty() || cell(value).eq_ignore_ascii_case("nan") {
            continue;
        }
        let load: f64 = cell(value).parse().map_err(|_| anyhow!("{shown}:{line}: `{}` is no number", cell(value)))?;
        samples.push((at, load));
    }
    Ok(Trace { name: name(path), samples })
}

fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "what is no instant is refused when it is replayed")]
        let whole = number as i64;
        #[expect(clippy::cast_possible_truncation, reason = "as above")]
        let millis = if whole.abs() >= MILLIS_FROM { whole } else { (number * 1000.0) as i64 };
        return Some(Timestamp::from_millis(millis));
    }
    let zoned = text.parse::<jiff::Timestamp>();
    // Without a zone it is taken for UTC, as many exports write it.
    let at = zoned.or_else(|_| format!("{}Z", text.replacen(' ', "T", 1)).parse::<jiff::Timestamp>());
    at.ok().map(Timestamp::from)
}

/// Traces from a server: each series of the answer is one.
pub(super) async fn ask(url: &str, asked: &Backtest) -> anyhow::Result<Vec<Trace>> {
    let (Some(query), Some(from), Some(to)) = (&asked.query, asked.from, asked.to) else {
        bail!("--prometheus needs --query, --from and --to");
    };
    let source = Prometheus::new(Settings::new("prometheus", url))?;
    let series = source.range(query, from.into(), to.into(), asked.step).await?;
    if series.is_empty() {
        bail!("`{query}` has no values between {from} and {to}; try it in the server's own page");
    }
    let named = series.into_iter().map(|series| {
        let labels: Vec<String> = series.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let name = if labels.is_empty() { query.clone() } else { labels.join(",") };
        Trace { name, samples: series.points }
    });
    Ok(named.collect())
}
