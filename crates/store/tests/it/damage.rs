//! Full disks, torn writes, other programs in the way, and files that are not what they should be.

use std::error::Error as _;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tenantry_engine::ports::Retry;
use tenantry_engine::ports::store::{ConfigStore as _, ControlStore as _, Retention, StoreError};
use tenantry_store::{Settings, Store};

use crate::chance::Chance;
use crate::given::*;
use crate::{again, journal};

const MIB: u64 = 1 << 20;

/// Writes until there is no room; the last write that was acknowledged.
async fn fill(store: &Store) -> u64 {
    let mut number = journal::last(store).await;
    loop {
        match journal::write(store, number + 1).await {
            Ok(()) => number += 1,
            Err(error) => {
                assert!(matches!(error, StoreError::Full { .. }), "write {}: {error:?}", number + 1);
                assert_eq!(error.retry(), Retry::Later);
                assert!(error.to_string().contains("no room left"), "{error}");
                return number;
            }
        }
    }
}

fn nothing_stays() -> Retention {
    Retention { holds_before: at(i64::MAX), changes_before: at(i64::MAX), records_per_workload: 0 }
}

#[tokio::test]
async fn a_full_store_refuses_and_works_again_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", path(&dir).display());
    let small = Settings { size_bytes_max: Some(2 * MIB), ..Settings::default() };
    let store = open_with(&url, &small).await.unwrap();
    let number = fill(&store).await;
    assert!(number > 30, "{number}");
    // Nothing of the refused write is there, and it is refused again in the same way.
    assert_eq!(journal::last(&store).await, number);
    assert_eq!(fill(&store).await, number);
    store.close().await;
    journal::check_file(&url).await;
    // With more room, by a larger limit, the same write goes through.
    let store = open_with(&url, &Settings { size_bytes_max: Some(4 * MIB), ..small }).await.unwrap();
    assert_eq!(journal::last(&store).await, number);
    assert!(fill(&store).await > number);
    // And by letting records go.
    assert!(store.prune(&nothing_stays()).await.unwrap() > 0);
    let record = decision(workload("b", "web"), 1, 1, 2);
    store.record(&vec![record; 500]).await.unwrap();
    assert!(store.size_bytes().await.unwrap() < 16 * MIB);
    store.close().await;
    journal::check_file(&url).await;
}

/// Does nothing in an ordinary run. As a child it works on a disk of 3 MiB.
#[tokio::test]
async fn on_a_small_disk() {
    let Some(dir) = again::given() else { return };
    let dir = PathBuf::from(dir);
    let url = format!("sqlite:{}", dir.join("tenantry.db").display());
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 512 << 10]).unwrap();
    let store = open(&url).await.unwrap();
    let number = fill(&store).await;
    assert!(number > 10, "{number}");
    assert_eq!(journal::last(&store).await, number);
    // Somebody makes room, and the store that is open goes on.
    std::fs::remove_file(&ballast).unwrap();
    journal::write(&store, number + 1).await.unwrap();
    assert_eq!(journal::last(&store).await, number + 1);
    let number = fill(&store).await;
    store.close().await;
    let store = open(&url).await.unwrap();
    assert_eq!(journal::last(&store).await, number);
    store.close().await;
    journal::check_file(&url).await;
}

#[test]
fn a_full_disk_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let given = dir.path().to_str().unwrap();
    // The disk lives in the child's own view of the file system, and goes with it.
    let mount = "mount -t tmpfs -o size=3m tmpfs \"$0\" || exit 99; exec \"$@\"";
    let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, given];
    let output = again::command(&wrapper, "damage::on_a_small_disk", given).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if complained.contains("unshare:") || output.status.code() == Some(99) {
        println!("skipped: this user may not mount a disk of its own ({})", complained.trim());
        return;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}

/// A file with its log, as they lie on the disk while the store is open, and the writes they hold.
struct Image {
    file: Vec<u8>,
    log: Vec<u8>,
    /// For each write so far, how long the log was after it.
    log_lengths: Vec<(u64, u64)>,
    /// The keys beside it.
    keys: PathBuf,
    _dir: tempfile::TempDir,
}

fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// Writes some, moves them all to the main file, and writes more, which stay in the log.
async fn image() -> (Image, u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = path(&dir);
    let url = format!("sqlite:{}", path.display());
    let store = open(&url).await.unwrap();
    let moved = 12;
    for number in 1..=moved {
        journal::write(&store, number).await.unwrap();
    }
    // The last one to close moves everything.
    store.close().await;
    let store = open(&url).await.unwrap();
    let mut log_lengths = Vec::new();
    for number in moved + 1..=moved + 15 {
        journal::write(&store, number).await.unwrap();
        log_lengths.push((number, std::fs::metadata(log_of(&path)).unwrap().len()));
    }
    let (file, log) = (std::fs::read(&path).unwrap(), std::fs::read(log_of(&path)).unwrap());
    store.close().await;
    let image = Image { file, log, log_lengths, keys: keys_of(&url), _dir: dir };
    (image, moved)
}

impl Image {
    /// The last write found when the log is `log`.
    async fn found_with(&self, log: &[u8]) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        let path = path(&dir);
        std::fs::write(&path, &self.file).unwrap();
        std::fs::write(log_of(&path), log).unwrap();
        let url = format!("sqlite:{}", path.display());
        std::fs::copy(&self.keys, keys_of(&url)).unwrap();
        let store = open(&url).await.unwrap();
        let found = journal::last(&store).await;
        // And it is a store like any other.
        journal::write(&store, found + 1).await.unwrap();
        assert_eq!(journal::last(&store).await, found + 1);
        store.close().await;
        journal::check_file(&url).await;
        found
    }

    /// The last write whose part of the log ends at or before `offset`.
    fn whole_until(&self, offset: u64, moved: u64) -> u64 {
        self.log_lengths.iter().take_while(|(_, length)| *length <= offset).last().map_or(moved, |(number, _)| *number)
    }
}

/// A commit is acknowledged when its end in the log is synced. A tear hits what was not synced yet, so exactly the
/// writes that end before the tear are there: none of them is lost, and nothing of a later one is seen.
#[tokio::test]
async fn a_torn_log_ends_at_the_last_whole_write() {
    let (image, moved) = image().await;
    let mut chance = Chance::new(0x7042);
    let length = u64::try_from(image.log.len()).unwrap();
    assert_eq!(image.found_with(&image.log).await, moved + 15);
    assert_eq!(image.found_with(&[]).await, moved);
    for round in 0..25 {
        let offset = chance.under(length);
        let cut = usize::try_from(offset).unwrap();
        let wanted = image.whole_until(offset, moved);
        assert_eq!(image.found_with(&image.log[..cut]).await, wanted, "round {round}: cut at {offset}");
        let mut garbled = image.log.clone();
        for byte in &mut garbled[cut..] {
            *byte = u8::try_from(chance.under(256)).unwrap();
        }
        assert_eq!(image.found_with(&garbled).await, wanted, "round {round}: garbled from {offset}");
        // A page that never reached the disk, though later ones did.
        let mut hole = image.log.clone();
        for byte in hole[cut..].iter_mut().take(4096) {
            *byte = !*byte;
        }
        assert_eq!(image.found_with(&hole).await, wanted, "round {round}: a hole at {offset}");
    }
}

#[tokio::test]
async fn another_programs_lock_is_waited_for_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", path(&dir).display());
    let settings = Settings { patience: Duration::from_millis(50), ..Settings::default() };
    let store = open_with(&url, &settings).await.unwrap();
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = store.revise(&[change(tenant("a"), 0, "1")], &ann()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Later);
    assert_eq!(error.to_string(), "the store did not answer while trying to revise the configuration");
    let advice = error.source().unwrap().to_string();
    assert_eq!(advice, "another program holds its write lock; stop that program or wait for it");
    // Reading goes on.
    assert!(store.documents(&platform()).await.unwrap().is_empty());
    other.execute("ROLLBACK").await.unwrap();
    store.revise(&[change(tenant("a"), 0, "1")], &ann()).await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_reported_as_such() {
    let fresh = sqlite().await;
    for number in 1..=30 {
        journal::write(&fresh.store, number).await.unwrap();
    }
    fresh.store.close().await;
    let path = fresh.url.strip_prefix("sqlite:").unwrap();
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    // All but the first page, which holds the schema.
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xee; usize::try_from(length - 4096).unwrap()]).unwrap();
    drop(file);
    let error = match open(&fresh.url).await {
        Err(error) => error,
        Ok(store) => store.documents(&platform()).await.unwrap_err(),
    };
    assert!(error.to_string().contains("restore a backup"), "{error}");
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn a_file_that_is_no_store_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "my notes\n".repeat(500)).unwrap();
    let foreign = dir.path().join("photos.db");
    let mut other = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", foreign.display())).await.unwrap();
    other.execute("CREATE TABLE photos (id INTEGER); INSERT INTO photos VALUES (1)").await.unwrap();
    other.close().await.unwrap();
    for (path, wanted) in [(&text, "it is not a SQLite database"), (&foreign, "it is a database of another program")] {
        let before = std::fs::read(path).unwrap();
        let error = open(path.to_str().unwrap()).await.unwrap_err();
        assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
        assert!(error.to_string().contains(wanted) && error.to_string().contains("name another file"), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        let mut after = Vec::new();
        std::fs::File::open(path).unwrap().read_to_end(&mut after).unwrap();
        assert!(after == before, "{} was changed", path.display());
    }
}

/// Does nothing in an ordinary run. As a child it is a user who may read and not write.
#[tokio::test]
async fn without_permission() {
    let Some(dir) = again::given() else { return };
    for name in ["tenantry.db", "new.db"] {
        let error = match open(&format!("{dir}/{name}")).await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{name} could be opened for writing"),
        };
        assert!(error.contains("let this user write it"), "{name}: {error}");
    }
}

#[tokio::test]
async fn missing_permissions_are_named() {
    let fresh = sqlite().await;
    fresh.store.close().await;
    let path = PathBuf::from(fresh.url.strip_prefix("sqlite:").unwrap());
    let dir = path.parent().unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o555)).unwrap();
    // Root may do everything, and becomes somebody else.
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let wrapper: &[&str] = if again::is_root() { &nobody } else { &[] };
    let child = again::command(wrapper, "damage::without_permission", dir.to_str().unwrap()).output().unwrap();
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
    let (said, complained) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    if complained.contains("setpriv:") {
        println!("skipped: another user cannot run this program ({})", complained.trim());
        return;
    }
    assert!(child.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}
