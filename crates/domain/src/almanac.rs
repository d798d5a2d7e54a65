//! What is known in advance of a workload's days: the clock it lives by, holidays, and announced events.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::id::SignalName;
use crate::time::Timestamp;
use crate::unit::{Milli, PerMille, Span};

/// Capacity for an event stands ready that long before it, where nothing else is declared.
pub const LEAD_DEFAULT: Span = Span::from_secs(300);

/// What an event does to the load that would be there without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Multiplies that of every signal, by so many thousandths.
    Factor(Milli),
    /// Adds so much to that of some signals, each in its own unit.
    Added(Vec<(SignalName, Milli)>),
}

/// What an event does to the load of one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Multiplies it, by so many thousandths.
    Factor(Milli),
    /// Adds so much, in the signal's unit.
    Added(Milli),
}

/// An event that is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its name among the workload's events.
    pub name: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
    /// How long before its beginning the capacity for it stands ready.
    pub lead: Span,
    /// What it does.
    pub effect: Effect,
    /// How likely it happens as declared, above 0.
    pub confidence: PerMille,
}

impl Event {
    /// From when capacity for it stands ready.
    #[must_use]
    pub fn ready_from(&self) -> Timestamp {
        self.from - self.lead
    }

    /// What it does to the load of a signal.
    #[must_use]
    pub fn on(&self, signal: &SignalName) -> Option<Change> {
        match &self.effect {
            Effect::Factor(factor) => Some(Change::Factor(*factor)),
            Effect::Added(added) => {
                added.iter().find(|(name, _)| name == signal).map(|(_, added)| Change::Added(*added))
            }
        }
    }
}

/// The days of one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Almanac {
    /// The time zone that its load lives by, a name of the IANA database; UTC where there is none.
    pub time_zone: Option<String>,
    /// Days that are unlike their weekday.
    pub holidays: Vec<Date>,
    /// What is announced.
    pub events: Vec<Event>,
}

impl Almanac {
    /// Whether nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.time_zone.is_none() && self.holidays.is_empty() && self.events.is_empty()
    }

    /// By how much its clocks are ahead of UTC, milliseconds: at `from`, and from each change until `until` on.
    #[must_use]
    pub fn offsets(&self, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, i64)> {
        let Some(zone) = self.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok()) else {
            return Vec::new();
        };
        let (first, last) = (from.to_jiff(), until.to_jiff());
        let changes = zone.following(first).map(|change| change.timestamp()).take_while(|at| *at < last);
        let offset = |at: jiff::Timestamp| i64::from(zone.to_offset(at).seconds()).saturating_mul(1000);
        std::iter::once(first).chain(changes).map(|at| (Timestamp::from(at), offset(at))).collect()
    }

    /// Its holidays, each as a number of local days since 1970-01-01.
    pub fn holidays(&self) -> impl Iterator<Item = i64> {
        let days = |date: &Date| date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24;
        self.holidays.iter().map(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn clocks_are_known_with_their_changes() {
        let almanac = Almanac { time_zone: Some("Europe/Paris".into()), ..Almanac::default() };
        let (from, until) = (at("2026-10-20T00:00:00Z"), at("2026-11-20T00:00:00Z"));
        let hour = 3_600_000;
        assert_eq!(almanac.offsets(from, until), [(from, 2 * hour), (at("2026-10-25T01:00:00Z"), hour)]);
        assert!(Almanac::default().offsets(from, until).is_empty());
    }

    #[test]
    fn holidays_are_counted_from_the_epoch() {
        let holidays = vec![jiff::civil::date(1970, 1, 1), jiff::civil::date(2026, 12, 25)];
        let almanac = Almanac { holidays, ..Almanac::default() };
        let christmas = at("2026-12-25T12:00:00Z").as_millis() / 86_400_000;
        assert_eq!(almanac.holidays().collect::<Vec<_>>(), [0, christmas]);
    }
}
