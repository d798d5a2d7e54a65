//! Which way of scaling rules a workload, chosen by evidence.
//!
//! Some fifty candidates run in shadow on the demand that is really observed: HPA at several targets, and rules that
//! take the forecast's distribution at several prices of a shortage and patiences. Each shadow has its own replicas with
//! their start-up delay, and an account: what it would have cost, which requests it would have failed, how often it
//! would have turned. In charge is the cheapest that holds the error budget and turns no more often than HPA would; how
//! much of the budget may be planned with depends on what was really spent. So smooth load is served as a well-tuned
//! HPA would serve it, and spiky load gets what its budget needs.
//!
//! INVARIANT(floor): no rule of ours asks for less than the demand that is measured now.
//! INVARIANT(past): a choice depends on nothing after the last observation.

mod hpa;
mod pool;
mod price;

use std::fmt;

use serde::{Deserialize, Serialize};
use tenantry_forecast::{Forecast, Stretch};

pub use hpa::ceil as whole;
pub use hpa::{Hpa, Metric};
pub use pool::Pool;

/// Prices of a shortage, in replicas for a step, for the mean load.
const PRICES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];
/// How patient a rule is before it shrinks.
const PATIENCES: [Patience; 4] = [
    Patience { long: false, price: 1.0, band: 0.0 },
    Patience { long: true, price: 0.5, band: 0.0 },
    Patience { long: true, price: 2.0, band: 0.05 },
    Patience { long: true, price: 8.0, band: 0.1 },
];
/// Targets of the reactive candidates, with their stabilization in steps.
const TARGETS: [f64; 8] = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
const STABILIZATIONS: [u32; 2] = [1, 20];
/// The reactive candidate that rules before anything is known, and whose turns are the measure of others'.
const DEFAULT: (f64, u32) = (0.7, 20);
/// Steps in the long look ahead beyond the start-up delay: a quarter of an hour.
const PATIENT_STEPS: u32 = 60;
/// Steps before a candidate's record is believed: an hour.
const YOUNG: u64 = 240;
/// How often the one in charge is chosen anew, in steps: every ten minutes.
const CHOOSE_EVERY: u64 = 40;
/// A record counts half after this many steps: five days.
const HALF_LIFE: f64 = 5.0 * 5760.0;
/// Share of the budget that is planned with while the real spending agrees.
const SAFETY: f64 = 0.85;
/// How much of a deviation of the real spending is put right.
const GAIN: f64 = 1.0;
/// Bounds of the share of the budget that is planned with.
const PLANNED: std::ops::RangeInclusive<f64> = 0.2..=1.0;
/// What a turn beyond HPA's costs, in steps of the mean size.
const TURN: f64 = 2.0;
/// Another candidate must be cheaper by this share to take over.
const HYSTERESIS: f64 = 0.01;
/// Most sizes that are looked at beyond the lowest in question.
const SIZES: usize = 192;
/// Shares under this end the look.
const SHARE_MIN: f64 = 1e-5;

#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Whether it looks ahead long.
    long: bool,
    /// Factor on the price of a shortage.
    price: f64,
    /// Share of the size that is not worth a shrinking.
    band: f64,
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
    /// Over the first step that a replica started now can serve.
    pub ready: Forecast<'a>,
    /// From the next step until a replica started then could serve.
    pub soon: Forecast<'a>,
    /// The same and a quarter of an hour more.
    pub later: Forecast<'a>,
}

/// A way of scaling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Rule {
    /// HPA with a target, a share of a replica's capacity, and a stabilization in steps.
    Hpa {
        /// The target.
        target: f64,
        /// The stabilization.
        stabilization: u32,
    },
    /// The forecast's distribution against a price of a shortage.
    Price {
        /// Replicas for a step that a shortage at the mean load is worth.
        price: f64,
        /// How patient it is before it shrinks, 0 and up.
        patience: u8,
    },
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hpa { target, stabilization } => {
                write!(f, "HPA at {:.0} % with {} s of stabilization", target * 100.0, stabilization * 15)
            }
            Self::Price { price, patience } => write!(f, "forecast at a price of {price}, patience {patience}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Candidate {
    rule: Rule,
    /// State of a reactive rule.
    hpa: Option<Hpa>,
    pool: Pool,
    account: Account,
}

/// What a way of scaling cost and failed, fading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    cost: f64,
    failed: f64,
    turns: f64,
    direction: i8,
}

/// The choice at a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The size to have.
    pub replicas: u32,
    /// Who asked for it.
    pub rule: Rule,
    /// Share of requests that it would have failed in the days before, by its shadow.
    pub would_fail: f64,
    /// Share of requests that were really failed in the days before.
    pub failed: f64,
}

/// The contest for one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    budget: f64,
    delay: u32,
    candidates: Vec<Candidate>,
    charge: usize,
    yardstick: usize,
    steps: u64,
    /// Weight of the next step; it grows, which is the same as letting all others fade.
    weight: f64,
    load: f64,
    failed: f64,
    mean: f64,
    /// Replicas that served since the last step.
    served: Option<u32>,
}

impl Contest {
    /// A contest for an error budget, the share of requests that may fail, and a start-up delay in steps of 15 s, with
    /// all shadows at `size` replicas.
    #[must_use]
    pub fn new(budget: f64, delay: u32, size: u32) -> Self {
        let priced = PRICES.iter().flat_map(|price| {
            (0..PATIENCES.len())
                .map(|patience| Rule::Price { price: *price, patience: u8::try_from(patience).unwrap_or(0) })
        });
        let reactive = TARGETS
            .iter()
            .flat_map(|target| STABILIZATIONS.map(|stabilization| Rule::Hpa { target: *target, stabilization }));
        let candidates: Vec<Candidate> = priced
            .chain(reactive)
            .map(|rule| Candidate {
                rule,
                hpa: match rule {
                    Rule::Hpa { target, stabilization } => Some(Hpa::new(target, stabilization, Metric::Pods)),
                    Rule::Price { .. } => None,
                },
                pool: Pool::new(size.max(1), delay),
                account: Account::default(),
            })
            .collect();
        let default = Rule::Hpa { target: DEFAULT.0, stabilization: DEFAULT.1 };
        let yardstick = candidates.iter().position(|candidate| candidate.rule == default).unwrap_or(0);
        Self {
            budget,
            delay,
            candidates,
            charge: yardstick,
            yardstick,
            steps: 0,
            weight: 1.0,
            load: 0.0,
            failed: 0.0,
            mean: 0.0,
            served: None,
        }
    }

    /// The start-up delay it counts with, in steps.
    #[must_use]
    pub const fn delay(&self) -> u32 {
        self.delay
    }

    /// A step of 15 s passed: accounts for what was seen, lets every shadow decide, and says what the one in charge asks
    /// for, given the real `pool`.
    pub fn step(&mut self, sight: &Sight<'_>, pool: &Pool) -> Choice {
        self.account(sight.demand);
        self.steps += 1;
        let table = Table::of(sight, self.mean.max(0.5));
        for candidate in &mut self.candidates {
            candidate.pool.pass();
            let to = table.size(candidate.rule, candidate.hpa.as_mut(), self.steps, &candidate.pool);
            let turned = candidate.account.turned(i64::from(to) - i64::from(candidate.pool.size()));
            if turned {
                candidate.account.turns += self.weight;
            }
            candidate.pool.resize(to);
        }
        if self.steps >= YOUNG && self.steps.is_multiple_of(CHOOSE_EVERY) && sight.expected.is_some() {
            self.choose();
        }
        let (rule, mut hpa, would_fail) = match self.candidates.get(self.charge) {
            Some(one) => (one.rule, one.hpa.clone(), self.share(one.account.failed)),
            None => (Rule::Hpa { target: DEFAULT.0, stabilization: DEFAULT.1 }, None, 0.0),
        };
        let replicas = table.size(rule, hpa.as_mut(), self.steps, pool);
        self.served = Some(pool.ready().min(replicas));
        Choice { replicas, rule, would_fail, failed: self.share(self.failed) }
    }

    fn share(&self, failed: f64) -> f64 {
        if self.load > 0.0 { failed / self.load } else { 0.0 }
    }

    /// Books the step that ended on every account.
    fn account(&mut self, demand: f64) {
        let steps = self.steps as f64 + 1.0;
        self.mean += (demand - self.mean) * (1.0 / steps).max(1.0 / 20_000.0);
        self.weight *= GROWTH;
        self.load += self.weight * demand;
        if self.served.is_some_and(|served| demand > f64::from(served)) {
            self.failed += self.weight * demand;
        }
        for candidate in &mut self.candidates {
            if demand > f64::from(candidate.pool.ready()) {
                candidate.account.failed += self.weight * demand;
            }
            candidate.account.cost += self.weight * f64::from(candidate.pool.size());
        }
        if self.weight > 1e6 {
            self.rescale(1.0 / self.weight);
        }
    }

    fn rescale(&mut self, by: f64) {
        self.weight *= by;
        self.load *= by;
        self.failed *= by;
        for candidate in &mut self.candidates {
            candidate.account.cost *= by;
            candidate.account.failed *= by;
            candidate.account.turns *= by;
        }
    }

    /// Puts the cheapest in charge that holds what may be planned with.
    fn choose(&mut self) {
        let spent = self.share(self.failed) / self.budget;
        let part = (SAFETY + GAIN * (SAFETY - spent)).clamp(*PLANNED.start(), *PLANNED.end());
        let most = self.budget * part * self.load;
        let turns = self.candidates.get(self.yardstick).map_or(0.0, |hpa| hpa.account.turns);
        let worth = |account: &Account| account.cost + TURN * self.mean * (account.turns - 0.9 * turns).max(0.0);
        let holds = self.candidates.iter().enumerate().filter(|(_, one)| one.account.failed <= most);
        let cheapest = holds.min_by(|a, b| worth(&a.1.account).total_cmp(&worth(&b.1.account)));
        let careful = || {
            let all = self.candidates.iter().enumerate();
            all.min_by(|a, b| a.1.account.failed.total_cmp(&b.1.account.failed))
        };
        let Some((place, one)) = cheapest.or_else(careful) else { return };
        let now = self.candidates.get(self.charge).map(|now| now.account);
        let stays = now.is_some_and(|now| now.failed <= most && worth(&one.account) > (1.0 - HYSTERESIS) * worth(&now));
        if !stays {
            self.charge = place;
        }
    }
}

/// Growth of the weight in a step: two to the power of one over the half-life.
const GROWTH: f64 = 1.0 + std::f64::consts::LN_2 / HALF_LIFE;

impl Account {
    /// Notes a change of size; says whether it turned.
    fn turned(&mut self, change: i64) -> bool {
        let direction = if change > 0 { 1 } else { -1 };
        if change == 0 {
            return false;
        }
        let turned = self.direction == -direction;
        self.direction = direction;
        turned
    }
}

/// What each rule asks for at one step, from the distributions.
struct Table {
    demand: f64,
    floor: u32,
    /// For each price, the size to start replicas for; for each price and patience, the size to keep.
    sizes: Option<[(u32, [u32; PATIENCES.len()]); PRICES.len()]>,
}

impl Table {
    fn of(sight: &Sight<'_>, mean: f64) -> Self {
        let floor = hpa::ceil(sight.demand).max(1);
        let sizes = sight.expected.map(|expected| {
            let each = [&expected.ready, &expected.soon, &expected.later];
            let lowest = |forecast: &&Forecast<'_>| forecast.centre() - 2.0 * forecast.scale();
            let lowest = each.iter().map(lowest).fold(f64::MAX, f64::min);
            let least = hpa::ceil((lowest / expected.capacity).floor().max(0.0));
            let mut tables = [[0.0; SIZES]; 3];
            let mut lengths = [0; 3];
            for ((forecast, table), length) in each.iter().zip(&mut tables).zip(&mut lengths) {
                let first = f64::from(least) * expected.capacity;
                *length = forecast.exceeding(first, expected.capacity, SHARE_MIN, table);
            }
            let [ready, soon, later] = &tables;
            let [a, b, c] = lengths;
            let cut =
                |table: &'_ [f64; SIZES], length: usize| table.get(..length).map(<[f64]>::to_vec).unwrap_or_default();
            let (ready, soon, later) = (cut(ready, a), cut(soon, b), cut(later, c));
            PRICES.map(|price| {
                let keep = PATIENCES.map(|patience| {
                    let table = if patience.long { &later } else { &soon };
                    price::best(price * patience.price, mean, least, table)
                });
                (price::best(price, mean, least, &ready), keep)
            })
        });
        Self { demand: sight.demand, floor, sizes }
    }

    /// The size that a rule asks for.
    fn size(&self, rule: Rule, hpa: Option<&mut Hpa>, step: u64, pool: &Pool) -> u32 {
        match (rule, hpa) {
            (Rule::Hpa { .. }, Some(hpa)) => hpa.size(step, self.demand, pool),
            (Rule::Price { price, patience }, _) => self.priced(price, patience, pool.size()),
            (Rule::Hpa { .. }, None) => pool.size(),
        }
    }

    fn priced(&self, price: f64, patience: u8, size: u32) -> u32 {
        let place = PRICES.iter().position(|known| *known >= price).unwrap_or(PRICES.len() - 1);
        let Some((ready, keep)) = self.sizes.as_ref().and_then(|sizes| sizes.get(place)) else {
            // Nothing is expected yet: as HPA at its usual target would have it, without shrinking.
            return hpa::ceil(self.demand / DEFAULT.0).max(size);
        };
        let keep = keep.get(usize::from(patience)).copied().unwrap_or(size);
        let band = PATIENCES.get(usize::from(patience)).map_or(0.0, |patience| patience.band);
        let keep = if f64::from(keep) > f64::from(size) * (1.0 - band) { keep.max(size) } else { keep };
        (*ready).max(self.floor).max(size.min(keep))
    }
}

/// The stretches that a forecaster with steps of 15 s must be asked for, in the order of [`Expected`], for a start-up
/// delay in steps.
#[must_use]
pub fn stretches(delay: u32) -> [Stretch; 3] {
    let next = delay + 1;
    [
        Stretch { from: next, until: next + 1 },
        Stretch { from: 1, until: next + 1 },
        Stretch { from: 1, until: delay + PATIENT_STEPS },
    ]
}
