//! What values of one configuration say of each other. Run on each document alone, and on what its layers come to.

use serde::Deserialize as _;
use serde_json::Value;

use super::body::{Autoscaling, Body, Metrics, Signal};
use super::capacity::CapacityBody;
use super::events;
use super::layers::merge;
use super::problem::{Problem, Problems, nearest};
use super::vertical::contradictions;
use super::workloads::{MAX_DEFAULT, MIN_DEFAULT, window};
use crate::spec::SignalKind;

/// Everything in `body` that contradicts something else in it; `locate` gives the place of a field.
pub(crate) fn cross_check(body: &Body, value: &Value, locate: &dyn Fn(&str) -> Problem) -> Problems {
    let mut found = Found { problems: Vec::new(), locate };
    let none = Autoscaling::default();
    let own = body.autoscaling.as_ref().unwrap_or(&none);
    found.autoscaling("autoscaling", own, body);
    for (name, freeze) in body.freeze_windows.iter().flatten() {
        let field = format!("freeze_windows.{name}");
        found.window(&field, window(&freeze.clone().into(), body));
    }
    if let Some(budget) = &body.budget
        && (budget.hourly_usd.is_some() || budget.monthly_usd.is_some())
        && budget.replica_hour_usd == Some(0.0)
    {
        found.say("budget.replica_hour_usd", "a budget cannot bind when a replica costs nothing", None);
    }
    found.floors_together(body, value);
    let shared = value.get("autoscaling").unwrap_or(&Value::Null);
    for (name, workload) in body.workloads.iter().flatten() {
        let field = format!("workloads.{name}");
        if workload.name.is_some() && workload.selector.is_some() {
            found.say(&format!("{field}.selector"), "an object is found by `name` or by `selector`, not by both", None);
        }
        if workload.selector.as_ref().is_some_and(std::collections::BTreeMap::is_empty) {
            found.say(&format!("{field}.selector"), "an empty selector would match everything; name a label", None);
        }
        if let Some(own) = value.pointer(&format!("/workloads/{name}/autoscaling")) {
            // Checked as it comes to be: over what the tenant says for all its workloads.
            let together = merge(shared.clone(), own);
            if let Ok(autoscaling) = Autoscaling::deserialize(&together) {
                found.autoscaling(&format!("{field}.autoscaling"), &autoscaling, body);
            }
        }
    }
    found.problems.dedup();
    Problems(found.problems)
}

struct Found<'a> {
    problems: Vec<Problem>,
    locate: &'a dyn Fn(&str) -> Problem,
}

impl Found<'_> {
    fn say(&mut self, field: &str, message: impl Into<String>, help: Option<String>) {
        let mut problem = (self.locate)(field);
        problem.message = message.into();
        problem.help = help;
        self.problems.push(problem);
    }

    /// Minimums that fit the quota one by one may not fit it together. One that is not declared may still be set by
    /// another layer, and counts for nothing.
    fn floors_together(&mut self, body: &Body, value: &Value) {
        let Some(quota) = body.quota.as_ref().and_then(|quota| quota.max_replicas) else { return };
        let declared = |autoscaling: &Value, field: &str| autoscaling.get(field).cloned();
        let shared = value.get("autoscaling").unwrap_or(&Value::Null);
        let floors: Vec<u64> = body
            .workloads
            .iter()
            .flatten()
            .filter_map(|(name, _)| {
                let own = value.pointer(&format!("/workloads/{name}/autoscaling")).unwrap_or(&Value::Null);
                let set = |field| declared(own, field).or_else(|| declared(shared, field));
                if set("enabled") == Some(Value::Bool(false)) { None } else { set("min_replicas")?.as_u64() }
            })
            .collect();
        let total: u64 = floors.iter().sum();
        // One that is above the quota by itself is named where it stands.
        if total > u64::from(quota) && floors.iter().all(|floor| *floor <= u64::from(quota)) {
            let message = format!(
                "the minimums of {} workloads come to {total}, more than the quota of {quota} for all together",
                floors.len()
            );
            self.say("quota.max_replicas", message, None);
        }
    }

    fn autoscaling(&mut self, field: &str, own: &Autoscaling, body: &Body) {
        let least = own.min_replicas.unwrap_or_else(|| MIN_DEFAULT.min(own.max_replicas.unwrap_or(MIN_DEFAULT)));
        let most = own.max_replicas.unwrap_or_else(|| MAX_DEFAULT.max(own.min_replicas.unwrap_or(MAX_DEFAULT)));
        if least > most {
            let message = format!("the minimum {least} is above the maximum {most}");
            self.say(&format!("{field}.min_replicas"), message, None);
        }
        if let Some(size) = own.replicas.filter(|size| !(least..=most).contains(size)) {
            self.say(&format!("{field}.replicas"), format!("{size} is outside {least} to {most}"), None);
        }
        if let Some(quota) = body.quota.as_ref().and_then(|quota| quota.max_replicas)
            && own.min_replicas.is_some_and(|least| least > quota)
        {
            let message = format!("the minimum {least} is above the quota of {quota} for all workloads together");
            self.say(&format!("{field}.min_replicas"), message, None);
        }
        if let Some(metrics) = &own.metrics {
            self.metrics(&format!("{field}.metrics"), metrics);
        }
        for (name, signal) in own.signals.iter().flatten() {
            let field = format!("{field}.signals.{name}");
            let targets = [signal.utilization.is_some(), signal.per_replica.is_some(), signal.value.is_some()];
            if targets.iter().filter(|set| **set).count() != 1 {
                self.say(&field, "it needs exactly one of `utilization`, `per_replica` and `value`", None);
            }
            self.capacity(&field, signal);
            use crate::spec::SignalKind::{Cpu, Memory};
            if signal.query.is_none() && !matches!(signal.kind, Some(Cpu | Memory)) {
                self.say(&field, "it needs a `query`; only cpu and memory come from the cluster itself", None);
            }
        }
        for (inner, message, help) in contradictions(own) {
            self.say(&format!("{field}.vertical.{inner}"), message, help);
        }
        self.behavior(field, own);
        self.schedules(field, own, body, (least, most));
        for (inner, message, help) in events::contradictions(own, body) {
            self.say(&format!("{field}.{inner}"), message, help);
        }
    }

    fn capacity(&mut self, field: &str, signal: &Signal) {
        let Some(capacity) = signal.capacity else { return };
        let target = signal.utilization.map(f64::from).or(signal.per_replica);
        let learned = matches!(capacity, CapacityBody::Learned(_));
        let place = format!("{field}.capacity");
        match (target, capacity.told()) {
            (None, _) => self.say(&place, "it goes with `utilization` or `per_replica`", None),
            (Some(target), Some(told)) if told < target => {
                let message = format!("{told} is under the target {target}; a replica carries at least that");
                self.say(&place, message, None);
            }
            _ if learned && signal.kind == Some(SignalKind::Memory) => {
                self.say(&place, "memory does not tell what a replica carries; it is learned of load or cpu", None);
            }
            _ if signal.scales == Some(false) => {
                self.say(&place, "it has no use on a signal that does not move the size (`scales: false`)", None);
            }
            _ => {}
        }
    }

    fn metrics(&mut self, field: &str, metrics: &Metrics) {
        if metrics.latency_threshold.is_some_and(|threshold| threshold.0.as_millis() == 0) {
            self.say(&format!("{field}.latency_threshold"), "no answer takes no time; it must be 1ms or more", None);
        }
        let pairs = [
            ("request_rate", metrics.request_rate_threshold.is_some(), metrics.request_rate_query.is_some()),
            ("network", metrics.network_threshold.is_some(), metrics.network_query.is_some()),
            ("storage", metrics.storage_threshold.is_some(), metrics.storage_query.is_some()),
        ];
        for (name, threshold, query) in pairs {
            if threshold && !query {
                let message = format!("it needs `{name}_query`, the PromQL that measures it");
                self.say(&format!("{field}.{name}_threshold"), message, None);
            }
        }
    }

    fn behavior(&mut self, field: &str, own: &Autoscaling) {
        let directions = own.behavior.iter().flat_map(|behavior| {
            [("scale_up", behavior.scale_up.as_ref()), ("scale_down", behavior.scale_down.as_ref())]
        });
        for (direction, rules) in directions {
            let Some(rules) = rules else { continue };
            let field = format!("{field}.behavior.{direction}");
            if rules.stabilization_window.is_some_and(|window| window.0.as_millis() > 3_600_000) {
                self.say(&format!("{field}.stabilization_window"), "it is longer than an hour", None);
            }
            for policy in rules.policies.iter().flatten() {
                if !(1..=1_800_000).contains(&policy.period.0.as_millis()) {
                    let message = "a policy's period must be more than nothing and at most 30m";
                    self.say(&format!("{field}.policies"), message, None);
                }
            }
        }
    }

    fn schedules(&mut self, field: &str, own: &Autoscaling, body: &Body, (least, most): (u32, u32)) {
        let mut sound = Vec::new();
        for (name, schedule) in own.schedules.iter().flatten() {
            let field = format!("{field}.schedules.{name}");
            if let (Some(floor), Some(ceiling)) = (schedule.min_replicas, schedule.max_replicas)
                && floor > ceiling
            {
                let message = format!("the minimum {floor} is above the maximum {ceiling}");
                self.say(&format!("{field}.min_replicas"), message, None);
            }
            if schedule.min_replicas.is_none() && schedule.max_replicas.is_none() {
                self.say(&field, "it sets neither `min_replicas` nor `max_replicas`", None);
            }
            if let Some(floor) = schedule.min_replicas.filter(|floor| *floor > most) {
                let message = format!("{floor} is above the workload's maximum {most} and would never be reached");
                self.say(&format!("{field}.min_replicas"), message, None);
            }
            if let Some(ceiling) = schedule.max_replicas.filter(|ceiling| *ceiling < least) {
                let message = format!("{ceiling} is under the workload's minimum {least}");
                self.say(&format!("{field}.max_replicas"), message, None);
            }
            match window(schedule, body) {
                Ok(window) => sound.push((name, schedule, window)),
                Err(error) => self.window(&field, Err(error)),
            }
        }
        for (place, (name, schedule, window)) in sound.iter().enumerate() {
            for (other, before, earlier) in sound.iter().take(place) {
                let contradict =
                    |a: &Option<u32>, b: &Option<u32>| a.zip(*b).is_some_and(|(floor, ceiling)| floor > ceiling);
                let clash = contradict(&schedule.min_replicas, &before.max_replicas)
                    || contradict(&before.min_replicas, &schedule.max_replicas);
                if clash && window.overlaps(earlier) {
                    let message =
                        format!("it overlaps `{other}`, and the minimum of one is above the maximum of the other");
                    self.say(&format!("{field}.schedules.{name}"), message, None);
                }
            }
        }
    }

    fn window(&mut self, field: &str, window: Result<crate::schedule::Window, WindowFault>) {
        match window {
            Ok(_) => {}
            Err(WindowFault::Shape(message)) => self.say(field, message, None),
            Err(WindowFault::Calendar { name, known }) => {
                let help =
                    nearest(&name, known.iter().map(String::as_str)).map(|name| format!("did you mean `{name}`?"));
                self.say(field, format!("there is no calendar `{name}`"), help);
            }
        }
    }
}

/// What keeps a time from being one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WindowFault {
    Shape(String),
    Calendar { name: String, known: Vec<String> },
}
