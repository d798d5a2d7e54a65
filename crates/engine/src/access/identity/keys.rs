//! The keys of one provider, kept for a while.

use std::sync::{Arc, Mutex, PoisonError};

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::declared::Issuer;
use super::jwt::{KeySet, Proof, Unproven};
use crate::ports::identity::{KeySource, KeysAt};

/// Keys are fetched anew when they are so old: a key that its provider withdrew is trusted no longer than this while the
/// provider answers.
const FRESH: Span = Span::from_secs(300);
/// While the provider does not answer, keys are trusted for so long: about the life of a token, so that whoever has one may
/// use it to its end.
const KEPT: Span = Span::from_secs(3600);
/// From one attempt to fetch to the next, whatever is presented meanwhile.
const REST: Span = Span::from_secs(10);

/// Requests that wait for a fetch; one more is refused at once, so that whoever makes up names of keys while a provider is
/// slow does not take the places of all others.
const WAITING_MAX: usize = 16;

/// What is kept.
#[derive(Debug, Clone, Default)]
struct Kept {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    tried_at: Option<Timestamp>,
    failing: bool,
}

impl Kept {
    fn usable(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        self.keys.as_ref().filter(|(_, at)| now < *at + KEPT).map(|(keys, _)| Arc::clone(keys))
    }

    fn is_old(&self, now: Timestamp) -> bool {
        // A clock that was put back makes what was fetched later be fetched again.
        self.keys.as_ref().is_none_or(|(_, at)| *at + FRESH <= now || now < *at)
    }

    fn may_try(&self, now: Timestamp) -> bool {
        self.tried_at.is_none_or(|at| at + REST <= now || now < at)
    }
}

/// The keys of one provider.
#[derive(Debug)]
pub(super) struct Keys {
    kept: Mutex<Kept>,
    /// One fetches, the others wait for what comes.
    fetching: tokio::sync::Mutex<()>,
    waiting: Semaphore,
}

impl Default for Keys {
    fn default() -> Self {
        Self { kept: Mutex::default(), fetching: tokio::sync::Mutex::default(), waiting: Semaphore::new(WAITING_MAX) }
    }
}

impl Keys {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last attempt to fetch failed.
    pub(super) fn failing(&self) -> bool {
        self.kept().failing
    }

    /// Holds a token against the keys, which are fetched where there are none or the token names one that is not known.
    pub(super) async fn prove(
        &self,
        source: &dyn KeySource,
        issuer: &Issuer,
        token: &Unproven<'_>,
        now: Timestamp,
    ) -> Proof {
        let known = self.kept().usable(now);
        if let Some(keys) = &known {
            let proof = token.prove(keys, &issuer.algorithms);
            if proof != Proof::UnknownKey {
                return proof;
            }
        }
        self.fetch(source, issuer, now).await;
        match self.kept().usable(now) {
            Some(keys) => token.prove(&keys, &issuer.algorithms),
            None => Proof::Refused("its issuer's keys could not be fetched".to_owned()),
        }
    }

    /// Fetches keys that are old.
    pub(super) async fn refresh(&self, source: &dyn KeySource, issuer: &Issuer, now: Timestamp) {
        if self.kept().is_old(now) {
            self.fetch(source, issuer, now).await;
        }
    }

    async fn fetch(&self, source: &dyn KeySource, issuer: &Issuer, now: Timestamp) {
        let Ok(_place) = self.waiting.try_acquire() else { return };
        let _turn = self.fetching.lock().await;
        {
            let mut kept = self.kept();
            if !kept.may_try(now) {
                return;
            }
            kept.tried_at = Some(now);
        }
        let at = KeysAt { issuer: issuer.url.clone(), ca: issuer.ca.clone() };
        let fetched = source.keys(&at).await.map_err(|error| error.message);
        let read = fetched.and_then(|text| KeySet::read(&text));
        let mut kept = self.kept();
        match read {
            Ok(keys) => {
                if kept.failing {
                    info!(issuer = issuer.name, "the provider's keys are there again");
                }
                (kept.keys, kept.failing) = (Some((Arc::new(keys), now)), false);
            }
            Err(error) => {
                // Told when it begins, and when nobody is let in any more.
                let lost = kept.usable(now).is_none();
                if !kept.failing || lost {
                    let means = if lost { "its tokens are refused" } else { "known keys are used for an hour" };
                    warn!(issuer = issuer.name, url = issuer.url, error, means, "the provider's keys were not fetched");
                }
                kept.failing = true;
            }
        }
    }
}
