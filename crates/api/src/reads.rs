//! Reads of a tenant's data by those who are not of that tenant: each is in the tenant's audit log.
//!
//! INVARIANT(no unseen look): the first read of something is written down before it is answered. Those of the next minute
//! are counted, and the count is written down when the minute is over, so that who looks every second fills no log.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::ports::store::audit::Deed;

/// Reads of one thing by one caller are one entry for so long.
const WINDOW: Span = Span::from_secs(60);
/// Windows that are open at a time; beyond, each read is an entry of its own.
const WINDOWS_MAX: usize = 10_000;

/// Who reads what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    pub(crate) actor: String,
    pub(crate) tenant: TenantId,
    pub(crate) operation: &'static str,
    /// To what it was, such as `tenant/acme`.
    pub(crate) resource: String,
    pub(crate) from: Option<String>,
}

#[derive(Debug)]
struct Window {
    since: Timestamp,
    more: u64,
}

/// Windows that are open.
#[derive(Debug, Default)]
pub(crate) struct Reads(Mutex<BTreeMap<Read, Window>>);

impl Read {
    /// The entry of the read itself, or of how many followed it.
    fn deed(&self, at: Timestamp, more: u64) -> Deed {
        let reason = match more {
            0 => self.operation.to_owned(),
            more => format!("{}: {more} more times within a minute", self.operation),
        };
        let by = Authorship { author: self.actor.clone(), at, reason };
        let from = self.from.clone();
        Deed { action: "tenant.read", from, ..Deed::done(Some(self.tenant.clone()), &by, self.resource.clone()) }
    }
}

impl Reads {
    /// What is to be written down before a read is answered: nothing where it is counted.
    pub(crate) fn of(&self, read: &Read, now: Timestamp) -> Vec<Deed> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = windows.len() >= WINDOWS_MAX;
        match windows.get_mut(read) {
            Some(window) if now.since(window.since) < WINDOW => {
                window.more += 1;
                return Vec::new();
            }
            Some(window) => {
                let before = std::mem::replace(window, Window { since: now, more: 0 });
                let counted = (before.more > 0).then(|| read.deed(now, before.more));
                return counted.into_iter().chain([read.deed(now, 0)]).collect();
            }
            None if !full => {
                windows.insert(read.clone(), Window { since: now, more: 0 });
            }
            None => {}
        }
        vec![read.deed(now, 0)]
    }

    /// A read that could not be written down, and so was not answered.
    pub(crate) fn forget(&self, read: &Read) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(read);
    }

    /// Closes windows that are over, or all; what is to be written down of them.
    pub(crate) fn close(&self, now: Timestamp, all: bool) -> Vec<Deed> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = Vec::new();
        windows.retain(|read, window| {
            let over = all || now.since(window.since) >= WINDOW;
            if over && window.more > 0 {
                counted.push(read.deed(now, window.more));
            }
            !over
        });
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(resource: &str) -> Read {
        let tenant = TenantId::new("acme").unwrap();
        Read { actor: "token:a".into(), tenant, operation: "getConfig", resource: resource.into(), from: None }
    }

    #[test]
    fn the_first_read_is_an_entry_and_the_next_are_counted() {
        let (reads, at) = (Reads::default(), |seconds: i64| Timestamp::from_millis(seconds * 1000));
        let said = |deeds: Vec<Deed>| -> Vec<String> { deeds.into_iter().map(|deed| deed.reason).collect() };
        assert_eq!(said(reads.of(&read("a"), at(0))), ["getConfig"]);
        assert_eq!(said(reads.of(&read("b"), at(0))), ["getConfig"], "another thing is another read");
        for second in 1..60 {
            assert!(reads.of(&read("a"), at(second)).is_empty());
        }
        let counted = "getConfig: 59 more times within a minute";
        assert_eq!(said(reads.of(&read("a"), at(60))), [counted, "getConfig"]);
        assert!(reads.of(&read("a"), at(61)).is_empty());
        assert!(reads.close(at(62), false).is_empty());
        assert_eq!(said(reads.close(at(62), true)), ["getConfig: 1 more times within a minute"]);
        // What was not written down is told the next time.
        reads.of(&read("a"), at(63));
        reads.forget(&read("a"));
        assert_eq!(reads.of(&read("a"), at(64)).len(), 1);
    }
}
