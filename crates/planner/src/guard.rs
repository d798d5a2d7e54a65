//! The limits a size must keep, in the order in which they bind. Law L1.
//!
//! INVARIANT(bounds): from weakest to strongest
//! 1. no shrinking while a signal cannot be seen, and no shrinking, or no change, in a freeze;
//! 2. the floor: the larger of the workload's minimum and a schedule's floor;
//! 3. the budget's ceiling, which never goes under the workload's own minimum: what is declared as the least a
//!    workload needs outranks what it may cost;
//! 4. the ceiling: the smallest of the workload's maximum, a schedule's ceiling, and what the tenant's quota leaves.
//!
//! Where a floor and a ceiling conflict the ceiling wins, as other tenants' capacity is at stake.

use tenantry_domain::plan::{Bound, Limit};
use tenantry_domain::snapshot::Snapshot;
use tenantry_domain::spec::{Spending, WorkloadSpec};
use tenantry_domain::unit::{REPLICAS_MAX, Replicas};

/// The limits of one workload at one instant.
pub(crate) struct Limits {
    floors: Vec<(Limit, Replicas)>,
    budget: Option<Replicas>,
    ceilings: Vec<(Limit, Replicas)>,
}

impl Limits {
    pub(crate) fn at(spec: &WorkloadSpec, snapshot: &Snapshot) -> Self {
        let mut floors = vec![(Limit::Min, spec.bounds.floor())];
        let mut ceilings = vec![(Limit::Max, spec.bounds.ceiling())];
        for schedule in spec.schedules.iter().filter(|schedule| schedule.window.holds(snapshot.now)) {
            if let Some(floor) = schedule.floor {
                floors.push((Limit::ScheduleFloor(schedule.name.clone()), floor));
            }
            if let Some(ceiling) = schedule.ceiling {
                ceilings.push((Limit::ScheduleCeiling(schedule.name.clone()), ceiling));
            }
        }
        if let Some(quota) = spec.quota {
            ceilings.push((Limit::Quota, Replicas::saturating(quota.as_i64() - snapshot.others.as_i64())));
        }
        let budget = spec.spending.map(|spending| affordable(spending).max(spec.bounds.floor()));
        Self { floors, budget, ceilings }
    }

    /// The schedules' floors, which are candidates of their own.
    pub(crate) fn scheduled(&self) -> impl Iterator<Item = (&str, Replicas)> {
        self.floors.iter().filter_map(|(limit, floor)| match limit {
            Limit::ScheduleFloor(name) => Some((name.as_str(), *floor)),
            _ => None,
        })
    }

    /// Brings a size inside; what bound is added to `bounds`.
    pub(crate) fn apply(&self, wanted: Replicas, bounds: &mut Vec<Bound>) -> Replicas {
        let mut replicas = wanted;
        let mut bind = |limit: &Limit, got: Replicas| {
            if got != replicas {
                bounds.push(Bound { limit: limit.clone(), wanted: replicas, got });
                replicas = got;
            }
            got
        };
        let mut size = wanted;
        // The strongest floor and ceiling are named alone: the others did not bind.
        if let Some((limit, floor)) = self.floors.iter().max_by_key(|(_, floor)| *floor) {
            size = bind(limit, size.max(*floor));
        }
        if let Some(budget) = self.budget {
            size = bind(&Limit::Budget, size.min(budget));
        }
        if let Some((limit, ceiling)) = self.ceilings.iter().min_by_key(|(_, ceiling)| *ceiling) {
            size = bind(limit, size.min(*ceiling));
        }
        size
    }
}

/// How many replicas the budget pays for.
fn affordable(spending: Spending) -> Replicas {
    spending
        .hour_max
        .0
        .max(0)
        .checked_div(spending.replica_hour.0.max(0))
        .map_or(Replicas::new(REPLICAS_MAX), Replicas::saturating)
}
