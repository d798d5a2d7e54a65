//! HPA's size for a demand given in replicas: the arithmetic of [`crate::plan()`]'s reactive strategy, in a few
//! floating-point operations, to be run for many targets at once. Property tests hold the two against each other, and
//! `bench/run hpa` both against Kubernetes' own.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::pool::Pool;

/// HPA's tolerance: a ratio this close to one changes nothing.
const TOLERANCE: f64 = 0.1;
/// Replicas that may always be added at once; without a `behavior`, the size that may always be reached.
const UP_FLOOR: u32 = 4;

/// How far a number may be off by rounding: HPA divides integers, and exactly on an edge the last bit would decide.
const ROUNDING: f64 = 1e-9;
/// HPA's own stabilization of a shrinking, 300 s, in steps.
const USUAL: u32 = 20;

/// Which of HPA's metric kinds speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    /// Values of pods: replicas that do not serve yet count as idle when it grows.
    Pods,
    /// One value for all, divided by the size, as KEDA has it.
    External,
    /// As [`Metric::Pods`], in percent of the request, which are whole: 77.9 count as 77.
    Utilization,
}

/// Kubernetes' HPA at one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hpa {
    /// Share of a replica's capacity that it aims at.
    pub target: f64,
    /// Steps for which the largest size asked for holds a shrinking back.
    pub stabilization: u32,
    /// Whether it has a `behavior`.
    behaves: bool,
    metric: Metric,
    /// What was asked for, falling, with its step.
    asked: VecDeque<(u64, u32)>,
}

impl Hpa {
    /// HPA with this target, a share of a replica's capacity, and a `behavior` that declares the stabilization of a
    /// shrinking, in steps of 15 s, and nothing else.
    #[must_use]
    pub fn new(target: f64, stabilization: u32, metric: Metric) -> Self {
        Self { target, stabilization, behaves: true, metric, asked: VecDeque::new() }
    }

    /// HPA without a `behavior`. Then it at most doubles, from at least four, and what was asked for in the last 300 s
    /// not only holds a shrinking back: it still grows to that.
    #[must_use]
    pub fn usual(target: f64, metric: Metric) -> Self {
        Self { behaves: false, ..Self::new(target, USUAL, metric) }
    }

    /// The size that it sets at `step`, for a `demand` in replicas; at least one.
    pub fn size(&mut self, step: u64, demand: f64, pool: &Pool) -> u32 {
        let size = pool.size();
        let asked = self.asks(demand, pool).max(1);
        if self.asked.is_empty() {
            // What it finds at first counts as asked for.
            self.asked.push_back((step, size));
        }
        let horizon = u64::from(self.stabilization);
        while self.asked.front().is_some_and(|(at, _)| at + horizon <= step) {
            self.asked.pop_front();
        }
        while self.asked.back().is_some_and(|(_, before)| *before <= asked) {
            self.asked.pop_back();
        }
        self.asked.push_back((step, asked));
        let most = self.asked.front().map_or(asked, |(_, most)| *most).max(asked);
        if !self.behaves {
            most.min(size.saturating_mul(2).max(UP_FLOOR))
        } else if asked < size {
            most.min(size)
        } else {
            asked.min(size.saturating_mul(2).max(size + UP_FLOOR))
        }
    }

    fn asks(&self, demand: f64, pool: &Pool) -> u32 {
        let size = pool.size();
        if self.metric == Metric::External {
            let ratio = demand / (f64::from(size) * self.target);
            return if within(ratio) { size } else { self.round_up(demand / self.target) };
        }
        let ratio = self.ratio(demand, pool.ready());
        if pool.ready() == 0 {
            size
        } else if pool.starting() > 0 && ratio > 1.0 {
            let filled = self.ratio(demand, size);
            if within(filled) || filled < 1.0 { size } else { self.round_up(filled * f64::from(size)).max(size) }
        } else if within(ratio) {
            size
        } else {
            self.round_up(ratio * f64::from(pool.ready()))
        }
    }

    /// Rounds up to whole replicas, but for what division left over; whole percents are as HPA has them to the last bit.
    fn round_up(&self, replicas: f64) -> u32 {
        ceil(if self.metric == Metric::Utilization { replicas } else { replicas * (1.0 - ROUNDING) })
    }

    /// What so many replicas are used, over the target.
    fn ratio(&self, demand: f64, replicas: u32) -> f64 {
        let used = demand / f64::from(replicas);
        if self.metric == Metric::Utilization {
            (used * 100.0 + ROUNDING).floor() / (self.target * 100.0).round()
        } else {
            used / self.target
        }
    }
}

fn within(ratio: f64) -> bool {
    (1.0 - TOLERANCE - ROUNDING..=1.0 + TOLERANCE + ROUNDING).contains(&ratio)
}

/// Rounds a demand up to whole replicas; what is no number is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
#[must_use]
pub fn ceil(replicas: f64) -> u32 {
    replicas.ceil().clamp(0.0, 1e6) as u32
}
