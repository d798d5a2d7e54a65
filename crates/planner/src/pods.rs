//! Which pods count for a signal, as HPA's `groupPods` decides it.
//!
//! Modelled on Kubernetes 1.36 (`pkg/controller/podautoscaler/replica_calculator.go`), with its default periods.

use tenantry_domain::snapshot::{PodPhase, PodSample, PodState, Snapshot};
use tenantry_domain::spec::SignalKind;
use tenantry_domain::unit::{Milli, Span};

/// Cpu of a pod younger than this is start-up work: HPA's `--horizontal-pod-autoscaler-cpu-initialization-period`.
const CPU_INITIALIZATION: Span = Span::from_secs(300);
/// A pod not ready that last changed within this of its start never was ready: HPA's `initial-readiness-delay`.
const INITIAL_READINESS: Span = Span::from_secs(30);

/// The pods of a workload as one signal sees them.
pub(crate) struct Grouped<'a> {
    /// Measured and counted.
    pub(crate) ready: Vec<(&'a PodState, Milli)>,
    /// Exist and should be measured, but were not.
    pub(crate) missing: Vec<&'a PodState>,
    /// Do not serve yet.
    pub(crate) unready: Vec<&'a PodState>,
}

/// Groups pods by what `samples`, sorted by pod, say of them.
pub(crate) fn group<'a>(snapshot: &'a Snapshot, samples: &[&PodSample], kind: SignalKind) -> Grouped<'a> {
    let mut grouped =
        Grouped { ready: Vec::with_capacity(snapshot.pods.len()), missing: Vec::new(), unready: Vec::new() };
    for pod in &snapshot.pods {
        if pod.deleted || pod.phase == PodPhase::Terminal {
            continue;
        }
        if pod.phase == PodPhase::Pending {
            grouped.unready.push(pod);
            continue;
        }
        let sample = samples
            .binary_search_by(|sample| sample.pod.as_str().cmp(pod.name.as_str()))
            .ok()
            .and_then(|at| samples.get(at).copied());
        match sample {
            None => grouped.missing.push(pod),
            Some(sample) if kind == SignalKind::Cpu && !cpu_counts(pod, sample, snapshot) => {
                grouped.unready.push(pod);
            }
            Some(sample) => grouped.ready.push((pod, sample.value)),
        }
    }
    grouped
}

fn cpu_counts(pod: &PodState, sample: &PodSample, snapshot: &Snapshot) -> bool {
    let (Some(readiness), Some(started_at)) = (pod.readiness, pod.started_at) else {
        return false;
    };
    if started_at + CPU_INITIALIZATION > snapshot.now {
        // A sample that reaches back before readiness measured the start-up too.
        return readiness.ready && sample.at >= readiness.changed_at + sample.window;
    }
    readiness.ready || started_at + INITIAL_READINESS <= readiness.changed_at
}
