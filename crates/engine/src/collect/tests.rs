use super::*;
use expect_test::{Expect, expect};
use tenantry_domain::id::{SignalName, TenantId, WorkloadName};
use tenantry_domain::snapshot::{PodPhase, PodState};
use tenantry_domain::spec::{Objective, Pick, ScaleTarget, Strategy, Target};
use tenantry_domain::unit::{Bounds, Replicas};

const AT: Timestamp = Timestamp::from_millis(1_000_000);
const QUERY: &str = "sum by (namespace, deployment) (rate(http_requests_total[1m]))";

fn spec(tenant: &str, workload: &str, kind: SignalKind) -> WorkloadSpec {
    WorkloadSpec {
        key: WorkloadKey { tenant: TenantId::new(tenant).unwrap(), workload: WorkloadName::new(workload).unwrap() },
        target: ScaleTarget {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: format!("ns-{tenant}"),
            pick: Pick::Name(workload.into()),
        },
        enabled: true,
        strategy: Strategy::Reactive,
        bounds: Bounds::new(Replicas::ONE, Replicas::new(10)).unwrap(),
        fixed: None,
        signals: vec![SignalSpec {
            name: SignalName::new("load").unwrap(),
            kind,
            query: Some(QUERY.into()),
            target: Target::PerReplica(Milli::units(10)),
            capacity: None,
            measures_at_zero: true,
            scales: true,
        }],
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

fn object(name: &str, pods: &[&str]) -> ObjectState {
    let pod = |name: &&str| PodState {
        name: (*name).to_owned(),
        phase: PodPhase::Running,
        deleted: false,
        readiness: None,
        started_at: None,
        template: None,
        cpu_request: None,
        memory_request: None,
    };
    ObjectState {
        name: name.into(),
        version: "1".into(),
        current: Replicas::ONE,
        reported: Replicas::ONE,
        pods: pods.iter().map(pod).collect(),
        metrics: PodMetrics::Missing("not served".into()),
        foreign_scaler: None,
        sizes: Vec::new(),
    }
}

fn sample(labels: &[(&str, &str)], value: f64) -> Sample {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sample { labels, value, at: AT }
}

fn check(spec: &WorkloadSpec, others: &[WorkloadSpec], samples: Vec<Sample>, warnings: &[&str], expected: &Expect) {
    let answer = Answer { samples, warnings: warnings.iter().map(|text| (*text).to_owned()).collect() };
    let fetched = BTreeMap::from([(QUERY.to_owned(), Fetched::Answer(Index::new(answer)))]);
    let users = Users::count(std::iter::once(spec).chain(others));
    let object = object(spec.key.workload.as_str(), &["p1", "p2"]);
    let readings = observations(spec, Some(&object), &fetched, &users);
    expected.assert_eq(&format!("{:?}", readings[0].reading));
}

#[test]
fn a_series_is_matched_by_namespace_and_object() {
    let samples = vec![
        sample(&[("namespace", "ns-acme"), ("deployment", "api")], 12.5),
        sample(&[("namespace", "ns-acme"), ("deployment", "web")], 7.0),
        sample(&[("namespace", "ns-other"), ("deployment", "api")], 99.0),
    ];
    let expected = expect!["Total { value: Milli(12500), at: Timestamp(1000000) }"];
    check(&spec("acme", "api", SignalKind::RequestRate), &[], samples, &[], &expected);
}

#[test]
fn several_series_add_up_and_the_slowest_latency_counts() {
    let samples = || {
        vec![
            sample(&[("tenant", "acme"), ("workload", "api"), ("zone", "a")], 0.2),
            sample(&[("tenant", "acme"), ("workload", "api"), ("zone", "b")], 0.5),
        ]
    };
    let sum = expect!["Total { value: Milli(700), at: Timestamp(1000000) }"];
    check(&spec("acme", "api", SignalKind::RequestRate), &[], samples(), &[], &sum);
    let slowest = expect!["Total { value: Milli(500), at: Timestamp(1000000) }"];
    check(&spec("acme", "api", SignalKind::Latency), &[], samples(), &[], &slowest);
}

#[test]
fn another_tenants_series_is_never_taken() {
    let others = [spec("other", "api", SignalKind::RequestRate)];
    let samples = vec![sample(&[("tenant", "other")], 5.0), sample(&[], 3.0)];
    let expected = expect![[r#"Missing { why: "no series of the query's answer belongs to this workload" }"#]];
    check(&spec("acme", "api", SignalKind::RequestRate), &others, samples, &[], &expected);
}

#[test]
fn a_bare_series_belongs_to_the_only_user_of_its_query() {
    let expected = expect!["Total { value: Milli(3000), at: Timestamp(1000000) }"];
    check(&spec("acme", "api", SignalKind::RequestRate), &[], vec![sample(&[], 3.0)], &[], &expected);
}

#[test]
fn what_is_no_number_is_missing_not_zero() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let samples = vec![sample(&[("tenant", "acme")], value)];
        let answer = Answer { samples, warnings: vec![] };
        let fetched = BTreeMap::from([(QUERY.to_owned(), Fetched::Answer(Index::new(answer)))]);
        let spec = spec("acme", "api", SignalKind::RequestRate);
        let readings = observations(&spec, None, &fetched, &Users::count([&spec]));
        assert!(matches!(readings[0].reading, Reading::Missing { .. }), "{value}");
    }
}

#[test]
fn a_partial_sum_is_not_trusted() {
    let expected = expect![[r#"Missing { why: "the source warned that its answer is partial" }"#]];
    let samples = vec![sample(&[("tenant", "acme")], 3.0)];
    check(&spec("acme", "api", SignalKind::RequestRate), &[], samples, &["store b is down"], &expected);
}

#[test]
fn pods_are_told_apart_and_strangers_left_out() {
    let expected = expect![[
        r#"Pods([PodSample { pod: "p1", value: Milli(1500), at: Timestamp(1000000), window: Span(60000) }])"#
    ]];
    let samples = vec![
        sample(&[("namespace", "ns-acme"), ("pod", "p1")], 1.5),
        sample(&[("namespace", "ns-acme"), ("pod", "p2")], f64::NAN),
        sample(&[("namespace", "ns-acme"), ("pod", "stranger")], 9.0),
    ];
    check(&spec("acme", "api", SignalKind::Cpu), &[], samples, &[], &expected);
}

/// Who floods a query that all use is held, and nobody else.
#[test]
fn more_series_than_are_read_are_told_and_hold_their_own_tenant_only() {
    let flood = |count: usize| {
        let series = (0..count).map(|place| sample(&[("namespace", "ns-other"), ("pod", &format!("x{place}"))], 1.0));
        series.chain([sample(&[("namespace", "ns-acme"), ("deployment", "api")], 12.5)]).collect::<Vec<_>>()
    };
    let others = [spec("other", "api", SignalKind::RequestRate)];
    let expected = expect!["Total { value: Milli(12500), at: Timestamp(1000000) }"];
    check(&spec("acme", "api", SignalKind::RequestRate), &others, flood(SERIES_MAX + 1), &[], &expected);
    let held = expect![[
        r#"Missing { why: "the query's answer has 100001 series of the tenant or namespace, and 100000 are read; sum them up in the query" }"#
    ]];
    let mut theirs = spec("other", "api", SignalKind::RequestRate);
    theirs.target.namespace = "ns-other".into();
    check(&theirs, &[], flood(SERIES_MAX + 1), &[], &held);
}
