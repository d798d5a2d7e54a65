//! The world that the driver runs in: its clock, its cluster, its metrics, its lease.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::spec::Pick;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Replicas, Span};
use tenantry_domain::vertical::PodResize;
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::cluster::{
    Cluster, ClusterError, Lease, LeaseError, ObjectState, PodMetrics, ResizeRequest, ScaleRequest, Sought,
};
use tenantry_engine::ports::metrics::{Answer, Labels, MetricsSource, Sample, Series, SourceError};

use crate::app::{App, AppSpec};
use crate::fault::{Fault, Faults, Spell};
use crate::score::Score;

/// Metrics are scraped this often.
const SCRAPE: Span = Span::from_secs(5);
/// A query that the world's metrics source knows: requests per second of every workload.
pub const REQUEST_RATE: &str = "sum by (tenant, workload) (rate(http_requests_total[1m]))";
/// The other one: how long answers take, in seconds.
pub const LATENCY: &str = "avg by (tenant, workload) (http_request_duration_seconds)";

/// A size that was set: the world's own log, to hold the controller's records against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Whose.
    pub key: WorkloadKey,
    /// When.
    pub at: Timestamp,
    /// Size before.
    pub from: Replicas,
    /// Size after.
    pub to: Replicas,
    /// Who asked.
    pub epoch: u64,
}

/// A replica whose requests were changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resized {
    /// Whose.
    pub key: WorkloadKey,
    /// When.
    pub at: Timestamp,
    /// What was changed.
    pub resize: PodResize,
    /// Who asked.
    pub epoch: u64,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    apps: BTreeMap<WorkloadKey, App>,
    faults: Faults,
    effects: Vec<Effect>,
    resizes: Vec<Resized>,
    lease: Option<(String, Timestamp)>,
    epoch: u64,
}

/// A shared handle on the world. Controllers differ by the name under which they ask for the lease.
#[derive(Debug, Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    holder: String,
    lease_term: Span,
}

impl World {
    /// A world with these workloads, at `now`.
    #[must_use]
    pub fn new(apps: Vec<AppSpec>, faults: Faults, now: Timestamp, seed: u64) -> Self {
        let apps = apps.into_iter().map(|spec| (spec.key.clone(), App::new(spec, now, seed))).collect();
        let state = State { now, apps, faults, effects: Vec::new(), resizes: Vec::new(), lease: None, epoch: 0 };
        Self { state: Arc::new(Mutex::new(state)), holder: "one".to_owned(), lease_term: Span::from_secs(15) }
    }

    /// The same world as another controller sees it.
    #[must_use]
    pub fn as_holder(&self, holder: &str, lease_term: Span) -> Self {
        Self { state: Arc::clone(&self.state), holder: holder.to_owned(), lease_term }
    }

    /// Lets time pass until `until`.
    pub fn pass(&self, until: Timestamp) {
        self.lock().pass(until);
    }

    /// The true time, whatever the controllers' clocks say.
    #[must_use]
    pub fn true_now(&self) -> Timestamp {
        self.lock().now
    }

    /// Adds what goes wrong from now on.
    pub fn add_fault(&self, spell: Spell) {
        self.lock().faults.0.push(spell);
    }

    /// Every size that was set so far.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().effects.clone()
    }

    /// Every replica whose requests were changed so far.
    #[must_use]
    pub fn resizes(&self) -> Vec<Resized> {
        self.lock().resizes.clone()
    }

    /// Size, serving replicas and load of a workload.
    #[must_use]
    pub fn look(&self, key: &WorkloadKey) -> Option<(Replicas, u32, f64)> {
        let state = self.lock();
        let app = state.apps.get(key)?;
        Some((app.replicas, app.ready(), app.load()))
    }

    /// What a workload cost and served so far.
    #[must_use]
    pub fn score(&self, key: &WorkloadKey) -> Option<Score> {
        self.lock().apps.get(key).map(|app| app.score)
    }

    /// What all cost and served so far.
    #[must_use]
    pub fn total(&self) -> Score {
        self.lock().apps.values().fold(Score::default(), |sum, app| sum.and(&app.score))
    }

    /// Forgets what was scored so far, as after a warm-up.
    pub fn reset_scores(&self) {
        for app in self.lock().apps.values_mut() {
            app.score = Score::default();
        }
    }

    /// Takes the lease away from whoever holds it, as an operator might.
    pub fn drop_lease(&self) {
        self.lock().lease = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves nothing half-done that matters here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pass(&mut self, until: Timestamp) {
        if until > self.now {
            self.now = until;
            for app in self.apps.values_mut() {
                app.pass(until);
            }
        }
    }

    /// A request begins: it takes its time, and may find the cluster gone.
    fn request(&mut self, verb: &'static str, target: &str) -> Result<(), ClusterError> {
        let slow = self.faults.at(self.now).find_map(|spell| match spell.fault {
            Fault::Slow { millis } => Some(Span::from_millis(millis)),
            _ => None,
        });
        if let Some(slow) = slow {
            self.pass(self.now + slow);
        }
        if self.faults.any(self.now, |fault| *fault == Fault::ClusterDown) {
            let message = "connection refused".to_owned();
            return Err(ClusterError::Unknown { verb, target: target.to_owned(), message });
        }
        if self.faults.any(self.now, |fault| *fault == Fault::Throttled) {
            return Err(ClusterError::Throttled);
        }
        Ok(())
    }

    fn observe(&self, sought: &Sought) -> Result<ObjectState, ClusterError> {
        let target = sought.target.to_string();
        let found = self.apps.values().find(|app| {
            app.spec.namespace == sought.target.namespace
                && matches!(&sought.target.pick, Pick::Name(name) if *name == app.spec.name)
        });
        let app = found.ok_or(ClusterError::NotFound { target })?;
        let scraped = self.scraped();
        Ok(ObjectState {
            name: app.spec.name.clone(),
            version: app.version.to_string(),
            current: app.replicas,
            reported: app.replicas,
            pods: app.pods(),
            metrics: PodMetrics::Samples { cpu: app.cpu(scraped), memory: Vec::new() },
            foreign_scaler: None,
            sizes: app.sizes(scraped),
        })
    }

    fn scraped(&self) -> Timestamp {
        let step = SCRAPE.as_millis_i64();
        Timestamp::from_millis(self.now.as_millis().div_euclid(step) * step)
    }

    fn samples(&self, measured: fn(&App, Timestamp) -> Option<f64>) -> Vec<Sample> {
        let stale = self.faults.at(self.now).find(|spell| spell.fault == Fault::MetricsStale);
        let at = stale.map_or(self.scraped(), |spell| spell.from);
        let absurd = self.faults.at(self.now).find_map(|spell| match spell.fault {
            Fault::MetricsAbsurd { value } => Some(value),
            _ => None,
        });
        let lost = |key: &WorkloadKey| {
            self.faults.any(self.now, |fault| matches!(fault, Fault::MetricsLost { of } if of.contains(key)))
        };
        let seen = self.apps.values().filter(|app| !lost(&app.spec.key));
        seen.filter_map(|app| {
            let labels: Labels = [
                ("tenant".to_owned(), app.spec.key.tenant.to_string()),
                ("workload".to_owned(), app.spec.key.workload.to_string()),
            ]
            .into();
            Some(Sample { labels, value: absurd.or_else(|| measured(app, at))?, at })
        })
        .collect()
    }

    fn scale(&mut self, request: &ScaleRequest) -> Result<(), ClusterError> {
        let target = request.target.to_string();
        self.request("scale", &target)?;
        let lost = self.faults.any(self.now, |fault| *fault == Fault::AnswersLost);
        let now = self.now;
        let app = self
            .apps
            .get_mut(&request.key)
            .filter(|app| app.spec.name == request.name)
            .ok_or_else(|| ClusterError::NotFound { target: target.clone() })?;
        let conflict = |message: String| Err(ClusterError::Conflict { target: target.clone(), message });
        if request.generation.epoch < app.epoch {
            return conflict(format!("epoch {} has taken it", app.epoch));
        }
        if app.version.to_string() != request.version {
            return conflict(format!("it is at version {}", app.version));
        }
        app.epoch = request.generation.epoch;
        if app.replicas != request.to {
            let (from, to) = (app.replicas, request.to);
            app.resize(to);
            let (key, epoch) = (request.key.clone(), request.generation.epoch);
            self.effects.push(Effect { key, at: now, from, to, epoch });
        }
        if lost {
            let message = "the connection was closed before the answer came".to_owned();
            return Err(ClusterError::Unknown { verb: "scale", target, message });
        }
        Ok(())
    }
}

impl State {
    fn resize(&mut self, request: &ResizeRequest) -> Result<(), ClusterError> {
        let target = format!("Pod {}", request.resize.pod);
        self.request("resize", &target)?;
        let lost = self.faults.any(self.now, |fault| *fault == Fault::AnswersLost);
        let (now, epoch) = (self.now, request.generation.epoch);
        let Some(app) = self.apps.get_mut(&request.key) else { return Err(ClusterError::NotFound { target }) };
        let conflict = |target: String, message: String| Err(ClusterError::Conflict { target, message });
        if epoch < app.epoch {
            return conflict(target, format!("epoch {} has taken it", app.epoch));
        }
        match app.resize_pod(&request.resize) {
            Err(None) => return Err(ClusterError::NotFound { target }),
            Err(Some(version)) => return conflict(target, format!("it is at version {version}")),
            Ok(()) => app.epoch = epoch,
        }
        self.resizes.push(Resized { key: request.key.clone(), at: now, resize: request.resize.clone(), epoch });
        if lost {
            let message = "the connection was closed before the answer came".to_owned();
            return Err(ClusterError::Unknown { verb: "resize", target, message });
        }
        Ok(())
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        let state = self.lock();
        let off: i64 = state
            .faults
            .at(state.now)
            .map(|spell| if let Fault::ClockOff { millis } = spell.fault { millis } else { 0 })
            .sum();
        Timestamp::from_millis(state.now.as_millis().saturating_add(off))
    }
}

#[async_trait]
impl Cluster for World {
    async fn observe(&self, sought: &[Sought]) -> Vec<Result<ObjectState, ClusterError>> {
        let mut state = self.lock();
        if state.request("read", "workloads").is_err() {
            let gone = |sought: &Sought| ClusterError::Unknown {
                verb: "read",
                target: sought.target.to_string(),
                message: "connection refused".to_owned(),
            };
            return sought.iter().map(|sought| Err(gone(sought))).collect();
        }
        sought.iter().map(|sought| state.observe(sought)).collect()
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<(), ClusterError> {
        self.lock().scale(request)
    }

    async fn resize(&self, request: &ResizeRequest) -> Result<(), ClusterError> {
        self.lock().resize(request)
    }
}

#[async_trait]
impl MetricsSource for World {
    fn name(&self) -> &str {
        "simulated"
    }

    async fn instant(&self, query: &str, _at: Timestamp) -> Result<Answer, SourceError> {
        let state = self.lock();
        let source_name = "simulated".to_owned();
        if state.faults.any(state.now, |fault| *fault == Fault::MetricsDown) {
            return Err(SourceError::Timeout { source_name, limit: Span::from_secs(10) });
        }
        let samples = match query {
            REQUEST_RATE => state.samples(|app, at| Some(app.load_at(at))),
            LATENCY => state.samples(App::latency),
            _ => {
                let message = format!("this world only knows `{REQUEST_RATE}` and `{LATENCY}`");
                return Err(SourceError::Refused { source_name, status: 422, message });
            }
        };
        Ok(Answer { samples, warnings: Vec::new() })
    }

    async fn range(
        &self,
        _query: &str,
        _from: Timestamp,
        _until: Timestamp,
        _step: Span,
    ) -> Result<Vec<Series>, SourceError> {
        let message = "this world keeps no history".to_owned();
        Err(SourceError::Refused { source_name: "simulated".to_owned(), status: 422, message })
    }
}

#[async_trait]
impl Lease for World {
    async fn hold(&self) -> Result<Option<u64>, LeaseError> {
        let mut state = self.lock();
        let now = state.now;
        if state.faults.any(now, |fault| *fault == Fault::LeaseUnreachable) {
            return Err(LeaseError { lease: "tenantry".to_owned(), message: "connection refused".to_owned() });
        }
        match &state.lease {
            Some((holder, until)) if *holder != self.holder && now < *until => return Ok(None),
            Some((holder, _)) if *holder == self.holder => {}
            _ => state.epoch += 1,
        }
        state.lease = Some((self.holder.clone(), now + self.lease_term));
        Ok(Some(state.epoch))
    }

    async fn release(&self) -> Result<(), LeaseError> {
        let mut state = self.lock();
        if state.lease.as_ref().is_some_and(|(holder, _)| *holder == self.holder) {
            state.lease = None;
        }
        Ok(())
    }
}
