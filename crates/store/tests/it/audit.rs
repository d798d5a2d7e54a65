//! Audit logs: written with what they tell of, sealed, handed out, and found altered where they were.

use std::sync::Arc;

use tenantry_audit::{Finding, Line, SEED_LENGTH, SigningKeys, Verifier, hash_of, is_included};
use tenantry_domain::id::TenantId;
use tenantry_engine::audit::{Audit, AuditError};
use tenantry_engine::ports::store::audit::{AuditStore as _, LogFilter, LogOf};
use tenantry_engine::ports::store::{ConfigStore as _, ControlStore as _};
use tenantry_store::Store;

use crate::given::*;

fn keys() -> SigningKeys {
    SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap()
}

fn acme() -> LogOf {
    Some(TenantId::new("acme").unwrap())
}

fn audit(store: &Arc<Store>) -> Audit {
    Audit::new(store.clone(), "test")
}

/// A store in which twenty changes were made to a tenant, one to a tier, and one decision.
async fn lived_in(store: &Arc<Store>) {
    for number in 0..20 {
        store.revise(&[change(tenant("acme"), number, &format!("body {number}"))], &ann()).await.unwrap();
        if number % 7 == 0 {
            audit(store).seal(&keys(), at(1000)).await.unwrap();
        }
    }
    store.revise(&[change(tier("gold"), 0, "body"), change(tenant("globex"), 0, "body")], &ann()).await.unwrap();
    store
        .record(&[decision(workload("acme", "api"), 5, 2, 4), decision(workload("acme", "api"), 6, 4, 4)])
        .await
        .unwrap();
    assert_eq!(audit(store).seal(&keys(), at(2000)).await.unwrap(), 20 - 15 + 3);
    assert_eq!(audit(store).seal(&keys(), at(3000)).await.unwrap(), 0, "there is nothing left");
}

async fn export(store: &Arc<Store>, log: &LogOf) -> Result<Vec<Line>, AuditError> {
    let mut lines = Vec::new();
    let write = |line| {
        lines.push(line);
        Ok::<(), AuditError>(())
    };
    audit(store).export((&platform(), log), &keys().public(), &[], write).await?;
    Ok(lines)
}

fn findings(lines: &[Line]) -> Vec<Finding> {
    let mut verifier = Verifier::new(Some(keys().public()));
    lines.iter().for_each(|line| verifier.read(&serde_json::to_string(line).unwrap()));
    verifier.end().findings
}

macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fresh = crate::given::sqlite().await;
                super::$case(&fresh.store).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(fresh) = crate::given::postgres().await {
                    super::$case(&fresh.store).await;
                }
            })*
        }
    };
}

on_both![
    every_change_is_in_its_tenants_log_and_a_whole_log_verifies,
    a_change_that_is_refused_leaves_nothing,
    an_entry_is_proved_against_the_signed_root,
    a_log_is_searched_and_shows_only_itself,
    many_who_write_in_one_log_leave_no_gap,
    of_two_who_seal_one_does,
];

async fn every_change_is_in_its_tenants_log_and_a_whole_log_verifies(store: &Arc<Store>) {
    lived_in(store).await;
    let heads = store.logs(&platform()).await.unwrap();
    let sizes: Vec<_> = heads.iter().map(|head| (head.log.clone(), head.entries, head.sealed)).collect();
    let globex = Some(TenantId::new("globex").unwrap());
    assert_eq!(sizes, [(None, 1, 1), (acme(), 21, 21), (globex, 1, 1)]);
    let lines = export(store, &acme()).await.unwrap();
    assert_eq!(findings(&lines), []);
    let entries: Vec<_> =
        lines.iter().filter_map(|line| if let Line::Entry { entry, .. } = line { Some(entry) } else { None }).collect();
    let (first, second, last) = (entries[0], entries[1], entries[20]);
    assert_eq!((first.action.as_str(), first.actor.as_str(), first.before.as_deref()), ("config.revise", "ann", None));
    assert_eq!((second.before.as_deref(), second.after.as_deref()), (first.after.as_deref(), Some("digest of body 1")));
    assert_eq!((last.action.as_str(), last.reason.as_str()), ("workload.decide", "2 to 4 replicas"));
}

async fn a_change_that_is_refused_leaves_nothing(store: &Arc<Store>) {
    store.revise(&[change(tenant("acme"), 0, "body")], &ann()).await.unwrap();
    store.revise(&[change(tenant("globex"), 0, "body"), change(tenant("acme"), 0, "other")], &ann()).await.unwrap_err();
    let heads = store.logs(&platform()).await.unwrap();
    assert_eq!((heads.len(), heads[0].entries), (1, 1));
}

async fn an_entry_is_proved_against_the_signed_root(store: &Arc<Store>) {
    lived_in(store).await;
    for seq in [0, 7, 20] {
        let (leaf, proof, signed) = audit(store).prove(&platform(), &acme(), seq).await.unwrap();
        let (checkpoint, signed_at) = keys().public().verify(&signed).unwrap();
        assert_eq!((checkpoint.size, signed_at), (21, at(2000)));
        assert!(is_included(&proof, hash_of(&leaf), checkpoint.root));
    }
    let beyond = audit(store).prove(&platform(), &acme(), 21).await.unwrap_err();
    assert_eq!(beyond.code(), "T903");
}

async fn a_log_is_searched_and_shows_only_itself(store: &Arc<Store>) {
    lived_in(store).await;
    let search =
        |filter: LogFilter| async move { audit(store).search(&platform(), &acme(), &filter, 5).await.unwrap() };
    let newest = search(LogFilter::default()).await;
    assert_eq!(newest.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [20, 19, 18, 17, 16]);
    let config = search(LogFilter { action: Some("config".into()), before: Some(19), ..LogFilter::default() }).await;
    assert_eq!(config.first().map(|entry| entry.seq), Some(18));
    assert!(search(LogFilter { action: Some("conf".into()), ..LogFilter::default() }).await.is_empty());
    let ann = search(LogFilter { actor: Some("ann".into()), since: Some(at(0)), ..LogFilter::default() }).await;
    assert_eq!(ann.len(), 5);
    // Another tenant's scope has neither this log nor a word on whether it is there.
    let globex = only("globex");
    let hidden = audit(store).search(&globex, &acme(), &LogFilter::default(), 5).await.unwrap_err();
    let nobody = Some(TenantId::new("nobody").unwrap());
    let missing = audit(store).search(&globex, &nobody, &LogFilter::default(), 5).await.unwrap_err();
    assert_eq!(hidden.to_string().replace("acme", "nobody"), missing.to_string());
    assert_eq!(store.logs(&globex).await.unwrap().len(), 1);
}

async fn many_who_write_in_one_log_leave_no_gap(store: &Arc<Store>) {
    let writes = (0..40).map(|number| {
        let (first, second) = (format!("w{number}"), format!("v{number}"));
        let decisions = [decision(workload("acme", &first), 5, 2, 4), decision(workload("globex", &second), 5, 2, 4)];
        async move { store.record(&decisions).await.unwrap() }
    });
    futures::future::join_all(writes).await;
    audit(store).seal(&keys(), at(1000)).await.unwrap();
    for log in [acme(), Some(TenantId::new("globex").unwrap())] {
        let lines = export(store, &log).await.unwrap();
        assert_eq!((lines.len(), findings(&lines)), (43, vec![]));
    }
}

async fn of_two_who_seal_one_does(store: &Arc<Store>) {
    store.record(&[decision(workload("acme", "api"), 5, 2, 4)]).await.unwrap();
    let (one, two) = (audit(store), audit(store));
    let keys = keys();
    let (one, two) = futures::future::join(one.seal(&keys, at(1)), two.seal(&keys, at(2))).await;
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(findings(&export(store, &acme()).await.unwrap()), []);
}

/// Changes a row behind the store's back, as somebody with the database's password can.
pub(crate) async fn tamper(url: &str, sql: &str) {
    use sqlx::{Connection as _, SqliteConnection};
    let path = url.strip_prefix("sqlite:").unwrap();
    let mut database = SqliteConnection::connect(path).await.unwrap();
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut database).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
    database.close().await.unwrap();
}

#[tokio::test]
async fn what_is_altered_in_the_database_is_found_where_it_is() {
    let of = "WHERE tenant = 'acme' AND seq";
    let cases: [(&str, &[Finding]); 5] = [
        (
            &format!(
                "UPDATE audit_entries SET entry = CAST(replace(CAST(entry AS TEXT), 'ann', 'eve') AS BLOB) {of} = 13"
            ),
            &[Finding::Altered { seq: 13 }],
        ),
        (&format!("DELETE FROM audit_entries {of} = 13"), &[Finding::Dropped { from: 13, until: 14 }]),
        (&format!("DELETE FROM audit_entries {of} >= 18"), &[Finding::CutOff { entries: 18, signed: 21 }]),
        (
            "UPDATE audit_hashes SET hash = zeroblob(32) WHERE tenant = 'acme' AND place = 0",
            &[Finding::Altered { seq: 0 }, Finding::Root { from: 0, until: 21 }],
        ),
        (
            &format!(
                "UPDATE audit_entries SET seq = -1 {of} = 3; UPDATE audit_entries SET seq = 3 {of} = 4; UPDATE audit_entries SET seq = 4 {of} = -1"
            ),
            &[Finding::Altered { seq: 3 }, Finding::Altered { seq: 4 }],
        ),
    ];
    for (sql, expected) in cases {
        let fresh = sqlite().await;
        lived_in(&fresh.store).await;
        tamper(&fresh.url, sql).await;
        let found = findings(&export(&fresh.store, &acme()).await.unwrap());
        for one in expected {
            assert!(found.contains(one), "{sql}: {found:?}");
        }
        // Other logs are as whole as they were.
        assert_eq!(findings(&export(&fresh.store, &None).await.unwrap()), []);
    }
}

#[tokio::test]
async fn what_was_put_back_or_altered_with_its_hashes_gets_no_new_signature() {
    // The log is put back to its first fifteen entries, and something else is put in the place of a later one.
    let back = "UPDATE audit_logs SET sealed = 15 WHERE tenant = 'acme'; DELETE FROM audit_hashes WHERE tenant = 'acme' \
                AND place >= 26; DELETE FROM audit_checkpoints WHERE tenant = 'acme'; UPDATE audit_entries SET entry = \
                CAST(replace(CAST(entry AS TEXT), 'ann', 'eve') AS BLOB) WHERE tenant = 'acme' AND seq = 17";
    let hashes = "UPDATE audit_hashes SET hash = zeroblob(32) WHERE tenant = 'acme'";
    for (sql, restarted) in [(back, false), (back, true), (hashes, false), (hashes, true)] {
        let fresh = sqlite().await;
        lived_in(&fresh.store).await;
        let mut logs = audit(&fresh.store);
        fresh.store.record(&[decision(workload("acme", "api"), 7, 4, 5)]).await.unwrap();
        logs.seal(&keys(), at(3000)).await.unwrap();
        tamper(&fresh.url, sql).await;
        let more = [decision(workload("acme", "api"), 8, 5, 6), decision(workload("zoo", "api"), 8, 5, 6)];
        fresh.store.record(&more).await.unwrap();
        if restarted {
            logs = audit(&fresh.store);
        }
        let refused = logs.seal(&keys(), at(4000)).await.unwrap_err();
        assert_eq!(refused.code(), "T901", "{refused}");
        let heads = fresh.store.logs(&platform()).await.unwrap();
        let zoo = heads.last().unwrap();
        assert_eq!((zoo.entries, zoo.sealed), (1, 1), "others are sealed all the same");
        assert!(heads.iter().any(|head| head.log == acme() && head.sealed < head.entries));
    }
}
