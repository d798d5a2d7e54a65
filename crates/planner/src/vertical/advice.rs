//! From quantiles to a recommendation with bounds, which moves only for a change that is worth it.

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, PerMille, Span};
use tenantry_domain::vertical::Resource;

use super::histogram::{FIRST, GROWTH};

/// What is recommended beyond what was used: VPA's `recommendation-margin-fraction`.
const MARGIN: f64 = 1.15;
/// A recommendation stands while a new one is not so much larger: a bucket is 5 % wide, and neighbours must not take
/// turns. Nor is a request changed for less.
pub(super) const WORTH: f64 = 0.1;
/// A recommendation stands while a new one is not so much smaller. More than for a rise, so that noise which made it rise
/// does not make it fall.
const WORTH_FALLING: f64 = 0.15;
/// From one rise of a recommendation to the next, unless it has become too little.
const RISE_AFTER: Span = Span::from_secs(6 * 3600);
/// From one move of a recommendation to a fall: a quiet night is no reason to be small in the morning.
const FALL_AFTER: Span = Span::from_secs(24 * 3600);
/// Before so much is known a recommendation goes with what is seen.
pub(super) const DAY: Span = Span::from_secs(86_400);
/// History counts in steps of this, so that bounds do not creep with every sample.
const STEP_MS: u64 = 600_000;

/// How much is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(pub(super) Span);

impl Known {
    pub(super) fn new(history: Span) -> Self {
        Self(Span::from_millis(history.as_millis() / STEP_MS * STEP_MS))
    }

    /// In days.
    fn days(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a fraction of a millisecond is harmless")]
        let days = self.0.as_millis() as f64 / DAY.as_millis() as f64;
        // The first ten minutes count as one: bounds are wide then, but bounds.
        days.max(1.0 / 1440.0)
    }

    /// From 0 towards 1.
    pub(super) fn confidence(self) -> PerMille {
        let days = if self.0.as_millis() == 0 { 0.0 } else { self.days() };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share times a thousand")]
        PerMille((1000.0 * days / (days + 1.0)).clamp(0.0, 1000.0) as u16)
    }
}

/// What quantiles come to, before it is held against what was recommended last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) target: Milli,
    pub(super) lower: Milli,
    pub(super) upper: Milli,
}

impl Estimate {
    /// From the 50 %, 90 % and 95 % quantiles, with VPA's confidence multipliers (`logic/estimator.go`): the upper bound
    /// times `1 + 1/days`, the lower one times `(1 + 0.001/days)^-2`. `least` is what the target may not be under,
    /// `needed` what the lower bound may not be under.
    pub(super) fn of(quantiles: [f64; 3], known: Known, (least, needed): (f64, f64), resource: Resource) -> Self {
        let [median, high, top] = quantiles.map(|value| value * MARGIN);
        let days = known.days();
        let fade = 1.0 + 0.001 / days;
        let target = high.max(least).max(needed);
        let lower = (median / (fade * fade)).max(needed).min(target);
        let upper = (top * (1.0 + 1.0 / days)).max(target);
        let [target, lower, upper] = [target, lower, upper].map(|value| whole(value, resource));
        Self { target, lower, upper }
    }
}

/// Rounded up to what people write: a thousandth of a core, a mebibyte.
fn whole(value: f64, resource: Resource) -> Milli {
    let step = match resource {
        Resource::Cpu => 0.001,
        Resource::Memory => 1_048_576.0,
    };
    // A float is a hair off where the value is whole.
    Milli::from_f64(((value / step) - 1e-6).ceil().max(1.0) * step).unwrap_or(Milli(i64::MAX / 1024))
}

/// What a move is at the least: of cpu more than from a bucket to its neighbour. Near nothing buckets are wider than a
/// share of the value, and noise at an edge of theirs would pass for a change.
fn least_move(old: f64, resource: Resource) -> f64 {
    match resource {
        Resource::Cpu => 1.5 * (FIRST * MARGIN + (GROWTH - 1.0) * old),
        Resource::Memory => 0.0,
    }
}

/// A recommendation as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) target: Milli,
    moved_at: Timestamp,
}

impl Standing {
    /// What stands after a new estimate.
    pub(super) fn after(
        before: Option<Self>,
        fresh: &Estimate,
        (known, resource): (Known, Resource),
        now: Timestamp,
    ) -> Self {
        let moved = Self { target: fresh.target, moved_at: now };
        let Some(before) = before else { return moved };
        let (old, new) = (before.target.as_f64(), fresh.target.as_f64());
        let rested = now.since(before.moved_at);
        let young = known.0 < DAY;
        let worth = (new - old).abs() >= least_move(old, resource);
        let rises =
            before.target < fresh.lower || (worth && new >= old * (1.0 + WORTH) && (young || rested >= RISE_AFTER));
        let falls = worth && new <= old * (1.0 - WORTH_FALLING) && (young || rested >= FALL_AFTER);
        if rises || falls { moved } else { before }
    }
}
