//! What the autoscalers are put through: rules, targets, and loads.

use serde_json::{Value, json};
use tenantry_domain::spec::{Behavior, RateLimit, RatePolicy, ScalingRules, SelectPolicy, TOLERANCE_DEFAULT};
use tenantry_domain::unit::Span;

/// How much quicker time passes for the real autoscaler than for what it stands for: it looks every second, not every 15.
pub(crate) const SPEED: u64 = 15;

/// What an autoscaler goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// External metrics with `AverageValue`: so many thousandths for each replica.
    External,
    /// An external metric with `Value`: the size follows how far it is off.
    ExternalValue,
    /// Cpu in percent of the request.
    CpuUtilization,
    /// Cpu in thousandths of a core for each pod.
    CpuValue,
}

/// Which rules it has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rules {
    /// No `behavior` at all.
    None,
    /// One, with its default rates and a stabilization of a shrinking in seconds.
    Usual(u64),
    /// Another.
    Other(Behavior),
}

/// A load, step by step.
#[derive(Debug, Clone)]
pub(crate) enum Load {
    /// In thousandths of what the target lets a replica carry.
    Given(Vec<i64>),
    /// At ratios of the target, in thousandths, for whatever size there is: exactly on edges and beside them.
    Ratio(Vec<i64>),
}

impl Load {
    fn at(&self, step: usize, size: u32) -> i64 {
        match self {
            Self::Given(values) => values.get(step % values.len()).copied().unwrap_or(0),
            Self::Ratio(values) => values.get(step % values.len()).copied().unwrap_or(0) * i64::from(size),
        }
    }
}

/// One autoscaler with its load.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// For each metric: what a replica should have, in percent or thousandths.
    pub(crate) targets: Vec<i64>,
    pub(crate) loads: Vec<Load>,
    pub(crate) rules: Rules,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) first: u32,
    /// Steps from the start of a pod until it is ready.
    pub(crate) delay: usize,
    /// Whether pods that start are measured.
    pub(crate) measured: bool,
}

impl Case {
    pub(crate) fn new(name: &str, kind: Kind, target: i64, rules: Rules, load: Load) -> Self {
        let pods = kind != Kind::External;
        Self {
            name: name.to_owned(),
            kind,
            targets: vec![target],
            loads: vec![load],
            rules,
            min: 1,
            max: if pods { 12 } else { 100 },
            first: if pods { 3 } else { 5 },
            delay: 4,
            measured: true,
        }
    }

    /// The load of a metric at a step with this size, in its own unit's thousandths.
    pub(crate) fn load(&self, metric: usize, step: usize, size: u32) -> i64 {
        let load = self.loads[metric].at(step, size);
        match self.kind {
            Kind::External | Kind::CpuValue => load * self.targets[metric] / 1000,
            // A whole core is requested.
            Kind::CpuUtilization => load * self.targets[metric] / 100,
            Kind::ExternalValue => load * self.targets[metric] / 1000 / i64::from(size.max(1)),
        }
    }

    pub(crate) fn behavior(&self) -> Option<Behavior> {
        match &self.rules {
            Rules::None => None,
            Rules::Usual(secs) => {
                let mut usual = Behavior::default();
                usual.down.stabilization = Span::from_secs(*secs);
                Some(usual)
            }
            Rules::Other(behavior) => Some(behavior.clone()),
        }
    }

    /// The HorizontalPodAutoscaler.
    pub(crate) fn object(&self) -> Value {
        let named = |place: usize| json!({ "name": format!("{}.{place}", self.name) });
        let metrics: Vec<Value> = self
            .targets
            .iter()
            .enumerate()
            .map(|(place, target)| {
                let value = format!("{target}m");
                match self.kind {
                    Kind::External => json!({ "type": "External", "external": { "metric": named(place),
                        "target": { "type": "AverageValue", "averageValue": value } } }),
                    Kind::ExternalValue => json!({ "type": "External", "external": { "metric": named(place),
                        "target": { "type": "Value", "value": value } } }),
                    Kind::CpuUtilization => json!({ "type": "Resource", "resource": { "name": "cpu",
                        "target": { "type": "Utilization", "averageUtilization": target } } }),
                    Kind::CpuValue => json!({ "type": "Resource", "resource": { "name": "cpu",
                        "target": { "type": "AverageValue", "averageValue": value } } }),
                }
            })
            .collect();
        let mut spec = json!({
            "scaleTargetRef": { "apiVersion": "testbed.tenantry.dev/v1", "kind": "Sized", "name": self.name },
            "minReplicas": self.min, "maxReplicas": self.max, "metrics": metrics,
        });
        if let Some(behavior) = self.behavior() {
            spec["behavior"] = json!({ "scaleUp": rules(&behavior.up), "scaleDown": rules(&behavior.down) });
        }
        json!({ "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": self.name }, "spec": spec })
    }
}

fn rules(rules: &ScalingRules) -> Value {
    let secs = |span: Span| span.as_millis() / 1000 / SPEED;
    let policies: Vec<Value> = rules
        .policies
        .iter()
        .map(|policy| {
            let (kind, value) = match policy.limit {
                RateLimit::Pods(count) => ("Pods", count),
                RateLimit::Percent(percent) => ("Percent", percent),
            };
            json!({ "type": kind, "value": value, "periodSeconds": secs(policy.period) })
        })
        .collect();
    let select = match rules.select {
        SelectPolicy::Max => "Max",
        SelectPolicy::Min => "Min",
        SelectPolicy::Disabled => "Disabled",
    };
    json!({ "stabilizationWindowSeconds": secs(rules.stabilization), "selectPolicy": select, "policies": policies })
}

/// A walk around `mean` replicas with bursts and lulls, in thousandths of a replica.
pub(crate) fn walk(seed: u64, steps: usize, mean: f64, bursts: f64) -> Load {
    let mut chance = fastrand::Rng::with_seed(seed);
    let (mut level, mut factor, mut left) = (0.0_f64, 1.0, 0);
    let values = (0..steps).map(|_| {
        level = level * 0.97 + (chance.f64() - 0.5) * 0.3;
        if left == 0 {
            let bursting = chance.f64() < bursts;
            left = if bursting { chance.usize(2..9) } else { 1 };
            factor = if bursting { [0.2, 0.5, 2.0, 3.5][chance.usize(0..4)] } else { 1.0 };
        }
        left -= 1;
        (mean * level.exp() * factor * 1000.0) as i64
    });
    Load::Given(values.collect())
}

/// Rules that are none of the defaults, in both directions.
fn careful() -> Behavior {
    let policy = |limit, secs| RatePolicy { limit, period: Span::from_secs(secs) };
    Behavior {
        up: ScalingRules {
            stabilization: Span::from_secs(45),
            select: SelectPolicy::Min,
            policies: vec![policy(RateLimit::Pods(3), 30), policy(RateLimit::Percent(50), 60)],
            tolerance: TOLERANCE_DEFAULT,
        },
        down: ScalingRules {
            stabilization: Span::from_secs(75),
            select: SelectPolicy::Max,
            policies: vec![policy(RateLimit::Percent(20), 45), policy(RateLimit::Pods(1), 30)],
            tolerance: TOLERANCE_DEFAULT,
        },
    }
}

/// Every kind of metric with every kind of rule, each with loads of this seed.
pub(crate) fn all(seed: u64, steps: usize) -> Vec<Case> {
    let load = |place: u64, mean: f64, bursts: f64| walk(seed * 100 + place, steps, mean, bursts);
    let case = |name: &str, kind, target, rules, load| Case::new(&format!("{name}-{seed}"), kind, target, rules, load);
    let edges = vec![1000, 1100, 1101, 900, 899, 1099, 901, 500, 2000, 1100, 900, 1001, 333, 2500];
    let mut bounded = case("external-bounds", Kind::External, 5000, Rules::Usual(60), load(3, 6.0, 0.1));
    (bounded.min, bounded.max, bounded.first) = (3, 9, 1);
    let mut two = case("external-two", Kind::External, 7000, Rules::Usual(60), load(4, 6.0, 0.05));
    two.targets.push(900);
    two.loads.push(load(5, 6.0, 0.05));
    let mut never = Behavior::default();
    never.down.select = SelectPolicy::Disabled;
    let mut unmeasured = case("cpu-unmeasured", Kind::CpuUtilization, 60, Rules::Usual(60), load(6, 4.0, 0.15));
    unmeasured.measured = false;
    let mut alone = case("external-alone", Kind::External, 3000, Rules::None, load(7, 2.0, 0.2));
    alone.first = 1;
    vec![
        case("external-walk", Kind::External, 7000, Rules::Usual(300), load(8, 12.0, 0.0)),
        case("external-bursts", Kind::External, 11_000, Rules::Usual(60), load(9, 8.0, 0.1)),
        case("external-none", Kind::External, 7000, Rules::None, load(10, 8.0, 0.1)),
        case("external-edges", Kind::External, 7000, Rules::Usual(45), Load::Ratio(edges.clone())),
        case("external-careful", Kind::External, 7000, Rules::Other(careful()), load(11, 10.0, 0.05)),
        case("external-never-down", Kind::External, 9000, Rules::Other(never), load(12, 3.0, 0.1)),
        alone,
        bounded,
        two,
        case("external-value", Kind::ExternalValue, 40_000, Rules::Usual(60), Load::Ratio(edges)),
        case("cpu-walk", Kind::CpuUtilization, 70, Rules::Usual(60), load(13, 5.0, 0.02)),
        case("cpu-none", Kind::CpuUtilization, 50, Rules::None, load(14, 5.0, 0.1)),
        case("cpu-value", Kind::CpuValue, 700, Rules::Usual(60), load(15, 4.0, 0.1)),
        unmeasured,
    ]
}
