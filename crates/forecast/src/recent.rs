//! The values of the last steps, to compare forecasts with.

use serde::{Deserialize, Serialize};

use crate::settings::AHEAD_MAX;

/// A ring of steps; those that were missed hold no number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recent {
    values: Vec<f32>,
    newest: i64,
}

impl Recent {
    /// Room for `length` steps.
    pub(crate) fn new(length: u32) -> Self {
        let length = length.clamp(1, AHEAD_MAX + 1);
        Self { values: vec![f32::NAN; length as usize], newest: i64::MIN / 2 }
    }

    /// Whether a stored one has room for `length` steps and no absurd instant.
    pub(crate) fn is_sound(&self, length: u32) -> bool {
        self.values.len() == length as usize && (self.newest == i64::MIN / 2 || self.newest.unsigned_abs() < 1 << 50)
    }

    /// Bytes of the values.
    pub(crate) fn footprint(&self) -> usize {
        self.values.capacity() * size_of::<f32>()
    }

    fn length(&self) -> i64 {
        i64::try_from(self.values.len()).unwrap_or(1).max(1)
    }

    fn place(&self, index: i64) -> usize {
        usize::try_from(index.rem_euclid(self.length())).unwrap_or(0)
    }

    /// Learns the value of a step later than all before.
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are finer than any load is measured")]
    pub(crate) fn learn(&mut self, index: i64, value: f64) {
        let first = (self.newest + 1).max(index - self.length() + 1);
        for missed in first..index {
            let place = self.place(missed);
            if let Some(value) = self.values.get_mut(place) {
                *value = f32::NAN;
            }
        }
        let place = self.place(index);
        if let Some(kept) = self.values.get_mut(place) {
            *kept = value as f32;
        }
        self.newest = index;
    }

    /// The largest value from `first` to `last`; none when one of them is not known.
    pub(crate) fn most(&self, first: i64, last: i64) -> Option<f64> {
        if last > self.newest || first <= self.newest - self.length() {
            return None;
        }
        let mut most = 0.0_f32;
        for index in first..=last {
            let value = self.values.get(self.place(index)).copied().filter(|value| !value.is_nan())?;
            most = most.max(value);
        }
        Some(f64::from(most))
    }
}
