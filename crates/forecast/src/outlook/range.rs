//! What a series has ever been: the measure of what is small, and of what is absurd.

use serde::{Deserialize, Serialize};

use crate::level::share;

/// A series may leave the range of its past by this share of it.
const BEYOND: f64 = 0.3;
/// Seasons over which the long mean is taken.
const LONG: f64 = 30.0;

/// The range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Range {
    lowest: f64,
    pub(super) highest: f64,
    /// Mean over long.
    pub(super) mean: f64,
    pub(super) slots: u64,
}

impl Range {
    pub(super) fn learn(&mut self, value: f64, season: i64) {
        if self.slots == 0 {
            *self = Self { lowest: value, highest: value, mean: value, slots: 0 };
        }
        self.slots = self.slots.saturating_add(1);
        self.mean += (value - self.mean) * share(self.slots, 1.0 / (LONG * season as f64));
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
    }

    pub(super) fn is_sound(&self) -> bool {
        let all = [self.lowest, self.highest, self.mean];
        all.iter().all(|value| (0.0..=1e18).contains(value)) && self.lowest <= self.highest
    }

    /// A small value: no error is held against less. While a series sleeps this is what its errors are measured in, so it
    /// must not vanish, or nothing would be known of how large a waking is.
    pub(super) fn tiny(&self) -> f64 {
        1e-3 * self.mean + 1e-4 * self.highest + 1e-9
    }

    /// Keeps an opinion inside what the series has ever done, and a little more.
    pub(super) fn limit(&self, opinion: f64) -> f64 {
        let beyond = (self.highest - self.lowest) * BEYOND;
        opinion.clamp((self.lowest - beyond).max(0.0), self.highest + beyond)
    }
}
