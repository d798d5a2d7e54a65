//! The metrics sources that the settings name.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tenantry_adapters::metrics::federation::Federation;
use tenantry_adapters::metrics::prometheus::{Auth, ClientCertificate, Hidden, Prometheus, Secret, Settings};
use tenantry_adapters::metrics::replay::{CsvReplay, Shifted};
use tenantry_domain::unit::Span;
use tenantry_engine::ports::Clock as _;
use tenantry_engine::ports::metrics::MetricsSource;

use super::settings::{Resolved, Up};
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
        let mut one = Settings::new(&server.name, &server.url);
        one.auth = auth(flags)?;
        one.ca = flags.prometheus_ca.clone();
        one.client = match (&flags.prometheus_cert, &flags.prometheus_key) {
            (Some(certificate), Some(key)) => {
                Some(ClientCertificate { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            _ => bail!("--prometheus-cert and --prometheus-key come together"),
        };
        for header in &flags.prometheus_header {
            let (name, value) = header.split_once('=').with_context(|| format!("`{header}` is no NAME=VALUE"))?;
            one.headers.push((name.to_owned(), Hidden::new(value)));
        }
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

fn auth(flags: &Up) -> anyhow::Result<Auth> {
    match (&flags.prometheus_token_file, &flags.prometheus_user, &flags.prometheus_password_file) {
        (None, None, None) => Ok(Auth::None),
        (Some(file), None, None) => Ok(Auth::Bearer { token: Secret::File(file.clone()) }),
        (None, Some(user), Some(file)) => Ok(Auth::Basic { user: user.clone(), password: Secret::File(file.clone()) }),
        _ => bail!(
            "Prometheus is shown either a token (--prometheus-token-file), or a user and a password (--prometheus-user, --prometheus-password-file)"
        ),
    }
}
