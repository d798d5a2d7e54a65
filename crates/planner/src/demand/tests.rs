use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use tenantry_domain::plan::{Action, Limit};
use tenantry_domain::snapshot::{Recommendation, Snapshot};
use tenantry_domain::spec::{Capacity, Strategy, WorkloadSpec};

use super::*;
use crate::testing::{NOW, rate, spec, with_rate};
use crate::{lint, plan};

/// What a replica really carries here, its cores there, and its idle time and objective in seconds.
const TRUTH: f64 = 100.0;
const CORES: f64 = 2.0;
const OBJECTIVE: f64 = 0.25;
const TERMS: Terms = Terms { delay: Span::from_secs(60), cpu: Some(CORES), latency: None, prior: None };

/// Numbers from 0 to 1 as a generator of Knuth's has them.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn at(step: u64) -> Timestamp {
    NOW + Span::from_secs(15 * step)
}

/// A reading of ten replicas that have long served.
fn settled(step: u64, each: f64, cpu: Option<f64>, latency: Option<f64>) -> Reading<'static> {
    Reading {
        now: at(step),
        load: Some((each * 10.0, at(step))),
        size: 10,
        ready: 10,
        cpu,
        latency,
        template: Some("a"),
    }
}

fn cores(each: f64) -> f64 {
    CORES * (0.2 + 0.8 * each / TRUTH)
}

/// As a processor-sharing queue that is busy at 125 answers in 50 ms: 250 ms at 100.
fn seconds(each: f64) -> f64 {
    0.05 / (1.0 - each / (1.25 * TRUTH))
}

/// A day of ten replicas whose load goes up and down with noise, between these shares of what they carry.
fn a_day(model: &mut Model, terms: &Terms, from: u64, (least, most): (f64, f64), truth: f64, measures: [bool; 2]) {
    let mut chance = Chance(7);
    for step in from..from + 5760 {
        let wave = (step % 1440) as f64 / 720.0 - 1.0;
        let each = truth * (least + (most - least) * wave.abs()) * (1.0 + 0.1 * (chance.next() - 0.5));
        let noise = 1.0 + 0.1 * (chance.next() - 0.5);
        let scaled = each * TRUTH / truth;
        let cpu = measures[0].then(|| cores(scaled) * noise);
        let latency = measures[1].then(|| seconds(scaled) * noise);
        model.learn(&settled(step, each, cpu, latency), terms);
    }
}

fn learned(model: &Model, terms: &Terms) -> Learned {
    let demand = model.demand(&rate(70).name, terms);
    demand.learned.clone().unwrap_or_else(|| panic!("{demand:?}"))
}

fn near(value: Milli, truth: f64, share: f64) -> bool {
    (value.as_f64() - truth).abs() <= share * truth
}

#[test]
fn what_a_replica_carries_is_learned_from_cpu_from_latency_and_from_both() {
    let latency = Terms { cpu: None, latency: Some(OBJECTIVE), ..TERMS };
    let both = Terms { latency: Some(OBJECTIVE), ..TERMS };
    for (terms, measures, from) in [
        (TERMS, [true, false], vec![Evidence::Cpu]),
        (latency, [false, true], vec![Evidence::Latency]),
        (both, [true, true], vec![Evidence::Cpu, Evidence::Latency]),
    ] {
        let mut model = Model::default();
        a_day(&mut model, &terms, 0, (0.4, 0.85), TRUTH, measures);
        let known = learned(&model, &terms);
        assert_eq!(known.from, from);
        assert!(near(known.estimate, TRUTH, 0.03) && near(known.taken, TRUTH, 0.06), "{known:?}");
        assert!(known.lower <= known.estimate && known.estimate <= known.upper);
    }
}

#[test]
fn the_smaller_of_cpu_and_latency_rules() {
    // Answers are too slow at half of what cpu would bear.
    let terms = Terms { latency: Some(seconds(TRUTH / 2.0)), ..TERMS };
    let mut model = Model::default();
    a_day(&mut model, &terms, 0, (0.2, 0.45), TRUTH, [true, true]);
    assert!(near(learned(&model, &terms).taken, TRUTH / 2.0, 0.06), "{:?}", learned(&model, &terms));
}

#[test]
fn what_was_not_seen_is_approached_by_quarters() {
    let mut model = Model::default();
    a_day(&mut model, &TERMS, 0, (0.2, 0.4), TRUTH, [true, false]);
    let known = learned(&model, &TERMS);
    assert!(near(known.estimate, TRUTH, 0.05), "the line itself knows: {known:?}");
    assert!(known.taken.as_f64() <= 1.25 * 0.42 * TRUTH && near(known.taken, 0.5 * TRUTH, 0.06), "{known:?}");
}

#[test]
fn load_that_stands_still_teaches_nothing_and_wipes_nothing_out() {
    let mut model = Model::default();
    a_day(&mut model, &TERMS, 0, (0.7, 0.7), TRUTH, [true, false]);
    let mut still = Model::default();
    for step in 0..5760 {
        still.learn(&settled(step, 70.0, Some(cores(70.0)), None), &TERMS);
    }
    let why = still.demand(&rate(70).name, &TERMS).unknown.unwrap();
    assert!(why.contains("hardly moves"), "{why}");

    let mut model = Model::default();
    a_day(&mut model, &TERMS, 0, (0.4, 0.85), TRUTH, [true, false]);
    for step in 5760..4 * 5760 {
        model.learn(&settled(step, 70.0, Some(cores(70.0)), None), &TERMS);
    }
    assert!(near(learned(&model, &TERMS).estimate, TRUTH, 0.03));
}

#[test]
fn a_prior_speaks_until_the_evidence_is_stronger() {
    let terms = Terms { prior: Some(100.0), ..TERMS };
    let mut model = Model::default();
    model.learn(&settled(0, 50.0, None, None), &terms);
    let known = learned(&model, &terms);
    assert_eq!((known.taken, known.from), (Milli::units(80), vec![Evidence::Prior]));
    // It was told twice of what is true.
    a_day(&mut model, &terms, 1, (0.4, 0.85), TRUTH / 2.0, [true, false]);
    let known = learned(&model, &terms);
    assert!(near(known.taken, TRUTH / 2.0, 0.06), "{known:?}");
    assert_eq!(known.from, [Evidence::Cpu, Evidence::Prior]);
}

#[test]
fn another_version_begins_anew() {
    let mut model = Model::default();
    a_day(&mut model, &TERMS, 0, (0.4, 0.85), TRUTH, [true, false]);
    let mut reading = settled(5760, 60.0, Some(cores(60.0)), None);
    reading.template = None;
    let before = model.clone();
    model.learn(&reading, &TERMS);
    assert_eq!(model.cpu, before.cpu, "while two versions serve, nothing is learned");
    reading = Reading { template: Some("b"), ..settled(5761, 60.0, Some(cores(60.0)), None) };
    model.learn(&reading, &TERMS);
    let demand = model.demand(&rate(70).name, &TERMS);
    assert_eq!(demand.learned, None);
    let terms = Terms { prior: Some(90.0), ..TERMS };
    model.learn(&Reading { template: Some("b"), ..settled(5762, 60.0, None, None) }, &terms);
    assert_eq!(learned(&model, &terms).taken, Milli::units(72), "its prior speaks");
}

#[test]
fn what_is_not_settled_or_was_seen_before_teaches_nothing() {
    let mut model = Model::default();
    a_day(&mut model, &TERMS, 0, (0.4, 0.85), TRUTH, [true, false]);
    let before = model.clone();
    let odd = Some(CORES * 0.9);
    let base = settled(5760, 20.0, odd, None);
    let changing = [
        Reading { ready: 9, ..base },
        Reading { ready: 10, now: at(5761), load: Some((200.0, at(5761))), ..base },
        Reading { ready: 10, now: at(5763), load: Some((200.0, at(5763))), ..base },
        // Later, but the value is from then.
        Reading { now: at(5800), load: Some((200.0, at(5763))), ..base },
        Reading { now: at(5801), load: None, ..base },
        Reading { now: at(5802), load: Some((f64::NAN, at(5802))), ..base },
    ];
    for reading in &changing {
        model.learn(reading, &TERMS);
    }
    assert_eq!((model.cpu, model.peak), (before.cpu, before.peak));
    model.learn(&Reading { now: at(5803), load: Some((200.0, at(5803))), ..base }, &TERMS);
    assert_ne!(model.cpu, before.cpu);
}

#[test]
fn a_replica_that_carries_less_than_before_is_found_out_within_minutes() {
    let terms = Terms { latency: Some(OBJECTIVE), ..TERMS };
    let mut model = Model::default();
    a_day(&mut model, &terms, 0, (0.4, 0.9), TRUTH, [true, true]);
    // Something behind it became slow: at what was fine, cpu is at its limit.
    for step in 5760..5800 {
        model.learn(&settled(step, 60.0, Some(CORES), Some(3.0)), &terms);
    }
    let known = learned(&model, &terms);
    assert!(known.taken.as_f64() < 65.0, "{known:?}");
    // And comes back, when it is well with more.
    for step in 5800..6400 {
        let each = 60.0 + (step - 5800) as f64 / 15.0;
        model.learn(&settled(step, each, Some(cores(each)), Some(seconds(each))), &terms);
    }
    assert!(learned(&model, &terms).taken.as_f64() > 85.0, "{:?}", learned(&model, &terms));
}

#[test]
fn saturated_replicas_raise_the_demand_by_bounded_steps() {
    let mut model = Model::default();
    let mut raised = Vec::new();
    for step in 0..80 {
        model.learn(&settled(step, 100.0, Some(CORES), None), &TERMS);
        raised.push(model.demand(&rate(70).name, &TERMS).raised.0);
    }
    // A tenth at the third reading in a row, then one for each start-up delay of four, and no more than the double.
    assert_eq!(raised[..8], [0, 0, 100, 100, 100, 100, 200, 200]);
    assert_eq!(raised[79], 1000);
    model.learn(&settled(80, 80.0, Some(cores(80.0)), None), &TERMS);
    assert_eq!(model.demand(&rate(70).name, &TERMS).raised.0, 0, "what is well is measured whole");
}

#[test]
fn a_contest_goes_on_through_small_drifts_and_ends_at_large_ones() {
    let mut model = Model::default();
    assert!(!model.begins_anew(100.0) && !model.begins_anew(140.0) && !model.begins_anew(70.0));
    assert!(model.begins_anew(60.0));
    assert!(!model.begins_anew(85.0) && model.begins_anew(100.0));
}

/// A load from outside, as shares of its mean, and a scaler that follows it as HPA does, with a start-up delay of four
/// steps: whatever is seen of it, load and size move together.
fn from_outside(seed: u64, burst: f64, noise: f64, steps: u64) -> Follow {
    let (mut follow, mut chance) = (Follow::default(), Chance(seed));
    let (mut pending, mut ready, mut extra, mut wander) = ([10_u32; 4], 10_u32, 0.0_f64, 1.0_f64);
    for step in 0..steps {
        let day = (step % 5760) as f64 / 2880.0 - 1.0;
        wander += 0.1 * (1.0 - wander) + noise * (chance.next() - 0.5);
        extra = if chance.next() < burst { 2.0 } else { extra * 0.97 };
        let load = 700.0 * (0.5 + day.abs() + extra) * wander.max(0.1);
        follow.see(load, ready, false);
        let wanted = crate::contest::whole(load / 70.0).max(1);
        let asked =
            if wanted > pending[3] || f64::from(wanted) < 0.9 * f64::from(pending[3]) { wanted } else { pending[3] };
        pending.rotate_left(1);
        pending[3] = asked;
        // Growth takes its time, shrinking none.
        ready = if asked < ready { asked } else { pending[0].min(asked).max(ready) };
    }
    follow
}

#[test]
fn load_that_follows_the_size_is_told_by_few_changes_up_down_or_both() {
    for sizes in [vec![10, 12, 10, 12, 10, 12], vec![20, 16, 13, 10, 8, 6], vec![10, 12, 15, 18, 22, 27]] {
        let (mut follow, mut chance) = (Follow::default(), Chance(3));
        for size in &sizes {
            for _ in 0..12 {
                follow.see(f64::from(*size) * 80.0 * (1.0 + 0.04 * (chance.next() - 0.5)), *size, false);
            }
        }
        let (share, _) = follow.follows().unwrap_or_else(|| panic!("{sizes:?}: {follow:?}"));
        assert!((0.7..1.4).contains(&share), "{share}");
    }
}

#[test]
fn load_that_ceases_to_follow_is_believed_again() {
    let (mut follow, mut chance) = (Follow::default(), Chance(3));
    let mut live = |follow: &mut Follow, loops: bool, changes: u32| {
        for change in 0..changes {
            let size = 10 + 2 * (change % 2);
            for _ in 0..12 {
                let load = if loops { f64::from(size) * 80.0 } else { 880.0 };
                follow.see(load * (1.0 + 0.04 * (chance.next() - 0.5)), size, false);
            }
        }
    };
    live(&mut follow, true, 20);
    assert!(follow.follows().is_some());
    live(&mut follow, false, 120);
    assert!(follow.follows().is_none(), "{follow:?}");
}

fn step() -> impl proptest::strategy::Strategy<Value = (f64, u32, u32, f64, f64, u8)> {
    let wild = || proptest::prop_oneof![0.0..1e3, any::<f64>(), 0.0..1e-9, 1e12..1e300_f64];
    (wild(), 0..30_u32, 0..30_u32, wild(), wild(), any::<u8>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// INVARIANT(bounded): whatever is shown, the state stays sound, small, and comes back from the store as it was; and
    /// no more is planned with than was seen to be well by a quarter, or told.
    #[test]
    fn no_reading_makes_it_explode(steps in proptest::collection::vec(step(), 1..400), prior in proptest::option::of(1.0..1e6_f64)) {
        let terms = Terms { latency: Some(OBJECTIVE), prior, ..TERMS };
        let mut model = Model::default();
        let mut highest = 0.0_f64;
        for (number, (load, size, ready, cpu, latency, template)) in steps.into_iter().enumerate() {
            let step = number as u64 * u64::from(template % 7);
            let same = template % 3 > 0;
            let (size, ready) = if same { (10, 10) } else { (size, ready) };
            let (cpu, latency) = ((template % 5 > 0).then_some(cpu), (template % 4 > 0).then_some(latency));
            let template = if template > 250 { None } else { Some("a") };
            highest = highest.max(load.abs() / f64::from(ready.max(1)));
            model.learn(&Reading { now: at(step), load: Some((load, at(step))), size, ready, cpu, latency, template }, &terms);
            let demand = model.demand(&rate(70).name, &terms);
            if let Some(known) = demand.learned {
                let told = prior.map_or(0.0, |prior| prior * 0.8);
                prop_assert!(known.taken.as_f64() <= (1.25 * highest).max(told) * 1.001 + 0.001, "{:?}", known);
                prop_assert!(known.taken >= Milli::ZERO && known.lower <= known.upper);
            }
            prop_assert!(demand.raised.0 <= 1000);
        }
        let bytes = model.to_bytes();
        prop_assert!(bytes.len() < 600, "{} bytes", bytes.len());
        prop_assert_eq!(Model::from_bytes(&bytes), Ok(model));
    }

    /// The scaler follows the load, and the load never the size.
    #[test]
    fn load_from_outside_is_never_taken_for_our_own(seed in any::<u64>(), burst in 0.0..0.01_f64, noise in 0.0..0.5_f64) {
        let follow = from_outside(seed, burst, noise, 4 * 5760);
        prop_assert!(follow.follows().is_none(), "{:?}", follow);
    }

    /// While load follows the size, it shrinks by a tenth at most, and not before its time; what is measured is served.
    #[test]
    fn load_that_follows_shrinks_by_small_steps(total in 0_i64..900_000, size in 1_u32..100, early in any::<bool>()) {
        let asked = predictive();
        let mut snapshot = long_known(size, total);
        let shrinks_at = if early { snapshot.now + Span::from_secs(60) } else { snapshot.now };
        let follows = Follows { share: PerMille(900), changes: 9, shrinks_at };
        snapshot.demands.push(Demand {
            signal: asked.signals[0].name.clone(),
            learned: None,
            unknown: None,
            raised: PerMille(0),
            follows: Some(follows),
        });
        let planned = plan(&asked, &snapshot);
        prop_assert_eq!(lint(&asked, &snapshot, &planned), vec![]);
        if let Action::Scale { from, to } = planned.plan.action && to < from {
            prop_assert!(!early && to >= shrunk(from));
        } else if planned.report.wanted.is_some_and(|wanted| wanted.get() < size) && size > 1 {
            prop_assert!(planned.report.bounds.iter().any(|bound| bound.limit == Limit::Follows));
        }
    }
}

/// One whose size was not asked for just now.
fn long_known(size: u32, total: i64) -> Snapshot {
    let mut snapshot = with_rate(size, total);
    snapshot.memory.recommendations.push(Recommendation { at: NOW - Span::from_secs(900), replicas: Replicas::ONE });
    snapshot
}

fn predictive() -> WorkloadSpec {
    let mut asked = spec(vec![rate(7)]);
    asked.strategy = Strategy::Predictive;
    asked.signals[0].capacity = Some(Capacity::Learned { prior: None });
    asked
}

#[test]
fn it_is_told_in_plain_words() {
    let asked = predictive();
    let mut model = Model::default();
    let name = asked.signals[0].name.clone();
    let nothing = Terms { cpu: None, ..TERMS };
    let mut said = told(&model.demand(&name, &nothing), &asked);
    model.learn(&settled(0, 50.0, Some(cores(50.0)), None), &TERMS);
    said.extend(told(&model.demand(&name, &TERMS), &asked));
    a_day(&mut model, &TERMS, 1, (0.4, 0.85), TRUTH, [true, false]);
    let mut demand = model.demand(&name, &TERMS);
    demand.raised = PerMille(200);
    demand.follows = Some(Follows { share: PerMille(930), changes: 12, shrinks_at: NOW });
    said.extend(told(&demand, &asked));
    expect_test::expect![[r#"
        what a replica carries of rate is not known yet, so that HPA's size stands under the forecast: there is nothing to learn it from: the pods name no request of cpu, and no signal of type latency has a `value`
        what a replica carries of rate is not known yet, so that HPA's size stands under the forecast: neither the pods' cpu nor response times were measured while all replicas served
        a replica carries 99.9 of rate (98.9 to 101), learned from cpu over 23 h; planned with 99.4
        the replicas are saturated: demand for rate is taken to be 20 % above what they serve
        the load of rate follows the size: by 93 % of a change, seen on 12 changes; no policy is chosen by shadows, no forecast is used, and it shrinks by a tenth in 5m at most"#]].assert_eq(&said.join("\n"));
}

fn demand_of(asked: &WorkloadSpec, taken: i64, raised: u16) -> Demand {
    let [lower, estimate, upper] = [taken, taken + 1, taken + 2].map(Milli::units);
    let learned =
        Learned { taken: lower, estimate, lower, upper, from: vec![Evidence::Cpu], over: Span::from_secs(3 * 86_400) };
    let signal = asked.signals[0].name.clone();
    Demand { signal, learned: Some(learned), unknown: None, raised: PerMille(raised), follows: None }
}

#[test]
fn what_was_learned_is_planned_with_and_told() {
    let asked = predictive();
    let mut snapshot = with_rate(6, 84_000);
    snapshot.choices.push(tenantry_domain::snapshot::Choice {
        signal: asked.signals[0].name.clone(),
        replicas: Replicas::new(2),
        rule: "any".into(),
        would_fail_ppm: 0,
        failed_ppm: 0,
        burst: false,
    });
    let size = |snapshot: &Snapshot| {
        let planned = plan(&asked, snapshot);
        assert_eq!(lint(&asked, snapshot, &planned), []);
        planned.report.wanted.unwrap().get()
    };
    assert_eq!(size(&snapshot), 12, "without a capacity, what is measured is held against the target of 7");
    snapshot.demands = vec![demand_of(&asked, 12, 0)];
    assert_eq!(size(&snapshot), 7, "84 over 12: no choice goes under it");
    snapshot.demands = vec![demand_of(&asked, 12, 500)];
    assert_eq!(size(&snapshot), 11, "half as much again is asked of saturated replicas");
    let outcome = tenantry_domain::plan::Outcome::Applied;
    let lines = crate::explain(&asked, &snapshot, &plan(&asked, &snapshot), &outcome);
    assert!(lines.contains(
        &"learned    a replica carries 13.0 of rate (12.0 to 14.0), learned from cpu over 3 days; planned with 12.0".to_owned()
    ));
    let text = serde_json::to_string(&snapshot).unwrap();
    let again: Snapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(again, snapshot, "what was used is recorded");
}

#[test]
fn a_signal_that_only_watches_neither_moves_a_size_nor_blinds() {
    let mut asked = spec(vec![rate(10)]);
    let watched = tenantry_domain::spec::Target::Value(Milli(250));
    let mut latency = crate::testing::signal("latency", tenantry_domain::spec::SignalKind::Latency, watched);
    latency.scales = false;
    asked.signals.push(latency);
    let size = |took: Option<i64>| {
        let mut snapshot = long_known(6, 20_000);
        if let Some(took) = took {
            let value = tenantry_domain::snapshot::Reading::Total { value: Milli(took), at: snapshot.now };
            crate::testing::observe(&mut snapshot, "latency", value);
        }
        assert_eq!(crate::answers(&asked, &snapshot), Some((0.25, took.map(|took| Milli(took).as_f64()))));
        let planned = plan(&asked, &snapshot);
        assert_eq!(lint(&asked, &snapshot, &planned), []);
        planned.plan.action
    };
    let shrinks = Action::Scale { from: Replicas::new(6), to: Replicas::new(2) };
    assert_eq!([size(None), size(Some(5000)), size(Some(1))], [shrinks.clone(), shrinks.clone(), shrinks]);
}
