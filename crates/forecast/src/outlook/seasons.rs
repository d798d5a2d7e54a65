//! Values of the same time of past seasons.

use crate::settings::WEEK;

/// At most a week of seasons' values, the newest first.
#[derive(Clone, Copy)]
pub(super) struct Seasons {
    values: [f64; WEEK],
    count: usize,
}

impl Seasons {
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut seasons = Self { values: [0.0; WEEK], count: 0 };
        for (place, value) in seasons.values.iter_mut().zip(values) {
            *place = value;
            seasons.count += 1;
        }
        seasons
    }

    fn known(&self) -> &[f64] {
        self.values.get(..self.count).unwrap_or_default()
    }

    pub(super) fn newest(&self) -> Option<f64> {
        self.known().first().copied()
    }

    pub(super) fn mean(&self) -> Option<f64> {
        let known = self.known();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    pub(super) fn median(&self) -> Option<f64> {
        let mut sorted = *self;
        let known = sorted.values.get_mut(..self.count)?;
        known.sort_unstable_by(f64::total_cmp);
        let (low, high) = (known.get(known.len().checked_sub(1)? / 2)?, known.get(known.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    /// By how much they differ from their mean. None of fewer than two.
    pub(super) fn spread(&self) -> Option<f64> {
        let (mean, known) = (self.mean()?, self.known());
        let sum: f64 = known.iter().map(|value| libm::fabs(value - mean)).sum();
        // A mean of few is drawn to each of them.
        (known.len() > 1).then(|| sum / (known.len() as f64 - 1.0))
    }
}
