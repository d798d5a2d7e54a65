//! What is known of a demand, in plain words.

use tenantry_domain::demand::{Demand, Evidence};
use tenantry_domain::spec::{Capacity, WorkloadSpec};
use tenantry_domain::unit::{Milli, PerMille, Span};

use super::line::{READINGS_MIN, SPREAD_MIN, Silent};
use super::{FOLLOWS_EVERY, Terms};

/// Why a capacity is not known.
pub(super) fn unknown(silent: Silent, terms: &Terms, seen: &[bool; 2]) -> String {
    let [cpu, latency] = *seen;
    match silent {
        Silent::Few(_) if !cpu && !latency && terms.cpu.is_none() && terms.latency.is_none() => {
            "there is nothing to learn it from: the pods name no request of cpu, and no signal of type latency has a `value`"
                .to_owned()
        }
        Silent::Few(_) if !cpu && !latency => {
            "neither the pods' cpu nor response times were measured while all replicas served".to_owned()
        }
        Silent::Few(readings) => format!("{readings:.0} of {READINGS_MIN:.0} readings were taken"),
        Silent::Still(spread) => format!(
            "the load per replica hardly moves: it spreads by {:.1} % of its mean, and {:.0} % are needed",
            spread * 100.0,
            SPREAD_MIN * 100.0
        ),
        Silent::Flat => "neither cpu nor response times rise with the load per replica beyond their noise".to_owned(),
        Silent::Vague => "the load per replica is far from where cpu or response times would reach their limit".to_owned(),
    }
}

/// Everything that is known of a signal's demand: what a replica carries, whether it is saturated, whether load follows
/// the size.
#[must_use]
pub fn told(demand: &Demand, spec: &WorkloadSpec) -> Vec<String> {
    let capacity = spec.signals.iter().find(|signal| signal.name == demand.signal).and_then(|signal| signal.capacity);
    let raised = (demand.raised > PerMille(0)).then(|| {
        format!(
            "the replicas are saturated: demand for {} is taken to be {:.0} % above what they serve",
            demand.signal,
            demand.raised.as_f64() * 100.0
        )
    });
    [carries(demand, capacity), raised, follows(demand)].into_iter().flatten().collect()
}

/// What a replica carries, and what that rests on; none where it is declared and nothing else is known.
fn carries(demand: &Demand, capacity: Option<Capacity>) -> Option<String> {
    let signal = &demand.signal;
    let declared = matches!(capacity, Some(Capacity::Declared(_)));
    let Some(learned) = &demand.learned else {
        let why = demand.unknown.as_deref().unwrap_or("nothing was seen yet");
        return (!declared).then(|| {
            format!(
                "what a replica carries of {signal} is not known yet, so that HPA's size stands under the forecast: {why}"
            )
        });
    };
    let (middle, lower, upper) = (round(learned.estimate), round(learned.lower), round(learned.upper));
    let names: Vec<&str> = learned
        .from
        .iter()
        .map(|from| match from {
            Evidence::Cpu => "cpu",
            Evidence::Latency => "latency",
            Evidence::Prior => "the declared prior",
        })
        .collect();
    let from = match names.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        few => few.concat(),
    };
    let over = if learned.over > Span::default() { format!(" over {}", whole(learned.over)) } else { String::new() };
    let planned = if declared { "what is declared".to_owned() } else { round(learned.taken) };
    Some(format!(
        "a replica carries {middle} of {signal} ({lower} to {upper}), learned from {from}{over}; planned with {planned}"
    ))
}

/// What follows from load that follows the size; none where it does not.
fn follows(demand: &Demand) -> Option<String> {
    let follows = demand.follows.as_ref()?;
    Some(format!(
        "the load of {} follows the size: by {:.0} % of a change, seen on {} changes; no policy is chosen by shadows, no \
         forecast is used, and it shrinks by a tenth in {FOLLOWS_EVERY} at most",
        demand.signal,
        follows.share.as_f64() * 100.0,
        follows.changes
    ))
}

/// Three digits are enough for what is learned.
fn round(value: Milli) -> String {
    let number = value.as_f64();
    if number >= 100.0 {
        format!("{number:.0}")
    } else if number >= 10.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.3}")
    }
}

/// A length of time in its largest unit.
fn whole(span: Span) -> String {
    let hours = span.as_millis() / 3_600_000;
    match hours {
        0 => format!("{} min", span.as_millis() / 60_000),
        1..48 => format!("{hours} h"),
        _ => format!("{} days", hours / 24),
    }
}
