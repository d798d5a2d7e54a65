//! Performs what the control cycle orders: reads the world, records, writes. `AutoscalingEngine`'s shell.
//!
//! INVARIANT(recorded): a change is written only after its record was acknowledged by the store.
//! INVARIANT(bounded): at most [`Options::concurrency`] requests, and four for each tenant that is kept apart, are under way at
//! once, and a cycle ends before the
//! next begins: a slow cluster delays, it never piles up.

mod act;
mod fetch;
mod observe;
mod upkeep;

use std::sync::Arc;

use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Replicas, Span};
use tenantry_domain::vertical::PodResize;
use tenantry_forecast::Settings as ForecastSettings;
use tenantry_workflow::cycle::{self, Cycle, Event, Held, Step};
use tracing::{info, warn};

use crate::fleet::Fleet;
use crate::ports::Clock;
use crate::ports::cluster::{Cluster, Lease, ObjectState};
use crate::ports::metrics::MetricsSource;
use crate::ports::store::{Store, StoreError};
use crate::status::{ControllerStatus, Notice};

/// What is wrong around the driver, by what it is about; shown with its own troubles.
pub type Notices = Arc<std::sync::Mutex<std::collections::BTreeMap<String, Notice>>>;

/// The outside worlds of a driver.
#[derive(Clone)]
pub struct Ports {
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where things are remembered.
    pub store: Arc<dyn Store>,
    /// Where workloads run.
    pub cluster: Arc<dyn Cluster>,
    /// Where load is measured.
    pub metrics: Arc<dyn MetricsSource>,
    /// What makes this controller the only one.
    pub lease: Arc<dyn Lease>,
}

/// How a driver works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who this controller is.
    pub holder: String,
    /// Whether changes are written, or only recorded as what would have been done.
    pub acts: bool,
    /// From the start of one cycle to the start of the next.
    pub period: Span,
    /// How long a renewed lease is held.
    pub lease_term: Span,
    /// Requests under way at once, beside those for tenants that are kept apart.
    pub concurrency: usize,
    /// How long a cycle waits for queries that one tenant alone asks.
    pub patience: Span,
    /// How series are read by the forecaster.
    pub forecast: ForecastSettings,
    /// A hold that is no news is recorded again after so long.
    pub repeat_holds_after: Span,
    /// Statuses are kept this often, when they changed.
    pub keep_status_every: Span,
    /// Each model and memory is kept this often.
    pub keep_models_every: Span,
    /// How long holds are kept.
    pub keep_holds: Span,
    /// How long changes are kept.
    pub keep_changes: Span,
    /// Most records kept for a workload.
    pub records_per_workload: u64,
    /// What others want to be shown.
    pub notices: Notices,
}

/// Where declared workloads come from.
#[async_trait::async_trait]
pub trait Declared: Send + Sync {
    /// Every declared workload of every active tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn workloads(&self) -> Result<Vec<WorkloadSpec>, StoreError>;
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// When to take the next one; none when the driver has ended.
    pub wake: Option<Timestamp>,
    /// Whether this controller is in charge.
    pub leading: bool,
}

/// Runs the control cycle against the ports.
#[doc(alias = "AutoscalingEngine")]
pub struct Driver {
    ports: Ports,
    declared: Arc<dyn Declared>,
    options: Options,
    cycle: Cycle,
    fleet: Fleet,
    started_at: Timestamp,
    config_version: Option<u64>,
    /// What was planned in this cycle.
    batch: observe::Batch,
    /// Outcomes that the store has not taken yet.
    outcomes: Vec<(u64, tenantry_domain::plan::Outcome)>,
    upkeep: upkeep::Upkeep,
    failed_queries: Vec<String>,
    troubles: Vec<String>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("options", &self.options).field("cycle", &self.cycle).finish_non_exhaustive()
    }
}

/// The key under which a controller keeps its own status: a tenant id that no tenant may have.
#[must_use]
pub fn controller_key() -> Option<WorkloadKey> {
    Some(WorkloadKey { tenant: TenantId::new("tenantry").ok()?, workload: WorkloadName::new("controller").ok()? })
}

impl Driver {
    /// A driver that has done nothing yet.
    #[must_use]
    pub fn new(ports: Ports, declared: Arc<dyn Declared>, options: Options) -> Self {
        let settings = cycle::Settings { period: options.period, lease_term: options.lease_term };
        let started_at = ports.clock.now();
        Self {
            ports,
            declared,
            options,
            cycle: Cycle::new(settings),
            fleet: Fleet::default(),
            started_at,
            config_version: None,
            batch: observe::Batch::default(),
            outcomes: Vec::new(),
            upkeep: upkeep::Upkeep::default(),
            failed_queries: Vec::new(),
            troubles: Vec::new(),
        }
    }

    /// The workloads as this controller knows them.
    #[must_use]
    pub const fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Runs one cycle to its end.
    pub async fn turn(&mut self) -> Turn {
        self.run(Event::Woke).await
    }

    /// Settles what is open, keeps what lets a later run be warm, and gives the lease up.
    pub async fn stop(&mut self) -> Turn {
        let turn = self.run(Event::Stopping).await;
        self.keep_all().await;
        turn
    }

    async fn run(&mut self, event: Event) -> Turn {
        let began = self.now();
        self.troubles.clear();
        let mut step = self.cycle.next(began, event);
        loop {
            let event = match step {
                Step::HoldLease => self.hold_lease().await,
                Step::Observe { first, .. } => self.observe(first).await,
                Step::Record(generation) => self.record(generation).await,
                Step::Apply { generation, deadline } => self.apply(generation, deadline).await,
                Step::Settle(_) => self.settle().await,
                Step::Release => {
                    if let Err(error) = self.ports.lease.release().await {
                        warn!(%error, "the lease was not given up; another controller waits until it runs out");
                    }
                    Event::Settled
                }
                Step::Sleep { until, leading } => {
                    self.keep_up(began, leading).await;
                    return Turn { wake: Some(until), leading };
                }
                Step::End => return Turn { wake: None, leading: false },
            };
            step = self.cycle.next(self.now(), event);
        }
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn trouble(&mut self, text: String) {
        warn!("{text}");
        self.troubles.push(text);
    }

    async fn hold_lease(&mut self) -> Event {
        let asked = self.now();
        let before = self.cycle.generation().epoch;
        let held = match self.ports.lease.hold().await {
            Ok(Some(epoch)) => {
                if epoch != before {
                    info!(epoch, holder = self.options.holder, "in charge");
                }
                Held::Yes(epoch)
            }
            Ok(None) => Held::No,
            Err(error) => {
                self.trouble(format!("{error}; nothing is written once the last renewal has run out"));
                Held::Unknown
            }
        };
        Event::Lease { asked, held }
    }

    fn status(&self, took: Span, leading: bool) -> ControllerStatus {
        let notices = self.options.notices.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        ControllerStatus {
            holder: self.options.holder.clone(),
            at: self.now(),
            started_at: self.started_at,
            leading,
            acts: self.options.acts,
            period: self.options.period,
            generation: self.cycle.generation(),
            took,
            workloads: self.fleet.len(),
            failed_queries: self.failed_queries.clone(),
            troubles: self.troubles.clone(),
            notices: notices.values().cloned().collect(),
        }
    }
}

/// A change together with the object it was planned for.
#[derive(Debug)]
struct Change {
    key: WorkloadKey,
    object: ObjectState,
    record: u64,
    what: What,
    reason: String,
}

/// What a change does.
#[derive(Debug, Clone)]
enum What {
    /// Sets the number of replicas.
    Scale { from: Replicas, to: Replicas },
    /// Changes what the containers of these pods request.
    Resize(Vec<PodResize>),
}

impl What {
    fn grows(&self) -> bool {
        matches!(self, Self::Scale { from, to } if to > from)
    }
}
