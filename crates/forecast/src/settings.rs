//! What a forecaster is told of its series before the first sample.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many parts a season is remembered in: five minutes each where the season is a day.
pub(crate) const SLOTS: i64 = 288;
/// Seasons in a longer season: the days of a week.
pub(crate) const WEEK: i64 = 7;
const DAY_MS: i64 = 86_400_000;
/// The longest stretch ahead that is forecast, in steps.
pub(crate) const AHEAD_MAX: u32 = 60;

/// How one series is read. Only [`Settings::new`] builds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub(crate) step_ms: i64,
    pub(crate) season_ms: i64,
    /// First and last step of the stretch that is forecast, counted from the open one.
    pub(crate) from: u32,
    pub(crate) until: u32,
}

/// Why settings were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// The step is too short, or longer than the parts in which a season is remembered.
    #[error("a step of {step_ms} ms does not fit: it must be 100 ms to {most_ms} ms, a 288th of the season")]
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
    /// [`SettingsError`] when the step is outside 100 ms to a 288th of the season.
    pub fn new(step_ms: i64, season_ms: Option<i64>) -> Result<Self, SettingsError> {
        let season_ms = season_ms.unwrap_or(DAY_MS);
        let most_ms = season_ms / SLOTS;
        if (100..=most_ms).contains(&step_ms) {
            Ok(Self { step_ms, season_ms, from: 1, until: 5 })
        } else {
            Err(SettingsError::Step { step_ms, most_ms })
        }
    }

    /// Length of a step, milliseconds.
    #[must_use]
    pub const fn step_ms(&self) -> i64 {
        self.step_ms
    }

    pub(crate) const fn slot_ms(&self) -> i64 {
        self.season_ms / SLOTS
    }

    /// The stretch in whole steps that covers `lead_ms` to `lead_ms + width_ms` from now.
    pub(crate) fn stretch(&self, lead_ms: i64, width_ms: i64) -> (u32, u32) {
        let steps = |ms: i64| u32::try_from(ms.max(0) / self.step_ms).unwrap_or(AHEAD_MAX);
        let from = steps(lead_ms).clamp(1, AHEAD_MAX);
        let last = lead_ms.saturating_add(width_ms).saturating_add(self.step_ms - 1);
        (from, steps(last).clamp(from, AHEAD_MAX))
    }
}
