//! Recorded load against every policy: what each would have cost, and what it would have failed.
//!
//! The world has steps of 15 s. Between samples of a trace the load is interpolated, with a seeded fluctuation. A ready
//! replica carries its capacity; a started one is paid for at once and serves after the start-up delay; one that is
//! taken away goes at once. Policies see the load as it was a scrape delay before, and decide at every step. A
//! request is outside the objective when the load of its step is over what the ready replicas carry: in a shortage a
//! queue forms before all of them. What is not served is not carried on into later steps.
//!
//! The second half is scored; the first is for learning. Load is counted in replicas, load over capacity.
//!
//! INVARIANT(past): but for the ones that say so by name, no policy sees anything after the step it decides in.

mod equal;
mod latency;
mod oracle;
mod ours;
mod peers;
mod policy;
mod reactives;
mod report;
mod score;
mod trace;
mod trail;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tenantry_planner::contest::Pool;

use latency::Latency;
use policy::Ran;
use reactives::Reactives;

pub use equal::{Equal, EqualViolations};
pub use latency::{Took, erlang_c};
pub use oracle::{Optimum, optimum};
pub use policy::Policy;
pub use report::{EqualCost, Figures, Frontier, LeftOut, Report, Row, Summary};
pub use score::Tally;
pub use trace::{Between, Refused, Trace};
pub use trail::Trail;

/// Seconds in a step.
pub const STEP_SECS: u32 = 15;
/// Steps in a minute, an hour and a day.
pub(crate) const MINUTE: usize = 4;
pub(crate) const HOUR: usize = 240;
pub(crate) const DAY: usize = 5760;

/// What the world is like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Seconds until a started replica serves.
    pub startup_delay_secs: u32,
    /// Seconds until what is measured is seen.
    pub scrape_delay_secs: u32,
    /// Seconds whose mean load is one measurement.
    pub metric_window_secs: u32,
    /// Load that a ready replica carries; without it, such that the trace's 99.9 % quantile needs 30 replicas.
    pub replica_capacity: Option<f64>,
    /// Share of requests that may be outside the objective.
    pub error_budget: f64,
    /// HPA's target, a share of the capacity.
    pub hpa_target: f64,
    /// Least replicas.
    pub min_replicas: u32,
    /// Most replicas.
    pub max_replicas: u32,
    /// How the load goes between samples.
    pub between: Between,
    /// Standard deviation of the fluctuation between samples, relative to the load.
    pub fluctuation: f64,
    /// Seed of the fluctuation.
    pub seed: u64,
    /// What a replica takes to serve a request that does not wait, in milliseconds.
    pub service_time_ms: u32,
    /// How many times that a request may take; without it, all requests of an overloaded step are outside the objective.
    pub latency_objective: Option<f64>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            startup_delay_secs: 60,
            scrape_delay_secs: STEP_SECS,
            metric_window_secs: STEP_SECS,
            replica_capacity: None,
            error_budget: 0.01,
            hpa_target: 0.7,
            min_replicas: 1,
            max_replicas: 300,
            between: Between::Line,
            fluctuation: 0.02,
            seed: 1,
            service_time_ms: 50,
            latency_objective: None,
        }
    }
}

impl World {
    /// The start-up delay in steps, rounded up.
    #[must_use]
    pub const fn delay(&self) -> u32 {
        self.startup_delay_secs.div_ceil(STEP_SECS)
    }

    /// Steps until what is measured is seen, at least one.
    fn scrape_delay(&self) -> u32 {
        self.scrape_delay_secs.div_ceil(STEP_SECS).max(1)
    }

    /// Steps of a measurement, at least one.
    fn metric_window(&self) -> u32 {
        self.metric_window_secs.div_ceil(STEP_SECS).max(1)
    }

    /// Steps that a measurement is old on the mean when it is seen, beyond the one that it is measured in.
    fn lag(&self) -> u32 {
        self.scrape_delay() - 1 + self.metric_window() / 2
    }

    /// Every assumption, in words.
    #[must_use]
    pub fn assumptions(&self) -> Vec<String> {
        let capacity = match self.replica_capacity {
            Some(capacity) => format!("a ready replica carries a load of {capacity}"),
            None => "a ready replica carries a 30th of the trace's 99.9 % quantile".to_owned(),
        };
        let between = match self.between {
            Between::Line => "goes in a straight line between samples",
            Between::Hold => "stays at a sample until the next",
        };
        let mut all = vec![
            format!(
                "the world has steps of {STEP_SECS} s; a policy decides in each, and sees the load as it was {} s before, the mean of {} s",
                self.scrape_delay() * STEP_SECS,
                self.metric_window() * STEP_SECS
            ),
            format!(
                "load {between}, times a fluctuation of {:.1} % (one standard deviation, half of it carried from a step to the next, seed {})",
                self.fluctuation * 100.0,
                self.seed
            ),
            capacity,
            format!(
                "a started replica is paid for at once and serves after {} s; one that is taken away goes at once",
                self.delay() * STEP_SECS
            ),
            format!("sizes are {} to {} replicas", self.min_replicas, self.max_replicas),
            format!(
                "all requests of a step whose load is over what ready replicas carry are outside the objective; {:.2} % may be",
                self.error_budget * 100.0
            ),
            "load is offered load: it does not depend on how it was served".to_owned(),
            "the second half of a trace is scored; policies learn on the first".to_owned(),
            "an incident is a run of minutes with requests outside the objective".to_owned(),
        ];
        all.extend(latency::assumptions(self));
        all
    }
}

/// What is kept of a policy's second half beside its account.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) trail: Trail,
    pub(crate) latency: Latency,
}

impl Kept {
    /// Nothing yet of a second half that begins at step `half` of `steps`.
    pub(crate) fn new(half: usize, steps: usize) -> Self {
        Self { trail: Trail::new(half, steps.saturating_sub(half)), latency: Latency::default() }
    }
}

/// Runs a policy through `demand`, in replicas; scores the halves before and from `half` on apart, and follows the second.
pub(crate) fn run(
    policy: &mut dyn Policy,
    demand: &[f64],
    half: usize,
    world: &World,
    kept: Option<&mut Kept>,
) -> [Tally; 2] {
    let [tallies] = run_all([(policy, kept)], demand, half, world);
    tallies
}

/// A policy with replicas of its own.
struct Lane<'a> {
    policy: &'a mut dyn Policy,
    kept: Option<&'a mut Kept>,
    pool: Pool,
    tallies: [Tally; 2],
}

/// Runs several policies side by side, step by step.
pub(crate) fn run_all<const N: usize>(
    policies: [(&mut dyn Policy, Option<&mut Kept>); N],
    demand: &[f64],
    half: usize,
    world: &World,
) -> [[Tally; 2]; N] {
    let first = demand.first().copied().unwrap_or(1.0);
    let pool = Pool::new(bounded(world, policy::whole(first) + 1), world.delay());
    let mut lanes =
        policies.map(|(policy, kept)| Lane { policy, kept, pool: pool.clone(), tallies: Default::default() });
    let mut scrape = Scrape::new(world, first);
    for (step, load) in demand.iter().enumerate() {
        let seen = scrape.seen();
        for Lane { policy, kept, pool, tallies: [before, after] } in &mut lanes {
            pool.pass();
            let size = pool.size();
            if step > 0 {
                pool.resize(bounded(world, policy.size(step, seen, pool)));
            }
            let change = i64::from(pool.size()) - i64::from(size);
            let tally = if step < half { before } else { after };
            tally.add(step, pool, *load, change);
            if let Some(kept) = kept.as_mut().filter(|_| step >= half) {
                kept.latency.add(pool, *load);
                if kept.trail.add(step, f64::from(pool.size())) {
                    kept.trail.band.extend(policy.band(step));
                }
            }
        }
        scrape.measure(*load);
    }
    lanes.map(|lane| lane.tallies)
}

/// What is seen of the load: later than it is measured, and averaged.
struct Scrape {
    /// The loads of the last steps, the newest last.
    loads: VecDeque<f64>,
    window: usize,
}

impl Scrape {
    fn new(world: &World, first: f64) -> Self {
        let (delay, window) = (world.scrape_delay() as usize, world.metric_window() as usize);
        Self { loads: std::iter::repeat_n(first, delay + window - 1).collect(), window }
    }

    fn measure(&mut self, load: f64) {
        self.loads.pop_front();
        self.loads.push_back(load);
    }

    fn seen(&self) -> f64 {
        self.loads.iter().take(self.window).sum::<f64>() / self.window as f64
    }
}

fn bounded(world: &World, size: u32) -> u32 {
    size.clamp(world.min_replicas, world.max_replicas.max(world.min_replicas))
}

/// What a trace came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The trace.
    pub trace: String,
    /// A row for each policy.
    pub rows: Vec<Row>,
    /// HPA at each target.
    pub frontier: Vec<Frontier>,
    /// The best that HPA could have done for what Tenantry cost, where that ran.
    pub equal_cost: Option<EqualCost>,
    /// Tenantry held to what HPA failed, where both were asked for.
    pub equal_violations: Option<Equal>,
    /// The load, in replicas.
    pub load: Trail,
    /// The sizes of each policy.
    pub sizes: Vec<(PolicyName, Trail)>,
    /// When what is drawn begins and ends, milliseconds since 1970.
    pub drawn: (i64, i64),
}

/// Runs every policy asked for through a trace.
///
/// # Errors
/// [`Refused`] when the trace is too short, or holds nothing to scale by.
pub fn replay(trace: &Trace, world: &World, asked: &[PolicyName]) -> Result<Replayed, Refused> {
    let demand = trace.demand(world)?;
    let half = demand.steps.len() / 2;
    let scored = demand.steps.get(half..).unwrap_or_default();
    let mut load = Trail::new(half, scored.len());
    for (step, one) in scored.iter().enumerate() {
        load.add(half + step, *one);
    }
    let compete = |name, chosen| policy::compete(name, &demand, half, world, chosen);
    let both = [PolicyName::Hpa, PolicyName::Tenantry].iter().all(|name| asked.contains(name));
    // Ours takes as long as all others together, so it runs beside them.
    let (best, reactives, ran, equal_violations) = std::thread::scope(|scope| {
        let is_asked = asked.contains(&PolicyName::Tenantry);
        let ours = is_asked.then(|| scope.spawn(|| ours::compete(&demand, half, world, both)));
        let best = optimum(scored, f64::from(world.delay()), world.max_replicas, world.error_budget);
        let reactives = Reactives::run(&demand, half, world);
        let others = asked.iter().filter(|name| **name != PolicyName::Tenantry).map(|name| match name {
            PolicyName::Oracle => (*name, best.run(scored, half)),
            _ => (*name, compete(*name, reactives.chosen(*name, world.error_budget))),
        });
        let mut ran: Vec<(PolicyName, Ran)> = others.collect();
        let (ours, equal) = ours.map(joined).unzip();
        ran.extend(ours.map(|ours| (PolicyName::Tenantry, ours)));
        (best, reactives, ran, equal.flatten())
    });
    let (mut rows, mut sizes, mut equal_cost) = (Vec::new(), Vec::new(), None);
    for asked in asked {
        let Some((name, ran)) = ran.iter().find(|(name, _)| name == asked) else { continue };
        if *name == PolicyName::Tenantry {
            equal_cost = reactives.at_the_cost_of(&ran.tally);
        }
        rows.push(Row::new(*name, &trace.name, ran.setting.clone(), &ran.tally, &ran.kept.latency.took(world), &best));
        sizes.push((*name, ran.kept.trail.clone()));
    }
    let step_ms = i64::from(STEP_SECS) * 1000;
    let at = |step: usize| demand.first_ms + i64::try_from(step).unwrap_or(0) * step_ms;
    let drawn = (at(load.from()), at(demand.steps.len()));
    let frontier = reactives.frontier(&best);
    Ok(Replayed { trace: trace.name.clone(), rows, frontier, equal_cost, equal_violations, load, sizes, drawn })
}

/// What a thread came to; its panic is this one's.
fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The policies, as they are named in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// A size for the 99.9 % quantile of the first half.
    Fixed,
    /// Kubernetes' HPA with its defaults.
    Hpa,
    /// HPA at the cheapest target and stabilization that held the budget on the first half.
    HpaTuned,
    /// The same chosen on the scored half itself, which nobody can do.
    HpaHindsight,
    /// KEDA's external metric behind HPA.
    Keda,
    /// Sizes by the hour, learned from the first half.
    Scheduled,
    /// AWS predictive scaling as documented, with target tracking beside it.
    AwsPredictive,
    /// Ours.
    Tenantry,
    /// The clairvoyant optimum at the same budget.
    Oracle,
}

impl PolicyName {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Fixed,
        Self::Hpa,
        Self::HpaTuned,
        Self::HpaHindsight,
        Self::Keda,
        Self::Scheduled,
        Self::AwsPredictive,
        Self::Tenantry,
        Self::Oracle,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Hpa => "hpa",
            Self::HpaTuned => "hpa-tuned",
            Self::HpaHindsight => "hpa-hindsight",
            Self::Keda => "keda",
            Self::Scheduled => "scheduled",
            Self::AwsPredictive => "aws-predictive",
            Self::Tenantry => "tenantry",
            Self::Oracle => "oracle",
        }
    }
}

#[cfg(test)]
mod tests;
