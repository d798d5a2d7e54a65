//! Decisions a second on one core: `cargo run --release -p tenantry-planner --example decisions`
//!
//! Each workload has three signals with warm models. A decision is the whole of it: three samples learned, three
//! forecasts asked, the plan made and linted.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    reason = "a program at the edge: it makes its own input, times itself and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use tenantry_domain::id::SignalName;
use tenantry_domain::plan::Action;
use tenantry_domain::snapshot::{Expectation, Observation, QuantilePoint, Reading, ScaleEvent, Snapshot};
use tenantry_domain::spec::{Behavior, Objective, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, PerMille};
use tenantry_forecast::{Forecaster, LEVELS, Settings, Trust};
use tenantry_planner::{lint, plan};

const WORKLOADS: usize = 2_000;
const ROUNDS: i64 = 60;
const DAYS: i64 = 8;
const STEP_MS: i64 = 60_000;
const SIGNALS: [(&str, i64); 3] = [("requests", 70), ("queue", 25), ("connections", 400)];

struct Workload {
    spec: WorkloadSpec,
    snapshot: Snapshot,
    models: Vec<Forecaster>,
}

fn load(signal: usize, minute: i64, workload: usize) -> f64 {
    let phase = (minute as f64 / 1440.0 + workload as f64 * 0.01) * std::f64::consts::TAU;
    let noise = ((minute * 7919 + workload as i64 * 104_729) % 97) as f64 / 97.0;
    SIGNALS[signal].1 as f64 * 6.0 * (1.0 + 0.5 * phase.sin() + 0.1 * noise)
}

fn workload(number: usize) -> Workload {
    let signals: Vec<_> = SIGNALS
        .iter()
        .map(|(name, target)| {
            json!({ "name": name, "kind": "promql", "query": "load", "target": { "per_replica": target * 1000 }, "measures_at_zero": false })
        })
        .collect();
    let spec = serde_json::from_value(json!({
        "key": { "tenant": format!("t{number}"), "workload": "api" },
        "target": { "api_version": "apps/v1", "kind": "Deployment", "namespace": "n", "pick": { "name": "api" } },
        "enabled": true, "strategy": "predictive", "bounds": [2, 50], "fixed": null, "signals": signals,
        "behavior": Behavior::default(), "schedules": [], "freezes": [], "quota": 100, "spending": null,
        "objective": Objective::default(), "startup_delay": "90s", "stale_after": "2m", "take_over": false,
    }));
    let pods: Vec<_> = (0..8)
        .map(|index| {
            json!({ "name": format!("p{index}"), "phase": "running", "deleted": false, "started_at": 0,
                "readiness": { "ready": true, "changed_at": 0 }, "cpu_request": 500, "memory_request": 1000 })
        })
        .collect();
    let snapshot = serde_json::from_value(json!({
        "now": 0, "current": 8, "reported": 8, "pods": pods, "observations": [], "expectations": [],
        "memory": { "recommendations": [], "events": [] }, "manual": null, "pause": null, "foreign_scaler": null,
        "others": 10,
    }));
    let models = (0..SIGNALS.len()).map(|signal| {
        let settings = Settings::new(STEP_MS, None).unwrap();
        let mut model = Forecaster::new(settings, &[settings.stretch(90_000, 60_000)]);
        for minute in 0..DAYS * 1440 {
            model.observe(minute * STEP_MS, load(signal, minute, number), minute * STEP_MS);
        }
        model
    });
    Workload { spec: spec.unwrap(), snapshot: snapshot.unwrap(), models: models.collect() }
}

/// One decision; whether it changes the size.
fn decide(workload: &mut Workload, number: usize, minute: i64) -> bool {
    let now = Timestamp::from_millis(minute * STEP_MS);
    let snapshot = &mut workload.snapshot;
    snapshot.now = now;
    snapshot.observations.clear();
    snapshot.expectations.clear();
    for (place, model) in workload.models.iter_mut().enumerate() {
        let signal: SignalName = workload.spec.signals[place].name.clone();
        let value = load(place, minute, number);
        model.observe(now.as_millis(), value, now.as_millis());
        let reading = Reading::Total { value: Milli::from_f64(value).unwrap(), at: now };
        snapshot.observations.push(Observation { signal: signal.clone(), reading });
        let forecast = model.expect(0, now.as_millis()).unwrap();
        let points = LEVELS.iter().zip(forecast.quantiles(LEVELS)).map(|(level, value)| QuantilePoint {
            quantile: PerMille((level * 1000.0).round() as u16),
            value: Milli::from_f64(value).unwrap(),
        });
        let (maximum, trusted) = (points.collect(), forecast.trust() == Trust::Earned);
        snapshot.expectations.push(Expectation {
            signal,
            from: now,
            until: now,
            maximum,
            trusted,
            because: String::new(),
        });
    }
    let planned = plan(&workload.spec, snapshot);
    assert!(lint(&workload.spec, snapshot, &planned).is_empty(), "a plan broke a law");
    snapshot.memory = planned.memory;
    if let Action::Scale { from, to } = planned.plan.action {
        snapshot.memory.events.push(ScaleEvent { at: now, from, to });
        (snapshot.current, snapshot.reported) = (Some(to), to);
        return true;
    }
    false
}

fn main() {
    println!("warming {WORKLOADS} workloads with {} signals over {DAYS} days ...", SIGNALS.len());
    let mut workloads: Vec<Workload> = (0..WORKLOADS).map(workload).collect();
    let bytes = workloads[0].models[0].to_bytes().len();
    let (mut changes, mut decisions) = (0_usize, 0_usize);
    let clock = Instant::now();
    for round in 0..ROUNDS {
        for (number, workload) in workloads.iter_mut().enumerate() {
            changes += usize::from(black_box(decide(workload, number, DAYS * 1440 + round)));
            decisions += 1;
        }
    }
    let secs = clock.elapsed().as_secs_f64();
    println!("decisions          {decisions} in {secs:.2} s, {changes} of them changes");
    println!("one decision       {:.1} us", secs * 1e6 / decisions as f64);
    println!("on one core        {:.0} decisions/s", decisions as f64 / secs);
    println!("state of a series  {bytes} bytes");
}
