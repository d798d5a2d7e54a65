//! HPA's own cases: ready pods with their use, unready and missing ones, and the size asked for.

use super::*;
use crate::sight::look;
use crate::testing::{NOW, cpu, observe, pod, sample, signal, snapshot, spec, unready};
use tenantry_domain::snapshot::{PodPhase, PodSample, Readiness, Reading};
use tenantry_domain::unit::Span;

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

/// Pods of which two are long ready and the third is as `change` makes it; each uses 700 of its 1000, the third `use_of`.
fn with_third(kind: SignalKind, use_of: Option<i64>, change: impl FnOnce(&mut PodState, &mut PodSample)) -> u32 {
    let target = Target::Utilization(50);
    let unit = if kind == SignalKind::Memory { 1000 } else { 1 };
    let spec = spec(vec![signal("cpu", kind, target)]);
    let (mut third, mut measured) = (pod(2), sample(2, use_of.unwrap_or(0) * unit));
    change(&mut third, &mut measured);
    let mut snapshot = snapshot(3, vec![pod(0), pod(1), third]);
    let mut samples = vec![sample(0, 700 * unit), sample(1, 700 * unit)];
    samples.extend(use_of.map(|_| measured));
    observe(&mut snapshot, "cpu", Reading::Pods(samples));
    let (views, _) = look(&spec, &snapshot);
    propose(&views[0], &snapshot, Replicas::new(3), Tolerance::of(&spec)).unwrap().get()
}

/// HPA's `groupPods`, case by case. Counted, the third pod's use asks for 6; as unready it counts as 0 and 3 are
/// enough (1400 of 3000 is 46 %, inside the tolerance); ignored, the other two ask for 3 as well; missing is 0 too.
#[test]
fn which_pods_count_is_hpas() {
    let ago = |secs| Some(NOW - Span::from_secs(secs));
    let since = |ready, secs| Some(Readiness { ready, changed_at: NOW - Span::from_secs(secs) });
    type Change = fn(&mut PodState, &mut PodSample);
    let same: Change = |_, _| ();
    let counted = |use_of, change: &dyn Fn(&mut PodState, &mut PodSample)| {
        (with_third(SignalKind::Cpu, use_of, change) > 3, with_third(SignalKind::Memory, use_of, change) > 3)
    };
    let all = Some(1300);
    assert_eq!(counted(all, &same), (true, true), "long ready");
    assert_eq!(counted(None, &same), (false, false), "missing while growing: nothing");
    assert_eq!(counted(all, &|pod, _| pod.deleted = true), (false, false), "deleted");
    assert_eq!(counted(all, &|pod, _| pod.phase = PodPhase::Terminal), (false, false), "failed or done");
    assert_eq!(counted(all, &|pod, _| pod.phase = PodPhase::Pending), (false, false), "pending");
    // From here on only cpu asks for readiness.
    assert_eq!(counted(all, &|pod, _| pod.readiness = None), (false, true), "no condition");
    assert_eq!(counted(all, &|pod, _| pod.started_at = None), (false, true), "no start");
    let young = |ready, changed, window| {
        move |pod: &mut PodState, sample: &mut PodSample| {
            (pod.started_at, pod.readiness) = (ago(299), since(ready, changed));
            sample.window = Span::from_secs(window);
        }
    };
    assert_eq!(counted(all, &young(false, 200, 30)), (false, true), "young and not ready");
    assert_eq!(counted(all, &young(true, 35, 30)), (true, true), "young, its window begins when it was ready");
    assert_eq!(counted(all, &young(true, 34, 30)), (false, true), "young, its window reaches back before that");
    let old = |ready, started: u64, changed| {
        move |pod: &mut PodState, _: &mut PodSample| {
            (pod.started_at, pod.readiness) = (ago(started), since(ready, changed));
        }
    };
    assert_eq!(counted(all, &old(true, 300, 10)), (true, true), "300 s old: readiness is enough");
    assert_eq!(counted(all, &old(false, 400, 371)), (false, true), "it never was ready");
    assert_eq!(counted(all, &old(false, 400, 370)), (true, true), "it was ready once, and is so no longer");
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
