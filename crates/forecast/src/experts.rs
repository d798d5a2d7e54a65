//! Simple opinions on what a stretch will bring, averaged by how well each did lately.

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::settings::{Settings, WEEK};

/// How many experts there are.
pub(crate) const COUNT: usize = 6;
/// Place of the expert that repeats the last value.
pub(crate) const LAST: usize = 0;
/// Place of the expert that repeats the last season.
pub(crate) const SEASON: usize = 1;
/// Share of the newest error in an expert's record: a memory of about a hundred steps.
const LEARN: f64 = 0.01;
/// How sharply better experts are preferred.
const SHARPNESS: f64 = 4.0;
/// A season's shape may raise or lower the level by this factor at most.
const RATIO_MAX: f64 = 8.0;

/// What each expert expects, in the unit of the series; none where it has no ground to.
pub(crate) type Opinions = [Option<f64>; COUNT];

/// The level and its trend, by Holt's damped method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) last: f64,
    smooth: f64,
    trend: f64,
    /// Mean over a long time: what counts as a small value.
    pub(crate) mean: f64,
    pub(crate) steps: u64,
}

impl Level {
    /// Learns a step's value.
    pub(crate) fn learn(&mut self, value: f64) {
        if self.steps == 0 {
            (self.smooth, self.mean) = (value, value);
        }
        let before = self.smooth;
        self.smooth = 0.5 * value + 0.5 * (before + DAMPING * self.trend);
        self.trend = 0.2 * (self.smooth - before) + 0.8 * DAMPING * self.trend;
        self.steps = self.steps.saturating_add(1);
        let share = if self.steps < 1000 { 1.0 / to_f64(self.steps) } else { 0.001 };
        self.mean += (value - self.mean) * share;
        self.last = value;
    }

    /// Added to values before their ratio is taken, so that noise around zero is not endless surprise.
    pub(crate) fn offset(&self) -> f64 {
        0.02 * self.mean + 1e-9
    }

    fn trended(&self, steps: u32) -> f64 {
        // Sum of the damped trend over the steps.
        let damped = DAMPING * (1.0 - libm::pow(DAMPING, f64::from(steps))) / (1.0 - DAMPING);
        (self.smooth + self.trend * damped).max(0.0)
    }
}

const DAMPING: f64 = 0.9;

#[expect(clippy::cast_precision_loss, reason = "a count under a thousand")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

/// What each expert says of the stretch of `settings` after the step `index`.
pub(crate) fn opinions(settings: &Settings, level: &Level, history: &History, index: i64) -> Opinions {
    let slot_of = |step: i64| step.saturating_mul(settings.step_ms).div_euclid(settings.slot_ms());
    let now = slot_of(index);
    let (first, last) = (slot_of(index + i64::from(settings.from)), slot_of(index + i64::from(settings.until)));
    let shaped = |seasons: i64| {
        let ahead = history.most(first, last, seasons)?;
        let around = history.around(now, seasons)?;
        Some((ahead, around))
    };
    let offset = level.offset();
    let scale = |(ahead, around): (f64, f64)| {
        let ratio = ((ahead + offset) / (around + offset)).clamp(1.0 / RATIO_MAX, RATIO_MAX);
        (level.smooth + offset) * ratio - offset
    };
    let yesterday = shaped(1);
    let days = mean((1..=WEEK).filter_map(shaped));
    [
        Some(level.last),
        yesterday.map(|(ahead, _)| ahead),
        Some(level.trended(settings.until)),
        yesterday.map(scale),
        shaped(WEEK).map(scale),
        days.map(scale),
    ]
    .map(|opinion| opinion.map(|value| value.max(0.0)))
}

fn mean(pairs: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    let (mut sum, mut count) = ((0.0, 0.0), 0.0);
    for (ahead, around) in pairs {
        sum = (sum.0 + ahead, sum.1 + around);
        count += 1.0;
    }
    (count > 0.0).then(|| (sum.0 / count, sum.1 / count))
}

/// Each expert's mean error lately, relative to the level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Records([Option<f32>; COUNT]);

impl Records {
    /// Learns what a stretch really brought.
    #[expect(clippy::cast_possible_truncation, reason = "a relative error needs no more than seven digits")]
    pub(crate) fn learn(&mut self, opinions: &Opinions, truth: f64, offset: f64) {
        for (record, opinion) in self.0.iter_mut().zip(opinions) {
            let Some(opinion) = opinion else { continue };
            let error = libm::fabs(libm::log((truth + offset) / (opinion + offset)));
            let known = f64::from(record.unwrap_or(1.0));
            *record = Some((known + (error - known) * LEARN) as f32);
        }
    }

    /// The experts' opinions as one, better ones counting for more.
    pub(crate) fn average(&self, opinions: &Opinions) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (record, opinion) in self.0.iter().zip(opinions) {
            let Some(opinion) = opinion else { continue };
            let error = f64::from(record.unwrap_or(1.0)) + 1e-4;
            let weight = libm::pow(1.0 / error, SHARPNESS);
            sum += weight * opinion;
            total += weight;
        }
        if total > 0.0 { sum / total } else { 0.0 }
    }
}
