use proptest::prelude::*;
use tenantry_domain::plan::{Action, Hold, Outcome};
use tenantry_domain::snapshot::{PodState, Snapshot};
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Span};
use tenantry_domain::vertical::{
    ContainerAdvice, ContainerState, PodSizes, Resource, ResourceAdvice, Resources, Sizes, Standing, VerticalMode,
    VerticalSight,
};

use super::*;
use crate::testing::{NOW, cpu, observe, pod, rate, snapshot, spec};
use crate::{Finding, explain, lint, plan};

const STALE: Span = Span::from_secs(120);
const MIB: i64 = 1 << 20;
const DAY: u64 = 86_400;

fn resources(millis: i64, mebibytes: i64) -> Resources {
    Resources { cpu: Some(Milli(millis)), memory: Some(Milli::units(mebibytes * MIB)) }
}

fn sizes(requests: Resources) -> Sizes {
    Sizes { requests, limits: Resources::default() }
}

/// A pod whose only container requests and uses so much.
fn using(name: &str, requests: Resources, used: Resources, at: Timestamp) -> PodSizes {
    let container = ContainerState { name: "main".into(), sizes: sizes(requests), used, oom_at: None };
    PodSizes { pod: name.into(), version: "1".into(), used_at: Some(at), pending: None, containers: vec![container] }
}

fn advice(usage: &Usage, resource: Resource) -> ResourceAdvice {
    *usage.advice()[0].of(resource).unwrap()
}

/// Usage after samples that are `every` seconds apart.
fn learned(every: u64, samples: impl IntoIterator<Item = Resources>) -> (Usage, Timestamp) {
    let (mut usage, mut now) = (Usage::default(), NOW);
    for used in samples {
        now = now + Span::from_secs(every);
        usage.learn(&[using("a", resources(100, 64), used, now)], now, STALE);
    }
    (usage, now)
}

#[test]
fn one_sample_gives_the_targets_that_vpa_gives() {
    // VPA's vectors for one sample of cpu; ours are rounded up where VPA twice cuts off.
    let vectors =
        [(1, 11), (10, 23), (50, 63), (100, 126), (250, 296), (500, 587), (1000, 1168), (2000, 2406), (4000, 4742)];
    for (used, target) in vectors {
        let (usage, _) = learned(60, [resources(used, 100)]);
        let found = advice(&usage, Resource::Cpu).target.0;
        assert!((target..=target + 2).contains(&found), "{used}m: {found} where VPA says {target}");
    }
}

#[test]
fn a_day_of_load_gives_vpas_target_and_bounds() {
    // 90 % of a day at a tenth of a core, every tenth minute at half a core.
    let load = (1..=1441).map(|minute| resources(if minute % 10 == 0 { 500 } else { 100 }, 100));
    let (usage, _) = learned(60, load);
    let found = advice(&usage, Resource::Cpu);
    let near = |value: Milli, vpa: i64| (value.0 - vpa).abs() <= vpa / 50;
    assert!(near(found.lower, 125) && near(found.upper, 1174), "{found:?}");
    assert!(found.target.0 == 126 || near(found.target, 587), "{found:?}");
    let whole = &usage.advice()[0];
    assert_eq!((whole.history, whole.confidence.0), (Span::from_secs(DAY), 500));
}

#[test]
fn bounds_narrow_with_history_and_confidence_rises() {
    let mut last = (Milli(i64::MAX), 0);
    for days in [1, 2, 4, 8] {
        let (usage, _) = learned(300, (0..days * 288 + 1).map(|_| resources(200, 100)));
        let (upper, confidence) = (advice(&usage, Resource::Cpu).upper, usage.advice()[0].confidence.0);
        assert!(upper < last.0 && confidence > last.1, "after {days} days");
        last = (upper, confidence);
    }
    assert_eq!(last.1, 888);
}

#[test]
fn a_kill_raises_memory_once_by_a_fifth_or_a_hundred_mebibytes() {
    for (request, peak, least) in [(64, 60, 164), (1000, 900, 1200), (1000, 1500, 1800)] {
        let (mut usage, now) = learned(60, [resources(100, peak)]);
        let mut killed = using("a", resources(100, request), resources(100, peak), now);
        killed.containers[0].oom_at = Some(now);
        for _ in 0..3 {
            usage.learn(&[killed.clone()], now, STALE);
        }
        let found = advice(&usage, Resource::Memory);
        assert_eq!(found.oom_kills, 1);
        assert!(found.lower >= Milli::units(least * MIB), "{request} {peak}: {found:?}");
    }
}

#[test]
fn a_weekly_peak_of_memory_is_remembered_for_a_week() {
    let week = (0..7 * 24).map(|hour| resources(100, if hour == 5 { 900 } else { 100 }));
    let (usage, _) = learned(3600, week);
    let found = advice(&usage, Resource::Memory);
    assert!(found.target >= Milli::units(900 * MIB), "{found:?}");
    assert!(found.lower < Milli::units(200 * MIB), "it is no reason to hurry: {found:?}");
}

#[test]
fn cpu_that_is_cut_off_at_its_limit_is_raised_beyond_what_was_measured() {
    let (mut usage, mut now) = (Usage::default(), NOW);
    for _ in 0..60 {
        now = now + Span::from_secs(60);
        let mut pod = using("a", resources(500, 100), resources(495, 100), now);
        pod.containers[0].sizes.limits.cpu = Some(Milli(500));
        usage.learn(&[pod], now, STALE);
    }
    let found = advice(&usage, Resource::Cpu);
    assert_eq!(found.throttled.0, 1000);
    assert!(found.target >= Milli(625), "{found:?}");
    assert!(found.lower >= Milli(625), "{found:?}");
}

#[test]
fn a_measurement_read_twice_counts_once_and_one_that_cannot_be_not_at_all() {
    let one = using("a", resources(100, 64), resources(100, 100), NOW);
    let mut usage = Usage::default();
    usage.learn(std::slice::from_ref(&one), NOW, STALE);
    let before = usage.clone();
    usage.learn(&[one], NOW + Span::from_secs(1), STALE);
    assert_eq!(usage, before);
    for (cores, at) in
        [(-5, NOW), (100, NOW + Span::from_secs(900)), (100, NOW - Span::from_secs(900)), (i64::MAX, NOW)]
    {
        let mut usage = Usage::default();
        let used = Resources { cpu: Some(Milli(cores)), memory: None };
        usage.learn(&[using("a", resources(100, 64), used, at)], NOW, STALE);
        assert!(usage.is_empty(), "{cores} at {at}");
    }
}

#[test]
fn what_is_kept_is_small_and_comes_back_the_same() {
    // The widest histogram there is, and eight days of memory with kills.
    let (mut usage, mut now) = (Usage::default(), NOW);
    for step in 0..2000_i64 {
        now = now + Span::from_secs(400);
        let used = resources(step * step / 4, 50_000 + step * 1000);
        let mut pod = using("a", resources(100, 64), used, now);
        pod.containers[0].oom_at = (step % 50 == 0).then_some(now);
        usage.learn(&[pod], now, STALE);
    }
    let bytes = usage.to_bytes();
    assert!(bytes.len() <= 2048, "{} bytes", bytes.len());
    let back = Usage::from_bytes(&bytes).unwrap();
    assert_eq!(back.advice(), usage.advice());
    assert_eq!(Usage::from_bytes(&[9, 1]), Err(UsageError::Version { found: 9 }));
    assert!(matches!(Usage::from_bytes(&[]), Err(UsageError::Damaged(_))));
    assert!(matches!(Usage::from_bytes(&bytes[..bytes.len() / 2]), Err(UsageError::Damaged(_))));
}

// Judging.

fn told(target: Resources, history: Span) -> ContainerAdvice {
    let one = |value: Milli| ResourceAdvice {
        target: value,
        lower: Milli(value.0 / 4 * 3),
        upper: Milli(value.0 * 2),
        median: value,
        high: value,
        throttled: tenantry_domain::unit::PerMille(0),
        oom_kills: 0,
    };
    ContainerAdvice {
        container: "main".into(),
        history,
        confidence: tenantry_domain::unit::PerMille(500),
        cpu: target.cpu.map(one),
        memory: target.memory.map(one),
    }
}

fn acting(mode: VerticalMode) -> WorkloadSpec {
    let mut spec = spec(vec![rate(10)]);
    spec.vertical.mode = mode;
    spec
}

/// So many pods that request `has` and use `used`, where `target` is recommended, at a size that is right.
fn seen(count: u32, has: Resources, used: Resources, target: Resources) -> Snapshot {
    let states: Vec<PodState> = (0..count).map(|number| pod(usize::try_from(number).unwrap())).collect();
    let pods = states.iter().map(|state| using(&state.name, has, used, NOW)).collect();
    let mut snapshot = snapshot(count, states);
    let total = Milli::units(10 * i64::from(count));
    let reading = tenantry_domain::snapshot::Reading::Total { value: total, at: NOW };
    observe(&mut snapshot, "rate", reading);
    snapshot.vertical = Some(VerticalSight { advice: vec![told(target, Span::from_secs(3 * DAY))], pods });
    snapshot
}

/// What a sound plan changes, and how each resource stands.
fn planned(spec: &WorkloadSpec, snapshot: &Snapshot) -> (Vec<(String, Sizes)>, Vec<Standing>) {
    let planned = plan(spec, snapshot);
    assert_eq!(lint(spec, snapshot, &planned), []);
    assert_eq!(plan(spec, snapshot), planned, "the same inputs, the same plan");
    let standings = planned.report.vertical.iter().map(|verdict| verdict.standing.clone()).collect();
    match planned.plan.action {
        Action::Resize(pods) => {
            let of = |resize: tenantry_domain::vertical::PodResize| (resize.pod, resize.containers[0].to);
            (pods.into_iter().map(of).collect(), standings)
        }
        Action::Hold(Hold::Steady) => (vec![], standings),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pods_are_changed_a_tenth_at_a_time_until_all_have_what_is_recommended() {
    let spec = acting(VerticalMode::InPlace);
    let mut snapshot = seen(25, resources(100, 64), resources(90, 60), resources(300, 128));
    let mut rounds = 0;
    loop {
        let (changed, _) = planned(&spec, &snapshot);
        if changed.is_empty() {
            break;
        }
        assert!(changed.len() <= 2);
        rounds += 1;
        for (name, to) in changed {
            let pods = &mut snapshot.vertical.as_mut().unwrap().pods;
            pods.iter_mut().find(|pod| pod.pod == name).unwrap().containers[0].sizes = to;
        }
    }
    assert_eq!(rounds, 13);
    let pods = snapshot.vertical.unwrap().pods;
    assert!(pods.iter().all(|pod| pod.containers[0].sizes == sizes(resources(300, 128))));
}

#[test]
fn the_standing_says_why_nothing_changes() {
    let (has, used, less) = (resources(1000, 1024), resources(100, 100), resources(300, 256));
    type Change = fn(&mut WorkloadSpec, &mut Snapshot);
    let cases: [(&str, Standing, Change); 9] = [
        ("off", Standing::Off, |spec, _| spec.vertical.mode = VerticalMode::Off),
        ("old pods", Standing::OnlyNewPods, |spec, _| spec.vertical.mode = VerticalMode::Initial),
        ("not controlled", Standing::NotControlled, |spec, _| {
            (spec.vertical.cpu.controlled, spec.vertical.memory.controlled) = (false, false);
        }),
        ("young", Standing::TooYoung, |_, snapshot| {
            snapshot.vertical.as_mut().unwrap().advice[0].history = Span::from_secs(DAY - 600);
        }),
        ("in use", Standing::InUse, |_, snapshot| {
            snapshot.vertical.as_mut().unwrap().pods[0].containers[0].used = resources(900, 900);
        }),
        ("unseen", Standing::Unseen, |_, snapshot| snapshot.vertical.as_mut().unwrap().pods[0].used_at = None),
        ("stale", Standing::Unseen, |_, snapshot| {
            snapshot.vertical.as_mut().unwrap().pods[0].used_at = Some(NOW - Span::from_secs(600));
        }),
        ("no request", Standing::NoRequest, |_, snapshot| {
            snapshot.vertical.as_mut().unwrap().pods[0].containers[0].sizes = Sizes::default();
        }),
        ("deferred", Standing::InTurn(Some("Deferred: node is full".into())), |_, snapshot| {
            snapshot.vertical.as_mut().unwrap().pods[0].pending = Some("Deferred: node is full".into());
        }),
    ];
    for (name, standing, change) in cases {
        let (mut spec, mut snapshot) = (acting(VerticalMode::InPlace), seen(1, has, used, less));
        change(&mut spec, &mut snapshot);
        let judged = judge(&spec, NOW, &snapshot.pods, snapshot.vertical.as_ref().unwrap());
        assert_eq!(judged.resizes, [], "{name}");
        assert!(judged.verdicts.iter().all(|verdict| verdict.standing == standing), "{name}: {judged:?}");
        let (changed, _) = planned(&spec, &snapshot);
        assert_eq!(changed, [], "{name}");
    }
    assert_eq!(planned(&acting(VerticalMode::InPlace), &seen(1, has, used, less)).0[0].1, sizes(less));
}

#[test]
fn new_pods_are_changed_by_initial_and_a_pause_stops_all() {
    let (has, more) = (resources(100, 64), resources(300, 128));
    let (mut spec, mut snapshot) = (acting(VerticalMode::Initial), seen(2, has, has, more));
    snapshot.pods[1].started_at = Some(NOW - Span::from_secs(60));
    let (changed, _) = planned(&spec, &snapshot);
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].0, "p1");
    spec.vertical.mode = VerticalMode::InPlace;
    snapshot.pause =
        Some(tenantry_domain::snapshot::Pause { author: "a".into(), reason: "b".into(), expires_at: None });
    assert_eq!(plan(&spec, &snapshot).plan.action, Action::Hold(Hold::Paused));
}

#[test]
fn what_drives_the_number_of_replicas_is_never_changed() {
    let mut spec = acting(VerticalMode::InPlace);
    spec.signals.push(cpu(80));
    let (has, more) = (resources(1000, 64), resources(3000, 128));
    let mut snapshot = seen(1, has, has, more);
    snapshot.pods[0].memory_request = Some(Milli::units(64 * MIB));
    let reading = tenantry_domain::snapshot::Reading::Pods(vec![crate::testing::sample(0, 800)]);
    observe(&mut snapshot, "cpu", reading);
    let (changed, standings) = planned(&spec, &snapshot);
    assert_eq!(standings, [Standing::HorizontalDrives, Standing::Changes]);
    assert_eq!(changed[0].1.requests, resources(1000, 128));
    // From outside: a plan that does it all the same breaks a law.
    let mut broken = plan(&spec, &snapshot);
    let Action::Resize(pods) = &mut broken.plan.action else { panic!("{broken:?}") };
    pods[0].containers[0].to.requests.cpu = Some(Milli(3000));
    assert_eq!(lint(&spec, &snapshot, &broken), [Finding::FightsHorizontal]);
}

#[test]
fn limits_follow_so_that_nothing_is_throttled_killed_or_refused() {
    let spec = acting(VerticalMode::InPlace);
    // Before and after: requests and limits of cpu.
    let cases = [
        ((100, Some(100)), 300, (300, Some(300))),
        ((1000, Some(1000)), 300, (300, Some(300))),
        ((100, Some(500)), 300, (300, Some(500))),
        ((100, Some(200)), 300, (300, Some(301))),
        ((100, Some(300)), 300, (300, Some(301))),
        ((1000, Some(2000)), 300, (300, Some(2000))),
        ((100, None), 300, (300, None)),
    ];
    for ((request, limit), target, (wanted, wanted_limit)) in cases {
        let target = Resources { cpu: Some(Milli(target)), memory: None };
        let mut snapshot = seen(1, resources(request, 64), resources(50, 60), target);
        let pods = &mut snapshot.vertical.as_mut().unwrap().pods;
        pods[0].containers[0].sizes.limits.cpu = limit.map(Milli);
        let (changed, _) = planned(&spec, &snapshot);
        let to = changed[0].1;
        assert_eq!(
            (to.requests.cpu, to.limits.cpu),
            (Some(Milli(wanted)), wanted_limit.map(Milli)),
            "{request} {limit:?}"
        );
    }
}

#[test]
fn a_built_in_maximum_lowers_nothing_and_a_declared_one_binds() {
    let mut spec = acting(VerticalMode::InPlace);
    let target = Resources { cpu: Some(Milli(9000)), memory: None };
    let (has, used) = (resources(6000, 64), resources(2000, 60));
    assert_eq!(planned(&spec, &seen(1, has, used, target)).0, []);
    (spec.vertical.cpu.max, spec.vertical.cpu.max_declared) = (Milli(3000), true);
    assert_eq!(planned(&spec, &seen(1, has, used, target)).0[0].1.requests.cpu, Some(Milli(3000)));
    // The maximum is under what is used: the request is left where it is.
    let (changed, standings) = planned(&spec, &seen(1, has, resources(3500, 60), target));
    assert_eq!((changed, standings), (vec![], vec![Standing::InUse]));
}

#[test]
fn a_vertical_change_is_explained() {
    let spec = acting(VerticalMode::InPlace);
    let snapshot = seen(1, resources(100, 64), resources(90, 60), resources(300, 64));
    let planned = plan(&spec, &snapshot);
    let lines = explain(&spec, &snapshot, &planned, &Outcome::Applied);
    let about: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| line.starts_with("requests") || line.starts_with("did"))
        .collect();
    expect_test::expect![[r#"
        requests   main cpu 100m where 300m is recommended (225m to 600m, after 3d of history): it changes now
        requests   main memory 64Mi where 64Mi is recommended (48Mi to 128Mi, after 3d of history): a change would save or protect too little
        did        resize p0: main request of cpu from 100m to 300m (accepted)"#]]
    .assert_eq(&about.join("\n"));
}

// What holds whatever comes.

fn any_used() -> impl Strategy<Value = Resources> {
    let value = prop_oneof![
        4 => (0..4_000_000_000_000_i64).prop_map(Milli),
        1 => any::<i64>().prop_map(Milli),
        1 => Just(Milli::ZERO),
    ];
    (proptest::option::of(value.clone()), proptest::option::of(value))
        .prop_map(|(cpu, memory)| Resources { cpu: cpu.map(|cores| Milli(cores.0 / 1_000_000)), memory })
}

proptest! {
    #[test]
    fn wild_input_never_makes_it_explode(
        steps in proptest::collection::vec((any_used(), any_used(), any::<bool>(), -100_000_000_i64..400_000_000, any::<i64>()), 1..60),
    ) {
        let (mut usage, mut now) = (Usage::default(), NOW);
        for (used, limits, killed, passed, at) in steps {
            now = Timestamp::from_millis(now.as_millis().saturating_add(passed));
            let mut pod = using("a", limits, used, now);
            pod.containers[0].sizes.limits = limits;
            pod.containers[0].oom_at = killed.then_some(if at % 2 == 0 { now } else { Timestamp::from_millis(at) });
            usage.learn(&[pod], now, STALE);
            for container in usage.advice() {
                prop_assert!(container.confidence.0 <= 1000);
                for one in Resource::ALL.into_iter().filter_map(|resource| container.of(resource)) {
                    prop_assert!(Milli::ZERO < one.target && one.lower <= one.target && one.target <= one.upper, "{:?}", one);
                }
            }
            let bytes = usage.to_bytes();
            prop_assert!(bytes.len() <= 2048, "{} bytes", bytes.len());
            prop_assert_eq!(Usage::from_bytes(&bytes).unwrap().advice(), usage.advice());
        }
    }

    #[test]
    fn every_plan_keeps_the_laws_and_comes_to_rest(
        pods in proptest::collection::vec((1..8000_i64, 1..9000_i64, 0..8000_i64, 0..9000_i64, 0..4_usize, any::<bool>()), 1..30),
        target in (1..9000_i64, 1..9000_i64),
        hours in 0..100_u64,
        mode in prop_oneof![Just(VerticalMode::Off), Just(VerticalMode::Initial), Just(VerticalMode::InPlace)],
        with_cpu in any::<bool>(),
        max in proptest::option::of(500..5000_i64),
    ) {
        let mut spec = acting(mode);
        if with_cpu {
            spec.signals.push(cpu(80));
        }
        if let Some(max) = max {
            (spec.vertical.cpu.max, spec.vertical.cpu.max_declared) = (Milli(max), true);
        }
        let count = u32::try_from(pods.len()).unwrap();
        let mut snapshot = seen(count, resources(100, 64), resources(90, 60), resources(target.0, target.1));
        let sight = snapshot.vertical.as_mut().unwrap();
        sight.advice[0].history = Span::from_secs(hours * 3600);
        for (one, (cores, bytes, used_cores, used_bytes, limited, measured)) in sight.pods.iter_mut().zip(&pods) {
            let container = &mut one.containers[0];
            container.sizes.requests = resources(*cores, *bytes);
            container.used = resources(*used_cores, *used_bytes);
            container.sizes.limits = match limited {
                0 => Resources::default(),
                1 => container.sizes.requests,
                more => resources(cores * i64::try_from(*more).unwrap(), bytes + 1),
            };
            one.used_at = measured.then_some(NOW);
        }
        if with_cpu {
            let samples = (0..pods.len()).map(|number| crate::testing::sample(number, 800)).collect();
            observe(&mut snapshot, "cpu", tenantry_domain::snapshot::Reading::Pods(samples));
        }
        // Each round changes at least one pod, and none twice.
        for _ in 0..=pods.len() {
            let (changed, _) = planned(&spec, &snapshot);
            if changed.is_empty() {
                return Ok(());
            }
            for (name, to) in changed {
                let pods = &mut snapshot.vertical.as_mut().unwrap().pods;
                pods.iter_mut().find(|pod| pod.pod == name).unwrap().containers[0].sizes = to;
            }
        }
        prop_assert!(false, "it never came to rest");
    }
}

/// How often recommendations of cpu and memory turn in twenty days of noise around a constant level, a sample each five
/// minutes.
fn turns_in_noise(seed: u64, level: f64, noise: f64) -> [u32; 2] {
    let mut chance = seed | 1;
    let mut uniform = move || {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        (chance >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut usage, mut now) = (Usage::default(), NOW);
    let mut standing: Option<(Milli, Milli)> = None;
    let (mut ups, mut turns) = ([None::<bool>; 2], [0; 2]);
    for step in 0..20 * 288 {
        now = now + Span::from_secs(300);
        let one = level * (1.0 + noise * (uniform() + uniform() + uniform() - 1.5));
        let used = Resources { cpu: Milli::from_f64(one / 1000.0), memory: Milli::from_f64((one * 1e6).round()) };
        usage.learn(&[using("a", resources(100, 64), used, now)], now, STALE);
        let found = (advice(&usage, Resource::Cpu).target, advice(&usage, Resource::Memory).target);
        // Requests are changed by it after a day at the earliest.
        if step >= 288 {
            let before = standing.unwrap_or(found);
            for (place, (old, new)) in [(before.0, found.0), (before.1, found.1)].into_iter().enumerate() {
                if old != new {
                    turns[place] += u32::from(ups[place].is_some_and(|up| up != (new > old)));
                    ups[place] = Some(new > old);
                }
            }
            standing = Some(found);
        }
    }
    turns
}

proptest! {
    // Each case is weeks of samples.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn under_constant_noisy_load_a_recommendation_hardly_turns(seed in any::<u64>(), level in 20.0..3000.0_f64, noise in 0.02..0.6_f64) {
        let turns = turns_in_noise(seed, level, noise);
        prop_assert!(turns.iter().all(|turns| *turns <= 1), "{:?} turns in nineteen days", turns);
    }
}

#[test]
fn noise_at_the_edge_of_a_wide_bucket_is_no_change() {
    assert_eq!(turns_in_noise(15_550_298_599_325_884, 53.769_297_834_552_69, 0.400_150_629_019_289_94), [0, 0]);
}
