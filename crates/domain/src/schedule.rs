//! Times of day, days and dates in a time zone, for schedules and freezes.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::Timestamp;

/// A recurring or single stretch of time. Invariant: the zone is known; only the constructors build one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// From one instant until just before another.
    Once {
        /// First instant inside.
        from: Timestamp,
        /// First instant after.
        until: Timestamp,
    },
    /// Every matching day, between two times of day.
    Daily(DailyWindow),
}

/// A window that comes back. An end at or before the start lies on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyWindow {
    zone: String,
    from: Time,
    until: Time,
    /// Days on which it begins, Monday = bit 0; all seven bits where none was named.
    days: u8,
    /// When not empty, it begins on these dates only.
    only: Vec<Date>,
    /// It never begins on these dates.
    except: Vec<Date>,
}

/// Why a window cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WindowError {
    /// The zone is not in the IANA database.
    #[error("`{zone}` is no time zone of the IANA database; use a name such as `Europe/Paris` or `UTC`")]
    Zone {
        /// What was given.
        zone: String,
    },
    /// The end does not lie after the start.
    #[error("the window ends at {until}, which is not after its start {from}")]
    Empty {
        /// The start.
        from: Timestamp,
        /// The end.
        until: Timestamp,
    },
}

const ALL_DAYS: u8 = 0b111_1111;

fn bit(day: Weekday) -> u8 {
    1 << u8::try_from(day.to_monday_zero_offset()).unwrap_or(0)
}

impl Window {
    /// A single window.
    ///
    /// # Errors
    /// [`WindowError::Empty`] when it would hold no instant.
    pub fn once(from: Timestamp, until: Timestamp) -> Result<Self, WindowError> {
        if from < until { Ok(Self::Once { from, until }) } else { Err(WindowError::Empty { from, until }) }
    }

    /// A recurring window.
    ///
    /// # Errors
    /// [`WindowError::Zone`] when the zone is unknown.
    pub fn daily(
        zone: &str,
        from: Time,
        until: Time,
        days: &[Weekday],
        only: Vec<Date>,
        except: Vec<Date>,
    ) -> Result<Self, WindowError> {
        TimeZone::get(zone).map_err(|_| WindowError::Zone { zone: zone.to_owned() })?;
        let days = if days.is_empty() { ALL_DAYS } else { days.iter().fold(0, |set, day| set | bit(*day)) };
        Ok(Self::Daily(DailyWindow { zone: zone.to_owned(), from, until, days, only, except }))
    }

    /// Whether the window holds at `at`.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        match self {
            Self::Once { from, until } => *from <= at && at < *until,
            Self::Daily(window) => window.holds(at),
        }
    }
}

impl DailyWindow {
    fn holds(&self, at: Timestamp) -> bool {
        // The zone was checked when the window was made, and the database is built in: UTC is never reached.
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let local = zone.to_datetime(at.to_jiff());
        let (date, time) = (local.date(), local.time());
        if self.from < self.until {
            return self.begins_on(date) && self.from <= time && time < self.until;
        }
        // Over midnight: either it began today, or it began yesterday and still runs.
        (self.begins_on(date) && self.from <= time)
            || (time < self.until && date.yesterday().is_ok_and(|yesterday| self.begins_on(yesterday)))
    }

    fn begins_on(&self, date: Date) -> bool {
        self.days & bit(date.weekday()) != 0
            && (self.only.is_empty() || self.only.contains(&date))
            && !self.except.contains(&date)
    }
}

#[cfg(test)]
mod tests;
