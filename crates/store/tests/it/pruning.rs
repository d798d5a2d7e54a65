//! Pruning with proof: what is left verifies, what went stays provable, and nothing goes that should not.

use std::sync::Arc;

use async_trait::async_trait;
use tenantry_audit::{Finding, Line, SEED_LENGTH, SigningKeys, Told, Verdict, Verifier, hash_of, is_included};
use tenantry_domain::id::TenantId;
use tenantry_engine::audit::{Audit, AuditError};
use tenantry_engine::ports::receiver::{Receiver, Undelivered};
use tenantry_engine::ports::store::ControlStore as _;
use tenantry_engine::ports::store::audit::LogOf;
use tenantry_store::Store;

use crate::audit::tamper;
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

/// Fifty entries, one for each second from the first on.
async fn lived_in(store: &Arc<Store>) {
    for number in 0..50 {
        store.record(&[decision(workload("acme", "api"), number * 1000, 2, 4)]).await.unwrap();
        if number % 9 == 8 {
            audit(store).seal(&keys(), at(number * 1000)).await.unwrap();
        }
    }
    audit(store).seal(&keys(), at(60_000)).await.unwrap();
}

async fn export(store: &Arc<Store>, earlier: &[u64]) -> Vec<String> {
    let mut lines = Vec::new();
    let write = |line: Line| {
        lines.push(serde_json::to_string(&line).unwrap());
        Ok::<(), AuditError>(())
    };
    audit(store).export((&platform(), &acme()), &keys().public(), earlier, write).await.unwrap();
    lines
}

fn verdict(lines: &[String], kept: Option<&str>) -> Verdict {
    let mut verifier = Verifier::new(Some(keys().public()));
    lines.iter().for_each(|line| verifier.read(line));
    kept.into_iter().for_each(|kept| verifier.kept(kept));
    verifier.end()
}

/// Prunes what is older than second `before`; what went.
async fn prune(store: &Arc<Store>, before: i64) -> Result<(u64, u64), AuditError> {
    let by = tenantry_engine::ports::store::Authorship { at: at(70_000), ..ann() };
    let pruned = audit(store).prune(&keys(), &acme(), at(before * 1000), &by, false).await?;
    audit(store).seal(&keys(), at(71_000)).await?;
    Ok((pruned.from, pruned.until))
}

on_both![what_is_left_verifies_and_says_what_went, what_is_held_or_not_delivered_stays,];

async fn what_is_left_verifies_and_says_what_went(store: &Arc<Store>) {
    lived_in(store).await;
    let (leaf, proof, kept) = audit(store).prove(&platform(), &acme(), 3).await.unwrap();
    let early = kept.clone();
    let before = export(store, &[]).await;
    let checkpoint = before.iter().find(|line| line.starts_with("{\"checkpoint\"")).unwrap();
    let Line::Checkpoint(first) = serde_json::from_str(checkpoint).unwrap() else { panic!("a checkpoint") };
    let would = audit(store).prune(&keys(), &acme(), at(20_000), &ann(), true).await.unwrap();
    assert_eq!((would.from, would.until, export(store, &[]).await.len()), (0, 20, before.len()), "a dry run");

    assert_eq!(prune(store, 20).await.unwrap(), (0, 20));
    let lines = export(store, &[]).await;
    let seen = verdict(&lines, Some(&early));
    assert_eq!((seen.findings, seen.entries, seen.pruned), (vec![], 51, Some((20, at(70_000)))));
    assert_eq!(seen.rooted.unwrap().entries, 51);
    assert!(!lines.iter().any(|line| line.contains("\"seq\":19,")), "it is gone");
    // It is told in the log itself, and what follows is proved as before.
    let last = audit(store).prove(&platform(), &acme(), 50).await.unwrap();
    assert!(String::from_utf8(last.0.clone()).unwrap().contains("\"audit.prune\""));
    let (now, _) = keys().public().verify(&last.2).unwrap();
    for (leaf, proof) in [
        (&last.0, &last.1),
        (
            &audit(store).prove(&platform(), &acme(), 20).await.unwrap().0,
            &audit(store).prove(&platform(), &acme(), 20).await.unwrap().1,
        ),
    ] {
        assert!(is_included(proof, hash_of(leaf), now.root));
    }
    let gone = audit(store).prove(&platform(), &acme(), 19).await.unwrap_err();
    assert_eq!(gone.code(), "T903");
    // Who kept an entry with its proof still holds it against the checkpoint of that time, and that against this one.
    let (then, _) = keys().public().verify(&kept).unwrap();
    assert!(is_included(&proof, hash_of(&leaf), then.root));
    let unshown = verdict(&lines, Some(&first)).findings;
    let (small, _) = keys().public().verify(&first).unwrap();
    if small.size < 20 {
        assert_eq!(unshown, [Finding::NotShown { size: small.size }]);
    }
    assert_eq!(verdict(&export(store, &[small.size]).await, Some(&first)).findings, []);
    // More is pruned later, to the last entry of all.
    assert_eq!(prune(store, 40).await.unwrap(), (20, 40));
    assert_eq!(verdict(&export(store, &[]).await, None).findings, []);
    assert_eq!(prune(store, 80_000_000_000).await.unwrap().0, 40);
    let rest = verdict(&export(store, &[]).await, None);
    assert_eq!(rest.findings, []);
    assert_eq!(prune(store, 20).await.map(|(from, until)| until - from).unwrap(), 0);
}

/// Takes nothing.
struct Away;

#[async_trait]
impl Receiver for Away {
    async fn deliver(&self, _: &[Told]) -> Result<(), Undelivered> {
        Err(Undelivered { message: "away".into(), again_after: None })
    }
}

async fn what_is_held_or_not_delivered_stays(store: &Arc<Store>) {
    lived_in(store).await;
    let logs = audit(store);
    logs.hold(&acme(), Some("case 4711"), &ann()).await.unwrap();
    let held = logs.prune(&keys(), &acme(), at(20_000), &ann(), false).await.unwrap();
    assert_eq!((held.until, held.held.as_deref()), (0, Some("case 4711")));
    logs.hold(&acme(), None, &ann()).await.unwrap();
    let nobody = Some(TenantId::new("nobody").unwrap());
    assert_eq!(logs.hold(&nobody, None, &ann()).await.unwrap_err().code(), "T903");
    logs.seal(&keys(), at(61_000)).await.unwrap();
    let told: Vec<String> = export(store, &[]).await;
    assert!(
        told.iter().any(|line| line.contains("audit.hold")) && told.iter().any(|line| line.contains("audit.release"))
    );
    // A receiver that is away keeps what it has not.
    logs.deliver("https://siem", &Away, || at(65_000), &mut String::new()).await.unwrap_err();
    let by = tenantry_engine::ports::store::Authorship { at: at(70_000), ..ann() };
    let waits = logs.prune(&keys(), &acme(), at(20_000), &by, false).await.unwrap();
    assert_eq!((waits.until, waits.awaited), (0, true));
    // One that was not heard of for a month does not.
    let by = tenantry_engine::ports::store::Authorship { at: at(40 * 86_400_000), ..ann() };
    assert_eq!(logs.prune(&keys(), &acme(), at(20_000), &by, false).await.unwrap().until, 20);
}

#[tokio::test]
async fn what_was_altered_is_not_pruned_and_a_cut_is_no_pruning() {
    let altered = "UPDATE audit_entries SET entry = CAST(replace(CAST(entry AS TEXT), '2 to 4', '2 to 9') AS BLOB) \
                   WHERE tenant = 'acme' AND seq = 7";
    let hashed = "UPDATE audit_hashes SET hash = zeroblob(32) WHERE tenant = 'acme' AND place < 40";
    for sql in [altered, hashed] {
        let fresh = sqlite().await;
        lived_in(&fresh.store).await;
        tamper(&fresh.url, sql).await;
        let error = prune(&fresh.store, 20).await.unwrap_err();
        assert_eq!(error.code(), "T901", "{sql}: {error}");
    }
    // A wrong time in the index has nothing pruned: what is signed counts.
    let fresh = sqlite().await;
    lived_in(&fresh.store).await;
    tamper(&fresh.url, "UPDATE audit_entries SET at = 0 WHERE tenant = 'acme'").await;
    assert_eq!(prune(&fresh.store, 20).await.unwrap(), (0, 20));
    // Who cuts the beginning off by hand has no statement for it, and an earlier one is not about it.
    let cut = "DELETE FROM audit_entries WHERE tenant = 'acme' AND seq < 30";
    for sql in [cut.to_owned(), format!("{cut}; UPDATE audit_logs SET pruned = 30 WHERE tenant = 'acme'")] {
        let fresh = sqlite().await;
        lived_in(&fresh.store).await;
        prune(&fresh.store, 20).await.unwrap();
        tamper(&fresh.url, &sql).await;
        let findings = verdict(&export(&fresh.store, &[]).await, None).findings;
        let told = |finding: &Finding| {
            matches!(finding, Finding::Dropped { from: 20, until: 30 } | Finding::Unsigned { line: 2, .. })
        };
        assert!(findings.iter().any(told), "{sql}: {findings:?}");
    }
}

#[tokio::test]
async fn an_index_that_was_altered_misleads_no_search_unseen() {
    use tenantry_engine::ports::store::audit::LogFilter;
    for sql in [
        "UPDATE audit_entries SET actor = 'eve' WHERE tenant = 'acme' AND seq = 49",
        "UPDATE audit_entries SET action = 'config.revise' WHERE tenant = 'acme' AND seq = 49",
        "UPDATE audit_entries SET at = at + 1 WHERE tenant = 'acme' AND seq = 49",
        "UPDATE audit_entries SET entry = CAST(replace(CAST(entry AS TEXT), '2 to 4', '2 to 9') AS BLOB) \
         WHERE tenant = 'acme' AND seq = 49",
    ] {
        let fresh = sqlite().await;
        lived_in(&fresh.store).await;
        let logs = audit(&fresh.store);
        logs.search(&platform(), &acme(), &LogFilter::default(), 5).await.unwrap();
        tamper(&fresh.url, sql).await;
        let error = logs.search(&platform(), &acme(), &LogFilter::default(), 5).await.unwrap_err();
        assert!(error.code() == "T901" && error.to_string().contains("entry 49"), "{sql}: {error}");
        // One that a search leaves out is found by who verifies.
        let misindexed = logs.misindexed(&platform(), &acme()).await.unwrap();
        assert_eq!(misindexed, if sql.contains("SET entry") { vec![] } else { vec![49] }, "{sql}");
    }
}

#[tokio::test]
async fn a_garbled_checkpoint_is_said_to_be_one() {
    for (sql, said) in [
        ("UPDATE audit_checkpoints SET signed = 'nonsense'", "was altered"),
        ("UPDATE audit_checkpoints SET signed = replace(signed, '/acme', '/acmf')", "signed with another key"),
        ("UPDATE audit_checkpoints SET signed = replace(signed, char(10) || '50', char(10) || '51')", "was altered"),
    ] {
        let fresh = sqlite().await;
        lived_in(&fresh.store).await;
        tamper(&fresh.url, sql).await;
        let error = audit(&fresh.store).check_keys(&keys().public()).await.unwrap_err();
        assert!(error.to_string().contains(said), "{sql}: {error}");
    }
}
