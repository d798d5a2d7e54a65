//! What a document says of days to come: holidays and announced events.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{Autoscaling, Body, SpanText};
use super::problem::nearest;
use crate::almanac::{Almanac, Effect, Event, LEAD_DEFAULT};
use crate::id::SignalName;
use crate::spec::{Strategy, Target, WorkloadSpec};
use crate::time::Timestamp;
use crate::unit::{Milli, PerMille, Span};

/// An event may be announced so long before its capacity stands ready.
const LEAD_MAX: Span = Span::from_secs(86_400);
/// The most events, and days of holidays: they are looked at in every cycle.
const EVENTS_MAX: usize = 64;
const DAYS_MAX: usize = 400;
/// The most load that an event adds, in a signal's unit.
const ADDED_MAX: f64 = 1e15;

/// An event that is known in advance: exactly one of `load_factor` and `added_load`. What comes back every day or week
/// needs none; it is learned.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EventBody {
    /// First instant, such as `2026-11-27T18:00:00+01:00`.
    #[schemars(extend("format" = "instant"))]
    pub(crate) start: String,
    /// First instant after.
    #[schemars(extend("format" = "instant"))]
    pub(crate) end: String,
    /// What the load that would be there without it is multiplied by.
    #[schemars(range(min = 0, max = 1000))]
    pub(crate) load_factor: Option<f64>,
    /// What is added to the load of signals, by their names, in their units.
    pub(crate) added_load: Option<BTreeMap<String, f64>>,
    /// How likely it happens as declared, percent. Default: 100.
    #[schemars(range(min = 0.1, max = 100))]
    pub(crate) confidence: Option<f64>,
    /// How long before its start the capacity for it stands ready. Default: 5m.
    pub(crate) lead_time: Option<SpanText>,
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(Timestamp::from)
}

/// What is known of a workload's days.
pub(super) fn almanac(own: &Autoscaling, body: &Body) -> Almanac {
    let named = own.holidays.as_ref().and_then(|name| body.calendars.as_ref()?.get(name));
    Almanac {
        time_zone: own.time_zone.clone(),
        holidays: named.into_iter().flatten().map(|day| day.0).collect(),
        events: own.events.iter().flatten().filter_map(|(name, event)| announced(name, event)).collect(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
fn announced(name: &str, body: &EventBody) -> Option<Event> {
    let added = body.added_load.iter().flatten();
    let added =
        || added.filter_map(|(name, load)| Some((SignalName::new(name.as_str()).ok()?, Milli::from_f64(*load)?)));
    let effect = match body.load_factor {
        Some(factor) => Effect::Factor(Milli::from_f64(factor)?),
        None => Effect::Added(added().collect()),
    };
    let confidence = body.confidence.unwrap_or(100.0);
    Some(Event {
        name: name.to_owned(),
        from: instant(&body.start)?,
        until: instant(&body.end)?,
        lead: body.lead_time.map_or(LEAD_DEFAULT, |lead| lead.0),
        effect,
        confidence: PerMille((confidence * 10.0).round().clamp(1.0, 1000.0) as u16),
    })
}

/// What a document's events contradict in themselves and in what is declared beside them.
pub(super) fn contradictions(own: &Autoscaling, body: &Body) -> Vec<(String, String, Option<String>)> {
    let mut found = Vec::new();
    if let Some(name) = &own.holidays {
        let known = || body.calendars.iter().flatten().map(|(name, _)| name.as_str());
        if !known().any(|known| known == name) {
            let help = nearest(name, known()).map(|name| format!("did you mean `{name}`?"));
            found.push(("holidays".to_owned(), format!("there is no calendar `{name}`"), help));
        }
    }
    let count = own.events.as_ref().map_or(0, BTreeMap::len);
    if count > EVENTS_MAX {
        found.push((
            "events".to_owned(),
            format!(
                "{count} events are more than the {EVENTS_MAX} that one may have; \
             leave out those that are over"
            ),
            None,
        ));
    }
    let days = own.holidays.as_ref().and_then(|name| body.calendars.as_ref()?.get(name)).map_or(0, Vec::len);
    if days > DAYS_MAX {
        let message = format!("its {days} days are more than the {DAYS_MAX} that holidays may have");
        found.push(("holidays".to_owned(), message, None));
    }
    for (name, event) in own.events.iter().flatten() {
        let mut say = |field: &str, message: String| found.push((format!("events.{name}{field}"), message, None));
        if event.load_factor.is_some() == event.added_load.is_some() {
            say("", "it needs exactly one of `load_factor` and `added_load`".to_owned());
        }
        if let (Some(start), Some(end)) = (instant(&event.start), instant(&event.end))
            && end <= start
        {
            say(".end", format!("it ends at {end}, which is not after its start {start}"));
        }
        if event.added_load.as_ref().is_some_and(BTreeMap::is_empty) {
            say(".added_load", "it names no signal; write the name of one and what is added to it".to_owned());
        }
        for (signal, load) in event.added_load.iter().flatten() {
            if !(0.0..=ADDED_MAX).contains(load) {
                say(
                    &format!(".added_load.{signal}"),
                    format!("{load} is out of range: it must be from 0 to {ADDED_MAX}"),
                );
            }
        }
        if event.lead_time.is_some_and(|lead| lead.0 > LEAD_MAX) {
            say(".lead_time", format!("it can be at most {LEAD_MAX}"));
        }
    }
    found
}

/// What is declared of days to come and comes to nothing.
pub(super) fn without_effect(spec: &WorkloadSpec) -> Vec<String> {
    let sized = |name: &SignalName| {
        let by = |signal: &&crate::spec::SignalSpec| signal.name == *name && signal.scales;
        spec.signals.iter().find(by).is_some_and(|signal| !matches!(signal.target, Target::Value(_)))
    };
    let mut notes = Vec::new();
    for event in &spec.almanac.events {
        if spec.strategy != Strategy::Predictive {
            notes.push(format!(
                "event `{}` is for the predictive strategy; with the {} one a schedule can hold a minimum",
                event.name, spec.strategy
            ));
            continue;
        }
        let Effect::Added(added) = &event.effect else { continue };
        for (signal, _) in added.iter().filter(|(signal, _)| !sized(signal)) {
            notes.push(format!(
                "event `{}` adds to {signal}, and no signal of that name sizes this workload by its load",
                event.name
            ));
        }
    }
    notes
}
