//! Ways of scaling that run in shadow: HPA at a target, or the forecast's distribution against a price of a shortage.

use std::fmt;

use serde::{Deserialize, Serialize};
use tenantry_forecast::Forecast;

use super::account::{Account, Books};
use super::hpa::{self, Hpa, Metric};
use super::pool::Pool;
use super::price::{Shortage, shortages};
use super::{Expected, Sight};

/// Prices of a shortage, in replicas for a step, for the mean load.
const PRICES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];
/// Patiences: what may idle before a rule shrinks, in steps of its whole size.
///
/// Shrinking now saves what idles; growing back soon costs a turn. As whoever rents skis buys them once the rent has
/// come to their price, a rule shrinks once what idled has come to its patience: soon when much idles, late when little.
const PATIENCES: [u16; 7] = [1, 4, 8, 16, 32, 128, 2048];
/// Targets of the reactive candidates, with their stabilization in steps.
const TARGETS: [f64; 8] = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
const STABILIZATIONS: [u32; 2] = [1, 20];
/// The reactive candidate that rules before anything is known, and whose turns are the measure of others'.
pub(super) const DEFAULT: Rule = Rule::Hpa { target: DEFAULT_TARGET, stabilization: 20 };
const DEFAULT_TARGET: f64 = 0.7;
/// Most sizes that are looked at beyond the lowest in question.
const SIZES: usize = 192;
/// How wide a look is, in scales of the forecast: from two under the centre to where next to nothing is left.
const WIDTH: f64 = 14.0;
/// Shares under this end the look.
const SHARE_MIN: f64 = 1e-5;

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
        /// What may idle before it shrinks, in steps of its whole size.
        patience: u16,
    },
}

impl Rule {
    /// All that compete.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let priced = PRICES
            .into_iter()
            .flat_map(|price| PATIENCES.into_iter().map(move |patience| Self::Price { price, patience }));
        let reactive = TARGETS.into_iter().flat_map(|target| {
            STABILIZATIONS.into_iter().map(move |stabilization| Self::Hpa { target, stabilization })
        });
        priced.chain(reactive)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hpa { target, stabilization } => {
                write!(f, "HPA at {:.0} % with {} s of stabilization", target * 100.0, stabilization * 15)
            }
            Self::Price { price, patience } => write!(
                f,
                "forecast, a shortage priced at {price}, shrinking once {} min of the whole size have idled",
                f64::from(*patience) / 4.0
            ),
        }
    }
}

/// What a way of scaling remembers between steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Memory {
    Hpa(Box<Hpa>),
    /// Place of the price, and what has idled.
    Price {
        place: u8,
        idle: f64,
    },
}

/// A way of scaling with its shadow and its account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    rule: Rule,
    memory: Memory,
    pool: Pool,
    account: Account,
}

impl Candidate {
    pub(super) fn new(rule: Rule, pool: Pool) -> Self {
        let memory = match rule {
            Rule::Hpa { target, stabilization } => Memory::Hpa(Box::new(Hpa::new(target, stabilization, Metric::Pods))),
            Rule::Price { price, .. } => {
                let place = PRICES.iter().position(|known| *known >= price).unwrap_or(PRICES.len() - 1);
                Memory::Price { place: u8::try_from(place).unwrap_or(0), idle: 0.0 }
            }
        };
        Self { rule, memory, pool, account: Account::default() }
    }

    pub(super) const fn rule(&self) -> Rule {
        self.rule
    }

    pub(super) const fn account(&self) -> &Account {
        &self.account
    }

    /// Gives its shadow replicas with another start-up delay.
    pub(super) fn restart(&mut self, delay: u32) {
        let (ready, size) = (self.pool.ready(), self.pool.size());
        self.pool = Pool::new(ready, delay);
        self.pool.resize(size);
    }

    /// Books the step that ended on its account.
    pub(super) fn book(&mut self, demand: f64, books: &Books) {
        self.account.book(f64::from(self.pool.size()), f64::from(self.pool.ready()), demand, books);
    }

    pub(super) fn rescale(&mut self, slow: f64, fast: f64) {
        self.account.rescale(slow, fast);
    }

    /// Lets its shadow pass a step and decide.
    pub(super) fn step(&mut self, table: &Table, step: u64, (least, most): (u32, u32), books: &Books) {
        self.pool.pass();
        let to = table.size(self.rule, &mut self.memory, step, &self.pool).clamp(least, most);
        self.account.turn(i64::from(to) - i64::from(self.pool.size()), books);
        self.pool.resize(to);
    }

    /// What it asks for, given the real replicas.
    pub(super) fn ask(&self, table: &Table, step: u64, pool: &Pool) -> u32 {
        table.size(self.rule, &mut self.memory.clone(), step, pool)
    }
}

/// The best size against a distribution, for each price. Sizes are looked at one by one, or in strides where too many
/// are in question.
fn best(forecast: &Forecast<'_>, capacity: f64, mean: f64) -> [u32; PRICES.len()] {
    let least = hpa::ceil(((forecast.centre() - 2.0 * forecast.scale()) / capacity).floor().max(0.0));
    let width = WIDTH * forecast.scale() / capacity;
    let stride = hpa::ceil(width / f64::from(u16::try_from(SIZES).unwrap_or(u16::MAX))).max(1);
    let (mut exceeding, mut short) = ([0.0; SIZES], [Shortage::default(); SIZES]);
    let step = f64::from(stride) * capacity;
    let sizes = forecast.exceeding(f64::from(least) * capacity, step, SHARE_MIN, &mut exceeding).min(SIZES);
    let short = match (exceeding.get(..sizes), short.get_mut(..sizes)) {
        (Some(exceeding), Some(short)) => shortages(least, stride, exceeding, short),
        _ => &[],
    };
    PRICES.map(|price| Shortage::best(short, price / mean).unwrap_or(least))
}

/// What the rules of ours ask for at one step.
pub(super) struct Table {
    demand: f64,
    floor: u32,
    burst: bool,
    /// For each price, the size to start replicas for, and the size to keep.
    sizes: Option<[(u32, u32); PRICES.len()]>,
}

impl Table {
    /// From what is seen, in a burst the demand to be ready for, and the mean demand.
    pub(super) fn of(sight: &Sight<'_>, burst: Option<f64>, mean: f64) -> Self {
        let floor = hpa::ceil(burst.map_or(sight.demand, |ahead| ahead.max(sight.demand))).max(1);
        let sizes = sight.expected.map(|expected| {
            let Expected { capacity, ready, soon } = expected;
            let best = |forecast| best(&forecast, capacity, mean);
            let (ready, soon) = (best(ready), best(soon));
            let mut sizes = [(0, 0); PRICES.len()];
            for (both, each) in sizes.iter_mut().zip(ready.into_iter().zip(soon)) {
                *both = each;
            }
            sizes
        });
        Self { demand: sight.demand, floor, burst: burst.is_some(), sizes }
    }

    /// The size to start replicas for at a price.
    #[cfg(test)]
    pub(super) fn starts(&self, price: f64) -> Option<u32> {
        let place = PRICES.iter().position(|known| *known >= price)?;
        self.sizes.as_ref()?.get(place).map(|(ready, _)| *ready)
    }

    /// The size that a rule asks for.
    fn size(&self, rule: Rule, memory: &mut Memory, step: u64, pool: &Pool) -> u32 {
        match (rule, memory) {
            (_, Memory::Hpa(hpa)) => hpa.size(step, self.demand, pool),
            (Rule::Price { patience, .. }, Memory::Price { place, idle }) => {
                self.priced(usize::from(*place), patience, idle, pool.size())
            }
            (Rule::Hpa { .. }, Memory::Price { .. }) => pool.size(),
        }
    }

    fn priced(&self, place: usize, patience: u16, idle: &mut f64, size: u32) -> u32 {
        let Some((ready, keep)) = self.sizes.as_ref().and_then(|sizes| sizes.get(place)) else {
            // Nothing is expected yet: as HPA at its usual target would have it, without shrinking.
            return hpa::ceil(self.demand / DEFAULT_TARGET).max(size);
        };
        let want = (*ready).max(self.floor);
        let keep = (*keep).max(want);
        if keep >= size || self.burst {
            *idle = 0.0;
            return want.max(size);
        }
        *idle += f64::from(size - keep) / f64::from(size);
        if *idle < f64::from(patience) {
            return size;
        }
        *idle = 0.0;
        keep
    }
}
