//! The clairvoyant optimum: the least replica-time that keeps to an error budget, for someone who knows the future.
//!
//! With a price on each failed request the budget drops out, and the cheapest sizes `r` minimise
//! `sum r_t + D * (r_t - r_(t-1))^+ + price * load_t * [r_t < need_t]`, where `D` is the start-up delay in steps: a
//! replica is paid for while it starts. That is solved step by step with the cheapest way to each size (prefix and
//! suffix minima, so a step costs as much as there are sizes). The price is then raised until the budget is kept. The
//! cheapest solution that keeps it is what is reported; the multiplier's bound below says how far from the true optimum
//! it can be at most.

use std::collections::VecDeque;

use super::Kept;
use super::policy::{Ran, whole};
use super::score::Tally;

/// Tries of a price.
const TRIES: usize = 14;
/// Prices between which the right one lies, in replica-steps for a unit of load.
const PRICES: (f64, f64) = (1e-4, 1e5);

/// The optimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimum {
    /// Replicas times steps of the cheapest sizes found.
    pub cost: f64,
    /// No sizes that keep the budget cost less.
    pub bound: f64,
    /// Load that fails under them.
    pub failed: f64,
    /// Whether the budget is kept; where even the most replicas cannot keep it, the least failing sizes are given.
    pub keeps: bool,
    delay: f64,
    most: u32,
    price: f64,
}

/// How a way came to a size in a step: from the next smaller one, or the next larger one.
const GROWN: u8 = 1;
const SHRUNK: u8 = 2;

/// A way to a size: what it is worth, and the load that it failed. Its cost is the rest of its worth.
#[derive(Clone, Copy, Default)]
struct Way {
    worth: f64,
    failed: f64,
}

impl Way {
    fn or(self, other: Self) -> Self {
        if other.worth < self.worth { other } else { self }
    }

    /// Rounded to what the difference of two large numbers can tell.
    fn cost(&self, price: f64) -> f64 {
        libm::round((self.worth - price * self.failed) * 1e4) / 1e4
    }
}

/// The optimum for `demand` in replicas, a start-up delay in steps, the most replicas, and the share of load that may
/// fail. The first size is free of its start.
#[must_use]
pub fn optimum(demand: &[f64], delay: f64, most: u32, budget: f64) -> Optimum {
    let most = most.max(1);
    let total: f64 = demand.iter().sum();
    let (mut low, mut high) = PRICES;
    let useful = useful(demand, delay, most);
    let careful = cheapest(demand, &useful, delay, high);
    let mut best = Optimum {
        cost: careful.cost(high),
        bound: careful.cost(high),
        failed: careful.failed,
        keeps: careful.failed <= budget * total,
        delay,
        most,
        price: high,
    };
    if !best.keeps {
        return best;
    }
    best.bound = 0.0;
    for _ in 0..TRIES {
        let price = libm::sqrt(low * high);
        let way = cheapest(demand, &useful, delay, price);
        // Weak duality: what the priced problem is worth, less the price of the budget, bounds the true one from below.
        best.bound = best.bound.max(way.worth - price * budget * total);
        if way.failed <= budget * total {
            let cost = way.cost(price);
            if cost <= best.cost {
                (best.cost, best.failed, best.price) = (cost, way.failed, price);
            }
            high = price;
        } else {
            low = price;
        }
    }
    best
}

fn need(load: f64) -> usize {
    tenantry_planner::contest::whole(load).max(1) as usize
}

/// The most replicas that are of use at each step. A replica that nothing asks for in the delay before and after may as
/// well go and be started anew, so no size is looked at over the largest need in that stretch.
fn useful(demand: &[f64], delay: f64, most: u32) -> Vec<usize> {
    let reach = whole(delay) as usize;
    let mut useful = vec![1; demand.len()];
    // Steps whose need is larger than all after it, falling: the largest of a stretch is the first still in it.
    let mut peaks: VecDeque<(usize, usize)> = VecDeque::new();
    let needs = demand.iter().map(|load| need(*load).min(most as usize)).map(Some);
    for (step, need) in needs.chain(std::iter::repeat_n(None, reach)).enumerate() {
        if let Some(need) = need {
            while peaks.back().is_some_and(|(_, before)| *before <= need) {
                peaks.pop_back();
            }
            peaks.push_back((step, need));
        }
        let Some(middle) = step.checked_sub(reach) else { continue };
        while peaks.front().is_some_and(|(at, _)| at + reach < middle) {
            peaks.pop_front();
        }
        if let (Some(useful), Some((_, largest))) = (useful.get_mut(middle), peaks.front()) {
            *useful = *largest;
        }
    }
    useful
}

/// The cheapest way through `demand` at a price.
fn cheapest(demand: &[f64], useful: &[usize], delay: f64, price: f64) -> Way {
    let mut ways = vec![Way::default(); useful.first().copied().unwrap_or(1)];
    for (load, useful) in demand.iter().zip(useful) {
        step(&mut ways, *useful, *load, (delay, price), |_, _| {});
    }
    ways.into_iter().min_by(|a, b| a.worth.total_cmp(&b.worth)).unwrap_or_default()
}

/// One step: to each of the useful sizes from whichever size before is the cheapest, then its own cost. `mark` is told
/// how each size was come to.
fn step(ways: &mut Vec<Way>, useful: usize, load: f64, (delay, price): (f64, f64), mut mark: impl FnMut(usize, u8)) {
    // Growing costs the delay for each replica: from left to right.
    let mut best = Way { worth: f64::MAX, failed: 0.0 };
    for (place, way) in ways.iter_mut().enumerate() {
        let grown = Way { worth: best.worth + delay, ..best };
        if grown.worth < way.worth {
            mark(place, GROWN);
        }
        best = way.or(grown);
        *way = best;
    }
    while ways.len() < useful {
        mark(ways.len(), GROWN);
        best.worth += delay;
        ways.push(best);
    }
    // Shrinking is free: from right to left.
    let mut best = Way { worth: f64::MAX, failed: 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
    let mut size = ways.len() as f64;
    let short = need(load) - 1;
    for (place, way) in ways.iter_mut().enumerate().rev() {
        if best.worth < way.worth {
            mark(place, SHRUNK);
        }
        best = way.or(best);
        let failed = if place < short { load } else { 0.0 };
        *way = Way { worth: best.worth + size + price * failed, failed: best.failed + failed };
        size -= 1.0;
    }
    ways.truncate(useful);
}

impl Optimum {
    /// The sizes of the optimum, found again with what was remembered of its price.
    pub(crate) fn sizes(&self, demand: &[f64]) -> Vec<u32> {
        let useful = useful(demand, self.delay, self.most);
        let mut ways = vec![Way::default(); useful.first().copied().unwrap_or(1)];
        let (mut marks, mut starts) = (Vec::new(), Vec::with_capacity(demand.len()));
        for (load, useful) in demand.iter().zip(&useful) {
            let start = marks.len();
            starts.push(start);
            marks.resize(start + ways.len().max(*useful), 0);
            step(&mut ways, *useful, *load, (self.delay, self.price), |place, how| {
                if let Some(mark) = marks.get_mut(start + place) {
                    *mark |= how;
                }
            });
        }
        let least = ways.iter().enumerate().min_by(|a, b| a.1.worth.total_cmp(&b.1.worth));
        let mut place = least.map_or(0, |(place, _)| place);
        let mut back = Vec::with_capacity(demand.len());
        for start in starts.into_iter().rev() {
            back.push(u32::try_from(place + 1).unwrap_or(u32::MAX));
            let is = |place: usize, how: u8| marks.get(start + place).is_some_and(|mark| mark & how != 0);
            while is(place, SHRUNK) {
                place += 1;
            }
            while is(place, GROWN) {
                place -= 1;
            }
        }
        back.reverse();
        back
    }

    /// How the optimum comes out on `demand`, which begins at step `from`.
    pub(super) fn run(&self, demand: &[f64], from: usize) -> Ran {
        let (mut tally, mut kept) = (Tally::default(), Kept::new(from, from + demand.len()));
        let sizes = self.sizes(demand);
        let mut before = sizes.first().copied().unwrap_or(1);
        for (step, (size, load)) in sizes.iter().zip(demand).enumerate() {
            let change = i64::from(*size) - i64::from(before);
            #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
            let started = self.delay * change.max(0) as f64;
            kept.trail.add(from + step, f64::from(*size));
            kept.latency.book(*size, *load);
            tally.book(step, f64::from(*size) + started, f64::from(*size), *load, change);
            before = *size;
        }
        Ran { tally, setting: "knows the future".to_owned(), kept }
    }
}
