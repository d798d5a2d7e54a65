use tenantry_domain::time::Timestamp;

use super::policy::build;
use super::*;

const PAST: [PolicyName; 8] = [
    PolicyName::Fixed,
    PolicyName::Hpa,
    PolicyName::HpaTuned,
    PolicyName::Keda,
    PolicyName::Scheduled,
    PolicyName::AwsPredictive,
    PolicyName::Tenantry,
    PolicyName::HpaHindsight,
];

/// Five-minute samples of a day's wave with bursts.
fn trace(days: i64, seed: u64) -> Trace {
    let mut chance = fastrand::Rng::with_seed(seed);
    let samples = (0..days * 288)
        .map(|slot| {
            let phase = slot as f64 / 288.0 * std::f64::consts::TAU;
            let burst = if chance.f64() < 0.01 { 2.0 } else { 1.0 };
            let load = (100.0 + 60.0 * phase.sin()) * (0.95 + 0.1 * chance.f64()) * burst;
            (Timestamp::from_millis(1_700_000_000_000 + slot * 300_000), load)
        })
        .collect();
    Trace { name: "wave".into(), samples }
}

/// Sizes that a policy sets, step by step.
struct Watched<'a>(&'a mut dyn Policy, Vec<u32>);

impl Policy for Watched<'_> {
    fn size(&mut self, step: usize, seen: f64, pool: &Pool) -> u32 {
        let size = self.0.size(step, seen, pool);
        self.1.push(size);
        size
    }
}

#[test]
fn no_policy_sees_the_future_but_those_that_say_so() {
    let world = World::default();
    let known = trace(6, 1).demand(&world).unwrap();
    let half = known.steps.len() / 2;
    let cut = half + 2000;
    let mut other = trace(6, 1).demand(&world).unwrap();
    for load in &mut other.steps[cut..] {
        *load *= 3.0;
    }
    for name in PAST.iter().filter(|name| **name != PolicyName::HpaHindsight) {
        let [mut one, mut two] = [&known, &other].map(|demand| build(*name, demand, half, &world));
        let (mut one, mut two) = (Watched(one.as_mut(), vec![]), Watched(two.as_mut(), vec![]));
        run(&mut one, &known.steps, half, &world, None);
        run(&mut two, &other.steps, half, &world, None);
        // The first decision that may know of the changed step is the one after it.
        let differ = one.1.iter().zip(&two.1).position(|(a, b)| a != b);
        assert!(differ.is_none_or(|step| step >= cut), "{}: step {differ:?} knows of step {cut}", name.as_str());
        let learns = !matches!(name, PolicyName::Fixed | PolicyName::Scheduled);
        assert_eq!(differ.is_some(), learns, "{}: whether it sees the change later", name.as_str());
    }
}

#[test]
fn what_is_seen_is_as_old_and_as_blunt_as_the_world_says() {
    struct Sees(Vec<f64>);
    impl Policy for Sees {
        fn size(&mut self, _: usize, seen: f64, _: &Pool) -> u32 {
            self.0.push(seen);
            1
        }
    }
    let see = |scrape_delay_secs, metric_window_secs| {
        let mut sees = Sees(Vec::new());
        let world = World { scrape_delay_secs, metric_window_secs, ..World::default() };
        run(&mut sees, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 3, &world, None);
        sees.0
    };
    assert_eq!(see(15, 15), [1.0, 2.0, 4.0, 8.0, 16.0]);
    assert_eq!(see(0, 0), see(15, 15));
    assert_eq!(see(45, 15), [1.0, 1.0, 1.0, 2.0, 4.0]);
    assert_eq!(see(16, 30), [1.0, 1.0, 1.5, 3.0, 6.0]);
}

#[test]
fn a_budget_is_held_although_load_is_seen_late() {
    let world = World { scrape_delay_secs: 60, ..World::default() };
    let rows = replay(&trace(8, 5), &world, &[PolicyName::Tenantry]).unwrap().rows;
    let share = rows[0].figures.violating_request_share;
    assert!(share <= world.error_budget, "{share}");
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let run = || replay(&trace(4, 3), &World::default(), &PolicyName::ALL).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn the_optimum_is_under_every_policy_that_keeps_the_budget() {
    let world = World::default();
    for seed in 0..4 {
        let rows = replay(&trace(5, seed), &world, &PolicyName::ALL).unwrap().rows;
        for row in rows.iter().filter(|row| row.figures.violating_request_share <= world.error_budget) {
            assert!(row.figures.cost_ratio_to_oracle >= 0.999, "{row:?}");
        }
        let oracle = rows.iter().find(|row| row.policy == PolicyName::Oracle).unwrap();
        assert!((oracle.figures.cost_ratio_to_oracle - 1.0).abs() < 1e-6, "{oracle:?}");
        assert!(oracle.figures.violating_request_share <= world.error_budget + 1e-9, "{oracle:?}");
    }
}

/// All sizes that there are, tried.
fn brute_force(demand: &[f64], delay: f64, most: u32, budget: f64) -> Option<f64> {
    fn go(demand: &[f64], before: Option<u32>, delay: f64, most: u32, left: f64) -> Option<f64> {
        let Some((load, rest)) = demand.split_first() else { return Some(0.0) };
        (1..=most)
            .filter_map(|size| {
                let failed = if *load > f64::from(size) { *load } else { 0.0 };
                if failed > left + 1e-12 {
                    return None;
                }
                let grown = before.map_or(0.0, |before| f64::from(size.saturating_sub(before)));
                let more = go(rest, Some(size), delay, most, left - failed)?;
                Some(f64::from(size) + delay * grown + more)
            })
            .min_by(f64::total_cmp)
    }
    go(demand, None, delay, most, budget * demand.iter().sum::<f64>())
}

#[test]
fn the_optimum_is_what_trying_all_sizes_finds() {
    let mut chance = fastrand::Rng::with_seed(5);
    let (mut equal, mut tried) = (0, 0);
    for _ in 0..200 {
        let demand: Vec<f64> = (0..7).map(|_| chance.f64() * 4.0).collect();
        let (delay, budget) = (f64::from(chance.u32(0..3)), [0.0, 0.2, 0.4][chance.usize(0..3)]);
        let found = optimum(&demand, delay, 4, budget);
        let Some(true_least) = brute_force(&demand, delay, 4, budget) else { continue };
        tried += 1;
        assert!(found.bound <= true_least + 1e-6, "bound {} over {true_least}", found.bound);
        assert!(found.cost >= true_least - 1e-6, "{} under {true_least}", found.cost);
        equal += u32::from((found.cost - true_least).abs() < 1e-6);
        if budget == 0.0 {
            assert!((found.cost - true_least).abs() < 1e-6, "{found:?} is not {true_least}");
        }
    }
    assert!(equal * 2 > tried, "{equal} of {tried}");
}

#[test]
fn short_idle_and_absurd_traces_are_refused_with_the_reason() {
    let world = World::default();
    let demand = |trace: &Trace| trace.demand(&world).map(|demand| demand.steps.len());
    assert!(matches!(demand(&trace(2, 1)), Err(Refused::Short { hours: 47 })));
    let mut idle = trace(4, 1);
    idle.samples.iter_mut().for_each(|(_, load)| *load = 0.0);
    assert_eq!(demand(&idle), Err(Refused::Idle));
    let mut absurd = trace(4, 1);
    absurd.samples[7].1 = f64::NAN;
    assert!(matches!(demand(&absurd), Err(Refused::Absurd { .. })));
}

#[test]
fn ours_keeps_the_budget_and_beats_tuned_hpa_on_a_wave_with_bursts() {
    let world = World::default();
    let demand = trace(8, 9).demand(&world).unwrap();
    let half = demand.steps.len() / 2;
    let [ours, hpa] = [PolicyName::Tenantry, PolicyName::Hpa]
        .map(|name| run(build(name, &demand, half, &world).as_mut(), &demand.steps, half, &world, None)[1]);
    assert!(ours.failed_share() <= world.error_budget, "{}", ours.failed_share());
    assert!(ours.cost < 0.9 * hpa.cost, "{} of {}", ours.cost, hpa.cost);
}

#[test]
fn an_objective_of_latency_counts_requests_by_the_formula_and_changes_nothing_else() {
    let share = |objective: Option<f64>| {
        let world = World { latency_objective: objective, ..World::default() };
        let figures = replay(&trace(4, 3), &world, &[PolicyName::Hpa]).unwrap().rows[0].figures;
        (figures.violating_request_share, Figures { violating_request_share: 0.0, ..figures })
    };
    let (plain, tight, loose) = (share(None), share(Some(2.0)), share(Some(20.0)));
    assert!((plain.0 - plain.1.overloaded_request_share).abs() < 1e-12);
    assert!(tight.0 > loose.0, "{} is no more than {}", tight.0, loose.0);
    // At twenty service times hardly more than what meets an overloaded step is late, and most of that is.
    assert!(loose.0 <= plain.0 + 1e-3 && loose.0 > 0.3 * plain.0, "{} beside {}", loose.0, plain.0);
    assert_eq!((tight.1, loose.1), (plain.1, plain.1));
    assert!(plain.1.latency_mean > 1.0 && plain.1.latency_p95 > plain.1.latency_mean, "{:?}", plain.1);
}

#[test]
fn held_to_what_hpa_failed_tenantry_is_compared_where_both_are_asked_for() {
    let world = World::default();
    let both = replay(&trace(4, 3), &world, &[PolicyName::Hpa, PolicyName::Tenantry]).unwrap();
    let equal = both.equal_violations.unwrap();
    let hpa = both.rows.iter().find(|row| row.policy == PolicyName::Hpa).unwrap();
    assert!((equal.hpa.replica_hours() - hpa.figures.replica_hours).abs() < 1e-9);
    let report = Report::new(std::slice::from_ref(&both), vec![], &world);
    let told = report.equal_violations.unwrap();
    assert_eq!((told.traces, told.tenantry_incidents), (1, equal.tenantry.incidents));
    let alone = replay(&trace(4, 3), &world, &[PolicyName::Hpa]).unwrap();
    assert_eq!(alone.equal_violations, None);
}
