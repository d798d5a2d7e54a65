//! What is known of days and events in advance.
//!
//! There is no time zone database in here: the caller, who has one, gives the changes of the tenant's offset and the dates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most days, offsets and events of one calendar, each.
pub const ENTRIES_MAX: usize = 1_000;
const DAY_MS: i64 = 86_400_000;
/// A day is the most that clocks are off from UTC.
const OFFSET_MAX_MS: u64 = 86_400_000;
/// An event may multiply the load by so much at most.
const FACTOR_MAX: f64 = 1_000.0;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// What a day is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Day {
    /// Like a weekday.
    Like(Weekday),
    /// Like the last holiday, or like a Sunday where none is remembered.
    Holiday,
}

/// What an event does to the load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Multiplies it, by up to a thousand.
    Factor(f64),
    /// Adds so much, in the unit of the series.
    Added(f64),
}

impl Effect {
    pub(crate) fn on(self, value: f64) -> f64 {
        match self {
            Self::Factor(factor) => value * factor,
            Self::Added(added) => value + added,
        }
    }
}

/// An event that is known in advance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it begins, milliseconds since the epoch.
    pub from_ms: i64,
    /// When it is over.
    pub until_ms: i64,
    /// What it does.
    pub effect: Effect,
    /// How likely it happens as declared, above 0 and up to 1.
    pub confidence: f64,
}

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CalendarError {
    /// An event that ends before it begins.
    #[error("an event from {from_ms} to {until_ms} does not last; its end must be after its beginning")]
    Empty {
        /// Its beginning, milliseconds since the epoch.
        from_ms: i64,
        /// Its end.
        until_ms: i64,
    },
    /// A factor, an added load or a confidence outside its range.
    #[error(
        "an event's {what} of {value} does not fit; factors are 0 to {FACTOR_MAX}, added loads 0 to 1e18, confidences above 0 and up to 1"
    )]
    Range {
        /// Which.
        what: &'static str,
        /// What it was.
        value: f64,
    },
    /// An offset of more than a day.
    #[error("an offset of {offset_ms} ms is more than a day from UTC")]
    Offset {
        /// What it was.
        offset_ms: i64,
    },
    /// Too many entries.
    #[error("a calendar holds {ENTRIES_MAX} days, offsets and events each; forget past ones first")]
    Full,
}

/// The days and events of one tenant. One calendar serves all its series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Milliseconds ahead of UTC from an instant on.
    offsets: BTreeMap<i64, i64>,
    /// By local day since 1970-01-01.
    days: BTreeMap<i64, Day>,
    events: Vec<Event>,
}

impl Calendar {
    /// One in which nothing is known: UTC, and all weeks alike.
    #[must_use]
    pub const fn new() -> Self {
        Self { offsets: BTreeMap::new(), days: BTreeMap::new(), events: Vec::new() }
    }

    /// Says that clocks are `offset_ms` ahead of UTC from `from_ms` on; before the first such instant, they were as it
    /// says too. One entry for a zone without summer time, two for each year with it.
    ///
    /// # Errors
    /// [`CalendarError`] when it is more than a day, or there are too many.
    pub fn offset(&mut self, from_ms: i64, offset_ms: i64) -> Result<(), CalendarError> {
        if offset_ms.unsigned_abs() > OFFSET_MAX_MS {
            return Err(CalendarError::Offset { offset_ms });
        }
        if self.offsets.len() >= ENTRIES_MAX && !self.offsets.contains_key(&from_ms) {
            return Err(CalendarError::Full);
        }
        self.offsets.insert(from_ms, offset_ms);
        Ok(())
    }

    /// Says what a local day is like, `day` counted from 1970-01-01.
    ///
    /// # Errors
    /// [`CalendarError::Full`] when there are too many.
    pub fn day(&mut self, day: i64, like: Day) -> Result<(), CalendarError> {
        if self.days.len() >= ENTRIES_MAX && !self.days.contains_key(&day) {
            return Err(CalendarError::Full);
        }
        self.days.insert(day, like);
        Ok(())
    }

    /// Announces an event.
    ///
    /// # Errors
    /// [`CalendarError`] when it does not last, a number of it does not fit, or there are too many.
    pub fn event(&mut self, event: Event) -> Result<(), CalendarError> {
        let Event { from_ms, until_ms, effect, confidence } = event;
        if until_ms <= from_ms {
            return Err(CalendarError::Empty { from_ms, until_ms });
        }
        let (what, value, most) = match effect {
            Effect::Factor(factor) => ("factor", factor, FACTOR_MAX),
            Effect::Added(added) => ("added load", added, 1e18),
        };
        if !(0.0..=most).contains(&value) {
            return Err(CalendarError::Range { what, value });
        }
        if !(confidence > 0.0 && confidence <= 1.0) {
            return Err(CalendarError::Range { what: "confidence", value: confidence });
        }
        if self.events.len() >= ENTRIES_MAX {
            return Err(CalendarError::Full);
        }
        let place = self.events.partition_point(|known| known.from_ms <= from_ms);
        self.events.insert(place, event);
        Ok(())
    }

    /// Forgets what was over before `at_ms`: call it with a week ago, as a week is looked back.
    pub fn forget(&mut self, at_ms: i64) {
        let day = self.local_day(at_ms);
        self.days = self.days.split_off(&day);
        self.events.retain(|event| event.until_ms > at_ms);
        // The offset that holds at that instant began before it.
        let holds = self.offsets.range(..=at_ms).next_back().map(|(from, _)| *from);
        if let Some(from) = holds {
            self.offsets = self.offsets.split_off(&from);
        }
    }

    /// Milliseconds that clocks are ahead of UTC.
    pub(crate) fn offset_at(&self, at_ms: i64) -> i64 {
        let before = self.offsets.range(..=at_ms).next_back();
        before.or_else(|| self.offsets.iter().next()).map_or(0, |(_, offset)| *offset)
    }

    /// Whether any day is declared at all.
    pub(crate) fn declares_days(&self) -> bool {
        !self.days.is_empty()
    }

    /// Whether clocks ever change.
    pub(crate) fn changes_clocks(&self) -> bool {
        self.offsets.len() > 1
    }

    fn local_day(&self, at_ms: i64) -> i64 {
        at_ms.saturating_add(self.offset_at(at_ms)).div_euclid(DAY_MS)
    }

    /// What the local day of an instant is declared to be.
    pub(crate) fn declared(&self, at_ms: i64) -> Option<Day> {
        self.days.get(&self.local_day(at_ms)).copied()
    }

    /// What the local day of an instant is like: as declared, or its own weekday.
    pub(crate) fn like(&self, at_ms: i64) -> Day {
        let day = self.local_day(at_ms);
        self.days.get(&day).copied().unwrap_or_else(|| Day::Like(weekday(day)))
    }

    /// Events that touch a span of time.
    pub(crate) fn events_in(&self, from_ms: i64, until_ms: i64) -> impl Iterator<Item = &Event> {
        let begun = self.events.partition_point(|event| event.from_ms < until_ms);
        self.events.iter().take(begun).filter(move |event| event.until_ms > from_ms)
    }
}

/// The weekday of a day since 1970-01-01, which was a Thursday.
fn weekday(day: i64) -> Weekday {
    match day.rem_euclid(7) {
        0 => Weekday::Thursday,
        1 => Weekday::Friday,
        2 => Weekday::Saturday,
        3 => Weekday::Sunday,
        4 => Weekday::Monday,
        5 => Weekday::Tuesday,
        _ => Weekday::Wednesday,
    }
}

#[cfg(test)]
mod tests;
