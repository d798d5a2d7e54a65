//! Opening: from empty, again, at once, from a newer program, and what is said when it cannot be.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use futures::future::join_all;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tenantry_engine::ports::Retry;
use tenantry_engine::ports::store::{ConfigStore as _, StoreError};
use tenantry_store::Settings;

use crate::given::*;
use crate::server;

/// A version that no migration of ours will have for a while.
const NEWER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (9001, 'from the future', true, '', 0)";

#[tokio::test]
async fn a_file_is_made_laid_out_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = path(&dir);
    for url in
        [format!("sqlite:{}", path.display()), path.display().to_string(), format!("sqlite://{}", path.display())]
    {
        let store = open(&url).await.unwrap();
        assert_eq!(store.describe(), format!("SQLite at {}", path.display()));
        let based_on = store.head(&platform(), &tenant("a")).await.unwrap().map_or(0, |head| head.number);
        store.revise(&[change(tenant("a"), based_on, &url)], &ann()).await.unwrap();
        assert!(store.size_bytes().await.unwrap() > 4096);
        store.close().await;
    }
    let store = open(path.to_str().unwrap()).await.unwrap();
    assert_eq!(store.head(&platform(), &tenant("a")).await.unwrap().unwrap().number, 3);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner may read it");
    let mut raw = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut raw).await.unwrap();
    assert_eq!(journal, "wal");
}

#[tokio::test]
async fn a_server_is_laid_out_and_opened_again() {
    let Some(fresh) = postgres().await else { return };
    fresh.store.revise(&[change(tenant("a"), 0, "1")], &ann()).await.unwrap();
    fresh.store.close().await;
    let again = open(&fresh.url).await.unwrap();
    assert_eq!(again.head(&platform(), &tenant("a")).await.unwrap().unwrap().number, 1);
    assert!(again.size_bytes().await.unwrap() > 4096);
    let described = again.describe();
    assert!(described.starts_with("PostgreSQL at postgres://tenantry@/"), "{described}");
    assert!(!described.contains("hush"), "{described}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_store_may_be_opened_by_many_at_once() {
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", path(&dir).display());
        for (index, result) in join_all((0..6).map(|_| open(&url))).await.into_iter().enumerate() {
            assert!(result.is_ok(), "{index}: {result:?}");
        }
    }
    if let Some(url) = server::database().await {
        for (index, result) in join_all((0..6).map(|_| open(&url))).await.into_iter().enumerate() {
            assert!(result.is_ok(), "{index}: {result:?}");
        }
    }
}

fn check_too_new(result: Result<std::sync::Arc<tenantry_store::Store>, StoreError>) {
    let error = result.unwrap_err();
    let StoreError::TooNew { found: 9001, known } = error else { panic!("{error:?}") };
    assert!((5..9001).contains(&known), "{known}");
    assert_eq!(
        error.to_string(),
        format!(
            "the store is at schema version 9001, and this program knows versions up to {known}; use a newer program"
        )
    );
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_left_alone() {
    let fresh = sqlite().await;
    fresh.store.close().await;
    let mut raw = SqliteConnection::connect(&fresh.url).await.unwrap();
    raw.execute(NEWER).await.unwrap();
    raw.close().await.unwrap();
    check_too_new(open(&fresh.url).await);
    if let Some(fresh) = postgres().await {
        fresh.store.close().await;
        let mut raw = PgConnection::connect(&fresh.url).await.unwrap();
        raw.execute(NEWER).await.unwrap();
        check_too_new(open(&fresh.url).await);
        // Nor does the refusal keep a lock.
        raw.execute("DELETE FROM _sqlx_migrations WHERE version = 9001").await.unwrap();
        open(&fresh.url).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    let mut cases = vec![
        (folder.clone(), "it is a folder; name a file in it".to_owned()),
        (format!("{folder}/no/such/t.db"), format!("the folder {folder}/no/such does not exist; make it first")),
        (
            format!("postgres://me:hush@localhost/x?host={folder}"),
            "check that the disk or the server is there and answers".to_owned(),
        ),
    ];
    if let Some(url) = server::database().await {
        let absent = url.replacen("postgres:///t", "postgres:///absent", 1);
        cases.push((absent, "make the database first, for instance with createdb".to_owned()));
        let stranger = url.replace("user=tenantry", "user=stranger");
        cases.push((stranger, "check name and password".to_owned()));
    }
    let settings = Settings { patience: Duration::from_secs(5), ..Settings::default() };
    for (url, wanted) in cases {
        let error = open_with(&url, &settings).await.unwrap_err();
        assert!(matches!(error, StoreError::Open { .. }), "{url}: {error:?}");
        assert!(error.to_string().contains(&wanted), "{url}: {error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}
