//! The clock of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::Clock;

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn reaches(&self, at: Timestamp) {
        // By a steady clock from now on: one that is set back meanwhile does not make anybody wait longer.
        tokio::time::sleep(std::time::Duration::from_millis(at.since(self.now()).as_millis())).await;
    }
}

/// The instant now.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A length of time as people say an age: its largest unit or two.
pub(crate) fn age(span: Span) -> String {
    let secs = span.as_millis() / 1000;
    match secs {
        0..120 => format!("{secs}s"),
        120..7200 => format!("{}m", secs / 60),
        7200..172_800 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}
