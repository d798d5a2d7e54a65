//! What callers are to do without before long: told with each answer (RFC 9745, RFC 8594) and in the OpenAPI document.

use http::header::LINK;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::civil::{Date, Time};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::operation::Operation;

/// Since when it is deprecated (RFC 9745).
pub(crate) const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// When it ends (RFC 8594).
pub(crate) const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// What of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "nothing of the API is deprecated yet, but in the test of this module")
)]
pub(crate) enum Part {
    /// All of it.
    Operation,
    /// A parameter of the query.
    Parameter(&'static str),
    /// A field of the body.
    Field(&'static str),
}

/// What is deprecated, since when, and when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deprecated {
    pub(crate) part: Part,
    pub(crate) since: Date,
    /// When it stops being answered, where that is known.
    pub(crate) ends: Option<Date>,
    /// The page that says what to do in its place.
    pub(crate) page: &'static str,
}

impl Deprecated {
    /// Whether a request with this query makes use of it.
    fn is_used(&self, query: &str, fields: &[String]) -> bool {
        match self.part {
            Part::Operation => true,
            Part::Parameter(name) => serde_urlencoded::from_str::<Vec<(String, String)>>(query)
                .is_ok_and(|pairs| pairs.iter().any(|(used, _)| used == name)),
            Part::Field(name) => fields.iter().any(|field| field == name),
        }
    }
}

/// The names of a body's fields, where they may matter.
pub(crate) fn fields(operation: &Operation, body: &[u8]) -> Vec<String> {
    if !operation.deprecated.iter().any(|one| matches!(one.part, Part::Field(_))) {
        return Vec::new();
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

/// Tells what of a request will not do for ever: of several things since when the first is, and when the first ends.
pub(crate) fn tell(operation: &Operation, query: &str, fields: &[String], headers: &mut HeaderMap) {
    let used: Vec<&Deprecated> = operation.deprecated.iter().filter(|one| one.is_used(query, fields)).collect();
    let instant = |date: Date| TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok();
    let since = used.iter().map(|one| one.since).min().and_then(instant);
    let ends = used.iter().filter_map(|one| one.ends).min().and_then(instant);
    let ends = ends.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
    let told = [(DEPRECATION, since.map(|at| format!("@{}", at.as_second()))), (SUNSET, ends)];
    for (name, text) in told {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    for one in used {
        if let Ok(value) = HeaderValue::try_from(format!("<{}>; rel=\"deprecation\"; type=\"text/html\"", one.page)) {
            headers.append(LINK, value);
        }
    }
}

#[cfg(test)]
mod tests;
