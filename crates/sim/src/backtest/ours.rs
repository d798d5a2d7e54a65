//! Tenantry among the policies: the engine's own forecaster and contest.

use std::cell::RefCell;
use std::rc::Rc;

use tenantry_forecast::{Forecaster, Settings};
use tenantry_planner::contest::{Contest, Expected, Pool, Sight, Terms, stretches};

use super::policy::{Policy, Ran, build, setting, whole};
use super::trace::Demand;
use super::{Equal, Kept, PolicyName, STEP_SECS, World, run, run_all};

const STEP_MS: i64 = STEP_SECS as i64 * 1000;
/// Quantiles of the band that is drawn.
const BAND: (f64, f64) = (0.05, 0.99);

/// The forecaster, which learns a step once, whatever number of contests ask it.
struct Seer {
    forecaster: Forecaster,
    /// Steps until what is measured is seen.
    scrape_delay: i64,
    learned: Option<usize>,
}

impl Seer {
    fn learn(&mut self, step: usize, seen: f64) {
        if self.learned != Some(step) {
            let now = at(step);
            self.forecaster.observe(now - self.scrape_delay * STEP_MS, seen, now);
            self.forecaster.advance(now);
            self.learned = Some(step);
        }
    }
}

fn at(step: usize) -> i64 {
    i64::try_from(step).unwrap_or(0).saturating_mul(STEP_MS)
}

/// A contest, with a forecaster that it may share.
pub(super) struct Ours {
    seer: Rc<RefCell<Seer>>,
    contest: Contest,
}

impl Ours {
    /// One for each of some error budgets, all at `size` replicas.
    pub(super) fn new<const N: usize>(world: &World, size: u32, budgets: [f64; N]) -> Option<[Self; N]> {
        let settings = Settings::new(STEP_MS, None).ok()?;
        let (delay, lag) = (world.delay(), world.lag());
        let forecaster = Forecaster::new(settings, &stretches(settings, delay, lag));
        let seer = Seer { forecaster, scrape_delay: i64::from(world.scrape_delay()), learned: None };
        let seer = Rc::new(RefCell::new(seer));
        Some(budgets.map(|budget| {
            let terms = Terms { budget, delay, lag, min: world.min_replicas, max: world.max_replicas };
            Self { seer: Rc::clone(&seer), contest: Contest::new(terms, size) }
        }))
    }
}

impl Policy for Ours {
    fn size(&mut self, step: usize, seen: f64, pool: &Pool) -> u32 {
        let mut seer = self.seer.borrow_mut();
        seer.learn(step, seen);
        let expected = seer.forecaster.expect(0, at(step)).zip(seer.forecaster.expect(1, at(step)));
        let expected = expected.map(|(ready, soon)| Expected { capacity: 1.0, ready, soon });
        self.contest.step(&Sight { demand: seen, expected }, pool).replicas
    }

    fn band(&self, step: usize) -> Option<(f64, f64)> {
        let seer = self.seer.borrow();
        let forecast = seer.forecaster.expect(0, at(step))?;
        Some((forecast.quantile(BAND.0).max(0.0), forecast.quantile(BAND.1)))
    }
}

/// Runs Tenantry at the world's budget; and beside it, where `equal`, with what HPA really failed on the first half.
pub(super) fn compete(demand: &Demand, half: usize, world: &World, equal: bool) -> (Ran, Option<Equal>) {
    let mut kept = Kept::new(half, demand.steps.len());
    let setting = setting(PolicyName::Tenantry, world);
    let size = whole(demand.steps.first().copied().unwrap_or(1.0)) + 1;
    let hpa = equal.then(|| {
        let mut hpa = build(PolicyName::Hpa, demand, half, world);
        run(hpa.as_mut(), &demand.steps, half, world, None)
    });
    if let Some([before, hpa]) = hpa {
        let budget = Equal::budget(&before);
        if let Some([mut ours, mut held]) = Ours::new(world, size, [world.error_budget, budget]) {
            let lanes: [(&mut dyn Policy, _); 2] = [(&mut ours, Some(&mut kept)), (&mut held, None)];
            let [[_, tally], [_, tenantry]] = run_all(lanes, &demand.steps, half, world);
            return (Ran { tally, setting, kept }, Some(Equal { budget, tenantry, hpa }));
        }
    }
    let mut ours = build(PolicyName::Tenantry, demand, half, world);
    let [_, tally] = run(ours.as_mut(), &demand.steps, half, world, Some(&mut kept));
    (Ran { tally, setting, kept }, None)
}
