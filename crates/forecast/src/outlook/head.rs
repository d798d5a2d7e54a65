//! How experts have done at one distance.

use std::collections::VecDeque;

use half::bf16;
use serde::{Deserialize, Serialize};

use super::opinions::{EXPERTS, Opinions, Stand};
use crate::level::share;
use crate::sketch::Sketch;

/// Scores that weigh as much as those of the shorter distances.
const BORROWED: f64 = 15.0;
/// Share of the newest score in what is known of experts.
const LEARN: f64 = 0.01;
/// Scores before an error counts as known.
const LOSSES: [f64; EXPERTS] = [1.2, 1.0, 1.0, 1.2, 1.0, 1.0, 1.0, 1.2, 1.2, 1.0];

/// A forecast that waits for its truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    at: i64,
    centre: f32,
    scale: f32,
    opinions: [[u8; 2]; EXPERTS],
}

/// What one distance has learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) distance: i64,
    pending_max: i64,
    pending: VecDeque<Pending>,
    scored: u32,
    losses: [f32; EXPERTS],
    /// Mean error, slow and fast, and relative to the level.
    errors: [f32; 2],
    relative: f32,
    factor: f32,
}

/// What a distance goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    losses: [f64; EXPERTS],
    errors: [f64; 2],
    relative: f64,
    factor: f64,
    known: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { losses: LOSSES, errors: [0.0; 2], relative: 0.25, factor: 0.0, known: false }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are finer than any load is measured")]
fn narrow(value: f64) -> f32 {
    value.clamp(-1e30, 1e30) as f32
}

impl Parameters {
    pub(super) fn towards(&self, other: &Self, part: f64) -> Self {
        let between = |a: f64, b: f64| a + (b - a) * part;
        let mut next = *self;
        next.losses.iter_mut().zip(other.losses).for_each(|(a, b)| *a = between(*a, b));
        next.errors.iter_mut().zip(other.errors).for_each(|(a, b)| *a = between(*a, b));
        next.relative = between(next.relative, other.relative);
        next.factor = between(next.factor, other.factor);
        next.known |= other.known;
        next
    }

    /// The experts as one, and the expected size of its error.
    pub(super) fn centre_and_scale(&self, opinions: &Opinions, stand: &Stand) -> (f64, f64) {
        let heard = || self.losses.iter().zip(opinions.said).filter(|(_, said)| !said.is_nan());
        let least = heard().map(|(loss, _)| *loss).fold(f64::MAX, f64::min).max(1e-6);
        let (mut sum, mut total) = (0.0, 0.0);
        for (loss, said) in heard() {
            let part = least / loss.max(1e-6);
            let cubed = part * part * part;
            sum += cubed * cubed * said;
            total += cubed * cubed;
        }
        let centre = if total > 0.0 { sum / total } else { stand.last };
        let tiny = stand.tiny();
        let leveled = self.relative * (centre + stand.mean * 0.1) + tiny;
        let [slow, fast] = if self.known { self.errors } else { [leveled; 2] };
        let spread = opinions.spread.unwrap_or(slow);
        let log = 0.4 * libm::log(slow + tiny)
            + 0.1 * libm::log(fast + tiny)
            + 0.3 * libm::log(spread + 0.1 * slow + tiny)
            + 0.2 * libm::log(leveled);
        (centre.max(0.0), libm::exp(log + self.factor).max(tiny))
    }
}

impl Head {
    pub(super) fn new(distance: i64, pending_max: i64) -> Self {
        Self {
            distance,
            pending_max,
            pending: VecDeque::new(),
            scored: 0,
            losses: LOSSES.map(narrow),
            errors: [0.0; 2],
            relative: 0.25,
            factor: 0.0,
        }
    }

    /// Odd, so that all times of a season have their turn.
    fn every(&self) -> i64 {
        let every = (self.distance + self.pending_max - 1) / self.pending_max;
        if every > 1 { every | 1 } else { 1 }
    }

    pub(super) fn speaks_at(&self, index: i64) -> bool {
        index.rem_euclid(self.every()) == 0
    }

    /// Its parameters, where `shorter` are those of the distance before.
    pub(super) fn parameters(&self, shorter: &Parameters) -> Parameters {
        let scored = f64::from(self.scored);
        let own = Parameters {
            losses: self.losses.map(f64::from),
            errors: self.errors.map(f64::from),
            relative: f64::from(self.relative),
            factor: f64::from(self.factor),
            known: self.scored > 0,
        };
        let part = scored / (scored + BORROWED);
        if shorter.known { shorter.towards(&own, part) } else { own }
    }

    pub(super) fn said(&mut self, index: i64, opinions: &Opinions, centre: f64, scale: f64) {
        if i64::try_from(self.pending.len()).unwrap_or(0) > self.pending_max {
            self.pending.pop_front();
        }
        let opinions = opinions.said.map(|opinion| bf16::from_f64(opinion).to_bits().to_le_bytes());
        self.pending.push_back(Pending { at: index, centre: narrow(centre), scale: narrow(scale), opinions });
    }

    /// Compares forecasts whose time has come with what came.
    pub(super) fn settle(&mut self, index: i64, truth: &impl Fn(i64, i64) -> Option<f64>, sketch: &mut Sketch) {
        while let Some(pending) = self.pending.front().copied().filter(|pending| pending.at + self.distance <= index) {
            self.pending.pop_front();
            if let Some(truth) = truth(pending.at, pending.at + self.distance) {
                self.compare(&pending, truth, sketch);
            }
        }
    }

    fn compare(&mut self, pending: &Pending, truth: f64, sketch: &mut Sketch) {
        let (centre, scale) = (f64::from(pending.centre), f64::from(pending.scale).max(f64::MIN_POSITIVE));
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
        towards(slow, size, share(scored, LEARN));
        towards(fast, size, share(scored, 0.1));
        towards(&mut self.relative, (size / (centre + 1e-9)).min(10.0), share(scored + 10, LEARN));
        let slope = 0.02 * (1.0 - libm::fabs(z)).clamp(-3.0, 1.0);
        self.factor = narrow((f64::from(self.factor) - slope).clamp(-3.0, 3.0));
        for (loss, opinion) in self.losses.iter_mut().zip(pending.opinions) {
            let opinion = bf16::from_bits(u16::from_le_bytes(opinion)).to_f64();
            if !opinion.is_nan() {
                let off = (libm::fabs(truth - opinion) / scale).min(20.0);
                towards(loss, off, share(scored + 5, LEARN));
            }
        }
    }
}
