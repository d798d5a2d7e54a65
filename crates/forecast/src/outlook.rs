//! What a series will do hours and days from now.

mod head;
mod opinions;

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::series::{Counts, Outcome, Series, Step};
use crate::settings::{Settings, WEEK};
use crate::sketch::Sketch;
use head::{Head, Parameters};
use opinions::{Opinions, Past, Stand};

/// Distances that are learned, in 24ths of a season: hours of a day.
const DISTANCES: [i64; 8] = [1, 3, 6, 12, 24, 48, 96, 168];
/// Place of the first of them that is far: a season and more.
const FAR: usize = 4;
/// Errors that count half after as many more, near and far.
const HALF_LIVES: [f64; 2] = [6_000.0, 1_500.0];
/// No quantile is above the largest value so far, or the largest that is expected, times this.
const BOUND: f64 = 4.0;

/// A streaming outlook of one series over the next week of seasons, in slots: five minutes where a season is a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    settings: Settings,
    series: Series,
    history: History,
    stand: Stand,
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
        let heads = |pending: &dyn Fn(usize) -> i64| {
            let heads = DISTANCES.iter().enumerate();
            heads.map(|(place, distance)| Head::new((distance * slots / 24).max(1), pending(place))).collect()
        };
        let [near, far] = HALF_LIVES;
        Self {
            settings,
            series: Series::default(),
            history: History::new(slots),
            stand: Stand::default(),
            values: heads(&|_| 12),
            maxima: heads(&|_| 12),
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
        Past { history: &self.history, stand: &self.stand, season: self.settings.slots(), origin }
    }

    fn expected(&self, heads: &[Head], sketch: usize, ahead: i64, opinions: &Opinions) -> Expected<'_> {
        let (parameters, place, part) = between(heads, ahead);
        let (centre, scale) = parameters.centre_and_scale(opinions, &self.stand);
        let part = if place + 1 < FAR { 0.0 } else if place + 1 == FAR { part } else { 1.0 };
        let [a, b, c, d] = &self.sketches;
        let sketches = if sketch == 0 { [a, b] } else { [c, d] };
        Expected { centre, scale, sketches, part, bound: BOUND * self.stand.highest.max(centre) }
    }

    fn learn(&mut self, slot: Step) {
        let before = self.series_before();
        let _ = before;
        let index = slot.index;
        // What was said is compared before the value changes what is known.
        let profile = {
            let past = Past { history: &self.history, stand: &self.stand, season: self.settings.slots(), origin: index - 1 };
            past.profile(index)
        };
        self.history.learn(index, slot.value);
        self.stand.learn(slot.value, profile, self.settings.slots());
        for (kind, most) in [(0_usize, false), (2, true)] {
            let history = &self.history;
            let truth = |from: i64, until: i64| {
                if !most {
                    return history.get(until);
                }
                let known = (from + 1..=until).filter_map(|slot| history.get(slot));
                let (count, largest) = known.fold((0_i64, 0.0_f64), |(count, largest), value| (count + 1, largest.max(value)));
                (4 * count >= 3 * (until - from)).then_some(largest)
            };
            let heads = if most { &mut self.maxima } else { &mut self.values };
            for (place, head) in heads.iter_mut().enumerate() {
                let sketch = kind + usize::from(place >= FAR);
                if let Some(sketch) = self.sketches.get_mut(sketch) {
                    head.settle(index, &truth, sketch);
                }
            }
        }
        self.speak(index);
    }

    fn series_before(&self) {}

    /// Tmp.
    pub fn to_bytes_len(&self) -> usize {
        postcard::to_extend(self, vec![1]).unwrap_or_default().len()
    }

    fn speak(&mut self, index: i64) {
        for most in [false, true] {
            let heads = if most { &self.maxima } else { &self.values };
            let mut said = Vec::new();
            let past = self.past(index);
            for (place, head) in heads.iter().enumerate() {
                if !head.speaks_at(index) {
                    continue;
                }
                let opinions = if most { past.most(head.distance) } else { past.value(head.distance) };
                let parameters = shrunk(heads, place);
                let (centre, scale) = parameters.centre_and_scale(&opinions, &self.stand);
                said.push((place, opinions, centre, scale));
            }
            let heads = if most { &mut self.maxima } else { &mut self.values };
            for (place, opinions, centre, scale) in said {
                if let Some(head) = heads.get_mut(place) {
                    head.said(index, &opinions, centre, scale);
                }
            }
        }
    }
}

/// A head's parameters, drawn towards those of the shorter ones while it has few scores of its own.
fn shrunk(heads: &[Head], place: usize) -> Parameters {
    let mut parameters = Parameters::default();
    for head in heads.iter().take(place + 1) {
        parameters = head.parameters(&parameters);
    }
    parameters
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
