//! HPA's own cases: ready pods with their use, unready and missing ones, and the size asked for.

use super::*;
use crate::sight::look;
use crate::testing::{cpu, observe, pod, sample, signal, snapshot, spec, unready};
use tenantry_domain::snapshot::Reading;

struct Case {
    ready: &'static [i64],
    unready: usize,
    missing: usize,
    current: u32,
    target: u32,
    expected: u32,
}

const fn case(ready: &'static [i64], unready: usize, missing: usize, current: u32, target: u32, expected: u32) -> Case {
    Case { ready, unready, missing, current, target, expected }
}

fn check(case: &Case, kind: SignalKind, target: Target) {
    let measured = case.ready.len();
    let mut pods: Vec<_> = (0..measured).map(pod).collect();
    pods.extend((0..case.unready).map(|number| unready(measured + number)));
    pods.extend((0..case.missing).map(|number| pod(measured + case.unready + number)));
    let mut samples: Vec<_> = case.ready.iter().enumerate().map(|(number, value)| sample(number, *value)).collect();
    // An unready pod is measured too; that it does not count is HPA's doing.
    samples.extend((0..case.unready).map(|number| sample(measured + number, 900)));
    let spec = spec(vec![signal("cpu", kind, target)]);
    let mut snapshot = snapshot(case.current, pods);
    observe(&mut snapshot, "cpu", Reading::Pods(samples));
    let (views, _) = look(&spec, &snapshot);
    let got = propose(&views[0], &snapshot, Replicas::new(case.current), Tolerance::of(&spec));
    let Case { ready, unready, missing, current, .. } = case;
    assert_eq!(
        got,
        Some(Replicas::new(case.expected)),
        "ready {ready:?}, {unready} unready, {missing} missing, current {current}, target {target}"
    );
}

#[test]
fn utilization_of_cpu_is_hpas() {
    for case in [
        case(&[900, 900, 900], 0, 0, 3, 50, 6),
        case(&[549, 549, 549], 0, 0, 3, 50, 3),
        case(&[550, 550, 550], 0, 0, 3, 50, 3),
        case(&[560, 560, 560], 0, 0, 3, 50, 4),
        case(&[300; 10], 0, 0, 10, 50, 6),
        case(&[900; 4], 2, 0, 6, 50, 8),
        case(&[700; 4], 2, 0, 6, 50, 6),
        case(&[100; 4], 0, 2, 6, 50, 5),
        case(&[100; 4], 0, 1, 5, 50, 3),
        case(&[900; 4], 0, 1, 5, 50, 8),
        case(&[560; 25], 0, 0, 25, 50, 29), // 56/50 * 25 is 28.000000000000004 in float64
        case(&[500; 7], 0, 0, 7, 50, 7),
        case(&[0; 5], 0, 0, 5, 50, 0),
        case(&[450; 4], 0, 0, 4, 50, 4),                  // 0.9 lies inside
        case(&[449; 4], 0, 0, 4, 50, 4),                  // 44 % of 50 % is 0.88: ceil(3.52)
        case(&[300, 500, 700], 0, 0, 3, 30, 5),           // upstream: scale up
        case(&[100, 300, 500, 250, 250], 0, 0, 5, 50, 3), // upstream: scale down
        case(&[500, 700], 1, 0, 3, 30, 4),                // upstream: an unready pod lessens a scale up
        case(&[400, 500], 1, 0, 3, 30, 3),                // upstream: an unready pod prevents one
    ] {
        check(&case, SignalKind::Cpu, Target::Utilization(case.target));
    }
}

#[test]
fn memory_counts_pods_that_do_not_serve() {
    // There is no readiness test for memory: the unready pod's 900 of 1000 counts as used.
    let case = case(&[300_000, 300_000], 0, 0, 2, 50, 2);
    check(&case, SignalKind::Memory, Target::Utilization(50));
}

#[test]
fn a_value_for_each_replica_is_hpas_raw_metric() {
    for (case, target) in [
        (case(&[20, 10, 30], 0, 0, 3, 0, 4), 15),
        (case(&[12, 12, 12, 12, 12], 0, 0, 5, 0, 3), 20),
        (case(&[20, 10, 10], 0, 1, 4, 0, 4), 13), // the flip over missing pods leaves the size
    ] {
        check(&case, SignalKind::Promql, Target::PerReplica(Milli(target)));
    }
}

#[test]
fn a_total_is_divided_over_replicas() {
    for (total, target, reported, expected) in [
        (8600, 4400, 1, 2), // upstream: external average value scale up
        (8600, 4400, 2, 2), // inside tolerance of two
        (0, 1000, 3, 0),
        (1, 1000, 0, 1),        // from zero
        (30_000, 1000, 27, 30), // 1.11 is outside
        (29_700, 1000, 27, 27), // exactly 1.1 is inside
    ] {
        let got = per_replica(Milli(total), Milli(target), Replicas::new(reported), Tolerance { up: 0.1, down: 0.1 });
        assert_eq!(got, Replicas::new(expected), "{total} over {target} with {reported}");
    }
}

#[test]
fn a_value_moves_size_in_proportion() {
    for (value, target, ready, current, expected) in [
        (8600, 4400, 3, 3, 6), // upstream: external scale up
        (8600, 9500, 3, 3, 3), // 0.905 lies inside
        (8600, 9600, 5, 5, 5), // 0.896 is outside, ceil(4.48)
        (1000, 9600, 5, 5, 1),
        (5000, 1000, 0, 0, 5), // from zero
    ] {
        let tolerance = Tolerance { up: 0.1, down: 0.1 };
        let got = proportional(Milli(value), Milli(target), Replicas::new(ready), Replicas::new(current), tolerance);
        assert_eq!(got, Replicas::new(expected), "{value} over {target} with {ready} of {current}");
    }
}

#[test]
fn a_missing_request_makes_the_metric_unusable() {
    let spec = spec(vec![cpu(50)]);
    let mut bare = pod(1);
    bare.cpu_request = None;
    let mut snapshot = snapshot(2, vec![pod(0), bare]);
    observe(&mut snapshot, "cpu", Reading::Pods(vec![sample(0, 900), sample(1, 900)]));
    let (views, _) = look(&spec, &snapshot);
    assert_eq!(propose(&views[0], &snapshot, Replicas::new(2), Tolerance::of(&spec)), None);
}
