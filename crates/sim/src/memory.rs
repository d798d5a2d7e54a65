//! A store in memory, that can be told to fail: for histories that need no disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::Outcome;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::{
    Authorship, Change, ConfigStore, ControlStore, DecisionFilter, DecisionRecord, DocumentKey, Intervention, Kept,
    Retention, Revision, StoreError, Stored,
};
use tenantry_engine::scope::Scope;

#[derive(Debug, Default)]
struct Rows {
    revisions: BTreeMap<DocumentKey, Vec<Revision>>,
    decisions: BTreeMap<u64, DecisionRecord>,
    interventions: BTreeMap<WorkloadKey, Intervention>,
    kept: BTreeMap<(WorkloadKey, String), Kept>,
    leases: BTreeMap<String, (String, Timestamp, u64)>,
    version: u64,
    last_id: u64,
    failing: bool,
}

/// The store.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Rows>);

impl MemoryStore {
    /// From now on every write fails, or works again.
    pub fn fail(&self, failing: bool) {
        self.lock().failing = failing;
    }

    /// Every decision, oldest first.
    #[must_use]
    pub fn all_decisions(&self) -> Vec<DecisionRecord> {
        self.lock().decisions.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, action: &'static str) -> Stored<MutexGuard<'_, Rows>> {
        let rows = self.lock();
        if rows.failing { Err(StoreError::Full { action }) } else { Ok(rows) }
    }
}

fn sees(scope: &Scope, key: &WorkloadKey) -> bool {
    scope.only().is_none_or(|tenant| *tenant == key.tenant)
}

fn sees_document(scope: &Scope, key: &DocumentKey) -> bool {
    match key {
        DocumentKey::Tenant(tenant) => scope.only().is_none_or(|only| only == tenant),
        DocumentKey::Defaults | DocumentKey::Tier(_) | DocumentKey::Region(_) => true,
    }
}

#[async_trait]
impl ConfigStore for MemoryStore {
    async fn revise(&self, changes: &[Change], by: &Authorship) -> Stored<Vec<Revision>> {
        let mut rows = self.write("revise documents")?;
        let mut made = Vec::new();
        for change in changes {
            let last = rows.revisions.get(&change.key).and_then(|revisions| revisions.last());
            let found = last.map_or(0, |revision| revision.number);
            if found != change.based_on {
                return Err(StoreError::Stale { key: change.key.clone(), based_on: change.based_on, found });
            }
            if let Some(last) = last.filter(|last| last.owner != change.owner && last.body.is_some()) {
                return Err(StoreError::Owned { key: change.key.clone(), owner: last.owner.clone() });
            }
            made.push(Revision {
                key: change.key.clone(),
                number: found + 1,
                owner: change.owner.clone(),
                author: by.author.clone(),
                at: by.at,
                reason: by.reason.clone(),
                body: change.body.clone(),
                digest: change.digest.clone(),
            });
        }
        for revision in &made {
            rows.revisions.entry(revision.key.clone()).or_default().push(revision.clone());
        }
        rows.version += 1;
        Ok(made)
    }

    async fn documents(&self, scope: &Scope) -> Stored<Vec<Revision>> {
        let rows = self.lock();
        let last = rows.revisions.values().filter_map(|revisions| revisions.last());
        Ok(last.filter(|last| last.body.is_some() && sees_document(scope, &last.key)).cloned().collect())
    }

    async fn head(&self, scope: &Scope, key: &DocumentKey) -> Stored<Option<Revision>> {
        let last = self.lock().revisions.get(key).and_then(|revisions| revisions.last()).cloned();
        Ok(last.filter(|last| sees_document(scope, &last.key)))
    }

    async fn history(
        &self,
        scope: &Scope,
        key: &DocumentKey,
        before: Option<u64>,
        count: u32,
    ) -> Stored<Vec<Revision>> {
        let rows = self.lock();
        let revisions = rows.revisions.get(key).filter(|_| sees_document(scope, key));
        let older = |revision: &&Revision| before.is_none_or(|before| revision.number < before);
        let newest_first = revisions.into_iter().flatten().rev().filter(older);
        Ok(newest_first.take(count as usize).cloned().collect())
    }

    async fn config_version(&self) -> Stored<u64> {
        Ok(self.lock().version)
    }

    async fn changed_since(&self, version: u64, _: u32) -> Stored<Option<Vec<DocumentKey>>> {
        // It keeps no order of changes.
        Ok((version == self.lock().version).then(Vec::new))
    }
}

#[async_trait]
impl ControlStore for MemoryStore {
    async fn record(&self, decisions: &[DecisionRecord]) -> Stored<Vec<u64>> {
        let mut rows = self.write("record decisions")?;
        let mut ids = Vec::new();
        for decision in decisions {
            rows.last_id += 1;
            let id = rows.last_id;
            rows.decisions.insert(id, DecisionRecord { id, ..decision.clone() });
            ids.push(id);
        }
        Ok(ids)
    }

    async fn settle(&self, outcomes: &[(u64, Outcome)]) -> Stored<()> {
        let mut rows = self.write("settle outcomes")?;
        for (id, outcome) in outcomes {
            if let Some(decision) = rows.decisions.get_mut(id).filter(|decision| decision.changes()) {
                decision.outcome = outcome.clone();
            }
        }
        Ok(())
    }

    async fn decisions(&self, scope: &Scope, filter: &DecisionFilter, count: u32) -> Stored<Vec<DecisionRecord>> {
        let rows = self.lock();
        let wanted = |decision: &&DecisionRecord| {
            sees(scope, &decision.key)
                && filter.key.as_ref().is_none_or(|key| decision.key == *key)
                && (!filter.changes_only || decision.changes())
                && filter.before.is_none_or(|before| decision.id < before)
                && filter.since.is_none_or(|since| decision.at >= since)
        };
        Ok(rows.decisions.values().rev().filter(wanted).take(count as usize).cloned().collect())
    }

    async fn prune(&self, retention: &Retention) -> Stored<u64> {
        let mut rows = self.write("remove old decisions")?;
        let before = rows.decisions.len();
        rows.decisions.retain(|_, decision| {
            let limit = if decision.changes() { retention.changes_before } else { retention.holds_before };
            decision.at >= limit
        });
        let mut seen: BTreeMap<WorkloadKey, u64> = BTreeMap::new();
        let ids: Vec<u64> = rows.decisions.keys().rev().copied().collect();
        for id in ids {
            let Some(key) = rows.decisions.get(&id).map(|decision| decision.key.clone()) else { continue };
            let count = seen.entry(key).or_default();
            *count += 1;
            if *count > retention.records_per_workload {
                rows.decisions.remove(&id);
            }
        }
        Ok((before - rows.decisions.len()) as u64)
    }

    async fn intervene(&self, key: &WorkloadKey, intervention: &Intervention, _: &Authorship) -> Stored<()> {
        let mut rows = self.write("intervene")?;
        rows.interventions.insert(key.clone(), intervention.clone());
        if *intervention == Intervention::default() {
            rows.interventions.remove(key);
        }
        rows.version += 1;
        Ok(())
    }

    async fn interventions(&self, scope: &Scope) -> Stored<Vec<(WorkloadKey, Intervention)>> {
        let rows = self.lock();
        let seen = rows.interventions.iter().filter(|(key, _)| sees(scope, key));
        Ok(seen.map(|(key, asked)| (key.clone(), asked.clone())).collect())
    }

    async fn keep(&self, kept: &[Kept]) -> Stored<()> {
        let mut rows = self.write("keep state")?;
        for row in kept {
            let place = (row.key.clone(), row.part.clone());
            if row.bytes.is_empty() {
                rows.kept.remove(&place)
            } else {
                rows.kept.insert(place, row.clone())
            };
        }
        Ok(())
    }

    async fn kept(&self, scope: &Scope, part: &str) -> Stored<Vec<Kept>> {
        let rows = self.lock();
        let wanted = |row: &&Kept| sees(scope, &row.key) && row.part.starts_with(part);
        Ok(rows.kept.values().filter(wanted).cloned().collect())
    }

    async fn lease(&self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> Stored<Option<u64>> {
        let mut rows = self.write("hold a lease")?;
        let epoch = match rows.leases.get(name) {
            Some((held_by, ends, _)) if held_by != holder && now < *ends => return Ok(None),
            Some((held_by, _, epoch)) if held_by == holder => *epoch,
            Some((_, _, epoch)) => epoch + 1,
            None => 1,
        };
        rows.leases.insert(name.to_owned(), (holder.to_owned(), until, epoch));
        Ok(Some(epoch))
    }

    async fn release(&self, name: &str, holder: &str) -> Stored<()> {
        let mut rows = self.write("release a lease")?;
        if let Some((held_by, ends, _)) = rows.leases.get_mut(name)
            && held_by == holder
        {
            *ends = Timestamp::default();
        }
        Ok(())
    }
}
