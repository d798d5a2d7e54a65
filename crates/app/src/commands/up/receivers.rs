//! Delivering the audit logs to others beside the control loop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tenantry_adapters::audit::{FileReceiver, Syslog, Webhook};
use tenantry_adapters::identity::safe;
use tenantry_audit::Form;
use tenantry_domain::unit::Span;
use tenantry_engine::audit::Audit;
use tenantry_engine::audit::delivery::{DeliveryError, Lag, Lags};
use tenantry_engine::ports::Clock as _;
use tenantry_engine::ports::receiver::Receiver;
use tenantry_engine::ports::store::ControlStore as _;
use tenantry_engine::status::Notice;
use tenantry_store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use super::noticed::Noticed;
use super::settings::Up;
use crate::time::SystemClock;

/// What is new is delivered after so long at the latest, where the receiver is there.
const EVERY: Duration = Duration::from_secs(1);
/// One server at a time delivers to a destination; another takes over after so long.
const LEASE: Span = Span::from_secs(90);
/// Where syslog is received unless told: RFC 5425 for TLS, and the usual port without.
const SYSLOG_TLS: u16 = 6514;
const SYSLOG: u16 = 601;

/// A destination.
pub(super) struct Destination {
    /// Under which its cursors stand: the address without what may be secret.
    name: String,
    receiver: Box<dyn Receiver>,
}

/// Reads `[FORMAT+]URL`.
///
/// # Errors
/// What it should have been.
pub(super) fn read(text: &str, flags: &Up, own: &str) -> anyhow::Result<Destination> {
    let written = "a destination is written `file:PATH`, `syslog://HOST:PORT`, `syslogs://HOST:PORT` or `https://…`, with \
                   `jsonl+`, `ocsf+` or `cloudevents+` before it where the form is to be another";
    let (form, address) = match text.split_once('+') {
        Some((form, rest)) if Form::from_name(form).is_some() => (Form::from_name(form), rest),
        _ => (None, text),
    };
    // Secrets are in user, password and query, and not in what is logged and kept.
    let bare = || address.split(['?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
    let url = Url::parse(address).with_context(|| format!("`{}` is no destination: {written}", bare()))?;
    let ca = flags.audit_to_ca.as_deref();
    let host = || url.host_str().with_context(|| format!("`{}` names no host: {written}", bare()));
    let mut shown = url.clone();
    let _ = (shown.set_username(""), shown.set_password(None));
    shown.set_query(None);
    let receiver: Box<dyn Receiver> = match url.scheme() {
        "file" => {
            let path = address.trim_start_matches("file:");
            let path = path.strip_prefix("//").unwrap_or(path);
            Box::new(FileReceiver::new(path.into(), form.unwrap_or(Form::Json)))
        }
        "syslog" => {
            let form = form.unwrap_or(Form::Ocsf);
            Box::new(Syslog::plain(host()?, url.port().unwrap_or(SYSLOG), own, form))
        }
        "syslogs" => {
            let form = form.unwrap_or(Form::Ocsf);
            Box::new(Syslog::secured(host()?, url.port().unwrap_or(SYSLOG_TLS), own, form, ca)?)
        }
        "http" | "https" => {
            let file = flags.audit_webhook_secret_file.as_deref();
            let file =
                file.context("a webhook is signed: name the file of its secret with --audit-webhook-secret-file")?;
            // Its secret signs, and hides nothing: entries have details of tenants' configuration.
            safe(address).map_err(|why| anyhow::anyhow!("audit logs are not sent to {shown}: {why}"))?;
            let form = form.unwrap_or(Form::CloudEvents);
            Box::new(Webhook::new(url.as_str(), secret(file)?, form, ca, Box::new(SystemClock))?)
        }
        _ => bail!("`{}` is no destination: {written}", bare()),
    };
    Ok(Destination { name: shown.to_string(), receiver })
}

/// A secret of Standard Webhooks: `whsec_` and base64, of 24 to 64 bytes.
fn secret(path: &Path) -> anyhow::Result<Vec<u8>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let text = text.trim();
    let bytes = BASE64_STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).unwrap_or_default();
    ensure!(
        (24..=64).contains(&bytes.len()),
        "{} holds no secret of a webhook: `whsec_` and base64 of 24 to 64 bytes, such as `echo whsec_$(openssl rand -base64 32)`",
        path.display()
    );
    Ok(bytes)
}

/// What the delivering shares.
#[derive(Clone)]
pub(super) struct Delivering {
    pub(super) logs: Audit,
    pub(super) store: Arc<Store>,
    pub(super) holder: String,
    pub(super) noticed: Noticed,
    pub(super) lags: Lags,
    pub(super) ended: CancellationToken,
}

impl Delivering {
    /// Delivers to each destination until the end, each by itself: one that is away keeps nobody waiting.
    pub(super) async fn keep(self, destinations: Vec<Destination>) {
        let mut tasks = JoinSet::new();
        for destination in destinations {
            tasks.spawn(self.clone().keep_one(destination));
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn keep_one(self, destination: Destination) {
        let lease = format!("audit-to {}", destination.name);
        let (mut failures, mut after) = (0_u32, String::new());
        while !self.ended.is_cancelled() {
            let now = SystemClock.now();
            let held = self.store.lease(&lease, &self.holder, now, now + LEASE).await;
            let rests = if matches!(held, Ok(Some(_))) {
                self.turn(&destination, &mut failures, &mut after).await
            } else {
                EVERY
            };
            tokio::select! {
                biased;
                () = self.ended.cancelled() => {}
                () = tokio::time::sleep(rests) => {}
            }
        }
        if let Err(error) = self.store.release(&lease, &self.holder).await {
            warn!(%error, "another server takes over the delivery later than it could");
        }
    }

    async fn turn(&self, destination: &Destination, failures: &mut u32, after: &mut String) -> Duration {
        let Destination { name, receiver } = destination;
        let delivering = self.logs.deliver(name, receiver.as_ref(), || SystemClock.now(), after);
        let delivered = tokio::select! {
            biased;
            // What was not acknowledged comes again at the next start.
            () = self.ended.cancelled() => return EVERY,
            delivered = delivering => delivered,
        };
        let about = format!("audit-to {name}");
        let rests = match &delivered {
            Ok(more) => {
                if self.noticed.set(&about, None) {
                    info!(destination = name, "audit logs are delivered again");
                }
                *failures = 0;
                if *more { Duration::ZERO } else { EVERY }
            }
            Err(error) => {
                if self.noticed.set(&about, Some(&notice(error))) {
                    warn!(error = format!("{error} ({})", error.code()), "audit logs are not delivered");
                }
                let rests = error.rest(*failures, fastrand::f64());
                *failures = failures.saturating_add(1);
                rests
            }
        };
        if let Ok(entries) = self.logs.lag(name).await {
            self.lags.set(name, Lag { entries, failing: delivered.is_err() });
        }
        rests
    }
}

fn notice(error: &DeliveryError) -> Notice {
    Notice { what: error.to_string(), to_do: format!("`tenantry errors {}` says what to do", error.code()) }
}
