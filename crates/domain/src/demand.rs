//! What was learned of how load becomes demand: as it stood when a decision was made.

use serde::{Deserialize, Serialize};

use crate::id::SignalName;
use crate::time::Timestamp;
use crate::unit::{Milli, PerMille, Span};

/// What a capacity was learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Processor time against load per replica.
    Cpu,
    /// Response time against load per replica.
    Latency,
    /// The declared prior.
    Prior,
}

/// What a ready replica carries at the service level, in the unit of the signal's total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// What is planned with.
    pub taken: Milli,
    /// The most likely value.
    pub estimate: Milli,
    /// The lower end of what is likely.
    pub lower: Milli,
    /// The upper end of what is likely.
    pub upper: Milli,
    /// What it rests on.
    pub from: Vec<Evidence>,
    /// How long it has been learned.
    pub over: Span,
}

/// Load that follows the number of serving replicas, as that of a queue's consumers does: it is no demand from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follows {
    /// By how much the load changes when the number of serving replicas changes by one, both as shares.
    pub share: PerMille,
    /// Changes of the number of serving replicas that this was seen on.
    pub changes: u32,
    /// Before this instant the size may not shrink, and from then on by a bounded step.
    pub shrinks_at: Timestamp,
}

/// What is known of the demand behind a signal's load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Which signal.
    pub signal: SignalName,
    /// What a ready replica carries as it was learned, also where it is declared; none while it is not known.
    pub learned: Option<Learned>,
    /// Why it is not known, for a person.
    pub unknown: Option<String>,
    /// The share by which demand is taken to be above the load that was measured, as the replicas were saturated: what
    /// they served is then less than what was asked of them.
    pub raised: PerMille,
    /// Whether the load follows the size.
    pub follows: Option<Follows>,
}
