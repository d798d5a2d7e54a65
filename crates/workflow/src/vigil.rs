//! When a workload has been unseen for too long. Law L2: enough blindness raises an alert.

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

/// What a look at a workload changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// It has been unseen for the time that is borne.
    Raised {
        /// Since when.
        since: Timestamp,
    },
    /// It is seen again.
    Cleared {
        /// Since when it had been unseen.
        since: Timestamp,
    },
}

/// One workload's watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vigil {
    since: Option<Timestamp>,
    raised: bool,
}

impl Vigil {
    /// Learns whether the workload was unseen at `now`; an alert when it has been so for `borne`, or is so no longer.
    pub fn look(&mut self, now: Timestamp, blind: bool, borne: Span) -> Option<Alert> {
        if !blind {
            let was = std::mem::take(self);
            return was.since.filter(|_| was.raised).map(|since| Alert::Cleared { since });
        }
        let since = *self.since.get_or_insert(now);
        if self.raised || now.since(since) < borne {
            return None;
        }
        self.raised = true;
        Some(Alert::Raised { since })
    }

    /// Since when it has been unseen, once that was long enough for an alert.
    #[must_use]
    pub fn alarmed_since(&self) -> Option<Timestamp> {
        self.since.filter(|_| self.raised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_raised_once_and_cleared_once() {
        let at = |secs: i64| Timestamp::from_millis(secs * 1000);
        let borne = Span::from_secs(10);
        let mut vigil = Vigil::default();
        let looks = [(0, true), (9, true), (10, true), (20, true), (21, false), (22, false), (30, true), (31, false)];
        let said: Vec<_> = looks.into_iter().map(|(secs, blind)| vigil.look(at(secs), blind, borne)).collect();
        let raised = Some(Alert::Raised { since: at(0) });
        let cleared = Some(Alert::Cleared { since: at(0) });
        assert_eq!(said, [None, None, raised, None, cleared, None, None, None]);
    }
}
