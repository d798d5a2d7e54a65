//! The size that one signal asks for now, with HPA's arithmetic to the last bit.
//!
//! Values are integers of thousandths and integer division truncates; ratios are `f64` and sizes `ceil(a * b)`, as in
//! `replica_calculator.go`. Tolerance is modelled in the newer form, `1 - down <= ratio <= 1 + up` with both ends
//! inside, not the older `|1 - ratio| <= tolerance`, which differs in the last bit of a float.

use tenantry_domain::demand::Demand;
use tenantry_domain::snapshot::{PodState, Snapshot};
use tenantry_domain::spec::{Capacity, SignalKind, SignalSpec, TOLERANCE_DEFAULT, Target, WorkloadSpec};
use tenantry_domain::unit::{Milli, REPLICAS_MAX, Replicas};

use crate::pods::{Grouped, group};
use crate::sight::{Usable, View};

/// How far a ratio may be off in each direction before anything changes.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    up: f64,
    down: f64,
}

impl Tolerance {
    pub(crate) fn of(spec: &WorkloadSpec) -> Self {
        let (up, down) = spec.behavior.as_ref().map_or((TOLERANCE_DEFAULT, TOLERANCE_DEFAULT), |behavior| {
            (behavior.up.tolerance, behavior.down.tolerance)
        });
        Self { up: up.as_f64(), down: down.as_f64() }
    }

    fn within(self, ratio: f64) -> bool {
        (1.0 - self.down) <= ratio && ratio <= (1.0 + self.up)
    }
}

/// The size that a signal asks for; none when it cannot say.
pub(crate) fn propose(
    view: &View<'_>,
    snapshot: &Snapshot,
    current: Replicas,
    tolerance: Tolerance,
) -> Option<Replicas> {
    match (&view.usable, view.spec.target) {
        (Usable::Nothing, _) | (Usable::Total(_), Target::Utilization(_)) => None,
        (Usable::Total(total), Target::PerReplica(target)) => {
            Some(per_replica(*total, target, snapshot.reported, tolerance))
        }
        (Usable::Total(total), Target::Value(target)) => {
            Some(proportional(*total, target, snapshot.ready(), current, tolerance))
        }
        (Usable::Pods(samples), Target::Value(target)) => {
            let total = samples.iter().fold(0_i64, |sum, sample| sum.saturating_add(sample.value.0));
            Some(proportional(Milli(total), target, snapshot.ready(), current, tolerance))
        }
        (Usable::Pods(samples), Target::Utilization(percent)) => {
            let scale = Scale::Utilization { percent, kind: view.spec.kind };
            from_pods(&group(snapshot, samples, view.spec.kind), scale, current, tolerance)
        }
        (Usable::Pods(samples), Target::PerReplica(target)) => {
            from_pods(&group(snapshot, samples, view.spec.kind), Scale::Value(target), current, tolerance)
        }
    }
}

/// HPA's external metric with `AverageValue`.
fn per_replica(total: Milli, target: Milli, reported: Replicas, tolerance: Tolerance) -> Replicas {
    let ratio = ratio(total.0, target.0.saturating_mul(reported.as_i64()));
    if tolerance.within(ratio) { reported } else { ceil(total.as_f64() / target.as_f64()) }
}

/// HPA's external metric with `Value`: size is proportional to how far the value is off.
fn proportional(total: Milli, target: Milli, ready: Replicas, current: Replicas, tolerance: Tolerance) -> Replicas {
    let ratio = ratio(total.0, target.0);
    if current == Replicas::ZERO {
        ceil(ratio)
    } else if tolerance.within(ratio) {
        current
    } else {
        ceil(ratio * f64::from(ready.get()))
    }
}

/// What pods' values are held against.
#[derive(Clone, Copy)]
enum Scale {
    Utilization { percent: u32, kind: SignalKind },
    Value(Milli),
}

impl Scale {
    fn request(self, pod: &PodState) -> Option<i64> {
        match self {
            Self::Utilization { kind: SignalKind::Cpu, .. } => pod.cpu_request.map(|request| request.0),
            Self::Utilization { .. } => pod.memory_request.map(|request| request.0),
            Self::Value(_) => Some(0),
        }
    }

    /// Ratio of use to target over pods with their values.
    fn ratio(self, values: &[(&PodState, i64)]) -> Option<f64> {
        let used = values.iter().fold(0_i64, |sum, (_, value)| sum.saturating_add(*value));
        match self {
            Self::Utilization { percent, .. } => {
                let mut requested = 0_i64;
                for (pod, _) in values {
                    requested = requested.saturating_add(self.request(pod)?);
                }
                // 54.9 % counts as 54, as HPA's int32 conversion has it.
                let used = used.saturating_mul(100).checked_div(requested)?;
                Some(ratio(used, i64::from(percent)))
            }
            Self::Value(target) => {
                let count = i64::try_from(values.len()).ok()?;
                Some(ratio(used.checked_div(count)?, target.0))
            }
        }
    }

    /// What a pod that was not measured is taken to use when the workload would shrink.
    fn assumed(self, pod: &PodState) -> Option<i64> {
        match self {
            Self::Utilization { percent, .. } => {
                Some(self.request(pod)?.saturating_mul(i64::from(percent.max(100))) / 100)
            }
            Self::Value(target) => Some(target.0),
        }
    }
}

/// HPA's resource and pods metrics.
fn from_pods(grouped: &Grouped<'_>, scale: Scale, current: Replicas, tolerance: Tolerance) -> Option<Replicas> {
    let mut values: Vec<(&PodState, i64)> = grouped.ready.iter().map(|(pod, value)| (*pod, value.0)).collect();
    // A request that is not set anywhere makes the whole metric unusable.
    let all = values
        .iter()
        .map(|(pod, _)| *pod)
        .chain(grouped.missing.iter().copied())
        .chain(grouped.unready.iter().copied());
    if values.is_empty() || all.into_iter().any(|pod| scale.request(pod).is_none()) {
        return None;
    }
    let ratio = scale.ratio(&values)?;
    let grows_over_unready = !grouped.unready.is_empty() && ratio > 1.0;
    if grouped.missing.is_empty() && !grows_over_unready {
        let count = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
        return Some(if tolerance.within(ratio) { current } else { ceil(ratio * count) });
    }
    if ratio < 1.0 {
        for pod in &grouped.missing {
            values.push((pod, scale.assumed(pod)?));
        }
    } else if ratio > 1.0 {
        values.extend(grouped.missing.iter().map(|pod| (*pod, 0)));
        values.extend(grouped.unready.iter().map(|pod| (*pod, 0)));
    }
    let filled = scale.ratio(&values)?;
    if tolerance.within(filled) || (ratio < 1.0 && filled > 1.0) || (ratio > 1.0 && filled < 1.0) {
        return Some(current);
    }
    let size = ceil(filled * f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX)));
    let against = (filled < 1.0 && size > current) || (filled > 1.0 && size < current);
    Some(if against { current } else { size })
}

/// The size that an expected total asks for, with the tolerance that a measured one has; none where a total says nothing
/// about size.
pub(crate) fn for_total(
    view: &View<'_>,
    snapshot: &Snapshot,
    total: Milli,
    current: Replicas,
    tolerance: Tolerance,
) -> Option<Replicas> {
    let carried = match view.spec.target {
        Target::PerReplica(target) => target,
        Target::Value(_) => return None,
        Target::Utilization(percent) => {
            Milli(mean_request(view.spec, snapshot)?.0.saturating_mul(i64::from(percent)) / 100)
        }
    };
    let size = total.as_f64() / carried.as_f64();
    let ratio = size / f64::from(current.get());
    (carried > Milli::ZERO).then(|| if tolerance.within(ratio) { current } else { ceil(size) })
}

/// What a ready replica carries at the service level, in the unit of the signal's total, where it is declared or learned.
#[must_use]
pub fn carried(spec: &SignalSpec, snapshot: &Snapshot) -> Option<f64> {
    match (spec.capacity?, spec.target) {
        (_, Target::Value(_)) => None,
        (Capacity::Learned { .. }, _) => Some(demand(spec, snapshot)?.learned.as_ref()?.taken.as_f64()),
        (Capacity::Declared(capacity), Target::PerReplica(_)) => Some(capacity.as_f64()),
        (Capacity::Declared(capacity), Target::Utilization(_)) => {
            Some(mean_request(spec, snapshot)?.as_f64() * capacity.as_f64() / 100.0)
        }
    }
    .filter(|carried| *carried > 0.0)
}

/// What is asked of the replicas when this load is measured: more than that, where they are saturated.
#[must_use]
pub fn offered(spec: &SignalSpec, snapshot: &Snapshot, total: f64) -> f64 {
    total * (1.0 + demand(spec, snapshot).map_or(0.0, |demand| demand.raised.as_f64()))
}

/// What is known of the demand behind a signal's load.
pub(crate) fn demand<'a>(spec: &SignalSpec, snapshot: &'a Snapshot) -> Option<&'a Demand> {
    snapshot.demands.iter().find(|demand| demand.signal == spec.name)
}

/// What the pods request on the mean, of those that request anything.
fn mean_request(spec: &SignalSpec, snapshot: &Snapshot) -> Option<Milli> {
    let scale = Scale::Utilization { percent: 100, kind: spec.kind };
    let requests = snapshot.pods.iter().filter_map(|pod| scale.request(pod));
    let (sum, count) = requests.fold((0_i64, 0_i64), |(sum, count), one| (sum.saturating_add(one), count + 1));
    sum.checked_div(count).map(Milli)
}

#[expect(clippy::cast_precision_loss, reason = "HPA divides the same integers as float64")]
fn ratio(used: i64, target: i64) -> f64 {
    used as f64 / target as f64
}

/// Rounds up to a size. What is no number, as zero over zero, asks for nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
fn ceil(size: f64) -> Replicas {
    if size.is_nan() { Replicas::ZERO } else { Replicas::new(size.ceil().clamp(0.0, f64::from(REPLICAS_MAX)) as u32) }
}

#[cfg(test)]
mod tests;
