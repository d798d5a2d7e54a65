//! What weeks look like, apart from how much load there is: to lend to a series that has just begun.

use half::bf16;
use serde::{Deserialize, Serialize};

use crate::packed;

/// Parts of a season: hours of a day.
const PARTS: usize = 24;
/// Parts of a week of seasons.
const WEEK: usize = 7 * PARTS;
/// No spread is taken for less.
const SPREAD_MIN: f64 = 0.05;

/// A week of seasons in 24 parts each, as shares of its mean, and how far values stray from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    #[serde(with = "packed")]
    parts: Vec<u16>,
    spread: f64,
}

impl Shape {
    /// The shape of a week's values, each with its slot since the epoch; the same for all series of one season.
    pub(crate) fn of(values: &[(i64, f64)], season: i64) -> Option<Self> {
        let mut sums = [(0.0, 0.0); WEEK];
        let mut seasons = [(0.0, 0.0); PARTS];
        let (mut sum, mut count) = (0.0, 0.0);
        for (slot, value) in values {
            let part = part(*slot, season);
            let (week, day) = (sums.get_mut(part)?, seasons.get_mut(part % PARTS)?);
            for known in [week, day] {
                known.0 += value;
                known.1 += 1.0;
            }
            (sum, count) = (sum + value, count + 1.0);
        }
        let mean = sum / count;
        if count == 0.0 || mean <= 0.0 || seasons.iter().any(|(_, count)| *count == 0.0) {
            return None;
        }
        // A day that was not seen is like the mean of those that were.
        let parts = sums.iter().zip(seasons.iter().cycle());
        let parts: Vec<f64> =
            parts.map(|(week, day)| if week.1 > 0.0 { week.0 / week.1 } else { day.0 / day.1 }).collect();
        let off = values.iter().map(|(slot, value)| {
            let said = parts.get(part(*slot, season)).copied().unwrap_or(mean);
            libm::fabs(value - said)
        });
        let spread = off.sum::<f64>() / count / mean;
        Some(Self { parts: parts.iter().map(|value| bf16::from_f64(value / mean).to_bits()).collect(), spread })
    }

    /// The mean of several shapes; how far they differ adds to the spread. None of none.
    #[must_use]
    pub fn pooled(shapes: &[Self]) -> Option<Self> {
        let count = shapes.len() as f64;
        let values = |part: usize| shapes.iter().filter_map(move |shape| shape.part(part));
        let mean = |part: usize| values(part).sum::<f64>() / count;
        let differ = |part: usize| values(part).map(|value| libm::fabs(value - mean(part))).sum::<f64>() / count;
        let spread = shapes.iter().map(|shape| shape.spread).sum::<f64>() / count
            + (0..WEEK).map(differ).sum::<f64>() / WEEK as f64;
        let parts = (0..WEEK).map(|part| bf16::from_f64(mean(part)).to_bits()).collect();
        (!shapes.is_empty()).then_some(Self { parts, spread })
    }

    /// The mean distance of values from the shape, as a share of the level.
    #[must_use]
    pub fn spread(&self) -> f64 {
        self.spread.max(SPREAD_MIN)
    }

    fn part(&self, part: usize) -> Option<f64> {
        self.parts.get(part).map(|bits| bf16::from_bits(*bits).to_f64())
    }

    /// The share of the week's mean at a slot.
    pub(crate) fn at(&self, slot: i64, season: i64) -> f64 {
        self.part(part(slot, season)).unwrap_or(1.0)
    }

    /// Whether a stored one has all its parts, and sound numbers.
    pub(crate) fn is_sound(&self) -> bool {
        self.parts.len() == WEEK
            && (0..WEEK).filter_map(|part| self.part(part)).all(|value| (0.0..=1e6).contains(&value))
            && (0.0..=1e6).contains(&self.spread)
    }

    pub(crate) fn footprint(&self) -> usize {
        self.parts.capacity() * size_of::<u16>()
    }
}

/// The part of a week that a slot lies in.
fn part(slot: i64, season: i64) -> usize {
    let season = season.max(1);
    let parts = i64::try_from(PARTS).unwrap_or(24);
    usize::try_from(slot.rem_euclid(7 * season) * parts / season).unwrap_or(0).min(WEEK - 1)
}

#[cfg(test)]
mod tests;
