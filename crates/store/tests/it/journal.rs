//! A numbered sequence of writes whose traces tell exactly which of them are in a store, and whether each is whole.

use std::collections::BTreeMap;

use tenantry_engine::ports::store::{
    ConfigStore as _, ControlStore as _, DecisionFilter, DecisionRecord, DocumentKey, Revision, StoreError,
};
use tenantry_store::Store;

use crate::given::*;

/// Documents that a write changes, and workloads whose state it keeps.
const WIDTH: usize = 5;

/// Does write `number`, counted from 1: in turn it records, revises and keeps.
pub(crate) async fn write(store: &Store, number: u64) -> Result<(), StoreError> {
    match number % 3 {
        1 => store.record(&batch(number)).await.map(|_| ()),
        2 => {
            let based_on = number / 3;
            let body = "x".repeat(1_000);
            let changes: Vec<_> = documents().into_iter().map(|key| change(key, based_on, &body)).collect();
            store.revise(&changes, &ann()).await.map(|_| ())
        }
        _ => {
            let mut bytes = number.to_le_bytes().to_vec();
            bytes.resize(6_000, 0x5a);
            let kept: Vec<_> = (0..WIDTH).map(|n| blob(workload("a", &format!("w{n}")), "model", &bytes)).collect();
            store.keep(&kept).await
        }
    }
}

fn documents() -> Vec<DocumentKey> {
    (0..WIDTH).map(|n| tenant(&format!("t{n}"))).collect()
}

fn batch(number: u64) -> Vec<DecisionRecord> {
    let size = number * 7 % 60 + 1;
    let one = |n: u64| DecisionRecord {
        inputs: format!("{number}:{n}:{}", "i".repeat(800)),
        ..decision(workload("a", "web"), i64::try_from(number).unwrap(), 0, u32::try_from(size).unwrap())
    };
    (0..size).map(one).collect()
}

/// The number of the last write that is there. Panics when a write is there in part, or one before it is not.
pub(crate) async fn last(store: &Store) -> u64 {
    let recorded = last_recorded(store).await;
    let revised = last_revised(store).await;
    let kept = last_kept(store).await;
    let last = recorded.max(revised).max(kept);
    for before in last.saturating_sub(2)..=last {
        let (kind, found) = match before % 3 {
            1 => ("recorded", recorded),
            2 => ("revised", revised),
            _ => ("kept", kept),
        };
        assert!(found >= before, "write {last} is there, and of those before it {kind} only up to {found}");
    }
    last
}

async fn last_recorded(store: &Store) -> u64 {
    let all = store.decisions(&platform(), &DecisionFilter::default(), u32::MAX).await.unwrap();
    let mut found: BTreeMap<u64, Vec<DecisionRecord>> = BTreeMap::new();
    for record in all.into_iter().rev() {
        let number = u64::try_from(record.at.as_millis()).unwrap();
        found.entry(number).or_default().push(DecisionRecord { id: 0, ..record });
    }
    let last = found.keys().next_back().copied().unwrap_or(0);
    for number in (1..=last).step_by(3) {
        assert_eq!(found.get(&number), Some(&batch(number)), "record {number} of {last}");
    }
    last
}

async fn last_revised(store: &Store) -> u64 {
    let heads: Vec<Revision> = store.documents(&platform()).await.unwrap();
    let Some(first) = heads.first() else { return 0 };
    let told: Vec<_> = heads.iter().map(|head| (head.key.clone(), head.number)).collect();
    let wanted: Vec<_> = documents().into_iter().map(|key| (key, first.number)).collect();
    assert_eq!(told, wanted, "documents are revised together");
    for key in documents() {
        let history = store.history(&platform(), &key, None, u32::MAX).await.unwrap();
        let numbers: Vec<u64> = history.iter().map(|revision| revision.number).collect();
        assert_eq!(numbers, (1..=first.number).rev().collect::<Vec<_>>(), "history of {key}");
    }
    (first.number - 1) * 3 + 2
}

async fn last_kept(store: &Store) -> u64 {
    let kept = store.kept(&platform(), "model").await.unwrap();
    let Some(first) = kept.first() else { return 0 };
    assert_eq!(kept.len(), WIDTH);
    assert!(kept.iter().all(|item| item.bytes == first.bytes), "states are kept together");
    assert_eq!(first.bytes.len(), 6_000);
    u64::from_le_bytes(first.bytes[..8].try_into().unwrap())
}

/// SQLite's own check of the whole file.
pub(crate) async fn check_file(url: &str) {
    use sqlx::{Connection as _, SqliteConnection};
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(said, ["ok"]);
    connection.close().await.unwrap();
}
