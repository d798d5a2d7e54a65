//! When a workload whose change failed may be tried again.

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

/// The first wait, doubled with each failure.
const FIRST: Span = Span::from_secs(2);
/// The longest wait: a repaired permission is noticed within so long.
const LONGEST: Span = Span::from_secs(300);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was accepted.
    Accepted,
    /// The object had changed meanwhile: the next reading decides anew, at once.
    Overtaken,
    /// It failed, or nobody knows.
    Failed,
}

/// One workload's back-off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patience {
    failures: u32,
    until: Option<Timestamp>,
}

impl Patience {
    /// Learns how an attempt at `now` ended.
    pub fn learn(&mut self, now: Timestamp, ending: Ending) {
        match ending {
            Ending::Accepted => *self = Self::default(),
            Ending::Overtaken => self.until = None,
            Ending::Failed => {
                let wait = FIRST.as_millis().saturating_mul(1 << self.failures.min(20));
                self.failures = self.failures.saturating_add(1);
                self.until = Some(now + Span::from_millis(wait.min(LONGEST.as_millis())));
            }
        }
    }

    /// Whether an attempt may be made at `now`.
    #[must_use]
    pub fn allows(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Failures in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_five_minutes_and_end_with_success() {
        let start = Timestamp::from_millis(0);
        let mut patience = Patience::default();
        let waits: Vec<u64> = (0..10)
            .map(|_| {
                patience.learn(start, Ending::Failed);
                patience.until.unwrap().since(start).as_millis() / 1000
            })
            .collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert!(!patience.allows(start + Span::from_secs(299)));
        assert!(patience.allows(start + Span::from_secs(300)));
        patience.learn(start, Ending::Accepted);
        assert!(patience.allows(start));
    }
}
