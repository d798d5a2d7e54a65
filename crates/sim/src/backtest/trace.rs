//! Recorded load, and the demand that it makes in the world.

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use thiserror::Error;

use super::{DAY, STEP_SECS, World};

/// The shortest trace, in days: a day and a half to learn from, and as much to score.
const DAYS_MIN: usize = 3;
/// The longest, in steps: some ten years.
const STEPS_MAX: i64 = 21_000_000;
/// Replicas that the 99.9 % quantile needs where no capacity is given.
const REPLICAS_AT_PEAK: f64 = 30.0;
/// Share of the fluctuation that is carried from a step to the next.
const CARRIED: f64 = 0.5;

/// How the load goes between samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Between {
    /// In a straight line.
    #[default]
    Line,
    /// It stays until the next sample. This flatters whoever learns when samples come.
    Hold,
}

/// Recorded load.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What it is called.
    pub name: String,
    /// Samples, in any order; of one instant the last counts.
    pub samples: Vec<(Timestamp, f64)>,
}

/// Why a trace cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// Too short.
    #[error("it covers {hours} hours; at least {} are needed: half to learn from, half to score", DAYS_MIN * 24)]
    Short {
        /// What it covers.
        hours: i64,
    },
    /// Too long.
    #[error("it covers {days} days; ten years are the most")]
    Long {
        /// What it covers.
        days: i64,
    },
    /// No load in it.
    #[error("it holds no load to scale by: its 99.9 % quantile is not above zero")]
    Idle,
    /// A value that is no load.
    #[error("the value at {at} is no load: it is not a number, or beyond 1e18")]
    Absurd {
        /// When.
        at: Timestamp,
    },
}

/// Load in replicas, step after step.
pub(crate) struct Demand {
    pub(crate) steps: Vec<f64>,
    /// Step of the day at which it begins, and day of the week.
    pub(crate) phase: usize,
    pub(crate) weekday: usize,
    /// When it begins, milliseconds since 1970.
    pub(crate) first_ms: i64,
}

impl Trace {
    /// The demand of the trace in a world.
    pub(crate) fn demand(&self, world: &World) -> Result<Demand, Refused> {
        let samples = self.sorted()?;
        let (Some((first, _)), Some((last, _))) = (samples.first(), samples.last()) else {
            return Err(Refused::Short { hours: 0 });
        };
        let step_ms = i64::from(STEP_SECS) * 1000;
        let count = (last.as_millis() - first.as_millis()) / step_ms;
        if count < i64::try_from(DAYS_MIN * DAY).unwrap_or(0) {
            return Err(Refused::Short { hours: count * step_ms / 3_600_000 });
        }
        if count > STEPS_MAX {
            return Err(Refused::Long { days: count * step_ms / 86_400_000 });
        }
        let mut load = fluctuating(&samples, *first, count, world);
        let capacity = match world.replica_capacity {
            Some(capacity) => capacity,
            None => quantile(&load, 0.999) / REPLICAS_AT_PEAK,
        };
        if capacity <= 0.0 || load.iter().all(|load| *load <= 0.0) {
            return Err(Refused::Idle);
        }
        load.iter_mut().for_each(|load| *load /= capacity);
        let days = first.as_millis().div_euclid(86_400_000);
        Ok(Demand {
            steps: load,
            phase: usize::try_from(first.as_millis().rem_euclid(86_400_000) / step_ms).unwrap_or(0),
            weekday: usize::try_from((days + 3).rem_euclid(7)).unwrap_or(0),
            first_ms: first.as_millis(),
        })
    }

    fn sorted(&self) -> Result<Vec<(Timestamp, f64)>, Refused> {
        if let Some((at, _)) = self.samples.iter().find(|(_, value)| !(-1e18..=1e18).contains(value)) {
            return Err(Refused::Absurd { at: *at });
        }
        // Sources that subtract a baseline go a little under zero, which is no load.
        let mut samples: Vec<_> = self.samples.iter().map(|(at, value)| (*at, value.max(0.0))).collect();
        samples.sort_by_key(|(at, _)| *at);
        samples.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 = later.1;
            }
            same
        });
        Ok(samples)
    }
}

#[expect(clippy::cast_precision_loss, reason = "instants are far below 2^53 milliseconds")]
fn fluctuating(samples: &[(Timestamp, f64)], first: Timestamp, count: i64, world: &World) -> Vec<f64> {
    let mut chance = fastrand::Rng::with_seed(world.seed);
    let mut bell = move || (0..12).map(|_| chance.f64()).sum::<f64>() - 6.0;
    let fresh = libm::sqrt(1.0 - CARRIED * CARRIED);
    let mut off = 0.0;
    let mut pairs = samples.windows(2).peekable();
    let mut load = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for step in 0..count {
        let at = first.as_millis() + step * i64::from(STEP_SECS) * 1000;
        while let Some([_, (until, _)]) = pairs.peek() {
            if until.as_millis() > at {
                break;
            }
            pairs.next();
        }
        let Some([(from, a), (until, b)]) = pairs.peek() else { break };
        let part = (at - from.as_millis()) as f64 / (until.as_millis() - from.as_millis()).max(1) as f64;
        let base = match world.between {
            Between::Line => a + (b - a) * part,
            Between::Hold => *a,
        };
        off = CARRIED * off + fresh * bell();
        load.push((base * (1.0 + world.fluctuation * off)).max(0.0));
    }
    load
}

/// The smallest value that a share `level` of all lie at or under.
pub(crate) fn quantile(values: &[f64], level: f64) -> f64 {
    let mut values = values.to_vec();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among at most some ten million values"
    )]
    let rank = ((values.len() as f64 * level) as usize).min(values.len().saturating_sub(1));
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}
