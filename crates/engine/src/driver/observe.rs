//! Reading the world and planning.

use std::collections::BTreeMap;

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::{Action, Generation, Outcome, Plan, Planned};
use tenantry_domain::snapshot::ScaleEvent;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Replicas, Span};
use tenantry_workflow::cycle::Event;
use tenantry_workflow::vigil::Alert;
use tracing::{info, warn};

use super::{Change, Driver, What};
use crate::collect::{Fetched, Users};
use crate::decide::{Decided, Round, decide};
use crate::fleet::Unsettled;
use crate::ports::cluster::{ClusterError, ObjectState, Sought};
use crate::ports::store::{DecisionFilter, DecisionRecord};
use crate::record::{Inputs, gist, read, record};
use crate::rivals::{Reach, rivals};
use crate::scope::Scope;

/// How far back records of an earlier controller may be open: far longer than any write is under way.
const OPEN_FOR: Span = Span::from_secs(3600);
/// Most records read to find open ones.
const OPEN_MAX: u32 = 20_000;

/// What one cycle planned.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Vec<DecisionRecord>,
    /// For each change its place among the records.
    changes: Vec<(usize, Change)>,
}

impl Batch {
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes).into_iter().map(|(_, change)| change).collect()
    }
}

type Objects = Vec<Result<ObjectState, ClusterError>>;

impl Driver {
    /// Reads everything and plans every workload.
    pub(super) async fn observe(&mut self, first: bool) -> Event {
        self.batch = Batch::default();
        self.reload().await;
        if first {
            self.reopen().await;
        }
        if self.fleet.is_empty() {
            return Event::Planned { records: false };
        }
        let (objects, fetched) = self.read().await;
        // The instant of the plan is that at which everything had been read: nothing seen is from its future.
        let now = self.now();
        self.plan(now, &objects, &fetched);
        Event::Planned { records: !self.batch.records.is_empty() }
    }

    /// Takes over the configuration when it has changed.
    async fn reload(&mut self) {
        let version = match self.ports.store.config_version().await {
            Ok(version) => version,
            Err(error) => return self.trouble(format!("{error}; going on with the configuration as last read")),
        };
        if self.config_version == Some(version) {
            return;
        }
        let cold = self.config_version.is_none();
        match (self.declared.workloads().await, self.ports.store.interventions(&Scope::platform()).await) {
            (Ok(specs), Ok(asked)) => {
                let gone = self.fleet.declare(specs);
                self.upkeep.drop_later(gone);
                self.fleet.intervene(asked);
                self.config_version = Some(version);
                info!(workloads = self.fleet.len(), version, "configuration taken over");
            }
            (Err(error), _) | (_, Err(error)) => {
                self.trouble(format!("{error}; going on with the configuration as last read"));
            }
        }
        if cold && self.config_version.is_some() {
            self.warm_up().await;
        }
    }

    async fn warm_up(&mut self) {
        use crate::fleet::{AHEAD, ARENA, DEMAND, MEMORY, MODEL, USAGE};
        for part in [MEMORY, MODEL, AHEAD, ARENA, DEMAND, USAGE, crate::status::STATUS] {
            match self.ports.store.kept(&Scope::platform(), part).await {
                Ok(kept) => {
                    self.upkeep.drop_later(self.fleet.strangers(&kept, self.now()));
                    for complaint in self.fleet.restore(kept) {
                        warn!("{complaint}");
                    }
                }
                Err(error) => self.trouble(format!("{error}; models learn anew")),
            }
        }
    }

    /// Finds changes that an earlier controller recorded and whose outcome it did not: this cycle's reading settles them.
    async fn reopen(&mut self) {
        let since = Some(self.now() - OPEN_FOR);
        let filter = DecisionFilter { changes_only: true, since, ..DecisionFilter::default() };
        let decisions = match self.ports.store.decisions(&Scope::platform(), &filter, OPEN_MAX).await {
            Ok(decisions) => decisions,
            Err(error) => return self.trouble(format!("{error}; outcomes of an earlier controller stay open")),
        };
        for decision in decisions.into_iter().rev() {
            let (Some(from), Some(to)) = (decision.from, decision.to) else { continue };
            let Some(entry) = self.fleet.entries.get_mut(&decision.key) else { continue };
            if from == to {
                // Pods were resized.
                if matches!(decision.outcome, Outcome::Pending | Outcome::Unknown(_))
                    && let Ok((_, Planned { plan: Plan { action: Action::Resize(pods), .. }, .. })) = read(&decision)
                {
                    entry.unsettled_resize = Some((decision.id, pods));
                }
                continue;
            }
            let event = ScaleEvent { at: decision.at, from, to };
            let known = entry.memory.events.iter().any(|known| known.at == event.at);
            match decision.outcome {
                Outcome::Applied if !known => entry.memory.events.push(event),
                Outcome::Pending | Outcome::Unknown(_) => {
                    entry.unsettled = Some(Unsettled { record: decision.id, event, generation: decision.generation });
                }
                _ => {}
            }
        }
        for entry in self.fleet.entries.values_mut() {
            entry.memory.events.sort_by_key(|event| event.at);
        }
    }

    async fn read(&mut self) -> (Objects, BTreeMap<String, Fetched>) {
        let sought: Vec<Sought> = self
            .fleet
            .entries
            .iter()
            .map(|(key, entry)| Sought { key: key.clone(), target: entry.spec.target.clone() })
            .collect();
        let (objects, fetched) = futures::join!(self.ports.cluster.observe(&sought), self.fetch());
        self.failed_queries = fetched
            .iter()
            .filter_map(|(query, fetched)| match fetched {
                Fetched::Failed(why) => Some(format!("{query}: {why}")),
                Fetched::Answer(_) => None,
            })
            .collect();
        (objects, fetched)
    }

    fn plan(&mut self, now: Timestamp, objects: &Objects, fetched: &BTreeMap<String, Fetched>) {
        let generation = self.cycle.generation();
        let acts = self.options.acts;
        let repeat = self.options.repeat_holds_after;
        let specs: Vec<_> = self.fleet.entries.values().map(|entry| entry.spec.clone()).collect();
        let users = Users::count(&specs);
        let (period, forecast) = (self.options.period, self.options.forecast);
        let round = Round { now, period, forecast, fetched, users: &users };
        let mut totals = self.fleet.totals();
        self.find_rivals(objects);
        for ((key, entry), object) in self.fleet.entries.iter_mut().zip(objects) {
            let total = totals.entry(key.tenant.as_str().to_owned()).or_default();
            *total -= entry.last_size.unwrap_or_default().as_i64();
            let decided = decide(entry, object.as_ref(), Replicas::saturating(*total), &round);
            let size = match decided.planned.plan.action {
                // A quota is shared with what is still running until a smaller size was accepted.
                Action::Scale { from, to } => from.max(to),
                Action::Hold(_) | Action::Resize(_) => entry.last_size.unwrap_or_default(),
            };
            *total += size.as_i64();
            alert(key, &decided);
            self.outcomes.extend(decided.settled.clone());
            if let Some(what) = news(entry.recorded.as_ref(), &decided, repeat, now, acts) {
                entry.recorded = Some((what, now));
                let spec = entry.spec.clone();
                self.batch.add(spec, decided, object.as_ref().ok(), generation, acts);
            }
        }
    }
}

impl Driver {
    /// Notes which workloads reached one object, before anything is planned for it.
    fn find_rivals(&mut self, objects: &Objects) {
        let reached: Vec<Reach<'_>> = self
            .fleet
            .entries
            .iter()
            .zip(objects)
            .map(|((key, entry), object)| Reach {
                key,
                target: &entry.spec.target,
                name: object.as_ref().ok().map(|object| object.name.as_str()),
                enabled: entry.spec.enabled,
                before: entry.rival.as_ref(),
            })
            .collect();
        let mut rivals = rivals(&reached);
        for (key, entry) in &mut self.fleet.entries {
            let rival = rivals.remove(key);
            if entry.rival != rival {
                match &rival {
                    Some(rival) => warn!(%key, %rival, "two workloads reach one object; neither moves it"),
                    None => info!(%key, "no other workload reaches its object any more"),
                }
                entry.rival = rival;
                // Who is in charge has changed: the next decision is recorded whatever it is.
                entry.recorded = None;
            }
        }
    }
}

/// What is new in a decision; none for a hold that was recorded not long ago. Changes that are made are always news;
/// one that is only observed is wanted again in every cycle.
fn news(
    before: Option<&(String, Timestamp)>,
    decided: &Decided,
    repeat: Span,
    now: Timestamp,
    acts: bool,
) -> Option<String> {
    let what = gist(&decided.planned);
    let old = before.is_some_and(|(last, at)| *last == what && now.since(*at) < repeat);
    let changes = acts && !matches!(decided.planned.plan.action, Action::Hold(_));
    (changes || !old).then_some(what)
}

fn alert(key: &WorkloadKey, decided: &Decided) {
    match decided.alert {
        Some(Alert::Raised { since }) => warn!(%key, %since, "nothing can be seen of this workload's load; it is held"),
        Some(Alert::Cleared { since }) => info!(%key, %since, "this workload's load is seen again"),
        None => {}
    }
}

impl Batch {
    fn add(
        &mut self,
        spec: tenantry_domain::spec::WorkloadSpec,
        decided: Decided,
        object: Option<&ObjectState>,
        generation: Generation,
        acts: bool,
    ) {
        let Decided { snapshot, planned, .. } = decided;
        let change = match (&planned.plan.action, object) {
            (Action::Scale { from, to }, Some(object)) => Some((What::Scale { from: *from, to: *to }, object.clone())),
            (Action::Resize(pods), Some(object)) => Some((What::Resize(pods.clone()), object.clone())),
            _ => None,
        };
        let outcome = match (&change, acts) {
            (None, _) => Outcome::Held,
            (Some(_), true) => Outcome::Pending,
            (Some(_), false) => Outcome::Observed,
        };
        let reason = why(&planned);
        let inputs = Inputs { spec, snapshot };
        let record = match record(&inputs, &planned, generation, outcome) {
            Ok(record) => record,
            Err(error) => {
                warn!(key = %planned.plan.key, %error, "a decision could not be written down and is not acted on");
                return;
            }
        };
        if let Some((what, object)) = change.filter(|_| acts) {
            let key = planned.plan.key;
            self.changes.push((self.records.len(), Change { key, object, record: 0, what, reason }));
        }
        self.records.push(record);
    }
}

/// One line of why, for the cluster's own events.
fn why(planned: &tenantry_domain::plan::Planned) -> String {
    use tenantry_domain::plan::Source;
    let report = &planned.report;
    let decisive =
        report.candidates.iter().filter(|candidate| candidate.used).max_by_key(|candidate| candidate.replicas);
    let source = match decisive.map(|candidate| &candidate.source) {
        Some(Source::Signal(signal)) => format!("signal {signal} asks for it"),
        Some(Source::Forecast { signal, quantile, .. }) => {
            format!("the {} % quantile of the forecast of {signal} asks for it", f64::from(quantile.0) / 10.0)
        }
        Some(Source::Event { event, .. }) => format!("event `{event}` asks for it"),
        Some(Source::Contest { signal, .. }) => format!("the policy in charge of {signal} asks for it"),
        Some(Source::Schedule(name)) => format!("schedule {name} asks for it"),
        Some(Source::Fixed) => "the declared size".to_owned(),
        Some(Source::Manual) => "set by hand".to_owned(),
        None => "its limits ask for it".to_owned(),
    };
    match report.bounds.last() {
        Some(bound) => format!("{source}; limited by {:?}", bound.limit),
        None => source,
    }
}

impl Driver {
    /// Records what was planned.
    pub(super) async fn record(&mut self, generation: Generation) -> Event {
        let records = std::mem::take(&mut self.batch.records);
        match self.ports.store.record(&records).await {
            Ok(ids) => {
                for (place, change) in &mut self.batch.changes {
                    change.record = ids.get(*place).copied().unwrap_or(0);
                }
                Event::Recorded { changes: !self.batch.changes.is_empty() }
            }
            Err(error) => {
                self.trouble(format!("{error}; nothing of cycle {generation} is applied, as it could not be recorded"));
                self.batch = Batch::default();
                for record in &records {
                    if let Some(entry) = self.fleet.entries.get_mut(&record.key) {
                        entry.recorded = None;
                    }
                }
                Event::RecordFailed
            }
        }
    }
}
