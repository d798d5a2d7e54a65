//! A workload of the simulated cluster: replicas that take time to start, and load that they serve or fail to.

mod vertical;

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::snapshot::{PodPhase, PodSample, PodState, Readiness};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{MicroUsd, Milli, Replicas, Span};
use tenantry_domain::vertical::Sizes;

use crate::load::Load;
use crate::score::Score;

/// How long replicas take until they serve: from `least` to `most`, by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Startup {
    /// The shortest.
    pub least: Span,
    /// The longest.
    pub most: Span,
}

/// What a simulated workload is like.
#[derive(Debug, Clone)]
pub struct AppSpec {
    /// Whose.
    pub key: WorkloadKey,
    /// Namespace of its object.
    pub namespace: String,
    /// Name of its object.
    pub name: String,
    /// Requests per second that come.
    pub load: Load,
    /// Requests per second that one replica serves at the service level: there it uses all the cpu that it requests,
    /// and answers take [`OBJECTIVE`].
    pub capacity: f64,
    /// Cores that one replica uses at that rate, and requests.
    pub cores: f64,
    /// The share of the load that follows the number of serving replicas, as where each fetches its own work; 0 where
    /// all of it comes from outside.
    pub follows: f64,
    /// How long replicas take to start.
    pub startup: Startup,
    /// What a replica costs in an hour.
    pub replica_hour: MicroUsd,
    /// Size at the beginning.
    pub initial: Replicas,
}

#[derive(Debug, Clone)]
struct Pod {
    name: String,
    started_at: Timestamp,
    ready_at: Timestamp,
    sizes: Sizes,
    /// Rises when its sizes are changed.
    version: u64,
}

/// The workload as it runs.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) spec: AppSpec,
    pub(crate) replicas: Replicas,
    pub(crate) version: u64,
    /// Highest epoch that wrote: what fences older ones off.
    pub(crate) epoch: u64,
    pub(crate) score: Score,
    pods: Vec<Pod>,
    made: u64,
    chance: fastrand::Rng,
    now: Timestamp,
}

/// What answers take at a replica's capacity.
pub const OBJECTIVE: Span = Span::from_millis(250);
/// What answers take of a replica that has nothing to do, seconds, and at most.
const IDLE_SECS: f64 = 0.05;
const WORST_SECS: f64 = 30.0;
/// A replica would be busy all the time at so many times its capacity, where one over the time of an answer, (1 - x / c)
/// over the idle time as in a processor-sharing queue, comes to nothing. At the capacity answers then take 250 ms.
const BUSY: f64 = 1.25;
/// Share of its request that a replica uses with no load.
const IDLE_CPU: f64 = 0.1;
/// A replica's cpu is throttled at so many times its request.
const CPU_MAX: f64 = 1.5;
/// What measurements of cpu and time are off by, at most.
const NOISE: f64 = 0.05;

/// The longest stretch that is taken as one of even load.
const STRIDE: Span = Span::from_secs(5);

impl App {
    pub(crate) fn new(spec: AppSpec, now: Timestamp, seed: u64) -> Self {
        let name = spec.key.to_string();
        // Chance of its own, whatever other workloads there are: law L6 holds for the world too.
        let own = name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut app = Self {
            replicas: Replicas::ZERO,
            version: 1,
            epoch: 0,
            score: Score::default(),
            pods: Vec::new(),
            made: 0,
            chance: fastrand::Rng::with_seed(own),
            now,
            spec,
        };
        app.resize(app.spec.initial);
        // What ran before the history began is ready.
        for pod in &mut app.pods {
            (pod.started_at, pod.ready_at) = (now - Span::from_secs(3600), now - Span::from_secs(3500));
        }
        app
    }

    /// Sets the size; replicas start or end.
    pub(crate) fn resize(&mut self, to: Replicas) {
        if to != self.replicas {
            self.version += 1;
        }
        self.replicas = to;
        let wanted = usize::try_from(to.get()).unwrap_or(usize::MAX);
        while self.pods.len() < wanted {
            self.made += 1;
            let Startup { least, most } = self.spec.startup;
            let delay = self.chance.u64(least.as_millis()..=most.as_millis().max(least.as_millis()));
            self.pods.push(Pod {
                name: format!("{}-{:05}", self.spec.name, self.made),
                started_at: self.now,
                ready_at: self.now + Span::from_millis(delay),
                sizes: vertical::requested(self.spec.cores),
                version: 1,
            });
        }
        // As a ReplicaSet does: those that do not serve yet go first, then the youngest.
        self.pods.sort_by_key(|pod| (pod.ready_at, pod.started_at));
        self.pods.truncate(wanted);
    }

    /// Lets time pass until `until`, and scores what was served.
    pub(crate) fn pass(&mut self, until: Timestamp) {
        while self.now < until {
            let next = (self.now + STRIDE).min(until);
            let load = self.load();
            let able = f64::from(self.ready()) * self.spec.capacity;
            let lasted = next.since(self.now);
            self.score.add(lasted, self.replicas, load, able, self.spec.replica_hour);
            self.now = next;
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn load(&self) -> f64 {
        self.load_at(self.now)
    }

    /// What comes from outside, and what the replicas that serve now fetch; they fetched what came while the size was
    /// that of the beginning.
    pub(crate) fn load_at(&self, at: Timestamp) -> f64 {
        let follows = self.spec.follows * f64::from(self.ready()) / f64::from(self.spec.initial.get().max(1));
        self.spec.load.at(at) * (1.0 - self.spec.follows + follows)
    }

    /// Load of each serving replica as a share of its capacity, and a factor of noise for what is measured of it.
    fn filled(&self, at: Timestamp) -> (f64, f64) {
        let each = self.load_at(at) / f64::from(self.ready().max(1)) / self.spec.capacity;
        let seed = self
            .spec
            .key
            .to_string()
            .bytes()
            .fold(at.as_millis().unsigned_abs(), |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        (each, 1.0 + NOISE * (2.0 * fastrand::Rng::with_seed(seed).f64() - 1.0))
    }

    /// Seconds that answers take, as a processor-sharing queue has it; none while nobody serves.
    pub(crate) fn latency(&self, at: Timestamp) -> Option<f64> {
        let (filled, noise) = self.filled(at);
        let rest = 1.0 - filled / BUSY;
        let took = if rest > 0.0 { (IDLE_SECS / rest).min(WORST_SECS) } else { WORST_SECS };
        (self.ready() > 0).then_some(took * noise)
    }

    /// Replicas that serve.
    pub(crate) fn ready(&self) -> u32 {
        u32::try_from(self.pods.iter().filter(|pod| pod.ready_at <= self.now).count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn pods(&self) -> Vec<PodState> {
        self.pods
            .iter()
            .map(|pod| {
                let ready = pod.ready_at <= self.now;
                PodState {
                    name: pod.name.clone(),
                    phase: PodPhase::Running,
                    deleted: false,
                    readiness: Some(Readiness { ready, changed_at: if ready { pod.ready_at } else { pod.started_at } }),
                    started_at: Some(pod.started_at),
                    template: None,
                    cpu_request: pod.sizes.requests.cpu,
                    memory_request: pod.sizes.requests.memory,
                }
            })
            .collect()
    }

    /// Cores that each serving replica uses.
    pub(crate) fn cpu(&self, at: Timestamp) -> Vec<PodSample> {
        let (filled, noise) = self.filled(at);
        let share = IDLE_CPU + (1.0 - IDLE_CPU) * filled;
        let value = Milli::from_f64((share * noise).min(CPU_MAX) * self.spec.cores).unwrap_or_default();
        self.pods
            .iter()
            .filter(|pod| pod.ready_at <= at)
            .map(|pod| PodSample { pod: pod.name.clone(), value, at, window: Span::from_secs(15) })
            .collect()
    }
}
