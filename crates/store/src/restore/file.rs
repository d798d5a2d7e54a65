//! A SQLite file that is filled under another name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tenantry_engine::ports::store::StoreError;

use crate::backend::{Backend, Settings};
use crate::open::{SQLITE, could_not_migrate, could_not_open};
use crate::place::{Place, refused};

/// The file until it is whole. Locked, so that two do not fill the same; removed, where it never is.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    /// Begins one for a file that is not there.
    pub(super) fn begin(place: &Place, path: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| refused(&place.to_string(), error.to_string());
        if !is_absent(path).map_err(failed)? {
            return Err(StoreError::NotEmpty { place: place.to_string() });
        }
        let draft = beside(path, ".restoring");
        let busy = || refused(&place.to_string(), "another restore fills it just now; wait for its end".to_owned());
        let left = || OpenOptions::new().write(true).open(&draft);
        match left() {
            // One that nobody fills any more was left by somebody who was killed.
            Ok(left) => match left.try_lock() {
                Ok(()) => remove(&draft),
                Err(TryLockError::WouldBlock) => return Err(busy()),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = match options.open(&draft) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(busy()),
            Err(error) => return Err(failed(error)),
        };
        file.lock().map_err(failed)?;
        Ok(Self { path: draft, file })
    }

    pub(super) fn url(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    /// Lays it out. Nothing of it has to outlive us before it is whole, so that no log is kept.
    pub(super) async fn lay_out(
        &self,
        place: &Place,
        migrator: &Migrator,
        settings: &Settings,
    ) -> Result<Backend, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(settings.patience)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(false)
            .disable_statement_logging();
        let connected = SqliteConnection::connect_with(&options).await;
        let mut connection = connected.map_err(|error| could_not_open(place, &error))?;
        let laid_out = migrator.run_direct(None, &mut connection, false).await;
        connection.close().await.map_err(|error| could_not_open(place, &error))?;
        laid_out.map_err(|error| could_not_migrate(place, &SQLITE, error))?;
        let pool = || SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        Ok(Backend::Sqlite {
            writer: pool().connect_lazy_with(options.clone()),
            readers: pool().connect_lazy_with(options),
        })
    }

    /// Gives it its name. Whoever made a file of that name meanwhile keeps it.
    pub(super) fn publish(self, place: &Place, path: &Path) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| refused(&place.to_string(), error.to_string());
        self.file.sync_all().map_err(failed)?;
        let log = std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |log| log.len());
        if log > 0 {
            return Err(refused(
                &place.to_string(),
                "SQLite did not bring its log into the file; restore again".to_owned(),
            ));
        }
        if !is_absent(path).map_err(failed)? {
            return Err(StoreError::NotEmpty { place: place.to_string() });
        }
        let _ = std::fs::remove_file(path);
        // Held by us, so that what is put in its place is nobody else's.
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(StoreError::NotEmpty { place: place.to_string() });
            }
            Err(error) => return Err(failed(error)),
        }
        std::fs::rename(&self.path, path).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes a file with what SQLite puts beside it.
fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm", "-journal"] {
        // Most often there is none.
        let _ = std::fs::remove_file(beside(path, ending));
    }
}

/// Whether there is no file, or one without anything in it.
fn is_absent(path: &Path) -> std::io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file() && metadata.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}
