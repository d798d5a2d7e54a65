//! What a cluster said of tokens, for some seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

use crate::ports::identity::Reviewed;

/// How long what was said is remembered: a token that is withdrawn opens something for so long yet.
const REMEMBERED: Span = Span::from_secs(10);
/// Tokens that are remembered: some 300 bytes each. Forgotten all at once when there are too many.
const TOKENS_MAX: usize = 4096;

type Said = (Timestamp, Option<Reviewed>);

/// By a token's digest: the token itself is not kept.
#[derive(Debug, Default)]
pub(super) struct Reviews(Mutex<BTreeMap<[u8; 32], Said>>);

impl Reviews {
    /// What was said of a token lately; the inner none is that it is not known.
    pub(super) fn of(&self, token: &str, now: Timestamp) -> Option<Option<Reviewed>> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, reviewed) = said.get(&digest(token))?;
        (now < *at + REMEMBERED && *at <= now).then(|| reviewed.clone())
    }

    pub(super) fn keep(&self, token: &str, reviewed: Option<Reviewed>, now: Timestamp) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= TOKENS_MAX {
            said.clear();
        }
        said.insert(digest(token), (now, reviewed));
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
