//! Encryption at rest: what is in the database, what opens it, and what does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tenantry_audit::{Line, SEED_LENGTH, SigningKeys, Verifier};
use tenantry_domain::id::TenantId;
use tenantry_domain::snapshot::Pause;
use tenantry_engine::audit::{Audit, AuditError};
use tenantry_engine::ports::answers::{AnswerStore as _, Given, Keyed, Turn};
use tenantry_engine::ports::events::EventStore as _;
use tenantry_engine::ports::store::{
    Change, ConfigStore as _, ControlStore as _, DecisionFilter, DecisionRecord, DocumentKey, Intervention, StoreError,
};
use tenantry_keys::{EnvironmentProvider, FileProvider};
use tenantry_store::{Progress, Rotation, Settings, Store, open_sealed};

use crate::given::*;

const SECRET: &str = "hush-hush-planted";

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn asked(tenant: &str) -> Keyed {
    let tenant = Some(TenantId::new(tenant).unwrap());
    Keyed { tenant, caller: "ann".into(), key: "k".into(), digest: "d".into(), at: at(1) }
}

fn answer() -> Given {
    Given { status: 200, tag: None, body: format!("{{\"said\":\"{SECRET}\"}}").into_bytes() }
}

fn paused() -> Intervention {
    Intervention { manual: None, pause: Some(Pause { author: "ann".into(), reason: SECRET.into(), expires_at: None }) }
}

fn decided(tenant: &str) -> DecisionRecord {
    let (inputs, planned) = (format!("{{\"i\":\"{SECRET}\"}}"), format!("{{\"p\":\"{SECRET}\"}}"));
    DecisionRecord { inputs, planned, ..decision(workload(tenant, "api"), 5, 2, 4) }
}

/// A document with the secret; its digest is a real one's.
fn secret(key: DocumentKey, based_on: u64) -> Change {
    Change { digest: "d1".repeat(32), ..change(key, based_on, &format!("a: {SECRET}")) }
}

/// Everything that is sealed, for one tenant, each with the planted secret.
async fn lives(store: &Arc<Store>, name: &str) {
    let key = workload(name, "api");
    store.revise(&[secret(tenant(name), 0)], &ann()).await.unwrap();
    store.record(&[decided(name)]).await.unwrap();
    store.intervene(&key, &paused(), &ann()).await.unwrap();
    store.keep(&[blob(key, "model", SECRET.as_bytes())]).await.unwrap();
    assert_eq!(store.take_turn(&asked(name), at(0), at(0)).await.unwrap(), Turn::Yours);
    store.end_turn(&asked(name), Some(&answer())).await.unwrap();
}

/// Makes sure that all of it is read as it was written.
async fn reads(store: &Arc<Store>, name: &str) {
    let scope = only(name);
    let head = store.head(&scope, &tenant(name)).await.unwrap().unwrap();
    assert_eq!(head.body, Some(format!("a: {SECRET}")));
    let read = store.decisions(&scope, &DecisionFilter::default(), 9).await.unwrap();
    assert_eq!((read[0].inputs.clone(), read[0].planned.clone()), (decided(name).inputs, decided(name).planned));
    assert_eq!(store.interventions(&scope).await.unwrap(), [(workload(name, "api"), paused())]);
    assert_eq!(store.kept(&scope, "model").await.unwrap()[0].bytes, SECRET.as_bytes());
    assert_eq!(store.take_turn(&asked(name), at(0), at(0)).await.unwrap(), Turn::Done(answer()));
    let changes = store.changes_after(&scope, 0, 9).await.unwrap();
    assert!(format!("{changes:?}").contains(SECRET) && changes.len() >= 2, "{changes:?}");
    assert!(!format!("{changes:?}").contains("removed: true"), "{changes:?}");
}

fn signing() -> SigningKeys {
    SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap()
}

/// The export of a tenant's log, which must verify, and what it says of details.
async fn exported(store: &Arc<Store>, name: &str) -> String {
    let logs = Audit::new(store.clone(), "test");
    logs.seal(&signing(), at(9)).await.unwrap();
    let (mut verifier, mut text) = (Verifier::new(Some(signing().public())), String::new());
    let write = |line: Line| {
        let line = serde_json::to_string(&line).unwrap();
        verifier.read(&line);
        text.push_str(&line);
        Ok::<(), AuditError>(())
    };
    logs.export((&platform(), &Some(TenantId::new(name).unwrap())), &signing().public(), &[], write).await.unwrap();
    assert_eq!(verifier.end().findings, [], "{text}");
    text
}

fn rotation(tenant: Option<TenantId>) -> Rotation {
    Rotation { tenant, kek: false, retire: false }
}

on_both!(
    all_that_is_sealed_is_read_as_it_was_written,
    details_are_handed_out_and_open_their_commitments,
    keys_are_renewed_while_others_write,
    a_tenant_is_shredded_and_its_log_stays_whole,
);

async fn all_that_is_sealed_is_read_as_it_was_written(store: &Arc<Store>) {
    lives(store, "acme").await;
    lives(store, "globex").await;
    store.revise(&[secret(tier("gold"), 0)], &ann()).await.unwrap();
    reads(store, "acme").await;
    reads(store, "globex").await;
    assert_eq!(store.documents(&only("acme")).await.unwrap().len(), 2, "a tenant opens the layers, too");
    assert_eq!(store.rows_to_seal(None).await.unwrap(), 0);
    let keys = store.keys(Some(&acme())).await.unwrap();
    let purposes: Vec<&str> = keys.iter().map(|key| key.purpose.as_str()).collect();
    assert_eq!(purposes, ["config", "decisions", "state", "answers", "audit"]);
}

async fn details_are_handed_out_and_open_their_commitments(store: &Arc<Store>) {
    lives(store, "acme").await;
    let text = exported(store, "acme").await;
    assert!(text.contains(&format!("\"detail\":{{\"document\":\"a: {SECRET}\"}},\"salt\":\"")), "{text}");
    // Details that were altered, and that are said to be from before there were salts.
    let salt = text.split("\"salt\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for altered in [text.replace(SECRET, "other"), text.replace(&format!(",\"salt\":\"{salt}\""), "")] {
        let mut verifier = Verifier::new(Some(signing().public()));
        altered.replace("}{", "}\n{").lines().for_each(|line| verifier.read(line));
        assert!(format!("{:?}", verifier.end().findings).contains("DetailAltered"));
    }
}

async fn keys_are_renewed_while_others_write(store: &Arc<Store>) {
    lives(store, "acme").await;
    let before = store.keys(None).await.unwrap();
    let writing = async {
        for number in 0..30 {
            store.keep(&[blob(workload("acme", "api"), &format!("part {number}"), SECRET.as_bytes())]).await.unwrap();
        }
    };
    let mut seen = Vec::new();
    let told = |progress: Progress| seen.push(progress);
    let (rotation, by) = (rotation(None), ann());
    let (rotated, ()) = futures::future::join(store.rotate(&rotation, &by, told), writing).await;
    let rotated = rotated.unwrap();
    assert!(rotated.done >= 8 && rotated.made == 5 && rotated.dropped == 5, "{rotated:?}");
    assert!(seen.windows(2).all(|pair| pair[0].done <= pair[1].done), "{seen:?}");
    reads(store, "acme").await;
    assert_eq!(store.kept(&only("acme"), "part").await.unwrap().len(), 30);
    assert_eq!(store.rows_to_seal(None).await.unwrap(), 0);
    let after = store.keys(None).await.unwrap();
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|key| key.version == 2 && key.newest), "{after:?}");
    // Key-encryption keys leave the rows alone.
    let kek = Rotation { tenant: None, kek: true, retire: true };
    let rotated = store.rotate(&kek, &ann(), |_| {}).await.unwrap();
    assert_eq!(rotated.of, u64::try_from(after.len()).unwrap());
    reads(store, "acme").await;
}

async fn a_tenant_is_shredded_and_its_log_stays_whole(store: &Arc<Store>) {
    lives(store, "acme").await;
    lives(store, "globex").await;
    exported(store, "acme").await;
    let stale = store.shred(&acme(), 7, &ann()).await.unwrap_err();
    assert!(matches!(stale, StoreError::Stale { found: 1, .. }), "{stale}");
    reads(store, "acme").await;
    let shredded = store.shred(&acme(), 1, &ann()).await.unwrap();
    assert!(shredded.rows >= 10, "{shredded:?}");
    let head = store.head(&platform(), &tenant("acme")).await.unwrap().unwrap();
    assert_eq!((head.number, head.body), (2, None));
    assert_eq!(store.decisions(&only("acme"), &DecisionFilter::default(), 9).await.unwrap(), []);
    assert_eq!(store.kept(&only("acme"), "").await.unwrap(), []);
    assert_eq!(store.keys(Some(&acme())).await.unwrap(), []);
    let log = exported(store, "acme").await;
    assert!(!log.contains(SECRET) && log.contains("tenant.erase"), "{log}");
    reads(store, "globex").await;
    // Again, nothing is left to do; and whoever is declared under the name has keys of their own.
    assert_eq!(store.shred(&acme(), 2, &ann()).await.unwrap().rows, 0);
    store.revise(&[change(tenant("acme"), 2, "new")], &ann()).await.unwrap();
    assert_eq!(store.head(&platform(), &tenant("acme")).await.unwrap().unwrap().body.as_deref(), Some("new"));
}

/// What a file and its write-ahead log hold.
fn bytes(url: &str) -> Vec<u8> {
    let path = url.strip_prefix("sqlite:").unwrap();
    let mut all = std::fs::read(path).unwrap();
    all.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_planted_secret_is_in_no_byte_of_the_database_and_in_nothing_that_is_shown() {
    let fresh = sqlite().await;
    lives(&fresh.store, "acme").await;
    assert!(holds(&bytes(&fresh.url), "acme"), "the search finds what is there");
    assert!(!holds(&bytes(&fresh.url), SECRET));
    let digits: Vec<String> = std::fs::read_to_string(keys_of(&fresh.url))
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(digits.len(), 2);
    let mut shown = format!("{:?} {:?}", fresh.store, fresh.store.keys(None).await.unwrap());
    // Errors of each kind that the keys can cause.
    let others = fresh_keys(&fresh.url, "others");
    shown.push_str(&said(&fresh.url, &others).await);
    for digits in digits {
        assert!(!shown.contains(&digits) && !holds(&bytes(&fresh.url), &digits), "{shown}");
    }
    assert!(!shown.contains(SECRET));
    // The bytes of the keys, as they would be printed by a derived `Debug`.
    assert!(!shown.contains(", 2"), "{shown}");
}

async fn said(url: &str, keys: &Path) -> String {
    let error = open_sealed(url, &Settings::default(), Arc::new(FileProvider::new(keys))).await.unwrap_err();
    format!("{error} {error:?}")
}

/// A file with keys of another store.
fn fresh_keys(url: &str, name: &str) -> PathBuf {
    let path = keys_of(url).with_file_name(name);
    let text = std::fs::read_to_string(keys_of(url)).unwrap();
    let text: String = text.lines().map(|line| format!("{}\n", turned(line))).collect();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// A line with another key.
fn turned(line: &str) -> String {
    match line.rsplit_once(' ') {
        Some((front, digits)) if digits.len() == 64 => format!("{front} {}", digits.chars().rev().collect::<String>()),
        _ => line.to_owned(),
    }
}

#[tokio::test]
async fn a_store_opens_with_its_own_keys_alone_and_nothing_changes_otherwise() {
    let fresh = sqlite().await;
    lives(&fresh.store, "acme").await;
    fresh.store.close().await;
    let before = bytes(&fresh.url);
    let (others, absent) = (fresh_keys(&fresh.url, "others"), keys_of(&fresh.url).with_file_name("absent"));
    let code = async |url: &str, keys: &Path| {
        let opened = open_sealed(url, &Settings::default(), Arc::new(FileProvider::new(keys))).await;
        opened.unwrap_err().code()
    };
    assert_eq!(code(&fresh.url, &others).await, "T1002");
    assert_eq!(code(&fresh.url, &absent).await, "T1001");
    assert!(!absent.exists(), "a key that is missing is not made");
    std::fs::set_permissions(&others, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(code(&fresh.url, &others).await, "T1003");
    let environment = Arc::new(EnvironmentProvider::new("KEY", &"00".repeat(32)).unwrap());
    assert_eq!(open_sealed(&fresh.url, &Settings::default(), environment).await.unwrap_err().code(), "T1002");
    // Without any keys.
    let error = tenantry_store::open(&fresh.url).await.unwrap_err();
    assert_eq!(error.code(), "T1001", "{error}");
    assert_eq!(bytes(&fresh.url), before);
    reads(&open(&fresh.url).await.unwrap(), "acme").await;
}

async fn alter(url: &str, sql: &str) {
    let mut database = SqliteConnection::connect(url.strip_prefix("sqlite:").unwrap()).await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut database).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
    database.close().await.unwrap();
}

#[tokio::test]
async fn what_is_swapped_rolled_back_altered_or_planted_is_not_read() {
    // Each as somebody with the database's password does it, with the key ids that go with the envelopes.
    let from = |table: &str, of: &str, to: &str| {
        format!(
            "UPDATE {table} SET (sealed, sealed_with) = (SELECT sealed, sealed_with FROM {table} WHERE {of}) WHERE {to}"
        )
    };
    let cases = [
        from("kept", "tenant = 'globex'", "tenant = 'acme'"),
        from("decisions", "tenant = 'globex'", "tenant = 'acme'"),
        from("revisions", "name = 'globex'", "name = 'acme'"),
        from("revisions", "name = 'acme' AND number = 1", "name = 'acme' AND number = 2"),
        from("kept", "tenant = 'acme' AND part = 'other'", "tenant = 'acme' AND part = 'model'"),
        "UPDATE interventions SET sealed = (SELECT sealed FROM asked WHERE tenant = 'acme') WHERE tenant = 'acme'"
            .into(),
        "UPDATE kept SET at = at + 1 WHERE tenant = 'acme' AND part = 'model'".into(),
        "UPDATE kept SET sealed = zeroblob(40) WHERE tenant = 'acme' AND part = 'model'".into(),
        "UPDATE kept SET bytes = x'61', sealed = NULL, sealed_with = NULL WHERE tenant = 'acme'".into(),
        "UPDATE decisions SET inputs = '{}', planned = '{}', sealed = NULL, sealed_with = NULL WHERE tenant = 'acme'"
            .into(),
        "UPDATE revisions SET body = 'planted', sealed = NULL, sealed_with = NULL WHERE name = 'acme' AND number = 2"
            .into(),
        // The key of another tenant in the place of this one's.
        "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE tenant = 'globex' AND purpose = 3) \
         WHERE tenant = 'acme' AND purpose = 3"
            .into(),
    ];
    for sql in cases {
        let fresh = sqlite().await;
        lives(&fresh.store, "acme").await;
        lives(&fresh.store, "globex").await;
        fresh.store.revise(&[change(tenant("acme"), 1, "later")], &ann()).await.unwrap();
        fresh.store.keep(&[blob(workload("acme", "api"), "other", b"other")]).await.unwrap();
        fresh.store.close().await;
        alter(&fresh.url, &sql).await;
        let store = open(&fresh.url).await.unwrap();
        let scope = only("acme");
        let failed = [
            store.kept(&scope, "").await.err(),
            store.decisions(&scope, &DecisionFilter::default(), 9).await.err(),
            store.history(&scope, &tenant("acme"), None, 9).await.err(),
            store.interventions(&scope).await.err(),
        ];
        let failed: Vec<StoreError> = failed.into_iter().flatten().collect();
        assert_eq!(failed.len(), 1, "{sql}: {failed:?}");
        assert!(!failed[0].to_string().contains(SECRET), "{failed:?}");
        reads(&store, "globex").await;
    }
}

#[tokio::test]
async fn what_was_there_before_is_read_and_sealed_by_a_rotation_that_may_be_broken_off() {
    for stop_after in [0, 1, 2, 4, 6] {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", path(&dir).display());
        let plain = tenantry_store::open(&url).await.unwrap();
        lives(&plain, "acme").await;
        lives(&plain, "globex").await;
        exported(&plain, "acme").await;
        plain.close().await;
        assert!(holds(&bytes(&url), SECRET));
        let store = open(&url).await.unwrap();
        assert!(store.head(&platform(), &tenant("acme")).await.unwrap().unwrap().body.unwrap().contains(SECRET));
        assert!(!keys_of(&url).exists(), "whoever looks makes no key");
        store.revise(&[secret(tenant("acme"), 1)], &ann()).await.unwrap();
        reads(&store, "acme").await;
        let waiting = store.rows_to_seal(None).await.unwrap();
        assert_eq!(waiting, 2 * 8, "what is written from now on is sealed");
        // Dropped in the middle, as by somebody who is killed.
        let (sender, stopped) = futures::channel::oneshot::channel::<()>();
        let (mut sender, mut count) = (Some(sender), 0);
        let told = move |_| {
            count += 1;
            if count > stop_after {
                sender.take();
            }
        };
        let (all, by) = (rotation(None), ann());
        let rotating = Box::pin(store.rotate(&all, &by, told));
        drop(futures::future::select(stopped, rotating).await);
        let again = open(&url).await.unwrap();
        reads(&again, "acme").await;
        reads(&again, "globex").await;
        again.rotate(&rotation(None), &ann(), |_| {}).await.unwrap();
        assert_eq!(again.rows_to_seal(None).await.unwrap(), 0);
        reads(&again, "acme").await;
        exported(&again, "globex").await;
        store.close().await;
        again.close().await;
        assert!(!holds(&bytes(&url), SECRET), "after {stop_after}");
        // And from now on a row that is not sealed is somebody else's.
        alter(&url, "UPDATE kept SET bytes = x'61', sealed = NULL, sealed_with = NULL WHERE tenant = 'acme'").await;
        assert!(open(&url).await.unwrap().kept(&only("acme"), "").await.is_err());
    }
}

#[tokio::test]
async fn a_copy_from_before_a_tenant_was_shredded_cannot_be_read_with_all_keys_that_are_left() {
    let fresh = sqlite().await;
    lives(&fresh.store, "acme").await;
    lives(&fresh.store, "globex").await;
    // A second program, which holds the keys in its memory.
    let other = open(&fresh.url).await.unwrap();
    reads(&other, "acme").await;
    fresh.store.close().await;
    let copy = keys_of(&fresh.url).with_file_name("copy.db");
    other.close().await;
    std::fs::copy(fresh.url.strip_prefix("sqlite:").unwrap(), &copy).unwrap();
    let (store, other) = (open(&fresh.url).await.unwrap(), open(&fresh.url).await.unwrap());
    reads(&other, "acme").await;
    let shredded = store.shred(&acme(), 1, &ann()).await.unwrap();
    assert!(shredded.destroyed && shredded.copies, "{shredded:?}");
    // The other program goes on, and seals for somebody of that name with new keys.
    other.revise(&[change(tenant("acme"), 2, "new")], &ann()).await.unwrap();
    other.keep(&[blob(workload("acme", "api"), "model", b"new")]).await.unwrap();
    let third = open(&fresh.url).await.unwrap();
    assert_eq!(third.kept(&only("acme"), "").await.unwrap()[0].bytes, b"new");
    assert_eq!(third.head(&platform(), &tenant("acme")).await.unwrap().unwrap().body.as_deref(), Some("new"));
    // The copy, with the file of keys as it is now.
    let keys = Arc::new(FileProvider::new(keys_of(&fresh.url)));
    let copied = open_sealed(copy.to_str().unwrap(), &Settings::default(), keys).await.unwrap();
    reads(&copied, "globex").await;
    let documents = copied.documents(&platform()).await.unwrap();
    assert!(documents.iter().any(|found| found.key == tenant("globex")), "others are there, {documents:?}");
    assert!(documents.iter().all(|found| found.key != tenant("acme")), "{documents:?}");
    assert_eq!(copied.kept(&platform(), "").await.unwrap().len(), 1);
    for error in [
        copied.head(&only("acme"), &tenant("acme")).await.err(),
        copied.decisions(&only("acme"), &DecisionFilter::default(), 9).await.err(),
        copied.kept(&only("acme"), "").await.err(),
        copied.interventions(&only("acme")).await.err(),
    ] {
        let error = error.unwrap();
        assert_eq!(error.code(), "T1005", "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_with_keys_in_memory_seal_with_the_newest_from_a_rotation_on() {
    let mut stores = vec![sqlite().await];
    stores.extend(postgres().await);
    for fresh in stores {
        let other = open(&fresh.url).await.unwrap();
        lives(&fresh.store, "acme").await;
        reads(&other, "acme").await;
        other.keep(&[blob(workload("acme", "api"), "other", b"1")]).await.unwrap();
        for version in 2..5 {
            fresh.store.rotate(&rotation(Some(acme())), &ann(), |_| {}).await.unwrap();
            other.keep(&[blob(workload("acme", "api"), "other", b"2")]).await.unwrap();
            other.record(&[decided("acme")]).await.unwrap();
            assert_eq!(fresh.store.rows_to_seal(None).await.unwrap(), 0);
            let keys = fresh.store.keys(Some(&acme())).await.unwrap();
            assert!(keys.iter().all(|key| key.version == version), "{keys:?}");
        }
        fresh.store.revise(&[secret(tier("gold"), 0)], &ann()).await.unwrap();
        let third = open(&fresh.url).await.unwrap();
        let documents = third.documents(&only("acme")).await.unwrap();
        assert_eq!(documents.len(), 2, "a tenant's scope opens the layers, with keys that are the platform's");
        reads(&third, "acme").await;
        reads(&other, "acme").await;
    }
}

#[tokio::test]
async fn nothing_of_a_planted_secret_is_in_a_servers_rows() {
    let Some(fresh) = postgres().await else { return };
    lives(&fresh.store, "acme").await;
    let mut raw = PgConnection::connect(&fresh.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SET LOCAL tenantry.reach TO '*'").execute(&mut raw).await.unwrap();
    for table in ["revisions", "decisions", "interventions", "asked", "kept", "answers", "audit_entries", "data_keys"] {
        // A row as text has its bytes in hexadecimal.
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        let sql = format!(
            "SELECT count(*), count(*) FILTER (WHERE t::text LIKE '%{SECRET}%' OR t::text LIKE '%{hex}%') FROM {table} AS t"
        );
        let (rows, plain): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut raw).await.unwrap();
        assert!(rows > 0 && plain == 0, "{table}: {plain} of {rows}");
    }
}
