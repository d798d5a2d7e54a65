//! Announced events: what load they are expected to bring, while they are near enough to matter.
//!
//! From a day before an event an outlook of each signal is kept beside its forecaster; it begins with the week that the
//! forecaster remembers. What is seen during an event teaches it nothing, so that its word on the load without the event
//! stands, which the event's effect is put on.

use std::collections::BTreeMap;

use tenantry_domain::almanac::{Almanac, Change, Event};
use tenantry_domain::id::{SignalName, WorkloadKey};
use tenantry_domain::snapshot::Announcement;
use tenantry_domain::spec::{Strategy, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_forecast::{Calendar, Day, Effect, Event as Expected, Forecaster, LEVELS, Outlook};

use crate::decide::points;

const DAY: Span = Span::from_secs(86_400);
/// An event's load has been seen after so long: from then on the forecaster speaks for it.
const SAY: Span = DAY;
/// So far back a calendar is looked at: the week that is remembered, and some.
const BACK: Span = Span::from_secs(9 * 86_400);
/// A calendar is made anew this often, as days come into it.
const MADE_EVERY: Span = Span::from_secs(3_600);

/// The outlook of one signal while an event is near.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ahead {
    outlook: Outlook,
    /// The calendar with all events, and when it was made; none where it must be made anew.
    calendar: Option<(Timestamp, Calendar)>,
}

/// An outlook takes milliseconds to begin. So that an event of all tenants does not make one cycle late, each workload
/// has its turn in one of so many; which one depends on nothing but its name.
const TURNS: i64 = 8;

/// What announced events are expected to bring to a signal while capacity asked for now `serves`. `taught` is what its
/// forecaster was just taught, and `period` how long a cycle lasts.
pub(crate) fn announced(
    ahead: &mut BTreeMap<SignalName, Ahead>,
    (spec, signal): (&WorkloadSpec, &SignalName),
    (model, taught): (&Forecaster, Option<(Timestamp, f64)>),
    serves: [Timestamp; 2],
    (now, period): (Timestamp, Span),
) -> Vec<Announcement> {
    let almanac = &spec.almanac;
    if spec.strategy != Strategy::Predictive || !is_near(almanac, now) {
        ahead.remove(signal);
        return Vec::new();
    }
    let known = ahead.remove(signal).filter(|known| known.fits(model));
    let mut known = match known {
        Some(known) => known,
        None if !is_its_turn(&spec.key, now, period) => return Vec::new(),
        None => Ahead::of(model, almanac, signal, now),
    };
    known.learn((almanac, signal), taught, now);
    let announced = known.announced((almanac, signal), serves, now);
    ahead.insert(signal.clone(), known);
    announced
}

fn is_its_turn(key: &WorkloadKey, now: Timestamp, period: Span) -> bool {
    let names = [key.tenant.as_str(), key.workload.as_str()];
    let own = names.iter().flat_map(|name| name.bytes()).fold(7_i64, |sum, byte| (31 * sum + i64::from(byte)) % 1009);
    let cycle = now.as_millis() / period.as_millis_i64().max(1);
    (cycle - own).rem_euclid(TURNS) == 0
}

/// Whether a workload has an event near enough for its outlook to be kept.
pub(crate) fn is_near(almanac: &Almanac, now: Timestamp) -> bool {
    almanac.events.iter().any(|event| event.ready_from() - DAY <= now && now < over(event))
}

/// When an event has no say any more.
fn over(event: &Event) -> Timestamp {
    event.until.min(event.from + SAY)
}

impl Ahead {
    /// One that knows what the forecaster does.
    fn of(model: &Forecaster, almanac: &Almanac, signal: &SignalName, now: Timestamp) -> Self {
        let calendar = calendar(almanac, signal, almanac.events.iter(), now);
        Self { outlook: Outlook::of(model, &calendar), calendar: Some((now, calendar)) }
    }

    /// What is announced has changed.
    pub(crate) fn forget_calendar(&mut self) {
        self.calendar = None;
    }

    /// Whether it goes by the steps and seasons of the forecaster.
    fn fits(&self, model: &Forecaster) -> bool {
        self.outlook.settings() == model.settings()
    }

    /// Takes what was measured, and lets time pass.
    fn learn(&mut self, (almanac, signal): (&Almanac, &SignalName), seen: Option<(Timestamp, f64)>, now: Timestamp) {
        let fresh = |made: &(Timestamp, Calendar)| now.since(made.0) < MADE_EVERY;
        let (_, calendar) = match self.calendar.take().filter(fresh) {
            Some(made) => self.calendar.insert(made),
            None => self.calendar.insert((now, calendar(almanac, signal, almanac.events.iter(), now))),
        };
        if let Some((at, load)) = seen {
            self.outlook.observe(at.as_millis(), load, now.as_millis(), calendar);
        }
        self.outlook.advance(now.as_millis(), calendar);
    }

    /// What each event is expected to bring, of those that bear on capacity asked for now, which serves `from` until
    /// `until`.
    fn announced(
        &self,
        (almanac, signal): (&Almanac, &SignalName),
        [from, until]: [Timestamp; 2],
        now: Timestamp,
    ) -> Vec<Announcement> {
        let bears = |event: &&Event| event.ready_from() < until && from < over(event) && event.on(signal).is_some();
        let announcement = |event: &Event| {
            let alone = calendar(almanac, signal, std::iter::once(event), now);
            let last = over(event) - Span::from_millis(1);
            let mut most = [0.0_f64; LEVELS.len()];
            for at in [from, until].map(|at| at.clamp(event.from, last)) {
                let expected = self.outlook.at(at.as_millis(), &alone)?;
                most.iter_mut().zip(expected.quantiles(LEVELS)).for_each(|(most, one)| *most = most.max(one));
            }
            Some(Announcement {
                event: event.name.clone(),
                signal: signal.clone(),
                from: event.from,
                until: event.until,
                maximum: points(most),
            })
        };
        almanac.events.iter().filter(bears).filter_map(announcement).collect()
    }

    /// The state, to go on from after a restart.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.outlook.to_bytes()
    }

    /// Goes on from a stored state.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, tenantry_forecast::StateError> {
        Ok(Self { outlook: Outlook::from_bytes(bytes)?, calendar: None })
    }
}

/// The days of a workload with some of its events, as they bear on one signal. What does not fit into a calendar was
/// refused in documents; of more than it holds the nearest days are kept.
fn calendar<'a>(
    almanac: &Almanac,
    signal: &SignalName,
    events: impl Iterator<Item = &'a Event>,
    now: Timestamp,
) -> Calendar {
    let mut calendar = Calendar::new();
    let first = now - BACK;
    for (from, offset_ms) in almanac.offsets(first, now + BACK) {
        let _ = calendar.offset(from.as_millis(), offset_ms);
    }
    let today = now.as_millis().div_euclid(DAY.as_millis_i64());
    let span = BACK.as_millis_i64() / DAY.as_millis_i64() + 1;
    for day in almanac.holidays().filter(|day| day.abs_diff(today) <= span.unsigned_abs()) {
        let _ = calendar.day(day, Day::Holiday);
    }
    for event in events {
        let Some(change) = event.on(signal) else { continue };
        let effect = match change {
            Change::Factor(factor) => Effect::Factor(factor.as_f64()),
            Change::Added(added) => Effect::Added(added.as_f64()),
        };
        let (from_ms, until_ms) = (event.from.as_millis(), over(event).as_millis());
        let confidence = event.confidence.as_f64();
        let _ = calendar.event(Expected { from_ms, until_ms, effect, confidence });
    }
    calendar
}

#[cfg(test)]
mod tests;
