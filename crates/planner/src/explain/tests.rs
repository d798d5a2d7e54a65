use super::*;
use crate::plan;
use crate::testing::{NOW, observe, rate, spec, with_rate};
use expect_test::{Expect, expect};
use serde_json::json;
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

/// What waiting at five replicas comes to in words.
fn did(bounds: &serde_json::Value, expected: &Expect) {
    let (spec, snapshot) = (spec(vec![rate(10)]), with_rate(5, 90_000));
    let mut planned = plan(&spec, &snapshot);
    planned.plan.action = Action::Hold(Hold::Waiting);
    planned.report.bounds = serde_json::from_value(bounds.clone()).unwrap();
    let lines = explain(&spec, &snapshot, &planned, &Outcome::Held);
    expected.assert_eq(lines.iter().find(|line| line.starts_with("did ")).unwrap());
}

#[test]
fn a_limit_that_never_yields_is_not_said_to_do_so_later() {
    let bound = |limit: serde_json::Value, got: u32| json!([{ "limit": limit, "wanted": 9, "got": got }]);
    did(
        &bound(json!("max"), 5),
        &expect![
            "did        hold: 9 would be right, and 5 is all that the maximum allows, until `max_replicas` is raised"
        ],
    );
    did(
        &bound(json!("quota"), 5),
        &expect![
            "did        hold: 9 would be right, and 5 is all that the tenant's quota leaves, until another workload gives replicas back or it is raised"
        ],
    );
    did(
        &bound(json!({ "schedule_ceiling": "night" }), 5),
        &expect!["did        hold: 9 would be right, and 5 is the ceiling of schedule `night`, until that has passed"],
    );
    did(
        &bound(json!("rate_up"), 5),
        &expect!["did        hold: another size is wanted, and a limit does not allow it yet"],
    );
    // A change that the object refused a moment ago waits to be tried again, whatever the maximum is.
    did(
        &bound(json!("max"), 7),
        &expect!["did        hold: another size is wanted, and a limit does not allow it yet"],
    );
}

#[test]
fn a_rival_is_told_apart_from_another_autoscaler() {
    let mut snapshot = with_rate(5, 90_000);
    snapshot.foreign_scaler = Some("HorizontalPodAutoscaler web".into());
    let mut asked = spec(vec![rate(10)]);
    let said = |asked: &WorkloadSpec, snapshot: &Snapshot| {
        let lines = explain(asked, snapshot, &plan(asked, snapshot), &Outcome::Held);
        lines.into_iter().find(|line| line.starts_with("did ")).unwrap()
    };
    expect!["did        hold: HorizontalPodAutoscaler web is in charge; set `autoscaling.take_over: true` to hand the workload over"]
        .assert_eq(&said(&asked, &snapshot));
    snapshot.rival = Some("other/api".parse().unwrap());
    // What settles it with other autoscalers settles nothing between two of ours.
    asked.take_over = true;
    expect!["did        hold: the workload other/api reaches the same object, and neither moves it; let one of the two name another, or set `enabled: false` under its autoscaling"]
        .assert_eq(&said(&asked, &snapshot));
}
