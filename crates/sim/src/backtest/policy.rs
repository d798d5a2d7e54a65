//! The policies that are compared, each as one that decides step after step.

use tenantry_forecast::{Forecaster, Settings};
use tenantry_planner::contest::{Contest, Expected, Hpa, Metric, Pool, Sight, Terms};

use super::peers::{Aws, Fixed, Reactive, Scheduled};
use super::trace::{Demand, quantile};
use super::{PolicyName, STEP_SECS, Tally, World, run};

pub(crate) use tenantry_planner::contest::whole;

/// Decides a size at each step.
pub trait Policy {
    /// The size to have from `step` on, where `seen` was the demand of the step before, in replicas.
    fn size(&mut self, step: usize, seen: f64, pool: &Pool) -> u32;
}

/// Targets and stabilizations, in steps, among which a tuned HPA is chosen.
const TARGETS: [f64; 15] = [0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95, 1.00];
const STABILIZATIONS: [u32; 4] = [1, 4, 20, 40];
/// HPA's own stabilization of a shrinking: 300 s.
const DEFAULT_STABILIZATION: u32 = 20;

/// The engine's own choice of a policy, with its forecaster.
struct Tenantry {
    forecaster: Forecaster,
    contest: Contest,
}

impl Tenantry {
    fn new(world: &World, size: u32) -> Option<Self> {
        let step_ms = i64::from(STEP_SECS) * 1000;
        let settings = Settings::new(step_ms, None).ok()?;
        let stretches = tenantry_planner::contest::stretches(world.delay());
        let terms = Terms {
            budget: world.error_budget,
            delay: world.delay(),
            min: world.min_replicas,
            max: world.max_replicas,
        };
        let contest = Contest::new(terms, size);
        Some(Self { forecaster: Forecaster::new(settings, &stretches), contest })
    }
}

impl Policy for Tenantry {
    fn size(&mut self, step: usize, seen: f64, pool: &Pool) -> u32 {
        let step_ms = i64::from(STEP_SECS) * 1000;
        let now = i64::try_from(step).unwrap_or(0) * step_ms;
        self.forecaster.observe(now - step_ms, seen, now);
        self.forecaster.advance(now);
        let expected = self.forecaster.expect(0, now).zip(self.forecaster.expect(1, now));
        let expected = expected.map(|(ready, soon)| Expected { capacity: 1.0, ready, soon });
        self.contest.step(&Sight { demand: seen, expected }, pool).replicas
    }
}

/// A policy as it begins, and what it is set to.
pub(super) fn build(name: PolicyName, demand: &Demand, half: usize, world: &World) -> Box<dyn Policy> {
    let first = demand.steps.first().copied().unwrap_or(1.0);
    let known = demand.steps.get(..half).unwrap_or_default();
    let target = world.hpa_target;
    match name {
        PolicyName::Fixed => Box::new(Fixed(whole(quantile(known, 0.999)).max(1))),
        PolicyName::Keda => Box::new(Reactive(Hpa::new(target, DEFAULT_STABILIZATION, Metric::External))),
        PolicyName::Scheduled => Box::new(Scheduled::learn(demand, half, world.error_budget, world.delay() as usize)),
        PolicyName::AwsPredictive => Box::new(Aws::new(target)),
        PolicyName::Tenantry => match Tenantry::new(world, whole(first) + 1) {
            Some(ours) => Box::new(ours),
            None => Box::new(hpa(target, DEFAULT_STABILIZATION)),
        },
        PolicyName::HpaTuned => {
            let (target, stabilization) = tuned(name, demand, half, world).1;
            Box::new(hpa(target, stabilization))
        }
        PolicyName::Hpa | PolicyName::HpaHindsight | PolicyName::Oracle => Box::new(hpa(target, DEFAULT_STABILIZATION)),
    }
}

/// Runs a policy; gives the scored half's account and what it was set to.
pub(super) fn compete(name: PolicyName, demand: &Demand, half: usize, world: &World) -> (Tally, String) {
    if matches!(name, PolicyName::HpaTuned | PolicyName::HpaHindsight) {
        let (tally, (target, stabilization)) = tuned(name, demand, half, world);
        return (tally, told(target, stabilization));
    }
    let [_, after] = run(build(name, demand, half, world).as_mut(), &demand.steps, half, world);
    let setting = match name {
        PolicyName::Fixed => "the first half's 99.9 % quantile".to_owned(),
        PolicyName::Scheduled => "hourly, learned from the first half".to_owned(),
        PolicyName::AwsPredictive => format!("target {:.0} %", world.hpa_target * 100.0),
        PolicyName::Tenantry => "chosen by evidence".to_owned(),
        _ => told(world.hpa_target, DEFAULT_STABILIZATION),
    };
    (after, setting)
}

fn hpa(target: f64, stabilization: u32) -> Reactive {
    Reactive(Hpa::new(target, stabilization, Metric::Pods))
}

fn told(target: f64, stabilization: u32) -> String {
    format!("target {:.0} %, stabilization {} s", target * 100.0, stabilization * STEP_SECS)
}

/// The account and the setting of the cheapest HPA that held the budget on one half, or of the one that failed least.
fn tuned(name: PolicyName, demand: &Demand, half: usize, world: &World) -> (Tally, (f64, u32)) {
    let mut best: Option<(bool, f64, Tally, (f64, u32))> = None;
    for target in TARGETS {
        for stabilization in STABILIZATIONS {
            let [before, after] = run(&mut hpa(target, stabilization), &demand.steps, half, world);
            let judged = if name == PolicyName::HpaTuned { before } else { after };
            let holds = judged.failed_share() <= world.error_budget;
            let worth = if holds { judged.cost } else { judged.failed };
            let better =
                best.as_ref().is_none_or(|(held, least, _, _)| (holds && !held) || (holds == *held && worth < *least));
            if better {
                best = Some((holds, worth, after, (target, stabilization)));
            }
        }
    }
    best.map_or_else(|| (Tally::default(), (1.0, 1)), |(_, _, tally, setting)| (tally, setting))
}
