//! What a forecaster is told of its series before the first sample.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most parts that a season is remembered in: five minutes each where the season is a day.
const SLOTS_MAX: i64 = 288;
/// Seasons in a longer season: the days of a week.
pub(crate) const WEEK: usize = 7;
const DAY_MS: i64 = 86_400_000;
/// The farthest step ahead that is forecast: a week of five-minute steps, and some.
pub const AHEAD_MAX: u32 = 2_100;
/// The most stretches that one series is forecast for.
pub const STRETCHES_MAX: usize = 16;

/// How one series is read. Only [`Settings::new`] builds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    step_ms: i64,
    season_ms: i64,
}

/// Why settings were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// The step is too short, or a season has too few of it.
    #[error("a step of {step_ms} ms does not fit: it must be 100 ms to {most_ms} ms, an eighth of the season")]
    Step {
        /// What was asked for.
        step_ms: i64,
        /// The longest that is possible.
        most_ms: i64,
    },
}

impl Settings {
    /// Samples are folded into steps of `step_ms` milliseconds (their largest counts, as capacity must hold the peak
    /// inside a step), and a season lasts `season_ms`, or a day where none is given.
    ///
    /// # Errors
    /// [`SettingsError`] when the step is outside 100 ms to an eighth of the season.
    pub fn new(step_ms: i64, season_ms: Option<i64>) -> Result<Self, SettingsError> {
        let season_ms = season_ms.unwrap_or(DAY_MS);
        let most_ms = season_ms / 8;
        if (100..=most_ms).contains(&step_ms) {
            Ok(Self { step_ms, season_ms })
        } else {
            Err(SettingsError::Step { step_ms, most_ms })
        }
    }

    /// Length of a step, milliseconds.
    #[must_use]
    pub const fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// Length of a season, milliseconds.
    #[must_use]
    pub const fn season_ms(&self) -> i64 {
        self.season_ms
    }

    /// Parts that a season is remembered in.
    pub(crate) const fn slots(&self) -> i64 {
        let steps = self.season_ms / self.step_ms;
        if steps < SLOTS_MAX { steps } else { SLOTS_MAX }
    }

    /// The stretch in whole steps that covers `lead_ms` to `lead_ms + width_ms` from now.
    #[must_use]
    pub fn stretch(&self, lead_ms: i64, width_ms: i64) -> Stretch {
        let steps = |ms: i64| u32::try_from(ms.max(0) / self.step_ms).unwrap_or(AHEAD_MAX);
        let from = steps(lead_ms).clamp(1, AHEAD_MAX);
        let last = lead_ms.saturating_add(width_ms).saturating_add(self.step_ms - 1);
        Stretch { from, until: steps(last).clamp(from, AHEAD_MAX) }
    }
}

/// Steps ahead, counted from the last closed one, whose largest value is forecast. One step where both ends are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The first step, 1 and up.
    pub from: u32,
    /// The last step, `from` and up, at most [`AHEAD_MAX`].
    pub until: u32,
}

impl Stretch {
    /// One step, `ahead` steps from the last closed one.
    #[must_use]
    pub fn at(ahead: u32) -> Self {
        let ahead = ahead.clamp(1, AHEAD_MAX);
        Self { from: ahead, until: ahead }
    }

    pub(crate) const fn is_sound(self) -> bool {
        1 <= self.from && self.from <= self.until && self.until <= AHEAD_MAX
    }

    /// The same with ends in their range.
    pub(crate) fn sound(self) -> Self {
        let from = self.from.clamp(1, AHEAD_MAX);
        Self { from, until: self.until.clamp(from, AHEAD_MAX) }
    }

    /// Its middle, in steps.
    pub(crate) fn middle(self) -> f64 {
        f64::midpoint(f64::from(self.from), f64::from(self.until))
    }
}
