//! The metrics sources that the settings name.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tenantry_adapters::metrics::federation::Federation;
use tenantry_adapters::metrics::prometheus::Prometheus;
use tenantry_adapters::metrics::replay::{CsvReplay, Shifted};
use tenantry_domain::unit::Span;
use tenantry_engine::ports::Clock as _;
use tenantry_engine::ports::metrics::MetricsSource;

use super::settings::Resolved;
use crate::time::SystemClock;

/// One server, or several as one.
///
/// # Errors
/// Settings that cannot be used.
pub(super) fn sources(settings: &Resolved) -> anyhow::Result<Arc<dyn MetricsSource>> {
    let flags = &settings.flags;
    let mut sources: Vec<Arc<dyn MetricsSource>> = Vec::new();
    if let Some(path) = &flags.replay {
        sources.push(Arc::new(replay(path, flags.replay_speed.unwrap_or(1).max(1))?));
    }
    for server in &settings.servers {
        let mut one = server.settings()?;
        // A cycle must end before the next: a question that takes longer is given up.
        one.deadline = settings.cycle.max(one.timeout);
        sources.push(Arc::new(Prometheus::new(one)?));
    }
    match <[_; 1]>::try_from(sources) {
        Ok([one]) => Ok(one),
        Err(several) => Ok(Arc::new(Federation::new("prometheus", several))),
    }
}

/// Recorded load as if it came now.
fn replay(path: &Path, speed: u32) -> anyhow::Result<Shifted> {
    let files = if path.is_dir() {
        let listed = std::fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut files: Vec<_> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "csv"));
        files.sort();
        files
    } else {
        vec![path.to_owned()]
    };
    let recorded = CsvReplay::open("replay", files, Span::from_secs(900))?;
    Shifted::new(recorded, SystemClock.now(), speed).with_context(|| {
        format!("{} holds no load: a .csv file with a column of times and one of values", path.display())
    })
}
