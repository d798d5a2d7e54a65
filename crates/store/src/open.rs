//! Opening a store: the place is checked, the schema brought up to date, and what is wrong said so that it can be
//! put right.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tenantry_engine::ports::store::StoreError;
use tenantry_keys::{KeyError, KeyProvider};

use crate::backend::{Backend, STATEMENT_TIMEOUT_MS, Settings};
use crate::failure::{Failure, Trouble, said};
use crate::fence::{self, Reach};
use crate::place::{Place, refused};
use crate::sealing::{Keys, kept_key, store_key};
use crate::store::Store;

/// Forward only: a migration that was released is never edited, and there is no way down.
pub(crate) static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
pub(crate) static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// `PRAGMA application_id` of our files; the first migration sets it.
const APPLICATION_ID: i64 = 1_414_419_033;
/// Reads at a time. More gain nothing on SQLite, where a page cache is kept for each.
const SQLITE_READERS_MAX: u32 = 4;
/// Connections to a server, of which a default one grants a hundred to all its clients.
const POSTGRES_CONNECTIONS_MAX: u32 = 8;
/// The write-ahead log is cut back to this after it has grown beyond it.
const WAL_BYTES_KEPT: &str = "67108864";

/// Opens the store at `sqlite:PATH`, a bare path, or `postgres://…`, and brings its schema up to date. A file that is
/// not there is made.
///
/// # Errors
/// [`StoreError::Open`] says what to do; [`StoreError::TooNew`] when a newer program has changed the schema.
pub async fn open(url: &str) -> Result<Arc<Store>, StoreError> {
    open_with(url, &Settings::default()).await
}

/// As [`open`], with settings.
///
/// # Errors
/// As [`open`].
pub async fn open_with(url: &str, settings: &Settings) -> Result<Arc<Store>, StoreError> {
    open_place(url, settings, None).await
}

/// As [`open_with`], sealing what is written with keys that `provider` holds, and opening what was sealed with them. A
/// store that is not sealed yet is from now on; what it held before is sealed by [`Store::rotate`].
///
/// # Errors
/// As [`open`], and [`StoreError::Keys`] when these are not the keys of the store; nothing was changed then.
pub async fn open_sealed(
    url: &str,
    settings: &Settings,
    provider: Arc<dyn KeyProvider>,
) -> Result<Arc<Store>, StoreError> {
    open_place(url, settings, Some(Arc::new(Keys::new(provider)))).await
}

async fn open_place(url: &str, settings: &Settings, keys: Option<Arc<Keys>>) -> Result<Arc<Store>, StoreError> {
    let place = Place::parse(url)?;
    let backend = match &place {
        Place::File(path) => open_file(&place, path, settings).await?,
        Place::Server(options) => open_server(&place, options, settings).await?,
    };
    tracing::debug!(kind = place.kind(), place = %place, "store is open");
    if let Err(failure) = recognise(&backend, keys.as_deref()).await {
        backend.close().await;
        return Err(failure.during("be opened"));
    }
    Ok(Arc::new(Store::new(backend, place, keys)))
}

/// Makes sure that a store which is sealed is opened with its keys.
async fn recognise(backend: &Backend, keys: Option<&Keys>) -> Result<(), Failure> {
    let Some(row) = backend.read(Reach::Everybody, store_key()).await?.into_iter().next() else { return Ok(()) };
    match keys {
        Some(keys) => keys.recognise(&kept_key(row)?).await,
        None => Err(KeyError::Missing { place: "no provider of keys".to_owned() }.into()),
    }
}

async fn open_file(place: &Place, path: &Path, settings: &Settings) -> Result<Backend, StoreError> {
    prepare_file(path).map_err(|message| refused(&place.to_string(), message))?;
    let base = SqliteConnectOptions::new().filename(path).busy_timeout(settings.patience).disable_statement_logging();
    // Looked at before anything is written: it may be somebody else's.
    let mut probe = connect_file(place, &base).await?;
    let strange = is_strange(&mut probe).await.map_err(|error| could_not_open(place, &error))?;
    let page_bytes = page_bytes(&mut probe).await.map_err(|error| could_not_open(place, &error))?;
    close(probe).await;
    if strange {
        let message = "it is a database of another program; name another file".to_owned();
        return Err(refused(&place.to_string(), message));
    }
    let mut writes = base
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_BYTES_KEPT);
    if let Some(bytes) = settings.size_bytes_max {
        writes = writes.pragma("max_page_count", (bytes / page_bytes).max(1).to_string());
    }
    migrate_file(place, &writes).await?;
    let reads = writes.clone().pragma("query_only", "ON");
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(settings.patience.saturating_add(Duration::from_secs(5)))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    Ok(Backend::Sqlite {
        writer: pool().max_connections(1).connect_lazy_with(writes),
        readers: pool().max_connections(SQLITE_READERS_MAX).connect_lazy_with(reads),
    })
}

/// Sees what SQLite would report as one and the same "unable to open", and makes a new file readable to its owner
/// only: it holds every tenant's settings.
fn prepare_file(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Err("it is a folder; name a file in it".to_owned());
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(match error.kind() {
            ErrorKind::NotFound => format!(
                "the folder {} does not exist; make it first",
                path.parent().unwrap_or_else(|| Path::new(".")).display()
            ),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                format!("{error}; {}", Trouble::Forbidden.advice())
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!("{error}; {}", Trouble::Full.advice()),
            _ => error.to_string(),
        }),
    }
}

async fn connect_file(place: &Place, options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::connect_with(options).await.map_err(|error| could_not_open(place, &error))
}

/// Whether the file holds a database that is not ours. One whose making was cut off has the migrator's table, which
/// comes first, and not our mark yet.
async fn is_strange(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Both as of one instant: another program may be laying it out.
    let mut view = connection.begin().await?;
    let id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *view).await?;
    let others = "SELECT count(*) FROM sqlite_master WHERE tbl_name <> '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(others).fetch_one(&mut *view).await?;
    view.commit().await?;
    Ok(id != APPLICATION_ID && (id != 0 || tables > 0))
}

async fn page_bytes(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let bytes: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(connection).await?;
    Ok(u64::try_from(bytes).unwrap_or(0).max(512))
}

async fn migrate_file(place: &Place, options: &SqliteConnectOptions) -> Result<(), StoreError> {
    // Programs that open a new file at once all try to lay it out, step by step; one that comes second with a step finds it
    // done. Each can be overtaken once with every step.
    let attempts = SQLITE.iter().count() + 2;
    let mut attempt = 1;
    loop {
        let mut connection = connect_file(place, options).await?;
        let result = SQLITE.run_direct(None, &mut connection, false).await;
        close(connection).await;
        match result {
            Ok(()) => return Ok(()),
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if attempt < attempts => {
                attempt += 1;
            }
            Err(error) => return Err(could_not_migrate(place, &SQLITE, error)),
        }
    }
}

async fn open_server(place: &Place, options: &PgConnectOptions, settings: &Settings) -> Result<Backend, StoreError> {
    let options = server_options(options, settings);
    // What migrations bring along for old rows is for everybody's.
    let migrates = options.clone().options([(fence::SETTING, fence::EVERYBODY)]);
    // A pool would try again until its time is up and then say no more than that.
    let connecting = tokio::time::timeout(settings.patience, PgConnection::connect_with(&migrates));
    let mut connection = match connecting.await {
        Ok(connected) => connected.map_err(|error| could_not_open(place, &error))?,
        Err(_) => {
            let message = format!("no answer within {:?}; {}", settings.patience, Trouble::Gone.advice());
            return Err(refused(&place.to_string(), message));
        }
    };
    check_role(place, &mut connection).await?;
    // Closing the connection also ends the migrator's lock where it broke off.
    let result = POSTGRES.run_direct(None, &mut connection, false).await;
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection did not close in order");
    }
    result.map_err(|error| could_not_migrate(place, &POSTGRES, error))?;
    Ok(Backend::Postgres(
        PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(settings.patience)
            .connect_lazy_with(options),
    ))
}

/// How we connect to a server.
pub(crate) fn server_options(options: &PgConnectOptions, settings: &Settings) -> PgConnectOptions {
    let patience_ms = settings.patience.as_millis().max(1).to_string();
    options
        .clone()
        .application_name("tenantry")
        // The server's own defaults may trade the last commits for speed; INVARIANT(durable) does not allow it.
        .options([
            ("synchronous_commit", "on"),
            ("lock_timeout", patience_ms.as_str()),
            ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ])
        .disable_statement_logging()
}

/// Refuses a role that row-level security does not hold.
pub(crate) async fn check_role(place: &Place, connection: &mut PgConnection) -> Result<(), StoreError> {
    let role = "SELECT current_user::text, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";
    let (role, passes): (String, bool) =
        sqlx::query_as(role).fetch_one(connection).await.map_err(|error| could_not_open(place, &error))?;
    fence::check_role(place, &role, passes)
}

async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection did not close in order");
    }
}

pub(crate) fn could_not_open(place: &Place, error: &sqlx::Error) -> StoreError {
    refused(&place.to_string(), said(error, Trouble::of(error)))
}

pub(crate) fn could_not_migrate(place: &Place, migrator: &Migrator, error: MigrateError) -> StoreError {
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    match error {
        MigrateError::VersionMissing(found) => StoreError::TooNew { found, known },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => could_not_open(place, &error),
        other => refused(&place.to_string(), format!("its schema is not one of ours: {other}; restore a backup")),
    }
}
