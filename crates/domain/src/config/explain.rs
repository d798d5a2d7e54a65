//! Which values hold for a tenant or one of its workloads, and who set them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::Document;
use super::body::{Autoscaling, BehaviorBody};
use super::diff::leaves;
use super::document::write_canonical;
use super::layers::{Effective, Layers, merge};
use super::problem::{Problem, Problems, nearest};
use super::vertical;
use super::workloads::{BUILT_IN, assumed_cpu, limits, own_autoscaling};
use crate::id::WorkloadName;
use crate::spec::{Behavior, Pick, RateLimit, RatePolicy, ScalingRules};

/// A value with who set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The field, such as `autoscaling.min_replicas`.
    pub field: String,
    /// Its value.
    pub value: String,
    /// Which layer set it, such as `tier gold`; `built-in` where none did.
    pub layer: String,
    /// The file that set it.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
}

/// A layer by name with its document.
type Stack<'a> = [(String, &'a Document)];

impl Layers {
    /// Who set each value of a tenant's configuration, or those of one field or group.
    ///
    /// # Errors
    /// As [`Layers::resolve`], and a field that is not set and not known.
    pub fn explain(&self, tenant: &Document, field: Option<&str>) -> Result<Vec<Explained>, Problems> {
        let effective = self.resolve(tenant)?;
        let stack = self.stack(tenant)?;
        let mut values = Vec::new();
        leaves("", &effective.value, &mut values);
        let own = effective.body.autoscaling.clone().unwrap_or_default();
        complete(&mut values, built_in(&effective, &own));
        picked(tenant, &values, field, |name| setter(&stack, name))
    }

    /// As [`Layers::explain`] for one workload: its object, and its own `autoscaling` over the tenant's. None when the
    /// tenant declares no such workload.
    ///
    /// # Errors
    /// As [`Layers::explain`].
    pub fn explain_workload(
        &self,
        tenant: &Document,
        workload: &WorkloadName,
        field: Option<&str>,
    ) -> Result<Option<Vec<Explained>>, Problems> {
        let effective = self.resolve(tenant)?;
        let stack = self.stack(tenant)?;
        let Some(declared) = effective.value.get("workloads").and_then(|all| all.get(workload.as_str())) else {
            return Ok(None);
        };
        let mut values = Vec::new();
        let shared = effective.value.get("autoscaling").cloned().unwrap_or_else(|| json!({}));
        let merged = merge(shared, declared.get("autoscaling").filter(|own| own.is_object()).unwrap_or(&json!({})));
        if merged != json!({}) {
            leaves("autoscaling", &merged, &mut values);
        }
        for (name, value) in declared.as_object().into_iter().flatten().filter(|(name, _)| *name != "autoscaling") {
            leaves(name, value, &mut values);
        }
        let own = own_autoscaling(&effective.body, &effective.value, workload.as_str());
        let inherited = built_in(&effective, &own).into_iter().filter(|(name, _)| name.starts_with("autoscaling."));
        complete(&mut values, inherited.chain(object(&effective, workload)).collect());
        // What the workload sets itself outranks what any layer sets for all of them.
        let found = picked(tenant, &values, field, |name| {
            setter(&stack, &format!("workloads.{workload}.{name}"))
                .or_else(|| name.starts_with("autoscaling").then(|| setter(&stack, name)).flatten())
        })?;
        Ok(Some(found))
    }
}

/// The last layer that has the field, with the line it stands in.
fn setter<'a>(stack: &'a Stack<'a>, name: &str) -> Option<(&'a str, &'a Document, u32)> {
    stack.iter().rev().find_map(|(layer, document)| Some((layer.as_str(), *document, document.line(name)?)))
}

/// Adds what stands where nothing is set.
fn complete(values: &mut Vec<(String, String)>, built_in: Vec<(String, String)>) {
    let set: BTreeSet<String> = values.iter().map(|(field, _)| field.clone()).collect();
    values.extend(built_in.into_iter().filter(|(field, _)| !set.contains(field)));
    values.sort();
}

fn picked<'a>(
    tenant: &Document,
    values: &[(String, String)],
    field: Option<&str>,
    setter: impl Fn(&str) -> Option<(&'a str, &'a Document, u32)>,
) -> Result<Vec<Explained>, Problems> {
    let inside = |name: &str| {
        field.is_none_or(|field| name == field || name.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
    };
    let explained = |(name, value): &(String, String)| {
        let setter = setter(name);
        Explained {
            field: name.clone(),
            value: value.clone(),
            layer: setter.map_or_else(|| "built-in".to_owned(), |(layer, _, _)| layer.to_owned()),
            file: setter.map(|(_, document, _)| document.source().to_owned()),
            line: setter.map(|(_, _, line)| line),
        }
    };
    let found: Vec<Explained> = values.iter().filter(|(name, _)| inside(name)).map(explained).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let field = field.unwrap_or_default();
    let known = nearest(field, values.iter().map(|(name, _)| name.as_str()));
    Err(Problems(vec![Problem {
        file: tenant.source().to_owned(),
        line: 0,
        column: 0,
        field: field.to_owned(),
        message: "it is not set by any layer, and has no built-in value".to_owned(),
        excerpt: String::new(),
        help: known.map(|name| format!("did you mean `{name}`?")),
    }]))
}

/// What stands where no layer sets anything.
fn built_in(effective: &Effective, own: &Autoscaling) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> =
        BUILT_IN.into_iter().map(|(field, value)| (field.to_owned(), value.to_owned())).collect();
    let (floor, ceiling) = limits(own);
    for (field, limit) in [("autoscaling.min_replicas", floor), ("autoscaling.max_replicas", ceiling)] {
        values.push((field.to_owned(), limit.to_string()));
    }
    let cpu = assumed_cpu(&effective.tenant, own);
    values.extend(cpu.map(|percent| ("autoscaling.metrics.cpu_threshold".to_owned(), percent.to_string())));
    values.extend(behavior(own.behavior.as_ref()));
    values.extend(vertical::built_in());
    values
}

/// HPA's rules where the behavior does not say otherwise; its older ones where there is no behavior at all.
fn behavior(declared: Option<&BehaviorBody>) -> Vec<(String, String)> {
    let Behavior { up, down } = Behavior::default();
    let mut values = Vec::new();
    for (way, rules) in [("scale_up", up), ("scale_down", down)] {
        let mut say = |name: &str, value: String| values.push((format!("autoscaling.behavior.{way}.{name}"), value));
        let ScalingRules { stabilization, select: _, policies, tolerance } = rules;
        say("tolerance", (f64::from(tolerance.0) / 10.0).to_string());
        if declared.is_some() {
            say("stabilization_window", stabilization.to_string());
            say("select_policy", "max".to_owned());
            let mut text = String::new();
            write_canonical(&Value::Array(policies.iter().map(policy).collect()), &mut text);
            say("policies", text);
        } else if way == "scale_up" {
            say("policies", "at once to the double, or to 4".to_owned());
        } else {
            say("stabilization_window", stabilization.to_string());
        }
    }
    values
}

fn policy(policy: &RatePolicy) -> Value {
    let (kind, value) = match policy.limit {
        RateLimit::Pods(pods) => ("pods", pods),
        RateLimit::Percent(percent) => ("percent", percent),
    };
    json!({ "type": kind, "value": value, "period": policy.period.to_string() })
}

/// The object that a workload stands for where its document does not say so.
fn object(effective: &Effective, workload: &WorkloadName) -> Vec<(String, String)> {
    let specs = effective.specs();
    let Some(target) = specs.iter().find(|spec| spec.key.workload == *workload).map(|spec| &spec.target) else {
        return Vec::new();
    };
    let fields = [("api_version", &target.api_version), ("kind", &target.kind), ("namespace", &target.namespace)];
    let name = match &target.pick {
        Pick::Name(name) => Some(("name", name)),
        Pick::Labels(_) => None,
    };
    fields.into_iter().chain(name).map(|(field, value)| (field.to_owned(), value.clone())).collect()
}
