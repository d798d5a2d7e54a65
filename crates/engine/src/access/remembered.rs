//! Tokens that were presented, as the gate remembers them: for one version of all tokens, which is asked for each time, so
//! that one which was ended opens nothing more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::store::{AccessStore, KeyId, StoreError, TokenRecord};

/// Tokens that are remembered: some 500 bytes each.
const TOKENS_MAX: usize = 16_384;

/// By their ids, as of a version.
#[derive(Default)]
pub(super) struct Remembered(Mutex<(u64, BTreeMap<KeyId, Vec<TokenRecord>>)>);

impl Remembered {
    /// The tokens that have an id, as of a version, which was asked for before.
    pub(super) async fn by_id(
        &self,
        store: &dyn AccessStore,
        id: &KeyId,
        version: u64,
    ) -> Result<Vec<TokenRecord>, StoreError> {
        let known = {
            let tokens = self.lock();
            if tokens.0 == version { tokens.1.get(id).cloned() } else { None }
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let read = store.tokens_by_id(id).await?;
        let mut tokens = self.lock();
        if tokens.0 < version {
            *tokens = (version, BTreeMap::new());
        }
        // What nobody has is not remembered: there is no end of it.
        if tokens.0 == version && !read.is_empty() {
            if tokens.1.len() >= TOKENS_MAX {
                tokens.1.clear();
            }
            tokens.1.insert(id.clone(), read.clone());
        }
        Ok(read)
    }

    /// Forgets one whose row changes in what is no matter of version, such as when it was used.
    pub(super) fn forget(&self, id: &KeyId) {
        self.lock().1.remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<KeyId, Vec<TokenRecord>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
