//! What documents say of vertical sizes: their shape, what contradicts, and the rules that come of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::body::{Autoscaling, Body, Budget, Signal};
use super::problem::{Problem, Problems};
use crate::quantity;
use crate::spec::{SignalKind, WorkloadSpec};
use crate::unit::{MicroUsd, Milli};
use crate::vertical::{Prices, Resource, ResourceRules, Vertical, VerticalMode};

/// What containers request.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct VerticalBody {
    /// When requests are changed; `tenantry recommend` shows what they should be whichever it is. Default: off.
    pub(crate) mode: Option<VerticalMode>,
    /// What is changed. Default: that whose percent of request does not drive the number of replicas. As a whole later
    /// layers replace it.
    pub(crate) controlled: Option<Vec<Resource>>,
    /// Limits for each container's cpu. Default: from 10m to 4, and what it has already.
    pub(crate) cpu: Option<Range>,
    /// Limits for each container's memory. Default: from 16Mi to 8Gi, and what it has already.
    pub(crate) memory: Option<Range>,
}

/// Limits for a request.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Range {
    /// The least.
    pub(crate) min: Option<QuantityText>,
    /// The most.
    pub(crate) max: Option<QuantityText>,
}

/// A quantity as Kubernetes writes it, or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuantityText(pub(crate) Milli);

impl<'de> Deserialize<'de> for QuantityText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        let value = match Either::deserialize(from)? {
            Either::Number(number) => Milli::from_f64(number),
            Either::Text(text) => quantity::parse(&text),
        };
        value.map(Self).ok_or_else(|| serde::de::Error::custom("no quantity"))
    }
}

impl JsonSchema for QuantityText {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A quantity as Kubernetes writes it, such as `250m`, `2` or `128Mi`.",
            "type": ["string", "number"],
            "format": "quantity",
            "minimum": 0.001
        })
    }
}

/// What keeps a text from being a quantity.
pub(crate) fn quantity_fault(text: &str) -> Option<String> {
    let good = quantity::parse(text).is_some_and(|value| value > Milli::ZERO);
    (!good).then(|| format!("`{text}` is no quantity above nothing; write it as `250m`, `2` or `128Mi`"))
}

/// The rules where no layer sets one, for `explain`.
pub(crate) fn built_in() -> Vec<(String, String)> {
    let rules = Vertical::default();
    let mut values = vec![("autoscaling.vertical.mode".to_owned(), rules.mode.to_string())];
    for resource in Resource::ALL {
        let ResourceRules { min, max, .. } = *rules.rules(resource);
        for (end, value) in [("min", min), ("max", max)] {
            values.push((format!("autoscaling.vertical.{resource}.{end}"), resource.show(value)));
        }
    }
    values
}

fn range(body: &VerticalBody, resource: Resource) -> Range {
    match resource {
        Resource::Cpu => body.cpu,
        Resource::Memory => body.memory,
    }
    .unwrap_or_default()
}

/// Least and most that a document allows; one that is not declared makes room for the other.
fn limits(range: Range, built_in: &ResourceRules) -> (Milli, Milli) {
    let (least, most) = (range.min.map(|text| text.0), range.max.map(|text| text.0));
    let min = least.unwrap_or_else(|| built_in.min.min(most.unwrap_or(built_in.min)));
    let max = most.unwrap_or_else(|| built_in.max.max(least.unwrap_or(built_in.max)));
    (min, max)
}

/// The rules for a workload whose number of replicas is already decided on.
pub(crate) fn rules(own: &Autoscaling, budget: Option<&Budget>, spec: &WorkloadSpec) -> Vertical {
    let none = VerticalBody::default();
    let body = own.vertical.as_ref().unwrap_or(&none);
    let built_in = Vertical::default();
    let rules = |resource: Resource| {
        let (min, max) = limits(range(body, resource), built_in.rules(resource));
        let controlled = match &body.controlled {
            Some(listed) => listed.contains(&resource),
            None => !spec.scales_by(resource),
        };
        ResourceRules { controlled, min, max, max_declared: range(body, resource).max.is_some() }
    };
    let price = |usd: Option<f64>| usd.and_then(MicroUsd::from_usd);
    Vertical {
        mode: body.mode.unwrap_or_default(),
        cpu: rules(Resource::Cpu),
        memory: rules(Resource::Memory),
        prices: Prices {
            core_hour: price(budget.and_then(|budget| budget.core_hour_usd)),
            gib_hour: price(budget.and_then(|budget| budget.gib_hour_usd)),
        },
    }
}

/// What is declared and comes to nothing.
pub(crate) fn without_effect(own: &Autoscaling, spec: &WorkloadSpec) -> Option<String> {
    if spec.vertical.mode == VerticalMode::Off {
        return None;
    }
    let driven = |resource: &Resource| spec.scales_by(*resource);
    let left: Vec<String> = Resource::ALL.iter().filter(|one| driven(one)).map(Resource::to_string).collect();
    let declared = own.vertical.as_ref().is_some_and(|body| body.controlled.is_some());
    let none = !Resource::ALL.into_iter().any(|resource| spec.vertical.rules(resource).controlled);
    match (none, left.join(" and ")) {
        (true, left) if !left.is_empty() && !declared => Some(format!(
            "vertical mode {} changes nothing, as the number of replicas follows the percent of requested {left}",
            spec.vertical.mode
        )),
        (true, _) => Some(format!("vertical mode {} changes nothing, as `controlled` is empty", spec.vertical.mode)),
        (false, left) if !left.is_empty() && !declared => Some(format!(
            "vertical sizing leaves {left} alone, as the number of replicas follows the percent of it that is requested"
        )),
        _ => None,
    }
}

/// What a document's vertical rules contradict in themselves and in the signals that it declares beside them.
pub(crate) fn contradictions(own: &Autoscaling) -> Vec<(String, String, Option<String>)> {
    let Some(body) = &own.vertical else { return Vec::new() };
    let built_in = Vertical::default();
    let mut found = Vec::new();
    for resource in Resource::ALL {
        let (min, max) = limits(range(body, resource), built_in.rules(resource));
        if min > max {
            let (min, max) = (resource.show(min), resource.show(max));
            found.push((format!("{resource}.min"), format!("the minimum {min} is above the maximum {max}"), None));
        }
        let driven = own.strategy.is_none_or(|strategy| {
            use crate::spec::Strategy::{Predictive, Reactive};
            matches!(strategy, Reactive | Predictive)
        }) && declared_to_drive(own, resource);
        if controls(body, resource) && driven {
            found.push(fight(resource));
        }
    }
    found
}

fn controls(body: &VerticalBody, resource: Resource) -> bool {
    let acts = body.mode.is_some_and(|mode| mode != VerticalMode::Off);
    acts && body.controlled.as_ref().is_some_and(|listed| listed.contains(&resource))
}

fn declared_to_drive(own: &Autoscaling, resource: Resource) -> bool {
    let threshold = own.metrics.as_ref().and_then(|metrics| match resource {
        Resource::Cpu => metrics.cpu_threshold,
        Resource::Memory => metrics.memory_threshold,
    });
    let name = resource.to_string();
    // A signal of the same name stands in the place of the common one.
    let own_signals: Option<&BTreeMap<String, Signal>> = own.signals.as_ref();
    let replaced = own_signals.is_some_and(|signals| signals.contains_key(&name));
    let drives = |signal: &Signal| {
        let cpu = signal.kind == Some(SignalKind::Cpu);
        signal.scales != Some(false) && signal.utilization.is_some() && cpu == (resource == Resource::Cpu)
    };
    (threshold.is_some() && !replaced) || own_signals.is_some_and(|signals| signals.values().any(drives))
}

fn fight(resource: Resource) -> (String, String, Option<String>) {
    let message = format!(
        "{resource} cannot be sized both ways: the number of replicas follows the percent of requested {resource}, which \
         a changed request changes"
    );
    let help = format!(
        "leave {resource} out of `controlled`, or scale by a signal that is no percent of requested {resource}, such as \
         requests per second"
    );
    ("controlled".to_owned(), message, Some(help))
}

/// Whether any layer speaks of vertical sizes.
pub(crate) fn is_declared(body: &Body) -> bool {
    let of = |own: Option<&Autoscaling>| own.is_some_and(|own| own.vertical.is_some());
    of(body.autoscaling.as_ref())
        || body.workloads.iter().flat_map(BTreeMap::values).any(|workload| of(workload.autoscaling.as_ref()))
}

/// Workloads for which the layers together let vertical sizing change what drives the number of replicas, also where the
/// driving signal is the built-in one.
pub(crate) fn conflicts(
    body: &Body,
    specs: &[WorkloadSpec],
    own: impl Fn(&str) -> Autoscaling,
    locate: &dyn Fn(&str) -> Problem,
) -> Result<(), Problems> {
    let mut problems: Vec<Problem> = Vec::new();
    for spec in specs.iter().filter(|spec| spec.enabled) {
        let name = spec.key.workload.as_str();
        let Some(vertical) = own(name).vertical else { continue };
        let theirs = body.workloads.as_ref().and_then(|all| all.get(name)?.autoscaling.as_ref()?.vertical.as_ref());
        let group = match theirs.is_some_and(|theirs| theirs.controlled.is_some()) {
            true => format!("workloads.{name}.autoscaling.vertical"),
            false => "autoscaling.vertical".to_owned(),
        };
        for resource in Resource::ALL.into_iter().filter(|one| controls(&vertical, *one) && spec.scales_by(*one)) {
            let (field, message, help) = fight(resource);
            let mut problem = locate(&format!("{group}.{field}"));
            problem.message = format!("{message} (workload `{name}`)");
            problem.help = help;
            problems.push(problem);
        }
    }
    Problems(problems).into_result()
}
