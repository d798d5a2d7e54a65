//! The forecast's own errors, from which its quantiles come.

use half::f16;
use serde::{Deserialize, Serialize};

use crate::packed;

/// The probabilities that are answered, rising.
pub const LEVELS: [f64; 6] = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999];
/// Errors that are kept: more than four hours of one-minute steps.
const KEPT: usize = 256;
/// Step of the online correction of each level, in rank.
const CORRECTION: f64 = 0.005;
/// Errors are logarithms of a ratio; a hundredfold surprise is as far as one can learn from.
const ERROR_MAX: f64 = 4.6;

/// A window of the last errors, in order of time and in order of size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Errors {
    #[serde(with = "packed")]
    ring: Vec<u16>,
    #[serde(with = "packed")]
    sorted: Vec<u16>,
    oldest: u16,
    /// The rank really asked for at each level: the level itself, corrected by how often it was passed.
    ranks: [f64; LEVELS.len()],
}

fn value(bits: u16) -> f64 {
    f16::from_bits(bits).to_f64()
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { ring: Vec::new(), sorted: Vec::new(), oldest: 0, ranks: LEVELS }
    }

    /// Whether a stored window keeps the rules of one.
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = |bits: &[u16]| bits.iter().all(|bits| f16::from_bits(*bits).is_finite());
        self.ring.len() == self.sorted.len()
            && self.ring.len() <= KEPT
            && usize::from(self.oldest) < KEPT
            && numbers(&self.ring)
            && numbers(&self.sorted)
            && self.sorted.is_sorted_by(|a, b| value(*a) <= value(*b))
            && self.ranks.iter().all(|rank| (0.0..=1.0).contains(rank))
    }

    /// How many errors are known.
    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// Learns an error that a forecast with these quantiles made.
    pub(crate) fn learn(&mut self, error: f64) {
        let error = error.clamp(-ERROR_MAX, ERROR_MAX);
        if self.count() >= KEPT / 8 {
            for (place, level) in LEVELS.iter().enumerate() {
                let passed = self.at(place) < error;
                if let Some(rank) = self.ranks.get_mut(place) {
                    let pull = if passed { *level } else { level - 1.0 };
                    // Corrected no further than half the way to certainty, so that calm cannot undo a tail.
                    *rank = (*rank + CORRECTION * pull).clamp(level - 0.5 * (1.0 - level), 1.0);
                }
            }
        }
        let bits = f16::from_f64(error).to_bits();
        if self.ring.len() < KEPT {
            self.ring.push(bits);
        } else if let Some(place) = self.ring.get_mut(usize::from(self.oldest)) {
            let gone = std::mem::replace(place, bits);
            let at = self.sorted.partition_point(|known| value(*known) < value(gone));
            if at < self.sorted.len() {
                self.sorted.remove(at);
            }
            self.oldest = if usize::from(self.oldest) + 1 < KEPT { self.oldest + 1 } else { 0 };
        }
        let at = self.sorted.partition_point(|known| value(*known) < value(bits));
        self.sorted.insert(at, bits);
    }

    /// The error at a level, rising with it.
    pub(crate) fn quantiles(&self) -> [f64; LEVELS.len()] {
        let mut most = f64::MIN;
        std::array::from_fn(|place| {
            most = most.max(self.at(place));
            most
        })
    }

    fn at(&self, place: usize) -> f64 {
        let Some(rank) = self.ranks.get(place) else { return 0.0 };
        // The conformal rank: with n errors known, the next one is as likely to fall into any of n + 1 gaps.
        let count = self.sorted.len();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank between 0 and 257"
        )]
        let index = libm::ceil((count + 1) as f64 * rank) as usize;
        let found = self.sorted.get(index.saturating_sub(1)).or(self.sorted.last());
        found.map_or(0.0, |bits| value(*bits))
    }
}
