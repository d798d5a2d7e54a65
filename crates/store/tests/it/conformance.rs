//! The contract, case by case, on both databases.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;

use futures::future::join_all;
use tenantry_domain::plan::Outcome;
use tenantry_domain::snapshot::{Override, Pause};
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::Retry;
use tenantry_engine::ports::answers::{AnswerStore as _, Given, Keyed, Turn};
use tenantry_engine::ports::events::{Changed, EventStore as _, Position};
use tenantry_engine::ports::store::{
    Change, ConfigStore as _, ControlStore as _, DecisionFilter, DecisionRecord, DocumentKey, Intervention, Owner,
    Retention, StoreError,
};
use tenantry_store::Store;

use crate::given::*;

on_both![
    revisions_are_numbered_and_read_back,
    a_stale_change_is_refused_with_all_of_its_batch,
    a_document_belongs_to_its_owner,
    a_removed_document_is_gone_but_not_its_history,
    history_is_read_in_pages,
    one_batch_may_change_a_document_twice,
    a_tenant_sees_its_own_documents_and_shared_ones,
    ten_thousand_documents_go_in_one_batch,
    of_changes_made_at_once_one_wins,
    decisions_are_recorded_and_filtered,
    outcomes_are_settled,
    decisions_age_and_go,
    pruning_goes_on_until_all_surplus_is_gone,
    interventions_are_set_and_cleared,
    state_is_kept_by_workload_and_part,
    leases_change_hands_with_rising_epochs,
    of_many_who_want_a_lease_one_gets_it,
    a_cancelled_write_is_whole_or_absent,
    what_cannot_be_stored_is_refused,
    what_happens_is_followed_in_order_and_in_scope,
    a_key_is_taken_once_and_its_answer_kept,
];

async fn revisions_are_numbered_and_read_back(store: &Store) {
    let before = store.config_version().await.unwrap();
    let keys = [tenant("b"), tier("gold"), DocumentKey::Defaults, region("eu-west-1"), tenant("a")];
    let changes: Vec<Change> = keys.iter().map(|key| change(key.clone(), 0, &format!("body of {key}\n'☃'"))).collect();
    let made = store.revise(&changes, &ann()).await.unwrap();
    for (revision, change) in made.iter().zip(&changes) {
        assert_eq!((&revision.key, revision.number), (&change.key, 1));
        assert_eq!((&revision.body, &revision.digest), (&change.body, &change.digest));
        assert_eq!((&revision.author, revision.at, &revision.reason), (&ann().author, ann().at, &ann().reason));
    }
    let mut expected = made.clone();
    expected.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(store.documents(&platform()).await.unwrap(), expected);
    assert_eq!(store.head(&platform(), &tenant("a")).await.unwrap(), made.last().cloned());
    assert_eq!(store.head(&platform(), &tenant("c")).await.unwrap(), None);
    assert_ne!(store.config_version().await.unwrap(), before);
    let still = store.config_version().await.unwrap();
    assert!(store.revise(&[], &ann()).await.unwrap().is_empty());
    assert_eq!(store.config_version().await.unwrap(), still, "nothing was changed");
}

async fn a_stale_change_is_refused_with_all_of_its_batch(store: &Store) {
    store.revise(&[change(tenant("a"), 0, "1")], &ann()).await.unwrap();
    store.revise(&[change(tenant("a"), 1, "2")], &ann()).await.unwrap();
    let version = store.config_version().await.unwrap();
    let cases = [(tenant("a"), 1, 2), (tenant("a"), 0, 2), (tenant("a"), 3, 2), (tenant("new"), 1, 0)];
    for (key, based_on, found) in cases {
        let batch = [change(tenant("innocent"), 0, "x"), change(key.clone(), based_on, "y")];
        let error = store.revise(&batch, &ann()).await.unwrap_err();
        assert_eq!(error.retry(), Retry::AfterChange);
        let wanted = format!(
            "{key} is at revision {found}, and the change was based on revision {based_on}; read it again and repeat"
        );
        assert_eq!(error.to_string(), wanted);
    }
    assert_eq!(store.head(&platform(), &tenant("innocent")).await.unwrap(), None);
    assert_eq!(store.config_version().await.unwrap(), version);
}

async fn a_document_belongs_to_its_owner(store: &Store) {
    let folder = Owner::Folder("/etc/tenants: with colon".to_owned());
    let mine = |based_on, body: &str| of_folder(change(tenant("a"), based_on, body), "/etc/tenants: with colon");
    let made = store.revise(&[mine(0, "1")], &ann()).await.unwrap();
    assert_eq!(made[0].owner, folder);
    for other in [change(tenant("a"), 1, "2"), removal(tenant("a"), 1), of_folder(change(tenant("a"), 1, "2"), "/srv")]
    {
        let error = store.revise(&[change(tenant("innocent"), 0, "x"), other], &ann()).await.unwrap_err();
        assert!(matches!(&error, StoreError::Owned { owner, .. } if *owner == folder), "{error}");
        assert!(error.to_string().contains("the folder /etc/tenants: with colon"), "{error}");
        assert_eq!(error.retry(), Retry::Never);
    }
    assert_eq!(store.documents(&platform()).await.unwrap(), made);
    // Handed over: the same document, another owner.
    store.revise(&[change(tenant("a"), 1, "1")], &ann()).await.unwrap();
    let error = store.revise(&[mine(2, "2")], &ann()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Owned { owner: Owner::Api, .. }), "{error}");
    // Removed: nobody's.
    store.revise(&[removal(tenant("a"), 2)], &ann()).await.unwrap();
    store.revise(&[mine(3, "3")], &ann()).await.unwrap();
    assert_eq!(store.head(&platform(), &tenant("a")).await.unwrap().unwrap().owner, folder);
}

async fn a_removed_document_is_gone_but_not_its_history(store: &Store) {
    store.revise(&[change(tenant("a"), 0, "1"), change(tenant("b"), 0, "1")], &ann()).await.unwrap();
    store.revise(&[removal(tenant("a"), 1)], &ann()).await.unwrap();
    let documents = store.documents(&platform()).await.unwrap();
    assert_eq!(documents.iter().map(|revision| revision.key.clone()).collect::<Vec<_>>(), [tenant("b")]);
    let head = store.head(&platform(), &tenant("a")).await.unwrap().unwrap();
    assert_eq!((head.number, head.body, head.digest.as_str()), (2, None, ""));
    assert!(matches!(
        store.revise(&[change(tenant("a"), 0, "2")], &ann()).await.unwrap_err(),
        StoreError::Stale { found: 2, .. }
    ));
    store.revise(&[change(tenant("a"), 2, "2")], &ann()).await.unwrap();
    let history = store.history(&platform(), &tenant("a"), None, 10).await.unwrap();
    let told: Vec<_> = history.iter().map(|revision| (revision.number, revision.body.as_deref())).collect();
    assert_eq!(told, [(3, Some("2")), (2, None), (1, Some("1"))]);
}

async fn history_is_read_in_pages(store: &Store) {
    for number in 0..7 {
        store.revise(&[change(tenant("a"), number, &number.to_string())], &ann()).await.unwrap();
    }
    for (before, count, wanted) in [
        (None, 3, vec![7, 6, 5]),
        (Some(5), 3, vec![4, 3, 2]),
        (Some(2), 3, vec![1]),
        (Some(1), 3, vec![]),
        (Some(u64::MAX), 1, vec![7]),
        (None, 0, vec![]),
    ] {
        let page = store.history(&platform(), &tenant("a"), before, count).await.unwrap();
        assert_eq!(page.iter().map(|revision| revision.number).collect::<Vec<_>>(), wanted, "{before:?} {count}");
    }
}

async fn one_batch_may_change_a_document_twice(store: &Store) {
    let batch = [change(tenant("a"), 0, "1"), change(tenant("a"), 1, "2"), removal(tenant("a"), 2)];
    let made = store.revise(&batch, &ann()).await.unwrap();
    assert_eq!(made.iter().map(|revision| revision.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(store.documents(&platform()).await.unwrap().is_empty());
    assert_eq!(store.history(&platform(), &tenant("a"), None, 9).await.unwrap().len(), 3);
}

async fn a_tenant_sees_its_own_documents_and_shared_ones(store: &Store) {
    let keys = [tenant("a"), tenant("b"), tier("a"), region("b"), DocumentKey::Defaults];
    let changes: Vec<_> = keys.into_iter().map(|key| change(key, 0, "x")).collect();
    store.revise(&changes, &ann()).await.unwrap();
    let seen = store.documents(&only("a")).await.unwrap();
    let keys: Vec<_> = seen.into_iter().map(|revision| revision.key).collect();
    assert_eq!(keys, [DocumentKey::Defaults, tier("a"), region("b"), tenant("a")]);
    assert_eq!(store.head(&only("a"), &tenant("b")).await.unwrap(), None);
    assert!(store.history(&only("a"), &tenant("b"), None, 9).await.unwrap().is_empty());
    assert!(store.head(&only("a"), &tenant("a")).await.unwrap().is_some());
    assert!(store.head(&only("a"), &region("b")).await.unwrap().is_some());
}

async fn ten_thousand_documents_go_in_one_batch(store: &Store) {
    let changes = |based_on| -> Vec<Change> {
        (0..10_000).map(|n| change(tenant(&format!("t{n:05}")), based_on, &format!("{based_on} {n}"))).collect()
    };
    store.revise(&changes(0), &ann()).await.unwrap();
    let made = store.revise(&changes(1), &ann()).await.unwrap();
    assert_eq!(store.documents(&platform()).await.unwrap(), made);
    assert!(made.iter().all(|revision| revision.number == 2));
    // The last one stale: none of them.
    let mut stale = changes(2);
    stale.last_mut().unwrap().based_on = 1;
    assert!(matches!(store.revise(&stale, &ann()).await.unwrap_err(), StoreError::Stale { found: 2, .. }));
    assert_eq!(store.documents(&platform()).await.unwrap(), made);
}

async fn of_changes_made_at_once_one_wins(store: &Store) {
    for round in 0..5 {
        let tries =
            (0..8).map(|n| {
                let body = format!("{round} {n}");
                async move {
                    store.revise(&[change(tenant("a"), round, &body), change(tier("t"), round, &body)], &ann()).await
                }
            });
        let results = join_all(tries).await;
        let won: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
        assert_eq!(won.len(), 1, "round {round}");
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(matches!(error, StoreError::Stale { found, .. } if *found == round + 1), "{error}");
        }
        assert_eq!(store.head(&platform(), &tenant("a")).await.unwrap().as_ref(), won[0].first());
        assert_eq!(store.head(&platform(), &tier("t")).await.unwrap().as_ref(), won[0].last());
    }
}

async fn decisions_are_recorded_and_filtered(store: &Store) {
    let (web, batch, other) = (workload("a", "web"), workload("a", "batch"), workload("b", "web"));
    let mut records = [
        decision(web.clone(), 10, 1, 1),
        decision(batch, 10, 1, 2),
        decision(other, 20, 4, 3),
        decision(web.clone(), 30, 1, 5),
        decision(web.clone(), 40, 5, 5),
    ];
    records[4].from = None;
    records[4].to = None;
    records[4].outcome = Outcome::Refused("quota: \"no\"".to_owned());
    let first = store.record(&records[..2]).await.unwrap();
    let rest = store.record(&records[2..]).await.unwrap();
    assert!(store.record(&[]).await.unwrap().is_empty());
    let ids: Vec<u64> = first.into_iter().chain(rest).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    for (record, id) in records.iter_mut().zip(&ids) {
        record.id = *id;
    }
    let every = DecisionFilter::default();
    let web = || Some(web.clone());
    let cases: Vec<(_, DecisionFilter, u32, Vec<usize>)> = vec![
        (platform(), every.clone(), 99, vec![4, 3, 2, 1, 0]),
        (platform(), every.clone(), 2, vec![4, 3]),
        (platform(), DecisionFilter { before: Some(ids[3]), ..every.clone() }, 2, vec![2, 1]),
        (platform(), DecisionFilter { before: Some(u64::MAX), ..every.clone() }, 1, vec![4]),
        (platform(), DecisionFilter { changes_only: true, ..every.clone() }, 99, vec![3, 2, 1]),
        (platform(), DecisionFilter { since: Some(at(20)), ..every.clone() }, 99, vec![4, 3, 2]),
        (platform(), DecisionFilter { key: web(), ..every.clone() }, 99, vec![4, 3, 0]),
        (
            platform(),
            DecisionFilter { key: web(), changes_only: true, before: Some(ids[4]), since: Some(at(11)) },
            9,
            vec![3],
        ),
        (only("a"), every.clone(), 99, vec![4, 3, 1, 0]),
        (only("a"), DecisionFilter { key: web(), ..every.clone() }, 99, vec![4, 3, 0]),
        (only("b"), DecisionFilter { key: web(), ..every.clone() }, 99, vec![]),
        (only("b"), every, 99, vec![2]),
    ];
    for (scope, filter, count, wanted) in cases {
        let found = store.decisions(&scope, &filter, count).await.unwrap();
        let wanted: Vec<DecisionRecord> = wanted.into_iter().map(|index| records[index].clone()).collect();
        assert_eq!(found, wanted, "{scope:?} {filter:?}");
    }
}

async fn outcomes_are_settled(store: &Store) {
    let records: Vec<_> = (0..3).map(|n| decision(workload("a", "web"), n, 1, 2)).collect();
    let ids = store.record(&records).await.unwrap();
    let outcomes = [
        (ids[0], Outcome::Unknown("no answer".to_owned())),
        (ids[1], Outcome::Applied),
        (ids[2] + 1_000, Outcome::Applied),
        (ids[0], Outcome::Refused("conflict".to_owned())),
    ];
    store.settle(&outcomes).await.unwrap();
    store.settle(&[]).await.unwrap();
    let found = store.decisions(&platform(), &DecisionFilter::default(), 9).await.unwrap();
    let told: Vec<_> = found.into_iter().rev().map(|record| record.outcome).collect();
    assert_eq!(told, [Outcome::Refused("conflict".to_owned()), Outcome::Applied, Outcome::Pending]);
}

async fn decisions_age_and_go(store: &Store) {
    let key = || workload("a", "web");
    let mut records = Vec::new();
    for millis in 0..10 {
        records.push(decision(key(), millis, 1, 1));
        records.push(decision(key(), millis, 1, 2));
    }
    records.push(decision(workload("b", "web"), 9, 1, 1));
    let ids = store.record(&records).await.unwrap();
    let keep = |holds_before, changes_before, records_per_workload| Retention {
        holds_before: at(holds_before),
        changes_before: at(changes_before),
        records_per_workload,
    };
    assert_eq!(store.prune(&keep(0, 0, u64::MAX)).await.unwrap(), 0);
    assert_eq!(store.prune(&keep(6, 2, 100)).await.unwrap(), 8);
    assert_eq!(store.prune(&keep(6, 2, 100)).await.unwrap(), 0);
    let left = store.decisions(&platform(), &DecisionFilter::default(), 99).await.unwrap();
    assert!(left.iter().all(|record| record.at >= at(if record.changes() { 2 } else { 6 })));
    assert_eq!(left.len(), 13);
    assert_eq!(store.prune(&keep(6, 2, 5)).await.unwrap(), 7);
    let left = store.decisions(&platform(), &DecisionFilter::default(), 99).await.unwrap();
    let left: Vec<_> = left.into_iter().rev().map(|record| record.id).collect();
    assert_eq!(left, ids[15..], "the newest of each workload stay");
    assert_eq!(store.prune(&keep(99, 99, 100)).await.unwrap(), 6);
    let next = store.record(&records[..1]).await.unwrap();
    assert!(next[0] > *ids.last().unwrap(), "an id is never used again");
}

async fn pruning_goes_on_until_all_surplus_is_gone(store: &Store) {
    let keys = [workload("a", "few"), workload("a", "many"), workload("b", "many")];
    let of = |index: i64| keys[if index % 50 == 0 { 0 } else { usize::try_from(index % 2).unwrap() + 1 }].clone();
    let records: Vec<_> = (0..9_000).map(|index| decision(of(index), index, 1, 1)).collect();
    store.record(&records).await.unwrap();
    let retention = |holds_before, records_per_workload| Retention {
        holds_before: at(holds_before),
        changes_before: at(0),
        records_per_workload,
    };
    assert_eq!(store.prune(&retention(4_500, u64::MAX)).await.unwrap(), 4_500);
    // 90 records of one workload, 2,160 of another and 2,250 of the third are left.
    assert_eq!(store.prune(&retention(0, 100)).await.unwrap(), 2_060 + 2_150);
    let left = store.decisions(&platform(), &DecisionFilter::default(), u32::MAX).await.unwrap();
    for (key, wanted) in keys.iter().zip([90, 100, 100]) {
        let mine = |record: &&DecisionRecord| record.key == *key;
        let found: Vec<_> = left.iter().filter(mine).map(|record| record.at).collect();
        let newest: Vec<_> = records.iter().rev().filter(mine).map(|record| record.at).take(wanted).collect();
        assert_eq!(found, newest, "{key}");
    }
}

async fn interventions_are_set_and_cleared(store: &Store) {
    let manual = Override {
        replicas: Replicas::new(4),
        author: "ann".to_owned(),
        reason: "launch".to_owned(),
        expires_at: at(9),
    };
    let pause = Pause { author: "bo".to_owned(), reason: "look".to_owned(), expires_at: None };
    let both = Intervention { manual: Some(manual.clone()), pause: Some(pause.clone()) };
    let one = Intervention { manual: None, pause: Some(pause) };
    let keys = [workload("b", "web"), workload("a", "web"), workload("a-b", "web")];
    let mut versions = BTreeSet::from([store.config_version().await.unwrap()]);
    for key in &keys {
        store.intervene(key, &both, &ann()).await.unwrap();
        versions.insert(store.config_version().await.unwrap());
    }
    store.intervene(&keys[0], &one, &ann()).await.unwrap();
    versions.insert(store.config_version().await.unwrap());
    let all = store.interventions(&platform()).await.unwrap();
    let wanted = vec![(keys[1].clone(), both.clone()), (keys[2].clone(), both.clone()), (keys[0].clone(), one.clone())];
    assert_eq!(all, wanted);
    assert_eq!(store.interventions(&only("b")).await.unwrap(), [(keys[0].clone(), one)]);
    store.intervene(&keys[0], &Intervention::default(), &ann()).await.unwrap();
    versions.insert(store.config_version().await.unwrap());
    store.intervene(&workload("nobody", "web"), &Intervention::default(), &ann()).await.unwrap();
    assert_eq!(store.interventions(&platform()).await.unwrap(), wanted[..2]);
    assert_eq!(versions.len(), 6, "each change shows: {versions:?}");
}

async fn state_is_kept_by_workload_and_part(store: &Store) {
    let (a, b) = (workload("a", "web"), workload("b", "web"));
    let large = vec![0xa5_u8; 1 << 20];
    let first = [
        blob(b.clone(), "memory", b"b"),
        blob(a.clone(), "model/cpu", &large),
        blob(a.clone(), "model/größe_%", b"\0\xff"),
        blob(a.clone(), "memory", b"old"),
        blob(a.clone(), "memory", b"new"),
    ];
    store.keep(&first).await.unwrap();
    store.keep(&[]).await.unwrap();
    let shown = async |scope, part: &str| -> Vec<(String, String, usize)> {
        let kept = store.kept(&scope, part).await.unwrap();
        kept.into_iter().map(|item| (item.key.to_string(), item.part, item.bytes.len())).collect()
    };
    let row = |key: &str, part: &str, bytes| (key.to_owned(), part.to_owned(), bytes);
    let (memory, cpu) = (row("a/web", "memory", 3), row("a/web", "model/cpu", large.len()));
    let (odd, others) = (row("a/web", "model/größe_%", 2), row("b/web", "memory", 1));
    assert_eq!(shown(platform(), "").await, [memory.clone(), cpu.clone(), odd.clone(), others.clone()]);
    assert_eq!(shown(platform(), "model/").await, [cpu, odd.clone()]);
    assert_eq!(shown(platform(), "model/größe_").await, [odd]);
    assert!(shown(platform(), "model/%").await.is_empty());
    assert_eq!(shown(only("b"), "mem").await, [others]);
    assert_eq!(store.kept(&only("a"), "memory").await.unwrap(), [first[4].clone()]);
    store.keep(&[blob(a.clone(), "memory", b""), blob(a, "nothing", b""), blob(b, "memory", b"bb")]).await.unwrap();
    assert_eq!(shown(platform(), "memory").await, [row("b/web", "memory", 2)]);
    let many: Vec<_> = (0..1_000).map(|n| blob(workload("m", &format!("w{n:04}")), "status", &[1; 32])).collect();
    store.keep(&many).await.unwrap();
    store.keep(&many).await.unwrap();
    assert_eq!(store.kept(&only("m"), "status").await.unwrap(), many);
}

async fn leases_change_hands_with_rising_epochs(store: &Store) {
    enum Step {
        Take(&'static str, i64, i64, Option<u64>),
        Release(&'static str),
    }
    use Step::{Release, Take};
    let steps = [
        Take("a", 0, 10, Some(1)),
        Take("b", 5, 15, None),
        Take("a", 9, 20, Some(1)),
        Take("b", 19, 30, None),
        Take("b", 20, 30, Some(2)),
        Take("a", 21, 30, None),
        Release("a"),
        Take("a", 22, 30, None),
        Release("b"),
        Take("a", 23, 40, Some(3)),
        Release("a"),
        Take("a", 24, 40, Some(4)),
        // Nobody was there in between.
        Take("a", 50, 60, Some(4)),
    ];
    for (index, step) in steps.into_iter().enumerate() {
        match step {
            Take(holder, now, until, wanted) => {
                let epoch = store.lease("leader", holder, at(now), at(until)).await.unwrap();
                assert_eq!(epoch, wanted, "step {index}: {holder} at {now}");
            }
            Release(holder) => store.release("leader", holder).await.unwrap(),
        }
    }
    assert_eq!(store.lease("another", "b", at(0), at(1)).await.unwrap(), Some(1));
}

async fn of_many_who_want_a_lease_one_gets_it(store: &Store) {
    for round in 0..5_u64 {
        let now = at(i64::try_from(round).unwrap() * 100);
        let tries = (0..8).map(|n| async move {
            store.lease("leader", &format!("{round}-{n}"), now, at(now.as_millis() + 100)).await.unwrap()
        });
        let held: Vec<u64> = join_all(tries).await.into_iter().flatten().collect();
        assert_eq!(held, [round + 1]);
    }
}

/// Polls `future` up to `count` times, giving way in between, and drops it.
async fn cut_off<F: Future>(future: F, count: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..count {
        if futures::poll!(future.as_mut()).is_ready() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

async fn a_cancelled_write_is_whole_or_absent(store: &Store) {
    let mut polls = 1;
    for round in 0..60 {
        let batch: Vec<_> = (0..600).map(|n| decision(workload("a", "web"), round, n, 0)).collect();
        let done = cut_off(store.record(&batch), polls).await;
        let filter = DecisionFilter { since: Some(at(round)), ..DecisionFilter::default() };
        // Waits for whatever is still under way: both take a number from the same counter.
        store.record(&[decision(workload("b", "web"), -1, 1, 1)]).await.unwrap();
        let found = store.decisions(&platform(), &filter, 10_000).await.unwrap().len();
        assert!(found == 600 || (found == 0 && !done), "{found} of 600 after {polls} polls, done: {done}");
        polls += polls / 4 + 1;
    }
}

async fn what_cannot_be_stored_is_refused(store: &Store) {
    let mut record = decision(workload("a", "web"), 0, 1, 1);
    record.generation.epoch = u64::MAX;
    let error = store.record(&[decision(workload("a", "web"), 0, 1, 1), record]).await.unwrap_err();
    assert!(error.to_string().contains("is more than the store can count to"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    let batch = [change(tenant("a"), 0, "good"), change(tenant("b"), 0, "bad\0")];
    let error = store.revise(&batch, &ann()).await.unwrap_err();
    let wanted = "the store refused to revise the configuration: a text holds a zero character; remove it";
    assert_eq!(error.to_string(), wanted);
    assert!(store.decisions(&platform(), &DecisionFilter::default(), 9).await.unwrap().is_empty());
    assert!(store.documents(&platform()).await.unwrap().is_empty());
}

async fn what_happens_is_followed_in_order_and_in_scope(store: &Store) {
    let start = store.position().await.unwrap();
    store.revise(&[change(tenant("a"), 0, "one"), change(tier("gold"), 0, "two")], &ann()).await.unwrap();
    let paused = Intervention {
        pause: Some(Pause { author: "ann".to_owned(), reason: "why".to_owned(), expires_at: None }),
        ..Intervention::default()
    };
    store.intervene(&workload("b", "api"), &paused, &ann()).await.unwrap();
    store.revise(&[removal(tenant("a"), 1)], &ann()).await.unwrap();
    store.intervene(&workload("b", "api"), &Intervention::default(), &ann()).await.unwrap();
    let ids =
        store.record(&[decision(workload("a", "x"), 1, 1, 2), decision(workload("b", "x"), 2, 3, 3)]).await.unwrap();

    let all = store.changes_after(&platform(), start.change, 100).await.unwrap();
    let numbers: Vec<u64> = all.iter().map(|noted| noted.change).collect();
    assert_eq!(numbers, (start.change + 1..=start.change + 5).collect::<Vec<_>>());
    assert_eq!(store.position().await.unwrap(), Position { change: start.change + 5, decision: ids[1] });
    let kinds: Vec<(String, bool)> = all
        .iter()
        .map(|noted| match &noted.what {
            Changed::Document(revised) => (revised.key.to_string(), revised.removed),
            Changed::Intervention { key, asked } => (key.to_string(), *asked == Intervention::default()),
        })
        .collect();
    let expected =
        [("tenant `a`", false), ("tier `gold`", false), ("b/api", false), ("tenant `a`", true), ("b/api", true)];
    assert_eq!(kinds, expected.map(|(what, ended)| (what.to_owned(), ended)));

    // In pages of two nothing is lost or told twice.
    let (mut paged, mut after) = (Vec::new(), start.change);
    while let [.., last] = store.changes_after(&platform(), after, 2).await.unwrap().as_slice() {
        paged.extend(store.changes_after(&platform(), after, 2).await.unwrap());
        after = last.change;
    }
    assert_eq!(paged, all);
    let of_b: Vec<u64> =
        store.changes_after(&only("b"), start.change, 100).await.unwrap().iter().map(|noted| noted.change).collect();
    assert_eq!(of_b, [3, 5].map(|place| start.change + place), "its own, and nothing of what all share");
    let decided = store.decisions_after(&only("b"), 0, 10).await.unwrap();
    assert_eq!(decided.iter().map(|one| (one.id, one.changes)).collect::<Vec<_>>(), [(ids[1], false)]);
    assert_eq!(store.decisions_after(&platform(), ids[0], 10).await.unwrap().len(), 1);
}

async fn a_key_is_taken_once_and_its_answer_kept(store: &Store) {
    let keyed = |key: &str, digest: &str, millis: i64| Keyed {
        tenant: Some(tenantry_domain::id::TenantId::new("a").unwrap()),
        caller: "ann".to_owned(),
        key: key.to_owned(),
        digest: digest.to_owned(),
        at: at(millis),
    };
    let take = async |asked: Keyed| {
        store.take_turn(&asked, at(asked.at.as_millis() - 1000), at(asked.at.as_millis() - 100)).await.unwrap()
    };
    let given = Given { status: 201, tag: Some("\"1\"".to_owned()), body: b"{}".to_vec() };
    assert_eq!(take(keyed("k", "d", 10_000)).await, Turn::Yours);
    assert_eq!(take(keyed("k", "d", 10_050)).await, Turn::UnderWay);
    assert_eq!(take(keyed("k", "other", 10_050)).await, Turn::Another);
    store.end_turn(&keyed("k", "d", 10_000), Some(&given)).await.unwrap();
    assert_eq!(take(keyed("k", "d", 10_900)).await, Turn::Done(given));
    let foreign = Keyed { caller: "bob".to_owned(), ..keyed("k", "d", 10_900) };
    assert_eq!(take(foreign).await, Turn::Yours, "each caller has keys of its own");
    assert_eq!(take(keyed("k", "other", 11_001)).await, Turn::Yours, "an old answer is forgotten");
    assert_eq!(take(keyed("k", "other", 11_102)).await, Turn::Yours, "one that was never answered is given up");
    store.end_turn(&keyed("k", "other", 11_102), None).await.unwrap();
    assert_eq!(take(keyed("k", "third", 11_103)).await, Turn::Yours, "a failure is not kept");
    assert_eq!(store.forget_answers(at(11_103)).await.unwrap(), 1, "bob's");
}
