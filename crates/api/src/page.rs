//! Lists in pages, and the fields that are asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::IntoParams;

use crate::problem::{INTERNAL, MALFORMED, Problem};

/// Items of a page unless told.
const LIMIT: u32 = 100;
/// Most items of a page.
pub(crate) const LIMIT_MAX: u32 = 500;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
    /// `next` of the page before.
    pub(crate) cursor: Option<String>,
}

/// How many items a page has.
pub(crate) fn size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(LIMIT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        other => Err(Problem::new(MALFORMED, format!("`limit` is 1 to {LIMIT_MAX}, and not {other}"))),
    }
}

/// Writes where a page ends. Callers hand it back as it is.
pub(crate) fn cursor(place: &str) -> String {
    place.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads where a page begins.
pub(crate) fn place(cursor: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bad = || Problem::new(MALFORMED, "`cursor` is none of ours; take `next` of the page before as it is");
    let pairs = cursor.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| cursor == self::cursor(text));
    text.map(Some).ok_or_else(bad)
}

/// Reads a number where a page begins.
pub(crate) fn number(cursor: Option<&str>) -> Result<Option<u64>, Problem> {
    let bad = || Problem::new(MALFORMED, "`cursor` is none of ours; take `next` of the page before as it is");
    // The store counts in signed numbers.
    let number = |text: String| text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok()).ok_or_else(bad);
    place(cursor)?.map(number).transpose()
}

/// A value with the named fields only; all of them unless told.
pub(crate) fn selected<T: Serialize>(value: &T, fields: Option<&str>) -> Result<Value, Problem> {
    let value = serde_json::to_value(value).map_err(|error| {
        tracing::error!(%error, "an answer has no form as JSON");
        Problem::new(INTERNAL, "the answer could not be written")
    })?;
    let (Some(fields), Value::Object(all)) = (fields, &value) else { return Ok(value) };
    let mut chosen = Map::new();
    for name in fields.split(',').map(str::trim) {
        let Some(field) = all.get(name) else {
            let known: Vec<&str> = all.keys().map(String::as_str).collect();
            let detail = format!("`fields` names `{name}`, and there are {}", known.join(", "));
            return Err(Problem::new(MALFORMED, detail));
        };
        chosen.insert(name.to_owned(), field.clone());
    }
    Ok(Value::Object(chosen))
}

/// Cuts what was read, one more than a page has, to a page; says where the next one begins, where there is one.
pub(crate) fn cut<T>(found: &mut Vec<T>, count: u32, place: impl FnOnce(&T) -> String) -> Option<String> {
    let kept = usize::try_from(count).unwrap_or(usize::MAX);
    let more = found.len() > kept;
    found.truncate(kept);
    found.last().filter(|_| more).map(place)
}

/// Items of an ordered list after `after`, and the place of the last one where there are more.
pub(crate) fn after<'a, T>(
    items: impl Iterator<Item = &'a T>,
    name: impl Fn(&T) -> String,
    after: Option<&str>,
    count: u32,
) -> (Vec<&'a T>, Option<String>) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut rest = items.skip_while(|item| after.is_some_and(|after| name(item).as_str() <= after));
    let page: Vec<&T> = rest.by_ref().take(count).collect();
    let more = rest.next().is_some();
    let next = page.last().filter(|_| more).map(|last| cursor(&name(last)));
    (page, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_were_written_and_no_others() {
        for text in ["", "acme", "größe/1"] {
            assert_eq!(place(Some(&cursor(text))).unwrap().as_deref(), Some(text));
        }
        for bad in ["6", "zz", "C3", "ff", "+1"] {
            assert!(place(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_hold_every_item_once() {
        let all: Vec<String> = (0..7).map(|number| format!("t{number}")).collect();
        let (mut seen, mut from) = (Vec::new(), None);
        loop {
            let (page, next) = after(all.iter(), String::clone, from.as_deref(), 3);
            seen.extend(page.into_iter().cloned());
            let Some(next) = next else { break };
            from = place(Some(&next)).unwrap();
        }
        assert_eq!(seen, all);
    }
}
