//! What a history cost and how well it served.

use serde::{Deserialize, Serialize};
use tenantry_domain::unit::{MicroUsd, Replicas, Span};

/// Cost and service of one workload, or of many together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Hours that were scored.
    pub hours: f64,
    /// Hours in which not all load could be served.
    pub short_hours: f64,
    /// Replicas times hours.
    pub replica_hours: f64,
    /// Dollars.
    pub cost_usd: f64,
    /// Requests that came.
    pub asked: f64,
    /// Requests that could not be served.
    pub missed: f64,
    /// Times that it stopped being able to serve.
    pub incidents: u64,
    short_now: bool,
}

impl Score {
    /// Adds a stretch of even load.
    pub fn add(&mut self, lasted: Span, replicas: Replicas, load: f64, able: f64, replica_hour: MicroUsd) {
        #[expect(clippy::cast_precision_loss, reason = "a stretch of a history is far under 2^53 milliseconds")]
        let secs = lasted.as_millis() as f64 / 1000.0;
        let hours = secs / 3600.0;
        let replica_hours = f64::from(replicas.get()) * hours;
        self.hours += hours;
        self.replica_hours += replica_hours;
        #[expect(clippy::cast_precision_loss, reason = "a price is far under 2^53 millionths")]
        let price = replica_hour.0 as f64 / 1e6;
        self.cost_usd += replica_hours * price;
        self.asked += load * secs;
        // A rounding error is no shortage.
        let short = load > able * (1.0 + 1e-9);
        if short {
            self.missed += (load - able) * secs;
            self.short_hours += hours;
            self.incidents += u64::from(!self.short_now);
        }
        self.short_now = short;
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.hours += other.hours;
        self.short_hours += other.short_hours;
        self.replica_hours += other.replica_hours;
        self.cost_usd += other.cost_usd;
        self.asked += other.asked;
        self.missed += other.missed;
        self.incidents += other.incidents;
        self
    }

    /// Share of time with enough capacity, from 0 to 1.
    #[must_use]
    pub fn availability(&self) -> f64 {
        if self.hours > 0.0 { 1.0 - self.short_hours / self.hours } else { 1.0 }
    }
}
