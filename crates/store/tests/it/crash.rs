//! Law L8: what was acknowledged survives the loss of the process, and what was not is whole or absent.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tenantry_store::Settings;

use crate::chance::Chance;
use crate::given::{open, open_with};
use crate::{again, given, journal, server};

const SEED: u64 = 0x7e4a_7401;
/// Kills of one SQLite writer after another on the same file.
const KILLS: u64 = 60;
/// Kills while the file is being made.
const KILLS_AT_START: u64 = 20;

/// Does nothing in an ordinary run. As a child it goes on writing and says each write that was acknowledged.
#[tokio::test]
async fn a_writer() {
    let Some(url) = again::given() else { return };
    let store = open(&url).await.unwrap();
    let first = journal::last(&store).await + 1;
    println!("\nack {}", first - 1);
    for number in first..first + 100_000 {
        journal::write(&store, number).await.unwrap();
        println!("\nack {number}");
    }
}

/// Starts a writer on `url` and kills it after `acks` writes and then some; the last write it acknowledged.
fn kill_a_writer(url: &str, acks: u64, then: Duration) -> u64 {
    let mut command = again::command(&[], "crash::a_writer", url);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut acknowledged = 0;
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut take = |count: u64| {
        let mut taken = 0;
        while taken < count {
            let Some(line) = output.next() else { break };
            if let Some(number) = line.unwrap().strip_prefix("ack ") {
                acknowledged = number.parse().unwrap();
                taken += 1;
            }
        }
        taken
    };
    let taken = take(acks);
    // Not to wait for anything: to strike somewhere inside of a write.
    std::thread::sleep(then);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died, it said.
    take(u64::MAX);
    assert_eq!(taken, acks, "the writer ended by itself");
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9() {
    let fresh = given::sqlite().await;
    fresh.store.close().await;
    let mut chance = Chance::new(SEED);
    let mut cut = 0;
    for round in 0..KILLS {
        let (acks, then) = (chance.under(25) + 1, Duration::from_micros(chance.under(12_000)));
        let acknowledged = kill_a_writer(&fresh.url, acks, then);
        let store = open(&fresh.url).await.unwrap();
        let found = journal::last(&store).await;
        store.close().await;
        journal::check_file(&fresh.url).await;
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "round {round} of seed {SEED:#x}: {acknowledged} was acknowledged and {found} is there"
        );
        cut += u64::from(found > acknowledged);
    }
    println!("{KILLS} kills, {cut} of them between a commit and its acknowledgement");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_making_was_cut_off_opens() {
    let mut chance = Chance::new(SEED + 1);
    for round in 0..KILLS_AT_START {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", given::path(&dir).display());
        kill_a_writer(&url, 0, Duration::from_micros(chance.under(60_000)));
        let store = open(&url).await.unwrap();
        let found = journal::last(&store).await;
        journal::write(&store, found + 1).await.unwrap();
        assert_eq!(journal::last(&store).await, found + 1, "round {round} of seed {SEED:#x}");
        store.close().await;
        journal::check_file(&url).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_client_leaves_no_half_write_on_a_server() {
    let Some(fresh) = given::postgres().await else { return };
    let mut chance = Chance::new(SEED + 2);
    for round in 0..10 {
        let (acks, then) = (chance.under(25) + 1, Duration::from_micros(chance.under(12_000)));
        let acknowledged = kill_a_writer(&fresh.url, acks, then);
        wait_for_server(&fresh.url).await;
        let found = journal::last(&fresh.store).await;
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "round {round} of seed {SEED:#x}: {acknowledged} was acknowledged and {found} is there"
        );
    }
}

/// The server may still be at the last statement that the dead client sent: waits until it has noticed.
async fn wait_for_server(url: &str) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    // A table's strongest lock is granted when nobody else uses the table any more.
    for table in ["counters", "heads", "decisions", "kept"] {
        let mut transaction = connection.begin().await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
        sqlx::query(sql).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_crashes() {
    let Some(server) = tokio::task::spawn_blocking(|| server::start("crash")).await.unwrap() else { return };
    let url = server.create().await;
    let settings = Settings { patience: Duration::from_secs(30), ..Settings::default() };
    let store = open_with(&url, &settings).await.unwrap();
    let mut chance = Chance::new(SEED + 3);
    for round in 0..6 {
        let acknowledged = Arc::new(AtomicU64::new(journal::last(&store).await));
        let enough = acknowledged.load(Ordering::SeqCst) + chance.under(20) + 5;
        let (reached, wait) = tokio::sync::oneshot::channel();
        let writer = tokio::spawn({
            let (store, acknowledged) = (Arc::clone(&store), Arc::clone(&acknowledged));
            async move {
                let mut reached = Some(reached);
                loop {
                    let number = acknowledged.load(Ordering::SeqCst) + 1;
                    if let Err(error) = journal::write(&store, number).await {
                        return error;
                    }
                    acknowledged.store(number, Ordering::SeqCst);
                    if number >= enough
                        && let Some(reached) = reached.take()
                    {
                        reached.send(()).unwrap();
                    }
                }
            }
        });
        wait.await.unwrap();
        tokio::task::block_in_place(|| server.control(&["-m", "immediate", "stop"]));
        let error = writer.await.unwrap();
        assert_eq!(error.retry(), tenantry_engine::ports::Retry::Later, "{error}");
        tokio::task::block_in_place(|| server.control(&["start"]));
        let acknowledged = acknowledged.load(Ordering::SeqCst);
        // The same store goes on by itself.
        let found = journal::last(&store).await;
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "round {round} of seed {SEED:#x}: {acknowledged} was acknowledged and {found} is there"
        );
    }
}
