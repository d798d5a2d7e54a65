//! How keys are written in their file: a line each of `OWNER NUMBER KEY`, lines of remarks before them.

use std::collections::BTreeMap;

use tenantry_domain::id::TenantId;

use crate::envelope::Key;
use crate::provider::Owner;
use crate::secret::{SECRET_LENGTH, Secret};

/// What stands in the place of a key that was destroyed: as long as one.
pub(super) const DESTROYED: &str = "destroyed-------------------------------------------------------";

/// Bytes of a line: an owner with a name of 63 characters, a number and a key.
pub(super) const LINE_MAX: usize = 160;

/// A key's line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: i64,
    /// None when it was destroyed.
    pub(super) key: Option<Key>,
    /// Where in the file its digits begin.
    pub(super) at: u64,
}

/// All keys of a file.
#[derive(Debug, Default)]
pub(super) struct Lines {
    keys: BTreeMap<Owner, Vec<Line>>,
    /// Bytes of the file up to the end of its last whole line.
    pub(super) whole: u64,
}

impl Lines {
    /// Reads a file. A line at the end that was torn off is passed over: nothing was sealed with its key.
    ///
    /// # Errors
    /// What is wrong in which line, without anything of a key.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = Self::default();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let Some(line) = line.strip_suffix('\n') else { break };
            if !line.is_empty() && !line.starts_with('#') {
                lines.take(line).map_err(|message| format!("line {}: {message}", index + 1))?;
            }
            lines.whole += u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(1);
        }
        Ok(lines)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split(' ');
        let (Some(owner), Some(number), Some(digits), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("it should be an owner, a number and a key".to_owned());
        };
        let owner = owner_of(owner)?;
        let number: i64 = number.parse().map_err(|_| "its number is none".to_owned())?;
        let key = if digits == DESTROYED {
            None
        } else {
            let secret = Secret::from_hex(digits)
                .ok_or_else(|| format!("its key is not of {} hexadecimal digits", 2 * SECRET_LENGTH))?;
            Some(Key::new(&secret).map_err(|error| error.to_string())?)
        };
        let before = line.len().saturating_sub(digits.len());
        let at = self.whole.saturating_add(u64::try_from(before).unwrap_or(u64::MAX));
        let of = self.keys.entry(owner).or_default();
        if of.last().is_some_and(|last| last.number >= number) {
            return Err("its number is not above that of its owner's key before".to_owned());
        }
        of.push(Line { number, key, at });
        Ok(())
    }

    /// The lines of an owner, oldest first.
    pub(super) fn of(&self, owner: &Owner) -> impl Iterator<Item = &Line> {
        self.keys.get(owner).into_iter().flatten()
    }

    /// An owner's newest key that was not destroyed.
    pub(super) fn newest(&self, owner: &Owner) -> Option<(i64, &Key)> {
        self.keys.get(owner)?.iter().rev().find_map(|line| Some((line.number, line.key.as_ref()?)))
    }

    /// The last number that an owner's keys came to; 0 when there are none.
    pub(super) fn last_number(&self, owner: &Owner) -> i64 {
        self.of(owner).last().map_or(0, |line| line.number)
    }
}

fn owner_of(text: &str) -> Result<Owner, String> {
    match text.strip_prefix("tenant/") {
        Some(id) => TenantId::new(id).map(Owner::Tenant).map_err(|error| error.to_string()),
        None if text == "platform" => Ok(Owner::Platform),
        None => Err("its owner is neither `platform` nor `tenant/ID`".to_owned()),
    }
}

/// A new file's remarks.
pub(super) fn head() -> String {
    "# Keys of a Tenantry store: the data keys in the database are sealed with them. Whoever has this file and the database\n\
     # can read everything, and without it nobody can. Keep a copy apart from the database's; lines are never to be edited.\n"
        .to_owned()
}

/// A key's line.
pub(super) fn line(owner: &Owner, number: i64, secret: &Secret) -> String {
    format!("{owner} {number} {}\n", secret.to_hex().as_str())
}
