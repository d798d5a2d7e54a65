//! What simple experts say of a time hours or days ahead of an origin, from the remembered week alone.
//!
//! As they need nothing else, what they would have said at an origin of the last days can be asked again when its truth is
//! known: nothing has to be kept to score them.

use crate::history::History;
use crate::settings::WEEK;

/// How many experts there are.
pub(super) const EXPERTS: usize = 10;
/// Slots on either side that a slot is smoothed with.
const AROUND: i64 = 2;

/// What the series has ever been.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Range {
    pub(super) lowest: f64,
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
        self.mean += (value - self.mean) * crate::level::share(self.slots, 0.03 / season as f64);
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
    }

    /// A small value: no error is held against less.
    pub(super) fn tiny(&self) -> f64 {
        1e-3 * self.mean + 1e-4 * self.highest + 1e-9
    }

    fn limit(&self, opinion: f64) -> f64 {
        let beyond = (self.highest - self.lowest) * 0.3;
        opinion.clamp((self.lowest - beyond).max(0.0), self.highest + beyond)
    }
}

/// What experts say, not a number where one says nothing, and by how much past seasons differ.
pub(super) struct Opinions {
    pub(super) said: [f64; EXPERTS],
    pub(super) spread: Option<f64>,
}

/// Where the series stands at an origin.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    /// Means over the last hour, over the last season, and over the remembered ones.
    hour: f64,
    season: f64,
    week: f64,
    /// How far the last two hours are from the same hours of past seasons.
    short: f64,
}

/// What is known at `origin`, a closed slot: nothing after it is looked at.
pub(super) struct Past<'a> {
    history: &'a History,
    range: &'a Range,
    season: i64,
    origin: i64,
    levels: Levels,
}

/// Values of the same time of past seasons, the newest first.
#[derive(Clone, Copy)]
struct Seasons {
    values: [f64; WEEK],
    count: usize,
}

impl Seasons {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut seasons = Self { values: [0.0; WEEK], count: 0 };
        for (place, value) in seasons.values.iter_mut().zip(values) {
            *place = value;
            seasons.count += 1;
        }
        seasons
    }

    fn known(&self) -> &[f64] {
        self.values.get(..self.count).unwrap_or_default()
    }

    fn mean(&self) -> Option<f64> {
        let known = self.known();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    fn median(&self) -> Option<f64> {
        let mut sorted = *self;
        let known = sorted.values.get_mut(..self.count)?;
        known.sort_unstable_by(f64::total_cmp);
        let (low, high) = (known.get(known.len().checked_sub(1)? / 2)?, known.get(known.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    fn spread(&self) -> Option<f64> {
        let mean = self.mean()?;
        let known = self.known();
        let sum: f64 = known.iter().map(|value| libm::fabs(value - mean)).sum();
        // A mean of few is drawn to each of them.
        (known.len() > 1).then(|| sum / (known.len() as f64 - 1.0))
    }
}

impl<'a> Past<'a> {
    pub(super) fn new(history: &'a History, range: &'a Range, season: i64, origin: i64) -> Self {
        let mut past = Self { history, range, season, origin, levels: Levels::default() };
        let hours = (season / 24).max(1);
        let last = past.get(origin).unwrap_or(range.mean);
        past.levels.hour = past.mean(hours, 1).unwrap_or(last);
        past.levels.season = past.mean(season, 1).unwrap_or(last);
        past.levels.week = past.mean(7 * season, if season > 100 { 3 } else { 1 }).unwrap_or(last);
        let deviations = (origin - 2 * hours + 1..=origin).filter_map(|slot| Some(past.get(slot)? - past.profile(slot)?));
        let (sum, count) = deviations.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
        past.levels.short = if count > 0.0 { sum / count } else { 0.0 };
        past
    }

    fn get(&self, slot: i64) -> Option<f64> {
        if slot > self.origin { None } else { self.history.get(slot) }
    }

    /// The mean of the last slots, each `step`th.
    fn mean(&self, length: i64, step: usize) -> Option<f64> {
        let known = (self.origin - length + 1..=self.origin).rev().step_by(step).filter_map(|slot| self.get(slot));
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    /// A slot's value and its neighbours', in their mean.
    fn smooth(&self, slot: i64) -> Option<f64> {
        let known = (slot - AROUND..=slot + AROUND).filter_map(|slot| self.get(slot));
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    /// How many seasons before `slot` the newest known one lies.
    fn back(&self, slot: i64) -> i64 {
        (slot - self.origin + self.season - 1).div_euclid(self.season).max(1)
    }

    /// The mean of the same time in the past seasons.
    fn profile(&self, slot: i64) -> Option<f64> {
        let first = self.back(slot);
        Seasons::of((first..first + 7).filter_map(|back| self.get(slot - back * self.season))).mean()
    }

    /// Of the value of one slot, `ahead` of the last.
    pub(super) fn value(&self, ahead: i64) -> Opinions {
        let slot = self.origin + ahead;
        let first = self.back(slot);
        let seasons = || (first..first + 7).map(|back| slot - back * self.season);
        let smooth = Seasons::of(seasons().filter_map(|slot| self.smooth(slot)));
        let sharp = Seasons::of(seasons().filter_map(|slot| self.get(slot)));
        let week = self.smooth(slot - 7 * self.season * (ahead + 7 * self.season - 1).div_euclid(7 * self.season));
        self.opinions(&smooth, &sharp, week, ahead, [self.levels.season, self.levels.hour])
    }

    /// Of the largest value of the next `ahead` slots.
    pub(super) fn most(&self, ahead: i64) -> Opinions {
        let slot = self.origin + ahead;
        let first = self.back(slot);
        let window = |back: i64| {
            let until = slot - back * self.season;
            let known = (until - ahead + 1..=until).filter_map(|slot| self.get(slot));
            let (count, most) = known.fold((0, 0.0_f64), |(count, most), value| (count + 1, most.max(value)));
            (2 * count > ahead).then_some(most)
        };
        let windows = Seasons::of((first..=7).filter_map(window));
        let recent = self.largest_before(ahead);
        let hour = self.largest_before((self.season / 24).max(1));
        self.opinions(&windows, &windows, window(7), ahead, [recent, hour])
    }

    fn opinions(&self, smooth: &Seasons, sharp: &Seasons, week: Option<f64>, ahead: i64, levels: [f64; 2]) -> Opinions {
        let tiny = self.range.tiny();
        let or_silent = |opinion: Option<f64>| opinion.unwrap_or(f64::NAN);
        let long = self.levels.season - self.levels.week;
        let short = self.levels.short;
        let hours = ahead as f64 * 24.0 / self.season as f64;
        let damped = short * libm::exp(-hours / 6.0);
        let ratio = ((self.levels.season + tiny) / (self.levels.week + tiny)).clamp(0.2, 5.0);
        let mean = smooth.mean();
        let [level, hour] = levels;
        let said = [
            or_silent(smooth.known().first().copied()),
            or_silent(sharp.median()),
            or_silent(mean),
            or_silent(week),
            or_silent(mean.map(|mean| mean + long)),
            or_silent(mean.map(|mean| mean * ratio)),
            or_silent(mean.map(|mean| mean + damped)),
            level,
            hour,
            f64::NAN,
        ];
        Opinions { said: said.map(|said| self.range.limit(said)), spread: sharp.spread() }
    }

    /// The largest of the last `length` slots.
    fn largest_before(&self, length: i64) -> f64 {
        let known = (self.origin - length + 1..=self.origin).filter_map(|slot| self.get(slot));
        known.fold(0.0, f64::max)
    }
}
