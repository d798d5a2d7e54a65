//! The planner.

use tenantry_domain::plan::{Action, Bound, Candidate, Hold, Limit, Plan, Planned, Report, Source, Wait};
use tenantry_domain::snapshot::{Choice, Memory, Override, QuantilePoint, Snapshot};
use tenantry_domain::spec::{Freeze, Strategy, WorkloadSpec};
use tenantry_domain::unit::{PerMille, Replicas};
use tenantry_domain::vertical::VerticalMode;

use crate::behavior::{Patience, Tamed, remember, remembered, tame};
use crate::contest::whole;
use crate::demand::shrunk;
use crate::guard::Limits;
use crate::proposal::{Tolerance, carried, for_total, offered, propose};
use crate::sight::{View, look};
use crate::vertical::{Judged, judge};

/// Plans the size of one workload, or what its containers request, from what was seen. Never fails: what it cannot
/// decide, it holds and reports.
#[doc(alias = "AutoscalingEngine")]
#[must_use]
pub fn plan(spec: &WorkloadSpec, snapshot: &Snapshot) -> Planned {
    let mut planned = horizontal(spec, snapshot);
    // One thing at a time: pods are changed while their number stays.
    let settled = matches!(planned.plan.action, Action::Hold(Hold::Steady | Hold::Waiting));
    if let Some(sight) = snapshot.vertical.as_ref().filter(|_| settled && spec.vertical.mode != VerticalMode::Off) {
        let Judged { resizes, verdicts } = judge(spec, snapshot.now, &snapshot.pods, sight);
        planned.report.vertical = verdicts;
        if !resizes.is_empty() {
            planned.plan.action = Action::Resize(resizes);
        }
    }
    planned
}

/// Plans the number of replicas.
fn horizontal(spec: &WorkloadSpec, snapshot: &Snapshot) -> Planned {
    let (mut views, seen) = look(spec, snapshot);
    // What does not move the size is shown and learned from, and blinds nobody.
    views.retain(|view| view.spec.scales);
    let mut report = Report { seen, ..Report::default() };
    let Some(current) = snapshot.current else {
        return hold(spec, snapshot, report, Hold::Unreadable);
    };
    report.waits.extend(starting(snapshot, current));
    if let Some(why) = stopped(spec, snapshot) {
        return hold(spec, snapshot, report, why);
    }
    let limits = Limits::at(spec, snapshot);
    let manual = snapshot.manual.as_ref().filter(|manual| manual.expires_at > snapshot.now);
    let desire = match manual {
        Some(manual) => Ok(by_hand(manual, &mut report)),
        None => desire(spec, snapshot, &views, &limits, current, &mut report),
    };
    let desire = match desire {
        Ok(desire) => desire,
        Err(why) => return outside_or_hold(spec, snapshot, report, &limits, current, why),
    };
    report.wanted = Some(desire.replicas);
    let past = remembered(&snapshot.memory, current, snapshot.now);
    let tamed = if desire.immediate {
        Tamed { replicas: desire.replicas, bounds: Vec::new(), waits: Vec::new() }
    } else {
        tame(spec, &past, current, desire.replicas, desire.patience, snapshot.now)
    };
    report.bounds.extend(tamed.bounds);
    report.waits.extend(tamed.waits);
    let mut to = tamed.replicas;
    if desire.blind && to < current {
        report.bounds.push(Bound { limit: Limit::Blind, wanted: to, got: current });
        report
            .waits
            .extend(views.iter().filter(|view| view.is_blind()).map(|view| Wait::Fresh(view.spec.name.clone())));
        to = current;
    }
    if !desire.immediate {
        to = by_small_steps(snapshot, current, to, &mut report);
    }
    to = frozen(spec, snapshot, current, to, manual.is_some(), &mut report);
    let to = limits.apply(to, &mut report.bounds);
    let memory = remember(spec, &past, desire.replicas, snapshot.now);
    let action = if to != current {
        Action::Scale { from: current, to }
    } else if desire.replicas != current {
        Action::Hold(Hold::Waiting)
    } else {
        Action::Hold(Hold::Steady)
    };
    Planned { plan: Plan { key: spec.key.clone(), action }, report, memory }
}

/// A size before limits.
struct Desire {
    replicas: Replicas,
    /// Whether stabilization and rates are passed over: a person's or a declared size.
    immediate: bool,
    /// Whether some signal could not be seen, so that the size may not shrink.
    blind: bool,
    /// What stands behind it, should it shrink.
    patience: Patience,
}

fn hold(spec: &WorkloadSpec, snapshot: &Snapshot, report: Report, why: Hold) -> Planned {
    let memory: Memory = snapshot.memory.clone();
    Planned { plan: Plan { key: spec.key.clone(), action: Action::Hold(why) }, report, memory }
}

/// Even without a view of the load a size outside its limits is brought inside: HPA does so before it reads metrics.
/// Shrinking to a ceiling is then no judgement about load.
fn outside_or_hold(
    spec: &WorkloadSpec,
    snapshot: &Snapshot,
    mut report: Report,
    limits: &Limits,
    current: Replicas,
    why: Hold,
) -> Planned {
    if why == Hold::Asleep {
        return hold(spec, snapshot, report, why);
    }
    let to = frozen(spec, snapshot, current, limits.apply(current, &mut report.bounds), false, &mut report);
    if to == current {
        return hold(spec, snapshot, report, why);
    }
    let action = Action::Scale { from: current, to };
    Planned { plan: Plan { key: spec.key.clone(), action }, report, memory: snapshot.memory.clone() }
}

fn starting(snapshot: &Snapshot, current: Replicas) -> Option<Wait> {
    let ready = snapshot.ready();
    (ready < current).then(|| Wait::Starting(Replicas::saturating(current.as_i64() - ready.as_i64())))
}

/// What keeps Tenantry from acting on the workload at all.
fn stopped(spec: &WorkloadSpec, snapshot: &Snapshot) -> Option<Hold> {
    let paused = snapshot.pause.as_ref().is_some_and(|pause| pause.expires_at.is_none_or(|end| end > snapshot.now));
    if !spec.enabled {
        Some(Hold::Disabled)
    } else if paused {
        Some(Hold::Paused)
    } else if let Some(rival) = &snapshot.rival {
        // `take_over` is about autoscalers of others. It settles nothing between two workloads, which could both have it.
        Some(Hold::Rival(rival.clone()))
    } else if snapshot.foreign_scaler.is_some() && !spec.take_over {
        Some(Hold::ForeignScaler)
    } else {
        None
    }
}

fn by_hand(manual: &Override, report: &mut Report) -> Desire {
    report.candidates.push(Candidate { source: Source::Manual, replicas: manual.replicas, used: true });
    report.waits.push(Wait::ManualEnds(manual.expires_at));
    Desire { replicas: manual.replicas, immediate: true, blind: false, patience: Patience::Usual }
}

fn desire(
    spec: &WorkloadSpec,
    snapshot: &Snapshot,
    views: &[View<'_>],
    limits: &Limits,
    current: Replicas,
    report: &mut Report,
) -> Result<Desire, Hold> {
    for (name, replicas) in limits.scheduled() {
        let source = Source::Schedule(name.to_owned());
        report.candidates.push(Candidate { source, replicas, used: spec.strategy != Strategy::Fixed });
    }
    match spec.strategy {
        Strategy::Fixed => {
            let replicas = spec.fixed.unwrap_or(spec.bounds.floor());
            report.candidates.push(Candidate { source: Source::Fixed, replicas, used: true });
            Ok(Desire { replicas, immediate: true, blind: false, patience: Patience::Usual })
        }
        Strategy::Scheduled => {
            let scheduled = limits.scheduled().map(|(_, floor)| floor).max();
            let replicas = scheduled.unwrap_or(spec.bounds.floor());
            Ok(Desire { replicas, immediate: true, blind: false, patience: Patience::Usual })
        }
        Strategy::Reactive => measured(spec, snapshot, views, current, report),
        Strategy::Predictive => {
            let measured = measured(spec, snapshot, views, current, report);
            let awaited = awaited(spec, snapshot, views, current, report);
            let mut desire = match (measured, awaited) {
                (Ok(desire), _) => desire,
                // What was announced comes whether the load can be seen or not.
                (Err(Hold::Blind), Some(replicas)) if replicas > current => {
                    Desire { replicas, immediate: false, blind: true, patience: Patience::Usual }
                }
                (Err(why), _) => return Err(why),
            };
            foresee(spec, snapshot, views, current, report, &mut desire);
            desire.replicas = desire.replicas.max(awaited.unwrap_or_default());
            Ok(desire)
        }
    }
}

/// The largest size that any signal asks for now.
fn measured(
    spec: &WorkloadSpec,
    snapshot: &Snapshot,
    views: &[View<'_>],
    current: Replicas,
    report: &mut Report,
) -> Result<Desire, Hold> {
    let tolerance = Tolerance::of(spec);
    let asleep = current == Replicas::ZERO;
    if asleep && !(spec.bounds.floor() == Replicas::ZERO && views.iter().any(|view| view.spec.measures_at_zero)) {
        // A person scaled it to zero, which switches HPA off as well; only a schedule wakes it.
        return Err(Hold::Asleep);
    }
    let mut largest: Option<Replicas> = None;
    let mut blind = false;
    for view in views.iter().filter(|view| !asleep || view.spec.measures_at_zero) {
        let Some(replicas) = propose(view, snapshot, current, tolerance) else {
            blind = true;
            continue;
        };
        // Whether to run at all is no question of how many: it is left to what is measured, with HPA's stabilization.
        let chosen = if replicas == Replicas::ZERO { None } else { chosen(spec, snapshot, view) };
        let source = Source::Signal(view.spec.name.clone());
        report.candidates.push(Candidate { source, replicas, used: chosen.is_none() });
        let replicas = chosen.as_ref().map_or(replicas, |chosen| chosen.replicas);
        report.candidates.extend(chosen);
        largest = Some(largest.map_or(replicas, |most| most.max(replicas)));
    }
    let Some(mut replicas) = largest else {
        return Err(Hold::Blind);
    };
    let can_wake = views.iter().any(|view| view.spec.measures_at_zero && !view.is_blind());
    if replicas == Replicas::ZERO && !can_wake {
        replicas = Replicas::ONE;
    }
    Ok(Desire { replicas, immediate: false, blind, patience: Patience::Usual })
}

/// What the contest chose for a signal that can be seen, where there is one; never less than what is measured needs.
///
/// INVARIANT(floor): law L3 holds for it with what a replica carries in the place of the target.
fn chosen(spec: &WorkloadSpec, snapshot: &Snapshot, view: &View<'_>) -> Option<Candidate> {
    if spec.strategy != Strategy::Predictive {
        return None;
    }
    let choice = snapshot.choices.iter().find(|choice| choice.signal == view.spec.name)?;
    let needed = whole(offered(view.spec, snapshot, view.total()?.as_f64()) / carried(view.spec, snapshot)?);
    let Choice { signal, rule, would_fail_ppm, failed_ppm, burst, replicas } = choice.clone();
    let source = Source::Contest { signal, rule, would_fail_ppm, failed_ppm, burst };
    Some(Candidate { source, replicas: replicas.max(Replicas::new(needed)), used: true })
}

/// The largest size that announced events ask for: by what a replica carries where that decides, else by the target.
fn awaited(
    spec: &WorkloadSpec,
    snapshot: &Snapshot,
    views: &[View<'_>],
    current: Replicas,
    report: &mut Report,
) -> Option<Replicas> {
    let tolerance = Tolerance::of(spec);
    let mut largest = None;
    for announced in &snapshot.announced {
        let Some(view) = views.iter().find(|view| view.spec.name == announced.signal) else { continue };
        let Some(point) = point(&announced.maximum, spec.objective.availability) else { continue };
        let contested = snapshot.choices.iter().any(|choice| choice.signal == announced.signal);
        let carried = carried(view.spec, snapshot).filter(|_| contested);
        let replicas = match carried {
            Some(carried) => Some(Replicas::new(whole(point.value.as_f64() / carried))),
            None => for_total(view, snapshot, point.value, current, tolerance),
        };
        let Some(replicas) = replicas else { continue };
        let (event, signal) = (announced.event.clone(), announced.signal.clone());
        let source = Source::Event { event, signal, quantile: point.quantile, value: point.value };
        report.candidates.push(Candidate { source, replicas, used: true });
        largest = largest.max(Some(replicas));
    }
    largest
}

/// Raises a size to what the forecasts ask for; the measured size always stands under it.
fn foresee(
    spec: &WorkloadSpec,
    snapshot: &Snapshot,
    views: &[View<'_>],
    current: Replicas,
    report: &mut Report,
    desire: &mut Desire,
) {
    let tolerance = Tolerance::of(spec);
    let contested = |view: &View<'_>| {
        let of = |source: &Source| matches!(source, Source::Contest { signal, .. } if *signal == view.spec.name);
        report.candidates.iter().any(|candidate| of(&candidate.source))
    };
    let contested: Vec<bool> = views.iter().map(contested).collect();
    let decided = contested.iter().filter(|decided| **decided).count();
    let mut foreseen = 0;
    for (view, contested) in views.iter().zip(contested) {
        let expectation = snapshot.expectations.iter().find(|expected| expected.signal == view.spec.name);
        let Some(expectation) = expectation else {
            continue;
        };
        let Some(point) = point(&expectation.maximum, spec.objective.availability) else {
            continue;
        };
        let Some(replicas) = for_total(view, snapshot, point.value, current, tolerance) else {
            continue;
        };
        let source = Source::Forecast { signal: view.spec.name.clone(), quantile: point.quantile, value: point.value };
        let used = expectation.trusted && !contested;
        report.candidates.push(Candidate { source, replicas, used });
        if used {
            foreseen += 1;
            desire.replicas = desire.replicas.max(replicas);
        }
    }
    desire.patience = match views.len() {
        0 => Patience::Usual,
        all if decided == all => Patience::Own,
        all if foreseen + decided == all => Patience::Trusted,
        _ => Patience::Usual,
    };
}

/// The lowest quantile that covers the share of time the objective asks for, or the highest there is.
///
/// The price of a shortage against that of an idle replica is taken from the objective: serving a share `a` of the
/// time at the least cost is the newsvendor's critical ratio `a`.
fn point(maximum: &[QuantilePoint], availability: PerMille) -> Option<QuantilePoint> {
    let covering = maximum.iter().find(|point| point.quantile >= availability);
    covering.or(maximum.last()).copied()
}

/// Where load follows the size, what it says of a smaller one is not to be had: a bounded step shows it.
fn by_small_steps(snapshot: &Snapshot, current: Replicas, to: Replicas, report: &mut Report) -> Replicas {
    let follows = snapshot.demands.iter().filter_map(|demand| demand.follows.as_ref());
    let Some(shrinks_at) = follows.map(|follows| follows.shrinks_at).max() else { return to };
    let early = shrinks_at > snapshot.now;
    let least = if early { current } else { shrunk(current) };
    if to >= least.min(current) {
        return to;
    }
    report.bounds.push(Bound { limit: Limit::Follows, wanted: to, got: least });
    report.waits.extend(early.then_some(Wait::Rate(shrinks_at)));
    least
}

fn frozen(
    spec: &WorkloadSpec,
    snapshot: &Snapshot,
    current: Replicas,
    to: Replicas,
    by_hand: bool,
    report: &mut Report,
) -> Replicas {
    let forbids = |freeze: &&Freeze| {
        let grows_freely = freeze.allow_up || by_hand;
        freeze.window.holds(snapshot.now) && (to < current || (to > current && !grows_freely))
    };
    match spec.freezes.iter().find(forbids) {
        None => to,
        Some(freeze) => {
            report.bounds.push(Bound { limit: Limit::Freeze(freeze.name.clone()), wanted: to, got: current });
            current
        }
    }
}

#[cfg(test)]
mod tests;
