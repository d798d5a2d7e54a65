//! Which observations can be acted on. Law L2: what is missing, stale or absurd is told apart from zero.

use tenantry_domain::id::SignalName;
use tenantry_domain::plan::{Seen, Sight};
use tenantry_domain::snapshot::{Observation, PodSample, Reading, Snapshot};
use tenantry_domain::spec::{SignalKind, SignalSpec, Target, WorkloadSpec};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Span};

/// How far ahead of the plan's own instant a sample may be dated: clocks of sources differ by so much at most.
const SKEW_MAX: Span = Span::from_secs(30);
/// Above this a value is taken for a fault of its source: 10^15 units, a petabyte or as many requests a second.
const VALUE_MAX: Milli = Milli(1_000_000_000_000_000_000);

/// A signal with what can be acted on of it.
pub(crate) struct View<'a> {
    pub(crate) spec: &'a SignalSpec,
    pub(crate) usable: Usable<'a>,
}

/// What can be acted on.
pub(crate) enum Usable<'a> {
    /// One value for the whole workload.
    Total(Milli),
    /// Values of pods, sorted by pod; pods that were not measured are absent.
    Pods(Vec<&'a PodSample>),
    /// Nothing.
    Nothing,
}

impl View<'_> {
    pub(crate) fn is_blind(&self) -> bool {
        matches!(self.usable, Usable::Nothing)
    }

    /// The total over the workload, of pods that were measured.
    pub(crate) fn total(&self) -> Option<Milli> {
        match &self.usable {
            Usable::Total(total) => Some(*total),
            Usable::Pods(samples) => {
                Some(Milli(samples.iter().fold(0_i64, |sum, sample| sum.saturating_add(sample.value.0))))
            }
            Usable::Nothing => None,
        }
    }
}

/// Looks at every signal of the spec, in its order.
pub(crate) fn look<'a>(spec: &'a WorkloadSpec, snapshot: &'a Snapshot) -> (Vec<View<'a>>, Vec<Seen>) {
    let mut views = Vec::with_capacity(spec.signals.len());
    let mut seen = Vec::with_capacity(spec.signals.len());
    for signal in &spec.signals {
        let observation = snapshot.observations.iter().find(|observation| observation.signal == signal.name);
        let (usable, sight) = judge(signal, observation, snapshot.now, spec.stale_after);
        views.push(View { spec: signal, usable });
        seen.push(Seen { signal: signal.name.clone(), target: signal.target, sight });
    }
    (views, seen)
}

/// A signal's total that a forecaster may learn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnable {
    /// Which signal.
    pub signal: SignalName,
    /// Its total over the workload.
    pub total: Milli,
    /// When it was measured.
    pub at: Timestamp,
}

/// The totals that can be learned from: of values of pods only a full set, as a sum over some of them would teach a
/// load that never was.
#[must_use]
pub fn learnable(spec: &WorkloadSpec, snapshot: &Snapshot) -> Vec<Learnable> {
    let (views, _) = look(spec, snapshot);
    let full = snapshot.ready().get();
    views
        .iter()
        .filter_map(|view| {
            let signal = view.spec.name.clone();
            let observation = snapshot.observations.iter().find(|observation| observation.signal == signal)?;
            match (&view.usable, &observation.reading) {
                (Usable::Total(total), Reading::Total { at, .. }) => Some(Learnable { signal, total: *total, at: *at }),
                (Usable::Pods(samples), _) if samples.len() >= full as usize => {
                    let total = samples.iter().fold(0_i64, |sum, sample| sum.saturating_add(sample.value.0));
                    let at = samples.iter().map(|sample| sample.at).max()?;
                    Some(Learnable { signal, total: Milli(total), at })
                }
                _ => None,
            }
        })
        .collect()
}

/// The objective for response times of the first signal that has one, and what they are now, both in seconds.
#[must_use]
pub fn answers(spec: &WorkloadSpec, snapshot: &Snapshot) -> Option<(f64, Option<f64>)> {
    let (views, _) = look(spec, snapshot);
    let of_latency = |view: &View<'_>| match view.spec.target {
        Target::Value(objective) if view.spec.kind == SignalKind::Latency && objective > Milli::ZERO => Some(objective),
        _ => None,
    };
    let (view, objective) = views.iter().find_map(|view| Some((view, of_latency(view)?)))?;
    let took = match &view.usable {
        Usable::Total(took) => Some(took.as_f64()),
        // Times of single pods do not add up.
        Usable::Pods(_) | Usable::Nothing => None,
    };
    Some((objective.as_f64(), took))
}

fn judge<'a>(
    signal: &SignalSpec,
    observation: Option<&'a Observation>,
    now: Timestamp,
    stale_after: Span,
) -> (Usable<'a>, Sight) {
    let Some(observation) = observation else {
        return (Usable::Nothing, Sight::Missing("it was not observed".to_owned()));
    };
    match &observation.reading {
        Reading::Missing { why } => (Usable::Nothing, Sight::Missing(why.clone())),
        Reading::Total { value, at } => match fault(*value, *at, now, stale_after) {
            Some(sight) => (Usable::Nothing, sight),
            None if matches!(signal.target, Target::Utilization(_)) => {
                (Usable::Nothing, Sight::Missing("a percentage of request needs a value for each pod".to_owned()))
            }
            None => (Usable::Total(*value), Sight::Value(*value)),
        },
        Reading::Pods(samples) => judge_pods(samples, now, stale_after),
    }
}

fn judge_pods(samples: &[PodSample], now: Timestamp, stale_after: Span) -> (Usable<'_>, Sight) {
    let mut usable: Vec<&PodSample> = Vec::with_capacity(samples.len());
    let mut worst: Option<Sight> = None;
    for sample in samples {
        match fault(sample.value, sample.at, now, stale_after) {
            None => usable.push(sample),
            Some(sight) => worst = worst.or(Some(sight)),
        }
    }
    // Of a pod that was measured twice the newest value counts.
    usable.sort_by(|a, b| a.pod.cmp(&b.pod).then(b.at.cmp(&a.at)));
    usable.dedup_by(|later, first| later.pod == first.pod);
    if usable.is_empty() {
        return (Usable::Nothing, worst.unwrap_or_else(|| Sight::Missing("no pod was measured".to_owned())));
    }
    let sum = usable.iter().fold(0_i64, |sum, sample| sum.saturating_add(sample.value.0));
    (Usable::Pods(usable), Sight::Value(Milli(sum)))
}

fn fault(value: Milli, at: Timestamp, now: Timestamp, stale_after: Span) -> Option<Sight> {
    if at > now + SKEW_MAX {
        return Some(Sight::Absurd(format!("it is dated {} ahead", at.since(now))));
    }
    if value < Milli::ZERO {
        return Some(Sight::Absurd(format!("{value} is negative")));
    }
    if value > VALUE_MAX {
        return Some(Sight::Absurd(format!("{value} is beyond what anything can do")));
    }
    let age = now.since(at);
    (age > stale_after).then_some(Sight::Stale { age })
}
