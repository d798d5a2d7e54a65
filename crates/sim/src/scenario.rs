//! Histories as files: who is there, what load comes, what goes wrong, and what must come of it. The same files are run
//! by tests and by `tenantry simulate`.

mod run;

use serde::Deserialize;
use tenantry_domain::config::{Document, DocumentKey, Layers, Problems};
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::spec::{Pick, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{MicroUsd, Replicas, Span};
use tenantry_forecast::Settings;
use thiserror::Error;

use crate::app::{AppSpec, Startup};
use crate::fault::{Fault, Faults, Spell};
use crate::load::{Load, Shape};

pub use run::{Line, Report};

/// When every scenario begins: a Monday, midnight UTC.
const BEGIN: Timestamp = Timestamp::from_millis(1_799_625_600_000);
/// A replica takes so long to serve where a scenario does not say.
const STARTUP: [Span; 2] = [Span::from_secs(20), Span::from_secs(60)];
/// Longer histories are refused: they would not end while one waits.
const DURATION_MAX: Span = Span::from_secs(60 * 86_400);
/// Cycles are no shorter.
const CYCLE_MIN: Span = Span::from_millis(500);
/// Load is folded into steps of this length before it is learned.
const LEARNED_MS: i64 = 60_000;
/// Values of a load given in steps are kept this far apart.
const STEP: Span = Span::from_secs(60);

/// Why a scenario cannot be run.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// It is not the TOML that scenarios are written in.
    #[error("{file}: {message}")]
    Shape {
        /// The file.
        file: String,
        /// What is wrong, with its place.
        message: String,
    },
    /// A document in it is wrong.
    #[error("{problems}")]
    Document {
        /// Every problem, with its place in the document.
        problems: Problems,
    },
}

impl ScenarioError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "T601"
    }
}

/// A history that can be run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about.
    pub about: String,
    seed: u64,
    duration: Span,
    cycle: Span,
    learned: Settings,
    apps: Vec<AppSpec>,
    specs: Vec<WorkloadSpec>,
    faults: Faults,
    restarts: Vec<Timestamp>,
    expected: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    about: String,
    #[serde(default)]
    seed: u64,
    duration: Span,
    #[serde(default = "cycle")]
    cycle: Span,
    document: Vec<DocumentBody>,
    workload: Vec<WorkloadBody>,
    #[serde(default)]
    fault: Vec<FaultBody>,
    #[serde(default)]
    restarts: Vec<Span>,
    #[serde(default)]
    expect: Vec<Expected>,
}

const fn cycle() -> Span {
    Span::from_secs(15)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentBody {
    /// The tenant, where the text does not say what it is for.
    id: Option<String>,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkloadBody {
    key: String,
    /// Requests per second that a replica serves.
    capacity: f64,
    startup: Option<[Span; 2]>,
    initial: u32,
    #[serde(default = "usd")]
    replica_hour_usd: f64,
    load: LoadBody,
}

const fn usd() -> f64 {
    0.1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum LoadBody {
    /// From each instant on so much, in requests per second.
    Steps(Vec<(Span, f64)>),
    /// Made up, around a mean.
    Made(Made),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Made {
    mean: f64,
    daily: f64,
    weekly: f64,
    trend: f64,
    noise: f64,
    bursts: f64,
    launches: f64,
    outages: f64,
}

impl Default for Made {
    fn default() -> Self {
        Self { mean: 100.0, daily: 0.5, weekly: 0.2, trend: 0.0, noise: 0.1, bursts: 0.0, launches: 0.0, outages: 0.0 }
    }
}

#[derive(Debug, Deserialize)]
struct FaultBody {
    from: Span,
    until: Span,
    #[serde(flatten)]
    fault: Fault,
}

/// What must come of a workload. What is left out is not asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// Which.
    pub(crate) key: String,
    /// Least and most replicas at any instant.
    pub(crate) size: Option<[u32; 2]>,
    /// Least and most at the end.
    pub(crate) ends: Option<[u32; 2]>,
    /// Share of time, at most, in which not all load is served.
    pub(crate) short_share: Option<f64>,
    /// Replica hours, at most.
    pub(crate) replica_hours: Option<f64>,
    /// Changes of size, at most.
    pub(crate) changes: Option<usize>,
    /// Stretches in which it must not shrink.
    #[serde(default)]
    pub(crate) no_shrinking: Vec<[Span; 2]>,
}

impl Scenario {
    /// Reads a scenario; `file` names it in messages.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let refuse = |message: String| ScenarioError::Shape { file: file.to_owned(), message };
        let body: Body = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        if body.duration > DURATION_MAX || body.duration.as_millis() == 0 {
            return Err(refuse(format!("`duration` must be more than nothing and at most {DURATION_MAX}")));
        }
        if body.cycle < CYCLE_MIN {
            return Err(refuse(format!("`cycle` must be at least {CYCLE_MIN}")));
        }
        let specs = declared(file, &body.document)?;
        let mut apps = Vec::new();
        for workload in &body.workload {
            apps.push(app(workload, &specs, body.seed, body.duration).map_err(refuse)?);
        }
        for expected in &body.expect {
            if !apps.iter().any(|app| app.key.to_string() == expected.key) {
                return Err(refuse(format!("`{}` is expected something of and is no [[workload]]", expected.key)));
            }
        }
        let specs = specs.into_iter().filter(|spec| apps.iter().any(|app| app.key == spec.key)).collect();
        let spell =
            |fault: FaultBody| Spell { from: BEGIN + fault.from, until: BEGIN + fault.until, fault: fault.fault };
        Ok(Self {
            about: body.about,
            seed: body.seed,
            duration: body.duration,
            cycle: body.cycle,
            learned: Settings::new(LEARNED_MS, None).map_err(|error| refuse(error.to_string()))?,
            apps,
            specs,
            faults: Faults(body.fault.into_iter().map(spell).collect()),
            restarts: body.restarts.into_iter().map(|after| BEGIN + after).collect(),
            expected: body.expect,
        })
    }
}

/// The workloads that the documents declare.
fn declared(file: &str, bodies: &[DocumentBody]) -> Result<Vec<WorkloadSpec>, ScenarioError> {
    let (mut layers, mut tenants, mut problems) = (Layers::default(), Vec::new(), Problems::default());
    for (place, body) in bodies.iter().enumerate() {
        let source = format!("{file}, document {}", place + 1);
        match Document::parse(&source, &body.text, body.id.as_deref()) {
            Err(wrong) => problems.0.extend(wrong.0),
            Ok(document) if matches!(document.key(), DocumentKey::Tenant(_)) => tenants.push(document),
            Ok(document) => layers.insert(document),
        }
    }
    let mut specs = Vec::new();
    for tenant in &tenants {
        match layers.resolve(tenant) {
            Ok(effective) => specs.extend(effective.workloads()),
            Err(wrong) => problems.0.extend(wrong.0),
        }
    }
    problems.into_result().map_err(|problems| ScenarioError::Document { problems })?;
    Ok(specs)
}

fn app(body: &WorkloadBody, specs: &[WorkloadSpec], seed: u64, duration: Span) -> Result<AppSpec, String> {
    let key: WorkloadKey = body.key.parse().map_err(|error| format!("`{}`: {error}", body.key))?;
    let Some(spec) = specs.iter().find(|spec| spec.key == key) else {
        return Err(format!("`{key}` is no workload of any document here"));
    };
    let Pick::Name(name) = &spec.target.pick else {
        return Err(format!("`{key}` is found by labels, which simulated clusters do not have; name it"));
    };
    let good = |number: f64| number.is_finite() && number > 0.0;
    if !good(body.capacity) || !good(body.replica_hour_usd) {
        return Err(format!("`{key}`: `capacity` and `replica_hour_usd` must be numbers above 0"));
    }
    let [least, most] = body.startup.unwrap_or(STARTUP);
    #[expect(clippy::cast_possible_truncation, reason = "a price per hour is a small number")]
    let price = (body.replica_hour_usd * 1e6).round() as i64;
    Ok(AppSpec {
        namespace: spec.target.namespace.clone(),
        name: name.clone(),
        load: load(&body.load, seed, duration).map_err(|why| format!("`{key}`: {why}"))?,
        capacity: body.capacity,
        cores: 1.0,
        follows: 0.0,
        startup: Startup { least, most },
        replica_hour: MicroUsd(price),
        initial: Replicas::new(body.initial),
        key,
    })
}

fn load(body: &LoadBody, seed: u64, duration: Span) -> Result<Load, String> {
    match body {
        LoadBody::Made(made) => {
            let Made { mean, daily, weekly, trend, noise, bursts, launches, outages } = *made;
            Ok(Load::made(Shape { seed, daily, weekly, trend, noise, bursts, launches, outages }).scaled(mean))
        }
        LoadBody::Steps(steps) => {
            if steps.first().is_none_or(|(from, _)| from.as_millis() != 0) {
                return Err("`load.steps` must begin at `0s`".to_owned());
            }
            if !steps.is_sorted_by(|a, b| a.0 < b.0)
                || steps.iter().any(|(_, value)| !value.is_finite() || *value < 0.0)
            {
                return Err("`load.steps` must be in order of time, with values of 0 or more".to_owned());
            }
            let count = duration.as_millis() / STEP.as_millis() + 2;
            let at = |minute: u64| {
                let next = steps.partition_point(|(from, _)| from.as_millis() <= minute * STEP.as_millis());
                steps.get(next.saturating_sub(1)).map_or(0.0, |(_, value)| *value)
            };
            let values: Vec<f64> = (0..count).map(at).collect();
            // A recorded series begins at 1970 and comes round again: turned so that its first value is at the begin.
            let length = count * STEP.as_millis();
            let ahead = u64::try_from(BEGIN.as_millis()).unwrap_or(0) % length;
            Ok(Load::recorded(STEP, values).shifted(Span::from_millis(length - ahead)))
        }
    }
}
