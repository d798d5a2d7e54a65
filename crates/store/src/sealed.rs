//! What rows hold, sealed and opened.
//!
//! INVARIANT(sealed rows): a row that is sealed has its key's id in `sealed_with`, its envelope in `sealed`, and nothing in
//! its own column. The envelope is bound to all that names the row ([`Bound`]), and to its version where it has one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenantry_keys::{Bound, DataKeyId, Key, KeyError};

use crate::failure::Failure;
use crate::statement::{Cell, Row, Value};

/// How a row is to be covered: with a key, or not at all in a store that has none.
#[derive(Debug, Clone)]
pub(crate) struct Sealer(pub(crate) Option<(DataKeyId, Arc<Key>)>);

impl Sealer {
    pub(crate) fn seal(&self, plain: &[u8], bound: &Bound) -> Result<Covered, Failure> {
        let Some((id, key)) = &self.0 else { return Ok(Covered::default()) };
        Ok(Covered { with: Some(id.0), sealed: Some(key.seal(plain, bound)?) })
    }
}

/// The columns of a row that was sealed; both empty where it was not.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    with: Option<i64>,
    sealed: Option<Vec<u8>>,
}

impl Covered {
    pub(crate) const fn with(&self) -> Value<'_> {
        Value::MaybeInt(self.with)
    }

    pub(crate) fn sealed(&self) -> Value<'_> {
        Value::MaybeBytes(self.sealed.as_deref())
    }

    /// What the row's own column holds: nothing, where it is sealed.
    pub(crate) const fn text<'a>(&self, plain: &'a str) -> Value<'a> {
        Value::Text(if self.with.is_some() { "" } else { plain })
    }

    pub(crate) const fn maybe_text<'a>(&self, plain: Option<&'a str>) -> Value<'a> {
        Value::MaybeText(if self.with.is_some() { None } else { plain })
    }

    pub(crate) const fn bytes<'a>(&self, plain: &'a [u8]) -> Value<'a> {
        Value::Bytes(if self.with.is_some() { &[] } else { plain })
    }

    pub(crate) const fn maybe_bytes<'a>(&self, plain: Option<&'a [u8]>) -> Value<'a> {
        Value::MaybeBytes(if self.with.is_some() { None } else { plain })
    }
}

/// Opens rows: holds the keys of those that were read.
#[derive(Debug, Default)]
pub(crate) struct Opener {
    pub(crate) keys: BTreeMap<DataKeyId, Arc<Key>>,
    /// Keys that do not open, as their owner's was destroyed: whose, and where.
    pub(crate) destroyed: BTreeMap<DataKeyId, (String, String)>,
    /// Whether a row that is not sealed is somebody else's.
    pub(crate) whole: bool,
}

/// The key that a row is sealed with: the first of what is read.
pub(crate) fn sealed_with(row: &Row) -> Option<DataKeyId> {
    if let Some(Cell::Int(id)) = row.first() { Some(DataKeyId(*id)) } else { None }
}

impl Opener {
    /// Whether what a row holds was destroyed with its key.
    pub(crate) fn is_destroyed(&self, row: &Row) -> bool {
        sealed_with(row).is_some_and(|id| self.destroyed.contains_key(&id))
    }

    /// What a row holds: its own column and its envelope are the next two values. None where there is nothing.
    pub(crate) fn open(&self, with: Option<i64>, row: &mut Row, bound: &Bound) -> Result<Option<Vec<u8>>, Failure> {
        let plain = match row.cell()? {
            Cell::Text(text) => Some(text.into_bytes()),
            Cell::Bytes(bytes) => Some(bytes),
            Cell::Null => None,
            Cell::Int(_) => return Err(Failure::Unreadable("a number stands where text or bytes should".to_owned())),
        };
        self.choose(with, plain, row.maybe_bytes()?, bound)
    }

    /// Of what is in a row's columns, that which counts.
    pub(crate) fn choose(
        &self,
        with: Option<i64>,
        plain: Option<Vec<u8>>,
        sealed: Option<Vec<u8>>,
        bound: &Bound,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let Some(with) = with else {
            if self.whole && plain.as_ref().is_some_and(|plain| !plain.is_empty()) {
                return Err(Failure::Unreadable(
                    "a row is not sealed, and in this store all are: it was not written by Tenantry".to_owned(),
                ));
            }
            return Ok(plain);
        };
        if let Some((owner, place)) = self.destroyed.get(&DataKeyId(with)).cloned() {
            return Err(KeyError::Destroyed { owner, place }.into());
        }
        let key = self.keys.get(&DataKeyId(with));
        let key =
            key.ok_or_else(|| Failure::Unreadable("the data key that a row is sealed with is gone".to_owned()))?;
        let sealed = sealed.ok_or_else(|| Failure::Unreadable("what a row had sealed is gone".to_owned()))?;
        key.open(&sealed, bound).map(Some).map_err(|error| Failure::Unreadable(error.to_string()))
    }

    /// As [`open`](Self::open), of text.
    pub(crate) fn text(&self, with: Option<i64>, row: &mut Row, bound: &Bound) -> Result<Option<String>, Failure> {
        self.open(with, row, bound)?.map(text).transpose()
    }
}

pub(crate) fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::Unreadable("what was sealed is not text".to_owned()))
}
