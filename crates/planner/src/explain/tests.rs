use super::*;
use crate::plan;
use crate::testing::{NOW, observe, rate, spec, with_rate};
use expect_test::{Expect, expect};
use tenantry_domain::snapshot::{Pause, Reading, Recommendation};
use tenantry_domain::unit::{Replicas, Span};

fn check(spec: &WorkloadSpec, snapshot: &Snapshot, outcome: &Outcome, expected: &Expect) {
    let planned = plan(spec, snapshot);
    expected.assert_eq(&(explain(spec, snapshot, &planned, outcome).join("\n") + "\n"));
}

#[test]
fn growth_is_told_with_its_reason() {
    check(
        &spec(vec![rate(10)]),
        &with_rate(3, 55_000),
        &Outcome::Applied,
        &expect![[r#"
        saw        3 replicas asked for, 3 ready
        saw        rate = 55 (target 10 for each replica)
        considered 6 replicas for rate now
        did        scale from 3 to 6 (accepted)
    "#]],
    );
}

#[test]
fn a_wait_is_told_with_its_end() {
    let mut snapshot = with_rate(6, 20_000);
    let past = Recommendation { at: NOW - Span::from_secs(100), replicas: Replicas::new(6) };
    snapshot.memory.recommendations.push(past);
    check(
        &spec(vec![rate(10)]),
        &snapshot,
        &Outcome::Held,
        &expect![[r#"
        saw        6 replicas asked for, 6 ready
        saw        rate = 20 (target 10 for each replica)
        considered 2 replicas for rate now
        limited    2 became 6 by stabilization: a larger size was asked for a short while ago
        did        hold: another size is wanted, and a limit does not allow it yet
        waits for  08:03:20Z, when stabilization ends
    "#]],
    );
}

#[test]
fn blindness_is_told_apart_from_idleness() {
    let mut snapshot = with_rate(6, 20_000);
    snapshot.observations.clear();
    observe(&mut snapshot, "rate", Reading::Missing { why: "the source did not answer within 5s".into() });
    check(
        &spec(vec![rate(10)]),
        &snapshot,
        &Outcome::Held,
        &expect![[r#"
        saw        6 replicas asked for, 6 ready
        saw        rate missing: the source did not answer within 5s
        did        hold: no signal could be seen, and nothing is changed blindly
    "#]],
    );
}

#[test]
fn a_pause_names_who_asked_and_how_to_end_it() {
    let mut snapshot = with_rate(6, 20_000);
    snapshot.pause = Some(Pause { author: "ada".into(), reason: "migration".into(), expires_at: None });
    check(
        &spec(vec![rate(10)]),
        &snapshot,
        &Outcome::Held,
        &expect![[r#"
        saw        6 replicas asked for, 6 ready
        saw        rate = 20 (target 10 for each replica)
        did        hold: paused by ada (migration); `tenantry resume acme/api` ends it
    "#]],
    );
}
