//! Where a series stands: its last value, means over a few spans, trend, and how much it moves from step to step.

use serde::{Deserialize, Serialize};

/// Share of the newest value in each mean, the fastest first.
const SHARES: [f64; 4] = [0.5, 0.15, 0.04, 0.01];
/// Share of the newest value in the long mean, once many are known.
const LONG: f64 = 0.0003;
/// How much of a trend is left after a step.
const DAMPING: f64 = 0.95;
/// A series may leave the range of its past by this share of it.
const BEYOND: f64 = 0.3;

/// The level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) last: f64,
    pub(crate) means: [f64; 4],
    /// Mean over a long time: what counts as a small value.
    pub(crate) mean: f64,
    smooth: f64,
    trend: f64,
    /// Mean change from a step to the next, over the last steps and over many.
    pub(crate) moves: [f64; 2],
    lowest: f64,
    highest: f64,
    pub(crate) steps: u64,
}

#[expect(clippy::cast_precision_loss, reason = "a count of steps is far below 2^53")]
pub(crate) fn share(steps: u64, least: f64) -> f64 {
    (1.0 / (steps.max(1) as f64)).max(least)
}

impl Level {
    /// Learns a step's value.
    pub(crate) fn learn(&mut self, value: f64) {
        if self.steps == 0 {
            *self = Self {
                last: value,
                means: [value; 4],
                mean: value,
                smooth: value,
                lowest: value,
                highest: value,
                ..Self::default()
            };
        }
        self.steps = self.steps.saturating_add(1);
        let moved = libm::fabs(value - self.last);
        for (mean, share) in self.moves.iter_mut().zip([0.125, 0.01]) {
            *mean += (moved - *mean) * share;
        }
        for (mean, share) in self.means.iter_mut().zip(SHARES) {
            *mean += (value - *mean) * share;
        }
        self.mean += (value - self.mean) * share(self.steps, LONG);
        let before = self.smooth;
        self.smooth = 0.5 * value + 0.5 * (before + DAMPING * self.trend);
        self.trend = 0.2 * (self.smooth - before) + 0.8 * DAMPING * self.trend;
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
        self.last = value;
    }

    /// Whether a stored one holds finite numbers.
    pub(crate) fn is_sound(&self) -> bool {
        let rest = [self.last, self.mean, self.smooth, self.trend, self.lowest, self.highest];
        self.means.iter().chain(&self.moves).chain(&rest).all(|value| value.is_finite())
    }

    /// A small value: no error is held against less.
    pub(crate) fn tiny(&self) -> f64 {
        1e-3 * self.mean + 1e-9
    }

    /// Added to values before their ratio is taken, so that noise around zero is not endless surprise.
    pub(crate) fn offset(&self) -> f64 {
        0.02 * self.mean + 1e-9
    }

    /// What features are divided by to be about as large as one.
    pub(crate) fn norm(&self) -> f64 {
        0.05 * self.mean + self.moves.last().copied().unwrap_or(0.0) + 1e-9
    }

    /// How many times its damped trend a series goes in so many steps.
    pub(crate) fn reach(steps: f64) -> f64 {
        DAMPING * (1.0 - libm::pow(DAMPING, steps)) / (1.0 - DAMPING)
    }

    /// The level with its trend, where it has gone this many times.
    pub(crate) fn trended(&self, reach: f64) -> f64 {
        self.smooth + self.trend * reach
    }

    /// Keeps an opinion inside what the series has ever done, and a little more.
    pub(crate) fn limit(&self, opinion: f64) -> f64 {
        let beyond = (self.highest - self.lowest) * BEYOND;
        opinion.clamp((self.lowest - beyond).max(0.0), self.highest + beyond)
    }

    /// The largest value so far.
    pub(crate) const fn highest(&self) -> f64 {
        self.highest
    }
}
