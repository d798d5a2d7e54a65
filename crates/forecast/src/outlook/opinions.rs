//! What simple experts say of a time hours or days ahead of an origin, from the remembered week alone.
//!
//! As they need nothing else, what they would have said at an origin of the last days can be asked again when its truth is
//! known: nothing has to be kept to score them.

use super::range::Range;
use super::seasons::Seasons;
use crate::calendar::{Calendar, Day, Weekday};
use crate::history::History;
use crate::shape::Shape;

/// How many experts there are.
pub(super) const EXPERTS: usize = 10;
/// Slots on either side that a slot is smoothed with.
const AROUND: i64 = 2;
/// Seasons in a week of them.
const WEEK: i64 = 7;
/// A found period is followed back so many times.
const PERIODS: i64 = 6;
/// What is left of a deviation from the season after so many 24ths of a season.
const DAMPING: f64 = 6.0;
/// Ratios of levels beyond this are noise.
const RATIO_MAX: f64 = 5.0;
/// A series sleeps where the last season had less than this share of the long mean.
const ASLEEP: f64 = 0.05;
/// Where a week has more slots than this, one in three is enough for its mean.
const MANY: i64 = 1_000;

/// What is known besides the week itself.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) history: &'a History,
    pub(super) range: &'a Range,
    pub(super) calendar: &'a Calendar,
    pub(super) shape: Option<&'a Shape>,
    pub(super) period: Option<i64>,
    /// Slots of a season.
    pub(super) season: i64,
    pub(super) slot_ms: i64,
    /// Whether a season is a day, so that a calendar's days mean something.
    pub(super) daily: bool,
}

impl Known<'_> {
    /// The middle of a slot.
    fn middle_ms(&self, slot: i64) -> i64 {
        slot.saturating_mul(self.slot_ms).saturating_add(self.slot_ms / 2)
    }

    /// What the day of a slot is declared to be.
    pub(super) fn declared(&self, slot: i64) -> Option<Day> {
        (self.daily && self.calendar.declares_days()).then(|| self.calendar.declared(self.middle_ms(slot)))?
    }

    /// The slot of the same local time, `back` seasons before.
    fn before(&self, slot: i64, back: i64) -> i64 {
        let then = slot - back * self.season;
        if !self.calendar.changes_clocks() {
            return then;
        }
        let offset = |slot: i64| self.calendar.offset_at(self.middle_ms(slot));
        then + (offset(slot) - offset(then)).div_euclid(self.slot_ms)
    }

    fn shape_at(&self, shape: &Shape, slot: i64) -> f64 {
        let offset = self.calendar.offset_at(self.middle_ms(slot)).div_euclid(self.slot_ms);
        shape.at(slot + offset, self.season)
    }
}

/// What experts say, not a number where one says nothing, and by how much past seasons differ.
pub(super) struct Opinions {
    pub(super) said: [f64; EXPERTS],
    pub(super) spread: Option<f64>,
    /// What days like the target's say, where its day is declared to be like others.
    pub(super) like: Option<f64>,
    /// Whether there was next to no load for a season.
    pub(super) asleep: bool,
}

/// Where the series stands at an origin.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    last: f64,
    /// Means over the last hour (a 24th of a season), over the last season, and over the remembered ones.
    hour: f64,
    season: f64,
    week: f64,
    /// How far the last two hours are from the same hours of past seasons.
    deviation: f64,
}

/// What is known at `origin`, a closed slot: nothing after it is looked at.
pub(super) struct Past<'a> {
    known: Known<'a>,
    origin: i64,
    levels: Levels,
}

impl<'a> Past<'a> {
    pub(super) fn new(known: Known<'a>, origin: i64) -> Self {
        let mut past = Self { known, origin, levels: Levels::default() };
        let season = known.season;
        let hour = (season / 24).max(1);
        let last = past.get(origin).unwrap_or(known.range.mean);
        let thinned = if WEEK * season > MANY { 3 } else { 1 };
        let deviations =
            (origin - 2 * hour + 1..=origin).filter_map(|slot| Some(past.get(slot)? - past.profile(slot)?));
        let (sum, count) = deviations.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
        past.levels = Levels {
            last,
            hour: past.mean(hour, 1).unwrap_or(last),
            season: past.mean(season, 1).unwrap_or(last),
            week: past.mean(WEEK * season, thinned).unwrap_or(last),
            deviation: if count > 0.0 { sum / count } else { 0.0 },
        };
        past
    }

    fn get(&self, slot: i64) -> Option<f64> {
        if slot > self.origin { None } else { self.known.history.get(slot) }
    }

    /// The last value.
    pub(super) const fn last(&self) -> f64 {
        self.levels.last
    }

    /// The mean of the last slots, each `step`th.
    fn mean(&self, length: i64, step: usize) -> Option<f64> {
        mean((self.origin - length + 1..=self.origin).rev().step_by(step).filter_map(|slot| self.get(slot)))
    }

    /// A slot's value and its neighbours', in their mean.
    fn smooth(&self, slot: i64) -> Option<f64> {
        mean((slot - AROUND..=slot + AROUND).filter_map(|slot| self.get(slot)))
    }

    /// How many seasons before `slot` the newest known one lies.
    fn back(&self, slot: i64) -> i64 {
        (slot - self.origin + self.known.season - 1).div_euclid(self.known.season).max(1)
    }

    /// The mean of the same time in the past seasons.
    fn profile(&self, slot: i64) -> Option<f64> {
        let first = self.back(slot);
        Seasons::of((first..first + WEEK).filter_map(|back| self.get(slot - back * self.known.season))).mean()
    }

    /// What `read` says of past seasons of a slot: of those that no calendar sets apart, or of all where it does so with
    /// every one.
    fn plain(&self, slot: i64, read: impl Fn(i64) -> Option<f64>) -> Seasons {
        let first = self.back(slot);
        let all = || (first..first + WEEK).map(|back| self.known.before(slot, back));
        if self.known.calendar.declares_days() {
            let plain = Seasons::of(all().filter(|then| self.known.declared(*then).is_none()).filter_map(&read));
            if plain.newest().is_some() {
                return plain;
            }
        }
        Seasons::of(all().filter_map(read))
    }

    /// What `read` says of days like the slot's, where a calendar declares it.
    fn like(&self, slot: i64, read: impl Fn(i64) -> Option<f64>) -> Option<f64> {
        let declared = self.known.declared(slot)?;
        let first = self.back(slot);
        let alike = |day: Day| {
            let days = (first..first + WEEK).map(|back| self.known.before(slot, back));
            let days = days.filter(|then| self.known.calendar.like(self.known.middle_ms(*then)) == day);
            Seasons::of(days.filter_map(&read)).mean()
        };
        let sunday = || alike(Day::Like(Weekday::Sunday));
        alike(declared).or_else(|| (declared == Day::Holiday).then(sunday)?)
    }

    /// What past days say of a slot, plainly and by their likeness, where a calendar declares its day.
    pub(super) fn declared(&self, slot: i64) -> Option<[f64; 2]> {
        let like = self.like(slot, |then| self.smooth(then))?;
        Some([self.plain(slot, |then| self.smooth(then)).mean()?, like])
    }

    /// Of the value of one slot, `ahead` of the last.
    pub(super) fn value(&self, ahead: i64) -> Opinions {
        let slot = self.origin + ahead;
        let smooth = self.plain(slot, |then| self.smooth(then));
        let sharp = self.plain(slot, |then| self.get(then));
        let weeks = (ahead + WEEK * self.known.season - 1).div_euclid(WEEK * self.known.season);
        let week = self.smooth(self.known.before(slot, WEEK * weeks));
        let like = self.like(slot, |then| self.smooth(then));
        let last = self.found(ahead, |then| self.get(then)).or_else(|| self.borrowed(slot, slot));
        self.opinions(&smooth, &sharp, ahead, [self.levels.season, self.levels.hour], [week, last, like])
    }

    /// Of the largest value of the next `ahead` slots.
    pub(super) fn most(&self, ahead: i64) -> Opinions {
        let slot = self.origin + ahead;
        let window = |until: i64| self.largest(until - ahead + 1, until);
        let windows = self.plain(slot, window);
        let week = window(self.known.before(slot, WEEK));
        let like = self.like(slot, window);
        let last = self.found(ahead, window).or_else(|| self.borrowed(self.origin + 1, slot));
        let hour = (self.known.season / 24).max(1);
        let recent =
            [ahead, hour].map(|length| self.largest(self.origin - length + 1, self.origin).unwrap_or(self.levels.last));
        self.opinions(&windows, &windows, ahead, recent, [week, last, like])
    }

    /// The mean of what was at whole found periods before.
    fn found(&self, ahead: i64, read: impl Fn(i64) -> Option<f64>) -> Option<f64> {
        let period = self.known.period.filter(|period| *period > 0)?;
        let first = (ahead + period - 1).div_euclid(period);
        mean((first..first + PERIODS).filter_map(|times| read(self.origin + ahead - times * period)))
    }

    /// What a borrowed shape says of the largest from one slot to another, at the level of the last season.
    fn borrowed(&self, from: i64, until: i64) -> Option<f64> {
        let shape = self.known.shape?;
        let hour = (self.known.season / 24).max(1);
        let seen = i64::try_from(self.known.range.slots).unwrap_or(i64::MAX).clamp(1, self.known.season);
        let at = |slot: i64| self.known.shape_at(shape, slot);
        let lately = mean((0..seen).step_by(usize::try_from(hour).unwrap_or(1)).map(|back| at(self.origin - back)))?;
        let then = (from..=until).step_by(usize::try_from(hour).unwrap_or(1)).map(at).fold(at(until), f64::max);
        let ratio = (then + 0.02) / (lately + 0.02);
        Some(self.levels.season * ratio.clamp(0.05, 20.0))
    }

    /// The largest of some slots, where half of them are known.
    fn largest(&self, first: i64, last: i64) -> Option<f64> {
        let known = (first..=last).filter_map(|slot| self.get(slot));
        let (count, most) = known.fold((0, 0.0_f64), |(count, most), value| (count + 1, most.max(value)));
        (2 * count > last - first).then_some(most)
    }

    fn opinions(
        &self,
        smooth: &Seasons,
        sharp: &Seasons,
        ahead: i64,
        levels: [f64; 2],
        others: [Option<f64>; 3],
    ) -> Opinions {
        let range = self.known.range;
        let tiny = range.tiny();
        let or_silent = |opinion: Option<f64>| opinion.unwrap_or(f64::NAN);
        let risen = self.levels.season - self.levels.week;
        let hours = ahead as f64 * 24.0 / self.known.season as f64;
        let damped = self.levels.deviation * libm::exp(-hours / DAMPING);
        let ratio = ((self.levels.season + tiny) / (self.levels.week + tiny)).clamp(1.0 / RATIO_MAX, RATIO_MAX);
        let mean = smooth.mean();
        let ([level, hour], [week, last, like]) = (levels, others);
        let mut said = [
            or_silent(smooth.newest()),
            or_silent(sharp.median()),
            or_silent(mean),
            or_silent(week),
            or_silent(mean.map(|mean| mean + risen)),
            or_silent(mean.map(|mean| mean * ratio)),
            or_silent(mean.map(|mean| mean + damped)),
            level,
            hour,
            f64::NAN,
        ]
        .map(|said| range.limit(said));
        // A shape knows of a peak before the series has had its first.
        if let Some(place) = said.last_mut() {
            *place = or_silent(last);
        }
        let asleep = self.levels.season < ASLEEP * range.mean;
        Opinions { said, spread: sharp.spread(), like: like.map(|like| range.limit(like)), asleep }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}
