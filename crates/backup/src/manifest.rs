//! What a backup consists of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;

use crate::chunk::Id;
use crate::row::Shape;

/// The form that is written here.
pub(crate) const FORMAT: u32 = 1;

/// The name of a backup: when it was taken, and some digits that no other has, such as `20261128T053000.000Z-4f9a1c`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

const STAMP: &str = "%Y%m%dT%H%M%S%.3fZ";
const STAMP_LENGTH: usize = 20;

impl Name {
    pub(crate) fn new(taken_at: Timestamp, drawn: [u8; 3]) -> Self {
        Self(format!("{}-{}", taken_at.to_jiff().strftime(STAMP), hex::encode(drawn)))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it was taken, as far as a name can be trusted.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        at(&self.0).unwrap_or_default()
    }
}

fn at(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime(STAMP, text.get(..STAMP_LENGTH)?).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?.into())
}

/// Text that is not the name of a backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a backup, such as 20261128T053000.000Z-4f9a1c")]
pub struct NameError(String);

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = text.get(STAMP_LENGTH..).and_then(|rest| rest.strip_prefix('-'));
        let whole =
            digits.is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if whole && at(text).is_some() { Ok(Self(text.to_owned())) } else { Err(NameError(text.to_owned())) }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a store beside its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// As of when.
    pub taken_at: Timestamp,
    /// Version of the program that took it.
    pub program: String,
    /// The last migration that the store's schema has.
    pub schema: i64,
    /// The kind of database it was taken of.
    pub database: String,
    /// Which deployment its audit logs are signed as, where they are.
    pub deployment: Option<String>,
    /// The public keys with which its audit logs are verified.
    pub audit_keys: Option<String>,
}

/// A backup, as it is written when all its pieces are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub(crate) format: u32,
    /// Which it is.
    pub name: Name,
    /// What it is of.
    #[serde(flatten)]
    pub about: About,
    pub(crate) tables: Vec<Table>,
}

/// A table of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) shape: Shape,
    pub(crate) rows: u64,
    pub(crate) chunks: Vec<Chunk>,
}

/// A piece of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    #[serde(with = "hex::serde")]
    pub(crate) id: Id,
    pub(crate) rows: u64,
    /// As they were before they were packed.
    pub(crate) bytes: u64,
}

impl Manifest {
    /// Its tables, with how many rows each has.
    pub fn tables(&self) -> impl Iterator<Item = (&str, u64)> {
        self.tables.iter().map(|table| (table.shape.name.as_str(), table.rows))
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().fold(0, |sum, table| sum.saturating_add(table.rows))
    }

    /// Bytes of all rows, before they were packed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.chunks().fold(0, |sum, chunk| sum.saturating_add(chunk.bytes))
    }

    /// Its pieces.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.tables.iter().flat_map(|table| &table.chunks)
    }

    /// Whether it holds just the same rows of the same tables as another.
    #[must_use]
    pub fn holds_as(&self, other: &Self) -> bool {
        self.tables == other.tables
    }

    /// Tables whose rows differ from another's.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let of = |manifest: &Self, name: &str| manifest.tables.iter().find(|table| table.shape.name == name).cloned();
        let both = self.tables.iter().chain(&other.tables).map(|table| table.shape.name.clone());
        let mut names: Vec<String> = both.filter(|name| of(self, name) != of(other, name)).collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_when_and_sort_by_it() {
        let name = Name::new(Timestamp::from_millis(1_795_843_800_999), [0x4f, 0x9a, 0x1c]);
        assert_eq!(name.as_str(), "20261128T053000.999Z-4f9a1c");
        assert_eq!(name.at(), Timestamp::from_millis(1_795_843_800_999));
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        assert!(name < Name::new(Timestamp::from_millis(1_795_843_801_000), [0; 3]));
        for wrong in ["", "20261128T053000.000Z", "20261128T053000.000Z-4f9a1", "20261328T053000.000Z-4f9a1c", "x/../y"]
        {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
    }
}
