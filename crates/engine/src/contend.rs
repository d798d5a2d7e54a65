//! Contests of policies for the signals whose capacity is declared or learned: what each is shown, and what it chose.

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

/// Whether a signal's size is chosen by a contest.
pub(crate) fn is_contested(spec: &WorkloadSpec, signal: &SignalSpec) -> bool {
    spec.strategy == Strategy::Predictive && signal.scales && signal.capacity.is_some()
}

/// The start-up delay in steps of a contest.
fn steps(delay: Span) -> u32 {
    u32::try_from(delay.as_millis().div_ceil(STEP.as_millis())).unwrap_or(u32::MAX)
}

/// What a contest asks of a forecaster.
pub(crate) fn stretches(settings: Settings, delay: Span) -> [Stretch; 2] {
    contest::stretches(settings, steps(delay), 0)
}

/// Shows a contest what was measured, and takes its choice; where nothing whole was measured for a moment, its last one.
/// `first` is the place of its stretches in the model.
pub(crate) fn contend(
    arena: &mut Option<Arena>,
    (spec, signal): (&WorkloadSpec, &SignalSpec),
    snapshot: &Snapshot,
    (total, model, first): (Option<f64>, &Forecaster, usize),
    delay: Span,
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
        // The clock of a sample says when a source answered, not how old what it averages is.
        lag: 0,
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
