//! HPA at every target and stabilization that somebody might have set.

use super::policy::{DEFAULT_STABILIZATION, hpa};
use super::report::{EqualCost, Frontier};
use super::trace::Demand;
use super::{Optimum, PolicyName, Tally, World, run};

/// Targets and stabilizations, in steps, among which a tuned HPA is chosen.
const TARGETS: [f64; 15] = [0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95, 1.00];
const STABILIZATIONS: [u32; 4] = [1, 4, 20, 40];

/// An HPA, and how it fared on both halves.
struct One {
    target: f64,
    stabilization: u32,
    halves: [Tally; 2],
}

/// All of them.
pub(super) struct Reactives(Vec<One>);

impl Reactives {
    /// Runs them all.
    pub(super) fn run(demand: &Demand, half: usize, world: &World) -> Self {
        let all = TARGETS.into_iter().flat_map(|target| STABILIZATIONS.map(|stabilization| (target, stabilization)));
        let all = all.map(|(target, stabilization)| One {
            target,
            stabilization,
            halves: run(&mut hpa(target, stabilization), &demand.steps, half, world, None),
        });
        Self(all.collect())
    }

    /// What is chosen for a policy that is an HPA tuned: on the past, or with hindsight.
    pub(super) fn chosen(&self, name: PolicyName, budget: f64) -> Option<(f64, u32)> {
        match name {
            PolicyName::HpaTuned => self.cheapest(budget, |[before, _]| before),
            PolicyName::HpaHindsight => self.cheapest(budget, |[_, after]| after),
            _ => None,
        }
    }

    /// Target and stabilization of the cheapest that held the budget on the half that is judged, or else of the one that
    /// failed least.
    fn cheapest(&self, budget: f64, judged: impl Fn(&[Tally; 2]) -> &Tally) -> Option<(f64, u32)> {
        let holds = |one: &&One| judged(&one.halves).failed_share() <= budget;
        let cost = |one: &&One| judged(&one.halves).cost;
        let failed = |one: &&One| judged(&one.halves).failed;
        let cheapest = self.0.iter().filter(holds).min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let one = cheapest.or_else(|| self.0.iter().min_by(|a, b| failed(a).total_cmp(&failed(b))))?;
        Some((one.target, one.stabilization))
    }

    /// The fewest incidents, and the least share of requests outside the objective, that any of them came to for no more
    /// than what `ours` cost.
    pub(super) fn at_the_cost_of(&self, ours: &Tally) -> Option<EqualCost> {
        let affordable = || self.0.iter().map(|one| &one.halves[1]).filter(|after| after.cost <= ours.cost);
        let incidents = affordable().map(|after| after.incidents).min()?;
        let share = affordable().map(Tally::failed_share).min_by(f64::total_cmp)?;
        Some(EqualCost {
            tenantry_incidents: ours.incidents,
            hpa_incidents: incidents,
            tenantry_violating_request_share: ours.failed_share(),
            hpa_violating_request_share: share,
        })
    }

    /// HPA's cost and failures at each target, with its usual stabilization.
    pub(super) fn frontier(&self, best: &Optimum) -> Vec<Frontier> {
        let usual = self.0.iter().filter(|one| one.stabilization == DEFAULT_STABILIZATION);
        let point = |one: &One| {
            let [_, after] = &one.halves;
            Frontier {
                target: one.target,
                cost_ratio_to_oracle: if best.cost > 0.0 { after.cost / best.cost } else { 1.0 },
                violating_request_share: after.failed_share(),
                incidents: after.incidents as f64,
            }
        };
        usual.map(point).collect()
    }
}
