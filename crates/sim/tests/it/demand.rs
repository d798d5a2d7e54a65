//! What a replica carries is learned from what the world shows, and rules as if it had been told.

use futures::executor::block_on;
use tenantry_domain::demand::{Demand, Evidence};
use tenantry_domain::id::SignalName;
use tenantry_domain::plan::Source;
use tenantry_domain::spec::{Capacity, SignalKind, SignalSpec, Strategy, Target, WorkloadSpec};
use tenantry_domain::unit::{Milli, Span};
use tenantry_engine::record::read;
use tenantry_sim::fault::Faults;
use tenantry_sim::load::{Load, Shape};
use tenantry_sim::{AppSpec, LATENCY, OBJECTIVE};

use crate::house::{House, app, secs, shape, spec};

const DAY: u64 = 86_400;
/// What a replica of the world really carries.
const TRUTH: f64 = 10.0;
const AUTO: Capacity = Capacity::Learned { prior: None };

fn wave(seed: u64) -> Load {
    let calm = Shape { weekly: 0.0, bursts: 0.0, launches: 0.0, outages: 0.0, noise: 0.05, ..shape(seed) };
    Load::made(calm).scaled(150.0)
}

fn with(load: Load, capacity: Capacity, watches_latency: bool) -> (AppSpec, WorkloadSpec) {
    let app = app("acme", "web", load);
    let mut spec = spec(&app, Strategy::Predictive);
    spec.signals[0].capacity = Some(capacity);
    if watches_latency {
        spec.signals.push(SignalSpec {
            name: SignalName::new("latency").unwrap(),
            kind: SignalKind::Latency,
            query: Some(LATENCY.into()),
            target: Target::Value(Milli(OBJECTIVE.as_millis_i64())),
            capacity: None,
            measures_at_zero: false,
            scales: false,
        });
    }
    (app, spec)
}

/// What the last decision knew of the demand.
fn known(house: &House) -> Demand {
    let decisions = house.store.all_decisions();
    let (inputs, _) = read(decisions.last().unwrap()).unwrap();
    inputs.snapshot.demands.first().unwrap().clone()
}

#[test]
fn probe_loops() {
    for (name, follows, capacity) in [
        ("half", 0.5, Capacity::Declared(Milli::units(10))),
        ("whole", 1.0, Capacity::Declared(Milli::units(10))),
        ("whole", 1.0, Capacity::Declared(Milli::units(9))),
        ("whole", 1.0, AUTO),
    ] {
        let (mut app, spec) = with(wave(1), capacity, false);
        app.follows = follows;
        app.initial = tenantry_domain::unit::Replicas::new(20);
        let key = app.key.clone();
        let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
        for hours in [1_u64, 2, 4, 8, 16, 24] {
            house.run(secs(hours * 3600), |_| ());
            println!("{name} {hours}h {:?} {:?}", known(&house).follows, house.world.look(&key));
        }
    }
}

#[test]
fn probe_outside() {
    for seed in 0..4 {
        for capacity in [Capacity::Declared(Milli::units(10)), AUTO] {
            let (app, spec) = with(Load::made(shape(seed)).scaled(150.0), capacity, false);
            let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
            house.run(secs(2 * DAY), |_| ());
            let decisions = house.store.all_decisions();
            let ever = decisions.iter().filter(|record| record.inputs.contains("\"follows\":{")).count();
            println!("{seed} {capacity:?} {ever} {:?}", known(&house));
        }
    }
}

#[test]
fn probe() {
    for (name, capacity, latency) in [
        ("declared", Capacity::Declared(Milli::units(10)), false),
        ("auto cpu", AUTO, false),
        ("auto both", AUTO, true),
    ] {
        let (app, spec) = with(wave(1), capacity, latency);
        let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
        for hours in [24_u64, 48, 72] {
            house.run(secs(hours * 3600), |_| ());
            println!("{name} {hours}h {:?} {:?}", known(&house), house.world.total());
            house.world.reset_scores();
        }
    }
}
