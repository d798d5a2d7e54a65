//! Data keys in memory, so that not each reading has to ask for them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::data_key::{DataKeyId, Purpose};
use crate::envelope::Key;

/// Data keys that are held at once; those that were not used for longest go first. Enough for ten thousand tenants.
const HELD_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(65_535);
/// How long one is held before its provider is asked again: what was destroyed there is soon gone here.
const HELD_FOR: Duration = Duration::from_secs(300);

/// Data keys that were opened lately. A key that goes is wiped by the library when nobody uses it any more.
#[derive(Debug)]
pub struct Held {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    opened: LruCache<DataKeyId, (Arc<Key>, Instant)>,
    /// With which keys is sealed, as of a count of the store's changes of keys.
    current: LruCache<(String, Purpose), DataKeyId>,
    as_of: i64,
}

impl Default for Held {
    fn default() -> Self {
        let inner = Inner { opened: LruCache::new(HELD_MAX), current: LruCache::new(HELD_MAX), as_of: -1 };
        Self { inner: Mutex::new(inner) }
    }
}

impl Held {
    /// A key that is held.
    pub fn get(&self, id: DataKeyId) -> Option<Arc<Key>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.opened.get(&id) {
            Some((key, since)) if since.elapsed() < HELD_FOR => Some(key.clone()),
            Some(_) => {
                inner.opened.pop(&id);
                None
            }
            None => None,
        }
    }

    /// Holds a key.
    pub fn hold(&self, id: DataKeyId, key: Arc<Key>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.opened.put(id, (key, Instant::now()));
    }

    /// With which key is sealed for an owner's row and a purpose, where that is still as it was when `as_of` changes of keys
    /// had been made.
    pub fn current(&self, as_of: i64, owner: &str, purpose: Purpose) -> Option<(DataKeyId, Arc<Key>)> {
        let id = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.as_of != as_of {
                // Keys were renewed or destroyed: nothing that is known of them holds.
                inner.as_of = as_of;
                inner.current.clear();
                inner.opened.clear();
                return None;
            }
            *inner.current.get(&(owner.to_owned(), purpose))?
        };
        Some((id, self.get(id)?))
    }

    /// Remembers with which key is sealed, as of so many changes of keys; forgotten when there were more since.
    pub fn remember(&self, as_of: i64, owner: &str, purpose: Purpose, id: DataKeyId) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.as_of == as_of {
            inner.current.put((owner.to_owned(), purpose), id);
        }
    }
}
