//! What ours say to the looks that the real autoscaler took.

use tenantry_domain::id::{SignalName, TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::plan::Action;
use tenantry_domain::snapshot::{
    Memory, Observation, PodPhase, PodSample, PodState, Readiness, Reading, ScaleEvent, Snapshot,
};
use tenantry_domain::spec::{Objective, Pick, ScaleTarget, SignalKind, SignalSpec, Strategy, Target, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Bounds, Milli, Replicas, Span};
use tenantry_planner::contest::{Hpa, Metric, Pool};
use tenantry_planner::plan;

use super::case::{Case, Kind, Rules, SPEED};
use super::world::Look;

/// By how much the real one's clock may be off ours, in milliseconds: it reads its own a moment after it asked for the
/// metric, and writes down a change a moment after it was made.
const OFF: i64 = 250;
/// The time between two looks, in milliseconds. What is above it, it was kept waiting, at whatever point of its work.
const LOOK: i64 = 1000;
/// How many looks back it may have been kept waiting to matter: as many as any window covers.
const BACK: usize = 25;
/// Clocks that are tried on either side.
const TRIES: i64 = 10;
/// What a metric's window lasts.
const WINDOW: Span = Span::from_secs(SPEED);
/// How a case went.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) steps: usize,
    pub(crate) changes: usize,
    /// Steps of the lean form.
    pub(crate) lean: usize,
    /// Differences that are none with a clock that is off by as much as the real one was kept waiting and a quarter of
    /// a second, or less.
    pub(crate) clock: Vec<String>,
    /// Of the lean form: on an edge of a ratio, where the last bit of a number decides.
    pub(crate) edges: Vec<String>,
    /// Everything else.
    pub(crate) wrong: Vec<String>,
}

/// Milliseconds in the time of the planner, in which its own periods hold.
fn at(millis: i64, first: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + (millis - first) * SPEED.cast_signed())
}

fn signal_name(metric: usize) -> SignalName {
    SignalName::new(format!("m{metric}")).unwrap()
}

fn spec(case: &Case) -> WorkloadSpec {
    let (kind, query) = match case.kind {
        Kind::External | Kind::ExternalValue => (SignalKind::RequestRate, Some("load".to_owned())),
        Kind::CpuUtilization | Kind::CpuValue => (SignalKind::Cpu, None),
    };
    let signal = |(metric, target): (usize, &i64)| SignalSpec {
        name: signal_name(metric),
        kind,
        query: query.clone(),
        target: match case.kind {
            Kind::External | Kind::CpuValue => Target::PerReplica(Milli(*target)),
            Kind::ExternalValue => Target::Value(Milli(*target)),
            Kind::CpuUtilization => Target::Utilization(u32::try_from(*target).unwrap()),
        },
        capacity: None,
        scales: true,
        measures_at_zero: false,
    };
    WorkloadSpec {
        key: WorkloadKey { tenant: TenantId::new("acme").unwrap(), workload: WorkloadName::new("api").unwrap() },
        target: ScaleTarget {
            api_version: "testbed.tenantry.dev/v1".into(),
            kind: "Sized".into(),
            namespace: "default".into(),
            pick: Pick::Name(case.name.clone()),
        },
        enabled: true,
        strategy: Strategy::Reactive,
        bounds: Bounds::new(Replicas::new(case.min), Replicas::new(case.max)).unwrap(),
        fixed: None,
        signals: case.targets.iter().enumerate().map(signal).collect(),
        behavior: case.behavior(),
        schedules: vec![],
        freezes: vec![],
        quota: None,
        spending: None,
        objective: Objective::default(),
        vertical: Default::default(),
        almanac: Default::default(),
        apart: false,
        startup_delay: None,
        stale_after: Span::from_secs(90),
        take_over: false,
    }
}

fn snapshot(case: &Case, look: &Look, first: i64, memory: Memory) -> Snapshot {
    let whole = |secs: i64| at(secs * 1000, first);
    let pods: Vec<PodState> = match case.kind {
        Kind::External => Vec::new(),
        _ => look
            .pods
            .iter()
            .map(|pod| PodState {
                name: pod.name.clone(),
                phase: PodPhase::Running,
                deleted: false,
                readiness: Some(Readiness { ready: pod.ready, changed_at: whole(pod.changed) }),
                started_at: Some(whole(pod.started)),
                template: None,
                cpu_request: Some(Milli(1000)),
                memory_request: None,
            })
            .collect(),
    };
    let reading = |metric: usize| match case.kind {
        Kind::External | Kind::ExternalValue => {
            Reading::Total { value: Milli(look.loads[metric]), at: at(look.at, first) }
        }
        Kind::CpuUtilization | Kind::CpuValue => Reading::Pods(
            look.usage
                .iter()
                .map(|(pod, used)| PodSample {
                    pod: pod.clone(),
                    value: Milli(*used),
                    at: whole(look.measured),
                    window: WINDOW,
                })
                .collect(),
        ),
    };
    Snapshot {
        now: at(look.at, first),
        current: Some(Replicas::new(look.size)),
        reported: Replicas::new(look.size),
        pods,
        observations: (0..case.targets.len())
            .map(|metric| Observation { signal: signal_name(metric), reading: reading(metric) })
            .collect(),
        expectations: vec![],
        announced: Vec::new(),
        choices: Vec::new(),
        demands: Vec::new(),
        vertical: None,
        memory,
        manual: None,
        pause: None,
        foreign_scaler: None,
        rival: None,
        others: Replicas::ZERO,
    }
}

/// The lean form of a case, where it has one. Its steps are the planner's milliseconds here, as the real looks are not
/// evenly spaced.
fn lean(case: &Case) -> Option<Hpa> {
    let metric = match case.kind {
        Kind::External if case.targets.len() == 1 => Metric::External,
        Kind::CpuUtilization if case.measured => Metric::Utilization,
        Kind::CpuValue => Metric::Pods,
        _ => return None,
    };
    let share = if case.kind == Kind::CpuUtilization { case.targets[0] as f64 / 100.0 } else { 0.7 };
    match case.rules {
        Rules::Usual(secs) => Some(Hpa::new(share, u32::try_from(secs * 1000).unwrap(), metric)),
        Rules::None => {
            let mut usual = Hpa::usual(share, metric);
            usual.stabilization *= 15_000;
            Some(usual)
        }
        Rules::Other(_) => None,
    }
}

fn planned(spec: &WorkloadSpec, snapshot: &Snapshot, size: u32) -> (u32, Memory) {
    let planned = plan(spec, snapshot);
    let to = match planned.plan.action {
        Action::Scale { to, .. } => to.get(),
        Action::Hold(_) | Action::Resize(_) => size,
    };
    (to, planned.memory)
}

/// Clocks that the real one may have gone by at a look, in the planner's milliseconds off ours.
fn shifts(looks: &[Look], step: usize) -> Vec<i64> {
    let waited = |from: usize, until: usize| {
        let gaps = looks.get(from..=until).into_iter().flat_map(|looks| looks.windows(2));
        gaps.map(|pair| pair[1].at - pair[0].at - LOOK).max().unwrap_or(0).max(0).saturating_add(OFF)
            * SPEED.cast_signed()
    };
    let (ahead, behind) = (waited(step, step + 1), waited(step.saturating_sub(BACK), step));
    (1..=TRIES).flat_map(|part| [ahead * part / TRIES, -behind * part / TRIES]).collect()
}

/// Holds both of ours against every step of the real one. Each step starts from the real one's size.
pub(crate) fn compare(case: &Case, looks: &[Look]) -> Compared {
    let mut all = Compared::default();
    let (asked, first) = (spec(case), looks.first().map_or(0, |look| look.at));
    let mut memory = Memory::default();
    let mut lean = lean(case);
    let mut changed: Option<i64> = None;
    for (step, pair) in looks.windows(2).enumerate() {
        let [look, next] = pair else { continue };
        let (size, real) = (look.size, next.size);
        let told = |who: &str, ours: u32| {
            let ready = look.pods.iter().filter(|pod| pod.ready).count();
            let ms = look.at - first;
            format!(
                "{} step {step} at {ms} ms: {size} became {real}, {who} {ours}; {:?}, {ready} ready",
                case.name, look.loads
            )
        };
        let snapshot = snapshot(case, look, first, memory.clone());
        let at_shift = |shift: i64| {
            let now = Timestamp::from_millis(snapshot.now.as_millis() + shift);
            planned(&asked, &Snapshot { now, ..snapshot.clone() }, size).0
        };
        all.steps += 1;
        all.changes += usize::from(size != real);
        let (ours, after) = planned(&asked, &snapshot, size);
        let shifts = shifts(looks, step);
        let mut by_clock = false;
        if ours != real {
            by_clock = shifts.iter().any(|shift| at_shift(*shift) == real);
            let list = if by_clock { &mut all.clock } else { &mut all.wrong };
            list.push(told("planner", ours));
        }
        memory = after;
        if size != real {
            memory.events.push(ScaleEvent { at: snapshot.now, from: Replicas::new(size), to: Replicas::new(real) });
        }
        if let Some(hpa) = &mut lean {
            let (demand, pool) = in_replicas(case, look, hpa.target);
            let at = u64::try_from((look.at - first) * SPEED.cast_signed()).unwrap();
            let bounded = |hpa: &mut Hpa, at| hpa.size(at, demand, &pool).clamp(case.min, case.max);
            let before = hpa.clone();
            let lean = bounded(hpa, at);
            all.lean += 1;
            if lean != real {
                // Within the period of a rate the last change counts; the lean form takes every look for a period.
                by_clock |= ours == real && changed.is_some_and(|at| look.at - at <= LOOK);
                by_clock |=
                    shifts.iter().any(|shift| bounded(&mut before.clone(), at.saturating_add_signed(*shift)) == real);
                let list = match (by_clock, on_an_edge(case, look)) {
                    (true, _) => &mut all.clock,
                    (false, true) => &mut all.edges,
                    (false, false) => &mut all.wrong,
                };
                list.push(told("lean", lean));
            }
        }
        changed = if size == real { changed } else { Some(look.at) };
    }
    all
}

/// Demand in replicas, and the replicas that count.
fn in_replicas(case: &Case, look: &Look, target: f64) -> (f64, Pool) {
    match case.kind {
        Kind::External | Kind::ExternalValue => {
            (look.loads[0] as f64 / (case.targets[0] as f64 / target), Pool::new(look.size, 4))
        }
        Kind::CpuUtilization | Kind::CpuValue => {
            let capacity = if case.kind == Kind::CpuUtilization { 1000.0 } else { case.targets[0] as f64 / target };
            // One whose sample reaches back before it was ready does not count yet.
            let counts = |pod: &&super::world::Member| {
                pod.ready && (look.at - pod.started * 1000 >= 20_000 || look.measured > pod.changed)
            };
            let ready = u32::try_from(look.pods.iter().filter(counts).count()).unwrap();
            let served: i64 = look
                .pods
                .iter()
                .filter(counts)
                .filter_map(|pod| look.usage.iter().find(|(name, _)| *name == pod.name).map(|(_, used)| *used))
                .sum();
            (served as f64 / capacity, Pool::seen(ready, look.size - ready, 4))
        }
    }
}

/// Whether a ratio lies exactly on an edge of the tolerance, or a size is a whole number: numbers that are not the same
/// to the last bit may fall to either side. HPA's mean over pods is in whole thousandths, which the lean form's is not.
fn on_an_edge(case: &Case, look: &Look) -> bool {
    let target = case.targets[0] as f64;
    let ratio = look.loads[0] as f64 / (target * f64::from(look.size));
    let size = look.loads[0] as f64 / target;
    let rounding = if case.kind == Kind::CpuValue { 1.0 / target } else { 1e-9 };
    [0.9, 1.1].iter().any(|edge| (ratio - edge).abs() < rounding) || (size - size.round()).abs() < 1e-9
}
