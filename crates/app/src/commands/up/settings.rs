//! What the server is told: by flags, by the environment, by a file; the earlier wins.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use tenantry_api::Identity;
use tenantry_backup::Keep;
use tenantry_domain::unit::Span;
use tenantry_operator::Options as KubernetesOptions;

use super::servers::{Listed, Server, servers};
use crate::private::Private;

/// Whether changes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Set sizes
    Act,
    /// Write nothing to the cluster, and record what would have been done
    Observe,
}

/// Where the lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeaseKind {
    /// A Lease object of the cluster
    Kubernetes,
    /// A row in the store
    Store,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// The flags. Each has a variable `TENANTRY_NAME`, and a key `name` in the settings file.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[command(after_help = "Examples:
  tenantry up --mode observe --prometheus http://prometheus:9090
  tenantry up --config ./tenants --prometheus http://prometheus:9090
  tenantry up --mode observe --replay load/ --replay-speed 60
  tenantry up --settings /etc/tenantry/settings.yaml
  tenantry up --listen 0.0.0.0:7400 --tls-cert api.pem --tls-key api.key
  tenantry up --identities identities.yaml                     # who is known by OpenID, certificates, Kubernetes
  tenantry up --backup-to s3://backups/tenantry --backup-every 1h --prometheus http://prometheus:9090
  TENANTRY_STORE=postgres://tenantry@db/tenantry tenantry up --prometheus eu=http://prom-eu:9090 --prometheus us=http://prom-us:9090

A settings file has the flags' names as keys:
  config: /etc/tenantry/tenants
  cycle: 5s
  prometheus:
    - http://prometheus:9090                     # shown what the flags --prometheus-... say
    - name: eu                                   # shown what stands here, and nothing of the flags
      url: https://prom-eu:9090
      token_file: /etc/tenantry/eu.token         # or user and password_file
      ca: /etc/tenantry/eu-ca.pem
      headers: { X-Scope-OrgID: team }
    - { name: us, url: https://prom-us:9090, cert: /etc/tenantry/us.pem, key: /etc/tenantry/us.key }")]
pub(crate) struct Up {
    /// A file with these settings
    #[arg(long, env = "TENANTRY_SETTINGS", value_name = "FILE")]
    #[serde(skip)]
    pub(crate) settings: Option<PathBuf>,
    /// The store, as for every command
    #[arg(skip)]
    pub(crate) store: Option<Private>,
    /// A folder of documents, such as a Git checkout, that is watched and the only source of its tenants
    #[arg(long, env = "TENANTRY_CONFIG", value_name = "DIR")]
    pub(crate) config: Option<PathBuf>,
    /// Whether to set sizes [default: act]
    #[arg(long, env = "TENANTRY_MODE", value_enum)]
    pub(crate) mode: Option<Mode>,
    /// A server of Prometheus' query API; several are asked as one, and the settings file gives each its own credentials
    #[arg(long, env = "TENANTRY_PROMETHEUS", hide_env_values = true, value_name = "[NAME=]URL", value_delimiter = ',')]
    pub(crate) prometheus: Vec<Listed>,
    /// File with a bearer token for Prometheus
    #[arg(long, env = "TENANTRY_PROMETHEUS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) prometheus_token_file: Option<PathBuf>,
    /// User for Prometheus
    #[arg(long, env = "TENANTRY_PROMETHEUS_USER", value_name = "NAME")]
    pub(crate) prometheus_user: Option<String>,
    /// File with the user's password
    #[arg(long, env = "TENANTRY_PROMETHEUS_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) prometheus_password_file: Option<PathBuf>,
    /// PEM file of the authorities that Prometheus' certificate may be of
    #[arg(long, env = "TENANTRY_PROMETHEUS_CA", value_name = "FILE")]
    pub(crate) prometheus_ca: Option<PathBuf>,
    /// PEM file of a client certificate for Prometheus
    #[arg(long, env = "TENANTRY_PROMETHEUS_CERT", value_name = "FILE")]
    pub(crate) prometheus_cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, env = "TENANTRY_PROMETHEUS_KEY", value_name = "FILE")]
    pub(crate) prometheus_key: Option<PathBuf>,
    /// A header for Prometheus, such as `X-Scope-OrgID=team`; in the variable, one a line
    #[arg(
        long,
        env = "TENANTRY_PROMETHEUS_HEADER",
        hide_env_values = true,
        value_name = "NAME=VALUE",
        value_delimiter = '\n'
    )]
    pub(crate) prometheus_header: Vec<Private>,
    /// Load from CSV files instead of a server: `TENANT.WORKLOAD.csv` or `TENANT.csv`, begun when the server starts
    #[arg(long, env = "TENANTRY_REPLAY", value_name = "FILE|DIR")]
    pub(crate) replay: Option<PathBuf>,
    /// How many times faster than it was recorded [default: 1]
    #[arg(long, env = "TENANTRY_REPLAY_SPEED", value_name = "N")]
    pub(crate) replay_speed: Option<u32>,
    /// The kubeconfig [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, env = "TENANTRY_KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context in it [default: the current one]
    #[arg(long, env = "TENANTRY_CONTEXT", value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Look at this namespace only
    #[arg(long, env = "TENANTRY_NAMESPACE", value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// From one look to the next [default: 10s]
    #[arg(long, env = "TENANTRY_CYCLE", value_name = "SPAN")]
    pub(crate) cycle: Option<Span>,
    /// Requests under way at once [default: 64]
    #[arg(long, env = "TENANTRY_CONCURRENCY", value_name = "N")]
    pub(crate) concurrency: Option<usize>,
    /// How long a cycle waits for queries that one tenant alone asks, so that it does not hold up the others
    /// [default: a tenth of the cycle, at least 1s]
    #[arg(long, env = "TENANTRY_TENANT_QUERY_TIME", value_name = "SPAN")]
    pub(crate) tenant_query_time: Option<Span>,
    /// Where the lease is that makes this the only controller [default: kubernetes]
    #[arg(long, env = "TENANTRY_LEASE", value_enum)]
    pub(crate) lease: Option<LeaseKind>,
    /// Namespace of the lease [default: tenantry]
    #[arg(long, env = "TENANTRY_LEASE_NAMESPACE", value_name = "NAME")]
    pub(crate) lease_namespace: Option<String>,
    /// Who this controller is [default: host name and process]
    #[arg(long, env = "TENANTRY_HOLDER", value_name = "NAME")]
    pub(crate) holder: Option<String>,
    /// Samples are folded into steps of this length before they are learned [default: 15s]
    #[arg(long, env = "TENANTRY_FORECAST_STEP", value_name = "SPAN")]
    pub(crate) forecast_step: Option<Span>,
    /// Length of the pattern that comes back [default: 1d]
    #[arg(long, env = "TENANTRY_SEASON", value_name = "SPAN")]
    pub(crate) season: Option<Span>,
    /// How long decisions that changed nothing are kept [default: 7d]
    #[arg(long, env = "TENANTRY_KEEP_HOLDS", value_name = "SPAN")]
    pub(crate) keep_holds: Option<Span>,
    /// How long decisions that changed something are kept [default: 90d]
    #[arg(long, env = "TENANTRY_KEEP_CHANGES", value_name = "SPAN")]
    pub(crate) keep_changes: Option<Span>,
    /// Where the HTTP API is served; other than loopback it needs a certificate [default: 127.0.0.1:7400]
    #[arg(long, env = "TENANTRY_LISTEN", value_name = "ADDRESS:PORT", conflicts_with = "no_api")]
    pub(crate) listen: Option<SocketAddr>,
    /// Serve no HTTP API
    #[arg(long, env = "TENANTRY_NO_API")]
    pub(crate) no_api: bool,
    /// PEM file of the API's certificate, followed by those of its issuers
    #[arg(long, env = "TENANTRY_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, env = "TENANTRY_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How long glass may stay broken [default: 4h]
    #[arg(long, env = "TENANTRY_BREAK_GLASS_MAX", value_name = "SPAN")]
    pub(crate) break_glass_max: Option<Span>,
    /// PEM file of the authorities whose certificates callers may be known by
    #[arg(long, env = "TENANTRY_TLS_CLIENT_CA", value_name = "FILE")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// PEM file of their lists of withdrawn certificates, one for each; without a list that holds nobody gets in
    #[arg(long, env = "TENANTRY_TLS_CLIENT_CRL", value_name = "FILE")]
    pub(crate) tls_client_crl: Option<PathBuf>,
    /// File that says who is known by OpenID providers, certificates and Kubernetes, and as what
    #[arg(long, env = "TENANTRY_IDENTITIES", value_name = "FILE")]
    pub(crate) identities: Option<PathBuf>,
    /// File of the key that audit logs are signed with; made where it is not there [default: beside the store]
    #[arg(long, env = "TENANTRY_AUDIT_KEY", value_name = "FILE")]
    pub(crate) audit_key: Option<PathBuf>,
    /// A witness that cosigns the root log of the audit logs, as `NAME+ID+KEY@URL`; may be said again
    #[arg(long, env = "TENANTRY_WITNESS", value_name = "KEY@URL", value_delimiter = '\n')]
    pub(crate) witness: Vec<String>,
    /// PEM file of the authorities that witnesses' certificates may be of [default: those of the system]
    #[arg(long, env = "TENANTRY_WITNESS_CA", value_name = "FILE")]
    pub(crate) witness_ca: Option<PathBuf>,
    /// Where the audit logs are delivered to: `file:PATH`, `syslog://HOST:PORT`, `syslogs://HOST:PORT` or `https://…`; with
    /// `jsonl+`, `ocsf+` or `cloudevents+` before it in that form; may be said again
    #[arg(long, env = "TENANTRY_AUDIT_TO", hide_env_values = true, value_name = "URL", value_delimiter = '\n')]
    pub(crate) audit_to: Vec<Private>,
    /// PEM file of the authorities that receivers' certificates may be of [default: those of the system]
    #[arg(long, env = "TENANTRY_AUDIT_TO_CA", value_name = "FILE")]
    pub(crate) audit_to_ca: Option<PathBuf>,
    /// File of the secret that webhooks are signed with: `whsec_` and base64
    #[arg(long, env = "TENANTRY_AUDIT_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub(crate) audit_webhook_secret_file: Option<PathBuf>,
    /// How long audit logs are kept; what is older is pruned, and stays provable [default: for ever]
    #[arg(long, env = "TENANTRY_KEEP_AUDIT", value_name = "SPAN")]
    pub(crate) keep_audit: Option<Span>,
    /// Where backups are kept: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    #[arg(long, env = "TENANTRY_BACKUP_TO", value_name = "PLACE")]
    pub(crate) backup_to: Option<String>,
    /// From one backup to the next [default: 1h]
    #[arg(long, env = "TENANTRY_BACKUP_EVERY", value_name = "SPAN")]
    pub(crate) backup_every: Option<Span>,
    /// Which backups are kept [default: last=3,hourly=24,daily=14,weekly=8,monthly=6]
    #[arg(long, env = "TENANTRY_BACKUP_KEEP", value_name = "RULES")]
    pub(crate) backup_keep: Option<String>,
    /// What is logged, such as `info` or `tenantry_engine=debug` [default: info]
    #[arg(long, env = "TENANTRY_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How the log is written [default: text]
    #[arg(long, env = "TENANTRY_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
}

/// The settings with nothing left open.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) store: Option<Private>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) mode: Mode,
    pub(crate) servers: Vec<Server>,
    pub(crate) flags: Up,
    pub(crate) kubernetes: KubernetesOptions,
    pub(crate) cycle: Span,
    pub(crate) concurrency: usize,
    pub(crate) tenant_query_time: Span,
    pub(crate) lease: LeaseKind,
    pub(crate) lease_namespace: String,
    pub(crate) lease_term: Span,
    pub(crate) holder: String,
    pub(crate) forecast_step: Span,
    pub(crate) season: Option<Span>,
    pub(crate) keep_holds: Span,
    pub(crate) keep_changes: Span,
    pub(crate) serves: Option<Serves>,
    pub(crate) backups: Option<Backups>,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// Where the API is served, and as whom.
#[derive(Debug)]
pub(crate) struct Serves {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Option<Identity>,
}

/// Audit logs are kept for so long at least: an accident, or an intruder, must not empty them.
const AUDIT_KEPT_MIN: Span = Span::from_secs(86_400);
/// Which backups the server takes.
#[derive(Debug, Clone)]
pub(crate) struct Backups {
    pub(crate) place: String,
    pub(crate) every: Span,
    pub(crate) keep: Keep,
}

/// Where the API is served unless told.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7400);

impl Up {
    /// Lays the flags over the file and the file over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read, and values that cannot be.
    pub(crate) fn resolve(self, store: Option<Private>) -> anyhow::Result<Resolved> {
        let file = self.settings.as_deref().map(read).transpose()?.unwrap_or_default();
        let over = self.over(file);
        let cycle = over.cycle.unwrap_or(Span::from_secs(10));
        if !(500..=600_000).contains(&cycle.as_millis()) {
            bail!("a cycle of {cycle} cannot be: it must be 500ms to 10m");
        }
        if let Some(keep) = over.keep_audit.filter(|keep| *keep < AUDIT_KEPT_MIN) {
            bail!("--keep-audit {keep} is too short: audit logs are kept for at least {AUDIT_KEPT_MIN}");
        }
        let servers = servers(&over)?;
        let host = std::fs::read_to_string("/etc/hostname").map(|name| name.trim().to_owned()).unwrap_or_default();
        let holder = over
            .holder
            .clone()
            .unwrap_or_else(|| format!("{}-{}", if host.is_empty() { "tenantry" } else { &host }, std::process::id()));
        Ok(Resolved {
            store: store.or_else(|| over.store.clone()),
            config: over.config.clone(),
            mode: over.mode.unwrap_or(Mode::Act),
            servers,
            kubernetes: KubernetesOptions {
                kubeconfig: over.kubeconfig.clone(),
                context: over.context.clone(),
                namespace: over.namespace.clone(),
                ..KubernetesOptions::default()
            },
            cycle,
            concurrency: over.concurrency.unwrap_or(64).clamp(1, 1024),
            tenant_query_time: over
                .tenant_query_time
                .unwrap_or(Span::from_millis(cycle.as_millis() / 10).max(Span::from_secs(1)))
                .min(cycle),
            lease: over.lease.unwrap_or(LeaseKind::Kubernetes),
            lease_namespace: over.lease_namespace.clone().unwrap_or_else(|| "tenantry".to_owned()),
            // Two missed renewals are borne before another takes over.
            lease_term: Span::from_millis((cycle.as_millis() * 3).max(15_000)),
            holder,
            forecast_step: over.forecast_step.unwrap_or(Span::from_secs(15)),
            season: over.season,
            keep_holds: over.keep_holds.unwrap_or(Span::from_secs(7 * 86_400)),
            keep_changes: over.keep_changes.unwrap_or(Span::from_secs(90 * 86_400)),
            serves: over.serves()?,
            backups: over.backups()?,
            log: over.log.clone().unwrap_or_else(|| "info".to_owned()),
            log_format: over.log_format.unwrap_or(LogFormat::Text),
            flags: over,
        })
    }

    fn backups(&self) -> anyhow::Result<Option<Backups>> {
        let Some(place) = self.backup_to.clone() else {
            if self.backup_every.is_some() || self.backup_keep.is_some() {
                bail!("--backup-every and --backup-keep are of no use without --backup-to: name a place");
            }
            return Ok(None);
        };
        let every = self.backup_every.unwrap_or(Span::from_secs(3600));
        if every < Span::from_secs(60) {
            bail!("a backup each {every} cannot be: it must be 1m or more");
        }
        let keep = self.backup_keep.as_deref().map(str::parse).transpose()?.unwrap_or_default();
        Ok(Some(Backups { place, every, keep }))
    }

    fn serves(&self) -> anyhow::Result<Option<Serves>> {
        let identity = match (&self.tls_cert, &self.tls_key) {
            _ if self.tls_client_crl.is_some() && self.tls_client_ca.is_none() => {
                bail!(
                    "--tls-client-crl is of no use without the authorities whose lists they are: give --tls-client-ca"
                )
            }
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: certificate.clone(),
                key: key.clone(),
                clients: self.tls_client_ca.clone(),
                withdrawn: self.tls_client_crl.clone(),
            }),
            (None, None) if self.tls_client_ca.is_some() => {
                bail!("--tls-client-ca is of no use without the API's own certificate: give --tls-cert and --tls-key")
            }
            (None, None) => None,
            _ => bail!("--tls-cert and --tls-key come together; one of them is missing"),
        };
        Ok((!self.no_api).then(|| Serves { address: self.listen.unwrap_or(LISTEN), identity }))
    }

    fn over(self, file: Self) -> Self {
        fn list<T>(own: Vec<T>, other: Vec<T>) -> Vec<T> {
            if own.is_empty() { other } else { own }
        }
        Self {
            settings: self.settings,
            store: self.store.or(file.store),
            config: self.config.or(file.config),
            mode: self.mode.or(file.mode),
            prometheus: list(self.prometheus, file.prometheus),
            prometheus_token_file: self.prometheus_token_file.or(file.prometheus_token_file),
            prometheus_user: self.prometheus_user.or(file.prometheus_user),
            prometheus_password_file: self.prometheus_password_file.or(file.prometheus_password_file),
            prometheus_ca: self.prometheus_ca.or(file.prometheus_ca),
            prometheus_cert: self.prometheus_cert.or(file.prometheus_cert),
            prometheus_key: self.prometheus_key.or(file.prometheus_key),
            prometheus_header: list(self.prometheus_header, file.prometheus_header),
            replay: self.replay.or(file.replay),
            replay_speed: self.replay_speed.or(file.replay_speed),
            kubeconfig: self.kubeconfig.or(file.kubeconfig),
            context: self.context.or(file.context),
            namespace: self.namespace.or(file.namespace),
            cycle: self.cycle.or(file.cycle),
            concurrency: self.concurrency.or(file.concurrency),
            tenant_query_time: self.tenant_query_time.or(file.tenant_query_time),
            lease: self.lease.or(file.lease),
            lease_namespace: self.lease_namespace.or(file.lease_namespace),
            holder: self.holder.or(file.holder),
            forecast_step: self.forecast_step.or(file.forecast_step),
            season: self.season.or(file.season),
            keep_holds: self.keep_holds.or(file.keep_holds),
            keep_changes: self.keep_changes.or(file.keep_changes),
            listen: self.listen.or(file.listen),
            no_api: self.no_api || (file.no_api && self.listen.is_none()),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            break_glass_max: self.break_glass_max.or(file.break_glass_max),
            tls_client_ca: self.tls_client_ca.or(file.tls_client_ca),
            tls_client_crl: self.tls_client_crl.or(file.tls_client_crl),
            identities: self.identities.or(file.identities),
            audit_key: self.audit_key.or(file.audit_key),
            witness: list(self.witness, file.witness),
            witness_ca: self.witness_ca.or(file.witness_ca),
            audit_to: list(self.audit_to, file.audit_to),
            audit_to_ca: self.audit_to_ca.or(file.audit_to_ca),
            audit_webhook_secret_file: self.audit_webhook_secret_file.or(file.audit_webhook_secret_file),
            keep_audit: self.keep_audit.or(file.keep_audit),
            backup_to: self.backup_to.or(file.backup_to),
            backup_every: self.backup_every.or(file.backup_every),
            backup_keep: self.backup_keep.or(file.backup_keep),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Up> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_laid_over_the_file_and_the_file_over_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.yaml");
        std::fs::write(&path, "cycle: 5s\nmode: observe\nprometheus: [eu=http://eu:9090]\n").unwrap();
        let flags = Up { settings: Some(path.clone()), cycle: Some(Span::from_secs(2)), ..Up::default() };
        let resolved = flags.resolve(None).unwrap();
        assert_eq!((resolved.cycle, resolved.mode), (Span::from_secs(2), Mode::Observe));
        let server = resolved.servers[0].settings().unwrap();
        assert_eq!((server.name.as_str(), server.url.as_str()), ("eu", "http://eu:9090"));
        std::fs::write(&path, "cylce: 5s\n").unwrap();
        let wrong = Up { settings: Some(path), ..Up::default() }.resolve(None).unwrap_err().to_string();
        assert!(wrong.contains("cylce"), "{wrong}");
        let never = Up { cycle: Some(Span::from_millis(1)), ..Up::default() }.resolve(None).unwrap_err();
        assert!(never.to_string().contains("500ms to 10m"));
    }
}
