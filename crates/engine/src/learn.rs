//! What is shown to the models of demand: load, cpu and response times of one workload, as one cycle saw them.

use std::collections::BTreeMap;

use tenantry_domain::demand::Demand;
use tenantry_domain::snapshot::{PodSample, PodState, Reading as Observed, Snapshot};
use tenantry_domain::spec::{Capacity, SignalKind, SignalSpec, Target, WorkloadSpec};
use tenantry_domain::unit::{Milli, PerMille, Span};
use tenantry_planner::demand::{Model, Reading, Terms};
use tenantry_planner::{Learnable, answers};

use crate::ports::cluster::{ObjectState, PodMetrics};

/// Cpu of at least so many of five serving pods must be measured.
const MEASURED_OF_FIVE: u32 = 4;
/// What a replica may use of the cpu that it requests, in percent, where no capacity of a cpu signal says otherwise.
const CPU_LIMIT: f64 = 100.0;

/// Cpu of a workload's serving pods.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cpu {
    /// Cores that a pod uses on the mean, where enough of them were measured.
    used: Option<f64>,
    /// Cores that it may use on the mean.
    limit: f64,
}

/// Teaches a signal's model what was seen, and says what it knows.
pub(crate) fn learn(
    model: &mut Model,
    (spec, signal): (&WorkloadSpec, &SignalSpec),
    snapshot: &Snapshot,
    object: Option<&ObjectState>,
    total: Option<&Learnable>,
    delay: Span,
) -> Demand {
    // Cpu tells nothing of itself.
    let cpu = if signal.kind == SignalKind::Cpu { None } else { cpu(spec, snapshot, object) };
    let answers = answers(spec, snapshot);
    let prior = match signal.capacity {
        Some(Capacity::Learned { prior }) => prior,
        Some(Capacity::Declared(_)) | None => None,
    };
    let terms = Terms {
        delay,
        cpu: cpu.map(|cpu| cpu.limit),
        latency: answers.map(|(objective, _)| objective),
        prior: prior.map(Milli::as_f64),
    };
    if let Some(size) = snapshot.current {
        let reading = Reading {
            now: snapshot.now,
            load: total.map(|total| (total.total.as_f64(), total.at)),
            size: size.get(),
            ready: snapshot.ready().get(),
            cpu: cpu.and_then(|cpu| cpu.used),
            latency: answers.and_then(|(_, took)| took),
            template: template(&snapshot.pods),
        };
        model.learn(&reading, &terms);
    }
    let mut demand = model.demand(&signal.name, &terms);
    if signal.capacity.and_then(Capacity::declared).is_some() {
        // It is held as declared, and so is the load as measured.
        demand.raised = PerMille(0);
    }
    demand
}

/// The one version that all serving pods are of; the empty one where none says.
fn template(pods: &[PodState]) -> Option<&str> {
    let mut serving = pods.iter().filter(|pod| serves(pod)).map(|pod| pod.template.as_deref().unwrap_or_default());
    let first = serving.next()?;
    serving.all(|other| other == first).then_some(first)
}

fn serves(pod: &PodState) -> bool {
    !pod.deleted && pod.readiness.is_some_and(|condition| condition.ready)
}

/// From the workload's own cpu signal where it has one, else as the cluster measures it. None where a serving pod names no
/// request to hold it against.
fn cpu(spec: &WorkloadSpec, snapshot: &Snapshot, object: Option<&ObjectState>) -> Option<Cpu> {
    let own = spec.signals.iter().find(|signal| signal.kind == SignalKind::Cpu);
    let observed = own.and_then(|signal| snapshot.observations.iter().find(|one| one.signal == signal.name));
    let samples: &[PodSample] = match (observed.map(|one| &one.reading), object.map(|object| &object.metrics)) {
        (Some(Observed::Pods(samples)), _) => samples,
        (None, Some(PodMetrics::Samples { cpu, .. })) => cpu,
        _ => &[],
    };
    let percent = match own.map(|signal| (signal.target, signal.capacity)) {
        Some((Target::Utilization(_), Some(Capacity::Declared(percent)))) => percent.as_f64(),
        _ => CPU_LIMIT,
    };
    let by_pod: BTreeMap<&str, &PodSample> = samples.iter().map(|sample| (sample.pod.as_str(), sample)).collect();
    let (mut used, mut requested, mut measured, mut serving) = (0.0, 0.0, 0_u32, 0_u32);
    for pod in snapshot.pods.iter().filter(|pod| serves(pod)) {
        serving += 1;
        requested += pod.cpu_request?.as_f64();
        // What was measured before it served is its start, not its service.
        let since = pod.readiness.map(|condition| condition.changed_at).unwrap_or_default();
        let counts = |sample: &&&PodSample| {
            sample.at >= since + sample.window
                && snapshot.now.since(sample.at) <= spec.stale_after
                && sample.value >= Milli::ZERO
        };
        if let Some(sample) = by_pod.get(pod.name.as_str()).filter(counts) {
            used += sample.value.as_f64();
            measured += 1;
        }
    }
    let enough = measured > 0 && measured.saturating_mul(5) >= serving.saturating_mul(MEASURED_OF_FIVE);
    let used = enough.then(|| used / f64::from(measured));
    let limit = requested / f64::from(serving.max(1)) * percent / 100.0;
    (limit > 0.0).then_some(Cpu { used, limit })
}

#[cfg(test)]
mod tests;
