//! Workloads as they stand, and what people ask of them.

use serde::Serialize;
use tenantry_domain::id::TenantId;
use tenantry_domain::plan::Hold;
use tenantry_domain::unit::Replicas;
use tenantry_domain::vertical::Standing;
use tenantry_engine::ports::store::Intervention as Asked;
use tenantry_engine::recommend::{Recommendation as Row, Recommended};
use tenantry_engine::status::{ContainerStatus, ResourceStatus, SignalStatus, WorkloadStatus};
use utoipa::ToSchema;

use super::{instant, number, page};

/// A workload of a tenant as it stood last.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Workload {
    /// The tenant.
    pub(crate) tenant: String,
    /// Its name.
    pub(crate) name: String,
    /// As of when.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// The object that is scaled.
    pub(crate) target: String,
    /// Which way of scaling rules.
    pub(crate) strategy: String,
    /// The least replicas.
    pub(crate) min_replicas: u32,
    /// The most replicas.
    pub(crate) max_replicas: u32,
    /// Replicas asked for; none when it could not be read.
    pub(crate) current: Option<u32>,
    /// Replicas that serve.
    pub(crate) ready: u32,
    /// The size that was wanted before limits.
    pub(crate) wanted: Option<u32>,
    /// The size after the decision.
    pub(crate) decided: Option<u32>,
    /// Why nothing changes, or `scaling`.
    pub(crate) state: String,
    /// More about the state, where there is more.
    pub(crate) detail: Option<String>,
    /// The signals.
    pub(crate) signals: Vec<Signal>,
    /// Seconds that a started replica takes to serve.
    pub(crate) startup_delay_seconds: f64,
    /// Dollars that the current size costs in an hour, where a price is declared.
    pub(crate) hour_cost_usd: Option<f64>,
    /// Since when nothing could be seen of its load, when that is long enough for an alert.
    #[schema(format = DateTime)]
    pub(crate) blind_since: Option<String>,
    /// The last attempt that failed, in the target's words.
    pub(crate) trouble: Option<String>,
    /// When requests of its containers are changed: `off`, `initial` or `in_place`.
    pub(crate) vertical_mode: String,
    /// What its containers request and should.
    pub(crate) containers: Vec<Container>,
}

page!(
    /// A page of workloads, ordered by name.
    WorkloadPage of Workload
);

/// A signal as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Signal {
    /// Its name.
    pub(crate) name: String,
    /// What it is held against.
    pub(crate) target: String,
    /// Its value.
    pub(crate) now: Option<f64>,
    /// Why there is no value.
    pub(crate) missing: Option<String>,
    /// Its expected maximum at the quantile that the objective asks for.
    pub(crate) expected: Option<f64>,
    /// Whether the expectation has a say.
    pub(crate) trusted: bool,
    /// What is known of the demand behind it.
    pub(crate) demand: Vec<String>,
    /// Whether its load follows the size.
    pub(crate) follows: bool,
}

/// A container over all pods.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Container {
    /// Its name.
    pub(crate) name: String,
    /// Seconds of history that the recommendation rests on.
    pub(crate) history_seconds: f64,
    /// From 0, nothing known, towards 1.
    pub(crate) confidence: f64,
    /// Cpu and memory, as far as they are measured.
    pub(crate) resources: Vec<ContainerResource>,
}

/// A resource of a container: cores or bytes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ContainerResource {
    /// `cpu` or `memory`.
    pub(crate) resource: String,
    /// The least that a pod requests.
    pub(crate) request_min: Option<f64>,
    /// The most that a pod requests.
    pub(crate) request_max: Option<f64>,
    /// What is recommended.
    pub(crate) target: f64,
    /// Whether that is applied, and if not, why.
    pub(crate) standing: String,
    /// What all pods together would request less.
    pub(crate) saving: f64,
    /// Dollars a month that comes to, where a price is declared.
    pub(crate) month_usd: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "shown, not reckoned with")]
fn usd(micro: tenantry_domain::unit::MicroUsd) -> f64 {
    micro.0 as f64 / 1e6
}

fn seconds(span: tenantry_domain::unit::Span) -> f64 {
    span.as_duration().as_secs_f64()
}

/// Why nothing changes, in a word, and what else there is to say to somebody who sees only some tenants.
pub(crate) fn held(hold: &Hold, sees: impl Fn(&TenantId) -> bool) -> (&'static str, Option<String>) {
    match hold {
        Hold::Steady => ("steady", None),
        Hold::Disabled => ("disabled", None),
        Hold::Paused => ("paused", None),
        Hold::Unreadable => ("unreadable", None),
        Hold::Blind => ("blind", None),
        Hold::Asleep => ("asleep", None),
        Hold::ForeignScaler => ("foreign_scaler", None),
        Hold::Rival(rival) if sees(&rival.tenant) => ("rival", Some(format!("its object is reached by {rival} too"))),
        Hold::Rival(_) => ("rival", Some("its object is reached by a workload of another tenant too".to_owned())),
        Hold::Waiting => ("waiting", None),
        Hold::Broken(law) => ("broken", Some(law.clone())),
    }
}

impl Workload {
    pub(crate) fn of(status: &WorkloadStatus, sees: impl Fn(&TenantId) -> bool) -> Self {
        let (state, detail) = status.hold.as_ref().map_or(("scaling", None), |hold| held(hold, sees));
        Self {
            tenant: status.key.tenant.to_string(),
            name: status.key.workload.to_string(),
            at: instant(status.at),
            target: status.target.clone(),
            strategy: status.strategy.to_string(),
            min_replicas: status.bounds.floor().get(),
            max_replicas: status.bounds.ceiling().get(),
            current: status.current.map(Replicas::get),
            ready: status.ready.get(),
            wanted: status.wanted.map(Replicas::get),
            decided: status.decided.map(Replicas::get),
            state: state.to_owned(),
            detail: detail.or_else(|| status.unreadable.clone()).or_else(|| status.unmeasured.clone()),
            signals: status.signals.iter().map(Signal::of).collect(),
            startup_delay_seconds: seconds(status.startup_delay),
            hour_cost_usd: status.hour_cost.map(usd),
            blind_since: status.blind_since.map(instant),
            trouble: status.trouble.clone(),
            vertical_mode: status.vertical_mode.to_string(),
            containers: status.vertical.iter().map(Container::of).collect(),
        }
    }
}

impl Signal {
    fn of(status: &SignalStatus) -> Self {
        let SignalStatus { name, target, now, expected, trusted, demand, follows } = status;
        Self {
            name: name.to_string(),
            target: target.to_string(),
            now: now.as_ref().ok().copied().map(number),
            missing: now.as_ref().err().cloned(),
            expected: expected.map(number),
            trusted: *trusted,
            demand: demand.clone(),
            follows: *follows,
        }
    }
}

impl Container {
    fn of(status: &ContainerStatus) -> Self {
        let ContainerStatus { name, history, confidence, resources } = status;
        Self {
            name: name.clone(),
            history_seconds: seconds(*history),
            confidence: confidence.as_f64(),
            resources: resources.iter().map(ContainerResource::of).collect(),
        }
    }
}

impl ContainerResource {
    fn of(status: &ResourceStatus) -> Self {
        let ResourceStatus { resource, request_min, request_max, target, advice: _, standing, saving, month } = status;
        Self {
            resource: resource.to_string(),
            request_min: request_min.map(number),
            request_max: request_max.map(number),
            target: number(*target),
            standing: standing_of(standing),
            saving: number(*saving),
            month_usd: month.map(usd),
        }
    }
}

fn standing_of(standing: &Standing) -> String {
    // Its own words, as programs read them.
    serde_json::to_value(standing).map_or_else(
        |_| String::new(),
        |value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        },
    )
}

/// A size set by hand.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ManualSize {
    /// Replicas.
    pub(crate) replicas: u32,
    /// Who set it.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
}

/// A stop of scaling.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PausedSince {
    /// Who stopped it.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
    /// When it ends by itself; none for never.
    #[schema(format = DateTime)]
    pub(crate) expires_at: Option<String>,
}

/// What people ask of a workload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Intervention {
    /// A size set by hand.
    pub(crate) manual: Option<ManualSize>,
    /// A stop.
    pub(crate) pause: Option<PausedSince>,
}

impl From<&Asked> for Intervention {
    fn from(asked: &Asked) -> Self {
        let Asked { manual, pause } = asked;
        Self {
            manual: manual.as_ref().map(|manual| ManualSize {
                replicas: manual.replicas.get(),
                author: manual.author.clone(),
                reason: manual.reason.clone(),
                expires_at: instant(manual.expires_at),
            }),
            pause: pause.as_ref().map(|pause| PausedSince {
                author: pause.author.clone(),
                reason: pause.reason.clone(),
                expires_at: pause.expires_at.map(instant),
            }),
        }
    }
}

/// What came of asking something of a workload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Intervened {
    /// The tenant.
    pub(crate) tenant: String,
    /// The workload.
    pub(crate) workload: String,
    /// What is asked from here on.
    pub(crate) asked: Intervention,
    /// What was asked before.
    pub(crate) before: Intervention,
    /// What will not be as asked.
    pub(crate) notes: Vec<String>,
    /// Whether it was only tried.
    pub(crate) dry_run: bool,
}

/// What is recommended for a workload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WorkloadRecommendation {
    /// The tenant.
    pub(crate) tenant: String,
    /// The workload.
    pub(crate) workload: String,
    /// By container and resource.
    pub(crate) recommendations: Vec<Recommendation>,
    /// Why there are none, where there are none.
    pub(crate) unmeasured: Option<String>,
}

page!(
    /// A page of what is recommended, ordered by workload.
    RecommendedPage of WorkloadRecommendation
);

/// A resource of a container as it is and as it should be; quantities as Kubernetes writes them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Recommendation {
    /// Which workload, as `TENANT/WORKLOAD`.
    pub(crate) workload: String,
    /// Which container.
    pub(crate) container: String,
    /// `cpu` or `memory`.
    pub(crate) resource: String,
    /// The least that a pod requests; none where it names none.
    pub(crate) request_min: Option<String>,
    /// The most that a pod requests.
    pub(crate) request_max: Option<String>,
    /// The median of what is used; of memory, of each day's peak.
    pub(crate) used_median: String,
    /// The 90 % quantile of the same.
    pub(crate) used_p90: String,
    /// Share of samples that were cut off at the limit.
    pub(crate) throttled: f64,
    /// Kills for want of memory.
    pub(crate) oom_kills: u32,
    /// What it should request.
    pub(crate) recommended: String,
    /// The least that would do.
    pub(crate) lower: String,
    /// The most that is worth it.
    pub(crate) upper: String,
    /// From 0 to 1.
    pub(crate) confidence: f64,
    /// The same as a word.
    pub(crate) confidence_in_words: String,
    /// How much history it rests on, such as `2d`.
    pub(crate) history: String,
    /// What all pods together would request less, in cores or bytes; negative where it is more.
    pub(crate) saving: f64,
    /// The same in dollars a month, where a price is declared.
    pub(crate) saving_usd_month: Option<f64>,
    /// When requests are changed: `off`, `initial` or `in_place`.
    pub(crate) mode: String,
    /// How the request stands to it, and why it is or is not applied.
    pub(crate) why: String,
}

impl From<&Recommended> for WorkloadRecommendation {
    fn from(recommended: &Recommended) -> Self {
        let Recommended { key, rows, unmeasured } = recommended;
        Self {
            tenant: key.tenant.to_string(),
            workload: key.workload.to_string(),
            recommendations: rows.iter().map(Recommendation::from).collect(),
            unmeasured: unmeasured.clone(),
        }
    }
}

impl From<&Row> for Recommendation {
    fn from(row: &Row) -> Self {
        let row = row.clone();
        Self {
            workload: row.workload,
            container: row.container,
            resource: row.resource.to_string(),
            request_min: row.request_min,
            request_max: row.request_max,
            used_median: row.used_median,
            used_p90: row.used_p90,
            throttled: row.throttled,
            oom_kills: row.oom_kills,
            recommended: row.recommended,
            lower: row.lower,
            upper: row.upper,
            confidence: row.confidence,
            confidence_in_words: row.confidence_in_words,
            history: row.history.to_string(),
            saving: row.saving,
            saving_usd_month: row.saving_usd_month,
            mode: row.mode.to_string(),
            why: row.why,
        }
    }
}
