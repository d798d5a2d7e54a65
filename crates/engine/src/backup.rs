//! How backups stand, as kept in the store for whoever looks: `status`, metrics.

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

use crate::driver::controller_key;
use crate::health::Problem;
use crate::ports::store::{ControlStore, Kept, StoreError};
use crate::scope::Scope;

/// The part under which it is kept.
const PART: &str = "backup";
/// A backup that takes long, or is tried again, is not missed at once.
const GRACE: Span = Span::from_secs(600);

/// A backup that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// Its name.
    pub name: String,
    /// As of when it is.
    pub at: Timestamp,
    /// How long it took.
    pub took: Span,
    /// Bytes of rows in it.
    pub bytes: u64,
    /// Bytes that had to be written for it.
    pub written: u64,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedBackup {
    /// Since when backups fail.
    pub since: Timestamp,
    /// How many did, one after another.
    pub times: u64,
    /// Why the last did.
    pub what: String,
}

/// How backups of a store stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStatus {
    /// Where the last was to be kept, without secrets.
    pub place: String,
    /// The last that was taken.
    pub last: Option<LastBackup>,
    /// What failed since.
    pub failed: Option<FailedBackup>,
    /// How often one is to be taken by the server; none where it takes none.
    pub every: Option<Span>,
}

impl BackupStatus {
    /// After a backup was taken.
    #[must_use]
    pub fn succeeded(self, place: String, last: LastBackup) -> Self {
        Self { place, last: Some(last), failed: None, every: self.every }
    }

    /// After one failed.
    #[must_use]
    pub fn failed(self, place: String, what: String, now: Timestamp) -> Self {
        let (since, times) = self.failed.map_or((now, 0), |failed| (failed.since, failed.times));
        let failed = Some(FailedBackup { since, times: times.saturating_add(1), what });
        Self { place, failed, ..self }
    }

    /// When the next is due: at once, where there is none.
    #[must_use]
    pub fn due(&self, every: Span) -> Option<Timestamp> {
        self.last.as_ref().map(|last| last.at + every)
    }

    /// What is wrong with backups.
    #[must_use]
    pub fn problem(&self, now: Timestamp) -> Option<Problem> {
        let about = format!("backups to {}", self.place);
        let last = self
            .last
            .as_ref()
            .map_or_else(|| "none was ever taken".to_owned(), |last| format!("the last is from {}", last.at));
        let to_do = "put right what it names, and see that `tenantry backup` goes through".to_owned();
        if let Some(FailedBackup { since, times, what }) = &self.failed {
            return Some(Problem { what: format!("{times} failed since {since}: {what}; {last}"), about, to_do });
        }
        let every = self.every?;
        let patience = Span::from_millis(every.as_millis().saturating_mul(2).saturating_add(GRACE.as_millis()));
        let is_late = self.last.as_ref().is_some_and(|last| now.since(last.at) > patience);
        is_late.then(|| Problem {
            what: format!("one is due each {every}, and {last}"),
            about,
            to_do: "see whether a server with --backup-to runs, and its log".to_owned(),
        })
    }
}

/// How backups stand; none where there were never any.
///
/// # Errors
/// [`StoreError`].
pub async fn backups(store: &(impl ControlStore + ?Sized)) -> Result<Option<BackupStatus>, StoreError> {
    let Some(key) = controller_key() else { return Ok(None) };
    let kept = store.kept(&Scope::tenant(key.tenant.clone()), PART).await?;
    let Some(row) = kept.iter().find(|row| row.part == PART) else { return Ok(None) };
    let status = serde_json::from_slice(&row.bytes);
    let message = |error: serde_json::Error| format!("of {PART}: {error}");
    status.map(Some).map_err(|error| StoreError::Corrupt { action: "read how backups stand", message: message(error) })
}

/// Keeps how backups stand.
///
/// # Errors
/// [`StoreError`].
pub async fn keep_backups(
    store: &(impl ControlStore + ?Sized),
    status: &BackupStatus,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (Some(key), Ok(bytes)) = (controller_key(), serde_json::to_vec(status)) else { return Ok(()) };
    store.keep(&[Kept { key, part: PART.to_owned(), bytes, at }]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_or_is_late_is_a_problem_and_what_is_taken_in_time_is_none() {
        let at = |hours: u64| Timestamp::from_millis(0) + Span::from_secs(hours * 3600);
        let last =
            |hours| LastBackup { name: "x".into(), at: at(hours), took: Span::from_secs(1), bytes: 9, written: 9 };
        let hourly = BackupStatus { every: Some(Span::from_secs(3600)), ..BackupStatus::default() };
        assert_eq!(hourly.problem(at(9)), None, "the first is still to come");
        let good = hourly.clone().succeeded("there".into(), last(1));
        assert_eq!(good.problem(at(3)), None);
        assert!(good.problem(at(4)).unwrap().what.contains("the last is from 1970-01-01T01:00:00Z"));
        assert_eq!(good.due(Span::from_secs(3600)), Some(at(2)));
        let bad = good.failed("there".into(), "no".into(), at(2)).failed("there".into(), "no disk".into(), at(3));
        let said = bad.problem(at(3)).unwrap();
        assert!(said.what.contains("2 failed since 1970-01-01T02:00:00Z: no disk"), "{}", said.what);
        assert_eq!(bad.succeeded("there".into(), last(3)).problem(at(4)), None);
        let by_hand = BackupStatus { every: None, ..hourly }.succeeded("there".into(), last(1));
        assert_eq!(by_hand.problem(at(9_000)), None, "nobody said how often");
    }
}
