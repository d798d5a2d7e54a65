//! The distribution of standardised errors, as a histogram with bins that widen away from zero and a fading memory.
//!
//! Learning is two additions, whatever was seen before; a quantile is a walk over rows of bins, and over one row's bins.
//! Errors are divided by their
//! expected size before they come here, so the shape changes slowly and may be remembered for long: the rare errors
//! that make the 99.9 % quantile need thousands of samples.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// How many bins there are.
pub(crate) const BINS: usize = 112;
/// Bins in a row, and rows.
const ROW: usize = 16;
const ROWS: usize = BINS / ROW;
/// Bins below zero. Load jumps up farther than it falls, as it cannot fall below nothing.
const BELOW: f64 = 42.0;
/// Width of a bin in `asinh` of the error: 7 % of the error itself, far from zero.
const WIDTH: f64 = 0.07;
/// Weight of what is assumed before the first sample, in samples.
const PRIOR: f64 = 20.0;
/// Weights are brought back to one beyond this.
const WEIGHT_MAX: f32 = 1e6;

#[expect(clippy::cast_precision_loss, reason = "a bin's number")]
static EDGES: LazyLock<[f64; BINS + 1]> =
    LazyLock::new(|| std::array::from_fn(|bin| libm::sinh((bin as f64 - BELOW) * WIDTH)));

/// What is assumed of a standardised error before any is known: mostly bell-shaped, with heavy tails. Cumulative.
fn assumed(z: f64) -> f64 {
    let body = z / (1.0 + libm::fabs(z));
    let tail = libm::atan(z / 1.2) / std::f64::consts::PI;
    0.5 + 0.25 * body + 0.5 * tail
}

fn rows(bins: &[f32]) -> [f64; ROWS] {
    let mut rows = [0.0; ROWS];
    for (row, bins) in rows.iter_mut().zip(bins.chunks(ROW)) {
        *row = bins.iter().map(|bin| f64::from(*bin)).sum();
    }
    rows
}

/// The histogram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sketch {
    bins: Vec<f32>,
    /// Sum of each row of bins.
    rows: [f64; ROWS],
    total: f64,
    /// Weight of the next sample; it grows, which is the same as letting all others fade.
    weight: f32,
    growth: f32,
}

impl Sketch {
    /// A sketch in which a sample counts half after `half_life` more.
    pub(crate) fn new(half_life: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "weights need no more than seven digits")]
        let narrow = |value: f64| value as f32;
        let bins: Vec<f32> = EDGES
            .windows(2)
            .map(|ends| match ends {
                [a, b] => narrow((assumed(*b) - assumed(*a)).max(0.0) * PRIOR),
                _ => 0.0,
            })
            .collect();
        let rows = rows(&bins);
        let growth = narrow(libm::pow(0.5, -1.0 / half_life.max(1.0)));
        Self { bins, rows, total: rows.iter().sum(), weight: 1.0, growth }
    }

    /// Whether a stored one keeps the rules of one.
    pub(crate) fn is_sound(&self) -> bool {
        self.bins.len() == BINS
            && self.bins.iter().all(|bin| (0.0..=1e30).contains(bin))
            && self.rows.iter().all(|row| (0.0..=1e32).contains(row))
            && self.total > 0.0
            && self.total.is_finite()
            && (1.0..=WEIGHT_MAX * 2.0).contains(&self.weight)
            && (1.0..=2.0).contains(&self.growth)
    }

    /// Learns one error.
    pub(crate) fn learn(&mut self, z: f64) {
        let bin = EDGES.partition_point(|edge| *edge <= z).saturating_sub(1).min(BINS - 1);
        if let Some(bin) = self.bins.get_mut(bin) {
            *bin += self.weight;
        }
        if let Some(row) = self.rows.get_mut(bin / ROW) {
            *row += f64::from(self.weight);
        }
        self.total += f64::from(self.weight);
        self.weight *= self.growth;
        if self.weight > WEIGHT_MAX {
            let scale = 1.0 / self.weight;
            self.bins.iter_mut().for_each(|bin| *bin *= scale);
            self.rows = rows(&self.bins);
            self.total = self.rows.iter().sum();
            self.weight = 1.0;
        }
    }

    /// The errors that rising shares of all lie at or under, in one pass.
    pub(crate) fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [f64; N] {
        let mut found = [EDGES.last().copied().unwrap_or(0.0); N];
        let mut asked = levels.iter().zip(&mut found).peekable();
        let mut before = 0.0;
        let ends = EDGES.windows(2);
        for (place, row) in self.rows.iter().enumerate() {
            let after = before + row;
            if asked.peek().is_some_and(|(level, _)| after >= **level * self.total) {
                let mut below = before;
                for (bin, ends) in self.bins.iter().zip(ends.clone()).skip(place * ROW).take(ROW) {
                    let (bin, [a, b]) = (f64::from(*bin), ends) else { continue };
                    while let Some((level, error)) = asked.next_if(|(level, _)| below + bin >= **level * self.total) {
                        let part = if bin > 0.0 { ((level * self.total - below) / bin).clamp(0.0, 1.0) } else { 0.0 };
                        *error = a + (b - a) * part;
                    }
                    below += bin;
                }
            }
            if asked.peek().is_none() {
                break;
            }
            before = after;
        }
        found
    }

    /// The error that a share `level` of all lies at or under.
    pub(crate) fn quantile(&self, level: f64) -> f64 {
        let [error] = self.quantiles([level]);
        error
    }

    /// Writes the share of errors above each of the rising points `first`, `first + step`, ... into `out`; ends early
    /// where nothing is above, and says how many were written.
    pub(crate) fn exceeding(&self, first: f64, step: f64, least: f64, out: &mut [f64]) -> usize {
        let inverse = 1.0 / self.total;
        // Rows that lie under the first point are passed at once.
        let passed = EDGES.iter().skip(ROW).step_by(ROW).take_while(|edge| **edge <= first).count().min(ROWS);
        let mut below: f64 = self.rows.iter().take(passed).sum();
        let mut bins = self.bins.iter().zip(EDGES.windows(2)).skip(passed * ROW).peekable();
        let mut z = first;
        for (place, share) in out.iter_mut().enumerate() {
            while let Some((bin, [_, b])) = bins.peek() {
                if *b > z {
                    break;
                }
                below += f64::from(**bin);
                bins.next();
            }
            let part = match bins.peek() {
                Some((bin, [a, b])) if z > *a => f64::from(**bin) * (z - a) / (b - a),
                _ => 0.0,
            };
            *share = if bins.peek().is_none() { 0.0 } else { (1.0 - (below + part) * inverse).max(0.0) };
            if *share < least {
                return place + 1;
            }
            z += step;
        }
        out.len()
    }
}

#[cfg(test)]
mod tests;
