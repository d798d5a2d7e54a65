//! Tenantry held to what HPA really failed: its error budget is the share of requests that HPA at its target failed on
//! the first half, which whoever has that HPA knows. So the two can be compared at the same quality, whatever the budget
//! that the rest of a report is about.

use serde::{Deserialize, Serialize};

use super::report::{confident, middle};
use super::{Replayed, Tally};

/// Bounds of the budget: HPA that failed nothing leaves one in a hundred thousand requests, and one that failed most of
/// them is no measure.
const BUDGET: (f64, f64) = (1e-5, 0.5);

/// How both fared on the second half of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equal {
    /// The share of requests that HPA failed on the first half, within bounds: Tenantry's budget here.
    pub budget: f64,
    /// Tenantry with that budget.
    pub tenantry: Tally,
    /// HPA.
    pub hpa: Tally,
}

impl Equal {
    /// The budget, from HPA's account of the first half.
    pub(super) fn budget(hpa: &Tally) -> f64 {
        hpa.failed_share().clamp(BUDGET.0, BUDGET.1)
    }

    /// Whether Tenantry failed no more requests, in no more incidents.
    fn is_no_worse(&self) -> bool {
        self.tenantry.failed_share() <= self.hpa.failed_share() && self.tenantry.incidents <= self.hpa.incidents
    }

    fn dearer(&self) -> f64 {
        self.tenantry.cost / self.hpa.cost - 1.0
    }
}

/// Tenantry beside HPA at its target, with the error budget that HPA really spent on the first half of each trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EqualViolations {
    /// Traces.
    pub traces: usize,
    /// Replica-hours of Tenantry, all together.
    pub tenantry_replica_hours: f64,
    /// Replica-hours of HPA.
    pub hpa_replica_hours: f64,
    /// Tenantry's replica-hours over HPA's, less one: the median over traces, with its 95 % bounds.
    pub dearer_than_hpa: Option<[f64; 3]>,
    /// Incidents of Tenantry.
    pub tenantry_incidents: u64,
    /// Incidents of HPA.
    pub hpa_incidents: u64,
    /// Share of requests outside the objective under Tenantry: the middle trace.
    pub tenantry_violating_request_share: f64,
    /// The same under HPA.
    pub hpa_violating_request_share: f64,
    /// Traces on which Tenantry failed no more requests in no more incidents.
    pub no_worse: usize,
    /// As `dearer_than_hpa`, over these alone.
    pub dearer_where_no_worse: Option<[f64; 3]>,
}

impl EqualViolations {
    /// Sums up all traces on which both ran.
    pub(super) fn over(replayed: &[Replayed]) -> Option<Self> {
        let all: Vec<&Equal> = replayed.iter().filter_map(|one| one.equal_violations.as_ref()).collect();
        let good: Vec<&&Equal> = all.iter().filter(|one| one.is_no_worse()).collect();
        (!all.is_empty()).then(|| Self {
            traces: all.len(),
            tenantry_replica_hours: all.iter().map(|one| one.tenantry.replica_hours()).sum(),
            hpa_replica_hours: all.iter().map(|one| one.hpa.replica_hours()).sum(),
            dearer_than_hpa: confident(all.iter().map(|one| one.dearer()).collect()),
            tenantry_incidents: all.iter().map(|one| one.tenantry.incidents).sum(),
            hpa_incidents: all.iter().map(|one| one.hpa.incidents).sum(),
            tenantry_violating_request_share: middle(all.iter().map(|one| one.tenantry.failed_share()).collect()),
            hpa_violating_request_share: middle(all.iter().map(|one| one.hpa.failed_share()).collect()),
            no_worse: good.len(),
            dearer_where_no_worse: confident(good.iter().map(|one| one.dearer()).collect()),
        })
    }
}
