use proptest::prelude::{ProptestConfig, TestCaseError, prop_assert, prop_assert_eq, proptest};
use tenantry_domain::plan::Action;
use tenantry_domain::snapshot::{Choice, Memory, Reading, ScaleEvent, Snapshot};
use tenantry_domain::spec::{Behavior, Capacity, Strategy, WorkloadSpec};
use tenantry_domain::unit::{Milli, Replicas, Span};

use super::*;
use crate::plan;
use crate::testing::{bounds, cpu, observe, pod, rate, sample, snapshot, spec, unready, with_rate};

/// Holds a lean HPA against the planner with the same rules, step by step, each with the size that the planner set.
/// `sight` makes, of the size, what the planner sees, the demand in replicas, and the replicas.
fn agree<L>(
    asked: &WorkloadSpec,
    mut lean: Hpa,
    first: u32,
    loads: impl IntoIterator<Item = L>,
    sight: impl Fn(u32, &L) -> (Snapshot, f64, Pool),
) -> Result<(), TestCaseError> {
    let (mut size, mut memory) = (first, Memory::default());
    for (step, load) in loads.into_iter().enumerate() {
        let (mut snapshot, demand, pool) = sight(size, &load);
        // HPA looks 15 s after it was done, which is a little more than every 15 s.
        let ahead = Span::from_millis(15_010 * step as u64);
        snapshot.now = snapshot.now + ahead;
        for observation in &mut snapshot.observations {
            match &mut observation.reading {
                Reading::Total { at, .. } => *at = *at + ahead,
                Reading::Pods(samples) => samples.iter_mut().for_each(|sample| sample.at = sample.at + ahead),
                Reading::Missing { .. } => {}
            }
        }
        for pod in &mut snapshot.pods {
            pod.started_at = pod.started_at.map(|at| at + ahead);
            if let Some(readiness) = &mut pod.readiness {
                readiness.changed_at = readiness.changed_at + ahead;
            }
        }
        snapshot.memory = memory;
        let planned = plan(asked, &snapshot);
        memory = planned.memory;
        let ours = lean.size(step as u64, demand, &pool).min(asked.bounds.ceiling().get());
        let theirs = match planned.plan.action {
            Action::Scale { from, to } => {
                memory.events.push(ScaleEvent { at: snapshot.now, from, to });
                to.get()
            }
            Action::Hold(_) | Action::Resize(_) => size,
        };
        prop_assert_eq!(ours, theirs, "step {} with {} of {:?}", step, demand, pool);
        size = theirs;
    }
    Ok(())
}

/// Rules of both ways that HPA has: with a `behavior`, and without one.
fn both(mut asked: WorkloadSpec, target: f64, metric: Metric, most: u32) -> [(WorkloadSpec, Hpa); 2] {
    asked.bounds = bounds(1, most);
    let mut behaves = asked.clone();
    behaves.behavior = Some(Behavior::default());
    [(asked, Hpa::usual(target, metric)), (behaves, Hpa::new(target, 20, metric))]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// The few operations of a shadow are HPA's, as the planner has it; tenths of a replica lie on every edge.
    #[test]
    fn the_lean_hpa_is_the_planners(tenths in proptest::collection::vec(1_i64..600, 1..120), first in 1_u32..60, odd in 0_i64..2) {
        for (asked, lean) in both(spec(vec![rate(7)]), 0.7, Metric::External, 10_000) {
            agree(&asked, lean, first, &tenths, |size, tenths| {
                let total = **tenths * 700 + odd;
                (with_rate(size, total), total as f64 / 10_000.0, Pool::new(size, 4))
            })?;
        }
    }

    /// Of cpu as well, in whole percents, with replicas that start.
    #[test]
    fn the_lean_hpa_is_the_planners_on_cpu(loads in proptest::collection::vec((1_i64..2000, 0_u32..4), 1..80), first in 1_u32..30) {
        for (asked, lean) in both(spec(vec![cpu(70)]), 0.7, Metric::Utilization, 40) {
            agree(&asked, lean, first, &loads, |size, (each, starting)| {
                let starting = (*starting).min(size - 1);
                let ready = (size - starting) as usize;
                let pods = (0..size as usize).map(|number| if number < ready { pod(number) } else { unready(number) });
                let mut snapshot = snapshot(size, pods.collect());
                let used = |number| if number < ready { *each } else { 500 };
                let mut samples: Vec<_> = (0..size as usize).map(|number| sample(number, used(number))).collect();
                samples.sort_by(|a, b| a.pod.cmp(&b.pod));
                observe(&mut snapshot, "cpu", Reading::Pods(samples));
                let demand = (*each * (size - starting) as i64) as f64 / 1000.0;
                (snapshot, demand, Pool::seen(size - starting, starting, 4))
            })?;
        }
    }

    /// INVARIANT(floor): whatever the contest chose, what is measured now is served.
    #[test]
    fn a_choice_is_never_under_what_is_measured(total in 0_i64..900_000, chosen in 0_u32..100, size in 1_u32..100) {
        let mut asked = spec(vec![rate(7)]);
        asked.strategy = Strategy::Predictive;
        asked.signals[0].capacity = Some(Capacity::Declared(Milli::units(10)));
        let mut snapshot = with_rate(size, total);
        snapshot.choices.push(choice(&asked, chosen));
        let wanted = plan(&asked, &snapshot).report.wanted.unwrap();
        prop_assert!(i64::from(wanted.get()) * 10_000 >= total);
    }
}

#[test]
fn a_kept_contest_goes_on_where_it_was() {
    let terms = Terms { budget: 0.01, delay: 4, lag: 0, min: 1, max: 50 };
    let now = crate::testing::NOW;
    let sight = |demand| Sight { demand, expected: None };
    let mut one = Arena::new(terms, 5, now);
    for step in 0..300_u32 {
        one.step(terms, &sight(f64::from(step % 7)), &Pool::new(9, 4), now + Span::from_secs(15 * u64::from(step)));
    }
    let mut two = Arena::from_bytes(&one.to_bytes()).unwrap();
    assert_eq!(one, two);
    let later = now + Span::from_secs(4500);
    assert_eq!(
        one.step(terms, &sight(8.0), &Pool::new(9, 4), later),
        two.step(terms, &sight(8.0), &Pool::new(9, 4), later)
    );
    assert!(matches!(Arena::from_bytes(&[9]), Err(ArenaError::Version { found: 9 })));
    assert!(matches!(Arena::from_bytes(&[2, 200]), Err(ArenaError::Damaged(_))));
    assert!(matches!(Arena::from_bytes(&[]), Err(ArenaError::Damaged(_))));
}

fn choice(asked: &WorkloadSpec, replicas: u32) -> Choice {
    let signal = asked.signals[0].name.clone();
    Choice {
        signal,
        replicas: Replicas::new(replicas),
        rule: "any".into(),
        would_fail_ppm: 0,
        failed_ppm: 0,
        burst: false,
    }
}

#[test]
fn a_workload_without_load_sleeps_whatever_the_contest_keeps() {
    let mut asked = spec(vec![rate(7)]);
    (asked.strategy, asked.bounds) = (Strategy::Predictive, bounds(0, 100));
    asked.signals[0].capacity = Some(Capacity::Declared(Milli::units(10)));
    let mut snapshot = with_rate(1, 0);
    snapshot.choices.push(choice(&asked, 1));
    assert_eq!(plan(&asked, &snapshot).report.wanted, Some(Replicas::ZERO));
}

#[test]
fn a_clock_put_back_does_not_hold_a_contest_up() {
    let terms = Terms { budget: 0.01, delay: 4, lag: 0, min: 1, max: 50 };
    let mut arena = Arena::new(terms, 2, crate::testing::NOW);
    let mut at = |secs: u64, demand: f64| {
        let now = crate::testing::NOW + Span::from_secs(secs);
        arena.step(terms, &Sight { demand, expected: None }, &Pool::new(2, 4), now).unwrap().replicas
    };
    let idle = at(3600, 1.0);
    // The clock was an hour ahead.
    let grown = at(15, 20.0);
    assert!(grown > idle, "{grown} after {idle}");
    assert!(arena.last(crate::testing::NOW + Span::from_secs(60)).is_some());
    assert!(arena.last(crate::testing::NOW + Span::from_secs(600)).is_none(), "nothing old is passed off as a choice");
}

#[test]
fn a_thousand_replicas_are_looked_at_in_strides() {
    let settings = Settings::new(15_000, None).unwrap();
    let mut model = tenantry_forecast::Forecaster::new(settings, &stretches(settings, 4, 0));
    let mut chance = 12_345_u64;
    let mut now = 0;
    for _ in 0..2000 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = 1000.0 + (chance >> 40) as f64 / 16_777_216.0 * 1000.0;
        model.observe(now, value, now);
        now += 15_000;
        model.advance(now);
    }
    let (ready, soon) = (model.expect(0, now).unwrap(), model.expect(1, now).unwrap());
    let sight = Sight { demand: 1500.0, expected: Some(Expected { capacity: 1.0, ready, soon }) };
    let table = Table::of(&sight, None, 1500.0);
    let asked = |price: f64| table.starts(price).unwrap();
    assert!(asked(1.0) < asked(1024.0));
    // Uniform from 1000 to 2000: a dear shortage buys nearly all of it, which is more than can be looked at one by one.
    assert!((1900..2300).contains(&asked(1024.0)), "{}", asked(1024.0));
}

/// A forecaster, and what tells bursts of what it is shown.
#[derive(Clone)]
struct Watch(tenantry_forecast::Forecaster, super::burst::Burst);

impl Watch {
    /// Three thousand steps of calm load; gives also how many of them passed for bursts.
    fn calm() -> (Self, usize) {
        let settings = Settings::new(15_000, None).unwrap();
        let model = tenantry_forecast::Forecaster::new(settings, &stretches(settings, 4, 0));
        let mut watch = Self(model, super::burst::Burst::default());
        let bursts = (0..3000).filter(|step| watch.look(*step, calm(*step), 1).is_some()).count();
        (watch, bursts)
    }

    fn look(&mut self, step: i64, demand: f64, since: u32) -> Option<f64> {
        let Self(model, burst) = self;
        let now = (step + 1) * 15_000;
        model.observe(step * 15_000, demand, now);
        model.advance(now);
        let expected = model.expect(0, now).zip(model.expect(1, now));
        let expected = expected.map(|(ready, soon)| Expected { capacity: 1.0, ready, soon });
        burst.look(&Sight { demand, expected }, 4, since)
    }
}

fn calm(step: i64) -> f64 {
    20.0 + (step * 7919 % 97) as f64 / 97.0
}

#[test]
fn a_burst_is_followed_ahead_of_what_is_measured_and_ends() {
    let (mut watch, false_alarms) = Watch::calm();
    assert!(false_alarms < 150, "{false_alarms} of 3000 calm steps");
    let followed = watch.look(3000, 40.0, 1).unwrap();
    assert!(followed > 100.0, "a rise of 20 in a step is {followed} in five");
    let after = (3001..3040).position(|step| watch.look(step, calm(step), 1).is_none());
    assert!(after.is_some_and(|steps| steps >= 4), "{after:?}");
}

#[test]
fn a_rise_that_was_seen_late_is_as_steep_as_it_was() {
    let (mut watch, _) = Watch::calm();
    let slower = watch.clone().look(3003, 40.0, 4).unwrap();
    assert!((60.0..70.0).contains(&slower), "a rise of 20 in four steps is {slower} in five");
    // After a long silence nothing was expected of this time.
    assert_eq!(watch.look(5000, 40.0, 2001), None);
}
