//! Time zones that policies ask about: `context.clock.getTag("Europe/Berlin").hour`.
//!
//! A question brings the time in those zones only that its set of policies names, which are found when the set is made.

use cedar_policy::{Entity, Policy, RestrictedExpression};
use jiff::tz::TimeZone;
use tenantry_domain::time::Timestamp;

use super::rules::Types;

/// Most zones that a set of policies may name: the time in each is worked out for each question.
pub(super) const ZONES_MAX: usize = 8;

/// The zones of a set of policies, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Zones(Vec<(String, TimeZone)>);

/// Why a policy's zones were not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ZoneError {
    /// There is none of that name.
    Unknown(String),
    /// They are too many.
    TooMany,
}

impl Zones {
    /// Adds those that a policy names.
    pub(super) fn add(&mut self, policy: &Policy) -> Result<(), ZoneError> {
        // A policy that has no such form is told by validation.
        let Ok(form) = policy.to_json() else { return Ok(()) };
        let mut named = Vec::new();
        collect(&form, &mut named);
        for name in named {
            if self.0.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let zone = TimeZone::get(&name).map_err(|_| ZoneError::Unknown(name.clone()))?;
            if self.0.len() >= ZONES_MAX {
                return Err(ZoneError::TooMany);
            }
            self.0.push((name, zone));
        }
        Ok(())
    }

    /// The clock at an instant; none where no policy asks.
    pub(super) fn clock(&self, types: &Types, now: Timestamp) -> Result<Option<Entity>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tags: Result<Vec<_>, String> =
            self.0.iter().map(|(name, zone)| Ok((name.clone(), moment(zone, now)?))).collect();
        let clock = Entity::new_with_tags(types.clock.clone(), [], [], tags?);
        clock.map(Some).map_err(|error| error.to_string())
    }
}

fn moment(zone: &TimeZone, now: Timestamp) -> Result<RestrictedExpression, String> {
    let time = zone.to_datetime(now.to_jiff());
    let long = |value: i8| RestrictedExpression::new_long(value.into());
    let fields = [
        ("hour", long(time.hour())),
        ("minute", long(time.minute())),
        ("weekday", long(time.weekday().to_monday_one_offset())),
    ];
    RestrictedExpression::new_record(fields.map(|(name, value)| (name.to_owned(), value)))
        .map_err(|error| error.to_string())
}

/// Names that a policy, in Cedar's JSON form, asks the clock for. Validation lets through no `getTag` without the same
/// `hasTag` before it; what is no literal is left out, and has no such clock.
fn collect(form: &serde_json::Value, into: &mut Vec<String>) {
    match form {
        serde_json::Value::Object(fields) => {
            for (operator, operands) in fields {
                if operator == "hasTag"
                    && operands.pointer("/left/./attr").is_some_and(|attribute| attribute == "clock")
                    && let Some(name) = operands.pointer("/right/Value").and_then(serde_json::Value::as_str)
                {
                    into.push(name.to_owned());
                }
                collect(operands, into);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}
