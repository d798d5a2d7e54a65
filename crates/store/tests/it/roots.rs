//! The root log: what it has of the logs, what it proves, and what a witness makes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tenantry_audit::{
    Finding, Line, SEED_LENGTH, Seen, SigningKeys, Submission, Verdict, Verifier, VerifierKey, WitnessRefusal,
};
use tenantry_domain::id::TenantId;
use tenantry_engine::audit::witness::{Asked, Cosigner, NotCosigned};
use tenantry_engine::audit::{Audit, AuditError};
use tenantry_engine::ports::store::audit::LogOf;
use tenantry_engine::ports::store::audit::roots::RootStore as _;
use tenantry_engine::ports::store::{ConfigStore as _, ControlStore as _};
use tenantry_engine::ports::witness::{Unheard, Witness, WitnessMemory, Witnessing};
use tenantry_store::Store;

use crate::audit::tamper;
use crate::given::*;

const WITNESS: &str = "example.net/w1";

fn keys() -> SigningKeys {
    SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap()
}

fn witness_keys() -> SigningKeys {
    SigningKeys::from_seed(&[9; SEED_LENGTH]).unwrap()
}

fn witness_key() -> VerifierKey {
    let [plain, _] = witness_keys().public().of_witness(WITNESS).unwrap();
    plain
}

fn log(name: &str) -> LogOf {
    Some(TenantId::new(name).unwrap())
}

fn audit(store: &Arc<Store>) -> Audit {
    Audit::new(store.clone(), "test")
}

async fn changed(store: &Arc<Store>, name: &str, number: u64) {
    store.revise(&[change(tenant(name), number, &format!("body {number}"))], &ann()).await.unwrap();
    audit(store).seal(&keys(), at(1000)).await.unwrap();
}

/// Five rounds in which three tenants change, each of which is signed.
async fn lived_in(store: &Arc<Store>) {
    for number in 0..5 {
        for name in ["acme", "globex", "initech"] {
            changed(store, name, number).await;
        }
    }
}

async fn export(store: &Arc<Store>, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let write = |line: Line| {
        lines.push(serde_json::to_string(&line).unwrap());
        Ok::<(), AuditError>(())
    };
    audit(store).export((&platform(), &log(name)), &keys().public(), &[], write).await.unwrap();
    lines
}

async fn export_root(store: &Arc<Store>) -> Vec<String> {
    let mut lines = Vec::new();
    let write = |line: Line| {
        lines.push(serde_json::to_string(&line).unwrap());
        Ok::<(), AuditError>(())
    };
    audit(store).export_root(&platform(), &keys().public(), write).await.unwrap();
    lines
}

fn verdict(lines: &[String], witnesses: Vec<VerifierKey>) -> Verdict {
    let mut verifier = Verifier::new(Some(keys().public())).witnessed_by(witnesses);
    lines.iter().for_each(|line| verifier.read(line));
    verifier.end()
}

/// A witness in this process, whose memory outlives it.
#[derive(Clone, Default)]
struct Near(Arc<Mutex<BTreeMap<String, Seen>>>);

impl WitnessMemory for Near {
    fn last(&self, origin: &str) -> Option<Seen> {
        self.0.lock().unwrap().get(origin).cloned()
    }

    fn keep(&mut self, origin: &str, seen: Seen) -> Result<(), Unheard> {
        self.0.lock().unwrap().insert(origin.to_owned(), seen);
        Ok(())
    }
}

#[async_trait]
impl Witness for Near {
    async fn submit(&self, submission: &Submission) -> Result<Witnessing, Unheard> {
        let log = keys().public().of("test/audit/root").unwrap();
        let cosigner = Cosigner::new(WITNESS.into(), witness_keys(), log.to_vec(), Box::new(self.clone()));
        Ok(match cosigner.cosign(&submission.to_text(), at(5000)) {
            Ok(lines) => Witnessing::Cosigned(lines),
            Err(NotCosigned::Refused(WitnessRefusal::Stale { size } | WitnessRefusal::Split { size })) => {
                Witnessing::Seen(size)
            }
            Err(NotCosigned::Refused(error @ WitnessRefusal::Unproved { .. })) => {
                Witnessing::Unproved(error.to_string())
            }
            Err(error) => Witnessing::Refused(error.to_string()),
        })
    }
}

impl Near {
    async fn asked(&self, store: &Arc<Store>) -> Result<(), &'static str> {
        let mut asked = Asked::new(witness_key(), Box::new(self.clone()));
        audit(store).witness(&mut asked).await.map_err(|error| error.code())
    }
}

on_both![
    every_log_is_in_the_root_log_and_its_export_proves_it,
    two_who_add_to_it_leave_no_gap,
    what_a_witness_cosigned_is_in_the_export,
];

async fn every_log_is_in_the_root_log_and_its_export_proves_it(store: &Arc<Store>) {
    lived_in(store).await;
    assert_eq!(store.root_size().await.unwrap(), 15);
    let root = verdict(&export_root(store).await, vec![]);
    assert_eq!((root.findings, root.entries, root.origin.as_str()), (vec![], 15, "test/audit/root"));
    let lines = export(store, "acme").await;
    let acme = verdict(&lines, vec![]);
    assert_eq!(acme.findings, []);
    let rooted = acme.rooted.unwrap();
    assert_eq!((rooted.entries, rooted.leaf, rooted.at), (5, 12, at(1000)));
    // It tells of others by hashes alone.
    let whole = lines.join("\n");
    assert!(!whole.contains("globex") && !whole.contains("initech"), "{whole}");
    let proofs = audit(store).prove_rooted(&only("acme"), &log("acme")).await.unwrap();
    assert_eq!(proofs.len(), 1);
    let hidden = audit(store).prove_rooted(&only("globex"), &log("acme")).await.unwrap_err();
    assert_eq!(hidden.code(), "T903");
    let write = |_: Line| Ok::<(), AuditError>(());
    let not_theirs = audit(store).export_root(&only("acme"), &keys().public(), write).await.unwrap_err();
    assert_eq!(not_theirs.code(), "T903");
    // Nothing new, nothing added.
    audit(store).seal(&keys(), at(9000)).await.unwrap();
    assert_eq!(store.root_size().await.unwrap(), 15);
    // An end that is cut off is known by the root log, whoever kept no checkpoint.
    let gone = |line: &String| line.contains("\"seq\":4") || line.starts_with("{\"checkpoint\"");
    let short: Vec<String> = lines.iter().filter(|line| !gone(line)).cloned().collect();
    let findings = verdict(&short, vec![]).findings;
    assert!(findings.contains(&Finding::CutOff { entries: 4, signed: 5 }), "{findings:?}");
    let mut other = lines.clone();
    let last = other.last_mut().unwrap();
    *last = last.replace("\"leaf\":12", "\"leaf\":11");
    assert!(matches!(verdict(&other, vec![]).findings[..], [Finding::NotRooted { .. }]));
}

async fn two_who_add_to_it_leave_no_gap(store: &Arc<Store>) {
    for number in 0..4 {
        for name in ["acme", "globex"] {
            store.revise(&[change(tenant(name), number, "body")], &ann()).await.unwrap();
        }
        let (one, two) = (audit(store), audit(store));
        let keys = keys();
        let (one, two) = futures::future::join(one.seal(&keys, at(1000)), two.seal(&keys, at(1000))).await;
        assert_eq!(one.unwrap() + two.unwrap(), 2);
    }
    // Who was overtaken leaves it to the next second.
    audit(store).seal(&keys(), at(2000)).await.unwrap();
    let root = verdict(&export_root(store).await, vec![]);
    assert_eq!((root.findings, root.entries), (vec![], store.root_size().await.unwrap()));
    assert_eq!(verdict(&export(store, "globex").await, vec![]).rooted.unwrap().entries, 4);
}

async fn what_a_witness_cosigned_is_in_the_export(store: &Arc<Store>) {
    lived_in(store).await;
    let near = Near::default();
    let unseen = verdict(&export(store, "acme").await, vec![witness_key()]).findings;
    assert_eq!(unseen, [Finding::NotWitnessed { witness: WITNESS.into() }]);
    near.asked(store).await.unwrap();
    changed(store, "acme", 5).await;
    let lines = export(store, "acme").await;
    let seen = verdict(&lines, witness_keys().public().of_witness(WITNESS).unwrap().to_vec());
    assert_eq!(seen.findings, []);
    let [witnessed] = &seen.witnessed[..] else { panic!("one witness") };
    assert_eq!((witnessed.witness.as_str(), witnessed.entries, witnessed.at), (WITNESS, 5, at(5000)));
    assert_eq!(seen.rooted.unwrap().entries, 6, "what came after is in the root log, and not witnessed yet");
    // The witness is asked from where it was, and what it cosigned of the root log is there too.
    near.asked(store).await.unwrap();
    let root = verdict(&export_root(store).await, vec![witness_key()]);
    assert_eq!((root.findings, root.witnessed[0].entries), (vec![], 16));
    // A cosignature that was altered is named.
    let place = lines.iter().position(|line| line.contains(WITNESS)).unwrap();
    let mut altered = lines.clone();
    altered[place] = lines[place].replacen(&format!("{WITNESS} "), &format!("{WITNESS} A"), 1);
    let findings = verdict(&altered, vec![witness_key()]).findings;
    assert!(findings.contains(&Finding::NotWitnessed { witness: WITNESS.into() }), "{findings:?}");
    let forged = SigningKeys::from_seed(&[3; SEED_LENGTH]).unwrap().public().of_witness(WITNESS).unwrap();
    assert!(verdict(&lines, forged.to_vec()).findings.contains(&Finding::NotWitnessed { witness: WITNESS.into() }));
}

/// Copies the store's file as it is now, as whoever holds the disk can.
async fn copied(fresh: &Fresh) -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let copy = format!("sqlite:{}", dir.path().join("copy.db").display());
    tamper(&fresh.url, "PRAGMA wal_checkpoint(TRUNCATE); UPDATE counters SET value = value").await;
    let plain = |url: &str| std::path::PathBuf::from(url.strip_prefix("sqlite:").unwrap());
    std::fs::copy(plain(&fresh.url), plain(&copy)).unwrap();
    std::fs::copy(keys_of(&fresh.url), keys_of(&copy)).unwrap();
    Fresh { store: open(&copy).await.unwrap(), url: copy, _dir: Some(dir) }
}

#[tokio::test]
async fn a_server_that_was_put_back_or_forked_is_told_from_an_honest_one() {
    let fresh = sqlite().await;
    lived_in(&fresh.store).await;
    let near = Near::default();
    near.asked(&fresh.store).await.unwrap();
    let copy = copied(&fresh).await;
    changed(&fresh.store, "acme", 5).await;
    changed(&fresh.store, "globex", 5).await;
    near.asked(&fresh.store).await.unwrap();
    // Put back to the copy, which knows no better: it has less than the witness saw.
    assert_eq!(near.asked(&copy.store).await, Err("T1201"));
    // As long, and another one; and then longer.
    changed(&copy.store, "initech", 5).await;
    changed(&copy.store, "acme", 5).await;
    assert_eq!(near.asked(&copy.store).await, Err("T1201"));
    changed(&copy.store, "globex", 5).await;
    assert_eq!(near.asked(&copy.store).await, Err("T1201"));
    // The honest one goes on.
    changed(&fresh.store, "acme", 6).await;
    near.asked(&fresh.store).await.unwrap();
}

#[tokio::test]
async fn what_is_altered_in_the_root_log_is_found_where_it_is() {
    let swapped = "UPDATE audit_leaves SET seq = -1 WHERE seq = 3; UPDATE audit_leaves SET seq = 3 WHERE seq = 4; \
                   UPDATE audit_leaves SET seq = 4 WHERE seq = -1";
    let cases: [(&str, &[Finding]); 6] = [
        ("UPDATE audit_leaves SET leaf = replace(leaf, 'acme', 'acmf') WHERE seq = 3", &[Finding::Altered { seq: 3 }]),
        ("DELETE FROM audit_leaves WHERE seq = 7", &[Finding::Dropped { from: 7, until: 8 }]),
        ("DELETE FROM audit_leaves WHERE seq >= 12", &[Finding::CutOff { entries: 12, signed: 15 }]),
        (swapped, &[Finding::Altered { seq: 3 }, Finding::Altered { seq: 4 }]),
        (
            "UPDATE audit_root_hashes SET hash = zeroblob(32) WHERE place = 0",
            &[Finding::Altered { seq: 0 }, Finding::Root { from: 0, until: 15 }],
        ),
        ("UPDATE audit_root_checkpoints SET signed = replace(signed, 'w1 ', 'w1 A')", &[]),
    ];
    for (sql, expected) in cases {
        let fresh = sqlite().await;
        lived_in(&fresh.store).await;
        Near::default().asked(&fresh.store).await.unwrap();
        tamper(&fresh.url, sql).await;
        let found = verdict(&export_root(&fresh.store).await, vec![witness_key()]).findings;
        assert!(!found.is_empty(), "{sql}");
        for one in expected {
            assert!(found.contains(one), "{sql}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_log_that_was_put_back_with_its_checkpoints_is_known_by_the_root_log() {
    let fresh = sqlite().await;
    lived_in(&fresh.store).await;
    // The log of acme as if its last entry had never been, in all its own tables.
    tamper(
        &fresh.url,
        "UPDATE audit_logs SET entries = 4, sealed = 4, rooted = 4 WHERE tenant = 'acme'; \
         DELETE FROM audit_entries WHERE tenant = 'acme' AND seq = 4; \
         DELETE FROM audit_hashes WHERE tenant = 'acme' AND place >= 7; \
         DELETE FROM audit_checkpoints WHERE tenant = 'acme'",
    )
    .await;
    fresh.store.record(&[decision(workload("acme", "api"), 8, 5, 6)]).await.unwrap();
    let refused = audit(&fresh.store).seal(&keys(), at(9000)).await.unwrap_err();
    assert!(refused.code() == "T901" && refused.to_string().contains("sealed up to 5 entries"), "{refused}");
    // And a root log that was put back is not gone on with by the server that signed it.
    let fresh = sqlite().await;
    let logs = audit(&fresh.store);
    for number in 0..3 {
        fresh.store.revise(&[change(tenant("acme"), number, "body")], &ann()).await.unwrap();
        logs.seal(&keys(), at(1000)).await.unwrap();
    }
    tamper(
        &fresh.url,
        "UPDATE counters SET value = 2 WHERE name = 'audit_root'; DELETE FROM audit_leaves WHERE seq = 2; \
         DELETE FROM audit_root_hashes WHERE place >= 3; DELETE FROM audit_root_checkpoints",
    )
    .await;
    fresh.store.revise(&[change(tenant("globex"), 0, "body")], &ann()).await.unwrap();
    let refused = logs.seal(&keys(), at(9000)).await.unwrap_err();
    assert!(refused.to_string().contains("the deployment's root log was sealed up to 3"), "{refused}");
}
