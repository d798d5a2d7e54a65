use super::*;
use crate::lint;
use crate::testing::{NOW, bounds, cpu, event, observe, rate, spec, with_rate};
use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_compose, prop_oneof, proptest};
use proptest::strategy::Strategy as Arbitrary;
use tenantry_domain::id::SignalName;
use tenantry_domain::schedule::Window;
use tenantry_domain::snapshot::{Announcement, Expectation, Pause, Reading, Recommendation, ScaleEvent};
use tenantry_domain::spec::{Behavior, Capacity, RateLimit, RatePolicy, Schedule, SelectPolicy, Spending};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{MicroUsd, Milli, Span};

/// Plans, and holds the plan against both oracles: the linter is silent, and planning again changes nothing.
fn sound(spec: &WorkloadSpec, snapshot: &Snapshot) -> Planned {
    let planned = plan(spec, snapshot);
    assert_eq!(lint(spec, snapshot, &planned), vec![], "{planned:#?}");
    assert_eq!(plan(spec, snapshot), planned, "the same inputs must give the same plan");
    if let Action::Scale { from, to } = planned.plan.action {
        let mut after = snapshot.clone();
        after.current = Some(to);
        after.memory = planned.memory.clone();
        after.memory.events.push(ScaleEvent { at: snapshot.now, from, to });
        let again = plan(spec, &after);
        assert!(matches!(again.plan.action, Action::Hold(_)), "planned again: {again:#?}\nafter {planned:#?}");
    }
    planned
}

fn size(spec: &WorkloadSpec, snapshot: &Snapshot) -> u32 {
    match sound(spec, snapshot).plan.action {
        Action::Scale { to, .. } => to.get(),
        Action::Hold(_) | Action::Resize(_) => snapshot.current.map_or(u32::MAX, Replicas::get),
    }
}

fn held(spec: &WorkloadSpec, snapshot: &Snapshot) -> Hold {
    match sound(spec, snapshot).plan.action {
        Action::Hold(why) => why,
        other => panic!("{other:?}"),
    }
}

fn always() -> Window {
    Window::once(NOW - Span::from_secs(60), NOW + Span::from_secs(60)).unwrap()
}

#[test]
fn growth_without_behavior_is_at_most_double_from_four() {
    for (current, rate_now, expected) in [(1, 900_000, 4), (10, 900_000, 20), (40, 900_000, 80), (3, 50_000, 5)] {
        assert_eq!(size(&spec(vec![rate(10)]), &with_rate(current, rate_now)), expected, "from {current}");
    }
}

#[test]
fn growth_with_default_behavior_is_the_larger_of_four_pods_and_double() {
    let mut spec = spec(vec![rate(10)]);
    spec.behavior = Some(Behavior::default());
    for (current, expected) in [(1, 5), (3, 7), (10, 20)] {
        assert_eq!(size(&spec, &with_rate(current, 900_000)), expected, "from {current}");
    }
    let mut later = with_rate(10, 900_000);
    later.memory.events.push(event(10, 5, 10));
    assert_eq!(held(&spec, &later), Hold::Waiting, "what was added in the last 15 s counts");
    later.memory.events = vec![event(15, 5, 10)];
    assert_eq!(size(&spec, &later), 20, "an event exactly a period old no longer counts");
}

/// From 10 with the default behavior, at exact steps of HPA's 15 s: 20, 40, 80, as the event of the step before no
/// longer counts.
#[test]
fn growth_in_steps_of_a_period_doubles_each_time() {
    let mut spec = spec(vec![rate(10)]);
    spec.behavior = Some(Behavior::default());
    let (mut sizes, mut events) = (vec![10], Vec::new());
    for step in 0..3 {
        let now = NOW + Span::from_secs(15 * step);
        let mut snapshot = with_rate(*sizes.last().unwrap(), 0);
        snapshot.now = now;
        snapshot.memory.events.clone_from(&events);
        snapshot.observations.clear();
        observe(&mut snapshot, "rate", Reading::Total { value: Milli(900_000), at: now });
        let Action::Scale { from, to } = sound(&spec, &snapshot).plan.action else { panic!("it grows") };
        events.push(ScaleEvent { at: now, from, to });
        sizes.push(to.get());
    }
    assert_eq!(sizes, [10, 20, 40, 80]);
}

/// With `behavior`, a past recommendation counts strictly after the cutoff; without it, at the cutoff too.
#[test]
fn the_edge_of_a_window_is_hpas() {
    let past = |ago, replicas| Recommendation { at: NOW - Span::from_secs(ago), replicas: Replicas::new(replicas) };
    let mut spec = spec(vec![rate(10)]);
    spec.behavior = Some(Behavior::default());
    for (ago, expected) in [(299, 8), (300, 2)] {
        let mut snapshot = with_rate(9, 20_000);
        snapshot.memory.recommendations = vec![past(ago, 8)];
        let got = size(&spec, &snapshot);
        assert_eq!(got, expected, "{ago} s ago");
    }
    // A window for growing keeps the lowest recent recommendation.
    let mut behavior = Behavior::default();
    behavior.up.stabilization = Span::from_secs(60);
    spec.behavior = Some(behavior);
    for (ago, expected) in [(59, 5), (60, 8)] {
        let mut snapshot = with_rate(4, 90_000);
        snapshot.memory.recommendations = vec![past(ago, 5)];
        assert_eq!(size(&spec, &snapshot), expected, "{ago} s ago");
    }
}

/// A size outside its limits is set to the limit at once: no metric, window or rate is asked.
#[test]
fn a_size_outside_its_limits_is_brought_back_at_once() {
    let mut spec = spec(vec![rate(10)]);
    spec.behavior = Some(Behavior::default());
    spec.bounds = bounds(12, 20);
    for (current, expected) in [(2, 12), (50, 20)] {
        let mut unseen = with_rate(current, 0);
        unseen.observations.clear();
        unseen.memory.recommendations = vec![Recommendation { at: NOW, replicas: Replicas::new(current) }];
        assert_eq!(size(&spec, &unseen), expected, "from {current}");
    }
}

#[test]
fn shrinking_keeps_its_rate() {
    let mut spec = spec(vec![rate(10)]);
    let mut behavior = Behavior::default();
    behavior.down.stabilization = Span::from_secs(0);
    let minute = Span::from_secs(60);
    behavior.down.policies = vec![
        RatePolicy { limit: RateLimit::Pods(4), period: minute },
        RatePolicy { limit: RateLimit::Percent(10), period: minute },
    ];
    for (select, expected) in [(SelectPolicy::Max, 72), (SelectPolicy::Min, 76), (SelectPolicy::Disabled, 80)] {
        behavior.down.select = select;
        spec.behavior = Some(behavior.clone());
        assert_eq!(size(&spec, &with_rate(80, 10_000)), expected, "{select:?}");
    }
}

#[test]
fn stabilization_keeps_the_highest_recent_recommendation() {
    let past = |ago, replicas| Recommendation { at: NOW - Span::from_secs(ago), replicas: Replicas::new(replicas) };
    for (ago, expected) in [(299, 8), (300, 8), (301, 2)] {
        let mut snapshot = with_rate(9, 20_000);
        snapshot.memory.recommendations = vec![past(ago, 8)];
        assert_eq!(size(&spec(vec![rate(10)]), &snapshot), expected, "{ago} s ago");
    }
}

#[test]
fn the_largest_signal_wins_and_an_unseen_one_blocks_shrinking() {
    let spec = spec(vec![rate(10), cpu(50)]);
    let mut both = with_rate(4, 20_000);
    observe(&mut both, "cpu", Reading::Pods((0..4).map(|n| crate::testing::sample(n, 900)).collect()));
    assert_eq!(size(&spec, &both), 8);
    let low = with_rate(4, 20_000);
    assert_eq!(held(&spec, &low), Hold::Waiting, "cpu is not seen: no shrinking");
    let high = with_rate(4, 70_000);
    assert_eq!(size(&spec, &high), 7, "what is seen may still grow the workload");
}

#[test]
fn stale_absurd_and_missing_values_are_not_zero() {
    let old = NOW - Span::from_secs(91);
    let ahead = NOW + Span::from_secs(31);
    for reading in [
        Reading::Missing { why: "gone".into() },
        Reading::Total { value: Milli::ZERO, at: old },
        Reading::Total { value: Milli::ZERO, at: ahead },
        Reading::Total { value: Milli(-1), at: NOW },
        Reading::Total { value: Milli(i64::MAX), at: NOW },
        Reading::Pods(vec![]),
    ] {
        let mut snapshot = with_rate(5, 0);
        snapshot.observations.clear();
        observe(&mut snapshot, "rate", reading.clone());
        assert_eq!(held(&spec(vec![rate(10)]), &snapshot), Hold::Blind, "{reading:?}");
    }
}

#[test]
fn what_must_be_left_alone_is() {
    let mut off = spec(vec![rate(10)]);
    off.enabled = false;
    assert_eq!(held(&off, &with_rate(3, 90_000)), Hold::Disabled);
    let on = spec(vec![rate(10)]);
    let mut paused = with_rate(3, 90_000);
    paused.pause = Some(Pause { author: "a".into(), reason: "b".into(), expires_at: Some(NOW + Span::from_secs(1)) });
    assert_eq!(held(&on, &paused), Hold::Paused);
    paused.pause = Some(Pause { author: "a".into(), reason: "b".into(), expires_at: Some(NOW) });
    assert_eq!(size(&on, &paused), 6, "an expired pause no longer stops");
    let mut foreign = with_rate(3, 90_000);
    foreign.foreign_scaler = Some("HorizontalPodAutoscaler api".into());
    assert_eq!(held(&on, &foreign), Hold::ForeignScaler);
    let mut taken = on.clone();
    taken.take_over = true;
    assert_eq!(size(&taken, &foreign), 6);
    let mut unread = with_rate(3, 90_000);
    unread.current = None;
    assert_eq!(held(&on, &unread), Hold::Unreadable);
}

#[test]
fn zero_is_left_and_reached_only_by_signals_that_see_it() {
    let mut spec = spec(vec![rate(10)]);
    assert_eq!(held(&spec, &with_rate(0, 90_000)), Hold::Asleep, "a floor above zero: a person switched it off");
    spec.bounds = bounds(0, 10);
    assert_eq!(size(&spec, &with_rate(0, 25_000)), 3);
    let longer = |mut snapshot: Snapshot| {
        snapshot
            .memory
            .recommendations
            .push(Recommendation { at: NOW - Span::from_secs(301), replicas: Replicas::ONE });
        snapshot
    };
    assert_eq!(size(&spec, &with_rate(2, 0)), 2, "seen for the first time, it shrinks no sooner than HPA would");
    assert_eq!(size(&spec, &longer(with_rate(2, 0))), 0);
    spec.signals = vec![cpu(50)];
    assert_eq!(held(&spec, &with_rate(0, 0)), Hold::Asleep);
    let mut idle = with_rate(2, 0);
    observe(&mut idle, "cpu", Reading::Pods((0..2).map(|n| crate::testing::sample(n, 0)).collect()));
    assert_eq!(size(&spec, &longer(idle)), 1, "cpu could never wake it again");
}

#[test]
fn limits_bind_in_their_documented_order() {
    let base = spec(vec![rate(10)]);
    let at = |change: &dyn Fn(&mut WorkloadSpec), current, rate_now| {
        let mut spec = base.clone();
        change(&mut spec);
        size(&spec, &with_rate(current, rate_now))
    };
    assert_eq!(at(&|spec| spec.bounds = bounds(2, 6), 4, 90_000), 6);
    assert_eq!(at(&|spec| spec.bounds = bounds(5, 6), 4, 0), 5);
    assert_eq!(at(&|spec| spec.quota = Some(Replicas::new(7)), 5, 90_000), 7);
    let paid = |hour: i64| Spending { replica_hour: MicroUsd(100_000), hour_max: MicroUsd(hour) };
    assert_eq!(at(&|spec| spec.spending = Some(paid(600_000)), 5, 90_000), 6);
    assert_eq!(
        at(
            &|spec| {
                spec.spending = Some(paid(100_000));
                spec.bounds = bounds(3, 9);
            },
            5,
            90_000
        ),
        3,
        "the declared minimum outranks the budget"
    );
    let schedule = |floor: Option<u32>, ceiling: Option<u32>| Schedule {
        name: "rush".into(),
        window: always(),
        floor: floor.map(Replicas::new),
        ceiling: ceiling.map(Replicas::new),
    };
    assert_eq!(at(&|spec| spec.schedules = vec![schedule(Some(8), None)], 5, 0), 8);
    assert_eq!(at(&|spec| spec.schedules = vec![schedule(None, Some(6))], 5, 90_000), 6);
    assert_eq!(
        at(
            &|spec| {
                spec.schedules = vec![schedule(Some(50), None)];
                spec.quota = Some(Replicas::new(7));
            },
            5,
            0
        ),
        7,
        "a quota outranks a floor"
    );
}

#[test]
fn a_freeze_stops_what_it_says() {
    let mut spec = spec(vec![rate(10)]);
    let freeze = |allow_up| Freeze { name: "xmas".into(), window: always(), allow_up };
    spec.freezes = vec![freeze(false)];
    assert_eq!(held(&spec, &with_rate(4, 80_000)), Hold::Waiting);
    spec.freezes = vec![freeze(true)];
    assert_eq!(size(&spec, &with_rate(4, 80_000)), 8);
    assert_eq!(held(&spec, &with_rate(4, 10_000)), Hold::Waiting);
}

#[test]
fn a_size_set_by_hand_rules_until_it_ends_inside_all_limits() {
    let spec = spec(vec![rate(10)]);
    let mut snapshot = with_rate(4, 40_000);
    let manual = |replicas, expires_at| Override {
        replicas: Replicas::new(replicas),
        author: "ada".into(),
        reason: "launch".into(),
        expires_at,
    };
    let later = NOW + Span::from_secs(60);
    for (replicas, expected) in [(30, 30), (2, 2), (500, 100), (0, 1)] {
        snapshot.manual = Some(manual(replicas, later));
        assert_eq!(size(&spec, &snapshot), expected);
    }
    snapshot.manual = Some(manual(30, NOW));
    assert_eq!(held(&spec, &snapshot), Hold::Steady, "it has ended");
}

#[test]
fn declared_sizes_need_no_signal() {
    let mut fixed = spec(vec![rate(10)]);
    fixed.strategy = Strategy::Fixed;
    fixed.fixed = Some(Replicas::new(7));
    let mut blind = with_rate(3, 0);
    blind.observations.clear();
    assert_eq!(size(&fixed, &blind), 7);
    let mut scheduled = spec(vec![]);
    scheduled.strategy = Strategy::Scheduled;
    scheduled.schedules =
        vec![Schedule { name: "day".into(), window: always(), floor: Some(Replicas::new(9)), ceiling: None }];
    assert_eq!(size(&scheduled, &blind), 9);
    scheduled.schedules.clear();
    assert_eq!(size(&scheduled, &blind), 1);
}

fn expectation(value: i64, trusted: bool) -> Expectation {
    let points = [(500, value / 2), (900, value * 9 / 10), (990, value)];
    Expectation {
        signal: SignalName::new("rate").unwrap(),
        from: NOW + Span::from_secs(60),
        until: NOW + Span::from_secs(120),
        maximum: points
            .iter()
            .map(|(quantile, value)| QuantilePoint { quantile: PerMille(*quantile), value: Milli(*value) })
            .collect(),
        trusted,
        because: "it beats the last value".into(),
    }
}

#[test]
fn a_trusted_forecast_adds_and_never_takes_away() {
    let mut spec = spec(vec![rate(10)]);
    spec.strategy = Strategy::Predictive;
    let with = |expected, trusted| {
        let mut snapshot = with_rate(4, 40_000);
        snapshot.expectations = vec![expectation(expected, trusted)];
        snapshot
    };
    assert_eq!(size(&spec, &with(75_000, true)), 8);
    assert_eq!(size(&spec, &with(75_000, false)), 4, "without trust it has no say");
    assert_eq!(size(&spec, &with(5_000, true)), 4, "the measured size stands under it");
    spec.strategy = Strategy::Reactive;
    assert_eq!(size(&spec, &with(75_000, true)), 4, "the reactive strategy does not look ahead");
}

fn announcement(value: i64) -> Announcement {
    let Expectation { signal, from, until, maximum, .. } = expectation(value, true);
    Announcement { event: "launch".into(), signal, from, until, maximum }
}

#[test]
fn an_announced_event_adds_and_never_takes_away() {
    let mut spec = spec(vec![rate(10)]);
    spec.strategy = Strategy::Predictive;
    let with = |expected: i64| {
        let mut snapshot = with_rate(4, 40_000);
        snapshot.announced = vec![announcement(expected)];
        snapshot
    };
    assert_eq!(size(&spec, &with(75_000)), 8);
    assert_eq!(size(&spec, &with(5_000)), 4, "the measured size stands under it");
    // Where the contest decides, a replica is taken for what it carries.
    spec.signals[0].capacity = Some(Capacity::Declared(Milli::units(15)));
    let mut snapshot = with(75_000);
    let signal = SignalName::new("rate").unwrap();
    let chosen = Choice {
        signal,
        replicas: Replicas::new(4),
        rule: String::new(),
        would_fail_ppm: 0,
        failed_ppm: 0,
        burst: false,
    };
    snapshot.choices = vec![chosen];
    assert_eq!(size(&spec, &snapshot), 5);
    // It comes whether the load can be seen or not, and what cannot be seen is not shrunk on its word.
    snapshot.observations.clear();
    assert_eq!(size(&spec, &snapshot), 5);
    snapshot.announced = vec![announcement(5_000)];
    assert_eq!(plan(&spec, &snapshot).plan.action, Action::Hold(Hold::Blind));
    spec.strategy = Strategy::Reactive;
    assert_eq!(size(&spec, &with(75_000)), 4, "the reactive strategy does not look ahead");
}

fn readings() -> impl Arbitrary<Value = Reading> {
    prop_oneof![
        (0_i64..400_000, 0_u64..200).prop_map(|(value, ago)| Reading::Total {
            value: Milli(value),
            at: Timestamp::from_millis(NOW.as_millis() + 40_000) - Span::from_secs(ago),
        }),
        any::<i64>().prop_map(|value| Reading::Total { value: Milli(value), at: NOW }),
        Just(Reading::Missing { why: "lost".into() }),
    ]
}

prop_compose! {
    fn worlds()(
        floor in 0_u32..8, extra in 0_u32..30, current in 0_u32..50, reading in readings(), predictive: bool,
        behaves: bool, quota in proptest::option::of(0_u32..60), others in 0_u32..40,
        hour in proptest::option::of(0_i64..40), past in proptest::collection::vec((0_u64..400, 0_u32..60), 0..12),
        events in proptest::collection::vec((0_u64..30, 0_u32..40, 0_u32..40), 0..6),
        expected in proptest::option::of((0_i64..600_000, any::<bool>())), freezes: bool, allow_up: bool,
        schedule in proptest::option::of((proptest::option::of(0_u32..40), proptest::option::of(0_u32..40))),
        manual in proptest::option::of(0_u32..60), announced in proptest::option::of(0_i64..600_000),
    ) -> (WorkloadSpec, Snapshot) {
        let mut spec = spec(vec![rate(10)]);
        spec.bounds = bounds(floor, floor + extra);
        spec.strategy = if predictive { Strategy::Predictive } else { Strategy::Reactive };
        spec.behavior = behaves.then(Behavior::default);
        spec.quota = quota.map(Replicas::new);
        spec.spending = hour.map(|hour| Spending { replica_hour: MicroUsd(1), hour_max: MicroUsd(hour) });
        if freezes { spec.freezes = vec![Freeze { name: "f".into(), window: always(), allow_up }]; }
        if let Some((floor, ceiling)) = schedule {
            spec.schedules = vec![Schedule {
                name: "s".into(), window: always(), floor: floor.map(Replicas::new), ceiling: ceiling.map(Replicas::new),
            }];
        }
        let mut snapshot = with_rate(current, 0);
        snapshot.observations.clear();
        observe(&mut snapshot, "rate", reading);
        snapshot.others = Replicas::new(others);
        snapshot.memory.recommendations = past.into_iter()
            .map(|(ago, size)| Recommendation { at: NOW - Span::from_secs(ago), replicas: Replicas::new(size) }).collect();
        snapshot.memory.recommendations.sort_by_key(|past| past.at);
        snapshot.memory.events = events.into_iter().map(|(ago, from, to)| event(ago + 1, from, to)).collect();
        snapshot.memory.events.sort_by_key(|event| event.at);
        snapshot.expectations = expected.map(|(value, trusted)| expectation(value, trusted)).into_iter().collect();
        snapshot.announced = announced.map(announcement).into_iter().collect();
        snapshot.manual = manual.map(|replicas| Override {
            replicas: Replicas::new(replicas), author: "a".into(), reason: "b".into(),
            expires_at: NOW + Span::from_secs(9),
        });
        (spec, snapshot)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// L1, L2, L3 and L10 through the two oracles.
    #[test]
    fn every_plan_is_sound((spec, snapshot) in worlds()) {
        sound(&spec, &snapshot);
    }

    /// L6: what another tenant has bears on a plan only through a shared quota.
    #[test]
    fn others_bear_only_through_a_quota((mut spec, mut snapshot) in worlds(), others in 0_u32..100) {
        spec.quota = None;
        let before = plan(&spec, &snapshot);
        snapshot.others = Replicas::new(others);
        prop_assert_eq!(plan(&spec, &snapshot), before);
    }

    /// L4: under constant load with noise inside the tolerance the size settles and stays.
    #[test]
    fn noise_does_not_make_it_swing(load in 20_i64..300, noise in proptest::collection::vec(-40_i64..40, 240), start in 1_u32..60) {
        let spec = spec(vec![rate(10)]);
        let (mut current, mut memory, mut turns, mut last) = (Replicas::new(start), Memory::default(), 0, 0_i64);
        for (step, noise) in noise.iter().enumerate() {
            let now = NOW + Span::from_secs(15 * u64::try_from(step).unwrap());
            let mut snapshot = with_rate(current.get(), 0);
            snapshot.now = now;
            snapshot.memory = memory.clone();
            snapshot.observations.clear();
            let value = Milli(load * 1000 + load * noise);
            observe(&mut snapshot, "rate", Reading::Total { value, at: now });
            for pod in &mut snapshot.pods { pod.started_at = Some(now - Span::from_secs(4000)); }
            let planned = plan(&spec, &snapshot);
            memory = planned.memory;
            if let Action::Scale { from, to } = planned.plan.action {
                let direction = (to.as_i64() - from.as_i64()).signum();
                if last != 0 && direction != last { turns += 1; }
                last = direction;
                memory.events.push(ScaleEvent { at: now, from, to });
                current = to;
            }
        }
        prop_assert!(turns <= 2, "{turns} changes of direction in an hour");
    }
}

#[test]
fn memory_stays_bounded() {
    let spec = spec(vec![rate(10)]);
    let mut memory = Memory::default();
    for step in 0..5000_u64 {
        let mut snapshot = with_rate(5, 10_000 + i64::try_from(step % 37).unwrap() * 3000);
        snapshot.now = NOW + Span::from_millis(step * 100);
        snapshot.memory = memory;
        memory = plan(&spec, &snapshot).memory;
        assert!(memory.recommendations.len() <= 513);
    }
}
