//! From answers of metrics sources to readings of workloads. `TenantMetricsCollector` of the design.
//!
//! One query serves all workloads that use it: its answer is matched to them by labels. Nothing here waits or asks;
//! the driver fetches, and this module sorts. What cannot be matched, or is no number, becomes a missing reading with
//! its reason, never a zero.

use std::collections::{BTreeMap, BTreeSet};

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::snapshot::{Observation, PodSample, Reading};
use tenantry_domain::spec::{SignalKind, SignalSpec, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Span};

use crate::ports::cluster::{ObjectState, PodMetrics};
use crate::ports::metrics::{Answer, Labels, Sample};

/// Labels that name a workload's object, besides the kind in lower case.
const OBJECT_LABELS: [&str; 4] = ["workload_name", "name", "app", "service"];
/// Averaging window taken for a pod's sample whose source does not say: the common `rate(...[1m])`.
const POD_WINDOW: Span = Span::from_secs(60);

/// The queries that a set of workloads needs, each once, in order.
#[must_use]
pub fn queries<'a>(specs: impl IntoIterator<Item = &'a WorkloadSpec>) -> BTreeSet<&'a str> {
    specs
        .into_iter()
        .filter(|spec| spec.enabled)
        .flat_map(|spec| spec.signals.iter().filter_map(|signal| signal.query.as_deref()))
        .collect()
}

/// A query's answer, indexed by what its samples' labels say.
#[derive(Debug)]
pub struct Index {
    by_workload: BTreeMap<(String, String), Vec<usize>>,
    by_tenant: BTreeMap<String, Vec<usize>>,
    by_namespace: BTreeMap<String, Vec<usize>>,
    bare: Vec<usize>,
    samples: Vec<Sample>,
    partial: bool,
}

impl Index {
    /// Sorts an answer.
    #[must_use]
    pub fn new(answer: Answer) -> Self {
        let mut index = Self {
            by_workload: BTreeMap::new(),
            by_tenant: BTreeMap::new(),
            by_namespace: BTreeMap::new(),
            bare: Vec::new(),
            samples: answer.samples,
            partial: !answer.warnings.is_empty(),
        };
        for (at, sample) in index.samples.iter().enumerate() {
            let label = |name: &str| sample.labels.get(name).cloned();
            match (label("tenant"), label("workload"), label("namespace")) {
                (Some(tenant), Some(workload), _) => index.by_workload.entry((tenant, workload)).or_default().push(at),
                (_, _, Some(namespace)) => index.by_namespace.entry(namespace).or_default().push(at),
                (Some(tenant), None, None) => index.by_tenant.entry(tenant).or_default().push(at),
                (None, _, None) => index.bare.push(at),
            }
        }
        index
    }

    fn get<'a>(&'a self, at: &'a [usize]) -> impl Iterator<Item = &'a Sample> {
        at.iter().filter_map(|at| self.samples.get(*at))
    }
}

/// What a query came to.
#[derive(Debug)]
pub enum Fetched {
    /// An answer.
    Answer(Index),
    /// None, and why.
    Failed(String),
}

/// How many workloads use each query, to say whom a sample without labels belongs to.
#[derive(Debug, Default)]
pub struct Users<'a> {
    by_query: BTreeMap<&'a str, usize>,
    by_tenant: BTreeMap<(&'a str, &'a str), usize>,
}

impl<'a> Users<'a> {
    /// Counts them.
    #[must_use]
    pub fn count(specs: impl IntoIterator<Item = &'a WorkloadSpec>) -> Self {
        let mut users = Self::default();
        for spec in specs {
            for query in spec.signals.iter().filter_map(|signal| signal.query.as_deref()) {
                *users.by_query.entry(query).or_default() += 1;
                *users.by_tenant.entry((query, spec.key.tenant.as_str())).or_default() += 1;
            }
        }
        users
    }

    fn alone(&self, query: &str) -> bool {
        self.by_query.get(query).is_some_and(|count| *count == 1)
    }

    fn alone_in_tenant(&self, query: &str, key: &WorkloadKey) -> bool {
        self.by_tenant.get(&(query, key.tenant.as_str())).is_some_and(|count| *count == 1)
    }
}

/// The readings of one workload's signals.
#[doc(alias = "TenantMetricsCollector")]
#[must_use]
pub fn observations(
    spec: &WorkloadSpec,
    object: Option<&ObjectState>,
    fetched: &BTreeMap<String, Fetched>,
    users: &Users<'_>,
) -> Vec<Observation> {
    spec.signals
        .iter()
        .map(|signal| Observation {
            signal: signal.name.clone(),
            reading: match signal.query.as_deref() {
                Some(query) => from_query(spec, signal, query, object, fetched, users),
                None => from_pods(signal, object),
            },
        })
        .collect()
}

fn missing(why: impl Into<String>) -> Reading {
    Reading::Missing { why: why.into() }
}

fn from_pods(signal: &SignalSpec, object: Option<&ObjectState>) -> Reading {
    let Some(object) = object else {
        return missing("the workload's object could not be read");
    };
    match (&object.metrics, signal.kind) {
        (PodMetrics::Missing(why), _) => missing(why.clone()),
        (PodMetrics::Samples { cpu, .. }, SignalKind::Cpu) => Reading::Pods(cpu.clone()),
        (PodMetrics::Samples { memory, .. }, SignalKind::Memory) => Reading::Pods(memory.clone()),
        (PodMetrics::Samples { .. }, _) => missing("this signal needs a query, and none is set"),
    }
}

fn from_query(
    spec: &WorkloadSpec,
    signal: &SignalSpec,
    query: &str,
    object: Option<&ObjectState>,
    fetched: &BTreeMap<String, Fetched>,
    users: &Users<'_>,
) -> Reading {
    let index = match fetched.get(query) {
        Some(Fetched::Answer(index)) => index,
        Some(Fetched::Failed(why)) => return missing(why.clone()),
        None => return missing("the query was not asked in this cycle"),
    };
    let matched = matched(spec, query, object, index, users);
    if matched.is_empty() {
        let part = if index.partial { ", and the answer was partial" } else { "" };
        return missing(format!("no series of the query's answer belongs to this workload{part}"));
    }
    if let Some(pods) = object.and_then(|object| per_pod(&matched, object)) {
        return Reading::Pods(pods);
    }
    if index.partial {
        // A sum over an incomplete set of series is too small by an unknown amount.
        return missing("the source warned that its answer is partial");
    }
    total(signal, &matched)
}

fn matched<'a>(
    spec: &WorkloadSpec,
    query: &str,
    object: Option<&ObjectState>,
    index: &'a Index,
    users: &Users<'_>,
) -> Vec<&'a Sample> {
    let key = (spec.key.tenant.as_str().to_owned(), spec.key.workload.as_str().to_owned());
    if let Some(at) = index.by_workload.get(&key) {
        return index.get(at).collect();
    }
    if let Some(at) = index.by_namespace.get(&spec.target.namespace) {
        let kind = spec.target.kind.to_ascii_lowercase();
        let names = |labels: &Labels, name: &str| {
            labels.get(&kind).is_some_and(|value| value == name)
                || OBJECT_LABELS.iter().any(|label| labels.get(*label).is_some_and(|value| value == name))
        };
        let found: Vec<&Sample> = index
            .get(at)
            .filter(|sample| {
                object.is_some_and(|object| match sample.labels.get("pod") {
                    Some(pod) => object.pods.iter().any(|known| known.name == *pod),
                    None => names(&sample.labels, &object.name),
                })
            })
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    if let Some(at) = index.by_tenant.get(&key.0)
        && users.alone_in_tenant(query, &spec.key)
    {
        return index.get(at).collect();
    }
    if users.alone(query) { index.get(&index.bare).collect() } else { Vec::new() }
}

/// The samples as values of pods, if every one names a pod.
fn per_pod(matched: &[&Sample], object: &ObjectState) -> Option<Vec<PodSample>> {
    let mut pods = Vec::with_capacity(matched.len());
    for sample in matched {
        let pod = sample.labels.get("pod")?;
        if !object.pods.iter().any(|known| known.name == *pod) {
            continue;
        }
        // What is no number is as good as not measured: the pod counts as missing.
        if let Some(value) = Milli::from_f64(sample.value) {
            pods.push(PodSample { pod: pod.clone(), value, at: sample.at, window: POD_WINDOW });
        }
    }
    Some(pods)
}

/// The samples as one value: rates and amounts add up, of response times the slowest counts.
fn total(signal: &SignalSpec, matched: &[&Sample]) -> Reading {
    let mut value = 0.0_f64;
    let mut oldest: Option<Timestamp> = None;
    for sample in matched {
        if !sample.value.is_finite() {
            return missing(format!("the source gave {} for one of its series", sample.value));
        }
        value = if signal.kind == SignalKind::Latency { value.max(sample.value) } else { value + sample.value };
        oldest = Some(oldest.map_or(sample.at, |at| at.min(sample.at)));
    }
    match (Milli::from_f64(value), oldest) {
        (Some(value), Some(at)) => Reading::Total { value, at },
        _ => missing("the value is too large to be one"),
    }
}

#[cfg(test)]
mod tests;
