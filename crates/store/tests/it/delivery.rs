//! Delivering entries: at least once, in their order, never with a gap.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tenantry_audit::{SEED_LENGTH, SigningKeys, Told};
use tenantry_engine::audit::Audit;
use tenantry_engine::ports::receiver::{Receiver, Undelivered};
use tenantry_engine::ports::store::{ConfigStore as _, ControlStore as _};
use tenantry_store::Store;

use crate::audit::tamper;
use crate::given::*;

const PLACE: &str = "https://siem.example.org/";

fn keys() -> SigningKeys {
    SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap()
}

fn audit(store: &Arc<Store>) -> Audit {
    Audit::new(store.clone(), "test")
}

/// A receiver that acknowledges by turns: it fails before it has taken a batch, or after.
#[derive(Default)]
struct Fickle {
    took: Mutex<Vec<(String, u64)>>,
    turn: Mutex<u32>,
    fails_each: u32,
}

#[async_trait]
impl Receiver for Fickle {
    async fn deliver(&self, told: &[Told]) -> Result<(), Undelivered> {
        let turn = {
            let mut turn = self.turn.lock().unwrap();
            *turn += 1;
            *turn
        };
        let fails = self.fails_each > 0 && turn.is_multiple_of(self.fails_each);
        let away = || Err(Undelivered { message: "away".into(), again_after: None });
        if fails && turn.is_multiple_of(2) {
            return away();
        }
        let mut took = self.took.lock().unwrap();
        took.extend(told.iter().map(|told| (told.origin.clone(), told.entry.seq)));
        if fails { away() } else { Ok(()) }
    }
}

impl Fickle {
    /// What came for the first time, by log; panics where something came before what is before it.
    fn new_by_log(&self) -> BTreeMap<String, u64> {
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for (log, seq) in self.took.lock().unwrap().iter() {
            let expected = next.entry(log.clone()).or_default();
            assert!(*seq <= *expected, "{log}: {seq} came before {expected}");
            *expected = (*expected).max(seq + 1);
        }
        next
    }
}

/// Delivers until there is nothing more; how often it failed.
async fn deliver(store: &Arc<Store>, receiver: &Fickle) -> usize {
    let (mut failures, mut after) = (0, String::new());
    for _ in 0..1000 {
        match audit(store).deliver(PLACE, receiver, || at(5000), &mut after).await {
            Ok(false) => return failures,
            Ok(true) => {}
            Err(_) => failures += 1,
        }
    }
    panic!("it never came to an end");
}

async fn lived_in(store: &Arc<Store>) {
    for name in ["acme", "globex", "initech"] {
        let decisions: Vec<_> = (0..300).map(|number| decision(workload(name, "api"), 1000 + number, 2, 4)).collect();
        store.record(&decisions).await.unwrap();
    }
    store.revise(&[change(tier("gold"), 0, "body")], &ann()).await.unwrap();
    audit(store).seal(&keys(), at(2000)).await.unwrap();
}

on_both![
    everything_is_delivered_in_order_once_where_all_goes_well,
    nothing_is_lost_to_a_receiver_that_fails_before_or_after_it_took_it,
    only_what_is_signed_is_delivered,
];

async fn everything_is_delivered_in_order_once_where_all_goes_well(store: &Arc<Store>) {
    lived_in(store).await;
    assert_eq!(audit(store).lag(PLACE).await.unwrap(), 901);
    let receiver = Fickle::default();
    assert_eq!(deliver(store, &receiver).await, 0);
    assert_eq!(receiver.took.lock().unwrap().len(), 901);
    let by_log = receiver.new_by_log();
    assert_eq!((by_log["test/audit/tenant/acme"], by_log["test/audit/platform"]), (300, 1));
    assert_eq!(audit(store).lag(PLACE).await.unwrap(), 0);
    // Another destination has a cursor of its own; who begins again has all of it already.
    assert_eq!(audit(store).lag("file:other").await.unwrap(), 901);
    let again = Fickle::default();
    deliver(store, &again).await;
    assert!(again.took.lock().unwrap().is_empty());
}

async fn nothing_is_lost_to_a_receiver_that_fails_before_or_after_it_took_it(store: &Arc<Store>) {
    lived_in(store).await;
    for fails_each in [2, 3] {
        let receiver = Fickle { fails_each, ..Fickle::default() };
        // Each time as a server that was begun anew.
        assert!(deliver(store, &receiver).await > 0);
        let by_log = receiver.new_by_log();
        assert!(by_log.values().sum::<u64>() >= 1, "{by_log:?}");
        assert_eq!(audit(store).lag(PLACE).await.unwrap(), 0);
        if fails_each == 2 {
            assert_eq!(by_log.values().sum::<u64>(), 901);
        }
        for name in ["acme", "globex", "initech"] {
            let more: Vec<_> = (0..5).map(|number| decision(workload(name, "api"), 9000 + number, 2, 4)).collect();
            store.record(&more).await.unwrap();
        }
        audit(store).seal(&keys(), at(3000)).await.unwrap();
        let next = Fickle { fails_each: 2, turn: Mutex::new(1), ..Fickle::default() };
        next.took.lock().unwrap().extend(receiver.took.lock().unwrap().iter().cloned());
        deliver(store, &next).await;
        next.new_by_log();
        let more: Vec<_> = (0..2).map(|number| decision(workload("acme", "api"), 9900 + number, 2, 4)).collect();
        store.record(&more).await.unwrap();
        audit(store).seal(&keys(), at(3000)).await.unwrap();
        let rest = Fickle::default();
        deliver(store, &rest).await;
        assert_eq!(rest.took.lock().unwrap().len(), 2);
        if fails_each == 2 {
            store.revise(&[change(tier("gold"), 1, "more")], &ann()).await.unwrap();
            audit(store).seal(&keys(), at(4000)).await.unwrap();
            break;
        }
    }
}

async fn only_what_is_signed_is_delivered(store: &Arc<Store>) {
    store.record(&[decision(workload("acme", "api"), 5, 2, 4)]).await.unwrap();
    let receiver = Fickle::default();
    deliver(store, &receiver).await;
    assert!(receiver.took.lock().unwrap().is_empty());
    audit(store).seal(&keys(), at(2000)).await.unwrap();
    deliver(store, &receiver).await;
    assert_eq!(receiver.took.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_altered_is_told_and_keeps_no_other_log_waiting() {
    let fresh = sqlite().await;
    lived_in(&fresh.store).await;
    let sql = "UPDATE audit_entries SET entry = CAST(replace(CAST(entry AS TEXT), '2 to 4', '2 to 9') AS BLOB) \
               WHERE tenant = 'acme' AND seq = 40";
    tamper(&fresh.url, sql).await;
    let (receiver, mut after, mut told) = (Fickle::default(), String::new(), None);
    for _ in 0..20 {
        if let Err(error) = audit(&fresh.store).deliver(PLACE, &receiver, || at(5000), &mut after).await {
            told = Some(error);
        }
    }
    let told = told.unwrap();
    assert!(told.code() == "T901" && told.to_string().contains("entry 40"), "{told}");
    let by_log = receiver.new_by_log();
    assert_eq!((by_log["test/audit/tenant/acme"], by_log["test/audit/tenant/globex"]), (40, 300));
}
