//! The forecast of one stretch: experts, their average, the size of its errors, and the errors' distribution.
//!
//! Each of a few simple experts says what the stretch will bring. Their average, better ones counting for more, is the
//! *centre*. How far off the centre will be, the *scale*, is learned as a product of powers of what is known of that:
//! the last errors, the level, the last moves. The distribution of errors divided by their scale is a [`Sketch`].

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::level::{Level, share};
use crate::recent::Recent;
use crate::regression::{FEATURES, Features, Regression};
use crate::score::{Came, LEVEL, Record};
use crate::settings::Stretch;
use crate::sketch::{BINS, Sketch};

/// How many experts there are.
const EXPERTS: usize = 8;
/// Experts before this one are corrected for their own usual error; the regression needs none.
const CORRECTED: usize = 7;
/// How many clues of the errors' size there are.
const CLUES: usize = 6;
/// Place of the clue that others are held against.
const MIDDLE: usize = 1;
/// Forecasts of one stretch that wait for their truth; longer stretches are judged less often.
const PENDING_MAX: u32 = 12;
/// Spans over which errors are averaged, as the newest one's share.
const SPANS: [f64; 3] = [1.0 / 16.0, 1.0 / 240.0, 1.0 / 3000.0];
/// Share of the newest loss in an expert's record.
const LEARN: f64 = 0.001;
/// Errors that count half after as many more.
const HALF_LIFE: f64 = 8_000.0;
/// Assumed losses: experts that need a season come later, and must show what they can.
const LOSSES: [f32; EXPERTS] = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0];
/// Seasonal ratios beyond this are noise.
const RATIO_MAX: f64 = 5.0;

/// What the history says of now and of the stretch, in seasons that know both: yesterday, a week ago, and their mean.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seasonal {
    /// Change from now to then, a season ago and a week of seasons ago.
    pub(crate) yesterday: Option<f64>,
    pub(crate) week: Option<f64>,
    /// Mean of now and of then over the seasons.
    pub(crate) mean: Option<(f64, f64)>,
    /// The value then, a season ago: what repeating the last season says.
    pub(crate) naive: Option<f64>,
}

/// A forecast that was made and not yet compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    at: i64,
    features: [f32; FEATURES],
    opinions: [f32; EXPERTS],
    /// Logarithms of the clues over the middle one.
    clues: [f32; CLUES],
    base: f32,
    norm: f32,
    centre: f32,
    scale: f32,
    /// The 90 % quantile.
    quantile: f32,
    /// What repeating the last season said; not a number where no season was known.
    naive: f32,
}

/// The state of one stretch's forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) stretch: Stretch,
    regression: Regression,
    losses: [f32; EXPERTS],
    corrections: [f32; CORRECTED],
    pending: VecDeque<Pending>,
    /// Mean error over the [`SPANS`], and relative to the level.
    errors: [f64; 3],
    relative: f64,
    powers: [f64; CLUES],
    factor: f64,
    learned: u64,
    sketch: Sketch,
    pub(crate) record: Record,
    centre: f64,
    scale: f64,
    /// How many times the trend its middle is away.
    reach: f64,
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are finer than any load is measured")]
fn narrow(value: f64) -> f32 {
    value.clamp(-1e30, 1e30) as f32
}

impl Head {
    pub(crate) fn new(stretch: Stretch) -> Self {
        Self {
            stretch,
            regression: Regression::new(),
            losses: LOSSES,
            corrections: [0.0; CORRECTED],
            pending: VecDeque::with_capacity((stretch.until.min(PENDING_MAX) + 1) as usize),
            errors: [0.0; 3],
            relative: 0.1,
            powers: [0.2, 0.2, 0.2, 0.2, 0.1, 0.1],
            factor: 0.0,
            learned: 0,
            sketch: Sketch::new(HALF_LIFE),
            record: Record::default(),
            centre: 0.0,
            scale: 1.0,
            reach: Level::reach(stretch.middle()),
        }
    }

    /// Whether a stored one keeps its rules.
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = [self.relative, self.factor, self.centre, self.scale, self.reach];
        self.stretch.is_sound()
            && self.regression.is_sound()
            && self.losses.iter().all(|loss| loss.is_finite())
            && self.corrections.iter().all(|correction| correction.is_finite())
            && self.errors.iter().chain(&self.powers).chain(&numbers).all(|n| n.is_finite())
            && self.scale > 0.0
            && self.pending.len() <= PENDING_MAX as usize + 1
            && self.pending.iter().all(|pending| pending.at.unsigned_abs() < 1 << 50)
            && self.sketch.is_sound()
            && self.record.is_sound()
    }

    /// Bytes of the state.
    pub(crate) fn footprint(&self) -> usize {
        size_of::<Self>() + self.pending.capacity() * size_of::<Pending>() + BINS * size_of::<f32>()
    }

    /// Compares forecasts whose stretch is over with what came.
    pub(crate) fn settle(&mut self, index: i64, recent: &Recent, level: &Level) {
        while let Some(pending) = self.pending.front().copied() {
            let until = pending.at.saturating_add(i64::from(self.stretch.until));
            if until > index {
                break;
            }
            self.pending.pop_front();
            if let Some(truth) = recent.most(pending.at + i64::from(self.stretch.from), until) {
                self.compare(&pending, truth, level);
            }
        }
    }

    fn compare(&mut self, pending: &Pending, truth: f64, level: &Level) {
        let wide = |value: f32| f64::from(value);
        let error = truth - wide(pending.centre);
        let size = libm::fabs(error);
        self.learned = self.learned.saturating_add(1);
        let z = error / wide(pending.scale).max(f64::MIN_POSITIVE);
        self.sketch.learn(z);
        self.learn_scale(pending, libm::fabs(z));
        for (mean, span) in self.errors.iter_mut().zip(SPANS) {
            *mean += (size - *mean) * share(self.learned, span);
        }
        let part = size / (wide(pending.base) + 0.05 * level.mean + 1e-9);
        self.relative += (part - self.relative) * share(self.learned + 10, 1.0 / 3000.0);
        let middle = self.errors.get(MIDDLE).copied().unwrap_or(0.0);
        let learn = share(self.learned + 20, LEARN);
        for (loss, opinion) in self.losses.iter_mut().zip(pending.opinions) {
            if opinion.is_nan() {
                continue;
            }
            let off = libm::fabs(truth - wide(opinion)) / (wide(pending.scale) + 1e-9);
            *loss = narrow(wide(*loss) + (off.min(20.0) - wide(*loss)) * learn);
        }
        for (correction, opinion) in self.corrections.iter_mut().zip(pending.opinions) {
            if opinion.is_nan() {
                continue;
            }
            *correction += narrow(0.01 * middle * if truth > wide(opinion) { 1.0 } else { -1.0 });
        }
        let features = pending.features.map(f64::from);
        let norm = wide(pending.norm);
        self.regression.learn(&features, (truth - wide(pending.base)) / norm, (6.0 * middle / norm).max(1e-6));
        let naive = wide(pending.naive);
        self.record.learn(&Came {
            truth,
            centre: wide(pending.centre),
            quantile: wide(pending.quantile),
            last: wide(pending.base),
            season: (!naive.is_nan()).then_some(naive),
            offset: level.offset(),
        });
    }

    /// A step up the likelihood of a two-sided exponential error of the learned scale.
    fn learn_scale(&mut self, pending: &Pending, z: f64) {
        let slope = 0.002 * (1.0 - z).clamp(-3.0, 1.0);
        for (power, clue) in self.powers.iter_mut().zip(pending.clues) {
            *power = (*power - 0.1 * slope * f64::from(clue).clamp(-6.0, 6.0)).clamp(-0.2, 1.2);
        }
        self.factor = (self.factor - slope).clamp(-3.0, 3.0);
    }

    /// Forecasts from where the series stands after the step `index`.
    pub(crate) fn speak(&mut self, index: i64, level: &Level, seasonal: &Seasonal) {
        let norm = level.norm();
        let features = features(level, seasonal, norm);
        let opinions = self.opinions(level, seasonal, &features, norm);
        self.centre = self.average(&opinions).max(0.0);
        let tiny = level.tiny();
        let clues = self.clues(level, tiny);
        let logs = clues.map(libm::log);
        let middle = logs.get(MIDDLE).copied().unwrap_or(0.0);
        let relative = logs.map(|log| log - middle);
        let log: f64 = self.factor + middle + self.powers.iter().zip(relative).map(|(p, log)| p * log).sum::<f64>();
        let (least, most) = clues.iter().fold((f64::MAX, 0.0_f64), |(l, m), clue| (l.min(*clue), m.max(*clue)));
        self.scale = libm::exp(log).clamp(least * 0.2, (most * 3.0).min(level.highest() + tiny)).max(tiny);
        let every = i64::from(self.stretch.until.div_ceil(PENDING_MAX));
        if index.rem_euclid(every) == 0 {
            if self.pending.len() > PENDING_MAX as usize {
                self.pending.pop_front();
            }
            self.pending.push_back(Pending {
                at: index,
                features: features.map(narrow),
                opinions: opinions.map(narrow),
                clues: relative.map(narrow),
                base: narrow(level.last),
                norm: narrow(norm),
                centre: narrow(self.centre),
                scale: narrow(self.scale),
                quantile: narrow(self.quantile(LEVEL)),
                naive: seasonal.naive.map_or(f32::NAN, narrow),
            });
        }
    }

    fn opinions(&self, level: &Level, seasonal: &Seasonal, features: &Features, norm: f64) -> [f64; EXPERTS] {
        let last = level.last;
        let [fast, slower, ..] = level.means;
        let offset = level.offset();
        let scaled = |(now, then): (f64, f64)| {
            let ratio = ((then + offset) / (now + offset)).clamp(1.0 / RATIO_MAX, RATIO_MAX);
            (fast + offset) * ratio - offset
        };
        // One that has no ground says nothing.
        let or_silent = |opinion: Option<f64>| opinion.unwrap_or(f64::NAN);
        let mut opinions = [
            last,
            fast,
            slower,
            level.trended(self.reach),
            or_silent(seasonal.yesterday.map(|change| last + change)),
            or_silent(seasonal.mean.map(scaled)),
            or_silent(seasonal.mean.map(|(_, then)| then)),
            last + self.regression.say(features) * norm,
        ]
        .map(|opinion| level.limit(opinion));
        for (opinion, correction) in opinions.iter_mut().zip(self.corrections) {
            *opinion += f64::from(correction);
        }
        opinions
    }

    /// The experts' opinions as one; twice the loss counts for a 64th.
    fn average(&self, opinions: &[f64; EXPERTS]) -> f64 {
        let least = self.losses.iter().copied().fold(f32::MAX, f32::min).max(1e-6);
        let (mut sum, mut total) = (0.0, 0.0);
        for (loss, opinion) in self.losses.iter().zip(opinions) {
            if opinion.is_nan() {
                continue;
            }
            let part = f64::from(least / loss.max(1e-6));
            let cubed = part * part * part;
            sum += cubed * cubed * opinion;
            total += cubed * cubed;
        }
        sum / total
    }

    /// What speaks for the size of the next error.
    fn clues(&self, level: &Level, tiny: f64) -> [f64; CLUES] {
        let [fast, middle, slow] = if self.learned < 8 {
            // Before errors are known, a quarter of the level is assumed.
            [0.25 * level.last; 3]
        } else {
            self.errors
        };
        let [now, lately] = level.moves;
        let leveled = self.relative * (self.centre + level.norm());
        [fast, middle, slow, leveled, now, lately].map(|clue| clue + tiny)
    }

    /// The value that the stretch's largest stays at or under with probability `level`.
    pub(crate) fn quantile(&self, level: f64) -> f64 {
        (self.centre + self.scale * self.sketch.quantile(level)).max(0.0)
    }

    /// The same for rising levels.
    pub(crate) fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [f64; N] {
        self.sketch.quantiles(levels).map(|error| (self.centre + self.scale * error).max(0.0))
    }

    /// Probabilities that the stretch brings more than `first`, `first + step`, and so on.
    pub(crate) fn exceeding(&self, first: f64, step: f64, least: f64, out: &mut [f64]) -> usize {
        self.sketch.exceeding((first - self.centre) / self.scale, step / self.scale, least, out)
    }

    /// The middle of the forecast.
    pub(crate) const fn centre(&self) -> f64 {
        self.centre
    }

    /// The expected size of its error.
    pub(crate) const fn scale(&self) -> f64 {
        self.scale
    }
}

fn features(level: &Level, seasonal: &Seasonal, norm: f64) -> Features {
    let cut = |value: f64| (value / norm).clamp(-50.0, 50.0);
    let [a, b, c, d] = level.means;
    let season = seasonal.mean.map_or(0.0, |(_, then)| then - level.last);
    [
        cut(level.last - a),
        cut(a - b),
        cut(b - c),
        cut(c - d),
        cut(seasonal.yesterday.unwrap_or(0.0)),
        cut(seasonal.week.unwrap_or(0.0)),
        cut(season),
        1.0,
    ]
}
