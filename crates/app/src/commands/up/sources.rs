//! The metrics sources that the settings name.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use tenantry_adapters::metrics::federation::Federation;
use tenantry_adapters::metrics::prometheus::{Auth, ClientCertificate, Hidden, Prometheus, Secret, Settings};
use tenantry_engine::ports::metrics::MetricsSource;

use super::settings::{Resolved, Up};

/// One server, or several as one.
///
/// # Errors
/// Settings that cannot be used.
pub(super) fn sources(settings: &Resolved) -> anyhow::Result<Arc<dyn MetricsSource>> {
    let flags = &settings.flags;
    let mut sources: Vec<Arc<dyn MetricsSource>> = Vec::new();
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
