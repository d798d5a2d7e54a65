//! Builders for tests of this crate.

use tenantry_domain::id::{SignalName, TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::snapshot::{
    Memory, Observation, PodPhase, PodSample, PodState, Readiness, Reading, ScaleEvent, Snapshot,
};
use tenantry_domain::spec::{Objective, Pick, ScaleTarget, SignalKind, SignalSpec, Strategy, Target, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Bounds, Milli, Replicas, Span};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) fn signal(name: &str, kind: SignalKind, target: Target) -> SignalSpec {
    SignalSpec {
        name: SignalName::new(name).unwrap(),
        kind,
        query: None,
        target,
        capacity: None,
        measures_at_zero: false,
        scales: true,
    }
}

pub(crate) fn cpu(percent: u32) -> SignalSpec {
    signal("cpu", SignalKind::Cpu, Target::Utilization(percent))
}

pub(crate) fn rate(per_replica: i64) -> SignalSpec {
    let mut signal = signal("rate", SignalKind::RequestRate, Target::PerReplica(Milli::units(per_replica)));
    signal.measures_at_zero = true;
    signal
}

pub(crate) fn spec(signals: Vec<SignalSpec>) -> WorkloadSpec {
    WorkloadSpec {
        key: WorkloadKey { tenant: TenantId::new("acme").unwrap(), workload: WorkloadName::new("api").unwrap() },
        target: ScaleTarget {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: "acme".into(),
            pick: Pick::Name("api".into()),
        },
        enabled: true,
        strategy: Strategy::Reactive,
        bounds: bounds(1, 100),
        fixed: None,
        signals,
        behavior: None,
        schedules: vec![],
        freezes: vec![],
        quota: None,
        spending: None,
        objective: Objective::default(),
        startup_delay: None,
        stale_after: Span::from_secs(90),
        take_over: false,
        vertical: Default::default(),
        almanac: Default::default(),
        apart: false,
    }
}

pub(crate) fn bounds(floor: u32, ceiling: u32) -> Bounds {
    Bounds::new(Replicas::new(floor), Replicas::new(ceiling)).unwrap()
}

/// A pod that has long been ready, requesting a core.
pub(crate) fn pod(number: usize) -> PodState {
    PodState {
        name: format!("p{number}"),
        phase: PodPhase::Running,
        deleted: false,
        readiness: Some(Readiness { ready: true, changed_at: NOW - Span::from_secs(3600) }),
        started_at: Some(NOW - Span::from_secs(3660)),
        template: None,
        cpu_request: Some(Milli::units(1)),
        memory_request: Some(Milli::units(1000)),
    }
}

pub(crate) fn unready(number: usize) -> PodState {
    let changed_at = NOW - Span::from_secs(20);
    PodState { readiness: Some(Readiness { ready: false, changed_at }), started_at: Some(changed_at), ..pod(number) }
}

pub(crate) fn sample(number: usize, value: i64) -> PodSample {
    PodSample {
        pod: format!("p{number}"),
        value: Milli(value),
        at: NOW - Span::from_secs(5),
        window: Span::from_secs(30),
    }
}

pub(crate) fn snapshot(current: u32, pods: Vec<PodState>) -> Snapshot {
    Snapshot {
        now: NOW,
        current: Some(Replicas::new(current)),
        reported: Replicas::new(current),
        pods,
        observations: vec![],
        expectations: vec![],
        announced: Vec::new(),
        choices: Vec::new(),
        demands: Vec::new(),
        memory: Memory::default(),
        manual: None,
        pause: None,
        foreign_scaler: None,
        rival: None,
        others: Replicas::ZERO,
        vertical: None,
    }
}

/// `current` pods that have long been ready, with a total of `rate` thousandths.
pub(crate) fn with_rate(current: u32, rate: i64) -> Snapshot {
    let mut snapshot = snapshot(current, (0..usize::try_from(current).unwrap()).map(pod).collect());
    observe(&mut snapshot, "rate", Reading::Total { value: Milli(rate), at: NOW - Span::from_secs(1) });
    snapshot
}

pub(crate) fn observe(snapshot: &mut Snapshot, signal: &str, reading: Reading) {
    snapshot.observations.push(Observation { signal: SignalName::new(signal).unwrap(), reading });
}

pub(crate) fn event(ago_secs: u64, from: u32, to: u32) -> ScaleEvent {
    ScaleEvent { at: NOW - Span::from_secs(ago_secs), from: Replicas::new(from), to: Replicas::new(to) }
}
