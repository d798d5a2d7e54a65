//! HPA's size for a demand given in replicas: the arithmetic of [`crate::plan()`]'s reactive strategy, in a few
//! floating-point operations, to be run for many targets at once. A property test holds the two against each other.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::pool::Pool;

/// HPA's tolerance: a ratio this close to one changes nothing.
const TOLERANCE: f64 = 0.1;
/// Replicas that may always be added at once.
const UP_FLOOR: u32 = 4;

/// Which of HPA's metric kinds speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    /// Values of pods, as for cpu: replicas that do not serve yet count as idle when it grows.
    Pods,
    /// One value for all, divided by the size, as KEDA has it.
    External,
}

/// Kubernetes' HPA at one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hpa {
    /// Share of a replica's capacity that it aims at.
    pub target: f64,
    /// Steps for which the largest size asked for holds a shrinking back.
    pub stabilization: u32,
    metric: Metric,
    /// What was asked for, falling, with its step.
    asked: VecDeque<(u64, u32)>,
}

impl Hpa {
    /// HPA with this target, a share of a replica's capacity, and stabilization of a shrinking, in steps of 15 s.
    #[must_use]
    pub fn new(target: f64, stabilization: u32, metric: Metric) -> Self {
        Self { target, stabilization, metric, asked: VecDeque::new() }
    }

    /// The size that it sets at `step`, for a `demand` in replicas; at least one.
    pub fn size(&mut self, step: u64, demand: f64, pool: &Pool) -> u32 {
        let size = pool.size();
        let asked = self.asks(demand, pool).max(1);
        let horizon = u64::from(self.stabilization);
        while self.asked.front().is_some_and(|(at, _)| at + horizon <= step) {
            self.asked.pop_front();
        }
        while self.asked.back().is_some_and(|(_, before)| *before <= asked) {
            self.asked.pop_back();
        }
        self.asked.push_back((step, asked));
        if asked < size {
            self.asked.front().map_or(asked, |(_, most)| *most).min(size).max(asked)
        } else {
            asked.min(size.saturating_mul(2).max(size + UP_FLOOR))
        }
    }

    fn asks(&self, demand: f64, pool: &Pool) -> u32 {
        let (size, within) = (pool.size(), |ratio: f64| (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&ratio));
        let all = f64::from(size) * self.target;
        if self.metric == Metric::External {
            return if within(demand / all) { size } else { ceil(demand / self.target) };
        }
        let ratio = demand / (f64::from(pool.ready()) * self.target);
        if pool.ready() == 0 {
            size
        } else if pool.starting() > 0 && ratio > 1.0 {
            let filled = demand / all;
            if within(filled) || filled < 1.0 { size } else { ceil(filled * f64::from(size)).max(size) }
        } else if within(ratio) {
            size
        } else {
            ceil(ratio * f64::from(pool.ready()))
        }
    }
}

/// Rounds a demand up to whole replicas; what is no number is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
#[must_use]
pub fn ceil(replicas: f64) -> u32 {
    replicas.ceil().clamp(0.0, 1e6) as u32
}
