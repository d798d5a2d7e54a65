//! The clairvoyant optimum: the least replica-time that keeps to an error budget, for someone who knows the future.
//!
//! With a price on each failed request the budget drops out, and the cheapest sizes `r` minimise
//! `sum r_t + D * (r_t - r_(t-1))^+ + price * load_t * [r_t < need_t]`, where `D` is the start-up delay in steps: a
//! replica is paid for while it starts. That is solved step by step with the cheapest way to each size (prefix and
//! suffix minima, so a step costs as much as there are sizes). The price is then raised until the budget is kept. The
//! cheapest solution that keeps it is what is reported; the multiplier's bound below says how far from the true optimum
//! it can be at most.

use super::Trail;
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

/// A way to a size: what it is worth, its cost, and the load that it failed.
#[derive(Clone, Copy)]
struct Way {
    worth: f64,
    cost: f64,
    failed: f64,
}

impl Way {
    fn with(self, cost: f64) -> Self {
        Self { worth: self.worth + cost, cost: self.cost + cost, ..self }
    }
}

/// The optimum for `demand` in replicas, a start-up delay in steps, the most replicas, and the share of load that may
/// fail. The first size is free of its start.
#[must_use]
pub fn optimum(demand: &[f64], delay: f64, most: u32, budget: f64) -> Optimum {
    let most = most.max(1);
    let total: f64 = demand.iter().sum();
    let (mut low, mut high) = PRICES;
    let careful = cheapest(demand, delay, most, high);
    let mut best = Optimum {
        cost: careful.cost,
        bound: careful.cost,
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
        let way = cheapest(demand, delay, most, price);
        // Weak duality: what the priced problem is worth, less the price of the budget, bounds the true one from below.
        best.bound = best.bound.max(way.worth - price * budget * total);
        if way.failed <= budget * total {
            if way.cost <= best.cost {
                (best.cost, best.failed, best.price) = (way.cost, way.failed, price);
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

/// The cheapest way through `demand` at a price.
fn cheapest(demand: &[f64], delay: f64, most: u32, price: f64) -> Way {
    let sizes = demand.iter().map(|load| need(*load)).max().unwrap_or(1).min(most as usize);
    let mut ways = vec![Way { worth: 0.0, cost: 0.0, failed: 0.0 }; sizes];
    for load in demand {
        step(&mut ways, need(*load), *load, delay, price);
    }
    let none = Way { worth: 0.0, cost: 0.0, failed: 0.0 };
    ways.into_iter().min_by(|a, b| a.worth.total_cmp(&b.worth)).unwrap_or(none)
}

/// One step: to each size from whichever size before is the cheapest, then its own cost.
fn step(ways: &mut [Way], need: usize, load: f64, delay: f64, price: f64) {
    // Growing costs the delay for each replica: from left to right.
    let mut best: Option<Way> = None;
    for way in ways.iter_mut() {
        let grown = best.map(|best| best.with(delay)).filter(|grown| grown.worth < way.worth);
        *way = grown.unwrap_or(*way);
        best = Some(*way);
    }
    // Shrinking is free: from right to left.
    let mut best: Option<Way> = None;
    for (place, way) in ways.iter_mut().enumerate().rev() {
        if let Some(best) = best.filter(|best| best.worth < way.worth) {
            *way = best;
        }
        best = Some(*way);
        #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
        let size = (place + 1) as f64;
        *way = way.with(size);
        if place + 1 < need {
            way.worth += price * load;
            way.failed += load;
        }
    }
}

impl Optimum {
    /// The sizes of the optimum, found again with what was remembered of its price.
    pub(crate) fn sizes(&self, demand: &[f64]) -> Vec<u32> {
        let sizes = demand.iter().map(|load| need(*load)).max().unwrap_or(1).min(self.most as usize);
        let mut ways = vec![Way { worth: 0.0, cost: 0.0, failed: 0.0 }; sizes];
        let mut worths = Vec::with_capacity(demand.len());
        for load in demand {
            // Worth of having each size before this step's own cost, narrow to keep years in memory.
            worths.push(ways.iter().map(|way| way.worth).collect::<Vec<f64>>());
            step(&mut ways, need(*load), *load, self.delay, self.price);
        }
        let least = ways.iter().enumerate().min_by(|a, b| a.1.worth.total_cmp(&b.1.worth));
        let mut size = least.map_or(0, |(place, _)| place);
        let mut back = Vec::with_capacity(demand.len());
        for before in worths.iter().rev() {
            back.push(u32::try_from(size + 1).unwrap_or(u32::MAX));
            let from = |(place, worth): (usize, &f64)| {
                #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
                let grown = size.saturating_sub(place) as f64;
                (place, worth + self.delay * grown)
            };
            let best = before.iter().enumerate().map(from).min_by(|a, b| a.1.total_cmp(&b.1));
            size = best.map_or(0, |(place, _)| place);
        }
        back.reverse();
        back
    }

    /// The account of the optimum, whose sizes leave a trail from step `from` on.
    pub(crate) fn tally(&self, demand: &[f64], from: usize, trail: &mut Trail) -> Tally {
        let mut tally = Tally::default();
        let sizes = self.sizes(demand);
        let mut before = sizes.first().copied().unwrap_or(1);
        for (step, (size, load)) in sizes.iter().zip(demand).enumerate() {
            let change = i64::from(*size) - i64::from(before);
            #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
            let started = self.delay * change.max(0) as f64;
            trail.add(from + step, f64::from(*size));
            tally.book(step, f64::from(*size) + started, f64::from(*size), *load, change);
            before = *size;
        }
        tally
    }
}
