//! Requests of containers over days, with a driver that acts on them.

use std::collections::BTreeMap;

use futures::executor::block_on;
use tenantry_domain::plan::{Action, Outcome};
use tenantry_domain::spec::{Strategy, WorkloadSpec};
use tenantry_domain::unit::{MicroUsd, Milli, Span};
use tenantry_domain::vertical::{Prices, Resource, Standing, VerticalMode};
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::record::{read, replays};
use tenantry_engine::scope::Scope;
use tenantry_engine::status::WorkloadStatus;
use tenantry_engine::view;
use tenantry_sim::AppSpec;
use tenantry_sim::fault::{Fault, Faults, Spell};
use tenantry_sim::load::Load;

use crate::house::{House, START, app, key, secs, spec};

const HOUR: u64 = 3600;

/// Three replicas that each use seven tenths of the core that they request, and a quarter of the memory.
fn steady(mode: VerticalMode) -> (AppSpec, WorkloadSpec) {
    let app = app("acme", "web", Load::recorded(Span::from_secs(60), vec![21.0]));
    let mut spec = spec(&app, Strategy::Reactive);
    spec.vertical.mode = mode;
    (app, spec)
}

fn somebody() -> Authorship {
    Authorship { author: "me".into(), at: START, reason: "a test".into() }
}

fn status(house: &House) -> WorkloadStatus {
    block_on(view::workloads(house.store.as_ref(), &Scope::platform())).unwrap().remove(0)
}

fn changes(house: &House) -> Vec<(u64, Outcome)> {
    let resized = |record: &tenantry_engine::ports::store::DecisionRecord| {
        matches!(read(record).unwrap().1.plan.action, Action::Resize(_))
    };
    let all = house.store.all_decisions();
    all.iter().filter(|record| resized(record)).map(|record| (record.id, record.outcome.clone())).collect()
}

/// Every pod that was changed was recorded as such before, by the epoch that did it.
fn check_records(house: &House) {
    let decisions = house.store.all_decisions();
    for done in house.world.resizes() {
        let recorded = decisions.iter().any(|record| {
            let (_, planned) = read(record).unwrap();
            let names = matches!(&planned.plan.action, Action::Resize(pods) if pods.contains(&done.resize));
            names && record.at <= done.at && record.generation.epoch == done.epoch && record.changes()
        });
        assert!(recorded, "no record of {done:?}");
    }
    for record in &decisions {
        assert!(replays(record).unwrap(), "decision {} does not replay", record.id);
    }
}

#[test]
fn requests_come_to_what_is_used_once_and_stay_there_through_a_restart() {
    let (app, spec) = steady(VerticalMode::InPlace);
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
    house.run(secs(20 * HOUR), |_| {});
    assert_eq!(house.world.resizes(), [], "nothing is lowered before a day of history");
    block_on(house.driver.stop());
    house.restart("two");
    house.run(secs(47 * HOUR), |_| {});
    let resizes = house.world.resizes();
    let mut per_pod: BTreeMap<&str, u32> = BTreeMap::new();
    for done in &resizes {
        assert!(done.at >= START + Span::from_secs(24 * HOUR), "{done:?}");
        *per_pod.entry(&done.resize.pod).or_default() += 1;
    }
    assert_eq!(per_pod.values().copied().collect::<Vec<_>>(), [1, 1, 1], "{resizes:?}");
    // One pod in each cycle.
    assert!(resizes.windows(2).all(|pair| pair[1].at.since(pair[0].at) >= Span::from_secs(15)));
    let to = resizes[0].resize.containers[0].to.requests;
    let (cpu, memory) = (to.cpu.unwrap(), to.memory.unwrap());
    assert!((Milli(800)..Milli(900)).contains(&cpu), "{cpu}");
    assert!((Milli::units(260 << 20)..Milli::units(300 << 20)).contains(&memory), "{memory}");
    assert!(changes(&house).iter().all(|(_, outcome)| *outcome == Outcome::Applied));
    let status = status(&house);
    assert!(status.vertical[0].resources.iter().all(|one| one.standing == Standing::Right && one.saving == Milli(0)));
    check_records(&house);
}

#[test]
fn off_shows_what_it_would_save_and_changes_nothing() {
    let (app, mut spec) = steady(VerticalMode::Off);
    spec.vertical.prices = Prices { core_hour: Some(MicroUsd(40_000)), gib_hour: None };
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
    house.run(secs(26 * HOUR), |_| {});
    assert_eq!((house.world.resizes().len(), changes(&house).len()), (0, 0));
    let status = status(&house);
    let main = &status.vertical[0];
    assert_eq!((main.name.as_str(), main.confidence.0 >= 500), ("main", true));
    let [cpu, memory] = &main.resources[..] else { panic!("{main:?}") };
    assert_eq!((cpu.standing.clone(), memory.standing.clone()), (Standing::Off, Standing::Off));
    assert_eq!(cpu.saving, Milli(3 * (1000 - cpu.target.0)));
    // Four cents for a core and hour, and none declared for memory.
    assert_eq!(cpu.month, Some(MicroUsd(cpu.saving.0 * 40 * 730)));
    assert_eq!(memory.month, None);
    // What nobody may change is no part of a decision's inputs.
    assert!(house.store.all_decisions().iter().all(|record| !record.inputs.contains("advice")));
}

#[test]
fn an_answer_that_was_lost_is_settled_by_the_next_reading() {
    let (app, spec) = steady(VerticalMode::InPlace);
    let spell = Spell { from: secs(23 * HOUR), until: secs(26 * HOUR), fault: Fault::AnswersLost };
    let mut house = House::new(vec![app], vec![spec], Faults(vec![spell]), 1);
    house.run(secs(26 * HOUR), |_| {});
    assert_eq!(house.world.resizes().len(), 3);
    let outcomes = changes(&house);
    assert!(outcomes.len() == 3 && outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{outcomes:?}");
    check_records(&house);
}

#[test]
fn a_store_that_takes_no_record_keeps_requests_from_being_changed() {
    let (app, spec) = steady(VerticalMode::InPlace);
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
    house.run(secs(23 * HOUR), |_| {});
    house.store.fail(true);
    house.run(secs(26 * HOUR), |_| {});
    assert_eq!(house.world.resizes(), []);
    house.store.fail(false);
    house.run(secs(27 * HOUR), |_| {});
    assert_eq!(house.world.resizes().len(), 3);
    check_records(&house);
}

#[test]
fn a_paused_workload_and_one_whose_size_is_to_move_are_left_alone() {
    let (app, spec) = steady(VerticalMode::InPlace);
    let mut house = House::new(vec![app], vec![spec], Faults::default(), 1);
    let pause = tenantry_domain::snapshot::Pause { author: "me".into(), reason: "a test".into(), expires_at: None };
    let asked = tenantry_engine::ports::store::Intervention { manual: None, pause: Some(pause) };
    use tenantry_engine::ports::store::ControlStore as _;
    block_on(house.store.intervene(&key("acme", "web"), &asked, &somebody())).unwrap();
    house.run(secs(30 * HOUR), |_| {});
    assert_eq!(house.world.resizes(), []);
    let shown = status(&house);
    assert!(shown.vertical[0].resources.iter().any(|one| one.resource == Resource::Cpu && one.target < Milli(900)));
    block_on(house.store.intervene(&key("acme", "web"), &Default::default(), &somebody())).unwrap();
    house.run(secs(31 * HOUR), |_| {});
    assert_eq!(house.world.resizes().len(), 3);
}
