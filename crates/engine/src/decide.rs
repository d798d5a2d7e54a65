//! One workload's decision from what was read: the pure middle of a cycle.

use std::collections::BTreeMap;

use tenantry_domain::plan::{Action, Hold, Outcome, Planned};
use tenantry_domain::snapshot::{Expectation, QuantilePoint, Snapshot};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, PerMille, Replicas, Span};
use tenantry_domain::vertical::VerticalMode;
use tenantry_forecast::{Forecaster, LEVELS, Score, Settings, Stretch, Trust};
use tenantry_planner::{Learnable, learnable, lint, offered, plan};
use tenantry_workflow::patience::Ending;
use tenantry_workflow::vigil::Alert;

use crate::announce::announced;
use crate::collect::{Fetched, Users, observations};
use crate::contend;
use crate::fleet::Entry;
use crate::learn::learn;
use crate::ports::cluster::{ClusterError, ObjectState, PodMetrics};
use crate::status::WorkloadStatus;
use crate::vertical;

/// Load is forecast from when capacity asked for now can serve until the next decision's can; a decision holds at
/// least so long.
const COMMITMENT_MIN: Span = Span::from_secs(60);
/// Blindness that is borne before it raises an alert.
const BLIND_BORNE: Span = Span::from_secs(60);

/// What all decisions of one cycle share.
pub(crate) struct Round<'a> {
    pub(crate) now: Timestamp,
    pub(crate) period: Span,
    pub(crate) forecast: Settings,
    pub(crate) fetched: &'a BTreeMap<String, Fetched>,
    pub(crate) users: &'a Users<'a>,
}

/// A decision with what it was made from.
pub(crate) struct Decided {
    pub(crate) snapshot: Snapshot,
    pub(crate) planned: Planned,
    pub(crate) alert: Option<Alert>,
    /// An earlier change of unknown outcome that this reading settles.
    pub(crate) settled: Option<(u64, Outcome)>,
}

/// Decides on one workload; `others` is what the tenant's other workloads have or were just given.
pub(crate) fn decide(
    entry: &mut Entry,
    object: Result<&ObjectState, &ClusterError>,
    others: Replicas,
    round: &Round<'_>,
) -> Decided {
    let settled = object.ok().and_then(|object| settle(entry, object, round.now));
    let settled = settled.or_else(|| vertical::settle(entry, object.ok()?));
    let sight = vertical::look(entry, object.ok(), round.now);
    let mut snapshot = look(entry, object, others, round);
    if let Ok(object) = object {
        entry.startup.learn(&object.pods);
        entry.last_size = Some(object.current);
    }
    let delay = entry.spec.startup_delay.unwrap_or_else(|| entry.startup.estimate());
    let totals = learnable(&entry.spec, &snapshot);
    demands(entry, &mut snapshot, object.ok(), &totals, delay);
    foresee(entry, &mut snapshot, &totals, delay, round);
    if entry.spec.vertical.mode != VerticalMode::Off {
        snapshot.vertical.clone_from(&sight);
    }
    let planned = checked(entry, &snapshot, plan(&entry.spec, &snapshot));
    let planned = patient(entry, planned, round.now);
    entry.memory = planned.memory.clone();
    let blind = matches!(planned.plan.action, Action::Hold(Hold::Blind | Hold::Unreadable));
    let alert = entry.vigil.look(round.now, blind, BLIND_BORNE);
    let mut status = WorkloadStatus::of(&entry.spec, &snapshot, &planned, delay, &entry.vigil);
    status.trouble = entry.status.as_ref().and_then(|before| before.trouble.clone());
    status.vertical = sight
        .map(|sight| vertical::status(&entry.spec, &snapshot, &sight, &planned.report.vertical))
        .unwrap_or_default();
    status.unmeasured = object.ok().and_then(|object| match &object.metrics {
        PodMetrics::Missing(why) => Some(why.clone()),
        PodMetrics::Samples { .. } => None,
    });
    status.unreadable = object.err().map(|error| format!("{error} ({})", error.code()));
    entry.status_is_new |= entry.status.as_ref().is_none_or(|before| !before.says_as(&status));
    entry.status = Some(status);
    Decided { snapshot, planned, alert, settled }
}

fn look(entry: &Entry, object: Result<&ObjectState, &ClusterError>, others: Replicas, round: &Round<'_>) -> Snapshot {
    let known = object.ok();
    Snapshot {
        now: round.now,
        current: known.map(|object| object.current),
        reported: known.map(|object| object.reported).unwrap_or_default(),
        pods: known.map(|object| object.pods.clone()).unwrap_or_default(),
        observations: observations(&entry.spec, known, round.fetched, round.users),
        expectations: Vec::new(),
        announced: Vec::new(),
        choices: Vec::new(),
        demands: Vec::new(),
        memory: entry.memory.clone(),
        manual: entry.intervention.manual.clone(),
        pause: entry.intervention.pause.clone(),
        foreign_scaler: known.and_then(|object| object.foreign_scaler.clone()),
        rival: entry.rival.clone(),
        others,
        vertical: None,
    }
}

/// Learns what a replica carries of the load that contests are about.
fn demands(
    entry: &mut Entry,
    snapshot: &mut Snapshot,
    object: Option<&ObjectState>,
    totals: &[Learnable],
    delay: Span,
) {
    for signal in entry.spec.signals.iter().filter(|signal| contend::is_contested(&entry.spec, signal)) {
        let model = entry.demands.entry(signal.name.clone()).or_default();
        let total = totals.iter().find(|total| total.signal == signal.name);
        let demand = learn(model, (&entry.spec, signal), snapshot, object, total, delay);
        snapshot.demands.push(demand);
    }
}

/// Teaches the models what was seen, and asks them what is to come.
fn foresee(entry: &mut Entry, snapshot: &mut Snapshot, totals: &[Learnable], delay: Span, round: &Round<'_>) {
    let (now_ms, from) = (round.now.as_millis(), round.now + delay);
    let commitment = COMMITMENT_MIN.max(Span::from_millis(round.period.as_millis().saturating_mul(2)));
    let ahead = round.forecast.stretch(delay.as_millis_i64(), commitment.as_millis_i64());
    for signal in entry.spec.signals.iter().filter(|signal| signal.scales) {
        let contested = contend::is_contested(&entry.spec, signal);
        let lag = entry.lags.get(&signal.name).copied().unwrap_or_default();
        let [ready, soon] = contend::stretches(round.forecast, delay, lag);
        let stretches: &[Stretch] = if contested { &[ahead, ready, soon] } else { &[ahead] };
        let total = totals.iter().find(|total| total.signal == signal.name);
        if total.is_none() && !entry.models.contains_key(&signal.name) {
            continue;
        }
        let model =
            entry.models.entry(signal.name.clone()).or_insert_with(|| Forecaster::new(round.forecast, stretches));
        if model.settings().step_ms() != round.forecast.step_ms() {
            *model = Forecaster::new(round.forecast, stretches);
        }
        model.look_ahead(stretches);
        let offered = total.map(|total| offered(signal, snapshot, total.total.as_f64()));
        let raised = total.zip(offered).is_some_and(|(total, offered)| offered > total.total.as_f64());
        // What saturated replicas serve is a lower bound of what was asked of them: it teaches upward only.
        let bound = |served: f64| raised && model.expect(0, now_ms).is_some_and(|known| served < known.centre());
        let taught = total.map(|total| (total.at, total.total.as_f64())).filter(|(_, served)| !bound(*served));
        if let Some((at, load)) = taught {
            model.observe(at.as_millis(), load, now_ms);
        }
        model.advance(now_ms);
        // What is done ahead of an event would raise a load that follows the size, and be announced as still more.
        if !contend::follows(signal, snapshot) {
            let (of, serves) = ((&entry.spec, &signal.name), [from, from + commitment]);
            let told = announced(&mut entry.ahead, of, (model, taught), serves, (round.now, round.period));
            snapshot.announced.extend(told);
        }
        if contested {
            let mut arena = entry.arenas.remove(&signal.name);
            if let Some(demand) = entry.demands.get_mut(&signal.name) {
                contend::end(&mut arena, signal, snapshot, demand);
            }
            let seen = (total.map(|total| total.total.as_f64()), &*model, 1);
            let choice = contend::contend(&mut arena, (&entry.spec, signal), snapshot, seen, (delay, lag));
            entry.arenas.extend(arena.map(|arena| (signal.name.clone(), arena)));
            snapshot.choices.extend(choice);
        }
        let Some(forecast) = model.expect(0, now_ms) else { continue };
        let follows = contend::follows(signal, snapshot);
        snapshot.expectations.push(Expectation {
            signal: signal.name.clone(),
            from,
            until: from + commitment,
            maximum: points(forecast.quantiles(LEVELS)),
            trusted: forecast.trust() == Trust::Earned && !follows,
            because: if follows {
                "the load follows the size, so that a forecast of it is one of our own doing".to_owned()
            } else {
                because(forecast.trust(), forecast.score())
            },
        });
    }
}

/// A distribution by its values at [`LEVELS`].
pub(crate) fn points(values: [f64; LEVELS.len()]) -> Vec<QuantilePoint> {
    let point = |(level, value): (&f64, f64)| {
        Some(QuantilePoint { quantile: per_mille(*level), value: Milli::from_f64(value)? })
    };
    LEVELS.iter().zip(values).filter_map(point).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a probability times a thousand")]
fn per_mille(level: f64) -> PerMille {
    PerMille((level * 1000.0).round().clamp(0.0, 1000.0) as u16)
}

fn because(trust: Trust, score: Option<Score>) -> String {
    let against = |loss: f64, naive: f64| (1.0 - loss / naive.max(f64::MIN_POSITIVE)) * 100.0;
    match (trust, score) {
        (Trust::Earned, Some(score)) => format!(
            "its error is {:.0} % under that of repeating the last value, and its 90 % quantile held {:.0} % of the time",
            against(score.loss, score.last_loss),
            score.coverage * 100.0
        ),
        (Trust::Young { scored, needed }, _) => format!("only {scored} of {needed} forecasts have been checked"),
        (Trust::NoBetterThanLast, _) => "repeating the last value did as well".to_owned(),
        (Trust::NoBetterThanSeason, _) => "repeating the last season did as well".to_owned(),
        (Trust::Overconfident { coverage }, _) => {
            format!("its 90 % quantile held only {:.0} % of the time", coverage * 100.0)
        }
        (Trust::Blind, _) => "nothing was measured lately".to_owned(),
        (Trust::Earned, None) => "it has no record".to_owned(),
    }
}

/// A plan that breaks a law is not performed: a fault of ours must not become an outage.
fn checked(entry: &Entry, snapshot: &Snapshot, planned: Planned) -> Planned {
    let findings = lint(&entry.spec, snapshot, &planned);
    match findings.first() {
        None => planned,
        Some(finding) => held(planned, snapshot, Hold::Broken(finding.to_string())),
    }
}

/// A workload that refused a change is left alone for a while.
fn patient(entry: &Entry, planned: Planned, now: Timestamp) -> Planned {
    let patience = match planned.plan.action {
        Action::Hold(_) => return planned,
        Action::Scale { .. } => &entry.patience,
        Action::Resize(_) => &entry.resize_patience,
    };
    if !patience.allows(now) {
        let memory = entry.memory.clone();
        let mut planned = planned;
        planned.plan.action = Action::Hold(Hold::Waiting);
        planned.memory = memory;
        return planned;
    }
    planned
}

fn held(mut planned: Planned, snapshot: &Snapshot, why: Hold) -> Planned {
    planned.plan.action = Action::Hold(why);
    planned.memory = snapshot.memory.clone();
    planned
}

/// What a reading says of a change whose answer was lost: the size is there, or it never came.
fn settle(entry: &mut Entry, object: &ObjectState, now: Timestamp) -> Option<(u64, Outcome)> {
    let unsettled = entry.unsettled.take()?;
    if object.current == unsettled.event.to {
        entry.memory.events.push(unsettled.event);
        entry.patience.learn(now, Ending::Accepted);
        return Some((unsettled.record, Outcome::Applied));
    }
    let text = format!("the object has {} replicas: the change was not made", object.current);
    Some((unsettled.record, Outcome::Refused(text)))
}
