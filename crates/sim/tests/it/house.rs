//! A world with a driver in it.

use std::sync::Arc;

use futures::executor::block_on;
use tenantry_domain::id::{SignalName, TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::spec::{Objective, Pick, ScaleTarget, SignalKind, SignalSpec, Strategy, Target, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Bounds, MicroUsd, Milli, Replicas, Span};
use tenantry_engine::driver::{Declared, Driver, Options, Ports};
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::store::StoreError;
use tenantry_forecast::Settings;
use tenantry_sim::fault::Faults;
use tenantry_sim::load::{Load, Shape};
use tenantry_sim::memory::MemoryStore;
use tenantry_sim::{AppSpec, Startup, World};

pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(crate) const TERM: Span = Span::from_secs(30);

pub(crate) fn secs(secs: u64) -> Timestamp {
    START + Span::from_secs(secs)
}

pub(crate) fn key(tenant: &str, workload: &str) -> WorkloadKey {
    WorkloadKey { tenant: TenantId::new(tenant).unwrap(), workload: WorkloadName::new(workload).unwrap() }
}

pub(crate) fn shape(seed: u64) -> Shape {
    Shape { seed, daily: 0.5, weekly: 0.2, trend: 0.0, noise: 0.1, bursts: 8.0, launches: 3.0, outages: 3.0 }
}

pub(crate) fn app(tenant: &str, workload: &str, load: Load) -> AppSpec {
    AppSpec {
        key: key(tenant, workload),
        namespace: tenant.to_owned(),
        name: workload.to_owned(),
        load,
        capacity: 10.0,
        cores: 1.0,
        follows: 0.0,
        startup: Startup { least: Span::from_secs(20), most: Span::from_secs(60) },
        replica_hour: MicroUsd(100_000),
        initial: Replicas::new(3),
    }
}

pub(crate) fn spec(app: &AppSpec, strategy: Strategy) -> WorkloadSpec {
    WorkloadSpec {
        key: app.key.clone(),
        target: ScaleTarget {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: app.namespace.clone(),
            pick: Pick::Name(app.name.clone()),
        },
        enabled: true,
        strategy,
        bounds: Bounds::new(Replicas::new(1), Replicas::new(40)).unwrap(),
        fixed: None,
        signals: vec![SignalSpec {
            name: SignalName::new("requests").unwrap(),
            kind: SignalKind::RequestRate,
            query: Some("sum by (tenant, workload) (rate(http_requests_total[1m]))".into()),
            target: Target::PerReplica(Milli::units(7)),
            capacity: None,
            measures_at_zero: true,
            scales: true,
        }],
        behavior: None,
        schedules: vec![],
        freezes: vec![],
        quota: None,
        spending: None,
        objective: Objective::default(),
        startup_delay: None,
        stale_after: Span::from_secs(60),
        take_over: false,
        vertical: Default::default(),
        almanac: Default::default(),
        apart: false,
    }
}

pub(crate) struct Fixed(pub(crate) Vec<WorkloadSpec>);

#[async_trait::async_trait]
impl Declared for Fixed {
    async fn workloads(&self) -> Result<Vec<WorkloadSpec>, StoreError> {
        Ok(self.0.clone())
    }
}

pub(crate) fn options(holder: &str) -> Options {
    Options {
        holder: holder.to_owned(),
        acts: true,
        period: Span::from_secs(15),
        lease_term: TERM,
        concurrency: 1,
        patience: Span::from_millis(1_500),
        forecast: Settings::new(60_000, None).unwrap(),
        repeat_holds_after: Span::from_secs(600),
        keep_status_every: Span::from_secs(15),
        keep_models_every: Span::from_secs(300),
        keep_holds: Span::from_secs(86_400),
        keep_changes: Span::from_secs(86_400),
        records_per_workload: 100_000,
        notices: Default::default(),
    }
}

/// A controller in a world, with the store it writes to.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) specs: Vec<WorkloadSpec>,
    pub(crate) driver: Driver,
}

impl House {
    pub(crate) fn new(apps: Vec<AppSpec>, specs: Vec<WorkloadSpec>, faults: Faults, seed: u64) -> Self {
        let world = World::new(apps, faults, START, seed).as_holder("one", TERM);
        let store = Arc::new(MemoryStore::default());
        let driver = driver(&world, &store, &specs, "one");
        Self { world, store, specs, driver }
    }

    /// Runs until `until`; `every` sees each turn.
    pub(crate) fn run(&mut self, until: Timestamp, mut every: impl FnMut(&mut Self)) {
        while self.world.true_now() < until {
            let before = self.world.true_now();
            let turn = block_on(self.driver.turn());
            let sleep = turn.wake.unwrap().since(self.world.now());
            // A clock that jumps must not make the loop spin or sleep for ever: real timers run on a steady clock.
            let next = self.world.true_now() + sleep.min(Span::from_secs(15)).max(Span::from_millis(1));
            self.world.pass(next.max(before + Span::from_millis(1)));
            every(self);
        }
    }

    /// The controller is killed and another process of the same name begins.
    pub(crate) fn restart(&mut self, holder: &str) {
        self.world = self.world.as_holder(holder, TERM);
        self.driver = driver(&self.world, &self.store, &self.specs, holder);
    }
}

pub(crate) fn driver(world: &World, store: &Arc<MemoryStore>, specs: &[WorkloadSpec], holder: &str) -> Driver {
    let ports = Ports {
        clock: Arc::new(world.clone()),
        store: store.clone(),
        cluster: Arc::new(world.clone()),
        metrics: Arc::new(world.clone()),
        lease: Arc::new(world.clone()),
    };
    Driver::new(ports, Arc::new(Fixed(specs.to_vec())), options(holder))
}
