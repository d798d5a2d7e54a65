//! From a resolved configuration to what is asked for each workload.

use serde::Deserialize as _;
use serde_json::Value;

use super::body::{
    Autoscaling, BehaviorBody, Body, Budget, Day, FreezeWindow, IsolationLevel, Metrics, ObjectiveBody, PolicyKind,
    Rules, ScheduleBody, Signal, Workload,
};
use super::capacity::CapacityBody;
use super::cross::WindowFault;
use super::events;
use super::layers::merge;
use super::vertical;
use crate::id::{SignalName, TenantId, WorkloadKey, WorkloadName};
use crate::schedule::Window;
use crate::spec::{
    Behavior, Capacity, Freeze, Objective, Pick, RateLimit, RatePolicy, ScaleTarget, ScalingRules, Schedule,
    SignalKind, SignalSpec, Spending, Strategy, Target, WorkloadSpec,
};
use crate::time::Timestamp;
use crate::unit::{Bounds, MicroUsd, Milli, PerMille, Replicas, Span};
use crate::vertical::Vertical;

/// HPA's least replicas.
pub(crate) const MIN_DEFAULT: u32 = 1;
/// More than this is never started unasked.
pub(crate) const MAX_DEFAULT: u32 = 10;
/// Name of the signal of processor time.
const CPU: &str = "cpu";
/// HPA's default target for cpu, percent.
const CPU_DEFAULT: u32 = 80;
const STALE_DEFAULT: Span = Span::from_secs(120);

/// Built-in values that stand where no layer sets one, for `explain`; those that depend on others are reckoned there.
pub(crate) const BUILT_IN: [(&str, &str); 7] = [
    ("autoscaling.enabled", "true"),
    ("autoscaling.strategy", "reactive"),
    ("autoscaling.stale_after", "2m"),
    ("autoscaling.take_over", "false"),
    ("lifecycle", "active"),
    ("objective.availability", "99"),
    ("objective.latency_percentile", "95"),
];

/// The workloads' specs, and notes on what was declared and cannot be done as it stands.
pub(crate) fn specs(tenant: &TenantId, body: &Body, value: &Value) -> (Vec<WorkloadSpec>, Vec<String>) {
    let mut notes = Vec::new();
    let count = body.workloads.as_ref().map_or(0, std::collections::BTreeMap::len);
    let specs = body.workloads.iter().flatten().filter_map(|(name, workload)| {
        let autoscaling = own_autoscaling(body, value, name);
        let key = WorkloadKey { tenant: tenant.clone(), workload: WorkloadName::new(name.as_str()).ok()? };
        Some(spec(key, workload, &autoscaling, body, count, &mut notes))
    });
    (specs.collect(), notes)
}

/// A workload's own `autoscaling` over the tenant's.
pub(crate) fn own_autoscaling(body: &Body, value: &Value, name: &str) -> Autoscaling {
    let shared = || body.autoscaling.clone().unwrap_or_default();
    let declares = body.workloads.as_ref().and_then(|all| all.get(name)?.autoscaling.as_ref()).is_some();
    let written = || value.get("workloads")?.get(name)?.get("autoscaling");
    match written().filter(|_| declares) {
        None => shared(),
        Some(own) => {
            let under = value.get("autoscaling").cloned().unwrap_or(Value::Null);
            Autoscaling::deserialize(&merge(under, own)).unwrap_or_else(|_| shared())
        }
    }
}

fn spec(
    key: WorkloadKey,
    workload: &Workload,
    own: &Autoscaling,
    body: &Body,
    count: usize,
    notes: &mut Vec<String>,
) -> WorkloadSpec {
    let (floor, ceiling) = limits(own);
    let target = ScaleTarget {
        api_version: workload.api_version.clone().unwrap_or_else(|| "apps/v1".to_owned()),
        kind: workload.kind.clone().unwrap_or_else(|| "Deployment".to_owned()),
        namespace: workload.namespace.clone().unwrap_or_else(|| key.tenant.to_string()),
        pick: match &workload.selector {
            Some(labels) => Pick::Labels(labels.clone()),
            None => Pick::Name(workload.name.clone().unwrap_or_else(|| key.workload.to_string())),
        },
    };
    let signals = signals(&key, own, notes);
    let strategy = own.strategy.unwrap_or(Strategy::Reactive);
    if own.enabled.unwrap_or(true) {
        notes.extend(without_effect(strategy, own, floor, &signals).map(|note| format!("{key}: {note}")));
    }
    let mut spec = WorkloadSpec {
        target,
        enabled: own.enabled.unwrap_or(true),
        strategy,
        // The two were held against each other when the layers were resolved.
        bounds: Bounds::new(floor.min(ceiling), ceiling).unwrap_or(Bounds::ONE),
        fixed: own.replicas.map(Replicas::new),
        signals,
        behavior: own.behavior.as_ref().map(behavior),
        schedules: schedules(own, body),
        freezes: freezes(body),
        quota: body.quota.as_ref().and_then(|quota| quota.max_replicas).map(Replicas::new),
        spending: body.budget.as_ref().and_then(|budget| spending(budget, count)),
        objective: objective(body.objective.as_ref()),
        startup_delay: own.startup_delay.map(|span| span.0),
        stale_after: own.stale_after.map_or(STALE_DEFAULT, |span| span.0),
        take_over: own.take_over.unwrap_or(false),
        vertical: Vertical::default(),
        almanac: events::almanac(own, body),
        apart: body.security.as_ref().and_then(|security| security.isolation_level).unwrap_or_default()
            != IsolationLevel::Shared,
        key,
    };
    spec.vertical = vertical::rules(own, body.budget.as_ref(), &spec);
    if spec.enabled {
        notes.extend(events::without_effect(&spec).into_iter().map(|note| format!("{}: {note}", spec.key)));
        notes.extend(vertical::without_effect(own, &spec).map(|note| format!("{}: {note}", spec.key)));
    }
    spec
}

/// Least and most replicas; one that is not declared makes room for the other.
pub(crate) fn limits(own: &Autoscaling) -> (Replicas, Replicas) {
    let floor = own.min_replicas.unwrap_or_else(|| MIN_DEFAULT.min(own.max_replicas.unwrap_or(MIN_DEFAULT)));
    let ceiling = own.max_replicas.unwrap_or_else(|| MAX_DEFAULT.max(own.min_replicas.unwrap_or(MAX_DEFAULT)));
    (Replicas::new(floor), Replicas::new(ceiling))
}

/// What is declared and comes to nothing, as something it needs is not.
fn without_effect(strategy: Strategy, own: &Autoscaling, floor: Replicas, signals: &[SignalSpec]) -> Option<String> {
    let scheduled = own.schedules.as_ref().is_some_and(|schedules| !schedules.is_empty());
    match strategy {
        Strategy::Fixed if own.replicas.is_none() => {
            Some(format!("strategy fixed without `replicas` keeps the minimum of {floor}"))
        }
        Strategy::Scheduled if !scheduled => {
            Some(format!("strategy scheduled without `schedules` keeps the minimum of {floor}"))
        }
        Strategy::Reactive | Strategy::Predictive
            if floor == Replicas::new(0) && !signals.iter().any(|signal| signal.measures_at_zero) =>
        {
            Some(
                "min_replicas 0 is never reached, as no signal is measured with no replica running; \
                 set `measures_at_zero` on one that is"
                    .to_owned(),
            )
        }
        Strategy::Reactive if signals.iter().any(|signal| signal.capacity.is_some()) => {
            Some("`capacity` is for the predictive strategy; the reactive one keeps to the target".to_owned())
        }
        Strategy::Reactive | Strategy::Predictive if !signals.iter().any(|signal| signal.scales) => {
            Some("no signal moves the size, as each has `scales: false`; it stays where it is".to_owned())
        }
        Strategy::Predictive => nothing_to_learn_from(signals),
        _ => None,
    }
}

/// A capacity that is to be learned and has nothing to be learned from. Load is held against the pods' own cpu, which
/// the cluster measures; cpu itself only against response times.
fn nothing_to_learn_from(signals: &[SignalSpec]) -> Option<String> {
    let objective =
        |signal: &SignalSpec| signal.kind == SignalKind::Latency && matches!(signal.target, Target::Value(_));
    let learned = |signal: &&SignalSpec| matches!(signal.capacity, Some(Capacity::Learned { .. }));
    let of_cpu = signals.iter().filter(learned).find(|signal| signal.kind == SignalKind::Cpu)?;
    (!signals.iter().any(objective)).then(|| {
        format!(
            "the capacity of signal {} cannot be learned: cpu does not tell how much of it a replica bears; declare a signal \
             of type latency with a `value` (and `scales: false` if it is only to be learned from), or a number",
            of_cpu.name
        )
    })
}

fn signals(key: &WorkloadKey, own: &Autoscaling, notes: &mut Vec<String>) -> Vec<SignalSpec> {
    let metrics = own.metrics.clone().unwrap_or_default();
    let mut signals: Vec<SignalSpec> = of_metrics(key, &metrics, notes);
    for (name, signal) in own.signals.iter().flatten() {
        let (Ok(name), Some(target)) = (SignalName::new(name.as_str()), target(signal)) else { continue };
        signals.retain(|known| known.name != name);
        signals.push(SignalSpec {
            name,
            kind: signal.kind.unwrap_or(SignalKind::Promql),
            query: signal.query.clone(),
            target,
            capacity: signal.capacity.and_then(CapacityBody::capacity),
            measures_at_zero: signal.measures_at_zero.unwrap_or(false),
            scales: signal.scales.unwrap_or(true),
        });
    }
    let by_load = matches!(own.strategy, None | Some(Strategy::Reactive | Strategy::Predictive));
    if by_load && !signals.iter().any(|signal| signal.scales || signal.name.as_str() == CPU) {
        signals.extend(signal(CPU, SignalKind::Cpu, None, Target::Utilization(CPU_DEFAULT)));
    }
    // What moves the size is shown first.
    signals.sort_by_key(|signal| !signal.scales);
    signals
}

/// The target for processor time that workloads have because nothing is declared that speaks for their load.
pub(crate) fn assumed_cpu(tenant: &TenantId, own: &Autoscaling) -> Option<u32> {
    let key = WorkloadKey { tenant: tenant.clone(), workload: WorkloadName::new("any").ok()? };
    let declared = own.metrics.as_ref().is_some_and(|metrics| metrics.cpu_threshold.is_some())
        || own.signals.as_ref().is_some_and(|signals| signals.contains_key(CPU));
    let signals = signals(&key, own, &mut Vec::new());
    match signals.iter().find(|signal| signal.name.as_str() == CPU && !declared)?.target {
        Target::Utilization(percent) => Some(percent),
        Target::PerReplica(_) | Target::Value(_) => None,
    }
}

fn signal(name: &str, kind: SignalKind, query: Option<String>, target: Target) -> Option<SignalSpec> {
    let name = SignalName::new(name).ok()?;
    Some(SignalSpec { name, kind, query, target, capacity: None, measures_at_zero: false, scales: true })
}

fn of_metrics(key: &WorkloadKey, metrics: &Metrics, notes: &mut Vec<String>) -> Vec<SignalSpec> {
    let mut signals = Vec::new();
    if let Some(percent) = metrics.cpu_threshold {
        signals.extend(signal(CPU, SignalKind::Cpu, None, Target::Utilization(percent)));
    }
    if let Some(percent) = metrics.memory_threshold {
        signals.extend(signal("memory", SignalKind::Memory, None, Target::Utilization(percent)));
    }
    match (metrics.latency_threshold, &metrics.latency_query) {
        (Some(threshold), Some(query)) => {
            let target = Target::Value(Milli(threshold.0.as_millis_i64()));
            signals.extend(signal("latency", SignalKind::Latency, Some(query.clone()), target));
        }
        (Some(threshold), None) => notes.push(format!(
            "{key}: latency_threshold {} is not acted on until latency_query says how to measure it",
            threshold.0
        )),
        (None, _) => {}
    }
    let rates = [
        ("request_rate", SignalKind::RequestRate, metrics.request_rate_threshold, &metrics.request_rate_query),
        ("network", SignalKind::Network, metrics.network_threshold, &metrics.network_query),
        ("storage", SignalKind::Storage, metrics.storage_threshold, &metrics.storage_query),
    ];
    for (name, kind, threshold, query) in rates {
        if let (Some(value), Some(query)) = (threshold.and_then(Milli::from_f64), query) {
            let rate = signal(name, kind, Some(query.clone()), Target::PerReplica(value));
            // Whoever sends requests is measured outside the replicas, so it can be with none running.
            signals.extend(rate.map(|rate| SignalSpec { measures_at_zero: kind == SignalKind::RequestRate, ..rate }));
        }
    }
    signals
}

fn target(signal: &Signal) -> Option<Target> {
    match (signal.utilization, signal.per_replica, signal.value) {
        (Some(percent), _, _) => Some(Target::Utilization(percent)),
        (_, Some(value), _) => Some(Target::PerReplica(Milli::from_f64(value)?)),
        (_, _, Some(value)) => Some(Target::Value(Milli::from_f64(value)?)),
        (None, None, None) => None,
    }
}

fn behavior(body: &BehaviorBody) -> Behavior {
    let built_in = Behavior::default();
    Behavior { up: rules(body.scale_up.as_ref(), built_in.up), down: rules(body.scale_down.as_ref(), built_in.down) }
}

fn rules(body: Option<&Rules>, built_in: ScalingRules) -> ScalingRules {
    let Some(body) = body else { return built_in };
    let policies = body.policies.as_ref().map(|policies| {
        let policy = |policy: &super::body::PolicyBody| RatePolicy {
            limit: match policy.kind {
                PolicyKind::Pods => RateLimit::Pods(policy.value),
                PolicyKind::Percent => RateLimit::Percent(policy.value),
            },
            period: policy.period.0,
        };
        policies.iter().map(policy).collect()
    });
    ScalingRules {
        stabilization: body.stabilization_window.map_or(built_in.stabilization, |window| window.0),
        select: body.select_policy.unwrap_or(built_in.select),
        policies: policies.unwrap_or(built_in.policies),
        tolerance: body.tolerance.map_or(built_in.tolerance, |percent| per_mille(percent * 10.0)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
fn per_mille(value: f64) -> PerMille {
    PerMille(value.round().clamp(0.0, 1000.0) as u16)
}

fn objective(body: Option<&ObjectiveBody>) -> Objective {
    let built_in = Objective::default();
    let percent = |given: Option<f64>, default| given.map_or(default, |percent| per_mille(percent * 10.0));
    Objective {
        availability: percent(body.and_then(|body| body.availability), built_in.availability),
        latency_quantile: percent(body.and_then(|body| body.latency_percentile), built_in.latency_quantile),
    }
}

/// An even share of what the tenant may spend.
fn spending(budget: &Budget, count: usize) -> Option<Spending> {
    let replica_hour = MicroUsd::from_usd(budget.replica_hour_usd?)?;
    let by_month = budget.monthly_usd.map(|usd| usd / 730.0);
    let hour = match (budget.hourly_usd, by_month) {
        (Some(hour), Some(month)) => hour.min(month),
        (Some(hour), None) => hour,
        (None, Some(month)) => month,
        // A price alone is for showing what things cost.
        (None, None) => return Some(Spending { replica_hour, hour_max: MicroUsd(i64::MAX) }),
    };
    let share = u32::try_from(count.max(1)).map_or(hour, |count| hour / f64::from(count));
    Some(Spending { replica_hour, hour_max: MicroUsd::from_usd(share)? })
}

fn schedules(own: &Autoscaling, body: &Body) -> Vec<Schedule> {
    let schedule = |(name, schedule): (&String, &ScheduleBody)| {
        Some(Schedule {
            name: name.clone(),
            window: window(schedule, body).ok()?,
            floor: schedule.min_replicas.map(Replicas::new),
            ceiling: schedule.max_replicas.map(Replicas::new),
        })
    };
    own.schedules.iter().flatten().filter_map(schedule).collect()
}

fn freezes(body: &Body) -> Vec<Freeze> {
    let freeze = |(name, freeze): (&String, &FreezeWindow)| {
        let allow_up = freeze.allow_scale_up.unwrap_or(true);
        Some(Freeze { name: name.clone(), window: window(&freeze.clone().into(), body).ok()?, allow_up })
    };
    body.freeze_windows.iter().flatten().filter_map(freeze).collect()
}

impl From<FreezeWindow> for ScheduleBody {
    fn from(freeze: FreezeWindow) -> Self {
        let FreezeWindow { allow_scale_up: _, time_zone, days, from, until, calendar, except_calendar, start, end } =
            freeze;
        Self {
            min_replicas: None,
            max_replicas: None,
            time_zone,
            days,
            from,
            until,
            calendar,
            except_calendar,
            start,
            end,
        }
    }
}

/// The window that a schedule speaks of.
pub(crate) fn window(body: &ScheduleBody, whole: &Body) -> Result<Window, WindowFault> {
    let shape = |message: &str| WindowFault::Shape(message.to_owned());
    let once = body.start.is_some() || body.end.is_some();
    let daily = body.from.is_some() || body.until.is_some();
    if once && daily {
        return Err(shape("it has either `start` and `end`, or `from` and `until`, not both"));
    }
    if once {
        let (Some(start), Some(end)) = (&body.start, &body.end) else {
            return Err(shape("`start` and `end` come together"));
        };
        let instant = |text: &str| text.parse::<jiff::Timestamp>().map(Timestamp::from);
        let (Ok(start), Ok(end)) = (instant(start), instant(end)) else {
            return Err(shape("`start` or `end` is no instant"));
        };
        return Window::once(start, end).map_err(|error| WindowFault::Shape(error.to_string()));
    }
    let (Some(from), Some(until)) = (&body.from, &body.until) else {
        return Err(shape("it needs `from` and `until`, or `start` and `end`"));
    };
    let (Ok(from), Ok(until)) = (from.parse(), until.parse()) else {
        return Err(shape("`from` or `until` is no time of day"));
    };
    let calendar = |name: &Option<String>| match name {
        None => Ok(Vec::new()),
        Some(name) => {
            let calendars = whole.calendars.as_ref();
            let days = calendars.and_then(|calendars| calendars.get(name));
            let known = || calendars.into_iter().flatten().map(|(name, _)| name.clone()).collect();
            days.map(|days| days.iter().map(|day| day.0).collect())
                .ok_or_else(|| WindowFault::Calendar { name: name.clone(), known: known() })
        }
    };
    let days: Vec<jiff::civil::Weekday> = body.days.iter().flatten().map(|day| (*day).into()).collect();
    let zone = body.time_zone.as_deref().unwrap_or("UTC");
    Window::daily(zone, from, until, &days, calendar(&body.calendar)?, calendar(&body.except_calendar)?)
        .map_err(|error| WindowFault::Shape(error.to_string()))
}

impl From<Day> for jiff::civil::Weekday {
    fn from(day: Day) -> Self {
        match day {
            Day::Mon => Self::Monday,
            Day::Tue => Self::Tuesday,
            Day::Wed => Self::Wednesday,
            Day::Thu => Self::Thursday,
            Day::Fri => Self::Friday,
            Day::Sat => Self::Saturday,
            Day::Sun => Self::Sunday,
        }
    }
}
