//! Who is at work in an archive: any number of backups at a time, or one who removes things alone.
//!
//! Each writes an object that says so, and then looks for others'; so of two that began at once at least one sees the other and
//! gives way. Who was killed left theirs behind, and is taken for dead when it was not written anew for long. All instants are
//! the storage's own, so that no two clocks are held against each other.

use std::time::{Duration, Instant};

use tenantry_domain::time::Timestamp;
use tenantry_keys::Secret;

use crate::error::BackupError;
use crate::place::Place;

/// Where they are.
const LOCKS: &str = "locks";
/// One that was not written anew for so long is dead.
const DEAD_AFTER_MS: i64 = 300_000;
/// Written anew after so long.
const ANEW_AFTER: Duration = Duration::from_secs(30);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Adds, and takes what is there to stay.
    Backup,
    /// Removes.
    Prune,
}

impl Doing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Prune => "prune",
        }
    }

    const fn said(self) -> &'static str {
        match self {
            Self::Backup => "a backup",
            Self::Prune => "the removal of backups",
        }
    }

    fn of(name: &str) -> Self {
        if name.starts_with(Self::Prune.as_str()) { Self::Prune } else { Self::Backup }
    }
}

/// The right to work in an archive, until it is given back.
#[derive(Debug)]
pub(crate) struct Lock<'a> {
    place: &'a Place,
    name: String,
    written: Instant,
}

impl<'a> Lock<'a> {
    pub(crate) async fn take(place: &'a Place, doing: Doing) -> Result<Self, BackupError> {
        let drawn = Secret::random()?.to_hex();
        let own = format!("{}-{}", doing.as_str(), drawn.get(..16).unwrap_or_default());
        let lock = Self { place, name: format!("{LOCKS}/{own}"), written: Instant::now() };
        lock.write().await?;
        match lock.others(&own, doing).await {
            Ok(()) => Ok(lock),
            Err(error) => {
                lock.release().await;
                Err(error)
            }
        }
    }

    async fn write(&self) -> Result<(), BackupError> {
        self.place.put(&self.name, self.place.holder.clone().into_bytes()).await
    }

    async fn others(&self, own: &str, doing: Doing) -> Result<(), BackupError> {
        let found = self.place.list(LOCKS).await?;
        let millis = |meta: &object_store::ObjectMeta| meta.last_modified.timestamp_millis();
        let now = found.iter().find(|(name, _)| name == own).map_or(i64::MAX, |(_, meta)| millis(meta));
        for (name, meta) in found.iter().filter(|(name, _)| name != own) {
            let path = format!("{LOCKS}/{name}");
            let holder = self.place.get(&path).await?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let Some(by) = holder else { continue };
            let until = millis(meta).saturating_add(DEAD_AFTER_MS);
            if until <= now || (self.place.is_gone)(&by) {
                self.place.remove(&path).await?;
            } else if doing == Doing::Prune || Doing::of(name) == Doing::Prune {
                return Err(BackupError::Busy {
                    place: self.place.said(),
                    what: Doing::of(name).said(),
                    since: Timestamp::from_millis(millis(meta)),
                    by,
                    until: Timestamp::from_millis(until),
                });
            }
        }
        Ok(())
    }

    /// Writes it anew when it is time.
    pub(crate) async fn keep(&mut self) -> Result<(), BackupError> {
        if self.written.elapsed() < ANEW_AFTER {
            return Ok(());
        }
        self.check().await?;
        self.write().await?;
        self.written = Instant::now();
        Ok(())
    }

    /// Makes sure that nobody took us for dead.
    pub(crate) async fn check(&self) -> Result<(), BackupError> {
        match self.place.get(&self.name).await? {
            Some(_) => Ok(()),
            None => Err(BackupError::Overslept { place: self.place.said() }),
        }
    }

    /// Gives it back. One that cannot be given back is taken for dead in a while.
    pub(crate) async fn release(self) {
        let _ = self.place.remove(&self.name).await;
    }
}
