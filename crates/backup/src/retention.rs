//! Which backups are kept.
//!
//! INVARIANT(newest): the newest backup is always kept.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use tenantry_domain::time::Timestamp;

use crate::error::BackupError;
use crate::manifest::Name;

/// Which backups are kept: the newest few, and the newest of each of the last hours, days, weeks, months and years in which
/// there are any, in UTC. One that any rule keeps is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    counts: [u32; PERIODS.len()],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Each,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

const PERIODS: [(&str, Period); 6] = [
    ("last", Period::Each),
    ("hourly", Period::Hour),
    ("daily", Period::Day),
    ("weekly", Period::Week),
    ("monthly", Period::Month),
    ("yearly", Period::Year),
];

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

impl Period {
    /// A number that all instants of one such period share, and those of no other.
    fn of(self, at: Timestamp, place: usize) -> i64 {
        let ms = at.as_millis();
        let date = || jiff::tz::TimeZone::UTC.to_datetime(at.to_jiff()).date();
        match self {
            Self::Each => i64::try_from(place).unwrap_or(i64::MAX),
            Self::Hour => ms.div_euclid(HOUR_MS),
            Self::Day => ms.div_euclid(DAY_MS),
            // The first of January 1970 was a Thursday, and weeks begin on Monday.
            Self::Week => (ms.div_euclid(DAY_MS) + 3).div_euclid(7),
            Self::Month => i64::from(date().year()) * 12 + i64::from(date().month()),
            Self::Year => i64::from(date().year()),
        }
    }
}

impl Default for Keep {
    /// Some of each for half a year.
    fn default() -> Self {
        Self { counts: [3, 24, 14, 8, 6, 0] }
    }
}

impl Keep {
    /// Which of some backups are dropped, in no order of their own.
    #[must_use]
    pub fn dropped(&self, names: &[Name]) -> Vec<Name> {
        let mut newest_first: Vec<&Name> = names.iter().collect();
        newest_first.sort_by(|one, other| other.cmp(one));
        let mut kept: BTreeSet<&Name> = newest_first.first().copied().into_iter().collect();
        for (count, (_, period)) in self.counts.into_iter().zip(PERIODS) {
            let mut last = None;
            let firsts = newest_first.iter().enumerate().filter_map(|(place, name)| {
                let now = Some(period.of(name.at(), place));
                let is_first = now != last;
                last = now;
                is_first.then_some(*name)
            });
            kept.extend(firsts.take(usize::try_from(count).unwrap_or(usize::MAX)));
        }
        newest_first.into_iter().filter(|name| !kept.contains(name)).cloned().collect()
    }
}

impl FromStr for Keep {
    type Err = BackupError;

    fn from_str(text: &str) -> Result<Self, BackupError> {
        let wrong = |message: String| BackupError::Keep { text: text.to_owned(), message };
        let mut counts = [None; PERIODS.len()];
        for part in text.split(',').map(str::trim) {
            let named = part.split_once('=').and_then(|(name, count)| {
                let place = PERIODS.iter().position(|(known, _)| *known == name.trim())?;
                Some((counts.get_mut(place)?, count.trim()))
            });
            let Some((slot, count)) = named else {
                return Err(wrong(format!(
                    "`{part}` is not one of last=N, hourly=N, daily=N, weekly=N, monthly=N, yearly=N; write them with commas \
                     between, such as last=3,hourly=24,daily=30"
                )));
            };
            let number = count.parse::<u32>().map_err(|_| wrong(format!("`{count}` is no number")))?;
            if slot.replace(number).is_some() {
                return Err(wrong(format!("`{part}` says it a second time")));
            }
        }
        let counts = counts.map(Option::unwrap_or_default);
        if counts == [0; PERIODS.len()] {
            return Err(wrong("it would keep the newest only; write last=1 if that is meant".to_owned()));
        }
        Ok(Self { counts })
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.counts.iter().zip(PERIODS).filter(|(count, _)| **count > 0);
        let parts: Vec<String> = parts.map(|(count, (name, _))| format!("{name}={count}")).collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests;
