use tenantry_domain::config::{Document, Layers};
use tenantry_domain::snapshot::{Memory, Observation, PodPhase, Readiness};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A workload of this `autoscaling`, as a user writes it.
fn spec(autoscaling: &str) -> WorkloadSpec {
    let text = format!("tenant_config:\n  autoscaling: {autoscaling}\n  workloads: {{ api: {{}} }}\n");
    let document = Document::parse("acme.yaml", &text, Some("acme")).unwrap_or_else(|problems| panic!("{problems}"));
    Layers::default().resolve(&document).unwrap().workloads().remove(0)
}

fn load(capacity: &str) -> String {
    format!("{{ strategy: predictive, signals: {{ load: {{ query: up, per_replica: 70, capacity: {capacity} }} }} }}")
}

fn pod(name: &str, ready_for: u64, template: &str) -> PodState {
    PodState {
        name: name.into(),
        phase: PodPhase::Running,
        deleted: false,
        readiness: Some(Readiness { ready: true, changed_at: NOW - Span::from_secs(ready_for) }),
        started_at: Some(NOW - Span::from_secs(ready_for + 30)),
        template: Some(template.into()),
        cpu_request: Some(Milli(500)),
        memory_request: None,
    }
}

fn sample(pod: &str, value: i64) -> PodSample {
    PodSample { pod: pod.into(), value: Milli(value), at: NOW - Span::from_secs(5), window: Span::from_secs(30) }
}

fn snapshot(pods: Vec<PodState>) -> Snapshot {
    Snapshot {
        now: NOW,
        current: Some(Replicas::new(u32::try_from(pods.len()).unwrap())),
        reported: Replicas::new(u32::try_from(pods.len()).unwrap()),
        pods,
        observations: Vec::new(),
        expectations: Vec::new(),
        announced: Vec::new(),
        choices: Vec::new(),
        demands: Vec::new(),
        vertical: None,
        memory: Memory::default(),
        manual: None,
        pause: None,
        foreign_scaler: None,
        rival: None,
        others: Replicas::ZERO,
    }
}

fn object(cpu: Vec<PodSample>) -> ObjectState {
    ObjectState {
        name: "api".into(),
        version: "1".into(),
        current: Replicas::ONE,
        reported: Replicas::ONE,
        pods: Vec::new(),
        metrics: PodMetrics::Samples { cpu, memory: Vec::new() },
        foreign_scaler: None,
        sizes: Vec::new(),
    }
}

#[test]
fn cpu_is_that_of_pods_that_serve_and_were_measured_doing_so() {
    let spec = spec(&load("auto"));
    let seen = snapshot(vec![pod("a", 600, "x"), pod("b", 600, "x"), pod("c", 600, "x"), pod("d", 600, "x")]);
    let unmeasured = Some(Cpu { used: None, limit: 0.5 });
    let all = vec![sample("a", 100), sample("b", 200), sample("c", 300), sample("d", 200), sample("gone", 9000)];
    assert_eq!(cpu(&spec, &seen, Some(&object(all.clone()))), Some(Cpu { used: Some(0.2), limit: 0.5 }));
    assert_eq!(cpu(&spec, &seen, Some(&object(all[..3].to_vec()))), unmeasured, "one of four was not measured");
    assert_eq!(cpu(&spec, &seen, None), unmeasured);
    let mut starting = seen.clone();
    starting.pods[3] = pod("d", 20, "x");
    assert_eq!(cpu(&spec, &starting, Some(&object(all.clone()))), unmeasured, "one was measured while it started");
    let mut boundless = seen;
    boundless.pods[0].cpu_request = None;
    assert_eq!(cpu(&spec, &boundless, Some(&object(all))), None, "one requests nothing to be held against");
}

#[test]
fn the_workloads_own_cpu_signal_says_what_is_used_and_what_may_be() {
    let spec = spec(
        "{ strategy: predictive, signals: { load: { query: up, per_replica: 70, capacity: auto }, \
         cpu: { type: cpu, query: cpu, utilization: 70, capacity: 90 } } }",
    );
    let mut seen = snapshot(vec![pod("a", 600, "x")]);
    let signal = spec.signals.iter().find(|signal| signal.kind == SignalKind::Cpu).unwrap().name.clone();
    seen.observations.push(Observation { signal, reading: Observed::Pods(vec![sample("a", 100)]) });
    let own = cpu(&spec, &seen, Some(&object(vec![sample("a", 400)]))).unwrap();
    assert!((own.used.unwrap() - 0.1).abs() < 1e-12 && (own.limit - 0.45).abs() < 1e-12, "{own:?}");
}

#[test]
fn a_version_is_told_only_while_there_is_one() {
    assert_eq!(template(&[pod("a", 9, "x"), pod("b", 9, "x")]), Some("x"));
    assert_eq!(template(&[pod("a", 9, "x"), pod("b", 9, "y")]), None);
    let silent = PodState { template: None, ..pod("a", 9, "x") };
    assert_eq!(template(&[silent]), Some(""));
    assert_eq!(template(&[]), None);
}

#[test]
fn a_declared_capacity_is_held_and_so_is_the_load_as_measured() {
    for (capacity, raised) in [("100", 0), ("auto", 100)] {
        let spec = spec(&load(capacity));
        let mut model = Model::default();
        let mut last = None;
        for step in 0..3 {
            let mut seen = snapshot(vec![pod("a", 600, "x")]);
            seen.now = NOW + Span::from_secs(15 * step);
            let mut sample = sample("a", 500);
            sample.at = seen.now;
            let total = Learnable { signal: spec.signals[0].name.clone(), total: Milli::units(50), at: seen.now };
            let signal = (&spec, &spec.signals[0]);
            let object = object(vec![sample]);
            last = Some(learn(&mut model, signal, &seen, Some(&object), Some(&total), Span::from_secs(60)));
        }
        let last = last.unwrap();
        assert_eq!((last.raised, last.learned), (PerMille(raised), None), "{capacity}");
    }
}
