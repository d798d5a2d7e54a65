//! What is asked for one workload, with every layer resolved and every limit checked: the planner's contract.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::almanac::Almanac;
use crate::id::{SignalName, WorkloadKey};
use crate::schedule::Window;
use crate::unit::{Bounds, MicroUsd, Milli, PerMille, Replicas, Span};
use crate::vertical::{Resource, Vertical};

/// Which way of scaling rules a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// From what is measured now, as the Kubernetes HPA does.
    Reactive,
    /// From what the load will be by the time capacity is ready; the reactive size always stands under it.
    Predictive,
    /// From declared times of day; signals are ignored outside the limits that schedules set.
    Scheduled,
    /// A declared size that never moves by itself.
    Fixed,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reactive => "reactive",
            Self::Predictive => "predictive",
            Self::Scheduled => "scheduled",
            Self::Fixed => "fixed",
        })
    }
}

/// How a workload's object is found in its namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The object of this name.
    Name(String),
    /// The one object whose labels hold all of these.
    Labels(BTreeMap<String, String>),
}

/// The object whose size is set: anything with a scale subresource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleTarget {
    /// Group and version such as `apps/v1`.
    pub api_version: String,
    /// Kind such as `Deployment`.
    pub kind: String,
    /// Namespace the object lives in.
    pub namespace: String,
    /// Which object of that kind.
    pub pick: Pick,
}

impl fmt::Display for ScaleTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/", self.kind, self.namespace)?;
        match &self.pick {
            Pick::Name(name) => f.write_str(name),
            Pick::Labels(labels) => {
                let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(f, "[{}]", pairs.join(","))
            }
        }
    }
}

/// What a signal measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// Processor time, cores.
    Cpu,
    /// Working set, bytes.
    Memory,
    /// Traffic, bytes per second.
    Network,
    /// Disk traffic, bytes per second.
    Storage,
    /// Response time at the objective's quantile, seconds.
    Latency,
    /// Requests per second.
    RequestRate,
    /// Whatever a query of the user's gives.
    Promql,
}

/// What a signal's value is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Percent of what the pods request, over ready pods; 1 and up.
    Utilization(u32),
    /// A value for each replica: the total is divided by it.
    PerReplica(Milli),
    /// A value for the whole workload, to which size is proportional.
    Value(Milli),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utilization(percent) => write!(f, "{percent}%"),
            Self::PerReplica(value) => write!(f, "{value} per replica"),
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

/// A signal of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalSpec {
    /// Its name among the workload's signals.
    pub name: SignalName,
    /// What it measures.
    pub kind: SignalKind,
    /// The PromQL that gives it, or none where the cluster's own metrics do.
    pub query: Option<String>,
    /// What it is held against.
    pub target: Target,
    /// What a ready replica carries at the service level. Where it is known, the predictive strategy may use the room
    /// that the target leaves.
    pub capacity: Option<Capacity>,
    /// Whether it can be measured with no replica running, so that it may wake a workload from zero.
    pub measures_at_zero: bool,
    /// Whether it moves the size by itself. One that does not is watched, and learned from.
    #[serde(default = "moves")]
    pub scales: bool,
}

/// Records of before know only signals that move the size.
const fn moves() -> bool {
    true
}

/// Where it is known from what a ready replica carries. In records a declared one is a bare number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Capacity {
    /// It is told and held, in the target's unit: percent of request, or a value for each replica.
    Declared(Milli),
    /// It is learned from cpu and latency.
    Learned {
        /// What it is taken for before anything is learned, in the signal's unit.
        prior: Option<Milli>,
    },
}

impl Capacity {
    /// The value that is held as told.
    #[must_use]
    pub const fn declared(self) -> Option<Milli> {
        match self {
            Self::Declared(value) => Some(value),
            Self::Learned { .. } => None,
        }
    }
}

/// Which of several rate policies binds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction at all.
    Disabled,
}

/// How much a size may change in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimit {
    /// That many replicas.
    Pods(u32),
    /// That many percent of the size at the period's start.
    Percent(u32),
}

/// One rate policy of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatePolicy {
    /// How much.
    pub limit: RateLimit,
    /// In how long.
    pub period: Span,
}

/// The rules of one direction, with the meaning of HPA's `behavior`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingRules {
    /// How long past recommendations still count; the safest of them binds.
    pub stabilization: Span,
    /// Which policy binds.
    pub select: SelectPolicy,
    /// The rate policies; none means no limit.
    pub policies: Vec<RatePolicy>,
    /// How far a ratio may be off before anything changes.
    pub tolerance: PerMille,
}

/// The rules of both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behavior {
    /// Growing.
    pub up: ScalingRules,
    /// Shrinking.
    pub down: ScalingRules,
}

/// HPA's tolerance: a tenth.
pub const TOLERANCE_DEFAULT: PerMille = PerMille(100);
/// HPA's downscale stabilization.
pub const DOWN_STABILIZATION_DEFAULT: Span = Span::from_secs(300);

impl Default for Behavior {
    /// HPA's defaults (`pkg/apis/autoscaling/v2/defaults.go`): up at once by the larger of 4 pods and 100 % in 15 s;
    /// down by any amount, after the highest recommendation of the last 300 s allows it.
    fn default() -> Self {
        let period = Span::from_secs(15);
        Self {
            up: ScalingRules {
                stabilization: Span::from_secs(0),
                select: SelectPolicy::Max,
                policies: vec![
                    RatePolicy { limit: RateLimit::Pods(4), period },
                    RatePolicy { limit: RateLimit::Percent(100), period },
                ],
                tolerance: TOLERANCE_DEFAULT,
            },
            down: ScalingRules {
                stabilization: DOWN_STABILIZATION_DEFAULT,
                select: SelectPolicy::Max,
                policies: vec![RatePolicy { limit: RateLimit::Percent(100), period }],
                tolerance: TOLERANCE_DEFAULT,
            },
        }
    }
}

/// Limits that hold during certain times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name among the workload's schedules.
    pub name: String,
    /// When it holds.
    pub window: Window,
    /// At least so many while it holds.
    pub floor: Option<Replicas>,
    /// At most so many while it holds.
    pub ceiling: Option<Replicas>,
}

/// A time in which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Its name among the tenant's freezes.
    pub name: String,
    /// When it holds.
    pub window: Window,
    /// Whether growing is still allowed, so that a freeze cannot starve a workload.
    pub allow_up: bool,
}

/// The most a tenant may spend on capacity, as it bears on one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// What one replica costs in an hour.
    pub replica_hour: MicroUsd,
    /// The most that this workload may cost in an hour.
    pub hour_max: MicroUsd,
}

/// The share of time in which demand must be served, and what serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Share of time with enough ready capacity, such as 990 for 99 %.
    pub availability: PerMille,
    /// Quantile of response time that `latency` speaks of, such as 950.
    pub latency_quantile: PerMille,
}

impl Default for Objective {
    fn default() -> Self {
        Self { availability: PerMille(990), latency_quantile: PerMille(950) }
    }
}

/// Everything asked for one workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSpec {
    /// Which workload.
    pub key: WorkloadKey,
    /// The object whose size is set.
    pub target: ScaleTarget,
    /// Whether Tenantry scales it at all.
    pub enabled: bool,
    /// Which way of scaling rules.
    pub strategy: Strategy,
    /// Least and most replicas.
    pub bounds: Bounds,
    /// The declared size of the fixed strategy.
    pub fixed: Option<Replicas>,
    /// The signals that speak for load.
    pub signals: Vec<SignalSpec>,
    /// Rates and stabilization; with none, HPA's older path for objects without `behavior`.
    pub behavior: Option<Behavior>,
    /// Limits by time.
    pub schedules: Vec<Schedule>,
    /// Times of no change.
    pub freezes: Vec<Freeze>,
    /// The most replicas that all workloads of the tenant may have together.
    pub quota: Option<Replicas>,
    /// What may be spent.
    pub spending: Option<Spending>,
    /// What must be held.
    pub objective: Objective,
    /// How long a started replica takes to serve, where declared; else it is learned.
    pub startup_delay: Option<Span>,
    /// An observation older than this is stale.
    pub stale_after: Span,
    /// Take over from another autoscaler that is found on the object.
    pub take_over: bool,
    /// What its containers request.
    #[serde(default)]
    pub vertical: Vertical,
    /// What is known in advance of its days.
    #[serde(default, skip_serializing_if = "Almanac::is_empty")]
    pub almanac: Almanac,
    /// Whether its tenant's queries and changes wait for no other tenant's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

impl WorkloadSpec {
    /// Whether the horizontal size follows the percent of this resource's request. The request may not move then: it
    /// would change the percentage, and with it the size.
    #[must_use]
    pub fn scales_by(&self, resource: Resource) -> bool {
        let follows = |signal: &SignalSpec| {
            let of = if signal.kind == SignalKind::Cpu { Resource::Cpu } else { Resource::Memory };
            signal.scales && matches!(signal.target, Target::Utilization(_)) && of == resource
        };
        matches!(self.strategy, Strategy::Reactive | Strategy::Predictive) && self.signals.iter().any(follows)
    }
}
