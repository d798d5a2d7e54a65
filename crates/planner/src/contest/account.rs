//! What a way of scaling cost and failed, fading with time.

use serde::{Deserialize, Serialize};

/// A record counts half after this many steps: two and a half days.
const HALF_LIFE: f64 = 2.5 * 5760.0;
/// What counts as today's fades in a day.
const HALF_LIFE_TODAY: f64 = 5760.0;
/// Growth of the weights in a step: two to the power of one over the half-life.
const GROWTH: f64 = 1.0 + std::f64::consts::LN_2 / HALF_LIFE;
const GROWTH_TODAY: f64 = 1.0 + std::f64::consts::LN_2 / HALF_LIFE_TODAY;
/// Weights beyond this are brought back to one.
const WEIGHT_MAX: f64 = 1e6;

/// What all accounts are kept in. The weight of the next step grows, which is the same as letting all others fade.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Books {
    pub(crate) weight: f64,
    weight_today: f64,
    pub(crate) load: f64,
    pub(crate) load_today: f64,
}

impl Default for Books {
    fn default() -> Self {
        Self { weight: 1.0, weight_today: 1.0, load: 0.0, load_today: 0.0 }
    }
}

impl Books {
    /// A step with this demand ended.
    pub(crate) fn pass(&mut self, demand: f64) {
        self.weight *= GROWTH;
        self.weight_today *= GROWTH_TODAY;
        self.load += self.weight * demand;
        self.load_today += self.weight_today * demand;
    }

    /// Brings the weights back when they have grown large; gives the factors for all accounts.
    pub(crate) fn rescale(&mut self) -> Option<(f64, f64)> {
        if self.weight.max(self.weight_today) < WEIGHT_MAX {
            return None;
        }
        let (slow, fast) = (1.0 / self.weight, 1.0 / self.weight_today);
        *self = Self { weight: 1.0, weight_today: 1.0, load: self.load * slow, load_today: self.load_today * fast };
        Some((slow, fast))
    }

    /// Share of all requests.
    pub(crate) fn share(&self, failed: f64) -> f64 {
        if self.load > 0.0 { failed / self.load } else { 0.0 }
    }
}

/// The account of a way of scaling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) cost: f64,
    pub(crate) failed: f64,
    pub(crate) failed_today: f64,
    pub(crate) turns: f64,
    direction: i8,
}

impl Account {
    /// Books a step in which this was paid for, and this could be served.
    pub(crate) fn book(&mut self, paid: f64, able: f64, demand: f64, books: &Books) {
        if demand > able {
            self.failed += books.weight * demand;
            self.failed_today += books.weight_today * demand;
        }
        self.cost += books.weight * paid;
    }

    /// Notes a change of size, and whether it turned.
    pub(crate) fn turn(&mut self, change: i64, books: &Books) {
        let direction = match change {
            0 => return,
            1.. => 1,
            _ => -1,
        };
        if self.direction == -direction {
            self.turns += books.weight;
        }
        self.direction = direction;
    }

    pub(crate) fn rescale(&mut self, slow: f64, fast: f64) {
        self.cost *= slow;
        self.failed *= slow;
        self.failed_today *= fast;
        self.turns *= slow;
    }
}
