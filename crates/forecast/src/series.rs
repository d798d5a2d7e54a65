//! The guard at the door: irregular, dirty samples become a regular grid of steps.
//!
//! Every sample ends as exactly one counted outcome. What passes is finite, not negative and in order of time. A step
//! closes when a sample of a later step arrives or time is advanced.

use serde::{Deserialize, Serialize};

/// Above this nothing is a measurement.
pub(crate) const CEILING: f64 = 1e18;
/// The year 5138: keeps arithmetic on instants far from overflow.
pub(crate) const AT_MS_MAX: u64 = 100_000_000_000_000;

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Taken.
    Taken,
    /// Not used.
    Refused(Refusal),
}

/// Why a sample was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a number, infinite, negative, or larger than anything measured.
    Absurd,
    /// A second sample of one instant, or one older than what was already taken.
    Late,
    /// Further ahead of the caller's clock than a step.
    Future,
}

/// How many samples came to which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Used.
    pub taken: u64,
    /// Refused as absurd.
    pub absurd: u64,
    /// Refused as late or repeated.
    pub late: u64,
    /// Refused as of the future.
    pub future: u64,
    /// Steps that passed without a sample.
    pub gaps: u64,
}

/// A closed step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Instant divided by the length of a step.
    pub(crate) index: i64,
    /// Largest sample in it.
    pub(crate) value: f64,
}

/// The state of the guard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    open: Option<(i64, f64)>,
    last_ms: Option<i64>,
    closed: Option<i64>,
    pub(crate) counts: Counts,
}

impl Series {
    /// Takes one sample at the caller's instant `now_ms`; gives the step that it closed.
    pub(crate) fn take(&mut self, at_ms: i64, value: f64, now_ms: i64, step_ms: i64) -> (Outcome, Option<Step>) {
        if let Some(refusal) = self.refusal(at_ms, value, now_ms, step_ms) {
            *match refusal {
                Refusal::Absurd => &mut self.counts.absurd,
                Refusal::Late => &mut self.counts.late,
                Refusal::Future => &mut self.counts.future,
            } += 1;
            return (Outcome::Refused(refusal), None);
        }
        self.counts.taken += 1;
        self.last_ms = Some(at_ms);
        let index = at_ms.div_euclid(step_ms);
        let closed = self.close_before(index);
        self.open = Some(match self.open {
            Some((open, most)) => (open, most.max(value)),
            None => (index, value),
        });
        (Outcome::Taken, closed)
    }

    /// Closes the open step when it ended at or before `now_ms`.
    pub(crate) fn advance(&mut self, now_ms: i64, step_ms: i64) -> Option<Step> {
        self.close_before(now_ms.div_euclid(step_ms))
    }

    /// Takes a step for closed that was closed elsewhere.
    pub(crate) fn pass(&mut self, index: i64) {
        self.closed = self.closed.max(Some(index));
    }

    /// Whether stored instants are in the range that samples may have.
    pub(crate) fn is_sound(&self) -> bool {
        let known = [self.open.map(|(index, _)| index), self.last_ms, self.closed];
        known.into_iter().flatten().all(|number| number.unsigned_abs() <= AT_MS_MAX)
    }

    /// The last closed step.
    pub(crate) fn closed(&self) -> Option<i64> {
        self.closed
    }

    fn refusal(&self, at_ms: i64, value: f64, now_ms: i64, step_ms: i64) -> Option<Refusal> {
        if !(0.0..=CEILING).contains(&value) {
            return Some(Refusal::Absurd);
        }
        if at_ms > now_ms.saturating_add(step_ms) || at_ms.unsigned_abs() > AT_MS_MAX {
            return Some(Refusal::Future);
        }
        let index = at_ms.div_euclid(step_ms);
        let late = self.last_ms.is_some_and(|last| at_ms <= last) || self.closed.is_some_and(|closed| index <= closed);
        late.then_some(Refusal::Late)
    }

    fn close_before(&mut self, index: i64) -> Option<Step> {
        let (open, value) = self.open.filter(|(open, _)| *open < index)?;
        let missed = self.closed.map_or(0, |closed| open - closed - 1);
        self.counts.gaps = self.counts.gaps.saturating_add(u64::try_from(missed).unwrap_or(0));
        (self.open, self.closed) = (None, Some(open));
        Some(Step { index: open, value })
    }
}
