//! One tenant that wants a hundred times its share keeps nobody waiting. Time passes inside of a cycle here: every request
//! takes some.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenantry_domain::id::SignalName;
use tenantry_domain::spec::{SignalSpec, Strategy, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::driver::{Driver, Options, Ports};
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::cluster::{
    Cluster, ClusterError, Lease, LeaseError, ObjectState, ResizeRequest, ScaleRequest, Sought,
};
use tenantry_engine::ports::metrics::{Answer, MetricsSource, Series, SourceError};
use tenantry_sim::fault::Faults;
use tenantry_sim::load::Load;
use tenantry_sim::memory::MemoryStore;
use tenantry_sim::{AppSpec, Effect, REQUEST_RATE, World};
use tokio::time::Instant;

use crate::house::{Fixed, START, TERM, app, options, secs, spec};

/// What a write to the cluster takes.
const WRITE: Duration = Duration::from_millis(100);
/// What a query takes that somebody needs.
const QUERY: Duration = Duration::from_millis(50);
/// And one of whoever wants to be a nuisance.
const SLOW: Duration = Duration::from_millis(400);

/// A world in which requests take time.
#[derive(Clone)]
struct Slow {
    world: World,
    began: Instant,
}

impl Slow {
    async fn takes(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.world.pass(self.now());
    }
}

#[async_trait]
impl Clock for Slow {
    fn now(&self) -> Timestamp {
        START + Span::from_millis(u64::try_from(self.began.elapsed().as_millis()).unwrap())
    }

    async fn reaches(&self, at: Timestamp) {
        tokio::time::sleep(Duration::from_millis(at.since(self.now()).as_millis())).await;
    }
}

#[async_trait]
impl MetricsSource for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    async fn instant(&self, query: &str, at: Timestamp) -> Result<Answer, SourceError> {
        self.takes(if query.starts_with("slow") { SLOW } else { QUERY }).await;
        self.world.instant(REQUEST_RATE, at).await
    }

    async fn range(&self, _: &str, _: Timestamp, _: Timestamp, _: Span) -> Result<Vec<Series>, SourceError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Cluster for Slow {
    async fn observe(&self, sought: &[Sought]) -> Vec<Result<ObjectState, ClusterError>> {
        self.world.observe(sought).await
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<(), ClusterError> {
        self.takes(WRITE).await;
        self.world.scale(request).await
    }

    async fn resize(&self, request: &ResizeRequest) -> Result<(), ClusterError> {
        self.world.resize(request).await
    }
}

#[async_trait]
impl Lease for Slow {
    async fn hold(&self) -> Result<Option<u64>, LeaseError> {
        self.world.pass(self.now());
        self.world.hold().await
    }

    async fn release(&self) -> Result<(), LeaseError> {
        self.world.release().await
    }
}

/// Load that changes every ten minutes.
fn steps(base: f64) -> Load {
    Load::recorded(Span::from_secs(600), [3.0, 9.0, 4.0, 16.0, 2.0, 12.0].map(|step| step * base).to_vec())
}

/// Some quiet tenants with a workload each, and one with so many, of so many signals each.
fn tenants(workloads: usize, signals: usize) -> (Vec<AppSpec>, Vec<WorkloadSpec>) {
    let mut apps: Vec<AppSpec> = (0..6).map(|place| app(&format!("quiet-{place}"), "api", steps(10.0))).collect();
    apps.extend((0..workloads).map(|place| app("flood", &format!("w{place}"), steps(10.0))));
    let asked = |app: &AppSpec| {
        let mut spec = spec(app, Strategy::Reactive);
        let (tenant, first) = (app.key.tenant.as_str(), spec.signals[0].clone());
        let count = if tenant == "flood" { signals } else { 1 };
        let one = |place: usize| SignalSpec {
            name: SignalName::new(format!("s{place}")).unwrap(),
            query: Some(format!("{}{tenant}-{place}", if count > 1 { "slow-" } else { "" })),
            ..first.clone()
        };
        spec.signals = (0..count).map(one).collect();
        spec
    };
    let specs = apps.iter().map(asked).collect();
    (apps, specs)
}

/// What was done in half an hour, and in how many cycles.
async fn half_an_hour(apps: Vec<AppSpec>, specs: Vec<WorkloadSpec>) -> (Vec<Effect>, u64) {
    let world = World::new(apps, Faults::default(), START, 1).as_holder("one", TERM);
    let slow = Slow { world: world.clone(), began: Instant::now() };
    let ports = Ports {
        clock: Arc::new(slow.clone()),
        store: Arc::new(MemoryStore::default()),
        cluster: Arc::new(slow.clone()),
        metrics: Arc::new(slow.clone()),
        lease: Arc::new(slow.clone()),
    };
    let mut driver = Driver::new(ports, Arc::new(Fixed(specs)), Options { concurrency: 4, ..options("one") });
    let mut cycles = 0;
    while slow.now() < secs(1800) {
        let wake = driver.turn().await.wake.unwrap();
        cycles += 1;
        slow.takes(Duration::from_millis(wake.since(slow.now()).as_millis())).await;
    }
    (world.effects(), cycles)
}

/// What was done for the quiet tenants, each with its instant.
fn quiet(effects: &[Effect]) -> BTreeMap<String, Vec<(Timestamp, u32)>> {
    let mut found: BTreeMap<String, Vec<(Timestamp, u32)>> = BTreeMap::new();
    for effect in effects.iter().filter(|effect| effect.key.tenant.as_str() != "flood") {
        found.entry(effect.key.to_string()).or_default().push((effect.at, effect.to.get()));
    }
    found
}

/// The longest that a change of a quiet tenant came later than it would have come alone. Each must come, and be the same.
fn delay(alone: &[Effect], beside: &[Effect]) -> Span {
    let (alone, beside) = (quiet(alone), quiet(beside));
    let sizes = |of: &BTreeMap<String, Vec<(Timestamp, u32)>>| -> Vec<u32> {
        of.values().flatten().map(|(_, to)| *to).collect()
    };
    assert!(alone.len() == 6 && alone.values().all(|changes| changes.len() > 5), "{alone:?}");
    assert_eq!(sizes(&alone), sizes(&beside));
    let pairs = alone.values().flatten().zip(beside.values().flatten());
    pairs.map(|((before, _), (after, _))| after.since(*before)).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_floods_the_metrics_source_delays_nobody() {
    let (apps, specs) = tenants(0, 1);
    let (alone, cycles) = half_an_hour(apps, specs).await;
    let (apps, specs) = tenants(1, 100);
    let (beside, as_many) = half_an_hour(apps, specs).await;
    assert_eq!(cycles, as_many, "no cycle is late");
    let late = delay(&alone, &beside);
    assert!(late <= Span::from_millis(1_500), "at most a tenth of a cycle: {late}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_wants_a_hundred_changes_delays_nobody_and_least_who_is_kept_apart() {
    let (apps, specs) = tenants(0, 1);
    let (alone, cycles) = half_an_hour(apps, specs).await;
    let (apps, mut specs) = tenants(100, 1);
    for spec in specs.iter_mut().filter(|spec| spec.key.tenant.as_str() == "quiet-3") {
        spec.apart = true;
    }
    let (beside, as_many) = half_an_hour(apps, specs).await;
    assert_eq!(cycles, as_many, "no cycle is late");
    let floods = beside.iter().filter(|effect| effect.key.tenant.as_str() == "flood").count();
    assert!(floods > 500, "{floods}");
    let late = delay(&alone, &beside);
    assert!(late <= Span::from_millis(300), "a turn of each: {late}");
    let of = |effects: &[Effect]| quiet(effects).remove("quiet-3/api").unwrap();
    let waited = of(&alone).iter().zip(of(&beside)).any(|((alone, _), (beside, _))| beside > *alone);
    assert!(!waited, "who is kept apart waits for nobody");
}

/// Who alone is served has nobody to wait for, and is waited for.
#[tokio::test(start_paused = true)]
async fn the_only_tenant_is_waited_for() {
    let (mut apps, mut specs) = tenants(1, 100);
    apps.retain(|app| app.key.tenant.as_str() == "flood");
    specs.retain(|spec| spec.key.tenant.as_str() == "flood");
    let (effects, _) = half_an_hour(apps, specs).await;
    assert!(effects.len() > 5, "{effects:?}");
}
