//! Backups of a store of either kind, restored into either.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::memory::InMemory;
use tenantry_backup::{About, Access, Archive, Manifest, Place, Taken, Which, fill, scan, take, verify};
use tenantry_domain::unit::Span;
use tenantry_engine::ports::store::audit::{AuditStore as _, Deed};
use tenantry_engine::ports::store::{ConfigStore as _, ControlStore as _, StoreError};
use tenantry_store::{Ending, Restore, Settings, Store};

use crate::given::{self, Fresh, ann, at, platform, provider};
use crate::{again, chance::Chance, journal, server};

/// A place in memory.
pub(crate) fn place() -> Place {
    Place::new(Arc::new(InMemory::new()), object_store::path::Path::from("a"), "memory", "tests", |_| false)
}

pub(crate) fn access(url: &str) -> Access {
    Access { provider: provider(url), unencrypted: false }
}

fn about(schema: i64) -> About {
    let (program, database) = ("0".to_owned(), "a store".to_owned());
    About { taken_at: at(1_795_843_800_000), program, schema, database, deployment: None, audit_keys: None }
}

async fn back_up(store: &Store, archive: &Archive) -> (Manifest, Taken) {
    let mut snapshot = store.snapshot().await.unwrap();
    let about = about(snapshot.schema());
    let (name, taken) = take(archive, &mut snapshot, about, &mut |_| {}).await.unwrap();
    snapshot.end().await;
    (archive.find(&Which::Named(name)).await.unwrap(), taken)
}

pub(crate) fn deed() -> Deed {
    Deed { action: "backup.restore", ..Deed::done(None, &ann(), "backup/x".to_owned()) }
}

/// Restores into an empty place; before it is finished, what was filled in is the very same.
async fn restore(archive: &Archive, manifest: &Manifest, url: &str, keys: &str) -> Arc<Store> {
    let mut filling = Restore::begin(url, manifest.about.schema, &Settings::default()).await.unwrap();
    fill(archive, manifest, &mut filling, &mut |_| {}).await.unwrap();
    let seen = scan(archive, &mut filling, manifest).await.unwrap();
    assert_eq!(manifest.differences(&seen), Vec::<String>::new());
    let ending = Ending { since: Span::from_secs(60), deed: deed() };
    filling.finish(ending, provider(keys), &Settings::default()).await.unwrap();
    tenantry_store::open_sealed(url, &Settings::default(), provider(keys)).await.unwrap()
}

fn new_file() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("restored.db").display());
    (dir, url)
}

async fn filled(fresh: &Fresh, writes: u64) {
    for number in 1..=writes {
        journal::write(&fresh.store, number).await.unwrap();
    }
    fresh.store.lease("tenantry", "one", at(5), at(90)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_have_the_same_tables_for_a_backup() {
    let sqlite = given::sqlite().await;
    let of = async |store: &Store| {
        let snapshot = store.snapshot().await.unwrap();
        let shapes = tenantry_backup::Source::shapes(&snapshot).to_vec();
        let schema = snapshot.schema();
        snapshot.end().await;
        (shapes, schema)
    };
    let (shapes, schema) = of(&sqlite.store).await;
    let names: Vec<&str> = shapes.iter().map(|shape| shape.name.as_str()).collect();
    for table in [
        "audit_entries",
        "audit_hashes",
        "counters",
        "data_keys",
        "decisions",
        "kept",
        "revisions",
        "tokens",
        "written",
    ] {
        assert!(names.contains(&table), "{table}: {names:?}");
    }
    assert!(schema >= 7 && shapes.iter().all(|shape| shape.key > 0));
    if let Some(postgres) = given::postgres().await {
        assert_eq!(of(&postgres.store).await, (shapes, schema));
    }
}

async fn round_trip(fresh: &Fresh, to: &str, keys: &str) -> (Archive, Arc<Store>) {
    filled(fresh, 30).await;
    let archive = Archive::begin(place(), &access(keys)).await.unwrap();
    let (manifest, taken) = back_up(&fresh.store, &archive).await;
    assert!(taken.rows > 100 && taken.reused_chunks == 0, "{taken:?}");
    let restored = restore(&archive, &manifest, to, keys).await;
    assert_eq!(journal::last(&restored).await, 30);
    // Who held the lease holds it no more, and the next epoch is above all that can have been given since.
    assert_eq!(restored.lease("tenantry", "two", at(6), at(99)).await.unwrap(), Some(1 + 61 + 1));
    let log = restored.search(&None, &tenantry_engine::ports::store::audit::LogFilter::default(), 1).await.unwrap();
    assert!(String::from_utf8_lossy(&log[0].entry).contains("backup.restore"));
    // It is a store like any other.
    journal::write(&restored, 31).await.unwrap();
    assert_eq!(journal::last(&restored).await, 31);
    (archive, restored)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_store_comes_back_as_it_was() {
    let fresh = given::sqlite().await;
    let (_dir, to) = new_file();
    let (_, restored) = round_trip(&fresh, &to, &fresh.url).await;
    restored.close().await;
    journal::check_file(&to).await;
    let path = to.strip_prefix("sqlite:").unwrap();
    let left: Vec<String> = std::fs::read_dir(std::path::Path::new(path).parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, ["restored.db"], "nothing is left beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_store_comes_back_as_it_was() {
    let Some(fresh) = given::postgres().await else { return };
    let to = server::database().await.unwrap();
    round_trip(&fresh, &to, &fresh.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_goes_from_one_kind_of_database_to_the_other_and_back() {
    let fresh = given::sqlite().await;
    filled(&fresh, 20).await;
    let Some(to) = server::database().await else { return };
    let archive = Archive::begin(place(), &access(&fresh.url)).await.unwrap();
    let (manifest, _) = back_up(&fresh.store, &archive).await;
    let moved = restore(&archive, &manifest, &to, &fresh.url).await;
    assert_eq!(journal::last(&moved).await, 20);
    // Of the other kind all other rows are the same, and in the same pieces.
    let (again, taken) = back_up(&moved, &archive).await;
    assert_eq!(again.differences(&manifest), ["audit_entries", "audit_logs", "leases"]);
    assert!(taken.reused > 0, "{taken:?}");
    let (_dir, file) = new_file();
    let back = restore(&archive, &again, &file, &fresh.url).await;
    assert_eq!(journal::last(&back).await, 20);
    assert_eq!(back.documents(&platform()).await.unwrap(), fresh.store.documents(&platform()).await.unwrap());
    back.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_changed_is_not_written_again() {
    let fresh = given::sqlite().await;
    filled(&fresh, 120).await;
    let archive = Archive::begin(place(), &access(&fresh.url)).await.unwrap();
    let (first, whole) = back_up(&fresh.store, &archive).await;
    let (second, nothing) = back_up(&fresh.store, &archive).await;
    assert!(first.holds_as(&second));
    assert_eq!((nothing.new_chunks, nothing.reused), (0, nothing.bytes));
    journal::write(&fresh.store, 121).await.unwrap();
    let (_, little) = back_up(&fresh.store, &archive).await;
    assert!(little.new_chunks > 0 && little.written * 2 < whole.written, "{little:?} of {whole:?}");
}

/// While a writer writes, every backup is of one instant: each write is in it whole, and all before it.
async fn consistent(fresh: &Fresh, rounds: usize) {
    journal::write(&fresh.store, 1).await.unwrap();
    let archive = Archive::begin(place(), &access(&fresh.url)).await.unwrap();
    let ends = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, ends) = (fresh.store.clone(), ends.clone());
        async move {
            let mut number = 2;
            while !ends.load(Ordering::SeqCst) {
                journal::write(&store, number).await.unwrap();
                number += 1;
            }
            number - 1
        }
    });
    let mut seen = 0;
    for _ in 0..rounds {
        let (manifest, _) = back_up(&fresh.store, &archive).await;
        let (_dir, url) = new_file();
        let restored = restore(&archive, &manifest, &url, &fresh.url).await;
        let last = journal::last(&restored).await;
        assert!(last >= seen, "a later backup has no less");
        seen = last;
        no_change_without_an_entry(&restored).await;
        restored.close().await;
    }
    ends.store(true, Ordering::SeqCst);
    assert!(writer.await.unwrap() > 1);
}

/// Every revision is written down in the audit log of whom it is about.
async fn no_change_without_an_entry(store: &Store) {
    for revision in store.documents(&platform()).await.unwrap() {
        let tenantry_engine::ports::store::DocumentKey::Tenant(tenant) = &revision.key else { continue };
        let entries = store.entries(&Some(tenant.clone()), 0, u32::MAX).await.unwrap();
        let told = entries.iter().filter(|logged| String::from_utf8_lossy(&logged.entry).contains("config.revise"));
        assert_eq!(u64::try_from(told.count()).unwrap(), revision.number, "{}", revision.key);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_others_write_is_of_one_instant_on_sqlite() {
    consistent(&given::sqlite().await, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_others_write_is_of_one_instant_on_postgres() {
    let Some(fresh) = given::postgres().await else { return };
    consistent(&fresh, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_empty_is_filled() {
    let fresh = given::sqlite().await;
    filled(&fresh, 3).await;
    let archive = Archive::begin(place(), &access(&fresh.url)).await.unwrap();
    let (manifest, _) = back_up(&fresh.store, &archive).await;
    let begin = async |url: &str| Restore::begin(url, manifest.about.schema, &Settings::default()).await.map(|_| ());
    let refused = begin(&fresh.url).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotEmpty { .. }) && refused.code() == "T1108", "{refused}");
    assert_eq!(journal::last(&fresh.store).await, 3);
    if let Some(other) = given::postgres().await {
        filled(&other, 2).await;
        let refused = begin(&other.url).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotEmpty { .. }), "{refused}");
        assert_eq!(journal::last(&other.store).await, 2);
    }
    let (_dir, url) = new_file();
    let newer = Restore::begin(&url, 9_001, &Settings::default()).await.unwrap_err();
    assert!(matches!(newer, StoreError::TooNew { found: 9_001, .. }), "{newer}");
    // Another restore of the same file waits for nobody and disturbs nobody.
    let first = Restore::begin(&url, manifest.about.schema, &Settings::default()).await.unwrap();
    let second = begin(&url).await.unwrap_err();
    assert!(second.to_string().contains("another restore"), "{second}");
    drop(first);
    begin(&url).await.unwrap();
    assert!(!std::path::Path::new(url.strip_prefix("sqlite:").unwrap()).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_other_keys_nothing_is_restored() {
    let fresh = given::sqlite().await;
    filled(&fresh, 3).await;
    let place = place();
    let archive = Archive::begin(place.clone(), &access(&fresh.url)).await.unwrap();
    back_up(&fresh.store, &archive).await;
    let other = given::sqlite().await;
    filled(&other, 1).await;
    let refused = Archive::open(place.clone(), &access(&other.url)).await.unwrap_err();
    assert!(refused.code() == Some("T1103") && refused.to_string().contains("cannot be opened"), "{refused}");
    let refused = Archive::begin(place.clone(), &access(&other.url)).await.unwrap_err();
    assert_eq!(refused.code(), Some("T1103"), "{refused}");
    // Nor is it taken for one that need not be opened.
    let plain = Access { unencrypted: true, ..access(&other.url) };
    assert!(Archive::open(place, &plain).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_an_older_schema_is_brought_up_to_date() {
    let fresh = given::sqlite().await;
    // As a program had it that knew three migrations.
    let (_old_dir, old) = new_file();
    let empty = Restore::begin(&old, 3, &Settings::default()).await.unwrap();
    let shapes = tenantry_backup::Source::shapes(&empty).to_vec();
    assert!(!shapes.iter().any(|shape| shape.name == "audit_logs"));
    let archive = Archive::begin(place(), &access(&fresh.url)).await;
    // Keys are made with the first write.
    assert_eq!(archive.unwrap_err().code(), Some("T1103"));
    filled(&fresh, 1).await;
    let archive = Archive::begin(place(), &access(&fresh.url)).await.unwrap();
    let mut empty = empty;
    let revisions = shapes.iter().find(|shape| shape.name == "revisions").unwrap().clone();
    let cells = revisions.columns.iter().map(|column| match column.as_str() {
        "kind" => tenantry_backup::Cell::Int(3),
        "number" | "change" => tenantry_backup::Cell::Int(1),
        "at" => tenantry_backup::Cell::Int(5),
        "body" => tenantry_backup::Cell::Text("{}".to_owned()),
        "owner" => tenantry_backup::Cell::Text("api".to_owned()),
        _ => tenantry_backup::Cell::Text("acme".to_owned()),
    });
    tenantry_backup::Sink::add(&mut empty, &revisions, vec![cells.collect()]).await.unwrap();
    let (name, _) = take(&archive, &mut empty, about(3), &mut |_| {}).await.unwrap();
    drop(empty);
    let manifest = archive.find(&Which::Named(name)).await.unwrap();
    let (_dir, url) = new_file();
    let restored = restore(&archive, &manifest, &url, &fresh.url).await;
    assert_eq!(restored.documents(&platform()).await.unwrap().len(), 0, "it has no head");
    let snapshot = restored.snapshot().await.unwrap();
    assert!(snapshot.schema() > 3);
    snapshot.end().await;
    restored.close().await;
}

/// Does nothing in an ordinary run. As a child it restores what is at a place into a store, and is killed meanwhile.
#[tokio::test]
async fn a_restorer() {
    let Some(given) = again::given() else { return };
    let [folder, keys, to] = given.split('|').collect::<Vec<_>>()[..] else { panic!("{given}") };
    let archive = Archive::open(in_folder(folder), &access(keys)).await.unwrap();
    let manifest = archive.find(&Which::Newest).await.unwrap();
    println!("\nbegins");
    restore(&archive, &manifest, to, keys).await.close().await;
}

fn in_folder(folder: &str) -> Place {
    let objects = object_store::local::LocalFileSystem::new_with_prefix(folder).unwrap();
    Place::new(Arc::new(objects), object_store::path::Path::default(), folder, "tests", |_| false)
}

/// A restore that is killed anywhere leaves a place that can be filled, or one that is filled.
async fn killed_restores(to: &str, rounds: u64, is_there: impl AsyncFn() -> bool) {
    use std::io::BufRead as _;
    let fresh = given::sqlite().await;
    filled(&fresh, 60).await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    let archive = Archive::begin(in_folder(at), &access(&fresh.url)).await.unwrap();
    back_up(&fresh.store, &archive).await;
    let mut chance = Chance::new(0x7e4a_bac0);
    let mut whole = false;
    for round in 0..rounds {
        let given = format!("{at}|{}|{to}", fresh.url);
        let mut command = again::command(&[], "backup::a_restorer", &given);
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut said = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        said.find(|line| line.as_ref().is_ok_and(|line| line == "begins"));
        std::thread::sleep(Duration::from_millis(chance.under(400)));
        child.kill().unwrap();
        child.wait().unwrap();
        if is_there().await {
            let store = tenantry_store::open_sealed(to, &Settings::default(), provider(&fresh.url)).await.unwrap();
            assert_eq!(journal::last(&store).await, 60, "round {round}: what is there is whole");
            store.close().await;
            whole = true;
            break;
        }
    }
    if !whole {
        let manifest = archive.find(&Which::Newest).await.unwrap();
        let store = restore(&archive, &manifest, to, &fresh.url).await;
        assert_eq!(journal::last(&store).await, 60);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_restore_of_a_file_leaves_nothing_or_all() {
    for _ in 0..3 {
        let (dir, url) = new_file();
        let path = dir.path().join("restored.db");
        killed_restores(&url, 8, async || std::fs::metadata(&path).is_ok_and(|file| file.len() > 0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_restore_of_a_server_leaves_nothing_or_all() {
    let Some(url) = server::database().await else { return };
    let is_there = async || {
        use sqlx::Connection as _;
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        let all = "SELECT set_config('tenantry.reach', '*', false)";
        sqlx::query(all).execute(&mut connection).await.unwrap();
        let count =
            sqlx::query_scalar("SELECT count(*) FROM counters WHERE value > 0").fetch_one(&mut connection).await;
        connection.close().await.unwrap();
        count.is_ok_and(|count: i64| count > 0)
    };
    killed_restores(&url, 6, is_there).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_backups_verify() {
    let fresh = given::sqlite().await;
    filled(&fresh, 30).await;
    let archive = Archive::begin(place(), &access(&fresh.url)).await.unwrap();
    back_up(&fresh.store, &archive).await;
    back_up(&fresh.store, &archive).await;
    let verdict = verify(&archive, None, false, &mut |_| {}).await.unwrap();
    assert!(verdict.is_whole() && verdict.backups.len() == 2 && verdict.chunks > 3, "{verdict:?}");
}
