//! One series' forecaster.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::errors::{Errors, LEVELS};
use crate::experts::{LAST, Level, Opinions, Records, SEASON, opinions};
use crate::history::History;
use crate::score::{LEVEL, Record, Score, Trust};
use crate::series::{Counts, Outcome, Series, Step};
use crate::settings::{AHEAD_MAX, Settings};

/// Steps without a sample after which nothing is said of the future.
const BLIND_STEPS: i64 = 5;
/// First byte of a stored state.
const VERSION: u8 = 1;
/// Steps of the past whose values are kept to compare forecasts with.
const RECENT: usize = AHEAD_MAX as usize + 1;

/// What the largest value of a stretch will be.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Values at [`LEVELS`], rising, finite, not negative.
    pub quantiles: [f64; LEVELS.len()],
    /// Whether its past earns it a say.
    pub trust: Trust,
}

/// A forecast that was made and not yet compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    /// First and last step of its stretch.
    from: i64,
    until: i64,
    opinions: [Option<f32>; crate::experts::COUNT],
    centre: f32,
    /// Logarithm of its 90 % quantile over its centre.
    spread: f32,
}

/// A streaming forecaster of one series.
#[doc(alias = "PredictiveScaler")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecaster {
    settings: Settings,
    series: Series,
    level: Level,
    history: History,
    records: Records,
    errors: Errors,
    record: Record,
    pending: VecDeque<Pending>,
    recent: VecDeque<(i64, f32)>,
}

/// Why a stored state is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is no state of a forecaster: {message}; it will learn anew")]
pub struct StateError {
    message: String,
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are finer than any load is measured")]
fn narrow(value: f64) -> f32 {
    value.min(1e30) as f32
}

impl Forecaster {
    /// A forecaster that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            series: Series::default(),
            level: Level::default(),
            history: History::new(),
            records: Records::default(),
            errors: Errors::new(),
            record: Record::default(),
            pending: VecDeque::new(),
            recent: VecDeque::new(),
        }
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes a sample measured at `at_ms`, in the caller's time `now_ms`, both in milliseconds since the epoch.
    pub fn observe(&mut self, at_ms: i64, value: f64, now_ms: i64) -> Outcome {
        let (outcome, closed) = self.series.take(at_ms, value, now_ms, self.settings.step_ms);
        if let Some(step) = closed {
            self.learn(step);
        }
        outcome
    }

    /// Lets time pass: a step that ended is learned although no later sample came.
    pub fn advance(&mut self, now_ms: i64) {
        if let Some(step) = self.series.advance(now_ms, self.settings.step_ms) {
            self.learn(step);
        }
    }

    /// Says which stretch matters: the one from `lead_ms` to `lead_ms + width_ms` after now. Quantiles are learned for
    /// the very stretch that is asked for.
    pub fn look_ahead(&mut self, lead_ms: i64, width_ms: i64) {
        (self.settings.from, self.settings.until) = self.settings.stretch(lead_ms, width_ms);
    }

    /// The largest value of the stretch ahead; none before anything is known.
    #[must_use]
    pub fn expect(&self, now_ms: i64) -> Option<Forecast> {
        let closed = self.series.closed()?;
        let centre = self.records.average(&self.opinions(closed));
        let offset = self.level.offset();
        let quantiles = self.errors.quantiles().map(|error| ((centre + offset) * libm::exp(error) - offset).max(0.0));
        let silent = now_ms.div_euclid(self.settings.step_ms).saturating_sub(closed);
        let trust = if silent > BLIND_STEPS { Trust::Blind } else { self.record.trust() };
        Some(Forecast { quantiles, trust })
    }

    /// How its forecasts came out so far.
    #[must_use]
    pub fn score(&self) -> Option<Score> {
        self.record.score()
    }

    /// What became of its samples.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.series.counts
    }

    /// The state, to go on from after a restart.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing plain data to memory does not fail; an empty state is refused when it is read.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// Goes on from a stored state.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are no such state, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let refuse = |message: &str| StateError { message: message.to_owned() };
        let body = match bytes.split_first() {
            Some((&VERSION, body)) => body,
            Some(_) => return Err(refuse("it has another version")),
            None => return Err(refuse("it is empty")),
        };
        let state: Self = postcard::from_bytes(body).map_err(|error| refuse(&error.to_string()))?;
        let settings = Settings::new(state.settings.step_ms, Some(state.settings.season_ms));
        let sound = settings.is_ok()
            && (1..=AHEAD_MAX).contains(&state.settings.until)
            && (1..=state.settings.until).contains(&state.settings.from)
            && state.series.is_sound()
            && state.history.is_sound()
            && state.errors.is_sound()
            && state.pending.len() <= RECENT
            && state.recent.len() <= RECENT;
        if sound { Ok(state) } else { Err(refuse("its parts contradict each other")) }
    }

    fn opinions(&self, index: i64) -> Opinions {
        opinions(&self.settings, &self.level, &self.history, index)
    }

    fn learn(&mut self, step: Step) {
        self.recent.push_back((step.index, narrow(step.value)));
        while self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        self.settle(step.index);
        self.level.learn(step.value);
        let slot = step.index.saturating_mul(self.settings.step_ms).div_euclid(self.settings.slot_ms());
        self.history.learn(slot, step.value);
        let opinions = self.opinions(step.index);
        let level = LEVELS.iter().position(|level| (level - LEVEL).abs() < 1e-9);
        let spread = level.and_then(|place| self.errors.quantiles().get(place).copied()).unwrap_or(0.0);
        self.pending.push_back(Pending {
            from: step.index + i64::from(self.settings.from),
            until: step.index + i64::from(self.settings.until),
            opinions: opinions.map(|opinion| opinion.map(narrow)),
            centre: narrow(self.records.average(&opinions)),
            spread: narrow(spread),
        });
        while self.pending.len() > RECENT {
            self.pending.pop_front();
        }
    }

    /// Compares forecasts whose stretch is over with what came.
    fn settle(&mut self, index: i64) {
        let mut later = VecDeque::with_capacity(self.pending.len());
        for pending in std::mem::take(&mut self.pending) {
            if pending.until > index {
                later.push_back(pending);
            } else if let Some(truth) = self.truth(&pending) {
                self.compare(&pending, truth);
            }
        }
        self.pending = later;
    }

    /// What a stretch brought; none when a step of it is not known.
    fn truth(&self, pending: &Pending) -> Option<f64> {
        let inside = |(index, _): &&(i64, f32)| (pending.from..=pending.until).contains(index);
        let (count, most) =
            self.recent.iter().filter(inside).fold((0_i64, 0.0_f32), |(n, most), (_, value)| (n + 1, most.max(*value)));
        (count == pending.until - pending.from + 1).then_some(f64::from(most))
    }

    fn compare(&mut self, pending: &Pending, truth: f64) {
        let offset = self.level.offset();
        let error = |said: f32| libm::log((truth + offset) / (f64::from(said) + offset));
        let opinion = |place: usize| pending.opinions.get(place).copied().flatten();
        let own = error(pending.centre);
        if let Some(last) = opinion(LAST) {
            // The first errors have no spread to be held against.
            if self.errors.count() > 0 {
                self.record.learn(own, own - f64::from(pending.spread), error(last), opinion(SEASON).map(error));
            }
        }
        self.records.learn(&pending.opinions.map(|said| said.map(f64::from)), truth, offset);
        self.errors.learn(own);
    }
}

#[cfg(test)]
mod tests;
