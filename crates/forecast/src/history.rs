//! The last eight seasons, each in 288 slots that hold their largest step.

use half::bf16;
use serde::{Deserialize, Serialize};

use crate::packed;
use crate::settings::SLOTS;

/// A week of seasons and one more, so that a week ago is still known.
const REMEMBERED: i64 = SLOTS * 8;
const LENGTH: usize = 288 * 8;

const UNKNOWN: bf16 = bf16::NAN;

/// A ring of slots. `bf16` keeps three significant digits over the whole range of values, far finer than the noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    #[serde(with = "packed")]
    slots: Vec<u16>,
    /// The newest slot, counted from the epoch.
    newest: Option<i64>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { slots: vec![UNKNOWN.to_bits(); LENGTH], newest: None }
    }

    /// Whether it has the length that a ring must have; a stored one may not.
    pub(crate) fn is_sound(&self) -> bool {
        self.slots.len() == LENGTH
    }

    fn place(slot: i64) -> usize {
        usize::try_from(slot.rem_euclid(REMEMBERED)).unwrap_or(0)
    }

    /// Learns a step's value; slots that were passed over are unknown.
    pub(crate) fn learn(&mut self, slot: i64, value: f64) {
        let newest = self.newest.unwrap_or(slot - 1);
        if slot <= newest - REMEMBERED {
            return;
        }
        for passed in (newest + 1..=slot).rev().take(LENGTH) {
            if let Some(place) = self.slots.get_mut(Self::place(passed)) {
                *place = UNKNOWN.to_bits();
            }
        }
        self.newest = Some(newest.max(slot));
        if let Some(place) = self.slots.get_mut(Self::place(slot)) {
            let known = bf16::from_bits(*place).to_f64();
            *place = bf16::from_f64(if known.is_nan() { value } else { known.max(value) }).to_bits();
        }
    }

    /// The value of a slot that is still remembered.
    pub(crate) fn get(&self, slot: i64) -> Option<f64> {
        let newest = self.newest?;
        if slot > newest || slot <= newest - REMEMBERED {
            return None;
        }
        let value = bf16::from_bits(*self.slots.get(Self::place(slot))?).to_f64();
        (!value.is_nan()).then_some(value)
    }

    /// The largest slot from `first` to `last`, as it was `seasons` seasons before; none when one of them is unknown.
    pub(crate) fn most(&self, first: i64, last: i64, seasons: i64) -> Option<f64> {
        let back = seasons * SLOTS;
        (first..=last).try_fold(0.0_f64, |most, slot| Some(most.max(self.get(slot - back)?)))
    }

    /// The mean around a slot, as it was `seasons` seasons before.
    pub(crate) fn around(&self, slot: i64, seasons: i64) -> Option<f64> {
        let at = slot - seasons * SLOTS;
        let (mut sum, mut count) = (0.0, 0.0);
        for value in (at - 1..=at + 1).filter_map(|slot| self.get(slot)) {
            sum += value;
            count += 1.0;
        }
        (count > 0.0).then(|| sum / count)
    }
}
