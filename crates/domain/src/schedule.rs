//! Times of day, days and dates in a time zone, for schedules and freezes.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::Timestamp;
use crate::unit::Span;

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

    /// Whether some instant may lie in both. Exact for two single windows; recurring ones are compared by time of day
    /// in their zones' own clocks and by weekday, which errs towards yes.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Once { from, until }, Self::Once { from: other_from, until: other_until }) => {
                from < other_until && other_from < until
            }
            (Self::Daily(a), Self::Daily(b)) => a.may_meet(b),
            (Self::Once { from, until }, Self::Daily(daily)) | (Self::Daily(daily), Self::Once { from, until }) => {
                let step = Span::from_secs(60);
                // A day and a half meets every recurring window that is not bound to dates.
                let last = (*until).min(*from + Span::from_secs(400 * 86_400));
                std::iter::successors(Some(*from), |at| Some(*at + step))
                    .take_while(|at| *at < last)
                    .any(|at| daily.holds(at))
            }
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

    fn may_meet(&self, other: &Self) -> bool {
        if self.zone != other.zone {
            return true;
        }
        // Minutes of a week in which each holds; dates are left aside.
        let minutes = |window: &Self| {
            let minute = |time: Time| i64::from(time.hour()) * 60 + i64::from(time.minute());
            let (from, until) = (minute(window.from), minute(window.until));
            let length = if window.from < window.until { until - from } else { until - from + 1440 };
            (0..7_i64)
                .filter(|day| window.days & (1 << day) != 0)
                .map(|day| (day * 1440 + from, day * 1440 + from + length))
                .collect::<Vec<_>>()
        };
        let meet = |(from, until): (i64, i64), (other_from, other_until): (i64, i64)| {
            // The week is a ring.
            [-10_080, 0, 10_080].iter().any(|turn| from < other_until + turn && other_from + turn < until)
        };
        let dated = |window: &Self| (!window.only.is_empty()).then(|| window.only.clone());
        let days_apart = match (dated(self), dated(other)) {
            (Some(mine), Some(theirs)) => !mine.iter().any(|day| theirs.contains(day)),
            _ => false,
        };
        let theirs = minutes(other);
        !days_apart && minutes(self).into_iter().any(|mine| theirs.iter().any(|span| meet(mine, *span)))
    }

    fn begins_on(&self, date: Date) -> bool {
        self.days & bit(date.weekday()) != 0
            && (self.only.is_empty() || self.only.contains(&date))
            && !self.except.contains(&date)
    }
}

#[cfg(test)]
mod tests;
