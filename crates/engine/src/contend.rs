//! Contests of policies for the signals whose capacity is declared or learned: what each is shown, and what it chose.

use std::collections::BTreeMap;

use tenantry_domain::config::averaged_over;
use tenantry_domain::id::SignalName;
use tenantry_domain::snapshot::{Choice, Snapshot};
use tenantry_domain::spec::{Capacity, SignalSpec, Strategy, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Replicas, Span};
use tenantry_forecast::{Forecaster, Settings, Stretch};
use tenantry_planner::contest::{self, Arena, Expected, Pool, STEP, Sight, Terms};
use tenantry_planner::demand::Model;
use tenantry_planner::{carried, offered};

/// The least error budget that is planned with: an objective of all requests would never let anything shrink.
const BUDGET_MIN: f64 = 1e-4;

/// A query that averages over longer says little of now, whatever is made of it.
const LAG_MAX: Span = Span::from_secs(600);

/// Whether a signal's size is chosen by a contest.
pub(crate) fn is_contested(spec: &WorkloadSpec, signal: &SignalSpec) -> bool {
    spec.strategy == Strategy::Predictive && signal.scales && signal.capacity.is_some()
}

/// A length of time in steps of a contest.
fn steps(span: Span) -> u32 {
    u32::try_from(span.as_millis().div_ceil(STEP.as_millis())).unwrap_or(u32::MAX)
}

/// How old loads are when they are seen. A query is read once, however many workloads share it.
#[derive(Debug, Default)]
pub(crate) struct Lags(BTreeMap<String, u32>);

impl Lags {
    /// Of each signal that is contested, in steps of a contest.
    pub(crate) fn of(&mut self, spec: &WorkloadSpec) -> BTreeMap<SignalName, u32> {
        let contested = spec.signals.iter().filter(|signal| is_contested(spec, signal));
        contested.map(|signal| (signal.name.clone(), self.of_query(signal.query.as_deref()))).collect()
    }

    /// Half of what a query averages over. What the cluster measures by itself is averaged over about a step. That a source
    /// answers late is not told by its clock.
    fn of_query(&mut self, query: Option<&str>) -> u32 {
        let lag = |over: Span| steps(Span::from_millis(over.as_millis() / 2).min(LAG_MAX));
        let Some(query) = query else { return lag(STEP) };
        if let Some(known) = self.0.get(query) {
            return *known;
        }
        let read = lag(averaged_over(query));
        self.0.insert(query.to_owned(), read);
        read
    }
}

/// What a contest asks of a forecaster.
pub(crate) fn stretches(settings: Settings, delay: Span, lag: u32) -> [Stretch; 2] {
    contest::stretches(settings, steps(delay), lag)
}

/// Shows a contest what was measured, and takes its choice; where nothing whole was measured for a moment, its last one.
/// `first` is the place of its stretches in the model.
pub(crate) fn contend(
    arena: &mut Option<Arena>,
    (spec, signal): (&WorkloadSpec, &SignalSpec),
    snapshot: &Snapshot,
    (total, model, first): (Option<f64>, &Forecaster, usize),
    (delay, lag): (Span, u32),
) -> Option<Choice> {
    let now: Timestamp = snapshot.now;
    if follows(signal, snapshot) {
        return None;
    }
    let Some(total) = total else {
        return arena.as_ref()?.last(now).map(|choice| told(signal, choice));
    };
    let capacity = carried(signal, snapshot)?;
    let current = snapshot.current?.get();
    let terms = Terms {
        budget: (1.0 - spec.objective.availability.as_f64()).max(BUDGET_MIN),
        delay: steps(delay),
        lag,
        min: spec.bounds.floor().get().max(1),
        max: spec.bounds.ceiling().get(),
    };
    let expect = |place: usize| model.expect(first + place, now.as_millis());
    let expected = expect(0).zip(expect(1)).map(|(ready, soon)| Expected { capacity, ready, soon });
    let ready = snapshot.ready().get().min(current);
    let pool = Pool::seen(ready, current - ready, terms.delay);
    let sight = Sight { demand: offered(signal, snapshot, total) / capacity, expected };
    let arena = arena.get_or_insert_with(|| Arena::new(terms, current, now));
    arena.step(terms, &sight, &pool, now).map(|choice| told(signal, choice))
}

/// Ends a contest that ran in the units of a very different capacity, or whose shadows are biased because load follows
/// the size.
pub(crate) fn end(arena: &mut Option<Arena>, signal: &SignalSpec, snapshot: &Snapshot, model: &mut Model) {
    let learned = matches!(signal.capacity, Some(Capacity::Learned { .. }));
    let capacity = carried(signal, snapshot).filter(|_| learned);
    if capacity.is_some_and(|capacity| model.begins_anew(capacity)) || follows(signal, snapshot) {
        *arena = None;
    }
}

/// Whether a signal's load follows the size.
pub(crate) fn follows(signal: &SignalSpec, snapshot: &Snapshot) -> bool {
    snapshot.demands.iter().any(|demand| demand.signal == signal.name && demand.follows.is_some())
}

fn told(signal: &SignalSpec, choice: contest::Choice) -> Choice {
    Choice {
        signal: signal.name.clone(),
        replicas: Replicas::new(choice.replicas),
        rule: choice.rule.to_string(),
        would_fail_ppm: ppm(choice.would_fail),
        failed_ppm: ppm(choice.failed),
        burst: choice.burst,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
fn ppm(share: f64) -> u32 {
    (share * 1e6).round().clamp(0.0, 1e6) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_as_old_as_half_of_what_it_is_averaged_over() {
        let mut lags = Lags::default();
        let of = |lags: &mut Lags, query| lags.of_query(query);
        assert_eq!(of(&mut lags, None), 1);
        for (query, steps) in
            [("sum(rate(a[1m]))", 2), ("sum(rate(a[5m]))", 10), ("sum(a)", 0), ("sum(rate(a[1d]))", 40)]
        {
            assert_eq!((of(&mut lags, Some(query)), of(&mut lags, Some(query))), (steps, steps), "{query}");
        }
    }
}
