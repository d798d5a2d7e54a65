//! The policies that are compared, each as one that decides step after step.

use tenantry_planner::contest::{Hpa, Metric, Pool};

use super::ours::Ours;
use super::peers::{Aws, Fixed, Reactive, Scheduled};
use super::trace::{Demand, quantile};
use super::{Kept, PolicyName, STEP_SECS, Tally, World, run};

pub(crate) use tenantry_planner::contest::whole;

/// Decides a size at each step.
pub trait Policy {
    /// The size to have from `step` on, where `seen` was the demand of the step before, in replicas.
    fn size(&mut self, step: usize, seen: f64, pool: &Pool) -> u32;

    /// Between which it expects demand when a replica started after `step` serves, if it forecasts.
    fn band(&self, _: usize) -> Option<(f64, f64)> {
        None
    }
}

/// HPA's own stabilization of a shrinking: 300 s.
pub(super) const DEFAULT_STABILIZATION: u32 = 20;

/// A policy as it begins, and what it is set to.
pub(super) fn build(name: PolicyName, demand: &Demand, half: usize, world: &World) -> Box<dyn Policy> {
    let first = demand.steps.first().copied().unwrap_or(1.0);
    let known = demand.steps.get(..half).unwrap_or_default();
    let target = world.hpa_target;
    match name {
        PolicyName::Fixed => Box::new(Fixed(whole(quantile(known, 0.999)).max(1))),
        PolicyName::Keda => Box::new(Reactive(Hpa::usual(target, Metric::External))),
        PolicyName::Scheduled => Box::new(Scheduled::learn(demand, half, world.error_budget, world.delay() as usize)),
        PolicyName::AwsPredictive => Box::new(Aws::new(target)),
        PolicyName::Tenantry => match Ours::new(world, whole(first) + 1, [world.error_budget]) {
            Some([ours]) => Box::new(ours),
            None => Box::new(Reactive(Hpa::usual(target, Metric::Utilization))),
        },
        PolicyName::Hpa | PolicyName::HpaTuned | PolicyName::HpaHindsight | PolicyName::Oracle => {
            Box::new(Reactive(Hpa::usual(target, Metric::Utilization)))
        }
    }
}

/// How a policy came out on the scored half.
pub(super) struct Ran {
    pub(super) tally: Tally,
    /// What it was set to.
    pub(super) setting: String,
    pub(super) kept: Kept,
}

/// Runs a policy; an HPA with the target and stabilization that were chosen for it.
pub(super) fn compete(
    name: PolicyName,
    demand: &Demand,
    half: usize,
    world: &World,
    chosen: Option<(f64, u32)>,
) -> Ran {
    let (mut policy, setting): (Box<dyn Policy>, String) = match chosen {
        Some((target, stabilization)) => (Box::new(hpa(target, stabilization)), told(target, stabilization)),
        None => (build(name, demand, half, world), setting(name, world)),
    };
    let mut kept = Kept::new(half, demand.steps.len());
    let [_, tally] = run(policy.as_mut(), &demand.steps, half, world, Some(&mut kept));
    Ran { tally, setting, kept }
}

pub(super) fn setting(name: PolicyName, world: &World) -> String {
    match name {
        PolicyName::Fixed => "the first half's 99.9 % quantile".to_owned(),
        PolicyName::Scheduled => "hourly, learned from the first half".to_owned(),
        PolicyName::AwsPredictive => format!("target {:.0} %", world.hpa_target * 100.0),
        PolicyName::Tenantry => "chosen by evidence".to_owned(),
        _ => format!("target {:.0} %, no behavior declared", world.hpa_target * 100.0),
    }
}

pub(super) fn hpa(target: f64, stabilization: u32) -> Reactive {
    Reactive(Hpa::new(target, stabilization, Metric::Utilization))
}

fn told(target: f64, stabilization: u32) -> String {
    format!("target {:.0} %, stabilization {} s", target * 100.0, stabilization * STEP_SECS)
}
