//! A distribution of what is ahead.

use crate::calendar::Effect;
use crate::score::{Score, Trust};
use crate::sketch::Sketch;

/// Windows that a window contains and is not smaller than, and itself.
pub(super) const LAWS: usize = 8;

/// A centre, a scale, and sketches of errors in units of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Law<'a> {
    pub(super) centre: f64,
    pub(super) scale: f64,
    pub(super) sketches: [&'a Sketch; 2],
    /// How far from the first sketch to the second, 0 to 1.
    pub(super) part: f64,
    /// Errors are stretched by this around their median, as few independent ones were seen.
    pub(super) stretch: f64,
    pub(super) bound: f64,
}

impl Law<'_> {
    fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [f64; N] {
        let [near, far] = self.sketches;
        let between = |near: f64, far: f64| near + (far - near) * self.part;
        let middle = between(near.quantile(0.5), far.quantile(0.5));
        let (mut quantiles, far) = (near.quantiles(levels), far.quantiles(levels));
        for (quantile, far) in quantiles.iter_mut().zip(far) {
            let error = middle + (between(*quantile, far) - middle) * self.stretch;
            *quantile = (self.centre + self.scale * error).clamp(0.0, self.bound);
        }
        quantiles
    }
}

/// What a declared event makes of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announced<'a> {
    pub(super) law: Law<'a>,
    pub(super) effect: Effect,
    pub(super) confidence: f64,
}

impl Announced<'_> {
    /// The quantile that the event alone asks for: it is passed when the event happens and its value is passed.
    fn floor(&self, level: f64) -> f64 {
        let left = (1.0 - level) / self.confidence;
        if left > 1.0 {
            return 0.0;
        }
        let [value] = self.law.quantiles([1.0 - left]);
        self.effect.on(value)
    }
}

/// What a value, or the largest of a window, will be: a distribution.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub(super) laws: [Option<Law<'a>>; LAWS],
    pub(super) announced: Option<Announced<'a>>,
    pub(super) trust: Trust,
    pub(super) score: Option<Score>,
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
        let mut most = [0.0_f64; N];
        for law in self.laws.iter().flatten() {
            most.iter_mut().zip(law.quantiles(levels)).for_each(|(most, value)| *most = most.max(value));
        }
        if let Some(announced) = &self.announced {
            most.iter_mut().zip(levels).for_each(|(most, level)| *most = most.max(announced.floor(level)));
        }
        most
    }

    /// Whether the outlook's past at the nearest distance that is learned earns it a say.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// How its like came out so far.
    #[must_use]
    pub fn score(&self) -> Option<Score> {
        self.score
    }
}
