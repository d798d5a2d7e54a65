//! What a series will do hours and days from now.

mod head;
mod opinions;

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::series::{Counts, Outcome, Series, Step};
use crate::settings::{Settings, WEEK};
use crate::sketch::Sketch;
use head::{Head, Parameters};
use opinions::{Opinions, Past, Range};

/// Distances that are learned, in 24ths of a season: hours of a day.
const DISTANCES: [i64; 8] = [1, 3, 6, 12, 24, 48, 96, 168];
/// Place of the first of them that is far: a season and more.
const FAR: usize = 4;
/// Errors that count half after as many more, near and far.
const HALF_LIVES: [f64; 2] = [6_000.0, 1_500.0];
/// Seasons ahead up to which the past is asked again for what would have been said.
const AGAIN: i64 = 2;
/// No quantile is above the largest value so far, or the largest that is expected, times this.
const BOUND: f64 = 4.0;

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
}

/// A distribution.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    centre: f64,
    scale: f64,
    sketches: [&'a Sketch; 2],
    /// How far from the first sketch to the second.
    part: f64,
    bound: f64,
}

impl Expected<'_> {
    /// The value that is not passed with probability `level`, 0 to 1. Not negative.
    #[must_use]
    pub fn quantile(&self, level: f64) -> f64 {
        let [value] = self.quantiles([level]);
        value
    }

    /// Several quantiles at once, for levels that rise.
    #[must_use]
    pub fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [f64; N] {
        let levels = levels.map(|level| level.clamp(0.0, 1.0));
        let [near, far] = self.sketches;
        let (near, far) = (near.quantiles(levels), far.quantiles(levels));
        let mut quantiles = near;
        for (quantile, far) in quantiles.iter_mut().zip(far) {
            let error = *quantile + (far - *quantile) * self.part;
            *quantile = (self.centre + self.scale * error).clamp(0.0, self.bound);
        }
        quantiles
    }
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
            values: heads.clone(),
            maxima: heads,
            sketches: [near, far, near, far].map(Sketch::new),
        }
    }

    /// Length of a slot, milliseconds.
    #[must_use]
    pub const fn slot_ms(&self) -> i64 {
        self.settings.season_ms() / self.settings.slots()
    }

    /// Takes a sample measured at `at_ms`, in the caller's time `now_ms`, both in milliseconds since the epoch.
    pub fn observe(&mut self, at_ms: i64, value: f64, now_ms: i64) -> Outcome {
        let (outcome, closed) = self.series.take(at_ms, value, now_ms, self.slot_ms());
        if let Some(slot) = closed {
            self.learn(slot);
        }
        outcome
    }

    /// Lets time pass: a slot that ended is learned although no later sample came.
    pub fn advance(&mut self, now_ms: i64) {
        if let Some(slot) = self.series.advance(now_ms, self.slot_ms()) {
            self.learn(slot);
        }
    }

    /// What became of its samples.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.series.counts
    }

    /// The largest value of the slot that holds `at_ms`. None before anything is known, and for what is not ahead or
    /// more than a week of seasons ahead.
    #[must_use]
    pub fn at(&self, at_ms: i64) -> Option<Expected<'_>> {
        let (origin, ahead) = self.ahead(at_ms)?;
        let past = self.past(origin);
        Some(self.expected(&self.values, 0, ahead, &past.value(ahead)))
    }

    /// The largest value from now until the end of the slot that holds `until_ms`. None as for [`Self::at`].
    #[must_use]
    pub fn most(&self, until_ms: i64) -> Option<Expected<'_>> {
        let (origin, ahead) = self.ahead(until_ms)?;
        let past = self.past(origin);
        Some(self.expected(&self.maxima, 2, ahead, &past.most(ahead)))
    }

    fn ahead(&self, at_ms: i64) -> Option<(i64, i64)> {
        let origin = self.series.closed()?;
        let ahead = at_ms.div_euclid(self.slot_ms()) - origin;
        (1..=i64::try_from(WEEK).unwrap_or(7) * self.settings.slots() + 1).contains(&ahead).then_some((origin, ahead))
    }

    fn past(&self, origin: i64) -> Past<'_> {
        Past::new(&self.history, &self.range, self.settings.slots(), origin)
    }

    fn expected(&self, heads: &[Head], sketch: usize, ahead: i64, opinions: &Opinions) -> Expected<'_> {
        let (parameters, place, part) = between(heads, ahead);
        let said = parameters.say(opinions, &self.range);
        let (centre, scale) = (said.centre, said.scale);
        let part = if place + 1 < FAR { 0.0 } else if place + 1 == FAR { part } else { 1.0 };
        let [a, b, c, d] = &self.sketches;
        let sketches = if sketch == 0 { [a, b] } else { [c, d] };
        Expected { centre, scale, sketches, part, bound: BOUND * self.range.highest.max(centre) }
    }

    fn learn(&mut self, slot: Step) {
        let index = slot.index;
        self.history.learn(index, slot.value);
        let season = self.settings.slots();
        self.range.learn(slot.value, season);
        let Self { history, range, values, maxima, sketches, .. } = self;
        let [a, b, c, d] = sketches;
        for (place, distance) in DISTANCES.iter().enumerate() {
            let _ = distance;
            let far = place >= FAR;
            let Some(ahead) = values.get(place).map(|head| head.distance) else { continue };
            let most = |from: i64, until: i64| {
                let known = (from + 1..=until).filter_map(|slot| history.get(slot));
                let (count, largest) = known.fold((0_i64, 0.0_f64), |(count, largest), value| (count + 1, largest.max(value)));
                (4 * count >= 3 * (until - from)).then_some(largest)
            };
            let value = |_: i64, until: i64| history.get(until);
            let sketch = if far { &mut *b } else { &mut *a };
            let sketch_most = if far { &mut *d } else { &mut *c };
            if ahead > AGAIN * season {
                for (heads, most_of, sketch) in [(&mut *values, false, sketch), (&mut *maxima, true, sketch_most)] {
                    let said = {
                        let Some(head) = heads.get_mut(place) else { continue };
                        if most_of {
                            head.settle(index, &most, sketch);
                        } else {
                            head.settle(index, &value, sketch);
                        }
                        if !head.speaks_at(index) {
                            continue;
                        }
                        let past = Past::new(history, range, season, index);
                        let opinions = if most_of { past.most(ahead) } else { past.value(ahead) };
                        shrunk(heads, place).say(&opinions, range)
                    };
                    if let Some(head) = heads.get_mut(place) {
                        head.wait(index, &said);
                    }
                }
                continue;
            }
            let place_i = i64::try_from(place).unwrap_or(0);
            if (index + place_i).rem_euclid(2) != 0 || history.get(index - ahead).is_none() {
                continue;
            }
            let past = Past::new(history, range, season, index - ahead);
            let said = shrunk(values, place).say(&past.value(ahead), range);
            if let Some(head) = values.get_mut(place) {
                head.learn(&said, slot.value, sketch, 1.0 / 1000.0);
            }
            if (index + place_i).rem_euclid(4) == 0 {
                if let Some(truth) = most(index - ahead, index) {
                    let said = shrunk(maxima, place).say(&past.most(ahead), range);
                    if let Some(head) = maxima.get_mut(place) {
                        head.learn(&said, truth, sketch_most, 1.0 / 500.0);
                    }
                }
            }
        }
    }

    /// Tmp.
    pub fn to_bytes_len(&self) -> usize {
        postcard::to_extend(self, vec![1]).unwrap_or_default().len()
    }
}

/// A head's parameters, drawn towards those of the shorter ones while it has few scores of its own.
fn shrunk(heads: &[Head], place: usize) -> Parameters {
    let mut parameters: Option<Parameters> = None;
    for head in heads.iter().take(place + 1) {
        parameters = Some(head.parameters(parameters.as_ref()));
    }
    parameters.unwrap_or_else(|| Head::new(1).parameters(None))
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
