//! What was seen of one workload at one instant: all that a plan depends on beside the spec.

use serde::{Deserialize, Serialize};

use crate::demand::Demand;
use crate::id::{SignalName, WorkloadKey};
use crate::time::Timestamp;
use crate::unit::{Milli, PerMille, Replicas, Span};
use crate::vertical::VerticalSight;

/// Where a pod stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PodPhase {
    /// Accepted, not all containers run.
    Pending,
    /// Bound to a node and running.
    Running,
    /// Ended, well or badly.
    Terminal,
}

/// The `Ready` condition of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether it serves.
    pub ready: bool,
    /// When that last changed.
    pub changed_at: Timestamp,
}

/// A pod of the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodState {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub phase: PodPhase,
    /// Whether it is being deleted.
    pub deleted: bool,
    /// Its `Ready` condition, when it has one.
    pub readiness: Option<Readiness>,
    /// When its node took it.
    pub started_at: Option<Timestamp>,
    /// Which version of its workload it is of, where its labels say so: a hash of the template it was made from.
    #[serde(default)]
    pub template: Option<String>,
    /// Requested cpu, thousandths of a core; none when a container names none.
    pub cpu_request: Option<Milli>,
    /// Requested memory, thousandths of a byte; none when a container names none.
    pub memory_request: Option<Milli>,
}

/// A pod's own value of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodSample {
    /// Which pod.
    pub pod: String,
    /// The value.
    pub value: Milli,
    /// When it was measured.
    pub at: Timestamp,
    /// Over how long it was averaged.
    pub window: Span,
}

/// What a signal says. Missing is a value, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Nothing was learned.
    Missing {
        /// Why, for a person.
        why: String,
    },
    /// One value for the whole workload.
    Total {
        /// The value.
        value: Milli,
        /// When it was measured.
        at: Timestamp,
    },
    /// A value for each pod that was measured.
    Pods(Vec<PodSample>),
}

/// A signal's reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Which signal.
    pub signal: SignalName,
    /// What it says.
    pub reading: Reading,
}

/// A point of a predictive distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantilePoint {
    /// The share of outcomes that lie at or under `value`.
    pub quantile: PerMille,
    /// In the signal's unit.
    pub value: Milli,
}

/// What a signal's largest value is expected to be between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Which signal; its total over the workload.
    pub signal: SignalName,
    /// Start of the stretch: when capacity asked for now can serve.
    pub from: Timestamp,
    /// End of the stretch: when the next decision's capacity can serve.
    pub until: Timestamp,
    /// Quantiles of the maximum over the stretch, rising.
    pub maximum: Vec<QuantilePoint>,
    /// Whether the forecast's own past earns it a say.
    pub trusted: bool,
    /// Why it does or does not, for a person.
    pub because: String,
}

/// What an announced event is expected to bring while capacity asked for now serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its name among the workload's events.
    pub event: String,
    /// Which signal.
    pub signal: SignalName,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
    /// Quantiles of the signal's largest total, rising; from the load that would be there without the event, and how
    /// likely the event is.
    pub maximum: Vec<QuantilePoint>,
}

/// A size that the contest of policies chose for a signal whose capacity is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Which signal.
    pub signal: SignalName,
    /// The size.
    pub replicas: Replicas,
    /// The rule in charge, for a person.
    pub rule: String,
    /// Requests that the rule would have failed in the days before, by its shadow, in a million.
    pub would_fail_ppm: u32,
    /// Requests that were really failed, in a million.
    pub failed_ppm: u32,
    /// Whether load has left what was expected of it, so that its rise is followed.
    #[serde(default)]
    pub burst: bool,
}

/// A past recommendation, before stabilization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// When it was made.
    pub at: Timestamp,
    /// What it was.
    pub replicas: Replicas,
}

/// A past change of size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleEvent {
    /// When it was accepted.
    pub at: Timestamp,
    /// Size before.
    pub from: Replicas,
    /// Size after.
    pub to: Replicas,
}

/// What a plan must remember of the past. Bounded: see the planner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Recommendations inside the longest stabilization window, oldest first.
    pub recommendations: Vec<Recommendation>,
    /// Changes inside the longest rate period, oldest first.
    pub events: Vec<ScaleEvent>,
}

/// A size that a person set by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The size.
    pub replicas: Replicas,
    /// Who set it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A stop that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who asked.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
}

/// Everything seen of one workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The instant the plan is made for.
    pub now: Timestamp,
    /// Size asked of the object now; none when the object was not found or could not be read.
    pub current: Option<Replicas>,
    /// Size the object's controller last reported.
    pub reported: Replicas,
    /// Pods of the object.
    pub pods: Vec<PodState>,
    /// Readings of the signals.
    pub observations: Vec<Observation>,
    /// Expectations of the signals.
    pub expectations: Vec<Expectation>,
    /// Announced events that bear on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announced: Vec<Announcement>,
    /// What the contests of policies chose.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// What is known of the demand behind the load of signals whose capacity is declared or learned.
    #[serde(default)]
    pub demands: Vec<Demand>,
    /// What must be remembered of earlier plans.
    pub memory: Memory,
    /// A size set by hand.
    pub manual: Option<Override>,
    /// A stop asked for.
    pub pause: Option<Pause>,
    /// Another autoscaler found on the object, as `HorizontalPodAutoscaler web`.
    pub foreign_scaler: Option<String>,
    /// Another workload that reaches the same object.
    #[serde(default)]
    pub rival: Option<WorkloadKey>,
    /// Replicas that the tenant's other workloads have now, for its quota.
    pub others: Replicas,
    /// What its containers request, use and should request; only where requests may be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertical: Option<VerticalSight>,
}

impl Snapshot {
    /// Pods that serve now.
    #[must_use]
    pub fn ready(&self) -> Replicas {
        let serves = |pod: &&PodState| {
            !pod.deleted && pod.phase == PodPhase::Running && pod.readiness.is_some_and(|condition| condition.ready)
        };
        Replicas::saturating(i64::try_from(self.pods.iter().filter(serves).count()).unwrap_or(i64::MAX))
    }
}
