//! A trace on a regular grid.

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

use super::{DAY_MS, DAYS_MIN, Refused, SLOT_MS};

/// The most steps: almost two years of minutes. What all methods say of them takes some 400 MiB.
pub(super) const STEPS_MAX: i64 = 1_000_000;

/// Samples at equal distances. Some may be missing.
pub(super) struct Series {
    first_ms: i64,
    step_ms: i64,
    values: Vec<Option<f64>>,
    /// The same with the last known value where one is missing: never one from after it.
    filled: Vec<f64>,
}

impl Series {
    /// Puts samples onto a grid of their median distance. Where several fall onto a place, their mean counts.
    pub(super) fn new(samples: &[(Timestamp, f64)]) -> Result<Self, Refused> {
        if let Some((at, _)) = samples.iter().find(|(_, value)| !(0.0..=1e18).contains(value)) {
            return Err(Refused::Absurd { at: *at });
        }
        let mut samples: Vec<(i64, f64)> = samples.iter().map(|(at, value)| (at.as_millis(), *value)).collect();
        samples.sort_by_key(|(at, _)| *at);
        let (Some((first_ms, _)), Some((last_ms, _))) = (samples.first().copied(), samples.last().copied()) else {
            return Err(Refused::Short { hours: 0 });
        };
        let step_ms = distance(&samples);
        let covered = last_ms.saturating_sub(first_ms).saturating_add(step_ms);
        if covered < DAYS_MIN * DAY_MS {
            return Err(Refused::Short { hours: covered / 3_600_000 });
        }
        let steps = covered.saturating_add(step_ms / 2) / step_ms;
        if steps > STEPS_MAX {
            return Err(Refused::Long { steps, step: span(step_ms) });
        }
        if samples.iter().all(|(_, value)| *value <= 0.0) {
            return Err(Refused::Idle);
        }
        let mut cells = vec![(0.0, 0.0); usize::try_from(steps).unwrap_or(0)];
        for (at, value) in samples {
            let place = usize::try_from((at - first_ms).saturating_add(step_ms / 2) / step_ms).unwrap_or(0);
            if let Some((sum, count)) = cells.get_mut(place) {
                *sum += value;
                *count += 1.0;
            }
        }
        let values: Vec<Option<f64>> =
            cells.into_iter().map(|(sum, count)| (count > 0.0).then(|| sum / count)).collect();
        let filled = filled(&values);
        Ok(Self { first_ms, step_ms, values, filled })
    }

    /// The largest of each slot, on slots counted from the epoch; the same where steps are as long as slots.
    pub(super) fn slots(&self) -> Self {
        if self.step_ms >= SLOT_MS {
            return Self { values: self.values.clone(), filled: self.filled.clone(), ..*self };
        }
        let first = self.first_ms.div_euclid(SLOT_MS);
        let mut values: Vec<Option<f64>> = Vec::new();
        for (place, value) in self.values.iter().enumerate() {
            let slot = self.at(place).as_millis().div_euclid(SLOT_MS) - first;
            let slot = usize::try_from(slot).unwrap_or(0);
            values.resize(values.len().max(slot + 1), None);
            if let Some(most) = values.get_mut(slot) {
                // A missing value is smaller than any.
                *most = value.map_or(*most, |value| Some(most.map_or(value, |most| most.max(value))));
            }
        }
        let filled = filled(&values);
        Self { first_ms: first * SLOT_MS, step_ms: SLOT_MS, values, filled }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The first place that is scored.
    pub(super) fn half(&self) -> usize {
        self.values.len() / 2
    }

    pub(super) fn step(&self) -> Span {
        span(self.step_ms)
    }

    pub(super) const fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// Whole steps in a length of time.
    pub(super) fn steps_in(&self, length_ms: i64) -> usize {
        usize::try_from(length_ms / self.step_ms).unwrap_or(0)
    }

    /// The value that was measured at a place.
    pub(super) fn value(&self, place: usize) -> Option<f64> {
        self.values.get(place).copied().flatten()
    }

    pub(super) fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    pub(super) fn filled(&self) -> &[f64] {
        &self.filled
    }

    pub(super) fn at(&self, place: usize) -> Timestamp {
        Timestamp::from_millis(self.first_ms + i64::try_from(place).unwrap_or(0) * self.step_ms)
    }
}

fn filled(values: &[Option<f64>]) -> Vec<f64> {
    let mut known = 0.0;
    let filled = values.iter().map(|value| {
        known = value.unwrap_or(known);
        known
    });
    filled.collect()
}

fn span(step_ms: i64) -> Span {
    Span::from_millis(step_ms.unsigned_abs())
}

/// The median distance of samples at different instants, at least a millisecond.
fn distance(samples: &[(i64, f64)]) -> i64 {
    let pairs = samples.iter().zip(samples.iter().skip(1));
    let mut distances: Vec<i64> =
        pairs.map(|((a, _), (b, _))| b.saturating_sub(*a)).filter(|distance| *distance > 0).collect();
    let middle = distances.len() / 2;
    if distances.is_empty() { 1 } else { *distances.select_nth_unstable(middle).1 }
}
