//! Quantities with their units. All are integers: the same arithmetic everywhere, and nothing is ever not a number.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most replicas Tenantry will ever ask for; above it a number is taken for a mistake.
pub const REPLICAS_MAX: u32 = 100_000;

/// A count of replicas, from 0 to [`REPLICAS_MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replicas(u32);

impl Replicas {
    /// None at all.
    pub const ZERO: Self = Self(0);
    /// Exactly one.
    pub const ONE: Self = Self(1);

    /// Makes a count; above [`REPLICAS_MAX`] it is that.
    #[must_use]
    pub const fn new(count: u32) -> Self {
        Self(if count > REPLICAS_MAX { REPLICAS_MAX } else { count })
    }

    /// Makes a count from a wide signed number: below zero it is zero, above [`REPLICAS_MAX`] that.
    #[must_use]
    pub fn saturating(count: i64) -> Self {
        Self::new(u32::try_from(count.max(0)).unwrap_or(REPLICAS_MAX))
    }

    /// The count as a plain number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The count in the signed width that Kubernetes uses.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        i64::from(self.0)
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Inclusive replica range. Invariant: `floor <= ceiling`; only [`Bounds::new`] builds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(Replicas, Replicas)", into = "(Replicas, Replicas)")]
pub struct Bounds {
    floor: Replicas,
    ceiling: Replicas,
}

/// A range whose lower end lies above its upper one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("minimum {floor} is above maximum {ceiling}")]
pub struct BoundsError {
    /// The lower end as given.
    pub floor: Replicas,
    /// The upper end as given.
    pub ceiling: Replicas,
}

impl Bounds {
    /// Exactly one.
    pub const ONE: Self = Self { floor: Replicas::ONE, ceiling: Replicas::ONE };

    /// Makes the range.
    ///
    /// # Errors
    /// [`BoundsError`] when `floor` is above `ceiling`.
    pub fn new(floor: Replicas, ceiling: Replicas) -> Result<Self, BoundsError> {
        if floor <= ceiling { Ok(Self { floor, ceiling }) } else { Err(BoundsError { floor, ceiling }) }
    }

    /// The lower end.
    #[must_use]
    pub const fn floor(self) -> Replicas {
        self.floor
    }

    /// The upper end.
    #[must_use]
    pub const fn ceiling(self) -> Replicas {
        self.ceiling
    }

    /// The count inside the range that is nearest to `count`.
    #[must_use]
    pub fn clamp(self, count: Replicas) -> Replicas {
        count.clamp(self.floor, self.ceiling)
    }

    /// Whether `count` lies inside.
    #[must_use]
    pub fn admits(self, count: Replicas) -> bool {
        self.floor <= count && count <= self.ceiling
    }
}

impl TryFrom<(Replicas, Replicas)> for Bounds {
    type Error = BoundsError;

    fn try_from((floor, ceiling): (Replicas, Replicas)) -> Result<Self, BoundsError> {
        Self::new(floor, ceiling)
    }
}

impl From<Bounds> for (Replicas, Replicas) {
    fn from(bounds: Bounds) -> Self {
        (bounds.floor, bounds.ceiling)
    }
}

/// A measured value in thousandths of its unit, as Kubernetes counts them: cores, bytes, requests per second, seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milli(pub i64);

impl Milli {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A value in whole units.
    #[must_use]
    pub const fn units(units: i64) -> Self {
        Self(units.saturating_mul(1000))
    }

    /// A float, rounded to the nearest thousandth; `None` for what is no finite number or does not fit.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked on the line before")]
    pub fn from_f64(value: f64) -> Option<Self> {
        let scaled = (value * 1000.0).round();
        (scaled.is_finite() && scaled.abs() < 9.0e18).then_some(Self(scaled as i64))
    }

    /// The value in whole units. Exact up to 2^53 thousandths.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 thousandths a rounding in the last place is harmless")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, magnitude) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, part) = (magnitude / 1000, magnitude % 1000);
        if part == 0 {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{}", format!("{part:03}").trim_end_matches('0'))
        }
    }
}

/// Money in millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub i64);

impl MicroUsd {
    /// A float of dollars; `None` for what is no finite number or does not fit.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked on the line before")]
    pub fn from_usd(usd: f64) -> Option<Self> {
        let scaled = (usd * 1e6).round();
        (scaled.is_finite() && scaled.abs() < 9.0e18).then_some(Self(scaled as i64))
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, magnitude) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let cents = (magnitude + 5_000) / 10_000;
        write!(f, "{sign}${}.{:02}", cents / 100, cents % 100)
    }
}

/// A share in thousandths: 0.99 is `PerMille(990)`. From 0 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerMille(pub u16);

impl PerMille {
    /// The share between 0 and 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a length of time: write a number and a unit, such as `500ms`, `30s`, `5m`, `1h` or `30d`")]
pub struct SpanError {
    /// What was given.
    pub text: String,
}

/// A length of time as people write it (`500ms`, `90s`, `1h30m`, `30d`), whole milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

impl Span {
    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// In milliseconds, as a difference of instants.
    #[must_use]
    pub fn as_millis_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// Units of time, longest first, with their length in milliseconds.
const SPAN_UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let fail = || SpanError { text: text.to_owned() };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(fail());
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(fail)?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let count: u64 = number.parse().map_err(|_| fail())?;
            let (_, length) = SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fail)?;
            total = count.checked_mul(*length).and_then(|part| total.checked_add(part)).ok_or_else(fail)?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        let mut left = self.0;
        let mut text = String::new();
        // Weeks are read but not written: `14d` says more than `2w`.
        for (unit, length) in SPAN_UNITS.iter().skip(1) {
            let count = left / length;
            if count > 0 {
                text.push_str(&format!("{count}{unit}"));
                left %= length;
            }
        }
        f.pad(&text)
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

#[cfg(test)]
mod tests;
