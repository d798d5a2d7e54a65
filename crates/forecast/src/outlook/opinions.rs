//! What simple experts say of a time hours or days ahead, from the last week and from where the series stands.

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::level::share;
use crate::settings::WEEK;

/// How many experts there are.
pub(super) const EXPERTS: usize = 10;
/// Slots on either side that a slot is smoothed with.
const AROUND: i64 = 2;

/// Where the series stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stand {
    pub(super) last: f64,
    /// Means over an hour and over a season, and over long.
    hour: f64,
    season: f64,
    pub(super) mean: f64,
    /// Mean deviation from the profile over some hours and over a season, and the profile's mean over the latter.
    deviation: [f64; 2],
    profile: f64,
    lowest: f64,
    pub(super) highest: f64,
    slots: u64,
}

impl Stand {
    pub(super) fn learn(&mut self, value: f64, profile: Option<f64>, season: i64) {
        if self.slots == 0 {
            *self = Self { last: value, hour: value, season: value, mean: value, lowest: value, highest: value, ..*self };
        }
        self.slots = self.slots.saturating_add(1);
        let season = season as f64;
        let towards = |known: &mut f64, new: f64, share: f64| *known += (new - *known) * share;
        towards(&mut self.hour, value, share(self.slots, (12.0 / season).min(0.5)));
        towards(&mut self.season, value, share(self.slots, 1.5 / season));
        towards(&mut self.mean, value, share(self.slots, 0.03 / season));
        if let Some(profile) = profile {
            let [short, long] = &mut self.deviation;
            towards(short, value - profile, 12.0 / season);
            towards(long, value - profile, 1.5 / season);
            if self.profile == 0.0 {
                self.profile = profile;
            }
            towards(&mut self.profile, profile, 1.5 / season);
        }
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
        self.last = value;
    }

    /// A small value: no error is held against less.
    pub(super) fn tiny(&self) -> f64 {
        1e-3 * self.mean + 1e-4 * self.highest + 1e-9
    }
}

/// What experts say, not a number where one says nothing, and by how much past seasons differ.
pub(super) struct Opinions {
    pub(super) said: [f64; EXPERTS],
    pub(super) spread: Option<f64>,
}

/// What is known at `origin`, the last closed slot.
pub(super) struct Past<'a> {
    pub(super) history: &'a History,
    pub(super) stand: &'a Stand,
    pub(super) season: i64,
    pub(super) origin: i64,
}

/// Values of the same time of past seasons, the newest first.
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

impl Clone for Seasons {
    fn clone(&self) -> Self {
        *self
    }
}
impl Copy for Seasons {}

impl Past<'_> {
    /// A slot's value and its neighbours', in their mean.
    fn smooth(&self, slot: i64) -> Option<f64> {
        let known = (slot - AROUND..=slot + AROUND).filter_map(|slot| self.history.get(slot));
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    /// How many seasons before `slot` the newest known one lies.
    fn back(&self, slot: i64) -> i64 {
        (slot - self.origin + self.season - 1).div_euclid(self.season).max(1)
    }

    /// The mean of the same time in the past seasons.
    pub(super) fn profile(&self, slot: i64) -> Option<f64> {
        let first = self.back(slot);
        Seasons::of((first..first + 7).filter_map(|back| self.smooth(slot - back * self.season))).mean()
    }

    /// Of the value of one slot, `ahead` of the last.
    pub(super) fn value(&self, ahead: i64) -> Opinions {
        let slot = self.origin + ahead;
        let first = self.back(slot);
        let seasons = || (first..first + 7).map(|back| slot - back * self.season);
        let smooth = Seasons::of(seasons().filter_map(|slot| self.smooth(slot)));
        let sharp = Seasons::of(seasons().filter_map(|slot| self.history.get(slot)));
        let week = self.smooth(slot - 7 * self.season * (ahead + 7 * self.season - 1).div_euclid(7 * self.season));
        self.opinions(&smooth, &sharp, week, ahead, [self.stand.season, self.stand.hour])
    }

    /// Of the largest value of the next `ahead` slots.
    pub(super) fn most(&self, ahead: i64) -> Opinions {
        let slot = self.origin + ahead;
        let first = self.back(slot);
        let window = |back: i64| {
            let until = slot - back * self.season;
            let known = (until - ahead + 1..=until).filter_map(|slot| self.history.get(slot));
            let (count, most) = known.fold((0, 0.0_f64), |(count, most), value| (count + 1, most.max(value)));
            (2 * count > ahead).then_some(most)
        };
        let windows = Seasons::of((first..=7).filter_map(window));
        let recent = window_before(self, ahead);
        let hour = window_before(self, (self.season / 24).max(1));
        self.opinions(&windows, &windows, window(7), ahead, [recent, hour])
    }

    fn opinions(&self, smooth: &Seasons, sharp: &Seasons, week: Option<f64>, ahead: i64, levels: [f64; 2]) -> Opinions {
        let stand = self.stand;
        let or_silent = |opinion: Option<f64>| opinion.unwrap_or(f64::NAN);
        let [short, long] = stand.deviation;
        let hours = ahead as f64 * 24.0 / self.season as f64;
        let damped = long + (short - long) * libm::exp(-hours / 6.0);
        let ratio = (stand.season + stand.tiny()) / (stand.profile.max(0.0) + stand.tiny());
        let ratio = ratio.clamp(0.2, 5.0);
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
        Opinions { said: said.map(|said| self.limit(said)), spread: sharp.spread() }
    }

    fn limit(&self, opinion: f64) -> f64 {
        let beyond = (self.stand.highest - self.stand.lowest) * 0.3;
        opinion.clamp((self.stand.lowest - beyond).max(0.0), self.stand.highest + beyond)
    }
}

/// The largest of the last `length` slots.
fn window_before(past: &Past<'_>, length: i64) -> f64 {
    let known = (past.origin - length + 1..=past.origin).filter_map(|slot| past.history.get(slot));
    known.fold(0.0, f64::max)
}
