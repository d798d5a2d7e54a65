//! Rows as they travel between a database and an archive, the same whatever the database.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(#[serde(with = "bytes")] Vec<u8>),
}

/// A row: its key's values first.
pub type Row = Vec<Cell>;

/// A table, as far as an archive has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Its columns: those of the primary key first, in their order, then the others by name.
    pub columns: Vec<String>,
    /// How many columns the key has.
    pub key: usize,
}

/// What an error of a database is, to those who pass it on.
pub type DatabaseError = Box<dyn std::error::Error + Send + Sync>;

/// A database as of one instant.
#[async_trait]
pub trait Source: Send {
    /// All its tables, ordered by name.
    fn shapes(&self) -> &[Shape];

    /// Rows of a table in the order of their keys, those after `after` of it, as many as are well held in memory. None at all
    /// is the table's end.
    ///
    /// # Errors
    /// What the database says.
    async fn rows(&mut self, table: &Shape, after: Option<&[Cell]>) -> Result<Vec<Row>, DatabaseError>;
}

/// An empty database that is filled.
#[async_trait]
pub trait Sink: Send {
    /// Adds rows to a table.
    ///
    /// # Errors
    /// What the database says.
    async fn add(&mut self, table: &Shape, rows: Vec<Row>) -> Result<(), DatabaseError>;
}

/// Bytes as bytes, and not as a sequence of numbers.
mod bytes {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
