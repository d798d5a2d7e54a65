//! How experts have done at one distance, and how far off they were.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::opinions::{EXPERTS, Opinions};
use super::range::Range;
use crate::level::share;
use crate::sketch::Sketch;

/// Scores that weigh as much as those of the shorter distances.
const BORROWED: f64 = 250.0;
/// What is known of the size of errors.
pub(super) const CLUES: usize = 4;
/// Forecasts that wait for their truth, where the past does not reach back far enough to ask again.
const PENDING_MAX: u16 = 15;
/// Losses before any is known.
const LOSSES: [f32; EXPERTS] = [1.2, 1.0, 1.0, 1.2, 1.0, 1.0, 1.0, 1.2, 1.2, 1.0];
/// No error is expected to be smaller than this share of the mean error, awake and asleep.
const LEAST: f64 = 0.05;
const ASLEEP: f64 = 0.3;
/// Errors grow with the distance to this power, where nothing is known of the farther.
const GROWTH: f64 = 0.25;
/// An opinion's distance from the centre is kept in parts of a scale.
const PARTS: f64 = 16.0;

/// What was said for a time that has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) centre: f64,
    pub(super) scale: f64,
    pub(super) clues: [f64; CLUES],
    pub(super) opinions: [f64; EXPERTS],
}

/// A forecast that waits for its truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    /// The last digits of its origin.
    at: u16,
    centre: f32,
    scale: f32,
    opinions: [i8; EXPERTS],
}

/// What one distance has learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) distance: i64,
    pending: VecDeque<Pending>,
    scored: u32,
    losses: [f32; EXPERTS],
    /// Mean error, slow and fast, and relative to the level.
    errors: [f32; 2],
    relative: f32,
    factor: f32,
    powers: [f32; CLUES],
}

/// What a distance goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    losses: [f64; EXPERTS],
    errors: [f64; 2],
    relative: f64,
    factor: f64,
    powers: [f64; CLUES],
    known: bool,
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are finer than any load is measured")]
pub(super) fn narrow(value: f64) -> f32 {
    value.clamp(-1e30, 1e30) as f32
}

impl Parameters {
    pub(super) fn towards(&self, other: &Self, part: f64) -> Self {
        let between = |a: f64, b: f64| a + (b - a) * part;
        let mut next = *self;
        next.losses.iter_mut().zip(other.losses).for_each(|(a, b)| *a = between(*a, b));
        next.errors.iter_mut().zip(other.errors).for_each(|(a, b)| *a = between(*a, b));
        next.powers.iter_mut().zip(other.powers).for_each(|(a, b)| *a = between(*a, b));
        next.relative = between(next.relative, other.relative);
        next.factor = between(next.factor, other.factor);
        next.known |= other.known;
        next
    }

    /// The experts as one, and the expected size of its error.
    pub(super) fn say(&self, opinions: &Opinions, range: &Range) -> Said {
        let heard = || self.losses.iter().zip(opinions.said).filter(|(_, said)| !said.is_nan());
        let best = heard().map(|(loss, _)| *loss).fold(f64::MAX, f64::min).max(1e-6);
        let (mut sum, mut total) = (0.0, 0.0);
        for (loss, said) in heard() {
            let part = best / loss.max(1e-6);
            let cubed = part * part * part;
            sum += cubed * cubed * said;
            total += cubed * cubed;
        }
        let centre = if total > 0.0 { (sum / total).max(0.0) } else { range.mean };
        let tiny = range.tiny();
        let leveled = self.relative * (centre + range.mean * 0.1) + tiny;
        let [slow, fast] = if self.known { self.errors } else { [leveled; 2] };
        let spread = opinions.spread.unwrap_or(slow);
        let clues = [slow + tiny, fast + tiny, spread + 0.1 * slow + tiny, leveled].map(libm::log);
        let [middle, ..] = clues;
        let relative = clues.map(|clue| clue - middle);
        let log: f64 = middle + self.powers.iter().zip(relative).map(|(power, clue)| power * clue).sum::<f64>();
        // A series that sleeps is off by nothing for days, and by as much as ever when it wakes.
        let least = if opinions.asleep { ASLEEP * slow.max(0.1 * range.mean) } else { LEAST * slow };
        let scale = libm::exp(log + self.factor).max(least).clamp(tiny, range.highest + tiny);
        Said { centre, scale, clues: relative, opinions: opinions.said }
    }
}

impl Head {
    pub(super) fn new(distance: i64) -> Self {
        Self {
            distance,
            pending: VecDeque::new(),
            scored: 0,
            losses: LOSSES,
            errors: [0.0; 2],
            relative: 0.25,
            factor: 0.0,
            powers: [0.0, 0.1, 0.3, 0.2],
        }
    }

    /// Odd, so that all times of a season have their turn.
    fn every(&self) -> i64 {
        let most = i64::from(PENDING_MAX);
        let every = (self.distance + most - 1) / most;
        if every > 1 { every | 1 } else { 1 }
    }

    pub(super) fn speaks_at(&self, index: i64) -> bool {
        index.rem_euclid(self.every()) == 0
    }

    /// Whether a stored one keeps its rules.
    pub(super) fn is_sound(&self) -> bool {
        let rest = self.errors.iter().chain(&self.powers).chain([&self.relative, &self.factor]);
        self.losses.iter().all(|loss| (0.0..=1e6).contains(loss))
            && rest.clone().all(|value| value.is_finite())
            && self.errors.iter().chain([&self.relative]).all(|value| *value >= 0.0)
            && self.pending.len() <= usize::from(PENDING_MAX) + 1
            && self.pending.iter().all(|pending| pending.centre.is_finite() && pending.scale.is_finite())
    }

    /// Bytes of what waits.
    pub(super) fn footprint(&self) -> usize {
        size_of::<Self>() + self.pending.capacity() * size_of::<Pending>()
    }

    /// Begins with a borrowed shape, the last expert, which is off by so much of the level.
    pub(super) fn borrow(&mut self, relative: f64) {
        self.relative = self.relative.max(narrow(relative));
        if let Some(loss) = self.losses.last_mut() {
            *loss = 0.5;
        }
    }

    /// Gives the last expert, who now says something else, the standing of the best.
    pub(super) fn welcome(&mut self) {
        let best = self.losses.iter().copied().fold(f32::MAX, f32::min);
        if let Some(loss) = self.losses.last_mut() {
            *loss = best;
        }
    }

    /// Its parameters, where `shorter` are those of the distance before, with it.
    pub(super) fn parameters(&self, shorter: Option<&(Parameters, i64)>) -> Parameters {
        let scored = f64::from(self.scored);
        let own = Parameters {
            losses: self.losses.map(f64::from),
            errors: self.errors.map(f64::from),
            relative: f64::from(self.relative),
            factor: f64::from(self.factor),
            powers: self.powers.map(f64::from),
            known: self.scored > 0,
        };
        match shorter {
            Some((shorter, distance)) if shorter.known => {
                let farther = self.distance as f64 / (*distance).max(1) as f64;
                let mut shorter = *shorter;
                shorter.errors = shorter.errors.map(|error| error * libm::pow(farther, GROWTH));
                shorter.towards(&own, scored / (scored + BORROWED))
            }
            _ => own,
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped, and digits cut on purpose")]
    pub(super) fn wait(&mut self, index: i64, said: &Said) {
        if self.pending.len() > usize::from(PENDING_MAX) {
            self.pending.pop_front();
        }
        let opinions = said.opinions.map(|opinion| {
            let off = ((opinion - said.centre) / said.scale * PARTS).clamp(-127.0, 127.0);
            if off.is_nan() { i8::MIN } else { off as i8 }
        });
        let (centre, scale) = (narrow(said.centre), narrow(said.scale));
        self.pending.push_back(Pending { at: index as u16, centre, scale, opinions });
    }

    /// Gives forecasts whose time has come to `compare`, with the slot from which they were made.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "digits cut on purpose")]
    pub(super) fn settle(&mut self, index: i64, mut compare: impl FnMut(i64, &Said, &mut Self) -> Option<()>) {
        while let Some(pending) = self.pending.front().copied() {
            let at = index - i64::from((index as u16).wrapping_sub(pending.at));
            if at + self.distance > index {
                break;
            }
            self.pending.pop_front();
            let (centre, scale) = (f64::from(pending.centre), f64::from(pending.scale));
            let opinion = |off: i8| if off == i8::MIN { f64::NAN } else { centre + f64::from(off) / PARTS * scale };
            let opinions = pending.opinions.map(opinion);
            compare(at, &Said { centre, scale, clues: [0.0; CLUES], opinions }, self);
        }
    }

    /// Learns what came. The newest counts at least `least`.
    pub(super) fn learn(&mut self, said: &Said, truth: f64, sketch: &mut Sketch, least: f64) {
        let (centre, scale) = (said.centre, said.scale.max(f64::MIN_POSITIVE));
        let error = truth - centre;
        let size = libm::fabs(error);
        self.scored = self.scored.saturating_add(1);
        let scored = u64::from(self.scored);
        let z = error / scale;
        sketch.learn(z);
        let towards = |known: &mut f32, new: f64, share: f64| {
            *known = narrow(f64::from(*known) + (new - f64::from(*known)) * share);
        };
        let [slow, fast] = &mut self.errors;
        towards(slow, size, share(scored, least));
        towards(fast, size, share(scored, 10.0 * least));
        towards(&mut self.relative, (size / (centre + 1e-9)).min(10.0), share(scored + 10, least));
        let slope = 2.0 * least * (1.0 - libm::fabs(z)).clamp(-3.0, 1.0);
        self.factor = narrow((f64::from(self.factor) - slope).clamp(-3.0, 3.0));
        for (power, clue) in self.powers.iter_mut().zip(said.clues) {
            *power = narrow((f64::from(*power) - 0.1 * slope * clue.clamp(-6.0, 6.0)).clamp(-0.2, 1.2));
        }
        for (loss, opinion) in self.losses.iter_mut().zip(said.opinions) {
            if !opinion.is_nan() {
                let off = (libm::fabs(truth - opinion) / scale).min(20.0);
                towards(loss, off, share(scored + 5, least));
            }
        }
    }
}
