//! All workloads that this controller sizes, with what it remembers of each.
//!
//! INVARIANT(isolation): an entry is changed only by its own workload's readings. What workloads of one tenant share,
//! their quota, comes in as a number. Law L6.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenantry_domain::id::{SignalName, WorkloadKey};
use tenantry_domain::plan::Generation;
use tenantry_domain::snapshot::{Memory, ScaleEvent};
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_domain::vertical::PodResize;
use tenantry_forecast::Forecaster;
use tenantry_planner::Startup;
use tenantry_planner::contest::Arena;
use tenantry_planner::demand::Model as Demand;
use tenantry_planner::vertical::Usage;
use tenantry_workflow::patience::Patience;
use tenantry_workflow::vigil::Vigil;

use crate::announce::{Ahead, is_near};
use crate::contend::Lags;
use crate::ports::store::{Intervention, Kept};
use crate::status::{STATUS, WorkloadStatus};

/// Name under which is kept what its containers used.
pub(crate) const USAGE: &str = "usage";
/// Prefix of the names under which its outlooks are kept.
pub(crate) const AHEAD: &str = "outlook/";
/// Name under which a workload's memory is kept.
pub(crate) const MEMORY: &str = "memory";
/// Prefix of the names under which its models are kept.
pub(crate) const MODEL: &str = "model/";
/// Prefix of the names under which its contests are kept.
pub(crate) const ARENA: &str = "contest/";
/// Prefix of the names under which what is known of its demand is kept.
pub(crate) const DEMAND: &str = "demand/";

/// A change that was sent and whose outcome nobody knows yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsettled {
    pub(crate) record: u64,
    pub(crate) event: ScaleEvent,
    pub(crate) generation: Generation,
}

/// What is remembered of one workload.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) spec: WorkloadSpec,
    pub(crate) intervention: Intervention,
    pub(crate) models: BTreeMap<SignalName, Forecaster>,
    /// Outlooks beside the models, while an announced event is near.
    pub(crate) ahead: BTreeMap<SignalName, Ahead>,
    /// Contests of policies, for signals whose capacity is declared or learned.
    pub(crate) arenas: BTreeMap<SignalName, Arena>,
    /// How old their loads are when they are seen, in steps of a contest.
    pub(crate) lags: BTreeMap<SignalName, u32>,
    /// What a replica carries of those signals.
    pub(crate) demands: BTreeMap<SignalName, Demand>,
    pub(crate) memory: Memory,
    pub(crate) startup: Startup,
    pub(crate) last_size: Option<Replicas>,
    pub(crate) patience: Patience,
    pub(crate) vigil: Vigil,
    pub(crate) unsettled: Option<Unsettled>,
    /// What its containers used, and should request.
    pub(crate) usage: Usage,
    /// Apart from the patience with sizes: a pod that cannot be resized must not keep a workload from growing.
    pub(crate) resize_patience: Patience,
    /// A record of pods that were resized and whose outcome nobody knows yet.
    pub(crate) unsettled_resize: Option<(u64, Vec<PodResize>)>,
    /// What was recorded last, and when, so that the same hold is not recorded every cycle.
    pub(crate) recorded: Option<(String, Timestamp)>,
    pub(crate) status: Option<WorkloadStatus>,
    /// Another workload that reaches the same object.
    pub(crate) rival: Option<WorkloadKey>,
    /// Whether the status differs from the one that was kept last.
    pub(crate) status_is_new: bool,
}

/// The part of an entry that survives a restart, besides its models.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    memory: Memory,
    startup: Startup,
    last_size: Option<Replicas>,
}

impl Entry {
    fn new(spec: WorkloadSpec, lags: &mut Lags) -> Self {
        Self {
            lags: lags.of(&spec),
            spec,
            intervention: Intervention::default(),
            models: BTreeMap::new(),
            ahead: BTreeMap::new(),
            arenas: BTreeMap::new(),
            demands: BTreeMap::new(),
            memory: Memory::default(),
            startup: Startup::default(),
            last_size: None,
            patience: Patience::default(),
            vigil: Vigil::default(),
            unsettled: None,
            usage: Usage::default(),
            resize_patience: Patience::default(),
            unsettled_resize: None,
            recorded: None,
            status: None,
            rival: None,
            status_is_new: false,
        }
    }
}

/// The workloads, by key.
#[derive(Debug, Default)]
pub struct Fleet {
    pub(crate) entries: BTreeMap<WorkloadKey, Entry>,
}

impl Fleet {
    /// Takes over the declared workloads: new ones begin, changed ones go on with their memory, others are forgotten.
    /// What was kept of those is named, to be dropped.
    pub fn declare(&mut self, specs: impl IntoIterator<Item = WorkloadSpec>) -> Vec<(WorkloadKey, String)> {
        let mut before = std::mem::take(&mut self.entries);
        let mut lags = Lags::default();
        for spec in specs {
            let mut entry = before.remove(&spec.key).unwrap_or_else(|| Entry::new(spec.clone(), &mut lags));
            if entry.spec != spec {
                entry.lags = lags.of(&spec);
                entry.models.retain(|name, _| same_signal(&entry.spec, &spec, name));
                entry.demands.retain(|name, _| same_signal(&entry.spec, &spec, name));
                entry.ahead.retain(|name, _| same_signal(&entry.spec, &spec, name));
                entry.ahead.values_mut().for_each(Ahead::forget_calendar);
                entry
                    .arenas
                    .retain(|name, _| same_signal(&entry.spec, &spec, name) && same_capacity(&entry.spec, &spec, name));
                if entry.spec.target != spec.target {
                    entry.usage = Usage::default();
                }
                // What is asked has changed: the next decision is recorded whatever it is.
                entry.recorded = None;
                entry.spec = spec;
            }
            self.entries.insert(entry.spec.key.clone(), entry);
        }
        let gone = before.into_iter().flat_map(|(key, entry)| {
            let models = entry.models.into_keys().map(|signal| format!("{MODEL}{signal}"));
            let arenas = entry.arenas.into_keys().map(|signal| format!("{ARENA}{signal}"));
            let demands = entry.demands.into_keys().map(|signal| format!("{DEMAND}{signal}"));
            let ahead = entry.ahead.into_keys().map(|signal| format!("{AHEAD}{signal}"));
            let parts: Vec<String> = models
                .chain(ahead)
                .chain(arenas)
                .chain(demands)
                .chain([MEMORY, STATUS, USAGE].map(str::to_owned))
                .collect();
            parts.into_iter().map(move |part| (key.clone(), part))
        });
        gone.collect()
    }

    /// Takes over what people asked; what is not named is asked no longer.
    pub fn intervene(&mut self, asked: Vec<(WorkloadKey, Intervention)>) {
        for entry in self.entries.values_mut() {
            entry.intervention = Intervention::default();
        }
        for (key, intervention) in asked {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.intervention = intervention;
            }
        }
    }

    /// What an earlier run kept of workloads that are no longer declared, and outlooks on events that are over, to be
    /// dropped.
    pub(crate) fn strangers(&self, kept: &[Kept], now: Timestamp) -> Vec<(WorkloadKey, String)> {
        let strange = kept.iter().filter(|row| match self.entries.get(&row.key) {
            None => true,
            Some(entry) => row.part.starts_with(AHEAD) && !is_near(&entry.spec.almanac, now),
        });
        strange.map(|row| (row.key.clone(), row.part.clone())).collect()
    }

    /// How many workloads there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many tenants the workloads are of.
    pub(crate) fn tenants(&self) -> usize {
        // Keys are ordered by tenant.
        let mut last = None;
        self.entries.keys().filter(|key| last.replace(&key.tenant) != Some(&key.tenant)).count()
    }

    /// The workloads' keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &WorkloadKey> {
        self.entries.keys()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes over what an earlier run kept; what cannot be read is left out and named.
    pub(crate) fn restore(&mut self, kept: Vec<Kept>) -> Vec<String> {
        let mut complaints = Vec::new();
        for Kept { key, part, bytes, .. } in kept {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            if part == MEMORY {
                match serde_json::from_slice::<Remembered>(&bytes) {
                    Ok(known) => {
                        (entry.memory, entry.startup) = (known.memory, known.startup);
                        entry.last_size = known.last_size;
                    }
                    Err(error) => complaints.push(format!("memory of {key}: {error}")),
                }
            } else if part == USAGE {
                match Usage::from_bytes(&bytes) {
                    Ok(usage) => entry.usage = usage,
                    Err(error) => complaints.push(format!("usage of {key}: {error}")),
                }
            } else if let Some(Ok(signal)) = part.strip_prefix(MODEL).map(SignalName::new) {
                match Forecaster::from_bytes(&bytes) {
                    Ok(model) => {
                        entry.models.insert(signal, model);
                    }
                    Err(error) => complaints.push(format!("model of {key}, signal {signal}: {error}")),
                }
            } else if let Some(Ok(signal)) = part.strip_prefix(AHEAD).map(SignalName::new) {
                match Ahead::from_bytes(&bytes) {
                    Ok(ahead) => {
                        entry.ahead.insert(signal, ahead);
                    }
                    Err(error) => complaints.push(format!("outlook of {key}, signal {signal}: {error}")),
                }
            } else if let Some(Ok(signal)) = part.strip_prefix(ARENA).map(SignalName::new) {
                match Arena::from_bytes(&bytes) {
                    Ok(arena) => {
                        entry.arenas.insert(signal, arena);
                    }
                    Err(error) => complaints.push(format!("contest of {key}, signal {signal}: {error}")),
                }
            } else if let Some(Ok(signal)) = part.strip_prefix(DEMAND).map(SignalName::new) {
                match Demand::from_bytes(&bytes) {
                    Ok(demand) => {
                        entry.demands.insert(signal, demand);
                    }
                    Err(error) => complaints.push(format!("demand of {key}, signal {signal}: {error}")),
                }
            }
        }
        complaints
    }

    /// What lets a later run go on as if nothing had happened, of the workloads that `which` picks.
    pub(crate) fn keep(&self, now: Timestamp, which: impl Fn(usize) -> bool) -> Vec<Kept> {
        let mut kept = Vec::new();
        for (_, (key, entry)) in self.entries.iter().enumerate().filter(|(place, _)| which(*place)) {
            let remembered =
                Remembered { memory: entry.memory.clone(), startup: entry.startup.clone(), last_size: entry.last_size };
            if let Ok(bytes) = serde_json::to_vec(&remembered) {
                kept.push(Kept { key: key.clone(), part: MEMORY.to_owned(), bytes, at: now });
            }
            if !entry.usage.is_empty() {
                let (part, bytes) = (USAGE.to_owned(), entry.usage.to_bytes());
                kept.push(Kept { key: key.clone(), part, bytes, at: now });
            }
            kept.extend(entry.models.iter().map(|(signal, model)| Kept {
                key: key.clone(),
                part: format!("{MODEL}{signal}"),
                bytes: model.to_bytes(),
                at: now,
            }));
            kept.extend(entry.ahead.iter().map(|(signal, ahead)| Kept {
                key: key.clone(),
                part: format!("{AHEAD}{signal}"),
                bytes: ahead.to_bytes(),
                at: now,
            }));
            kept.extend(entry.arenas.iter().map(|(signal, arena)| Kept {
                key: key.clone(),
                part: format!("{ARENA}{signal}"),
                bytes: arena.to_bytes(),
                at: now,
            }));
            kept.extend(entry.demands.iter().map(|(signal, demand)| Kept {
                key: key.clone(),
                part: format!("{DEMAND}{signal}"),
                bytes: demand.to_bytes(),
                at: now,
            }));
        }
        kept
    }

    /// Sizes that each tenant's workloads have, as last read.
    pub(crate) fn totals(&self) -> BTreeMap<String, i64> {
        let mut totals = BTreeMap::new();
        for (key, entry) in &self.entries {
            let size = entry.last_size.unwrap_or_default().as_i64();
            *totals.entry(key.tenant.as_str().to_owned()).or_default() += size;
        }
        totals
    }
}

/// Whether shadows sized for the one are right for the other.
fn same_capacity(before: &WorkloadSpec, after: &WorkloadSpec, name: &SignalName) -> bool {
    let find = |spec: &WorkloadSpec| spec.signals.iter().find(|signal| signal.name == *name).map(|one| one.capacity);
    find(before) == find(after)
}

fn same_signal(before: &WorkloadSpec, after: &WorkloadSpec, name: &SignalName) -> bool {
    let find = |spec: &WorkloadSpec| {
        let signal = spec.signals.iter().find(|signal| signal.name == *name)?;
        Some((signal.kind, signal.query.clone(), spec.target.clone()))
    };
    find(before).is_some_and(|signal| Some(signal) == find(after))
}
