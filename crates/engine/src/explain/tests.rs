use super::*;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

/// What a hold comes to in words, at five replicas.
fn check(hold: &Value, bounds: &Value, foreign: Option<&str>, expected: &Expect) {
    let spec = json!({
        "key": { "tenant": "acme", "workload": "api" },
        "target": { "api_version": "apps/v1", "kind": "Deployment", "namespace": "acme", "pick": { "name": "api" } },
        "enabled": true, "strategy": "reactive", "bounds": [1, 5], "fixed": null, "signals": [],
        "behavior": null, "schedules": [], "freezes": [], "quota": null, "spending": null,
        "objective": { "availability": 990, "latency_quantile": 950 }, "startup_delay": null, "stale_after": "1m",
        "take_over": false
    });
    let memory = json!({ "recommendations": [], "events": [] });
    let snapshot = json!({
        "now": 0, "current": 5, "reported": 5, "pods": [], "observations": [], "expectations": [],
        "memory": memory, "manual": null, "pause": null, "foreign_scaler": foreign, "others": 0
    });
    let planned = json!({
        "plan": { "key": { "tenant": "acme", "workload": "api" }, "action": { "hold": hold } },
        "report": { "seen": [], "candidates": [], "wanted": 9, "bounds": bounds, "waits": [] },
        "memory": memory
    });
    let inputs: Inputs = serde_json::from_value(json!({ "spec": spec, "snapshot": snapshot })).unwrap();
    let planned: Planned = serde_json::from_value(planned).unwrap();
    let lines = explain(&inputs, &planned, &Outcome::Held);
    expected.assert_eq(lines.iter().find(|line| line.starts_with(DID)).unwrap());
}

#[test]
fn a_limit_that_never_yields_is_not_said_to_do_so_later() {
    let bound = |limit: Value, got: u32| json!([{ "limit": limit, "wanted": 9, "got": got }]);
    check(
        &json!("waiting"),
        &bound(json!("max"), 5),
        None,
        &expect![
            "did        hold: 9 would be right, and 5 is all that the maximum allows, until `max_replicas` is raised"
        ],
    );
    check(
        &json!("waiting"),
        &bound(json!("quota"), 5),
        None,
        &expect![
            "did        hold: 9 would be right, and 5 is all that the tenant's quota leaves, until another workload gives replicas back or it is raised"
        ],
    );
    check(
        &json!("waiting"),
        &bound(json!({ "schedule_ceiling": "night" }), 5),
        None,
        &expect!["did        hold: 9 would be right, and 5 is the ceiling of schedule `night`, until that has passed"],
    );
    check(
        &json!("waiting"),
        &bound(json!("rate_up"), 5),
        None,
        &expect!["did        hold: another size is wanted, and a limit does not allow it yet"],
    );
    // A change that the object refused a moment ago waits to be tried again, whatever the maximum is.
    check(
        &json!("waiting"),
        &bound(json!("max"), 7),
        None,
        &expect!["did        hold: another size is wanted, and a limit does not allow it yet"],
    );
}

#[test]
fn a_rival_is_told_apart_from_another_autoscaler() {
    check(
        &json!("foreign_scaler"),
        &json!([]),
        Some("Workload other/api"),
        &expect![
            "did        hold: the workload other/api reaches the same object, and neither moves it; let one of the two name another, or set `enabled: false` under its autoscaling"
        ],
    );
    check(
        &json!("foreign_scaler"),
        &json!([]),
        Some("HorizontalPodAutoscaler web"),
        &expect![
            "did        hold: HorizontalPodAutoscaler web is in charge; set `autoscaling.take_over: true` to hand the workload over"
        ],
    );
}
