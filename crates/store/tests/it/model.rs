//! Random sequences of operations, against a model in memory that is too simple to be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::Outcome;
use tenantry_domain::snapshot::Pause;
use tenantry_engine::ports::store::{
    Change, ConfigStore as _, ControlStore as _, DecisionFilter, DecisionRecord, DocumentKey, Intervention, Kept,
    Owner, Retention, Revision, StoreError,
};
use tenantry_engine::scope::Scope;
use tenantry_store::Store;

use crate::given::*;

const TENANTS: [&str; 3] = ["a", "a-b", "b"];
const PARTS: [&str; 3] = ["memory", "model/cpu", "model/rate"];
const HOLDERS: [&str; 2] = ["x", "y"];

/// A change, its base given as how far it is from the right one.
#[derive(Debug, Clone)]
struct Try {
    key: usize,
    off_by: u64,
    owner: bool,
    body: Option<u8>,
}

#[derive(Debug, Clone)]
enum Step {
    Revise(Vec<Try>),
    Record(Vec<(usize, i64, bool)>),
    Settle(Vec<(u64, bool)>),
    Prune(i64, i64, u64),
    Intervene(usize, Option<u8>),
    Keep(Vec<(usize, usize, u8)>),
    Lease(usize, i64, i64),
    Release(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let one = (0..6_usize, prop_oneof![9 => Just(0_u64), 1 => 1..3_u64], any::<bool>(), proptest::option::of(0..3_u8));
    let one = one.prop_map(|(key, off_by, owner, body)| Try { key, off_by, owner, body });
    prop_oneof![
        6 => proptest::collection::vec(one, 0..4).prop_map(Step::Revise),
        4 => proptest::collection::vec((0..3_usize, 0..20_i64, any::<bool>()), 0..5).prop_map(Step::Record),
        2 => proptest::collection::vec((0..30_u64, any::<bool>()), 0..5).prop_map(Step::Settle),
        2 => (0..20_i64, 0..20_i64, 0..6_u64).prop_map(|(holds, changes, most)| Step::Prune(holds, changes, most)),
        2 => (0..3_usize, proptest::option::of(0..3_u8)).prop_map(|(key, pause)| Step::Intervene(key, pause)),
        3 => proptest::collection::vec((0..3_usize, 0..3_usize, 0..4_u8), 0..5).prop_map(Step::Keep),
        3 => (0..2_usize, 0..20_i64, 0..10_i64).prop_map(|(holder, now, long)| Step::Lease(holder, now, long)),
        1 => (0..2_usize).prop_map(Step::Release),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Debug, Default)]
struct Model {
    revisions: BTreeMap<DocumentKey, Vec<Revision>>,
    decisions: Vec<DecisionRecord>,
    last_id: u64,
    interventions: BTreeMap<WorkloadKey, Intervention>,
    kept: BTreeMap<(WorkloadKey, String), Kept>,
    /// Holder, epoch, end.
    lease: Option<(Option<usize>, u64, i64)>,
    changes: u64,
}

fn document(index: usize) -> DocumentKey {
    match index {
        0 => DocumentKey::Defaults,
        1 => tier("gold"),
        2 => region("gold"),
        other => tenant(TENANTS[other - 3]),
    }
}

fn place(index: usize) -> WorkloadKey {
    workload(TENANTS[index], "web")
}

impl Model {
    /// The change that a try comes to, given what was tried before it in the same batch.
    fn change(&self, tried: &Try, before: &[Change]) -> Change {
        let key = document(tried.key);
        let last = self.revisions.get(&key).map_or(0, Vec::len) + before.iter().filter(|one| one.key == key).count();
        let based_on = u64::try_from(last).unwrap() + tried.off_by;
        let changed = match tried.body {
            Some(body) => change(key, based_on, &body.to_string()),
            None => removal(key, based_on),
        };
        if tried.owner { changed } else { of_folder(changed, "/etc") }
    }

    fn revise(&mut self, changes: &[Change]) -> Result<Vec<Revision>, (DocumentKey, Option<Owner>)> {
        let mut next = self.revisions.clone();
        let mut made = Vec::new();
        for Change { key, based_on, owner, body, digest } in changes {
            let past = next.entry(key.clone()).or_default();
            let number = u64::try_from(past.len()).unwrap();
            if *based_on != number {
                return Err((key.clone(), None));
            }
            let blocked = past.last().filter(|last| last.body.is_some() && last.owner != *owner);
            if let Some(last) = blocked.filter(|last| body.is_none() || last.digest != *digest) {
                return Err((key.clone(), Some(last.owner.clone())));
            }
            let revision = Revision {
                key: key.clone(),
                number: number + 1,
                owner: owner.clone(),
                author: ann().author,
                at: ann().at,
                reason: ann().reason,
                body: body.clone(),
                digest: digest.clone(),
            };
            past.push(revision.clone());
            made.push(revision);
        }
        self.changes += u64::try_from(changes.len()).unwrap();
        next.retain(|_, past| !past.is_empty());
        self.revisions = next;
        Ok(made)
    }

    fn record(&mut self, records: &[DecisionRecord]) -> Vec<u64> {
        let mut ids = Vec::new();
        for record in records {
            self.last_id += 1;
            ids.push(self.last_id);
            self.decisions.push(DecisionRecord { id: self.last_id, ..record.clone() });
        }
        ids
    }

    fn prune(&mut self, retention: &Retention) -> u64 {
        let before = self.decisions.len();
        self.decisions.retain(|record| {
            record.at >= if record.changes() { retention.changes_before } else { retention.holds_before }
        });
        for index in 0..TENANTS.len() {
            let key = place(index);
            let mut left = retention.records_per_workload;
            let mut newest_first: Vec<_> = self.decisions.drain(..).rev().collect();
            newest_first.retain(|record| {
                let stays = record.key != key || left > 0;
                left -= u64::from(record.key == key && left > 0);
                stays
            });
            self.decisions = newest_first.into_iter().rev().collect();
        }
        u64::try_from(before - self.decisions.len()).unwrap()
    }

    fn lease(&mut self, holder: usize, now: i64, until: i64) -> Option<u64> {
        let epoch = match self.lease {
            None => 1,
            Some((None, epoch, _)) => epoch + 1,
            Some((Some(held), epoch, _)) if held == holder => epoch,
            Some((Some(_), epoch, end)) if end <= now => epoch + 1,
            Some(_) => return None,
        };
        self.lease = Some((Some(holder), epoch, until));
        Some(epoch)
    }
}

async fn take(store: &Store, model: &mut Model, step: &Step) {
    match step {
        Step::Revise(tries) => {
            let mut changes = Vec::new();
            for tried in tries {
                changes.push(model.change(tried, &changes));
            }
            match (store.revise(&changes, &ann()).await, model.revise(&changes)) {
                (Ok(made), Ok(wanted)) => assert_eq!(made, wanted),
                (Err(StoreError::Stale { key, .. }), Err(wanted)) => assert_eq!((key, None), wanted),
                (Err(StoreError::Owned { key, owner }), Err(wanted)) => assert_eq!((key, Some(owner)), wanted),
                (found, wanted) => panic!("{found:?} where {wanted:?} was expected"),
            }
        }
        Step::Record(given) => {
            let one = |(index, millis, changes): &(usize, i64, bool)| {
                decision(place(*index), *millis, 1, if *changes { 2 } else { 1 })
            };
            let records: Vec<_> = given.iter().map(one).collect();
            assert_eq!(store.record(&records).await.unwrap(), model.record(&records));
        }
        Step::Settle(given) => {
            let outcome = |well: bool| if well { Outcome::Applied } else { Outcome::Refused("no".to_owned()) };
            let outcomes: Vec<_> = given.iter().map(|(id, well)| (*id, outcome(*well))).collect();
            store.settle(&outcomes).await.unwrap();
            for (id, outcome) in outcomes {
                model.decisions.iter_mut().filter(|record| record.id == id && record.changes()).for_each(|record| {
                    record.outcome = outcome.clone();
                });
            }
        }
        Step::Prune(holds, changes, most) => {
            let retention =
                Retention { holds_before: at(*holds), changes_before: at(*changes), records_per_workload: *most };
            assert_eq!(store.prune(&retention).await.unwrap(), model.prune(&retention));
        }
        Step::Intervene(index, pause) => {
            let pause = pause.map(|n| Pause { author: "bo".to_owned(), reason: n.to_string(), expires_at: None });
            let intervention = Intervention { manual: None, pause };
            store.intervene(&place(*index), &intervention, &ann()).await.unwrap();
            model.changes += 1;
            if intervention.pause.is_some() {
                model.interventions.insert(place(*index), intervention);
            } else {
                model.interventions.remove(&place(*index));
            }
        }
        Step::Keep(given) => {
            let one = |(index, part, length): &(usize, usize, u8)| {
                blob(place(*index), PARTS[*part], &vec![*length; usize::from(*length)])
            };
            let kept: Vec<_> = given.iter().map(one).collect();
            store.keep(&kept).await.unwrap();
            for item in kept {
                let at = (item.key.clone(), item.part.clone());
                if item.bytes.is_empty() {
                    model.kept.remove(&at);
                } else {
                    model.kept.insert(at, item);
                }
            }
        }
        Step::Lease(holder, now, long) => {
            let found = store.lease("leader", HOLDERS[*holder], at(*now), at(now + long)).await.unwrap();
            assert_eq!(found, model.lease(*holder, *now, now + long));
        }
        Step::Release(holder) => {
            store.release("leader", HOLDERS[*holder]).await.unwrap();
            if let Some((held, ..)) = &mut model.lease {
                held.take_if(|held| held == holder);
            }
        }
        Step::Reopen => {}
    }
}

/// All that can be read is what the model says, for everybody.
async fn compare(store: &Store, model: &Model) {
    let mut scopes: Vec<(Scope, Option<&str>)> = vec![(platform(), None)];
    scopes.extend(TENANTS.iter().map(|tenant| (only(tenant), Some(*tenant))));
    for (scope, inside) in scopes {
        let sees = |key: &WorkloadKey| inside.is_none_or(|inside| key.tenant.as_str() == inside);
        let sees_document = |key: &DocumentKey| match key {
            DocumentKey::Tenant(id) => inside.is_none_or(|inside| id.as_str() == inside),
            _ => true,
        };
        let visible = || model.revisions.iter().filter(|(key, _)| sees_document(key));
        let live: Vec<_> = visible().filter_map(|(_, past)| past.last().filter(|last| last.body.is_some())).collect();
        assert_eq!(store.documents(&scope).await.unwrap().iter().collect::<Vec<_>>(), live);
        for index in 0..6 {
            let key = document(index);
            let past = model.revisions.get(&key).filter(|_| sees_document(&key)).cloned().unwrap_or_default();
            assert_eq!(store.head(&scope, &key).await.unwrap(), past.last().cloned());
            let history = store.history(&scope, &key, None, 100).await.unwrap();
            assert_eq!(history, past.into_iter().rev().collect::<Vec<_>>());
        }
        let decisions: Vec<_> = model.decisions.iter().rev().filter(|one| sees(&one.key)).collect();
        let found = store.decisions(&scope, &DecisionFilter::default(), 1_000).await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), decisions);
        let interventions = model.interventions.clone().into_iter().filter(|(key, _)| sees(key));
        assert_eq!(store.interventions(&scope).await.unwrap(), interventions.collect::<Vec<_>>());
        for part in ["", "model/"] {
            let kept = model.kept.values().filter(|one| sees(&one.key) && one.part.starts_with(part));
            assert_eq!(store.kept(&scope, part).await.unwrap().iter().collect::<Vec<_>>(), kept.collect::<Vec<_>>());
        }
    }
    assert_eq!(store.config_version().await.unwrap(), model.changes);
}

async fn check(fresh: Fresh, steps: &[Step]) {
    let mut model = Model::default();
    let mut store = std::sync::Arc::clone(&fresh.store);
    for step in steps {
        if matches!(step, Step::Reopen) {
            store.close().await;
            store = open(&fresh.url).await.unwrap();
        }
        take(&store, &mut model, step).await;
    }
    compare(&store, &model).await;
    store.close().await;
}

fn run(cases: u32, fresh: impl AsyncFn() -> Option<Fresh>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // A store that is not installed needs no cases.
    if runtime.block_on(fresh()).is_none() {
        return;
    }
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let steps = proptest::collection::vec(step(), 1..40);
    let done = TestRunner::new(config).run(&steps, |steps| {
        runtime.block_on(async { check(fresh().await.unwrap(), &steps).await });
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

#[test]
fn sqlite_does_what_the_model_does() {
    run(64, async || Some(sqlite().await));
}

#[test]
fn postgres_does_what_the_model_does() {
    run(16, postgres);
}
