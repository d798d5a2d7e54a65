use futures::executor::block_on;
use tenantry_domain::plan::{Hold, Outcome};
use tenantry_domain::spec::{Capacity, Strategy, WorkloadSpec};
use tenantry_domain::unit::{Milli, Replicas, Span};
use tenantry_engine::ports::store::{ConfigStore as _, DecisionRecord};
use tenantry_engine::record::replays;
use tenantry_engine::scope::Scope;
use tenantry_sim::AppSpec;
use tenantry_sim::fault::{Fault, Faults, Spell};
use tenantry_sim::load::Load;

use crate::house::{House, START, TERM, app, driver, key, secs, shape, spec};

const HOUR: u64 = 3600;

fn fleet(seed: u64, strategy: Strategy) -> (Vec<AppSpec>, Vec<WorkloadSpec>) {
    let apps: Vec<AppSpec> = (0..4)
        .map(|number| {
            let load = Load::made(shape(seed * 10 + number)).scaled(60.0 + 40.0 * number as f64);
            app(&format!("tenant-{}", number / 2), &format!("web-{number}"), load)
        })
        .collect();
    let mut specs: Vec<WorkloadSpec> = apps.iter().map(|app| spec(app, strategy)).collect();
    // Every other one tells what a replica carries, so that a contest of policies sizes it where forecasts are asked for.
    for spec in specs.iter_mut().skip(1).step_by(2) {
        spec.signals[0].capacity = Some(Capacity::Declared(Milli::units(10)));
    }
    // One learns it, with a prior that is a little off.
    specs[0].signals[0].capacity = Some(Capacity::Learned { prior: Some(Milli::units(11)) });
    // And one without.
    specs[2].signals[0].capacity = Some(Capacity::Learned { prior: None });
    (apps, specs)
}

/// Faults of every kind, some at once, over six hours; the last two hours are calm.
fn storm(seed: u64) -> Faults {
    let mut chance = fastrand::Rng::with_seed(seed);
    let spells = (0..16).map(|_| {
        let from = secs(chance.u64(600..4 * HOUR));
        let until = from + Span::from_secs(chance.u64(10..900));
        let fault = match chance.u8(0..10) {
            0 => Fault::MetricsDown,
            1 => Fault::MetricsStale,
            2 => Fault::MetricsAbsurd { value: [f64::NAN, f64::INFINITY, -5.0, 1e19][chance.usize(0..4)] },
            3 => Fault::MetricsLost { of: vec![key("tenant-0", "web-0"), key("tenant-1", "web-3")] },
            4 => Fault::ClusterDown,
            5 => Fault::AnswersLost,
            6 => Fault::Throttled,
            7 => Fault::Slow { millis: chance.u64(100..20_000) },
            8 => Fault::LeaseUnreachable,
            _ => Fault::ClockOff { millis: chance.i64(-3_600_000..3_600_000) },
        };
        Spell { from, until, fault }
    });
    Faults(spells.collect())
}

/// Every effect has a record that was made before it and replays.
fn check_records(house: &House) {
    let decisions = house.store.all_decisions();
    for effect in house.world.effects() {
        let recorded = decisions.iter().any(|record: &DecisionRecord| {
            record.key == effect.key
                && record.from == Some(effect.from)
                && record.to == Some(effect.to)
                && record.generation.epoch == effect.epoch
        });
        assert!(recorded, "no record of {effect:?}");
    }
    for record in &decisions {
        assert!(replays(record).unwrap(), "decision {} of {} does not replay", record.id, record.key);
    }
}

#[test]
fn laws_hold_in_storms_and_sizes_converge_after() {
    for seed in 0..20 {
        for strategy in [Strategy::Reactive, Strategy::Predictive] {
            let (apps, specs) = fleet(seed, strategy);
            let storm = storm(seed);
            let mut house = House::new(apps, specs, storm.clone(), seed);
            let mut seen = 0;
            house.run(secs(6 * HOUR), |house| {
                let now = house.world.true_now();
                for effect in house.world.effects().iter().skip(seen) {
                    // L1
                    assert!((1..=40).contains(&effect.to.get()), "seed {seed}: {effect:?}");
                    // L2: through a whole spell without true metrics nothing shrinks.
                    let blinding = |fault: &Fault| {
                        matches!(fault, Fault::MetricsDown | Fault::MetricsAbsurd { .. })
                            || matches!(fault, Fault::MetricsLost { of } if of.contains(&effect.key))
                    };
                    let slow = storm.any(effect.at, |fault| matches!(fault, Fault::Slow { .. }));
                    let blind = storm.any(effect.at, blinding) && !slow;
                    let began = storm.at(effect.at).any(|spell| effect.at.since(spell.from) < Span::from_secs(1));
                    assert!(!blind || began || effect.to > effect.from, "seed {seed}: shrank blind: {effect:?}");
                }
                seen = house.world.effects().len();
                // A killed controller, every half hour.
                if now.since(START).as_millis() / 1_800_000
                    != now.since(START).as_millis().saturating_sub(15_000) / 1_800_000
                {
                    house.restart("one");
                }
            });
            check_records(&house);
            // L4: nothing is left over from the storm.
            for spec in &house.specs {
                let (size, ready, load) = house.world.look(&spec.key).unwrap();
                let least = (load / 10.0).ceil().clamp(1.0, 40.0);
                assert!(f64::from(ready) + 1.0 >= least, "seed {seed}, {}: {ready} of {size} serve {load}", spec.key);
            }
            let open = house.store.all_decisions().into_iter().filter(|record| record.outcome == Outcome::Pending);
            assert_eq!(open.count(), 0, "seed {seed}: decisions stay open");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let history = |seed: u64| {
        let (apps, specs) = fleet(seed, Strategy::Predictive);
        let mut house = House::new(apps, specs, storm(seed), seed);
        house.run(secs(2 * HOUR), |_| ());
        (house.world.effects(), house.store.all_decisions())
    };
    for seed in 0..5 {
        assert_eq!(history(seed), history(seed), "seed {seed}");
    }
    assert_ne!(history(1).0, history(2).0);
}

#[test]
fn without_tenant_b_tenant_a_is_decided_on_as_before() {
    let of_first = |apps: Vec<AppSpec>, specs: Vec<WorkloadSpec>| {
        let mut house = House::new(apps, specs, Faults::default(), 3);
        house.run(secs(3 * HOUR), |_| ());
        let effects = house.world.effects();
        effects.into_iter().filter(|effect| effect.key.tenant.as_str() == "tenant-0").collect::<Vec<_>>()
    };
    let (apps, specs) = fleet(3, Strategy::Predictive);
    let alone = of_first(
        apps.iter().filter(|app| app.key.tenant.as_str() == "tenant-0").cloned().collect(),
        specs.iter().filter(|spec| spec.key.tenant.as_str() == "tenant-0").cloned().collect(),
    );
    let together = of_first(apps, specs);
    assert!(!alone.is_empty());
    assert_eq!(alone, together);
}

#[test]
fn a_tenants_workloads_stay_under_their_quota_together() {
    let (apps, mut specs) = fleet(5, Strategy::Reactive);
    for spec in &mut specs {
        spec.quota = Some(Replicas::new(20));
    }
    let mut house = House::new(apps, specs, Faults::default(), 5);
    house.run(secs(6 * HOUR), |house| {
        for tenant in ["tenant-0", "tenant-1"] {
            let sizes = house.specs.iter().filter(|spec| spec.key.tenant.as_str() == tenant);
            let total: u32 = sizes.map(|spec| house.world.look(&spec.key).unwrap().0.get()).sum();
            assert!(total <= 20, "{tenant} has {total}");
        }
    });
    assert!(!house.world.effects().is_empty());
}

#[test]
fn of_two_controllers_only_the_newer_epoch_acts() {
    for seed in 0..10 {
        let (apps, specs) = fleet(seed, Strategy::Reactive);
        let mut one = House::new(apps, specs.clone(), Faults::default(), seed);
        let world_two = one.world.as_holder("two", TERM);
        let mut two = driver(&world_two, &one.store, &specs, "two");
        let mut chance = fastrand::Rng::with_seed(seed);
        while one.world.true_now() < secs(2 * HOUR) {
            if chance.u8(0..20) == 0 {
                // The lease is taken away under its holder, which does not know it yet.
                one.world.drop_lease();
            }
            if chance.bool() {
                block_on(one.driver.turn());
                block_on(two.turn());
            } else {
                block_on(two.turn());
                block_on(one.driver.turn());
            }
            let next = one.world.true_now() + Span::from_secs(chance.u64(1..15));
            one.world.pass(next);
        }
        let effects = one.world.effects();
        assert!(!effects.is_empty());
        for app in &specs {
            let epochs: Vec<u64> =
                effects.iter().filter(|effect| effect.key == app.key).map(|effect| effect.epoch).collect();
            assert!(epochs.is_sorted(), "seed {seed}, {}: epochs {epochs:?}", app.key);
        }
        check_records(&one);
    }
}

#[test]
fn an_object_that_two_workloads_reach_is_moved_by_neither() {
    let apps = vec![app("acme", "api", Load::made(shape(3)).scaled(150.0)), app("acme", "web", Load::made(shape(4)))];
    let mut specs: Vec<WorkloadSpec> = apps.iter().map(|app| spec(app, Strategy::Reactive)).collect();
    let mut rival = specs[0].clone();
    rival.key = key("other", "api");
    // What settles it with other autoscalers settles nothing between two of ours.
    rival.take_over = true;
    specs.push(rival);
    let alone = specs[..2].to_vec();
    let blind = Spell { from: secs(1200), until: secs(1500), fault: Fault::ClusterDown };
    let mut house = House::new(apps, specs, Faults(vec![blind]), 3);
    house.run(secs(HOUR), |_| ());
    let moved = |house: &House| house.world.effects().iter().filter(|effect| effect.key == key("acme", "api")).count();
    assert_eq!(moved(&house), 0);
    assert!(house.world.effects().iter().any(|effect| effect.key == key("acme", "web")), "others are scaled as ever");
    let statuses = block_on(tenantry_engine::view::workloads(house.store.as_ref(), &Scope::platform())).unwrap();
    let rival = |hold: &Option<Hold>| if let Some(Hold::Rival(rival)) = hold { Some(rival.clone()) } else { None };
    let rivals: Vec<_> = statuses.iter().map(|status| (status.key.to_string(), rival(&status.hold))).collect();
    let (one, other) = (key("acme", "api"), key("other", "api"));
    assert_eq!(
        rivals,
        [
            ("acme/api".to_owned(), Some(other.clone())),
            ("acme/web".to_owned(), None),
            ("other/api".to_owned(), Some(one)),
        ]
    );
    let told = house.store.all_decisions().into_iter().filter(|record| record.key == other);
    assert!(told.count() < 10, "it is told once, and again only now and then");
    check_records(&house);
    house.specs = alone;
    house.restart("one");
    house.run(secs(HOUR + 600), |_| ());
    assert!(moved(&house) > 0, "what is left alone with its object sizes it");
    check_records(&house);
}

#[test]
fn a_controller_that_was_killed_is_listed_for_a_day() {
    let (apps, specs) = fleet(1, Strategy::Reactive);
    let mut house = House::new(apps, specs, Faults::default(), 1);
    house.run(secs(60), |_| ());
    let listed = |house: &House| block_on(tenantry_engine::view::controllers(house.store.as_ref())).unwrap();
    let mut killed = listed(&house).remove(0);
    for (holder, hours) in [("killed-now", 1), ("killed-long-ago", 25)] {
        (killed.holder, killed.at) = (holder.to_owned(), START - Span::from_secs(hours * HOUR));
        block_on(tenantry_engine::view::keep_controller(house.store.as_ref(), &killed)).unwrap();
    }
    house.run(secs(600), |_| ());
    let holders: Vec<String> = listed(&house).into_iter().map(|one| one.holder).collect();
    assert_eq!(holders, ["killed-now", "one"]);
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let (apps, specs) = fleet(1, Strategy::Reactive);
    let mut house = House::new(apps, specs, Faults::default(), 1);
    house.store.fail(true);
    house.run(secs(HOUR), |_| ());
    assert_eq!(house.world.effects(), []);
    house.store.fail(false);
    house.run(secs(HOUR + 300), |_| ());
    assert_ne!(house.world.effects(), []);
    check_records(&house);
}

#[test]
fn constant_noisy_load_does_not_make_sizes_oscillate() {
    let capacity = Some(Capacity::Declared(Milli::units(10)));
    for (strategy, capacity) in
        [(Strategy::Reactive, None), (Strategy::Predictive, None), (Strategy::Predictive, capacity)]
    {
        let calm =
            tenantry_sim::load::Shape { daily: 0.0, weekly: 0.0, bursts: 0.0, launches: 0.0, outages: 0.0, ..shape(4) };
        let apps = vec![app("acme", "web", Load::made(calm).scaled(150.0))];
        let mut specs = vec![spec(&apps[0], strategy)];
        specs[0].signals[0].capacity = capacity;
        let mut house = House::new(apps, specs, Faults::default(), 4);
        house.run(secs(6 * HOUR), |_| ());
        let steps: Vec<bool> = house
            .world
            .effects()
            .iter()
            .filter(|effect| effect.at > secs(2 * HOUR))
            .map(|effect| effect.to > effect.from)
            .collect();
        let turns = steps.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(turns <= 4 * 6, "{strategy}: {turns} changes of direction in four hours");
    }
}

/// What a decision would have liked, and what kept it from it.
fn wanted(record: &DecisionRecord) -> (Option<Replicas>, usize) {
    let (_, planned) = tenantry_engine::record::read(record).unwrap();
    (planned.report.wanted, planned.report.bounds.len())
}

#[test]
fn observe_mode_writes_nothing_and_records_what_it_would_have_done() {
    let (apps, specs) = fleet(2, Strategy::Reactive);
    let mut house = House::new(apps, specs.clone(), Faults::default(), 2);
    let mut options = crate::house::options("one");
    options.acts = false;
    let ports = tenantry_engine::driver::Ports {
        clock: std::sync::Arc::new(house.world.clone()),
        store: house.store.clone(),
        cluster: std::sync::Arc::new(house.world.clone()),
        metrics: std::sync::Arc::new(house.world.clone()),
        lease: std::sync::Arc::new(house.world.clone()),
    };
    house.driver =
        tenantry_engine::driver::Driver::new(ports, std::sync::Arc::new(crate::house::Fixed(specs)), options);
    house.run(secs(HOUR), |_| ());
    assert_eq!(house.world.effects(), []);
    let decisions = house.store.all_decisions();
    let observed: Vec<_> = decisions.iter().filter(|record| record.outcome == Outcome::Observed).collect();
    assert!(!observed.is_empty());
    // A change that is wanted again in every cycle is recorded once, until it is another.
    for record in &observed {
        let last = decisions.iter().rfind(|before| before.key == record.key && before.id < record.id);
        let again = last.is_some_and(|last| {
            (&last.outcome, last.from, last.to) == (&record.outcome, record.from, record.to)
                && record.at.since(last.at) < Span::from_secs(600)
                && wanted(last) == wanted(record)
        });
        assert!(!again, "{} wants what it wanted before: {record:?}", record.key);
    }
    assert!(block_on(house.store.config_version()).is_ok());
}
