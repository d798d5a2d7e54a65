//! Vertical sizing of a workload on one core: `cargo run --release -p tenantry-planner --example vertical`
//!
//! Each workload has eight pods of two containers. A cycle is the whole of it: sixteen containers' use learned, what they
//! should request estimated, and all pods judged.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program at the edge: it makes its own input, times itself and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use tenantry_domain::snapshot::PodState;
use tenantry_domain::spec::{Objective, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Span};
use tenantry_domain::vertical::{ContainerState, PodSizes, Resources, Sizes, VerticalSight};
use tenantry_planner::vertical::{Usage, judge};

const WORKLOADS: i64 = 500;
const PODS: i64 = 8;
const CONTAINERS: [&str; 2] = ["main", "proxy"];
const DAYS: i64 = 3;
const MINUTE_MS: i64 = 60_000;

fn pods(workload: i64, minute: i64) -> Vec<PodSizes> {
    let requests = Resources { cpu: Some(Milli(1000)), memory: Some(Milli::units(1 << 30)) };
    let container = |name: &str, pod: i64| {
        let wave = ((minute * 7919 + workload * 104_729 + pod * 31) % 977) as f64 / 977.0;
        let used = Resources { cpu: Milli::from_f64(0.1 + 0.5 * wave), memory: Milli::from_f64(2e8 * (1.0 + wave)) };
        let sizes = Sizes { requests, limits: Resources::default() };
        ContainerState { name: name.to_owned(), sizes, used, oom_at: None }
    };
    let pod = |pod: i64| PodSizes {
        pod: format!("pod-{pod}"),
        version: "1".to_owned(),
        used_at: Some(Timestamp::from_millis(minute * MINUTE_MS)),
        pending: None,
        containers: CONTAINERS.iter().map(|name| container(name, pod)).collect(),
    };
    (0..PODS).map(pod).collect()
}

fn spec() -> WorkloadSpec {
    serde_json::from_value(json!({
        "key": { "tenant": "acme", "workload": "api" },
        "target": { "api_version": "apps/v1", "kind": "Deployment", "namespace": "n", "pick": { "name": "api" } },
        "enabled": true, "strategy": "fixed", "bounds": [2, 50], "fixed": 8, "signals": [], "behavior": null,
        "schedules": [], "freezes": [], "quota": null, "spending": null, "objective": Objective::default(),
        "startup_delay": null, "stale_after": "2m", "take_over": false,
    }))
    .unwrap()
}

fn states() -> Vec<PodState> {
    let state = |pod: i64| {
        json!({ "name": format!("pod-{pod}"), "phase": "running", "deleted": false, "started_at": 0,
            "readiness": { "ready": true, "changed_at": 0 }, "cpu_request": 2000, "memory_request": 1000 })
    };
    (0..PODS).map(|pod| serde_json::from_value(state(pod)).unwrap()).collect()
}

fn main() {
    let (spec, states, stale) = (spec(), states(), Span::from_secs(120));
    println!("warming {WORKLOADS} workloads of {PODS} pods with {} containers over {DAYS} days ...", CONTAINERS.len());
    let mut usages: Vec<Usage> = (0..WORKLOADS).map(|_| Usage::default()).collect();
    let (mut cycles, mut verdicts, mut secs) = (0_u32, 0_usize, 0.0);
    for minute in 1..=DAYS * 1440 {
        let seen: Vec<Vec<PodSizes>> = (0..WORKLOADS).map(|workload| pods(workload, minute)).collect();
        let now = Timestamp::from_millis(minute * MINUTE_MS);
        let clock = Instant::now();
        for (usage, pods) in usages.iter_mut().zip(seen) {
            usage.learn(&pods, now, stale);
            let sight = VerticalSight { advice: usage.advice(), pods };
            verdicts += black_box(judge(&spec, now, &states, &sight)).verdicts.len();
            cycles += 1;
        }
        secs += clock.elapsed().as_secs_f64();
    }
    let bytes = usages.iter().map(|usage| usage.to_bytes().len()).max().unwrap_or(0);
    println!("cycles             {cycles} in {secs:.2} s, {verdicts} verdicts");
    println!("one workload       {:.1} us a cycle", secs * 1e6 / f64::from(cycles));
    println!("100,000 workloads  {:.2} s a cycle on one core", secs / f64::from(cycles) * 1e5);
    println!("state              {} bytes a container", bytes / CONTAINERS.len());
}
