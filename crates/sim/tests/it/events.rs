//! Announced events: capacity for them is there when they begin, and goes when they are over.

use futures::executor::block_on;
use tenantry_domain::almanac::{Almanac, Effect, Event, LEAD_DEFAULT};
use tenantry_domain::plan::Source;
use tenantry_domain::spec::{Capacity, Strategy};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, PerMille, Span};
use tenantry_engine::record::read;
use tenantry_sim::fault::{Fault, Faults, Spell};
use tenantry_sim::load::Load;

use crate::house::{House, START, app, secs, spec};

const HOUR: u64 = 3_600;
/// When the event begins and ends.
const EVENT: [u64; 2] = [26 * HOUR, 28 * HOUR];

/// A wave of the day, times four in the event.
fn load() -> Load {
    let at = |minute: u32| {
        let day = f64::from(minute) / 1440.0;
        let wave = 60.0 + 20.0 * (day * std::f64::consts::TAU).sin();
        let within = (EVENT[0]..EVENT[1]).contains(&(u64::from(minute) * 60));
        if within { 4.0 * wave } else { wave }
    };
    // A recorded load is laid on the epoch, and begins again when it is over.
    let minutes = 2 * 1440;
    let first = u32::try_from(START.as_millis() / 60_000 % i64::from(minutes)).unwrap();
    Load::recorded(Span::from_secs(60), (0..minutes).map(|place| at((place + minutes - first) % minutes)).collect())
}

fn almanac(event: [Timestamp; 2], effect: Effect) -> Almanac {
    let [from, until] = event;
    let event = Event { name: "launch".into(), from, until, lead: LEAD_DEFAULT, effect, confidence: PerMille(1000) };
    Almanac { events: vec![event], ..Almanac::default() }
}

fn factor() -> Almanac {
    almanac(EVENT.map(secs), Effect::Factor(Milli::units(4)))
}

fn house(almanac: Almanac, capacity: Option<Capacity>) -> House {
    let app = app("acme", "web", load());
    let mut spec = spec(&app, Strategy::Predictive);
    (spec.signals[0].capacity, spec.almanac) = (capacity, almanac);
    House::new(vec![app], vec![spec], Faults::default(), 1)
}

/// Requests that were missed, of those that were asked, from shortly before the event until shortly after it begins.
fn missed(house: &mut House) -> f64 {
    house.run(secs(EVENT[0] - 600), |_| ());
    house.world.reset_scores();
    house.run(secs(EVENT[0] + 600), |_| ());
    let score = house.world.total();
    score.missed / score.asked
}

const CAPACITIES: [Option<Capacity>; 2] = [None, Some(Capacity::Declared(Milli(10_000)))];

#[test]
fn capacity_for_an_event_is_there_when_it_begins_and_goes_when_it_is_over() {
    for capacity in CAPACITIES {
        let (mut with, mut without) = (house(factor(), capacity), house(Almanac::default(), capacity));
        let [announced, unknown] = [&mut with, &mut without].map(missed);
        assert!(announced < 0.001 && unknown > 0.02, "{capacity:?}: {announced} with, {unknown} without");
        // Its load is not multiplied again once it is seen, and not taken for granted when it is over.
        with.run(secs(EVENT[0] + 5400), |_| ());
        let key = with.specs[0].key.clone();
        let (size, _, load) = with.world.look(&key).unwrap();
        assert!(f64::from(size.get()) * 10.0 < 1.9 * load, "{capacity:?}: {size} for {load}");
        with.run(secs(EVENT[1] + 1800), |_| ());
        let (size, _, load) = with.world.look(&key).unwrap();
        assert!(f64::from(size.get()) * 10.0 < 2.2 * load, "{capacity:?}: {size} for {load} after it");
    }
}

#[test]
fn the_report_names_the_event_and_the_decision_is_made_again_from_its_record() {
    let mut house = house(factor(), CAPACITIES[1]);
    house.run(secs(EVENT[0]), |_| ());
    let mut grown = 0;
    for record in &house.store.all_decisions() {
        let (inputs, planned) = read(record).unwrap();
        assert_eq!(tenantry_planner::plan(&inputs.spec, &inputs.snapshot).plan, planned.plan);
        let named = |source: &Source| matches!(source, Source::Event { event, .. } if event == "launch");
        if planned.report.candidates.iter().any(|one| one.used && named(&one.source)) {
            grown += 1;
            assert!(inputs.snapshot.now > secs(EVENT[0] - 600));
            let said = tenantry_engine::explain(&inputs.spec, &inputs.snapshot, &planned, &record.outcome);
            assert!(said.iter().any(|line| line.contains("event `launch`")), "{said:?}");
        }
    }
    assert!(grown > 0);
}

#[test]
fn added_load_is_put_on_what_would_be_there_without_it() {
    let requests = "requests".parse().unwrap();
    let almanac = almanac(EVENT.map(secs), Effect::Added(vec![(requests, Milli::units(230))]));
    let missed = missed(&mut house(almanac, CAPACITIES[1]));
    assert!(missed < 0.001, "{missed}");
}

#[test]
fn a_restart_and_blindness_do_not_make_it_forget_an_event() {
    for capacity in CAPACITIES {
        let mut house = house(factor(), capacity);
        house.run(secs(EVENT[0] - 1200), |_| ());
        block_on(house.driver.stop());
        house.restart("one");
        let blind = Spell { from: secs(EVENT[0] - 900), until: secs(EVENT[0] + 300), fault: Fault::MetricsDown };
        house.world.add_fault(blind);
        let missed = missed(&mut house);
        assert!(missed < 0.001, "{capacity:?}: {missed}");
    }
}
