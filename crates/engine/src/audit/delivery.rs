//! Delivering entries to others, at least once: a cursor for each destination and log stands in the store, and goes on when
//! the receiver has acknowledged what is before it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenantry_audit::{Entry, Hash, Told, first_place, hash_of};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use thiserror::Error;

use super::{Audit, AuditError, named};
use crate::ports::receiver::{Receiver, Undelivered};
use crate::ports::store::audit::LogOf;
use crate::ports::store::audit::cursors::Behind;

/// Entries of one log that are delivered at a time.
const ENTRIES_MAX: u64 = 256;
/// Batches that are delivered before it is looked again at what there is.
const BATCHES_MAX: u32 = 64;
/// The first rest after a failure, doubled with each.
const REST_FIRST: Duration = Duration::from_secs(1);
/// The longest rest: a receiver that is back is noticed within so long.
const REST_MAX: Duration = Duration::from_secs(60);

/// Why entries were not delivered.
#[derive(Debug, Error)]
pub enum DeliveryError {
    /// The logs could not be read, or the cursor not be moved.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The receiver did not acknowledge.
    #[error("{destination} has not acknowledged entries of the log of {log}: {source}")]
    Undelivered {
        /// Where to.
        destination: String,
        /// Of which log.
        log: String,
        /// What happened.
        source: Undelivered,
    },
}

impl DeliveryError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Audit(error) => error.code(),
            Self::Undelivered { .. } => "T1203",
        }
    }

    /// How long to rest after so many failures in a row; `chance` is from 0 to 1, so that not all come back at once.
    #[must_use]
    pub fn rest(&self, failures: u32, chance: f64) -> Duration {
        if let Self::Undelivered { source: Undelivered { again_after: Some(seconds), .. }, .. } = self {
            return Duration::from_secs(*seconds).clamp(REST_FIRST, REST_MAX);
        }
        // A log that cannot be read keeps the others waiting in no way.
        if matches!(self, Self::Audit(_)) {
            return REST_FIRST;
        }
        let whole = REST_FIRST.saturating_mul(1 << failures.min(16)).min(REST_MAX);
        whole.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

/// What a destination has not yet, for whoever watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Sealed entries that were not acknowledged.
    pub entries: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
}

/// Lags by destination.
#[derive(Debug, Clone, Default)]
pub struct Lags(Arc<Mutex<BTreeMap<String, Lag>>>);

impl Lags {
    /// Notes that of a destination.
    pub fn set(&self, destination: &str, lag: Lag) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(destination.to_owned(), lag);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Lag> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Audit {
    /// Delivers to a destination some of what it has not: from the logs after `after` in the order of their names, which it
    /// sets to where the next call goes on, so that no log keeps others waiting for long. Says whether there may be more.
    ///
    /// # Errors
    /// [`DeliveryError`]. A log that cannot be read is told at the end, and the others are delivered; a receiver that does
    /// not acknowledge ends it at once.
    pub async fn deliver(
        &self,
        destination: &str,
        receiver: &dyn Receiver,
        now: impl Fn() -> Timestamp + Send,
        after: &mut String,
    ) -> Result<bool, DeliveryError> {
        let from = std::mem::take(after);
        let behind = self.store.undelivered(destination, &from, BATCHES_MAX).await.map_err(AuditError::from)?;
        if behind.is_empty() {
            return Ok(!from.is_empty());
        }
        // It is there, and what it has not must not be pruned, whether it acknowledges anything or not.
        self.store.advance(destination, &None, 0, now()).await.map_err(AuditError::from)?;
        let logs = u32::try_from(behind.len()).unwrap_or(u32::MAX);
        let (each, mut unreadable) = ((BATCHES_MAX / logs).max(1), None);
        for mut one in behind.iter().cloned() {
            for _ in 0..each {
                match self.deliver_one(destination, receiver, &one, now()).await {
                    Ok(0) => break,
                    Ok(count) => one.next += count,
                    Err(DeliveryError::Audit(error)) => {
                        unreadable = unreadable.or(Some(error));
                        break;
                    }
                    Err(error) => return Err(error),
                }
                if one.next >= one.sealed {
                    break;
                }
            }
        }
        if let Some(last) = behind.last().filter(|_| logs == BATCHES_MAX) {
            // What follows a name in the order of names.
            *after = format!("{}\u{1}", last.log.as_ref().map_or("", TenantId::as_str));
        }
        unreadable.map_or(Ok(true), |error| Err(error.into()))
    }

    async fn deliver_one(
        &self,
        destination: &str,
        receiver: &dyn Receiver,
        behind: &Behind,
        now: Timestamp,
    ) -> Result<u64, DeliveryError> {
        let until = behind.sealed.min(behind.next.saturating_add(ENTRIES_MAX));
        let told = self.told(&behind.log, behind.next, until).await?;
        let Some(last) = told.last().map(|told| told.entry.seq) else { return Ok(0) };
        let failed = |source| DeliveryError::Undelivered {
            destination: destination.to_owned(),
            log: named(&behind.log),
            source,
        };
        receiver.deliver(&told).await.map_err(failed)?;
        self.store.advance(destination, &behind.log, last + 1, now).await.map_err(AuditError::from)?;
        Ok(u64::try_from(told.len()).unwrap_or(u64::MAX))
    }

    /// What is to be told of sealed entries, as far as they follow each other and are what was signed.
    async fn told(&self, log: &LogOf, from: u64, until: u64) -> Result<Vec<Told>, AuditError> {
        let count = u32::try_from(until.saturating_sub(from)).unwrap_or(u32::MAX);
        let entries = self.store.entries(log, from, count).await?;
        let places: Vec<u64> = entries.iter().map(|logged| first_place(logged.seq)).collect();
        let hashes: BTreeMap<u64, Hash> = self.store.hashes(log, &places).await?.into_iter().collect();
        let mut told = Vec::with_capacity(entries.len());
        for (seq, logged) in (from..until).zip(entries) {
            let hash = hash_of(&logged.entry);
            let signed = logged.seq == seq && hashes.get(&first_place(seq)) == Some(&hash);
            match Entry::from_bytes(&logged.entry) {
                Ok(entry) if signed => {
                    told.push(Told { origin: self.origin(log), entry, hash: hash.to_string(), detail: logged.detail });
                }
                // What is before it is delivered first; it itself never is.
                _ if !told.is_empty() => break,
                _ => return Err(AuditError::Index { log: named(log), seq }),
            }
        }
        if told.is_empty() && from < until {
            return Err(AuditError::Index { log: named(log), seq: from });
        }
        Ok(told)
    }

    /// How many sealed entries a destination has not.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn lag(&self, destination: &str) -> Result<u64, AuditError> {
        Ok(self.store.lag(destination).await?)
    }

    /// Calls `write` with what is to be told of each sealed entry of a log, in order.
    ///
    /// # Errors
    /// [`AuditError`], or what `write` says.
    pub async fn tell<E: From<AuditError>>(
        &self,
        scope: &crate::scope::Scope,
        log: &LogOf,
        mut write: impl FnMut(Told) -> Result<(), E>,
    ) -> Result<(), E> {
        let head = self.head(scope, log).await?;
        let mut next = head.pruned;
        while next < head.sealed {
            let told = self.told(log, next, head.sealed.min(next.saturating_add(ENTRIES_MAX))).await?;
            next += u64::try_from(told.len()).unwrap_or(u64::MAX);
            told.into_iter().try_for_each(&mut write)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_to_a_minute_and_are_never_all_alike() {
        let away = |again_after| DeliveryError::Undelivered {
            destination: "d".into(),
            log: "l".into(),
            source: Undelivered { message: "away".into(), again_after },
        };
        let rests: Vec<u64> = (0..8).map(|failures| away(None).rest(failures, 1.0).as_secs()).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(away(None).rest(3, 0.0), Duration::from_secs(4));
        assert_eq!(away(None).rest(u32::MAX, f64::MAX), REST_MAX);
        assert_eq!(away(Some(7)).rest(0, 0.5), Duration::from_secs(7));
        assert_eq!(away(Some(86_400)).rest(0, 0.5), REST_MAX, "nobody makes it rest for a day");
    }
}
