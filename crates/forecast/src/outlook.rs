//! What a series will do hours and days from now.
//!
//! An [`Outlook`] remembers the last week of seasons in slots, each with its largest value. For a time ahead, experts that
//! need nothing but that week (the last day, the days' mean and median, the week before, the level, a found period, a
//! borrowed shape) are averaged by how well each did at that distance, and a fading histogram of errors over their expected
//! size gives the quantiles. Up to two seasons ahead the past is asked again, as it was then, when a truth arrives, so
//! every second slot scores each distance without anything being kept for it; farther ones keep a few forecasts that wait.
//! The largest value of a window has experts, scales and errors of its own: it is no product of its slots' distributions.

mod expected;
mod head;
mod opinions;
mod period;
mod range;
mod seasons;
mod state;

use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, Event};
use crate::forecaster::Forecaster;
use crate::history::History;
use crate::level::share;
use crate::score::{Came, LEVEL, Record, Trust};
use crate::series::{Counts, Outcome, Series, Step};
use crate::settings::Settings;
use crate::shape::Shape;
use crate::sketch::Sketch;
use expected::{Announced, LAWS, Law};
use head::{Head, Parameters, Said};
use opinions::{Known, Opinions, Past};
use range::Range;

pub use expected::Expected;

/// Distances that are learned, in 24ths of a season: hours of a day.
const DISTANCES: [i64; 7] = [1, 6, 12, 24, 48, 96, 168];
/// Seasons in a week of them, the farthest that is looked ahead.
const WEEK: i64 = 7;
/// Place of the first of them that is far: a season and more.
const FAR: usize = 4;
/// Errors that count half after as many more, near and far.
const HALF_LIVES: [f64; 2] = [6_000.0, 1_500.0];
/// What an outlook that is made of a forecaster scores itself on, in 24ths of a season.
const SCORED: i64 = 8;
/// Seasons ahead up to which the past is asked again for what would have been said.
const AGAIN: i64 = 2;
/// Shares of the newest score in what is known: of those that are many, of maxima, and of those that are few.
const LEARN: [f64; 3] = [0.001, 0.002, 0.01];
/// How much more of an error is assumed where a distance fits only so often into what was seen: of values by the root of
/// the share that it is of that, of maxima, of which there is one to a window, by the share.
const STRETCH: [f64; 2] = [0.6, 6.0];
/// The most that errors are stretched by.
const STRETCH_MAX: f64 = 3.0;
/// No quantile is above the largest value so far, or the largest that is expected, times this; but for declared events.
const BOUND: f64 = 4.0;
/// Events of one window, and points of each, that are looked at.
const EVENTS_MAX: usize = 16;
const EVENT_POINTS: i64 = 4;
/// What a calendar's days and plain ones are assumed to be off by, before any is known.
const DECLARED: [f32; 2] = [0.2, 0.1];
const MILLIS_OF_DAY: i64 = 86_400_000;

/// A streaming outlook of one series over the next week of seasons, in slots: five minutes where a season is a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    settings: Settings,
    series: Series,
    history: History,
    range: Range,
    values: Vec<Head>,
    maxima: Vec<Head>,
    /// Of values near and far, and of maxima near and far.
    sketches: [Sketch; 4],
    records: Vec<Record>,
    period: Option<i64>,
    borrowed: Option<Shape>,
    /// How far off past days are on declared ones, plainly and by their likeness; and on how many slots.
    declared: [f32; 2],
    declared_slots: u32,
}

impl Outlook {
    /// An outlook that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let slots = settings.slots();
        let heads: Vec<Head> = DISTANCES.iter().map(|distance| Head::new((distance * slots / 24).max(1))).collect();
        let [near, far] = HALF_LIVES;
        Self {
            settings,
            series: Series::default(),
            history: History::new(slots),
            range: Range::default(),
            records: vec![Record::default(); heads.len()],
            values: heads.clone(),
            maxima: heads,
            sketches: [near, far, near, far].map(Sketch::new),
            period: None,
            borrowed: None,
            declared: DECLARED,
            declared_slots: 0,
        }
    }

    /// An outlook of a series that begins: until its own past speaks, its weeks are taken to look like `shape`, and its
    /// quantiles are twice as wide as the shape's spread.
    #[must_use]
    pub fn borrowing(settings: Settings, shape: Shape) -> Self {
        let mut outlook = Self::new(settings);
        for head in outlook.values.iter_mut().chain(&mut outlook.maxima) {
            head.borrow(2.0 * shape.spread());
        }
        outlook.borrowed = Some(shape);
        outlook
    }

    /// An outlook of a series that a forecaster has followed: it begins with the week that the forecaster remembers, and
    /// with the record that it would have of the last hours. Of a slot the forecaster knows the mean of its steps, and
    /// not the largest.
    #[must_use]
    pub fn of(forecaster: &Forecaster, calendar: &Calendar) -> Self {
        let mut outlook = Self::new(*forecaster.settings());
        let newest = forecaster.remembered().last().map_or(0, |(index, _)| index);
        for (index, value) in forecaster.remembered() {
            outlook.series.pass(index);
            let slot = Step { index, value };
            if (newest - index) * 24 < SCORED * outlook.settings.slots() {
                outlook.learn(slot, calendar);
            } else if !outlook.within_event(index, calendar) {
                outlook.remember(slot);
            }
        }
        outlook
    }

    /// What its weeks look like, to lend to others. None before a whole season is known, or without load. A calendar says
    /// which local time a slot is of.
    #[must_use]
    pub fn shape(&self, calendar: &Calendar) -> Option<Shape> {
        let closed = self.series.closed()?;
        let season = self.settings.slots();
        let local =
            |slot: i64| slot + calendar.offset_at(slot.saturating_mul(self.slot_ms())).div_euclid(self.slot_ms());
        let slots = closed - WEEK * season + 1..=closed;
        let values: Vec<(i64, f64)> = slots.filter_map(|slot| Some((local(slot), self.history.get(slot)?))).collect();
        Shape::of(&values, season)
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Length of a slot, milliseconds.
    #[must_use]
    pub const fn slot_ms(&self) -> i64 {
        self.settings.season_ms() / self.settings.slots()
    }

    /// The period that was found in it besides its season, milliseconds.
    #[must_use]
    pub fn period_ms(&self) -> Option<i64> {
        self.period.map(|slots| slots * self.slot_ms())
    }

    /// Takes a sample measured at `at_ms`, in the caller's time `now_ms`, both in milliseconds since the epoch.
    pub fn observe(&mut self, at_ms: i64, value: f64, now_ms: i64, calendar: &Calendar) -> Outcome {
        let (outcome, closed) = self.series.take(at_ms, value, now_ms, self.slot_ms());
        if let Some(slot) = closed {
            self.learn(slot, calendar);
        }
        outcome
    }

    /// Lets time pass: a slot that ended is learned although no later sample came.
    pub fn advance(&mut self, now_ms: i64, calendar: &Calendar) {
        if let Some(slot) = self.series.advance(now_ms, self.slot_ms()) {
            self.learn(slot, calendar);
        }
    }

    /// What became of its samples; gaps are counted in slots.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.series.counts
    }

    /// The largest value of the slot that holds `at_ms`. None before anything is known, and for what is not ahead of the
    /// last closed slot or more than a week of seasons ahead of it.
    #[must_use]
    pub fn at(&self, at_ms: i64, calendar: &Calendar) -> Option<Expected<'_>> {
        let (origin, ahead) = self.ahead(at_ms)?;
        let past = Past::new(self.known(calendar), origin);
        let law = self.law(&self.values, ahead, &past.value(ahead));
        let mut laws = [None; LAWS];
        if let Some(first) = laws.first_mut() {
            *first = Some(law);
        }
        Some(self.expected(laws, &past, ahead..=ahead, calendar))
    }

    /// The largest value from the slot after the last closed one until the end of the slot that holds `until_ms`. Never
    /// less than over the windows within it that are learned for themselves. None as for [`Self::at`].
    #[must_use]
    pub fn most(&self, until_ms: i64, calendar: &Calendar) -> Option<Expected<'_>> {
        let (origin, ahead) = self.ahead(until_ms)?;
        let past = Past::new(self.known(calendar), origin);
        let within = self.maxima.iter().map(|head| head.distance).filter(|distance| *distance < ahead);
        let mut laws = [None; LAWS];
        for (law, length) in laws.iter_mut().zip([ahead].into_iter().chain(within)) {
            *law = Some(self.law(&self.maxima, length, &past.most(length)));
        }
        Some(self.expected(laws, &past, 1..=ahead, calendar))
    }

    fn ahead(&self, at_ms: i64) -> Option<(i64, i64)> {
        let origin = self.series.closed()?;
        let ahead = at_ms.div_euclid(self.slot_ms()) - origin;
        (1..=WEEK * self.settings.slots() + 1).contains(&ahead).then_some((origin, ahead))
    }

    fn known<'a>(&'a self, calendar: &'a Calendar) -> Known<'a> {
        Known {
            history: &self.history,
            range: &self.range,
            calendar,
            shape: self.borrowed.as_ref(),
            period: self.period,
            season: self.settings.slots(),
            slot_ms: self.slot_ms(),
            daily: self.settings.season_ms() == MILLIS_OF_DAY,
        }
    }

    fn law(&self, heads: &[Head], ahead: i64, opinions: &Opinions) -> Law<'_> {
        let maxima = std::ptr::eq(heads.as_ptr(), self.maxima.as_ptr());
        let (parameters, place, part) = between(heads, ahead);
        let Said { centre, scale, .. } = self.said(&parameters, opinions);
        let [near, far, near_most, far_most] = &self.sketches;
        let sketches = if maxima { [near_most, far_most] } else { [near, far] };
        let part = match place + 1 {
            after if after < FAR => 0.0,
            FAR => part,
            _ => 1.0,
        };
        let [value, most] = STRETCH;
        let seen = self.range.slots.max(1) as f64;
        let share = ahead as f64 / seen;
        let stretch = 1.0 + if maxima { most * share } else { value * libm::sqrt(share) };
        Law {
            centre,
            scale,
            sketches,
            part,
            stretch: stretch.min(STRETCH_MAX),
            bound: BOUND * self.range.highest.max(centre),
        }
    }

    /// The experts as one; where a calendar declares the day, drawn to what days like it say, as that has earned.
    fn said(&self, parameters: &Parameters, opinions: &Opinions) -> Said {
        let mut said = parameters.say(opinions, &self.range);
        if let Some(like) = opinions.like {
            let [plain, by_likeness] = self.declared.map(|off| libm::pow(f64::from(off).max(1e-6), -6.0));
            said.centre += (like - said.centre) * by_likeness / (plain + by_likeness);
        }
        said
    }

    fn expected<'a>(
        &'a self,
        laws: [Option<Law<'a>>; LAWS],
        past: &Past<'_>,
        slots: std::ops::RangeInclusive<i64>,
        calendar: &Calendar,
    ) -> Expected<'a> {
        let (origin, ahead) = (self.series.closed().unwrap_or_default(), *slots.end());
        let nearest = self.values.iter().position(|head| head.distance >= ahead).unwrap_or(self.values.len() - 1);
        let record = self.records.get(nearest);
        let first = (origin + slots.start()).saturating_mul(self.slot_ms());
        let last = (origin + ahead + 1).saturating_mul(self.slot_ms());
        let mut announced: Option<Announced<'a>> = None;
        for event in calendar.events_in(first, last).take(EVENTS_MAX) {
            for ahead in self.points(event, origin, &slots) {
                let law = self.law(&self.values, ahead, &past.value(ahead));
                let more = |than: &Announced<'_>| event.effect.on(law.centre) > than.effect.on(than.law.centre);
                if announced.as_ref().is_none_or(more) {
                    announced = Some(Announced { law, effect: event.effect, confidence: event.confidence });
                }
            }
        }
        let young = Trust::Young { scored: 0, needed: 0 };
        let trust = record.map_or(young, Record::trust);
        Expected { laws, announced, trust, score: record.and_then(Record::score) }
    }

    /// A few slots, as distances, that an event and a window share.
    fn points(&self, event: &Event, origin: i64, slots: &std::ops::RangeInclusive<i64>) -> impl Iterator<Item = i64> {
        let from = (event.from_ms.div_euclid(self.slot_ms()) - origin).max(*slots.start());
        let until = ((event.until_ms - 1).div_euclid(self.slot_ms()) - origin).min(*slots.end());
        let step = ((until - from) / EVENT_POINTS).max(1);
        (from..=until).step_by(usize::try_from(step).unwrap_or(1))
    }

    fn learn(&mut self, slot: Step, calendar: &Calendar) {
        let season = self.settings.slots();
        let index = slot.index;
        if self.within_event(index, calendar) {
            // What an event did says nothing of days without it, and its own are reckoned from those.
            return;
        }
        if let Some([plain, like]) = Past::new(self.known(calendar), index - 1).declared(index) {
            self.declared_slots = self.declared_slots.saturating_add(1);
            let share = share(u64::from(self.declared_slots) + 20, 0.005);
            for (off, said) in self.declared.iter_mut().zip([plain, like]) {
                let new = libm::fabs(slot.value - said) / (slot.value + said + self.range.tiny());
                *off += head::narrow((new - f64::from(*off)) * share);
            }
        }
        self.remember(slot);
        if index.rem_euclid(season) == 0 {
            self.seek_period(index);
        }
        for (place, turn) in (0..DISTANCES.len()).zip(index..) {
            let distance = self.values.get(place).map_or(1, |head| head.distance);
            if distance > AGAIN * season {
                self.settle_and_wait(place, index, distance, calendar);
            } else if turn.rem_euclid(2) == 0 && self.history.get(index - distance).is_some() {
                self.ask_again(place, index, distance, turn.rem_euclid(4) == 0, calendar);
            }
        }
    }

    fn remember(&mut self, slot: Step) {
        self.history.learn(slot.index, slot.value);
        self.range.learn(slot.value, self.settings.slots());
    }

    fn within_event(&self, index: i64, calendar: &Calendar) -> bool {
        let from = index.saturating_mul(self.slot_ms());
        calendar.events_in(from, from.saturating_add(self.slot_ms())).next().is_some()
    }

    /// Looks for a period in the remembered week. One that is new gets the standing of the best expert.
    fn seek_period(&mut self, index: i64) {
        let season = self.settings.slots();
        let slots = index - WEEK * season + 1..=index;
        let values: Vec<f64> = slots.map(|slot| self.history.get(slot).unwrap_or(f64::NAN)).collect();
        let found = period::find(&values, usize::try_from(season).unwrap_or(1));
        let found = found.and_then(|period| i64::try_from(period).ok());
        if found != self.period && found.is_some() {
            self.values.iter_mut().chain(&mut self.maxima).for_each(Head::welcome);
        }
        self.period = found;
    }

    /// Scores a distance by what would have been said of the slot that closed just now, and of the largest until then.
    fn ask_again(&mut self, place: usize, index: i64, distance: i64, maxima: bool, calendar: &Calendar) {
        let sketch = usize::from(place >= FAR);
        let past = Past::new(self.known(calendar), index - distance);
        let opinions = past.value(distance);
        let mut said = self.said(&shrunk(&self.values, place), &opinions);
        let (last, season) = (past.last(), opinions.said.first().copied().filter(|said| !said.is_nan()));
        let most = maxima.then(|| largest(&self.history, index - distance, index)).flatten();
        let of_most = most.map(|most| (most, self.said(&shrunk(&self.maxima, place), &past.most(distance))));
        if opinions.like.is_some() {
            // How experts do on days that they know nothing of says nothing of them.
            said.opinions = [f64::NAN; opinions::EXPERTS];
        }
        let truth = self.history.get(index).unwrap_or_default();
        let [learn, learn_most, _] = LEARN;
        if let (Some(head), Some(sketch)) = (self.values.get_mut(place), self.sketches.get_mut(sketch)) {
            if let Some(record) = self.records.get_mut(place) {
                let quantile = said.centre + said.scale * sketch.quantile(LEVEL);
                let offset = 0.02 * self.range.mean + 1e-9;
                record.learn(&Came { truth, centre: said.centre, quantile, last, season, offset });
            }
            head.learn(&said, truth, sketch, learn);
        }
        let head = self.maxima.get_mut(place);
        if let (Some((truth, said)), Some(head), Some(sketch)) = (of_most, head, self.sketches.get_mut(sketch + 2)) {
            head.learn(&said, truth, sketch, learn_most);
        }
    }

    /// Scores a distance by what was said and waited, and says what waits next.
    fn settle_and_wait(&mut self, place: usize, index: i64, distance: i64, calendar: &Calendar) {
        let [.., few] = LEARN;
        let speaks = self.values.get(place).is_some_and(|head| head.speaks_at(index));
        let next = speaks.then(|| {
            let past = Past::new(self.known(calendar), index);
            let value = self.said(&shrunk(&self.values, place), &past.value(distance));
            (value, self.said(&shrunk(&self.maxima, place), &past.most(distance)), past.last())
        });
        let [_, values, _, maxima] = &mut self.sketches;
        let history = &self.history;
        if let Some(head) = self.values.get_mut(place) {
            let record = self.records.get_mut(place);
            let offset = 0.02 * self.range.mean + 1e-9;
            let mut record = record;
            head.settle(index, |from, said, head| {
                let truth = history.get(from + distance)?;
                if let Some(record) = record.as_deref_mut() {
                    let quantile = said.centre + said.scale * values.quantile(LEVEL);
                    let season = said.opinions.first().copied().filter(|said| !said.is_nan());
                    let last = history.get(from).unwrap_or(said.centre);
                    record.learn(&Came { truth, centre: said.centre, quantile, last, season, offset });
                }
                head.learn(said, truth, values, few);
                Some(())
            });
            if let Some((said, _, _)) = &next {
                head.wait(index, said);
            }
        }
        if let Some(head) = self.maxima.get_mut(place) {
            head.settle(index, |from, said, head| {
                let truth = largest(history, from, from + distance)?;
                head.learn(said, truth, maxima, few);
                Some(())
            });
            if let Some((_, said, _)) = &next {
                head.wait(index, said);
            }
        }
    }
}

/// The largest of a window's slots, where three in four are known.
fn largest(history: &History, after: i64, until: i64) -> Option<f64> {
    let known = (after + 1..=until).filter_map(|slot| history.get(slot));
    let (count, most) = known.fold((0, 0.0_f64), |(count, most), value| (count + 1, most.max(value)));
    (4 * count >= 3 * (until - after)).then_some(most)
}

/// A head's parameters, drawn towards those of the shorter ones while it has few scores of its own.
fn shrunk(heads: &[Head], place: usize) -> Parameters {
    let mut shorter: Option<(Parameters, i64)> = None;
    for head in heads.iter().take(place + 1) {
        shorter = Some((head.parameters(shorter.as_ref()), head.distance));
    }
    shorter.map_or_else(|| Head::new(1).parameters(None), |(parameters, _)| parameters)
}

/// Parameters for a distance between those of heads, the place of the one before and how far it is to the one after, 0 to
/// 1, in the logarithm of the distance.
fn between(heads: &[Head], ahead: i64) -> (Parameters, usize, f64) {
    let after = heads.iter().position(|head| head.distance >= ahead).unwrap_or(heads.len().saturating_sub(1));
    let before = after.saturating_sub(1);
    let (a, b) = (shrunk(heads, before), shrunk(heads, after));
    let distance = |place: usize| heads.get(place).map_or(1.0, |head| head.distance as f64);
    let width = libm::log(distance(after) / distance(before));
    let part = if width > 0.0 { (libm::log(ahead as f64 / distance(before)) / width).clamp(0.0, 1.0) } else { 0.0 };
    (a.towards(&b, part), before, part)
}

#[cfg(test)]
mod tests;
