//! What a policy cost and failed, step by step.

use tenantry_planner::contest::Pool;

use super::{HOUR, MINUTE};

/// The account of one policy over a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Steps.
    pub steps: u64,
    /// Replicas times steps, starting ones too.
    pub cost: f64,
    /// Load in replicas, summed.
    pub load: f64,
    /// Load of steps outside the objective.
    pub failed: f64,
    /// Load that was served.
    pub served: f64,
    /// Minutes outside the objective, and runs of them.
    pub minutes: u64,
    /// Runs of minutes outside the objective.
    pub incidents: u64,
    /// Changes of size.
    pub events: u64,
    /// Changes in the other direction than the one before.
    pub turns: u64,
    /// The most replicas that were missing at once.
    pub shortage: f64,
    direction: i8,
    /// The last minute outside the objective.
    failed_minute: Option<usize>,
}

#[expect(clippy::cast_precision_loss, reason = "steps of a trace are far below 2^53")]
const fn steps(count: u64) -> f64 {
    count as f64
}

impl Tally {
    /// Adds a step in which `pool` met `load`, after a change of size.
    pub(crate) fn add(&mut self, step: usize, pool: &Pool, load: f64, change: i64) {
        self.book(step, f64::from(pool.size()), f64::from(pool.ready()), load, change);
    }

    pub(crate) fn book(&mut self, step: usize, paid: f64, able: f64, load: f64, change: i64) {
        self.steps += 1;
        self.cost += paid;
        self.load += load;
        self.served += load.min(able);
        if load > able {
            self.failed += load;
            self.shortage = self.shortage.max(load - able);
            let minute = step / MINUTE;
            if self.failed_minute != Some(minute) {
                self.minutes += 1;
                self.incidents += u64::from(self.failed_minute.is_none_or(|last| last + 1 < minute));
                self.failed_minute = Some(minute);
            }
        }
        let direction = match change {
            0 => return,
            1.. => 1,
            _ => -1,
        };
        self.events += 1;
        self.turns += u64::from(self.direction == -direction);
        self.direction = direction;
    }

    /// Share of requests outside the objective.
    #[must_use]
    pub fn failed_share(&self) -> f64 {
        if self.load > 0.0 { self.failed / self.load } else { 0.0 }
    }

    /// Load served over capacity paid for.
    #[must_use]
    pub fn efficiency(&self) -> f64 {
        if self.cost > 0.0 { self.served / self.cost } else { 0.0 }
    }

    /// Hours.
    #[must_use]
    pub fn hours(&self) -> f64 {
        steps(self.steps) / steps(HOUR as u64)
    }

    /// Replicas times hours.
    #[must_use]
    pub fn replica_hours(&self) -> f64 {
        self.cost / steps(HOUR as u64)
    }

    /// Changes of direction in an hour.
    #[must_use]
    pub fn turns_per_hour(&self) -> f64 {
        if self.steps > 0 { steps(self.turns) / self.hours() } else { 0.0 }
    }
}
