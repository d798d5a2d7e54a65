//! Rates from counters that only rise, and start anew when their process does.

use serde::{Deserialize, Serialize};

use crate::series::{AT_MS_MAX, CEILING};

/// Turns samples of one counter into rates. One counter is one instance's: of several, sum the rates, never the counters,
/// as one that restarts among many hides in a sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    last: Option<(i64, f64)>,
    restarted: bool,
}

impl Counter {
    /// A counter never seen.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None, restarted: false }
    }

    /// The mean rate in units a second since the sample before, from a sample measured at `at_ms`, milliseconds since the
    /// epoch. A counter that fell was reset: what it has counted since is its value.
    ///
    /// None for the first sample, for the first after [`Self::restart`], for one that is not later than the one before, and
    /// for one that is no count: negative or not a number.
    pub fn rate(&mut self, at_ms: i64, value: f64) -> Option<f64> {
        if !(0.0..=CEILING).contains(&value) || at_ms.unsigned_abs() > AT_MS_MAX {
            return None;
        }
        let Some((before_ms, before)) = self.last else {
            self.last = Some((at_ms, value));
            return None;
        };
        if at_ms <= before_ms {
            return None;
        }
        self.last = Some((at_ms, value));
        if std::mem::take(&mut self.restarted) {
            return None;
        }
        let counted = if value >= before { value - before } else { value };
        #[expect(clippy::cast_precision_loss, reason = "instants are far below 2^53 milliseconds")]
        let seconds = (at_ms - before_ms) as f64 / 1000.0;
        Some(counted / seconds)
    }

    /// Says that the process behind it was started anew: what was counted between is not known, so the next sample gives no
    /// rate even where the counter has already passed its old value.
    pub const fn restart(&mut self) {
        self.restarted = self.last.is_some();
    }
}

#[cfg(test)]
mod tests;
