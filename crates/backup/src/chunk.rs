//! Rows of a table in pieces, whose ends are decided by the rows themselves: where some change, only the pieces around them
//! become other ones.
//!
//! INVARIANT(same rows, same pieces): pieces depend on nothing but the rows, their table's name and the key of names, so that
//! a snapshot of either database, taken anywhere, has the same.

use tenantry_keys::Namer;

use crate::row::{Cell, Row};

/// Bytes that a piece has at least, unless it is the table's last.
const BYTES_MIN: usize = 16 << 10;
/// Bytes after which a piece ends with its row, whatever the rows say.
const BYTES_MAX: usize = 512 << 10;
/// Bytes from one end to the next, as chance has it, once a piece has [`BYTES_MIN`].
const BYTES_APART: u64 = 80 << 10;

/// A name of contents.
pub(crate) type Id = [u8; tenantry_keys::NAME_LENGTH];

/// Some rows of a table, one after another, as they are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: Id,
    pub(crate) rows: u64,
    pub(crate) plain: Vec<u8>,
}

/// Cuts the rows of one table.
#[derive(Debug)]
pub(crate) struct Cutter<'a> {
    namer: &'a Namer,
    table: &'a str,
    plain: Vec<u8>,
    rows: u64,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(namer: &'a Namer, table: &'a str) -> Self {
        Self { namer, table, plain: Vec::new(), rows: 0 }
    }

    /// Takes the next row; a piece, where one ends with it.
    pub(crate) fn push(&mut self, row: &[Cell]) -> Result<Option<Piece>, postcard::Error> {
        if self.plain.is_empty() {
            self.plain = postcard::to_extend(self.table, std::mem::take(&mut self.plain))?;
        }
        let before = self.plain.len();
        self.plain = postcard::to_extend(row, std::mem::take(&mut self.plain))?;
        self.rows += 1;
        let row = self.plain.get(before..).unwrap_or_default();
        let ends = self.plain.len() >= BYTES_MAX
            || (self.plain.len() >= BYTES_MIN && is_end(&self.namer.name(row), row.len()));
        Ok(if ends { self.end() } else { None })
    }

    /// The rest, where there is one.
    pub(crate) fn end(&mut self) -> Option<Piece> {
        if self.rows == 0 {
            return None;
        }
        let plain = std::mem::take(&mut self.plain);
        Some(Piece { id: self.namer.name(&plain), rows: std::mem::take(&mut self.rows), plain })
    }
}

/// Whether a piece ends with a row: more often for a long one, so that pieces are of like length whatever rows are.
fn is_end(name: &Id, bytes: usize) -> bool {
    let drawn = name.first_chunk::<4>().map_or(0, |first| u64::from(u32::from_be_bytes(*first)));
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).min(BYTES_APART);
    drawn < bytes.saturating_mul(u64::from(u32::MAX)) / BYTES_APART
}

/// The rows of a piece, and of which table they are.
pub(crate) fn read(plain: &[u8]) -> Result<(String, Vec<Row>), postcard::Error> {
    let (table, mut rest) = postcard::take_from_bytes::<String>(plain)?;
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let (row, next) = postcard::take_from_bytes::<Row>(rest)?;
        rows.push(row);
        rest = next;
    }
    Ok((table, rows))
}

#[cfg(test)]
mod tests;
