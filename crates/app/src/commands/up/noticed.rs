//! What is wrong around the server until somebody mends it.

use std::sync::{Arc, PoisonError};

use tenantry_engine::driver::Notices;
use tenantry_engine::status::Notice;
use tokio::sync::Notify;

/// Notices by what they are about, and who waits for a change of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Noticed {
    notices: Notices,
    changed: Arc<Notify>,
}

impl Noticed {
    /// The notices, for the driver.
    pub(super) fn notices(&self) -> Notices {
        Arc::clone(&self.notices)
    }

    /// All of them now.
    pub(super) fn all(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Sets or takes away what is noticed about something; whether that is news.
    pub(super) fn set(&self, about: &str, notice: Option<&Notice>) -> bool {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.get(about) == notice {
            return false;
        }
        match notice {
            Some(notice) => drop(notices.insert(about.to_owned(), notice.clone())),
            None => drop(notices.remove(about)),
        }
        self.changed.notify_one();
        true
    }

    /// Waits for news; what came before anybody waited counts.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
