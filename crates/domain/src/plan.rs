//! What was decided for one workload, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{SignalName, WorkloadKey};
use crate::snapshot::Memory;
use crate::spec::Target;
use crate::time::Timestamp;
use crate::unit::{Milli, PerMille, Replicas, Span};
use crate::vertical::{PodResize, Verdict};

/// The fencing number of a control cycle. A later holder of the lease has a higher epoch; an older one never acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation {
    /// Counts the holders of the lease.
    pub epoch: u64,
    /// Counts the cycles of this holder.
    pub cycle: u64,
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.cycle)
    }
}

/// Why nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The size is already what is wanted.
    Steady,
    /// Scaling is switched off for the workload.
    Disabled,
    /// A person asked for a stop.
    Paused,
    /// The object was not found or could not be read.
    Unreadable,
    /// Too little was seen to dare a change: a scale-down would need every signal, a scale-up at least one.
    Blind,
    /// The object stands at zero, which switches HPA-style scaling off, and no signal can wake it.
    Asleep,
    /// Another autoscaler is in charge of the object.
    ForeignScaler,
    /// Another workload reaches the same object; neither moves it.
    Rival(WorkloadKey),
    /// A smaller size is wanted, and the stabilization window, a rate or a freeze does not allow it yet.
    Waiting,
    /// The inputs break a rule that should never be broken; counted as a fault of ours.
    Broken(String),
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing, and why.
    Hold(Hold),
    /// Set the size.
    Scale {
        /// The size the plan was made from; the write is refused when it is no longer so.
        from: Replicas,
        /// The size to set.
        to: Replicas,
    },
    /// Change what the containers of these pods request, in place.
    Resize(Vec<PodResize>),
}

/// The exact change for one workload. It leaves no choice to its executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which workload.
    pub key: WorkloadKey,
    /// What to do.
    pub action: Action,
}

/// How a signal looked to the planner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// A usable value: the total, or the percent of request for a utilization target.
    Value(Milli),
    /// No value.
    Missing(String),
    /// A value too old to act on.
    Stale {
        /// How old.
        age: Span,
    },
    /// A value that cannot be, such as a negative rate or a date in the future.
    Absurd(String),
}

/// A signal as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Which signal.
    pub signal: SignalName,
    /// What it is held against.
    pub target: Target,
    /// How it looked.
    pub sight: Sight,
}

/// Where a candidate size comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A signal's value now.
    Signal(SignalName),
    /// A signal's expected maximum at the quantile that was asked for.
    Forecast {
        /// Which signal.
        signal: SignalName,
        /// The quantile of the expected maximum.
        quantile: PerMille,
        /// The expected value there.
        value: Milli,
    },
    /// What an announced event is expected to bring at the quantile that was asked for.
    Event {
        /// Its name.
        event: String,
        /// Which signal.
        signal: SignalName,
        /// The quantile of the expected maximum.
        quantile: PerMille,
        /// The expected value there.
        value: Milli,
    },
    /// The policy that the contest put in charge of a signal.
    Contest {
        /// Which signal.
        signal: SignalName,
        /// The rule, for a person.
        rule: String,
        /// Requests that it would have failed in the days before, in a million.
        would_fail_ppm: u32,
        /// Requests that were really failed, in a million.
        failed_ppm: u32,
        /// Whether load has left what was expected of it, so that its rise is followed.
        #[serde(default)]
        burst: bool,
    },
    /// A schedule's floor.
    Schedule(String),
    /// The declared size of the fixed strategy.
    Fixed,
    /// A size set by hand.
    Manual,
}

/// A size that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where it comes from.
    pub source: Source,
    /// The size.
    pub replicas: Replicas,
    /// Whether it had a say; a forecast without trust is shown and not used.
    pub used: bool,
}

/// What kept the size from being what was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The workload's least replicas.
    Min,
    /// The workload's most replicas.
    Max,
    /// A schedule's floor.
    ScheduleFloor(String),
    /// A schedule's ceiling.
    ScheduleCeiling(String),
    /// The tenant's quota of replicas.
    Quota,
    /// The tenant's budget.
    Budget,
    /// Stabilization of growth.
    StabilizeUp,
    /// Stabilization of shrinking.
    StabilizeDown,
    /// Rate of growth.
    RateUp,
    /// Rate of shrinking.
    RateDown,
    /// A freeze.
    Freeze(String),
    /// Not every signal could be seen, so the size may not shrink.
    Blind,
    /// The load follows the size, so that it shrinks by small steps only.
    Follows,
}

/// A limit that bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Which limit.
    pub limit: Limit,
    /// The size before it.
    pub wanted: Replicas,
    /// The size after it.
    pub got: Replicas,
}

/// What a plan waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Started replicas that do not serve yet.
    Starting(Replicas),
    /// The stabilization window, which lets the size shrink at this instant at the earliest.
    Stabilization(Timestamp),
    /// A rate period that ends then.
    Rate(Timestamp),
    /// A fresh value of a signal.
    Fresh(SignalName),
    /// The end of a hand-set size.
    ManualEnds(Timestamp),
}

/// Why a plan is what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What was seen.
    pub seen: Vec<Seen>,
    /// What was considered.
    pub candidates: Vec<Candidate>,
    /// The size before limits; none when nothing could be proposed.
    pub wanted: Option<Replicas>,
    /// The limits that bound, in the order in which they did.
    pub bounds: Vec<Bound>,
    /// What it waits for.
    pub waits: Vec<Wait>,
    /// How what containers request stands to what is recommended, where requests may be changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vertical: Vec<Verdict>,
}

/// A plan with its reasons and what the next one must remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The change.
    pub plan: Plan,
    /// Why.
    pub report: Report,
    /// What the next plan must remember. The change itself is added when it was accepted.
    pub memory: Memory,
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was nothing to write.
    Held,
    /// Recorded and about to be written; what stays so was cut off, and is settled by the next cycle's reading.
    Pending,
    /// The target accepted the size.
    Applied,
    /// Observe mode: it was not written.
    Observed,
    /// The target refused it, with its words.
    Refused(String),
    /// The target did not answer in a way that says whether it was accepted.
    Unknown(String),
}
