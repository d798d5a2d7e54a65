//! All series of a shard at once.

use crate::forecaster::Forecaster;
use crate::series::{Outcome, Refusal};

/// A sample of one of many series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Place of its series among the forecasters.
    pub series: usize,
    /// When it was measured, milliseconds since the epoch.
    pub at_ms: i64,
    /// What was measured.
    pub value: f64,
}

/// How many samples of a batch came to which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Used.
    pub taken: usize,
    /// Not numbers, infinite, negative, or larger than anything measured.
    pub absurd: usize,
    /// Repeated, or older than what was taken before.
    pub late: usize,
    /// Ahead of the caller's clock.
    pub future: usize,
    /// Of no series that is known.
    pub unknown: usize,
}

/// Gives each forecaster its samples, measured up to the caller's time `now_ms`. Nothing is allocated. Shards share no
/// state, so that several may be served at once, one from each part of a slice.
pub fn observe_all(forecasters: &mut [Forecaster], samples: &[Sample], now_ms: i64) -> Taken {
    let mut taken = Taken::default();
    for sample in samples {
        let Some(forecaster) = forecasters.get_mut(sample.series) else {
            taken.unknown += 1;
            continue;
        };
        *match forecaster.observe(sample.at_ms, sample.value, now_ms) {
            Outcome::Taken => &mut taken.taken,
            Outcome::Refused(Refusal::Absurd) => &mut taken.absurd,
            Outcome::Refused(Refusal::Late) => &mut taken.late,
            Outcome::Refused(Refusal::Future) => &mut taken.future,
        } += 1;
    }
    taken
}
