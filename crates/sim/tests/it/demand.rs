//! What a replica carries is learned from what the world shows, and rules as if it had been told.

use futures::executor::block_on;
use tenantry_domain::demand::{Demand, Evidence};
use tenantry_domain::id::SignalName;
use tenantry_domain::plan::{Action, Source};
use tenantry_domain::spec::{Capacity, SignalKind, SignalSpec, Strategy, Target, WorkloadSpec};
use tenantry_domain::unit::{Milli, Replicas, Span};
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

/// Lives for a day to learn, and counts what the next costs.
fn lived(app: AppSpec, spec: WorkloadSpec) -> House {
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
    house.run(secs(DAY), |_| ());
    house.world.reset_scores();
    house.run(secs(2 * DAY), |_| ());
    house
}

#[test]
fn a_capacity_that_is_learned_serves_as_one_that_is_told() {
    let (app, spec) = with(wave(1), Capacity::Declared(Milli::units(10)), false);
    let told = lived(app, spec).world.total();
    let (app, spec) = with(wave(1), AUTO, true);
    let mut house = lived(app, spec);
    let known = known(&house).learned.unwrap();
    assert_eq!(known.from, [Evidence::Cpu, Evidence::Latency]);
    for value in [known.estimate, known.taken] {
        assert!((value.as_f64() - TRUTH).abs() < 0.1 * TRUTH, "{known:?}");
    }
    let learned = house.world.total();
    println!(
        "{} against {} dollars, {} of {} requests missed",
        learned.cost_usd, told.cost_usd, learned.missed, learned.asked
    );
    assert!(learned.cost_usd < 1.06 * told.cost_usd, "{} against {}", learned.cost_usd, told.cost_usd);
    assert!(learned.missed <= 0.01 * learned.asked, "{} of {} requests", learned.missed, learned.asked);

    // What was learned outlives the controller: the contest goes on without a day of learning.
    block_on(house.driver.stop());
    house.restart("one");
    house.run(secs(2 * DAY + 60), |_| ());
    let decisions = house.store.all_decisions();
    let (inputs, planned) = read(decisions.last().unwrap()).unwrap();
    assert!(inputs.snapshot.demands[0].learned.is_some() && inputs.snapshot.now > secs(2 * DAY - 1));
    let contest = |source: &Source| matches!(source, Source::Contest { .. });
    assert!(planned.report.candidates.iter().any(|one| contest(&one.source) && one.used));
}

#[test]
fn until_it_is_known_hpas_size_stands_under_the_forecast_and_it_is_said_why() {
    let (app, spec) = with(wave(1), AUTO, false);
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
    house.run(secs(300), |_| ());
    for record in &house.store.all_decisions() {
        let (inputs, planned) = read(record).unwrap();
        assert!(planned.report.candidates.iter().all(|one| !matches!(one.source, Source::Contest { .. })));
        assert!(inputs.snapshot.demands[0].unknown.is_some());
        let said = tenantry_engine::explain(&inputs.spec, &inputs.snapshot, &planned, &record.outcome);
        assert!(said.iter().any(|line| line.contains("is not known yet")), "{said:?}");
    }
    assert!(!house.world.effects().is_empty(), "it is scaled all the same");
}

#[test]
fn load_that_follows_the_size_is_found_out_and_not_shrunk_freely() {
    // What HPA would do to it, by itself, is to run away: the less serve, the less is there to do.
    for capacity in [Capacity::Declared(Milli::units(10)), AUTO] {
        let (mut app, spec) = with(wave(1), capacity, false);
        (app.follows, app.initial) = (1.0, Replicas::new(20));
        let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
        house.run(secs(DAY * 3 / 4), |_| ());
        let mut last_shrink = None;
        let mut found = 0;
        for record in &house.store.all_decisions() {
            let (inputs, planned) = read(record).unwrap();
            let Some(follows) = &inputs.snapshot.demands[0].follows else { continue };
            found += 1;
            assert!(planned.report.candidates.iter().all(|one| !matches!(one.source, Source::Contest { .. })));
            assert!(inputs.snapshot.expectations.iter().all(|expected| !expected.trusted));
            let Action::Scale { from, to } = planned.plan.action else { continue };
            if to < from {
                assert!(from.get() - to.get() <= (from.get() / 10).max(1), "{from} to {to}");
                assert!(follows.shrinks_at <= inputs.snapshot.now);
                let early = last_shrink.is_some_and(|last| inputs.snapshot.now.since(last) < Span::from_secs(300));
                assert!(!early, "it shrank again at once");
                last_shrink = Some(inputs.snapshot.now);
            }
        }
        assert!(found > 0, "{capacity:?}: it was never found out");
    }
}

#[test]
fn load_from_outside_is_never_taken_for_our_own() {
    for seed in 0..2 {
        for capacity in [Capacity::Declared(Milli::units(10)), AUTO] {
            let (app, spec) = with(Load::made(shape(seed)).scaled(150.0), capacity, false);
            let mut house = House::new(vec![app], vec![spec], Faults::default(), seed);
            house.run(secs(DAY), |_| ());
            for record in &house.store.all_decisions() {
                let (inputs, _) = read(record).unwrap();
                assert_eq!(inputs.snapshot.demands[0].follows, None, "seed {seed}, {capacity:?}");
            }
        }
    }
}
