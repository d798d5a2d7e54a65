//! How long to wait before asking again: exponential, with full jitter, never sooner than the server allows.

use std::time::Duration;

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

/// Longest wait that back-off alone comes to.
const WAIT_MAX: Span = Span::from_secs(30);

/// The wait before attempt `attempt` (the first repetition is 1): a share `chance` (0 to 1) of `base` doubled for
/// each attempt, after what the server asked for.
pub(super) fn wait(base: Span, attempt: u32, chance: f64, asked: Option<Duration>) -> Duration {
    let doubled = base.as_millis().saturating_mul(1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX));
    let jitter = Span::from_millis(doubled.min(WAIT_MAX.as_millis())).as_duration().mul_f64(chance.clamp(0.0, 1.0));
    asked.unwrap_or_default().saturating_add(jitter)
}

/// What a `Retry-After` header asks for: seconds, or a date compared with the server's own `Date`.
pub(super) fn retry_after(header: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    let until = http_date(header)?;
    let now = date.and_then(http_date).unwrap_or(now);
    Some(until.since(now).as_duration())
}

/// The instant of an HTTP date.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Timestamp::from(zoned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        let base = Span::from_millis(100);
        let cases = [(1, 1.0, None, 100), (2, 1.0, None, 200), (3, 0.5, None, 200), (40, 1.0, None, 30_000)];
        for (attempt, chance, asked, millis) in cases {
            assert_eq!(wait(base, attempt, chance, asked), Duration::from_millis(millis), "attempt {attempt}");
        }
        assert_eq!(wait(base, 200, 1.0, None), Duration::from_secs(30));
        assert_eq!(wait(base, 1, 0.0, Some(Duration::from_secs(7))), Duration::from_secs(7));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = Timestamp::from_millis(0);
        let date = Some("Tue, 24 Nov 2026 10:00:00 GMT");
        assert_eq!(retry_after("3", None, now), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Tue, 24 Nov 2026 10:00:09 GMT", date, now), Some(Duration::from_secs(9)));
        assert_eq!(retry_after("Tue, 24 Nov 2026 09:00:00 GMT", date, now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", date, now), None);
    }
}
