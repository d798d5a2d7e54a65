use futures::executor::block_on;
use tenantry_domain::plan::{Planned, Source};
use tenantry_domain::spec::{Capacity, Strategy, WorkloadSpec};
use tenantry_domain::unit::Milli;
use tenantry_engine::ports::store::DecisionRecord;
use tenantry_sim::AppSpec;
use tenantry_sim::fault::Faults;
use tenantry_sim::lane::{Lane, Policy};
use tenantry_sim::load::{Load, Shape};

use crate::house::{House, START, app, secs, spec};

const DAY: u64 = 86_400;

fn wave() -> Load {
    Load::made(Shape {
        seed: 1,
        daily: 0.5,
        weekly: 0.0,
        trend: 0.0,
        noise: 0.05,
        bursts: 0.0,
        launches: 0.0,
        outages: 0.0,
    })
    .scaled(150.0)
}

/// The target leaves room under what a replica carries, which is told.
fn with_capacity() -> (AppSpec, WorkloadSpec) {
    let app = app("acme", "web", wave());
    let mut spec = spec(&app, Strategy::Predictive);
    spec.signals[0].capacity = Some(Capacity::Declared(Milli::units(10)));
    (app, spec)
}

#[test]
fn where_the_capacity_is_known_the_room_above_the_target_is_used() {
    let (app, spec) = with_capacity();
    let mut hpa = Lane::new(app.clone(), Policy::hpa(&spec), START, 1);
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
    house.run(secs(2 * DAY), |_| ());
    hpa.pass(secs(2 * DAY));
    house.world.reset_scores();
    hpa.reset_score();
    house.run(secs(4 * DAY), |_| ());
    hpa.pass(secs(4 * DAY));

    let (ours, hpa) = (house.world.total(), hpa.score());
    assert!(ours.cost_usd < 0.9 * hpa.cost_usd, "{} against {} of HPA", ours.cost_usd, hpa.cost_usd);
    assert!(ours.missed <= 0.01 * ours.asked, "{} of {} requests", ours.missed, ours.asked);
}

/// Who asked for the size, where it was the contest.
fn rule(record: &DecisionRecord) -> Option<String> {
    let planned: Planned = serde_json::from_str(&record.planned).unwrap();
    planned.report.candidates.into_iter().find_map(|candidate| match candidate.source {
        Source::Contest { rule, .. } => Some(rule),
        _ => None,
    })
}

#[test]
fn a_restart_goes_on_with_the_policy_in_charge() {
    let (app, spec) = with_capacity();
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 2);
    house.run(secs(DAY), |_| ());
    block_on(house.driver.stop());
    let before = house.store.all_decisions();
    house.restart("one");
    house.run(secs(DAY + 600), |_| ());
    let after = house.store.all_decisions();
    let mut later = after.iter().filter(|record| record.at >= secs(DAY));
    let (last, next) = (before.iter().rev().find_map(rule), later.find_map(rule));
    assert!(last.as_ref().is_some_and(|rule| !rule.starts_with("HPA at 70 %")), "{last:?}");
    assert_eq!(last, next);
}
