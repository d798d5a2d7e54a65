//! What can go wrong in the world, and when.

use serde::{Deserialize, Serialize};
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::time::Timestamp;

/// A thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// The metrics source does not answer.
    MetricsDown,
    /// It answers with what it knew when the fault began.
    MetricsStale,
    /// It answers with values that cannot be, or must not be believed.
    MetricsAbsurd {
        /// What every series says.
        value: f64,
    },
    /// Samples of these workloads are left out without a word.
    MetricsLost {
        /// Whose.
        of: Vec<WorkloadKey>,
    },
    /// The cluster does not answer and does nothing.
    ClusterDown,
    /// The cluster does what is asked, and its answer is lost.
    AnswersLost,
    /// The cluster asks for patience.
    Throttled,
    /// Every request takes so long.
    Slow {
        /// Milliseconds.
        millis: u64,
    },
    /// The lease cannot be renewed, nor its loss be seen.
    LeaseUnreachable,
    /// The controllers' clock is off.
    ClockOff {
        /// Milliseconds ahead, or behind when negative.
        millis: i64,
    },
}

/// A fault and when it lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spell {
    /// First instant.
    pub from: Timestamp,
    /// First instant after.
    pub until: Timestamp,
    /// What goes wrong.
    pub fault: Fault,
}

/// All that goes wrong in a history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults(pub Vec<Spell>);

impl Faults {
    /// What goes wrong at an instant.
    pub fn at(&self, at: Timestamp) -> impl Iterator<Item = &Spell> {
        self.0.iter().filter(move |spell| spell.from <= at && at < spell.until)
    }

    /// Whether a fault that `which` picks lasts at an instant.
    #[must_use]
    pub fn any(&self, at: Timestamp, which: impl Fn(&Fault) -> bool) -> bool {
        self.at(at).any(|spell| which(&spell.fault))
    }
}
