//! One series' forecaster.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::head::{Head, Seasonal};
use crate::history::History;
use crate::level::Level;
use crate::recent::Recent;
use crate::score::{Score, Trust};
use crate::series::{Counts, Outcome, Series, Step};
use crate::settings::{STRETCHES_MAX, Settings, Stretch, WEEK};

/// Steps without a sample after which nothing is said of the future.
const BLIND_STEPS: i64 = 5;
/// Milliseconds without a sample that never are blindness, however short a step is.
const BLIND_MS: i64 = 120_000;
/// First byte of a stored state.
const VERSION: u8 = 3;

/// A streaming forecaster of one series, for a few stretches ahead.
#[doc(alias = "PredictiveScaler")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecaster {
    settings: Settings,
    series: Series,
    level: Level,
    history: History,
    recent: Recent,
    heads: Vec<Head>,
}

/// Why a stored state is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is no state of a forecaster: {message}; it will learn anew")]
pub struct StateError {
    message: String,
}

impl StateError {
    pub(crate) fn new(message: &str) -> Self {
        Self { message: message.to_owned() }
    }
}

/// What the largest value of a stretch will be: a distribution.
#[derive(Debug, Clone, Copy)]
pub struct Forecast<'a> {
    head: &'a Head,
    trust: Trust,
}

impl Forecast<'_> {
    /// The value that the largest of the stretch stays at or under with probability `level`, 0 to 1. Not negative.
    #[must_use]
    pub fn quantile(&self, level: f64) -> f64 {
        self.head.quantile(level.clamp(0.0, 1.0))
    }

    /// Several quantiles at once, for levels that rise.
    #[must_use]
    pub fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [f64; N] {
        self.head.quantiles(levels.map(|level| level.clamp(0.0, 1.0)))
    }

    /// Writes the probabilities that the stretch brings more than `first`, `first + step` and so on into `out`, and
    /// says how many; it ends after the first under `least`, as all further ones are smaller. `step` is positive.
    pub fn exceeding(&self, first: f64, step: f64, least: f64, out: &mut [f64]) -> usize {
        self.head.exceeding(first, step, least, out)
    }

    /// The centre of the distribution, from which errors are measured.
    #[must_use]
    pub fn centre(&self) -> f64 {
        self.head.centre()
    }

    /// The expected size of the centre's error, in the unit of the series.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.head.scale()
    }

    /// Whether its past earns it a say.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// How its like came out so far.
    #[must_use]
    pub fn score(&self) -> Option<Score> {
        self.head.record.score()
    }
}

fn heads(stretches: &[Stretch]) -> Vec<Head> {
    stretches.iter().take(STRETCHES_MAX).map(|stretch| Head::new(stretch.sound())).collect()
}

fn recent(heads: &[Head]) -> u32 {
    heads.iter().map(|head| head.stretch.until).max().unwrap_or(0) + 1
}

impl Forecaster {
    /// A forecaster that knows nothing yet, of at most [`STRETCHES_MAX`] stretches.
    #[must_use]
    pub fn new(settings: Settings, stretches: &[Stretch]) -> Self {
        let heads = heads(stretches);
        Self {
            settings,
            series: Series::default(),
            level: Level::default(),
            history: History::new(settings.slots()),
            recent: Recent::new(recent(&heads)),
            heads,
        }
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes a sample measured at `at_ms`, in the caller's time `now_ms`, both in milliseconds since the epoch.
    pub fn observe(&mut self, at_ms: i64, value: f64, now_ms: i64) -> Outcome {
        let (outcome, closed) = self.series.take(at_ms, value, now_ms, self.settings.step_ms());
        if let Some(step) = closed {
            self.learn(step);
        }
        outcome
    }

    /// Lets time pass: a step that ended is learned although no later sample came.
    pub fn advance(&mut self, now_ms: i64) {
        if let Some(step) = self.series.advance(now_ms, self.settings.step_ms()) {
            self.learn(step);
        }
    }

    /// Says which stretches matter. Those that it had before go on with what they learned; the history serves all.
    pub fn look_ahead(&mut self, stretches: &[Stretch]) {
        if stretches.len() == self.heads.len()
            && stretches.iter().zip(&self.heads).all(|(stretch, head)| *stretch == head.stretch)
        {
            return;
        }
        let before = std::mem::take(&mut self.heads);
        self.heads = heads(stretches);
        for head in &mut self.heads {
            if let Some(known) = before.iter().find(|known| known.stretch == head.stretch) {
                *head = known.clone();
            }
        }
        self.recent = Recent::new(recent(&self.heads));
        if let Some(closed) = self.series.closed() {
            self.speak(closed);
        }
    }

    /// The stretches that it forecasts.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch> {
        self.heads.iter().map(|head| head.stretch)
    }

    /// The largest value of a stretch, by its place among those that were asked for; none before anything is known.
    #[must_use]
    pub fn expect(&self, place: usize, now_ms: i64) -> Option<Forecast<'_>> {
        let closed = self.series.closed()?;
        let head = self.heads.get(place)?;
        let silent = now_ms.div_euclid(self.settings.step_ms()).saturating_sub(closed);
        let borne = BLIND_STEPS.max(BLIND_MS / self.settings.step_ms());
        let trust = if silent > borne { Trust::Blind } else { head.record.trust() };
        Some(Forecast { head, trust })
    }

    /// The quantile at `level` of the value `ahead` steps from the last closed one. None before anything is known.
    #[must_use]
    pub fn ahead(&self, ahead: u32, level: f64) -> Option<f64> {
        let mut out = [[0.0]];
        self.ahead_all(&[ahead], [level], &mut out).then(|| out.as_flattened().first().copied().unwrap_or(0.0))
    }

    /// Quantiles at rising `levels` of the values at each of `distances`, in steps from the last closed one, written into
    /// `out`; says whether anything is known yet. A distance between two stretches that are forecast is interpolated in
    /// the logarithm of the distance; one outside of them is taken as the nearest.
    pub fn ahead_all<const N: usize>(&self, distances: &[u32], levels: [f64; N], out: &mut [[f64; N]]) -> bool {
        if self.series.closed().is_none() || self.heads.is_empty() {
            return false;
        }
        let levels = levels.map(|level| level.clamp(0.0, 1.0));
        // Each stretch is asked once, whatever number of distances lies beside it.
        let mut known = [(0.0, [0.0; N]); STRETCHES_MAX];
        for (known, head) in known.iter_mut().zip(&self.heads) {
            *known = (head.stretch.middle(), head.quantiles(levels));
        }
        let known = known.get_mut(..self.heads.len()).unwrap_or_default();
        known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        for (out, distance) in out.iter_mut().zip(distances) {
            let wanted = f64::from((*distance).max(1));
            let later = known.partition_point(|(middle, _)| *middle <= wanted);
            let after = known.get(later);
            let before = later.checked_sub(1).and_then(|place| known.get(place));
            *out = match (before, after) {
                (Some((from, a)), Some((to, b))) => {
                    let part = libm::log(wanted / from) / libm::log(to / from);
                    std::array::from_fn(|place| {
                        let (a, b) = (a.get(place).copied().unwrap_or(0.0), b.get(place).copied().unwrap_or(0.0));
                        a + (b - a) * part
                    })
                }
                (one, other) => one.or(other).map_or([0.0; N], |(_, quantiles)| *quantiles),
            };
        }
        true
    }

    /// The ended slots of the last week of seasons that it remembers, oldest first: numbers and means of their steps.
    pub(crate) fn remembered(&self) -> impl Iterator<Item = (i64, f64)> {
        self.history.known()
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
        let refuse = StateError::new;
        let body = match bytes.split_first() {
            Some((&VERSION, body)) => body,
            Some(_) => return Err(refuse("it has another version")),
            None => return Err(refuse("it is empty")),
        };
        let state: Self = postcard::from_bytes(body).map_err(|error| refuse(&error.to_string()))?;
        let settings = Settings::new(state.settings.step_ms(), Some(state.settings.season_ms()));
        let sound = settings.is_ok()
            && state.series.is_sound()
            && state.level.is_sound()
            && state.heads.len() <= STRETCHES_MAX
            && state.heads.iter().all(Head::is_sound)
            && state.history.is_sound(state.settings.slots())
            && state.recent.is_sound(recent(&state.heads));
        if sound { Ok(state) } else { Err(refuse("its parts contradict each other")) }
    }

    /// Bytes that the state takes in memory.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let heads: usize = self.heads.iter().map(Head::footprint).sum();
        size_of::<Self>() + self.history.footprint() + self.recent.footprint() + heads
    }

    fn learn(&mut self, step: Step) {
        self.recent.learn(step.index, step.value);
        for head in &mut self.heads {
            head.settle(step.index, &self.recent, &self.level);
        }
        self.level.learn(step.value);
        #[expect(clippy::cast_possible_truncation, reason = "slots since the epoch are far below 2^53")]
        let slot = libm::floor(self.slot(step.index, 0.0)) as i64;
        self.history.learn(slot, step.value);
        self.speak(step.index);
    }

    /// A step's middle, `ahead` steps on, in slots of the season since the epoch.
    #[expect(clippy::cast_precision_loss, reason = "instants are far below 2^53 milliseconds")]
    fn slot(&self, index: i64, ahead: f64) -> f64 {
        let slot_ms = self.settings.season_ms() as f64 / self.settings.slots() as f64;
        (index as f64 + 0.5 + ahead) * self.settings.step_ms() as f64 / slot_ms
    }

    fn speak(&mut self, index: i64) {
        let now = self.history.past(self.slot(index, 0.0));
        for place in 0..self.heads.len() {
            let Some(stretch) = self.heads.get(place).map(|head| head.stretch) else { continue };
            let then = self.history.past(self.slot(index, stretch.middle()));
            if let Some(head) = self.heads.get_mut(place) {
                head.speak(index, &self.level, &seasonal(&now, &then));
            }
        }
    }
}

fn seasonal(now: &[Option<f64>; WEEK], then: &[Option<f64>; WEEK]) -> Seasonal {
    let mut seasonal = Seasonal { naive: then.first().copied().flatten(), ..Seasonal::default() };
    let (mut sum, mut count) = ((0.0, 0.0), 0.0);
    for (back, (now, then)) in now.iter().zip(then).enumerate() {
        let (Some(now), Some(then)) = (*now, *then) else { continue };
        sum = (sum.0 + now, sum.1 + then);
        count += 1.0;
        match back {
            0 => seasonal.yesterday = Some(then - now),
            back if back + 1 == WEEK => seasonal.week = Some(then - now),
            _ => {}
        }
    }
    seasonal.mean = (count > 0.0).then(|| (sum.0 / count, sum.1 / count));
    seasonal
}

#[cfg(test)]
mod tests;
