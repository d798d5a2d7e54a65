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
/// Most series of one tenant, or one namespace, in the answer to one query. What is over is not read, and whose it is is told.
const SERIES_MAX: usize = 100_000;
/// Averaging window taken for a pod's sample whose source does not say: the common `rate(...[1m])`.
const POD_WINDOW: Span = Span::from_secs(60);

/// Who needs a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker<'a> {
    /// Several tenants.
    Many,
    /// One.
    One {
        /// Which.
        tenant: &'a str,
        /// Whether it waits for no other.
        apart: bool,
    },
}

/// The queries that a set of workloads needs, each once, in order, with who needs them.
#[must_use]
pub fn queries<'a>(specs: impl IntoIterator<Item = &'a WorkloadSpec>) -> BTreeMap<&'a str, Asker<'a>> {
    let mut found: BTreeMap<&str, Asker<'_>> = BTreeMap::new();
    for spec in specs.into_iter().filter(|spec| spec.enabled) {
        let asker = Asker::One { tenant: spec.key.tenant.as_str(), apart: spec.apart };
        for query in spec.signals.iter().filter_map(|signal| signal.query.as_deref()) {
            let known = found.entry(query).or_insert(asker);
            if *known != asker {
                *known = Asker::Many;
            }
        }
    }
    found
}

/// A query's answer, indexed by what its samples' labels say.
#[derive(Debug)]
pub struct Index {
    by_workload: BTreeMap<(String, String), Vec<usize>>,
    by_tenant: BTreeMap<String, Vec<usize>>,
    by_namespace: BTreeMap<String, Namespace>,
    bare: Vec<usize>,
    samples: Vec<Sample>,
    partial: bool,
}

/// The samples of a namespace: what one workload asks for costs what it has, not what all have.
#[derive(Debug, Default)]
struct Namespace {
    by_pod: BTreeMap<String, Vec<usize>>,
    /// Those that name no pod, by the values of their labels.
    by_value: BTreeMap<String, Vec<usize>>,
    count: usize,
}

impl Namespace {
    fn add(&mut self, at: usize, labels: &Labels) {
        self.count += 1;
        if self.count > SERIES_MAX {
            return;
        }
        match labels.get("pod") {
            Some(pod) => self.by_pod.entry(pod.clone()).or_default().push(at),
            None => {
                for (_, value) in labels.iter().filter(|(name, _)| *name != "namespace") {
                    self.by_value.entry(value.clone()).or_default().push(at);
                }
            }
        }
    }

    /// The samples of an object's pods, and those that name the object itself, in the order of the answer.
    fn of(&self, object: &ObjectState) -> Vec<usize> {
        let pods = object.pods.iter().filter_map(|pod| self.by_pod.get(&pod.name));
        let mut found: Vec<usize> = pods.chain(self.by_value.get(&object.name)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }
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
                (_, _, Some(namespace)) => index.by_namespace.entry(namespace).or_default().add(at, &sample.labels),
                (Some(tenant), None, None) => index.by_tenant.entry(tenant).or_default().push(at),
                (None, _, None) => index.bare.push(at),
            }
        }
        index
    }

    fn get<'a>(&'a self, at: &'a [usize]) -> impl Iterator<Item = &'a Sample> {
        at.iter().filter_map(|at| self.samples.get(*at))
    }

    /// How many series there are where a workload's would be, when they are more than are read.
    fn flooded(&self, spec: &WorkloadSpec) -> Option<usize> {
        let of_tenant = self.by_tenant.get(spec.key.tenant.as_str()).map_or(0, Vec::len);
        let of_namespace = self.by_namespace.get(&spec.target.namespace).map_or(0, |namespace| namespace.count);
        Some(of_tenant.max(of_namespace)).filter(|count| *count > SERIES_MAX)
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
    if let Some(count) = index.flooded(spec) {
        return missing(format!(
            "the query's answer has {count} series of the tenant or namespace, and {SERIES_MAX} are read; sum them up in the query"
        ));
    }
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
    if let (Some(namespace), Some(object)) = (index.by_namespace.get(&spec.target.namespace), object) {
        let kind = spec.target.kind.to_ascii_lowercase();
        let names = |labels: &Labels| {
            let is = |label: &str| labels.get(label).is_some_and(|value| *value == object.name);
            labels.contains_key("pod") || is(&kind) || OBJECT_LABELS.iter().any(|label| is(label))
        };
        let places = namespace.of(object);
        let found: Vec<&Sample> =
            places.iter().filter_map(|at| index.samples.get(*at)).filter(|one| names(&one.labels)).collect();
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
    let known: BTreeSet<&str> = object.pods.iter().map(|pod| pod.name.as_str()).collect();
    let mut pods = Vec::with_capacity(matched.len());
    for sample in matched {
        let pod = sample.labels.get("pod")?;
        if !known.contains(pod.as_str()) {
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
