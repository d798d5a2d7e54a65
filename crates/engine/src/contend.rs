//! Contests of policies for the signals whose capacity is declared: what each is shown, and what it chose.

use tenantry_domain::snapshot::{Choice, Snapshot};
use tenantry_domain::spec::{SignalSpec, Strategy, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Replicas, Span};
use tenantry_forecast::{Forecaster, Settings, Stretch};
use tenantry_planner::carried;
use tenantry_planner::contest::{Arena, Expected, Pool, STEP, Sight, Terms};

/// The least error budget that is planned with: an objective of all requests would never let anything shrink.
const BUDGET_MIN: f64 = 1e-4;

/// Whether a signal's size is chosen by a contest.
pub(crate) fn is_contested(spec: &WorkloadSpec, signal: &SignalSpec) -> bool {
    spec.strategy == Strategy::Predictive && signal.capacity.is_some()
}

/// The start-up delay in steps of a contest.
fn steps(delay: Span) -> u32 {
    u32::try_from(delay.as_millis().div_ceil(STEP.as_millis())).unwrap_or(u32::MAX)
}

/// What a contest asks of a forecaster: the first step that capacity asked for now can serve, and all until what is
/// asked for in the next can.
pub(crate) fn stretches(settings: Settings, delay: Span) -> [Stretch; 2] {
    let step = STEP.as_millis_i64();
    let serves = (i64::from(steps(delay)) + 1).saturating_mul(step);
    [settings.stretch(serves, step), settings.stretch(step, serves)]
}

/// Shows a contest what was measured, and takes its choice. `first` is the place of its stretches in the model.
pub(crate) fn contend(
    arena: &mut Option<Arena>,
    (spec, signal): (&WorkloadSpec, &SignalSpec),
    snapshot: &Snapshot,
    (total, model, first): (f64, &Forecaster, usize),
    delay: Span,
) -> Option<Choice> {
    let now: Timestamp = snapshot.now;
    let capacity = carried(signal, snapshot)?;
    let current = snapshot.current?.get();
    let terms = Terms {
        budget: (1.0 - spec.objective.availability.as_f64()).max(BUDGET_MIN),
        delay: steps(delay),
        min: spec.bounds.floor().get().max(1),
        max: spec.bounds.ceiling().get(),
    };
    let expect = |place: usize| model.expect(first + place, now.as_millis());
    let expected = expect(0).zip(expect(1)).map(|(ready, soon)| Expected { capacity, ready, soon });
    let ready = snapshot.ready().get().min(current);
    let pool = Pool::seen(ready, current - ready, terms.delay);
    let sight = Sight { demand: total / capacity, expected };
    let arena = arena.get_or_insert_with(|| Arena::new(terms, current, now));
    let choice = arena.step(terms, &sight, &pool, now)?;
    Some(Choice {
        signal: signal.name.clone(),
        replicas: Replicas::new(choice.replicas),
        rule: choice.rule.to_string(),
        would_fail_ppm: ppm(choice.would_fail),
        failed_ppm: ppm(choice.failed),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
fn ppm(share: f64) -> u32 {
    (share * 1e6).round().clamp(0.0, 1e6) as u32
}
