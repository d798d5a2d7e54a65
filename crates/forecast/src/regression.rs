//! Recursive least squares with forgetting: what a few features say of the change ahead.
//!
//! The guards are not decoration: without them one series in thirty makes the estimate explode.

use serde::{Deserialize, Serialize};

/// How many features there are.
pub(crate) const FEATURES: usize = 8;
/// Share of the past that each step forgets: a memory of five thousand steps.
const KEPT: f64 = 0.9998;
/// Coefficients beyond this are an explosion.
const COEFFICIENT_MAX: f64 = 50.0;
/// What coefficients are cut to after one.
const COEFFICIENT_AFTER: f64 = 3.0;
/// Uncertainty beyond this is wound up: a feature has not moved for long.
const TRACE_MAX: f64 = 1e5;

/// Upper triangle of a symmetric matrix, row by row.
const TRIANGLE: usize = FEATURES * (FEATURES + 1) / 2;

/// Features, about as large as one.
pub(crate) type Features = [f64; FEATURES];

/// The estimate and its uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Regression {
    coefficients: [f32; FEATURES],
    /// In halves, as arrays of more than 32 are not serialisable.
    uncertainty: ([f32; TRIANGLE / 2], [f32; TRIANGLE / 2]),
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are kept between steps, on purpose")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "both halves of a symmetric matrix are written at once; indices are under FEATURES by the loops' own bounds"
)]
fn square(halves: &([f32; TRIANGLE / 2], [f32; TRIANGLE / 2])) -> [Features; FEATURES] {
    let mut square = [[0.0; FEATURES]; FEATURES];
    let mut triangle = halves.0.iter().chain(&halves.1);
    for row in 0..FEATURES {
        for column in row..FEATURES {
            let value = triangle.next().copied().map_or(0.0, f64::from);
            square[row][column] = value;
            square[column][row] = value;
        }
    }
    square
}

fn dot(a: &Features, b: &Features) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Regression {
    pub(crate) fn new() -> Self {
        let mut halves = ([0.0; TRIANGLE / 2], [0.0; TRIANGLE / 2]);
        let mut triangle = halves.0.iter_mut().chain(&mut halves.1);
        for row in 0..FEATURES {
            // The first of a row of the upper triangle lies on the diagonal.
            if let Some(place) = triangle.next() {
                *place = 1.0;
            }
            triangle.by_ref().take(FEATURES - row - 1).for_each(drop);
        }
        Self { coefficients: [0.0; FEATURES], uncertainty: halves }
    }

    /// Whether a stored one holds finite numbers in their range.
    pub(crate) fn is_sound(&self) -> bool {
        let (a, b) = &self.uncertainty;
        self.coefficients.iter().all(|value| f64::from(value.abs()) <= COEFFICIENT_MAX)
            && a.iter().chain(b).all(|value| value.is_finite())
    }

    /// The estimate for these features.
    pub(crate) fn say(&self, features: &Features) -> f64 {
        dot(&self.coefficients.map(f64::from), features)
    }

    /// Learns what really came with `features`; a surprise counts up to `surprise_max`.
    pub(crate) fn learn(&mut self, features: &Features, truth: f64, surprise_max: f64) {
        let uncertainty = square(&self.uncertainty);
        let spread: Features = uncertainty.map(|row| dot(&row, features));
        let denominator = KEPT + dot(features, &spread);
        let surprise = (truth - self.say(features)).clamp(-surprise_max, surprise_max);
        let mut sound = true;
        for (coefficient, spread) in self.coefficients.iter_mut().zip(&spread) {
            let next = f64::from(*coefficient) + spread / denominator * surprise;
            sound &= libm::fabs(next) <= COEFFICIENT_MAX;
            *coefficient = narrow(if next.is_finite() { next } else { 0.0 });
        }
        let mut trace = 0.0;
        let (a, b) = &mut self.uncertainty;
        let mut triangle = a.iter_mut().chain(b);
        for (row, (values, left)) in uncertainty.iter().zip(&spread).enumerate() {
            for (column, (value, right)) in values.iter().zip(&spread).enumerate().skip(row) {
                let next = (value - left * right / denominator) / KEPT;
                if row == column {
                    trace += next;
                    sound &= next > 0.0;
                }
                if let Some(place) = triangle.next() {
                    *place = narrow(next);
                }
            }
        }
        // `trace` is not a number when anything is not.
        if !(sound && trace < TRACE_MAX) {
            let cut = |value: f32| value.clamp(narrow(-COEFFICIENT_AFTER), narrow(COEFFICIENT_AFTER));
            let coefficients = self.coefficients.map(cut);
            *self = Self { coefficients, ..Self::new() };
        }
    }
}

#[cfg(test)]
mod tests;
