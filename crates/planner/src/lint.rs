//! The plan linter: the laws, checked from outside. It shares no code with the planner on purpose.

mod vertical;

use std::fmt;

use tenantry_domain::plan::{Action, Hold, Planned};
use tenantry_domain::snapshot::{Observation, Reading, Snapshot};
use tenantry_domain::spec::{Strategy, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Replicas, Span};

/// How far ahead a sample may be dated.
const SKEW_MAX: Span = Span::from_secs(30);
/// Most entries that a plan may ask to be remembered.
const MEMORY_MAX: usize = 1024;

/// A law that a plan breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// L1: above a ceiling.
    AboveCeiling,
    /// L1: under the floor with no ceiling to force it.
    UnderFloor,
    /// L2: shrinks while a signal cannot be seen.
    ShrinksBlind,
    /// It acts on a workload that it must leave alone.
    ActsUninvited,
    /// It was not made from the size that was read.
    WrongStart,
    /// It sets the size that is already set.
    NoChange,
    /// Its report does not lead to its size.
    ReportDiffers,
    /// It asks for more to be remembered than is bounded.
    MemoryUnbounded,
    /// It changes more pods at a time than is bounded.
    TooManyPods,
    /// L1: a request outside its limits.
    OutsideRequestBounds,
    /// It changes a request whose percentage drives the number of replicas, or that nobody let it change.
    FightsHorizontal,
    /// It lowers a limit that stands above the request, lets a request pass its limit, or changes a pod's class of
    /// service.
    LimitLowered,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AboveCeiling => "the size is above a ceiling (L1)",
            Self::UnderFloor => "the size is under the floor (L1)",
            Self::ShrinksBlind => "it shrinks while a signal cannot be seen (L2)",
            Self::ActsUninvited => "it acts on a workload that it must leave alone",
            Self::WrongStart => "it was not made from the size that was read",
            Self::NoChange => "it sets the size that is already set",
            Self::ReportDiffers => "its report does not lead to its size",
            Self::MemoryUnbounded => "it remembers more than is bounded",
            Self::TooManyPods => "it changes more pods at a time than is bounded",
            Self::OutsideRequestBounds => "a request is outside its limits (L1)",
            Self::FightsHorizontal => "it changes a request that drives the number of replicas or is not its to change",
            Self::LimitLowered => "it changes a limit in a way that could throttle, kill or be refused",
        })
    }
}

/// Every law that a plan breaks; none for a sound one.
#[must_use]
pub fn lint(spec: &WorkloadSpec, snapshot: &Snapshot, planned: &Planned) -> Vec<Finding> {
    let mut findings = Vec::new();
    if planned.memory.recommendations.len() + planned.memory.events.len() > MEMORY_MAX {
        findings.push(Finding::MemoryUnbounded);
    }
    let paused = snapshot.pause.as_ref().is_some_and(|pause| pause.expires_at.is_none_or(|end| end > snapshot.now));
    let uninvited =
        !spec.enabled || paused || snapshot.rival.is_some() || (snapshot.foreign_scaler.is_some() && !spec.take_over);
    let (from, to) = match &planned.plan.action {
        Action::Scale { from, to } => (*from, *to),
        Action::Hold(Hold::Broken(_)) => {
            findings.push(Finding::ReportDiffers);
            return findings;
        }
        Action::Hold(_) => return findings,
        Action::Resize(resizes) => {
            if uninvited {
                findings.push(Finding::ActsUninvited);
            }
            findings.extend(vertical::lint(spec, snapshot, resizes));
            return findings;
        }
    };
    if from == to {
        findings.push(Finding::NoChange);
    }
    if snapshot.current != Some(from) {
        findings.push(Finding::WrongStart);
    }
    if uninvited {
        findings.push(Finding::ActsUninvited);
    }
    let (floor, ceiling) = range(spec, snapshot);
    if to > ceiling {
        findings.push(Finding::AboveCeiling);
    }
    if to < floor.min(ceiling) {
        findings.push(Finding::UnderFloor);
    }
    if to < from
        && to < ceiling.max(floor.min(from))
        && from <= ceiling
        && judged_by_load(spec, snapshot)
        && blind(spec, snapshot)
    {
        findings.push(Finding::ShrinksBlind);
    }
    if planned.report.bounds.last().is_some_and(|bound| bound.got != to)
        || (planned.report.bounds.is_empty() && planned.report.wanted.is_some_and(|wanted| wanted != to))
    {
        findings.push(Finding::ReportDiffers);
    }
    findings
}

fn range(spec: &WorkloadSpec, snapshot: &Snapshot) -> (Replicas, Replicas) {
    let (mut floor, mut ceiling) = (spec.bounds.floor(), spec.bounds.ceiling());
    for schedule in spec.schedules.iter().filter(|schedule| schedule.window.holds(snapshot.now)) {
        floor = schedule.floor.map_or(floor, |at_least| floor.max(at_least));
        ceiling = schedule.ceiling.map_or(ceiling, |at_most| ceiling.min(at_most));
    }
    if let Some(quota) = spec.quota {
        ceiling = ceiling.min(Replicas::new(quota.get().saturating_sub(snapshot.others.get())));
    }
    if let Some(paid) = spec.spending.filter(|spending| spending.replica_hour.0 > 0) {
        let affordable = Replicas::saturating(paid.hour_max.0.max(0) / paid.replica_hour.0).max(spec.bounds.floor());
        ceiling = ceiling.min(affordable);
        // What a schedule asks for beyond the budget is not owed.
        floor = floor.min(affordable);
    }
    (floor, ceiling)
}

fn judged_by_load(spec: &WorkloadSpec, snapshot: &Snapshot) -> bool {
    let by_hand = snapshot.manual.as_ref().is_some_and(|manual| manual.expires_at > snapshot.now);
    !by_hand && matches!(spec.strategy, Strategy::Reactive | Strategy::Predictive)
}

fn blind(spec: &WorkloadSpec, snapshot: &Snapshot) -> bool {
    let good = |value: Milli, at: Timestamp| {
        value >= Milli::ZERO && at <= snapshot.now + SKEW_MAX && snapshot.now.since(at) <= spec.stale_after
    };
    let seen = |observation: &Observation| match &observation.reading {
        Reading::Missing { .. } => false,
        Reading::Total { value, at } => good(*value, *at),
        Reading::Pods(samples) => samples.iter().any(|sample| good(sample.value, sample.at)),
    };
    spec.signals.iter().filter(|signal| signal.scales).any(|signal| {
        !snapshot.observations.iter().any(|observation| observation.signal == signal.name && seen(observation))
    })
}
