//! Which way of scaling rules a workload, chosen by evidence.
//!
//! Some ninety candidates run in shadow on the demand that is really observed: HPA at several targets, and rules that
//! take the forecast's distribution at several prices of a shortage and patiences. Each shadow has its own replicas with
//! their start-up delay, and an account: what it would have cost, which requests it would have failed, how often it
//! would have turned. In charge is the cheapest that holds the error budget, where turning more often than HPA has a
//! price too; how much of the budget may be planned with depends on what was really spent. So smooth load is served as
//! a well-tuned HPA would serve it, and spiky load gets what its budget needs. Where load leaves what was expected of it,
//! our rules follow its rise until what they start serves.
//!
//! INVARIANT(floor): no rule of ours asks for less than the demand that is measured now.
//! INVARIANT(past): a choice depends on nothing after the last observation.

mod account;
mod arena;
mod burst;
mod candidate;
mod hpa;
mod pool;
mod price;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tenantry_forecast::{Forecast, Settings, Stretch};

use account::{Account, Books};
pub use arena::{Arena, ArenaError, STEP};
use burst::Burst;
pub use candidate::Rule;
use candidate::{Candidate, DEFAULT, Table};
pub use hpa::ceil as whole;
pub use hpa::{Hpa, Metric};
pub use pool::Pool;

/// Steps before a candidate's record is believed: an hour.
const YOUNG: u64 = 240;
/// How often the one in charge is chosen anew, in steps: every ten minutes.
const CHOOSE_EVERY: u64 = 40;
/// Share of the budget that is planned with while the real spending agrees.
const SAFETY: f64 = 0.8;
/// How much of a deviation of the real spending is put right.
const GAIN: f64 = 1.0;
/// Bounds of the share of the budget that is planned with.
const PLANNED: std::ops::RangeInclusive<f64> = 0.2..=1.0;
/// How many times the budget a candidate may have spent in the last day: what was fine for days can have ceased to be.
const BURN: f64 = 1.5;
/// What a turn beyond the allowed costs, in steps of the mean size.
const TURN: f64 = 30.0;
/// Turns that are allowed, as a share of HPA's, and the least of it when really turning more often.
const ALLOWED: f64 = 0.8;
const ALLOWED_MIN: f64 = 0.1;
/// Another candidate must be cheaper by this share to take over.
const HYSTERESIS: f64 = 0.01;
/// What failing the load of a replica for a step is worth, in replicas for a step, where no candidate holds the budget:
/// past this price an objective is out of reach, and is not chased.
const PRICE_MAX: f64 = 300.0;

/// The terms that a workload is scaled on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Error budget: share of requests that may fail.
    pub budget: f64,
    /// Start-up delay, in steps of 15 s.
    pub delay: u32,
    /// Steps between what is measured and when it is seen, beyond the one that it is measured in.
    pub lag: u32,
    /// Least replicas.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
}

impl Terms {
    /// The start-up delay as the shadows know it. They live as far in the past as what is seen, so what is started now
    /// serves later for them.
    const fn shadows(&self) -> u32 {
        self.delay.saturating_add(self.lag)
    }
}

/// What is known at a step. Demand is in replicas: load over what a ready replica carries.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The demand measured last.
    pub demand: f64,
    /// What is expected, once anything is.
    pub expected: Option<Expected<'a>>,
}

/// Distributions of the largest demand, in the unit of the load.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Load that a ready replica carries.
    pub capacity: f64,
    /// From when a replica started now can serve until one started at the next step can.
    pub ready: Forecast<'a>,
    /// From the next step until a replica started then could serve.
    pub soon: Forecast<'a>,
}

/// The choice at a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The size to have.
    pub replicas: u32,
    /// Who asked for it.
    pub rule: Rule,
    /// Share of requests that it would have failed in the days before, by its shadow.
    pub would_fail: f64,
    /// Share of requests that were really failed in the days before.
    pub failed: f64,
    /// Whether load has left what was expected of it.
    pub burst: bool,
}

/// The contest for one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    terms: Terms,
    candidates: Vec<Candidate>,
    charge: usize,
    yardstick: usize,
    steps: u64,
    books: Books,
    /// What really happened.
    real: Account,
    mean: f64,
    /// Replicas that served in the last steps, the newest last: as many as it takes until their load is seen.
    served: VecDeque<u32>,
    burst: Burst,
}

impl Contest {
    /// A contest on these terms, with all shadows at `size` replicas.
    #[must_use]
    pub fn new(terms: Terms, size: u32) -> Self {
        let candidates: Vec<Candidate> =
            Rule::all().map(|rule| Candidate::new(rule, Pool::new(size.max(1), terms.shadows()))).collect();
        let yardstick = candidates.iter().position(|candidate| candidate.rule() == DEFAULT).unwrap_or(0);
        Self {
            terms,
            candidates,
            charge: yardstick,
            yardstick,
            steps: 0,
            books: Books::default(),
            real: Account::default(),
            mean: 0.0,
            served: VecDeque::new(),
            burst: Burst::default(),
        }
    }

    /// The terms it runs on.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Goes on with other terms. With another start-up delay, replicas that start in the shadows start anew.
    pub fn adopt(&mut self, terms: Terms) {
        if terms.shadows() != self.terms.shadows() {
            for candidate in &mut self.candidates {
                candidate.restart(terms.shadows());
            }
        }
        self.terms = terms;
    }

    /// A step of 15 s passed: accounts for what was seen, lets every shadow decide, and says what the one in charge asks
    /// for, given the real `pool`.
    pub fn step(&mut self, sight: &Sight<'_>, pool: &Pool) -> Choice {
        let burst = self.look(sight, 1);
        self.decide(sight, burst, pool)
    }

    /// The demand to be ready for in a burst, where this is seen `since` steps after what was seen before.
    fn look(&mut self, sight: &Sight<'_>, since: u32) -> Option<f64> {
        self.burst.look(sight, self.terms.shadows(), since)
    }

    fn decide(&mut self, sight: &Sight<'_>, burst: Option<f64>, pool: &Pool) -> Choice {
        self.account(sight.demand);
        self.steps += 1;
        let table = Table::of(sight, burst, self.mean.max(0.5));
        let (least, most) = (self.terms.min, self.terms.max.max(self.terms.min));
        for candidate in &mut self.candidates {
            candidate.step(&table, self.steps, (least, most), &self.books);
        }
        if self.steps >= YOUNG && self.steps.is_multiple_of(CHOOSE_EVERY) && sight.expected.is_some() {
            self.choose();
        }
        let asked = self.candidates.get(self.charge).map(|one| (one.ask(&table, self.steps, pool), one));
        let size = pool.size();
        let (replicas, rule, failed) = match asked {
            Some((replicas, one)) => (replicas.clamp(least, most), one.rule(), one.account().failed),
            None => (size, DEFAULT, 0.0),
        };
        self.real.turn(i64::from(replicas) - i64::from(size), &self.books);
        self.served.push_back(pool.ready().min(replicas));
        let (would_fail, failed) = (self.books.share(failed), self.books.share(self.real.failed));
        Choice { replicas, rule, would_fail, failed, burst: burst.is_some() }
    }

    /// Books the step that ended on every account.
    fn account(&mut self, demand: f64) {
        let steps = self.steps as f64 + 1.0;
        self.mean += (demand - self.mean) * (1.0 / steps).max(1.0 / 20_000.0);
        self.books.pass(demand);
        let seen = self.served.len() > self.terms.lag as usize;
        if let Some(served) = seen.then(|| self.served.pop_front()).flatten() {
            // Where it is seen sooner now than before, what lies between is passed over.
            self.served.drain(..self.served.len() - self.terms.lag as usize);
            self.real.book(f64::from(served), f64::from(served), demand, &self.books);
        }
        for candidate in &mut self.candidates {
            candidate.book(demand, &self.books);
        }
        if let Some((slow, fast)) = self.books.rescale() {
            self.real.rescale(slow, fast);
            for candidate in &mut self.candidates {
                candidate.rescale(slow, fast);
            }
        }
    }

    /// Puts the cheapest in charge that holds what may be planned with.
    fn choose(&mut self) {
        let budget = self.terms.budget;
        let spent = self.books.share(self.real.failed) / budget;
        let part = (SAFETY + GAIN * (SAFETY - spent)).clamp(*PLANNED.start(), *PLANNED.end());
        let most = budget * part * self.books.load;
        let burnt = budget * BURN * self.books.load_today;
        let holds = |account: &Account| account.failed <= most && account.failed_today <= burnt;

        let usual = ALLOWED * self.candidates.get(self.yardstick).map_or(0.0, |hpa| hpa.account().turns);
        let more = self.real.turns / (usual + self.books.weight);
        let allowed = usual * (2.0 - more).clamp(ALLOWED_MIN, 1.0);
        let worth = |account: &Account| account.cost + TURN * self.mean * (account.turns - allowed).max(0.0);

        let all = || self.candidates.iter().map(Candidate::account).enumerate();
        let cheapest = all().filter(|(_, one)| holds(one)).min_by(|a, b| worth(a.1).total_cmp(&worth(b.1)));
        let priced = |account: &Account| account.cost + PRICE_MAX * account.failed;
        let careful = || all().min_by(|a, b| priced(a.1).total_cmp(&priced(b.1)));
        let Some((place, one)) = cheapest.or_else(careful) else { return };
        let now = self.candidates.get(self.charge).map(Candidate::account);
        let stays = now.is_some_and(|now| holds(now) && worth(one) > (1.0 - HYSTERESIS) * worth(now));
        if !stays {
            self.charge = place;
        }
    }
}

/// The stretches that a forecaster must be asked for, in the order of [`Expected`], counted from what was measured last,
/// for a start-up delay and a lag in steps of 15 s.
#[must_use]
pub fn stretches(settings: Settings, delay: u32, lag: u32) -> [Stretch; 2] {
    let step = STEP.as_millis_i64();
    let steps = |count: u32| i64::from(count).saturating_mul(step);
    let next = steps(lag) + step;
    [settings.stretch(steps(delay) + next, step), settings.stretch(next, steps(delay) + step)]
}

#[cfg(test)]
mod tests;
