//! How things stand, as kept in the store for whoever looks: `top`, `get`, `status`.

use serde::{Deserialize, Serialize};
use tenantry_domain::id::{SignalName, WorkloadKey};
use tenantry_domain::plan::{Action, Hold, Planned, Sight};
use tenantry_domain::snapshot::Snapshot;
use tenantry_domain::spec::{Strategy, Target, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Bounds, MicroUsd, Milli, PerMille, Replicas, Span};
use tenantry_domain::vertical::{Resource, ResourceAdvice, Standing, VerticalMode};
use tenantry_planner::demand::told;
use tenantry_workflow::vigil::Vigil;

/// Name under which a workload's status is kept.
pub const STATUS: &str = "status";

/// A signal as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalStatus {
    /// Which signal.
    pub name: SignalName,
    /// What it is held against.
    pub target: Target,
    /// Its value now, or why there is none.
    pub now: Result<Milli, String>,
    /// Its expected maximum at the quantile that the objective asks for.
    pub expected: Option<Milli>,
    /// Whether the expectation has a say.
    pub trusted: bool,
    /// What is known of the demand behind it, in words: what a replica carries, and whether load follows the size.
    #[serde(default)]
    pub demand: Vec<String>,
    /// Whether its load follows the size.
    #[serde(default)]
    pub follows: bool,
}

/// A workload as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadStatus {
    /// Which workload.
    pub key: WorkloadKey,
    /// As of when.
    pub at: Timestamp,
    /// The object.
    pub target: String,
    /// Which way of scaling rules.
    pub strategy: Strategy,
    /// Its limits.
    pub bounds: Bounds,
    /// Size asked for; none when it could not be read.
    pub current: Option<Replicas>,
    /// Replicas that serve.
    pub ready: Replicas,
    /// The size that was wanted before limits.
    pub wanted: Option<Replicas>,
    /// The size after the decision.
    pub decided: Option<Replicas>,
    /// Why nothing changes; none when something does.
    pub hold: Option<Hold>,
    /// The signals.
    pub signals: Vec<SignalStatus>,
    /// How long a started replica takes to serve.
    pub startup_delay: Span,
    /// What the current size costs in an hour, when a price is declared.
    pub hour_cost: Option<MicroUsd>,
    /// Since when nothing could be seen of its load, when that is long enough for an alert.
    pub blind_since: Option<Timestamp>,
    /// The last attempt that failed, in the target's words; none after a success.
    pub trouble: Option<String>,
    /// Why its object cannot be read, when it cannot.
    #[serde(default)]
    pub unreadable: Option<String>,
    /// When requests of its containers are changed.
    #[serde(default)]
    pub vertical_mode: VerticalMode,
    /// What its containers request and should.
    #[serde(default)]
    pub vertical: Vec<ContainerStatus>,
    /// Why the use of its containers cannot be seen, when it cannot.
    #[serde(default)]
    pub unmeasured: Option<String>,
}

/// A container over all pods as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// How much history the recommendation rests on.
    pub history: Span,
    /// From 0, nothing known, towards 1.
    pub confidence: PerMille,
    /// Cpu and memory, as far as they are measured.
    pub resources: Vec<ResourceStatus>,
}

/// A resource of a container as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// Which.
    pub resource: Resource,
    /// The least that a pod requests; none when none names a request.
    pub request_min: Option<Milli>,
    /// The most that a pod requests.
    pub request_max: Option<Milli>,
    /// What is recommended, inside the limits that are declared.
    pub target: Milli,
    /// What the recommendation rests on.
    pub advice: ResourceAdvice,
    /// How the request stands to it.
    pub standing: Standing,
    /// What all pods together would request less; negative when it is more.
    pub saving: Milli,
    /// What that comes to in a month of 730 hours, where a price is declared.
    pub month: Option<MicroUsd>,
}

impl WorkloadStatus {
    /// Why nothing changes, in a word or two; none when something does.
    #[must_use]
    pub fn held(&self) -> Option<&'static str> {
        Some(match self.hold.as_ref()? {
            Hold::Steady => "steady",
            Hold::Disabled => "disabled",
            Hold::Paused => "paused",
            Hold::Unreadable => "unreadable",
            Hold::Blind => "blind",
            Hold::Asleep => "asleep",
            Hold::ForeignScaler => "other autoscaler",
            Hold::Rival(_) => "shared object",
            Hold::Waiting => "waiting",
            Hold::Broken(_) => "fault of ours",
        })
    }

    pub(crate) fn of(
        spec: &WorkloadSpec,
        snapshot: &Snapshot,
        planned: &Planned,
        startup_delay: Span,
        vigil: &Vigil,
    ) -> Self {
        let (decided, hold) = match &planned.plan.action {
            Action::Hold(why) => (snapshot.current, Some(why.clone())),
            Action::Scale { to, .. } => (Some(*to), None),
            Action::Resize(_) => (snapshot.current, None),
        };
        let price = spec.spending.map(|spending| spending.replica_hour.0);
        Self {
            key: spec.key.clone(),
            at: snapshot.now,
            target: spec.target.to_string(),
            strategy: spec.strategy,
            bounds: spec.bounds,
            current: snapshot.current,
            ready: snapshot.ready(),
            wanted: planned.report.wanted,
            decided,
            hold,
            signals: signals(spec, snapshot, planned),
            startup_delay,
            hour_cost: price.zip(snapshot.current).map(|(price, size)| MicroUsd(price.saturating_mul(size.as_i64()))),
            blind_since: vigil.alarmed_since(),
            trouble: None,
            unreadable: None,
            vertical_mode: spec.vertical.mode,
            vertical: Vec::new(),
            unmeasured: None,
        }
    }

    /// Whether it says the same as another but for its time.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }
}

fn signals(spec: &WorkloadSpec, snapshot: &Snapshot, planned: &Planned) -> Vec<SignalStatus> {
    planned
        .report
        .seen
        .iter()
        .map(|seen| {
            let expectation = snapshot.expectations.iter().find(|expected| expected.signal == seen.signal);
            let point = expectation.and_then(|expected| {
                let covers =
                    |point: &&tenantry_domain::snapshot::QuantilePoint| point.quantile >= spec.objective.availability;
                expected.maximum.iter().find(covers).or(expected.maximum.last())
            });
            let demand = snapshot.demands.iter().find(|demand| demand.signal == seen.signal);
            SignalStatus {
                name: seen.signal.clone(),
                target: seen.target,
                now: match &seen.sight {
                    Sight::Value(value) => Ok(*value),
                    Sight::Missing(why) | Sight::Absurd(why) => Err(why.clone()),
                    Sight::Stale { age } => Err(format!("its last value is {age} old")),
                },
                expected: point.map(|point| point.value),
                trusted: expectation.is_some_and(|expected| expected.trusted),
                demand: demand.map(|demand| told(demand, spec)).unwrap_or_default(),
                follows: demand.is_some_and(|demand| demand.follows.is_some()),
            }
        })
        .collect()
}

/// Something around a controller that is wrong and stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub to_do: String,
}

/// A controller as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerStatus {
    /// Who it is.
    pub holder: String,
    /// As of when.
    pub at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// Whether it is in charge.
    pub leading: bool,
    /// Whether it writes, or only records what it would have done.
    pub acts: bool,
    /// From one cycle to the next.
    pub period: Span,
    /// Its last cycle.
    pub generation: tenantry_domain::plan::Generation,
    /// How long the last cycle took.
    pub took: Span,
    /// Workloads it sizes.
    pub workloads: usize,
    /// Queries that failed in the last cycle, with why.
    pub failed_queries: Vec<String>,
    /// Anything else that went wrong in the last cycle.
    pub troubles: Vec<String>,
    /// What is wrong around it until somebody mends it.
    #[serde(default)]
    pub notices: Vec<Notice>,
}
