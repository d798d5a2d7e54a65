//! SQL and its values as plain data, so that each query is written once for both databases.

use std::borrow::Cow;

use crate::failure::Failure;

/// Rows of one multi-row statement. With at most a dozen values a row it stays far under SQLite's 32,766 parameters
/// and PostgreSQL's 65,535.
const BULK_ROWS_MAX: usize = 500;

/// Which of the two dialects a statement is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A value that goes in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Int(i64),
    MaybeInt(Option<i64>),
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Bytes(&'a [u8]),
    MaybeBytes(Option<&'a [u8]>),
}

/// SQL with its values. Parameters are `$1`, `$2`, …, which both databases read.
#[derive(Debug, Clone)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) values: Vec<Value<'a>>,
}

impl<'a> Statement<'a> {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>, values: Vec<Value<'a>>) -> Self {
        Self { sql: sql.into(), values }
    }

    /// Statements that together hold all `rows` as `before (…), (…) after`, in order.
    pub(crate) fn bulk<const N: usize>(
        dialect: Dialect,
        before: &str,
        rows: &[[Value<'a>; N]],
        after: &str,
    ) -> Vec<Self> {
        rows.chunks(BULK_ROWS_MAX)
            .map(|rows| {
                let mut sql = String::from(before);
                let mut number = 0_usize;
                for (index, _) in rows.iter().enumerate() {
                    sql.push_str(if index == 0 { " (" } else { ", (" });
                    for column in 0..N {
                        number += 1;
                        if column > 0 {
                            sql.push(',');
                        }
                        match dialect {
                            // SQLite looks a numbered parameter's name up among all earlier ones.
                            Dialect::Sqlite => sql.push('?'),
                            Dialect::Postgres => {
                                sql.push('$');
                                sql.push_str(&number.to_string());
                            }
                        }
                    }
                    sql.push(')');
                }
                sql.push(' ');
                sql.push_str(after);
                Self::new(sql, rows.iter().flatten().copied().collect())
            })
            .collect()
    }
}

/// A value that comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The values of one row, taken from left to right.
#[derive(Debug)]
pub(crate) struct Row(std::vec::IntoIter<Cell>);

impl Row {
    pub(crate) fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    /// All values that are left.
    pub(crate) fn into_cells(self) -> impl Iterator<Item = Cell> {
        self.0
    }

    pub(crate) fn int(&mut self) -> Result<i64, Failure> {
        match self.0.next() {
            Some(Cell::Int(value)) => Ok(value),
            other => Err(unexpected("a number", other.as_ref())),
        }
    }

    /// A number that cannot be negative.
    pub(crate) fn count(&mut self) -> Result<u64, Failure> {
        let value = self.int()?;
        u64::try_from(value).map_err(|_| Failure::Unreadable(format!("{value} stands where a count should")))
    }

    pub(crate) fn maybe_int(&mut self) -> Result<Option<i64>, Failure> {
        match self.0.next() {
            Some(Cell::Int(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            other => Err(unexpected("a number or nothing", other.as_ref())),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, Failure> {
        match self.0.next() {
            Some(Cell::Text(value)) => Ok(value),
            other => Err(unexpected("text", other.as_ref())),
        }
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>, Failure> {
        match self.0.next() {
            Some(Cell::Text(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            other => Err(unexpected("text or nothing", other.as_ref())),
        }
    }

    /// The first value, which stays where it is.
    pub(crate) fn first(&self) -> Option<&Cell> {
        self.0.as_slice().first()
    }

    /// The next value, whatever it is.
    pub(crate) fn cell(&mut self) -> Result<Cell, Failure> {
        self.0.next().ok_or_else(|| unexpected("a value", None))
    }

    pub(crate) fn maybe_bytes(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.0.next() {
            Some(Cell::Bytes(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            other => Err(unexpected("bytes or nothing", other.as_ref())),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        match self.0.next() {
            Some(Cell::Bytes(value)) => Ok(value),
            other => Err(unexpected("bytes", other.as_ref())),
        }
    }

    /// Text that is something more than text.
    pub(crate) fn parsed<T>(&mut self) -> Result<T, Failure>
    where
        T: TryFrom<String>,
        T::Error: std::fmt::Display,
    {
        T::try_from(self.text()?).map_err(|error| Failure::Unreadable(error.to_string()))
    }
}

fn unexpected(wanted: &str, found: Option<&Cell>) -> Failure {
    let found = match found {
        None => "the end of the row",
        Some(Cell::Null) => "nothing",
        Some(Cell::Int(_)) => "a number",
        Some(Cell::Text(_)) => "text",
        Some(Cell::Bytes(_)) => "bytes",
    };
    Failure::Unreadable(format!("{found} stands where {wanted} should"))
}

/// For the database, which counts in signed numbers.
pub(crate) fn signed(count: u64) -> Result<i64, Failure> {
    i64::try_from(count).map_err(|_| Failure::Refused(format!("{count} is more than the store can count to")))
}
