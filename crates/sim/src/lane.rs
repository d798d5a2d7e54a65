//! Other policies on the same load, beside the world that Tenantry runs: what would have been without it.

use tenantry_domain::plan::Action;
use tenantry_domain::snapshot::{Memory, Observation, Reading, ScaleEvent, Snapshot};
use tenantry_domain::spec::{Strategy, Target, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Replicas, Span};

use crate::app::{App, AppSpec};
use crate::score::Score;

/// HPA looks this often.
const HPA_PERIOD: Span = Span::from_secs(15);

/// A policy to compare with.
#[derive(Debug, Clone)]
pub enum Policy {
    /// Kubernetes' HPA with the same signals, limits and targets; its arithmetic and defaults.
    Hpa(Box<WorkloadSpec>),
    /// A size that never moves.
    Fixed(Replicas),
    /// The least that serves all load, by someone who knows the future.
    Clairvoyant {
        /// Least and most replicas.
        bounds: tenantry_domain::unit::Bounds,
    },
}

impl Policy {
    /// HPA on the terms of a spec: the same signals, targets and limits, without forecast.
    #[must_use]
    pub fn hpa(spec: &WorkloadSpec) -> Self {
        Self::Hpa(Box::new(WorkloadSpec { strategy: Strategy::Reactive, spending: None, ..spec.clone() }))
    }
}

/// A workload under another policy.
#[derive(Debug, Clone)]
pub struct Lane {
    app: App,
    policy: Policy,
    memory: Memory,
    looked_at: Option<Timestamp>,
}

impl Lane {
    /// Begins at `now`.
    #[must_use]
    pub fn new(spec: AppSpec, policy: Policy, now: Timestamp, seed: u64) -> Self {
        Self { app: App::new(spec, now, seed), policy, memory: Memory::default(), looked_at: None }
    }

    /// Lets time pass until `until`.
    pub fn pass(&mut self, until: Timestamp) {
        while self.app.now() < until {
            let now = self.app.now();
            if self.looked_at.is_none_or(|last| now.since(last) >= HPA_PERIOD) {
                self.looked_at = Some(now);
                self.decide(now);
            }
            self.app.pass((now + HPA_PERIOD).min(until));
        }
    }

    /// Size now.
    #[must_use]
    pub fn replicas(&self) -> Replicas {
        self.app.replicas
    }

    /// What it cost and served so far.
    #[must_use]
    pub fn score(&self) -> Score {
        self.app.score
    }

    /// Forgets what was scored so far, as after a warm-up.
    pub fn reset_score(&mut self) {
        self.app.score = Score::default();
    }

    fn decide(&mut self, now: Timestamp) {
        match &self.policy {
            Policy::Fixed(size) => self.app.resize(*size),
            Policy::Clairvoyant { bounds } => {
                let until = now + self.app.spec.startup.most + HPA_PERIOD;
                let mut most = 0.0_f64;
                let mut at = now;
                while at <= until + Span::from_secs(5) {
                    most = most.max(self.app.spec.load.at(at));
                    at = at + Span::from_secs(5);
                }
                let size = bounds.clamp(needed(most, self.app.spec.capacity));
                self.app.resize(size);
            }
            Policy::Hpa(spec) => {
                let snapshot = self.snapshot(spec, now);
                let planned = tenantry_planner::plan(spec, &snapshot);
                self.memory = planned.memory;
                if let Action::Scale { from, to } = planned.plan.action {
                    self.memory.events.push(ScaleEvent { at: now, from, to });
                    self.app.resize(to);
                }
            }
        }
    }

    fn snapshot(&self, spec: &WorkloadSpec, now: Timestamp) -> Snapshot {
        let load = Milli::from_f64(self.app.load()).unwrap_or_default();
        let observations = spec.signals.iter().map(|signal| Observation {
            signal: signal.name.clone(),
            reading: match signal.target {
                Target::Utilization(_) => Reading::Pods(self.app.cpu(now)),
                Target::PerReplica(_) | Target::Value(_) => Reading::Total { value: load, at: now },
            },
        });
        Snapshot {
            now,
            current: Some(self.app.replicas),
            reported: self.app.replicas,
            pods: self.app.pods(),
            observations: observations.collect(),
            expectations: Vec::new(),
            announced: Vec::new(),
            choices: Vec::new(),
            demands: Vec::new(),
            memory: self.memory.clone(),
            manual: None,
            pause: None,
            foreign_scaler: None,
            rival: None,
            others: Replicas::ZERO,
            vertical: None,
        }
    }
}

/// Replicas that serve a load.
#[must_use]
pub fn needed(load: f64, capacity: f64) -> Replicas {
    let size = (load / capacity).ceil();
    #[expect(clippy::cast_possible_truncation, reason = "a ratio of rates; the conversion saturates")]
    Replicas::saturating(if size.is_finite() { size as i64 } else { 0 })
}
