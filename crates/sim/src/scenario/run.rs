//! Running a scenario: the real driver in the simulated world.

use std::sync::Arc;

use serde::Serialize;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::driver::{Declared, Driver, Options, Ports};
use tenantry_engine::ports::Clock as _;
use tenantry_engine::ports::store::StoreError;
use tenantry_engine::record::replays;

use super::{BEGIN, Expected, Scenario};
use crate::fault::{Fault, Faults};
use crate::memory::MemoryStore;
use crate::world::{Effect, World};

/// The controllers' lease.
const TERM: Span = Span::from_secs(45);

/// What became of a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Which.
    pub key: WorkloadKey,
    /// Fewest replicas.
    pub least: u32,
    /// Most replicas.
    pub most: u32,
    /// Replicas at the end.
    pub ends: u32,
    /// Changes of size.
    pub changes: usize,
    /// Replica hours.
    pub replica_hours: f64,
    /// Share of time in which not all load was served.
    pub short_share: f64,
    /// Times that it stopped being able to serve.
    pub incidents: u64,
}

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What it is about.
    pub about: String,
    /// One line for each workload.
    pub workloads: Vec<Line>,
    /// Expectations and laws that were broken, in words. Empty when all is as it should be.
    pub broken: Vec<String>,
}

struct Fixed(Vec<WorkloadSpec>);

#[async_trait::async_trait]
impl Declared for Fixed {
    async fn workloads(&self) -> Result<Vec<WorkloadSpec>, StoreError> {
        Ok(self.0.clone())
    }
}

impl Scenario {
    /// Runs it from beginning to end. The same scenario gives the same report.
    pub async fn run(&self) -> Report {
        let world = World::new(self.apps.clone(), self.faults.clone(), BEGIN, self.seed).as_holder("one", TERM);
        let store = Arc::new(MemoryStore::default());
        let mut driver = self.driver(&world, &store);
        let mut sizes: Vec<(u32, u32)> = self.apps.iter().map(|app| (app.initial.get(), app.initial.get())).collect();
        let end = BEGIN + self.duration;
        while world.true_now() < end {
            let before = world.true_now();
            let turn = driver.turn().await;
            let sleep = turn.wake.map_or(self.cycle, |wake| wake.since(world.now()));
            // A clock that jumps must not make the loop spin or sleep for ever: real timers run on a steady clock.
            let next = world.true_now() + sleep.min(self.cycle).max(Span::from_millis(1));
            world.pass(next.max(before + Span::from_millis(1)));
            let passed = |at: &&Timestamp| (before..world.true_now()).contains(*at);
            if self.restarts.iter().any(|at| passed(&at)) {
                driver = self.driver(&world, &store);
            }
            for (app, (least, most)) in self.apps.iter().zip(&mut sizes) {
                let size = world.look(&app.key).map_or(0, |(size, ..)| size.get());
                (*least, *most) = ((*least).min(size), (*most).max(size));
            }
        }
        let effects = world.effects();
        let lines = self.apps.iter().zip(sizes).map(|(app, (least, most))| {
            let score = world.score(&app.key).unwrap_or_default();
            Line {
                key: app.key.clone(),
                least,
                most,
                ends: world.look(&app.key).map_or(0, |(size, ..)| size.get()),
                changes: effects.iter().filter(|effect| effect.key == app.key).count(),
                replica_hours: score.replica_hours,
                short_share: 1.0 - score.availability(),
                incidents: score.incidents,
            }
        });
        let workloads: Vec<Line> = lines.collect();
        let mut broken = laws(self, &effects, &store);
        for expected in &self.expected {
            for line in workloads.iter().filter(|line| line.key.to_string() == expected.key) {
                broken.extend(missed(expected, line, &effects));
            }
        }
        Report { about: self.about.clone(), workloads, broken }
    }

    fn driver(&self, world: &World, store: &Arc<MemoryStore>) -> Driver {
        let ports = Ports {
            clock: Arc::new(world.clone()),
            store: store.clone(),
            cluster: Arc::new(world.clone()),
            metrics: Arc::new(world.clone()),
            lease: Arc::new(world.clone()),
        };
        let day = Span::from_secs(86_400);
        let options = Options {
            holder: "one".to_owned(),
            acts: true,
            period: self.cycle,
            lease_term: TERM,
            concurrency: 1,
            patience: Span::from_secs(1),
            forecast: self.learned,
            repeat_holds_after: Span::from_secs(600),
            keep_status_every: self.cycle,
            keep_models_every: Span::from_secs(300),
            keep_holds: day,
            keep_changes: Span::from_secs(60 * 86_400),
            records_per_workload: 1_000_000,
            notices: Arc::default(),
        };
        Driver::new(ports, Arc::new(Fixed(self.specs.clone())), options)
    }
}

/// What the laws of the house say about every history.
fn laws(scenario: &Scenario, effects: &[Effect], store: &MemoryStore) -> Vec<String> {
    let mut broken = Vec::new();
    let decisions = store.all_decisions();
    for effect in effects {
        let Some(spec) = scenario.specs.iter().find(|spec| spec.key == effect.key) else { continue };
        let said = format!("{} from {} to {} at {}", effect.key, effect.from.get(), effect.to.get(), effect.at);
        if effect.to < spec.bounds.floor() || effect.to > spec.bounds.ceiling() {
            broken.push(format!("L1: {said} leaves its bounds"));
        }
        if effect.to < effect.from && is_blind(&scenario.faults, effect) {
            broken.push(format!("L2: {said} shrinks while its load cannot be seen"));
        }
        let recorded = decisions
            .iter()
            .any(|record| record.key == effect.key && record.from == Some(effect.from) && record.to == Some(effect.to));
        if !recorded {
            broken.push(format!("L7: {said} was not recorded"));
        }
    }
    for record in &decisions {
        if !matches!(replays(record), Ok(true)) {
            broken.push(format!("L7: decision {} of {} does not replay", record.id, record.key));
        }
    }
    broken
}

fn is_blind(faults: &Faults, effect: &Effect) -> bool {
    faults.at(effect.at).any(|spell| {
        // What was read just before is still true.
        effect.at.since(spell.from) >= Span::from_secs(1)
            && match &spell.fault {
                Fault::MetricsDown | Fault::MetricsAbsurd { .. } => true,
                Fault::MetricsLost { of } => of.contains(&effect.key),
                _ => false,
            }
    })
}

fn missed(expected: &Expected, line: &Line, effects: &[Effect]) -> Vec<String> {
    let mut missed = Vec::new();
    let key = &line.key;
    if let Some([least, most]) = expected.size
        && (line.least < least || line.most > most)
    {
        missed.push(format!("{key} was between {} and {} replicas, not {least} and {most}", line.least, line.most));
    }
    if let Some([least, most]) = expected.ends
        && !(least..=most).contains(&line.ends)
    {
        missed.push(format!("{key} ended with {} replicas, not {least} to {most}", line.ends));
    }
    if let Some(share) = expected.short_share
        && line.short_share > share
    {
        missed.push(format!("{key} was short for {:.4} of the time, more than {share}", line.short_share));
    }
    if let Some(hours) = expected.replica_hours
        && line.replica_hours > hours
    {
        missed.push(format!("{key} took {:.1} replica hours, more than {hours}", line.replica_hours));
    }
    if let Some(changes) = expected.changes
        && line.changes > changes
    {
        missed.push(format!("{key} changed its size {} times, more than {changes}", line.changes));
    }
    for [from, until] in &expected.no_shrinking {
        let within = |effect: &&Effect| BEGIN + *from <= effect.at && effect.at < BEGIN + *until;
        for effect in effects.iter().filter(|effect| effect.key == *key).filter(within) {
            if effect.to < effect.from {
                missed.push(format!("{key} shrank from {} to {} at {}", effect.from.get(), effect.to.get(), effect.at));
            }
        }
    }
    missed
}
