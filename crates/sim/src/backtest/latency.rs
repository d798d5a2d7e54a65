//! How long requests took, by a formula: what a policy's replicas and the load of each step make of it.
//!
//! The replicas that serve are the servers of an M/M/c queue: in a step with `c` of them and a load of `a` replicas, a
//! request waits with Erlang's probability `C(c, a)`, then for an exponential time with mean `1 / (c - a)` service times,
//! and is served in an exponential one with mean 1 (A. K. Erlang, 1917; Gross, Shortle, Thompson and Harris, Fundamentals
//! of Queueing Theory, section 3.3). The mean is `1 + C(c, a) / (c - a)`, and is the same where the replicas share their
//! processors among requests. Each step is taken for stationary.
//!
//! A queue close to its capacity takes longer than a step to become what the formula says, so a step counts as at most
//! [`USED_MAX`] used. What a load is over the capacity of its step piles up in it and is worked off in order: the requests
//! of such a step wait longer by anything from nothing to what has piled up at its end, `a / c - 1` steps, at most one.
//! As everywhere in this world, nothing of it is carried on.
//!
//! Requests are counted by `c` and by how much of it was used, which costs a few operations a step; what those come to is
//! worked out once at the end. Between the places of the grid the load is split, so the mean is that of a line through
//! them.

use tenantry_planner::contest::Pool;

use super::{STEP_SECS, World};

/// The share of the capacity up to which the formula is used.
const USED_MAX: f64 = 0.99;
/// Places for shares up to that.
const USED: usize = 256;
/// Places for what is over the capacity, up to as much again.
const OVER: usize = 64;
/// Points of an overloaded step at which its waits are looked at.
const POINTS: u32 = 8;
/// Halvings when a quantile is looked for.
const HALVINGS: u32 = 40;
/// The quantile that is told.
const QUANTILE: f64 = 0.95;

/// Erlang's C: the probability that a request has to wait, of `servers` with an offered load of `offered` servers.
/// One from there on that nothing is left.
///
/// By the recursion of Erlang's B, `B(k) = a B(k-1) / (k + a B(k-1))`, in which nothing can overflow.
#[must_use]
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let all = f64::from(servers);
    if offered >= all {
        return 1.0;
    }
    let blocked = (1..=servers).fold(1.0, |before, server| {
        let carried = offered * before;
        carried / (f64::from(server) + carried)
    });
    let used = offered / all;
    blocked / (1.0 - used * (1.0 - blocked))
}

/// A queue in a step: its servers, the probability of a wait, and what is left of the servers.
#[derive(Clone, Copy)]
struct Queue {
    waits: f64,
    left: f64,
}

impl Queue {
    fn new(servers: u32, used: f64) -> Self {
        let offered = f64::from(servers) * used;
        Self { waits: erlang_c(servers, offered), left: f64::from(servers) - offered }
    }

    /// The mean, in service times.
    fn mean(self) -> f64 {
        1.0 + self.waits / self.left
    }

    /// The share of requests that take longer than so many service times.
    fn tail(self, time: f64) -> f64 {
        if time <= 0.0 {
            return 1.0;
        }
        let (served, waited) = (libm::exp(-time), libm::exp(-self.left * time));
        // Of those that wait: a wait and a service, both exponential.
        let both = if (self.left - 1.0).abs() < 1e-6 {
            (1.0 + time) * served
        } else {
            (self.left * served - waited) / (self.left - 1.0)
        };
        served + self.waits * (both - served)
    }
}

/// Requests by how long they take: some places of a queue with their load.
struct Place {
    queue: Queue,
    /// The longest that requests wait for what has piled up, in service times.
    backlog: f64,
    load: f64,
}

impl Place {
    fn mean(&self) -> f64 {
        self.queue.mean() + self.backlog / 2.0
    }

    fn tail(&self, time: f64) -> f64 {
        if self.backlog <= 0.0 {
            return self.queue.tail(time);
        }
        let at = |point: u32| (f64::from(point) + 0.5) / f64::from(POINTS) * self.backlog;
        (0..POINTS).map(|point| self.queue.tail(time - at(point))).sum::<f64>() / f64::from(POINTS)
    }
}

/// Load by replicas that served and how much of them was used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latency(Vec<Option<Box<[f64; USED + OVER + 1]>>>);

/// How long requests took, in service times.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Took {
    /// On the mean over requests.
    pub mean: f64,
    /// The 95 % quantile over requests.
    pub p95: f64,
    /// The share of requests that took longer than the objective, where there is one.
    pub late_share: Option<f64>,
}

impl Latency {
    /// A step in which `pool` met `load`.
    pub(crate) fn add(&mut self, pool: &Pool, load: f64) {
        self.book(pool.ready(), load);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place, clamped on the same line")]
    #[expect(clippy::cast_precision_loss, reason = "numbers of places")]
    pub(crate) fn book(&mut self, ready: u32, load: f64) {
        let servers = ready as usize;
        if self.0.len() <= servers {
            self.0.resize_with(servers + 1, || None);
        }
        let Some(row) = self.0.get_mut(servers) else { return };
        let row = row.get_or_insert_with(|| Box::new([0.0; USED + OVER + 1]));
        let used = if ready == 0 { f64::INFINITY } else { load / f64::from(ready) };
        let at = if used > 1.0 {
            USED as f64 + ((used - 1.0) * OVER as f64).min(OVER as f64)
        } else {
            used.min(USED_MAX) / USED_MAX * USED as f64
        };
        let place = (at as usize).min(USED + OVER);
        let part = at - place as f64;
        if let Some(here) = row.get_mut(place) {
            *here += load * (1.0 - part);
        }
        if part > 0.0
            && let Some(next) = row.get_mut(place + 1)
        {
            *next += load * part;
        }
    }

    fn places(&self, world: &World) -> Vec<Place> {
        let step = f64::from(STEP_SECS) * 1000.0 / f64::from(world.service_time_ms.max(1));
        let mut all = Vec::new();
        for (row, servers) in self.0.iter().zip(0_u32..) {
            let Some(row) = row else { continue };
            for (load, place) in row.iter().zip(0_u16..).filter(|(load, _)| **load > 0.0) {
                let place = f64::from(place);
                #[expect(clippy::cast_precision_loss, reason = "numbers of places")]
                let (used, over) = ((place / USED as f64).min(1.0), (place - USED as f64).max(0.0) / OVER as f64);
                // Where nothing serves everything piles up.
                let queue = Queue::new(servers.max(1), used * USED_MAX);
                all.push(Place { queue, backlog: over * step, load: *load });
            }
        }
        all
    }

    /// How long requests took in a world.
    pub(crate) fn took(&self, world: &World) -> Took {
        let places = self.places(world);
        let load: f64 = places.iter().map(|place| place.load).sum();
        if load <= 0.0 {
            return Took { late_share: world.latency_objective.map(|_| 0.0), ..Took::default() };
        }
        let mean = places.iter().map(|place| place.load * place.mean()).sum::<f64>() / load;
        let tail = |time: f64| places.iter().map(|place| place.load * place.tail(time)).sum::<f64>() / load;
        let (mut low, mut high) = (0.0, 1.0);
        while tail(high) > 1.0 - QUANTILE && high < 1e9 {
            high *= 2.0;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if tail(middle) > 1.0 - QUANTILE {
                low = middle;
            } else {
                high = middle;
            }
        }
        Took { mean, p95: high, late_share: world.latency_objective.map(tail) }
    }
}

/// What is assumed, in words.
pub(super) fn assumptions(world: &World) -> Vec<String> {
    let mut all = vec![
        format!(
            "response times are those of an M/M/c queue in each step, in service times of {} ms: the ready replicas are its \
             servers, a request waits with the probability of Erlang's C formula (1917), and a step counts as at most {:.0} % used",
            world.service_time_ms,
            USED_MAX * 100.0
        ),
        "load over the capacity of a step piles up in it and is worked off in order, for at most a step".to_owned(),
    ];
    if let Some(objective) = world.latency_objective {
        all.push(format!(
            "requests outside the objective are those that by this formula take longer than {objective} service times ({:.0} ms); \
             minutes and incidents are still those of overloaded steps, and policies plan for these",
            objective * f64::from(world.service_time_ms)
        ));
    }
    all
}

#[cfg(test)]
mod tests;
