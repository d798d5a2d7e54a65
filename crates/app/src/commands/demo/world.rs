//! The simulated world with the driver in it, and the same load under other policies beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{MicroUsd, Replicas, Span};
use tenantry_engine::driver::{Driver, Options, Ports};
use tenantry_engine::tenants::Tenants;
use tenantry_forecast::Settings;
use tenantry_sim::fault::Faults;
use tenantry_sim::lane::{Lane, Policy};
use tenantry_sim::score::Score;
use tenantry_sim::{AppSpec, Startup, World};
use tenantry_store::Store;

use super::load::Loads;
use crate::{terminal, time};

const PERIOD: Span = Span::from_secs(15);
const DAY: Span = Span::from_secs(86_400);
/// Requests per second that one replica serves at most: the target of 70 leaves HPA's usual headroom.
const CAPACITY: f64 = 100.0;

/// The world, and what HPA would have done.
pub(super) struct House {
    world: World,
    driver: Driver,
    peers: Vec<(&'static str, Vec<Lane>)>,
    board: Arc<Board>,
    began: Timestamp,
    ports: Ports,
    tenants: Tenants,
}

/// Scores for whoever draws them.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Vec<(&'static str, Score, u32)>>);

impl Board {
    /// The comparison in lines.
    pub(super) fn lines(&self, load: &str) -> Vec<String> {
        let scores = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ours = scores.first().map(|(_, score, _)| *score);
        let mut lines = vec![format!("load  {load}")];
        for (name, score, replicas) in &scores {
            let against = ours.filter(|_| *name != "tenantry").map_or_else(String::new, |ours| {
                let percent = if score.cost_usd > 0.0 { (ours.cost_usd / score.cost_usd - 1.0) * 100.0 } else { 0.0 };
                format!("  tenantry costs {percent:+.1} %")
            });
            lines.push(format!(
                "{name:<11}  {replicas:>4} replicas  ${:>7.2}  {:>3} incidents  short {:.2} % of time, {:.2} % of requests{against}",
                score.cost_usd,
                score.incidents,
                (1.0 - score.availability()) * 100.0,
                if score.asked > 0.0 { score.missed / score.asked * 100.0 } else { 0.0 },
            ));
        }
        lines
    }
}

fn options(keep_status_every: Span) -> anyhow::Result<Options> {
    Ok(Options {
        holder: "demo".to_owned(),
        acts: true,
        period: PERIOD,
        lease_term: Span::from_secs(60),
        concurrency: 8,
        patience: PERIOD,
        forecast: Settings::new(15_000, None).context("the forecaster's settings")?,
        repeat_holds_after: Span::from_secs(3600),
        keep_status_every,
        keep_models_every: Span::from_secs(7 * 86_400),
        keep_holds: DAY,
        keep_changes: DAY,
        records_per_workload: 500,
        notices: Default::default(),
    })
}

fn app(spec: &WorkloadSpec, place: usize, loads: &Loads) -> Option<AppSpec> {
    let load = loads.loads.get(place.checked_rem(loads.loads.len())?)?.clone();
    // Tenants of a larger tier have more load; those that share a series see it at other times of day.
    let size = f64::from(spec.bounds.ceiling().get()) * CAPACITY * 0.25;
    let turn = u64::try_from(place / loads.loads.len()).unwrap_or(0);
    Some(AppSpec {
        key: spec.key.clone(),
        namespace: spec.target.namespace.clone(),
        name: spec.key.workload.to_string(),
        load: load.scaled(size).shifted(Span::from_secs(turn * 5 * 3600)),
        capacity: CAPACITY,
        cores: 1.0,
        follows: 0.0,
        startup: Startup { least: Span::from_secs(45), most: Span::from_secs(120) },
        replica_hour: spec.spending.map_or(MicroUsd(0), |spending| spending.replica_hour),
        initial: Replicas::new(spec.bounds.ceiling().get() / 2),
    })
}

impl House {
    /// Builds the world as it was `warm_up` days ago.
    pub(super) fn build(
        store: &Arc<Store>,
        specs: &[WorkloadSpec],
        loads: &Loads,
        seed: u64,
        warm_up: u32,
    ) -> anyhow::Result<Self> {
        let now = time::now();
        let start = now - Span::from_millis(DAY.as_millis() * u64::from(warm_up));
        let apps: Vec<AppSpec> = specs.iter().enumerate().filter_map(|(place, spec)| app(spec, place, loads)).collect();
        let lanes = |policy: &dyn Fn(&WorkloadSpec, &AppSpec) -> Policy| -> Vec<Lane> {
            let each = specs.iter().zip(&apps);
            each.map(|(spec, app)| Lane::new(app.clone(), policy(spec, app), start, seed)).collect()
        };
        let peers = vec![
            ("HPA", lanes(&|spec, _| Policy::hpa(spec))),
            ("fixed", lanes(&|spec, _| Policy::Fixed(Replicas::new(spec.bounds.ceiling().get() / 2)))),
            ("clairvoyant", lanes(&|spec, _| Policy::Clairvoyant { bounds: spec.bounds })),
        ];
        let world = World::new(apps, Faults::default(), start, seed).as_holder("demo", Span::from_secs(60));
        let ports = Ports {
            clock: Arc::new(world.clone()),
            store: store.clone(),
            cluster: Arc::new(world.clone()),
            metrics: Arc::new(world.clone()),
            lease: Arc::new(world.clone()),
        };
        let tenants = Tenants::new(store.clone());
        let driver = Driver::new(ports.clone(), Arc::new(tenants.clone()), options(Span::from_secs(3600))?);
        Ok(Self { world, driver, peers, board: Arc::new(Board::default()), began: now, ports, tenants })
    }

    /// What is compared.
    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Lives through the days before the show, then forgets what they cost.
    pub(super) async fn warm_up(&mut self) {
        let start = self.world.true_now();
        let whole = self.began.since(start).as_millis().max(1);
        let mut told = 0;
        while self.world.true_now() < self.began {
            self.turn().await;
            let done = self.world.true_now().since(start).as_millis() * 100 / whole;
            if done >= told + 20 {
                told = done;
                terminal::note(&format!("  {done} %"));
            }
        }
        // As after a restart: what was learned is kept in the store and taken up from there.
        self.driver.stop().await;
        if let Ok(options) = options(PERIOD) {
            self.driver = Driver::new(self.ports.clone(), Arc::new(self.tenants.clone()), options);
        }
        self.world.reset_scores();
        for (_, lanes) in &mut self.peers {
            lanes.iter_mut().for_each(Lane::reset_score);
        }
        self.turn().await;
        self.score();
    }

    /// One cycle, in the time that it takes at `speed`.
    pub(super) async fn pass(&mut self, speed: u32) {
        let clock = Instant::now();
        self.turn().await;
        self.score();
        let due = Duration::from_millis(PERIOD.as_millis()) / speed.max(1);
        tokio::time::sleep(due.saturating_sub(clock.elapsed())).await;
    }

    /// Ends in order.
    pub(super) async fn end(&mut self) {
        self.driver.stop().await;
    }

    async fn turn(&mut self) {
        let turn = self.driver.turn().await;
        let now = self.world.true_now();
        let next = turn.wake.unwrap_or(now + PERIOD).max(now + Span::from_secs(1));
        self.world.pass(next);
        for lane in self.peers.iter_mut().flat_map(|(_, lanes)| lanes) {
            lane.pass(next);
        }
    }

    fn score(&self) {
        let mut replicas = 0;
        for key in self.driver.fleet().keys() {
            replicas += self.world.look(key).map_or(0, |(size, _, _)| size.get());
        }
        let mut scores = vec![("tenantry", self.world.total(), replicas)];
        for (name, lanes) in &self.peers {
            let score = lanes.iter().fold(Score::default(), |sum, lane| sum.and(&lane.score()));
            scores.push((name, score, lanes.iter().map(|lane| lane.replicas().get()).sum()));
        }
        *self.board.0.lock().unwrap_or_else(PoisonError::into_inner) = scores;
    }
}
