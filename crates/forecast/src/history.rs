//! The last week of seasons, each in slots that hold their mean.

use half::bf16;
use serde::{Deserialize, Serialize};

use crate::packed;
use crate::settings::WEEK;

/// Seasons that are remembered.
#[expect(clippy::cast_possible_wrap, reason = "seven")]
const SEASONS: i64 = WEEK as i64;
/// Slots beyond them, so that a week ago is still known on both sides.
const MORE: i64 = 2;

/// A ring of slots. `bf16` keeps three significant digits over the whole range of values, finer than a mean's noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    #[serde(with = "packed")]
    slots: Vec<u16>,
    season: i64,
    /// The newest slot, counted from the epoch, with the sum and count of its steps.
    newest: Option<i64>,
    sum: f64,
    count: f64,
}

fn remembered(season: i64) -> i64 {
    season * SEASONS + MORE
}

fn length(season: i64) -> usize {
    usize::try_from(remembered(season)).unwrap_or(0)
}

impl History {
    /// A history of seasons of `season` slots.
    pub(crate) fn new(season: i64) -> Self {
        let season = season.max(1);
        Self { slots: vec![bf16::NAN.to_bits(); length(season)], season, newest: None, sum: 0.0, count: 0.0 }
    }

    /// Whether it has the length that its season asks for, and finite numbers; a stored one may not.
    pub(crate) fn is_sound(&self, season: i64) -> bool {
        self.season == season
            && self.slots.len() == length(season)
            && self.sum.is_finite()
            && self.count.is_finite()
            && self.newest.is_none_or(|newest| newest.unsigned_abs() < 1 << 50)
    }

    fn place(&self, slot: i64) -> usize {
        usize::try_from(slot.rem_euclid(remembered(self.season))).unwrap_or(0)
    }

    /// Learns a step's value; slots that were passed over are unknown.
    pub(crate) fn learn(&mut self, slot: i64, value: f64) {
        let newest = self.newest.unwrap_or(slot - 1);
        if slot < newest {
            return;
        }
        if slot > newest {
            for passed in (newest + 1..=slot).rev().take(self.slots.len()) {
                let place = self.place(passed);
                if let Some(kept) = self.slots.get_mut(place) {
                    *kept = bf16::NAN.to_bits();
                }
            }
            (self.sum, self.count) = (0.0, 0.0);
        }
        self.newest = Some(slot);
        self.sum += value;
        self.count += 1.0;
        let place = self.place(slot);
        if let Some(kept) = self.slots.get_mut(place) {
            *kept = bf16::from_f64(self.sum / self.count).to_bits();
        }
    }

    /// Bytes of the slots.
    pub(crate) fn footprint(&self) -> usize {
        self.slots.capacity() * size_of::<u16>()
    }

    /// The values at a point of time, in slots from the epoch, as they were one season before, two, and so on; between
    /// the middles of slots they are interpolated.
    pub(crate) fn past(&self, at: f64) -> [Option<f64>; WEEK] {
        let at = at - 0.5;
        let whole = libm::floor(at);
        let part = at - whole;
        #[expect(clippy::cast_possible_truncation, reason = "slots since the epoch are far below 2^53")]
        let mut slot = whole as i64;
        let (ring, season) = (remembered(self.season), self.season);
        // Walked back from season to season, as a division for each takes longer than all the rest.
        let mut place = slot.rem_euclid(ring);
        std::array::from_fn(|_| {
            slot -= season;
            place -= season;
            if place < 0 {
                place += ring;
            }
            let next = if place + 1 == ring { 0 } else { place + 1 };
            match (self.read(slot, place), self.read(slot + 1, next)) {
                (Some(a), Some(b)) => Some(a + (b - a) * part),
                (a, b) => a.or(b),
            }
        })
    }

    /// The value of a slot that is known and remembered.
    pub(crate) fn get(&self, slot: i64) -> Option<f64> {
        self.read(slot, slot.rem_euclid(remembered(self.season)))
    }

    /// The slots that are known and ended, oldest first.
    pub(crate) fn known(&self) -> impl Iterator<Item = (i64, f64)> {
        let newest = self.newest.unwrap_or_default();
        (newest - remembered(self.season) + 1..newest).filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    fn read(&self, slot: i64, place: i64) -> Option<f64> {
        let newest = self.newest?;
        if slot > newest || slot <= newest - remembered(self.season) {
            return None;
        }
        let value = bf16::from_bits(*self.slots.get(usize::try_from(place).ok()?)?).to_f32();
        (!value.is_nan()).then_some(f64::from(value))
    }
}
