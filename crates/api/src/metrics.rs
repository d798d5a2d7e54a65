//! What the server counts of itself, in Prometheus' text form.
//!
//! INVARIANT(labels): every label is from a closed set: routes as they are declared, methods, statuses, verdicts. No
//! tenant, path or message ever becomes one.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tenantry_domain::time::Timestamp;
use tenantry_engine::audit::delivery::Lags;
use tenantry_engine::backup::BackupStatus;

/// Media type of the text form.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper ends of the buckets of a request's time, in seconds: from a read that is at hand to the limit of a request.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Receiver {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Known {
    method: &'static str,
    outcome: &'static str,
}

/// The counts of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram>,
    in_flight: Gauge,
    connections: Gauge,
    streams: Gauge,
    verdicts: Family<Verdict, Counter>,
    decisions: Counter,
    glass: Gauge,
    glasses: Counter,
    known: Family<Known, Counter>,
    providers_failing: Gauge,
    lags: OnceLock<Lags>,
    undelivered: Family<Receiver, Gauge>,
    receivers_failing: Gauge,
    backup_at: Gauge,
    backup_age: Gauge,
    backups_failing: Gauge,
}

/// A thing under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Gauge);

impl UnderWay {
    fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut whole = Registry::with_prefix("tenantry");
        let (glass, glasses) = (Gauge::default(), Counter::default());
        whole.register("break_glass_active", "Broken glass that has not ended", glass.clone());
        whole.register("break_glass", "Times that glass was broken, since the server started", glasses.clone());
        let (undelivered, receivers_failing) = (Family::default(), Gauge::default());
        let says = "Signed audit entries that receivers have not acknowledged, by the kind of receiver";
        whole.register("audit_undelivered", says, undelivered.clone());
        let says = "Receivers of audit logs whose last delivery failed";
        whole.register("audit_receivers_failing", says, receivers_failing.clone());
        let (backup_at, backup_age, backups_failing) = (Gauge::default(), Gauge::default(), Gauge::default());
        let says = "When the last good backup is of, in seconds since 1970; 0 where there is none";
        whole.register("backup_last_success_timestamp_seconds", says, backup_at.clone());
        let says = "How old the last good backup is; -1 where there is none";
        whole.register("backup_age_seconds", says, backup_age.clone());
        whole.register("backups_failing", "Backups that failed since the last good one", backups_failing.clone());
        let registry = whole.sub_registry_with_prefix("api");
        let requests = Family::default();
        let seconds: Family<Route, Histogram> = Family::new_with_constructor(|| Histogram::new(SECONDS));
        let (in_flight, connections, streams) = (Gauge::default(), Gauge::default(), Gauge::default());
        let (verdicts, decisions) = (Family::default(), Counter::default());
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "Time from a request's head to its answer's", seconds.clone());
        registry.register("requests_in_flight", "Requests under way", in_flight.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("event_streams", "Open event streams", streams.clone());
        registry.register("access_verdicts", "Verdicts at the door", verdicts.clone());
        registry.register("decisions_seen", "Scaling decisions that event streams were woken for", decisions.clone());
        let (known, providers_failing) = (Family::default(), Gauge::default());
        registry.register(
            "authentications",
            "Callers, by how they said who they are and whether they were known",
            known.clone(),
        );
        let says = "OpenID providers whose keys could not be fetched when they were last asked for";
        registry.register("identity_providers_failing", says, providers_failing.clone());
        Self {
            registry: whole,
            requests,
            seconds,
            in_flight,
            connections,
            streams,
            verdicts,
            decisions,
            glass,
            glasses,
            known,
            providers_failing,
            lags: OnceLock::new(),
            undelivered,
            receivers_failing,
            backup_at,
            backup_age,
            backups_failing,
        }
    }

    /// Tells from now on what receivers of the audit logs have not.
    pub(crate) fn follow(&self, lags: Lags) {
        // Those that were given first stay.
        let _ = self.lags.set(lags);
    }

    fn delivered(&self) {
        let Some(lags) = self.lags.get() else { return };
        let (mut kinds, mut failing) = (BTreeMap::<&str, u64>::new(), 0);
        for (destination, lag) in lags.all() {
            let kind = match destination.split(':').next() {
                Some("file") => "file",
                Some("syslog" | "syslogs") => "syslog",
                _ => "webhook",
            };
            *kinds.entry(kind).or_default() += lag.entries;
            failing += i64::from(lag.failing);
        }
        for (kind, entries) in kinds {
            self.undelivered.get_or_create(&Receiver { kind }).set(i64::try_from(entries).unwrap_or(i64::MAX));
        }
        self.receivers_failing.set(failing);
    }

    pub(crate) fn answered(&self, route: &'static str, method: &Method, status: StatusCode, took: Duration) {
        let method = known(method);
        self.requests.get_or_create(&Request { route, method, status: status.as_u16() }).inc();
        self.seconds.get_or_create(&Route { route, method }).observe(took.as_secs_f64());
    }

    pub(crate) fn request(&self) -> UnderWay {
        UnderWay::of(&self.in_flight)
    }

    pub(crate) fn connection(&self) -> UnderWay {
        UnderWay::of(&self.connections)
    }

    pub(crate) fn stream(&self) -> UnderWay {
        UnderWay::of(&self.streams)
    }

    /// Counts what the door said: `admitted`, `refused`, `hidden`, `unknown` or `failed`.
    pub(crate) fn verdict(&self, verdict: &'static str) {
        self.verdicts.get_or_create(&Verdict { verdict }).inc();
    }

    /// Counts somebody who said who they are: by `token`, `oidc`, `certificate`, `kubernetes` or `none` of them; whether
    /// they were `known`, `unknown` or it could not be told (`failed`).
    pub(crate) fn presented(&self, method: &'static str, outcome: &'static str) {
        self.known.get_or_create(&Known { method, outcome }).inc();
    }

    /// How many providers' keys could not be fetched.
    pub(crate) fn failing(&self, providers: usize) {
        self.providers_failing.set(i64::try_from(providers).unwrap_or(i64::MAX));
    }

    /// How backups stand.
    pub(crate) fn backups(&self, status: Option<&BackupStatus>, now: Timestamp) {
        let seconds = |millis: i64| millis.div_euclid(1000);
        let last = status.and_then(|status| status.last.as_ref()).map(|last| last.at);
        self.backup_at.set(last.map_or(0, |at| seconds(at.as_millis())));
        self.backup_age.set(last.map_or(-1, |at| seconds(now.since(at).as_millis_i64())));
        let failed = status.and_then(|status| status.failed.as_ref()).map_or(0, |failed| failed.times);
        self.backups_failing.set(i64::try_from(failed).unwrap_or(i64::MAX));
    }

    pub(crate) fn decided(&self, decisions: u64) {
        self.decisions.inc_by(decisions);
    }

    /// How much glass is broken now.
    pub(crate) fn glass(&self, count: usize) {
        self.glass.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn glass_broken(&self) {
        self.glass.inc();
        self.glasses.inc();
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> String {
        self.delivered();
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

/// Methods from a closed set, as anybody may send any word.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}
