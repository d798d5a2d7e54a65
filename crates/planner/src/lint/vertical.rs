//! The laws of vertical changes. They share no code with the planner on purpose.

use tenantry_domain::snapshot::{PodPhase, Snapshot};
use tenantry_domain::spec::{SignalKind, Strategy, Target, WorkloadSpec};
use tenantry_domain::unit::Milli;
use tenantry_domain::vertical::{ContainerResize, PodResize, Resource, VerticalMode};

use super::Finding;

/// Every law that a change of these pods breaks.
pub(super) fn lint(spec: &WorkloadSpec, snapshot: &Snapshot, resizes: &[PodResize]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let holding = || spec.freezes.iter().filter(|freeze| freeze.window.holds(snapshot.now));
    let (frozen, stopped) = (holding().next().is_some(), holding().any(|freeze| !freeze.allow_up));
    if spec.vertical.mode == VerticalMode::Off || stopped {
        findings.push(Finding::ActsUninvited);
    }
    let pods = snapshot.vertical.as_ref().map(|sight| sight.pods.as_slice()).unwrap_or_default();
    if resizes.is_empty() {
        findings.push(Finding::NoChange);
    }
    if resizes.len() > (pods.len() / 10).max(1) {
        findings.push(Finding::TooManyPods);
    }
    for resize in resizes {
        let runs =
            snapshot.pods.iter().any(|pod| pod.name == resize.pod && pod.phase == PodPhase::Running && !pod.deleted);
        let Some(pod) = pods.iter().find(|pod| pod.pod == resize.pod).filter(|_| runs) else {
            findings.push(Finding::WrongStart);
            continue;
        };
        let seen = pod.used_at.is_some_and(|at| snapshot.now.since(at) <= spec.stale_after);
        for change in &resize.containers {
            let container = pod.containers.iter().find(|one| one.name == change.container);
            let Some(container) = container.filter(|one| one.sizes == change.from) else {
                findings.push(Finding::WrongStart);
                continue;
            };
            for resource in Resource::ALL {
                let used = container.used.get(resource).filter(|_| seen);
                findings.extend(one(spec, resource, change, used, frozen));
            }
        }
    }
    findings.sort_unstable();
    findings.dedup();
    findings
}

fn one(
    spec: &WorkloadSpec,
    resource: Resource,
    change: &ContainerResize,
    used: Option<Milli>,
    frozen: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (from, to) = (change.from.requests.get(resource), change.to.requests.get(resource));
    let limits = (change.from.limits.get(resource), change.to.limits.get(resource));
    if from == to {
        if limits.0 != limits.1 {
            findings.push(Finding::LimitLowered);
        }
        return findings;
    }
    let (Some(from), Some(to)) = (from, to) else {
        return vec![Finding::WrongStart];
    };
    let rules = spec.vertical.rules(resource);
    let max = if rules.max_declared { rules.max } else { rules.max.max(from) };
    if to < rules.min || to > max.max(rules.min) {
        findings.push(Finding::OutsideRequestBounds);
    }
    if !rules.controlled || drives(spec, resource) {
        findings.push(Finding::FightsHorizontal);
    }
    if to < from && used.is_none_or(|used| used >= to) {
        findings.push(Finding::ShrinksBlind);
    }
    if to < from && frozen {
        findings.push(Finding::ActsUninvited);
    }
    match limits {
        (None, None) => {}
        (Some(before), Some(after)) => {
            if (after < before && before != from) || after < to || (before == from) != (after == to) {
                findings.push(Finding::LimitLowered);
            }
        }
        _ => findings.push(Finding::LimitLowered),
    }
    findings
}

fn drives(spec: &WorkloadSpec, resource: Resource) -> bool {
    let by_load = matches!(spec.strategy, Strategy::Reactive | Strategy::Predictive);
    by_load
        && spec.signals.iter().filter(|signal| signal.scales).any(|signal| match (signal.target, signal.kind) {
            (Target::Utilization(_), SignalKind::Cpu) => resource == Resource::Cpu,
            (Target::Utilization(_), _) => resource == Resource::Memory,
            _ => false,
        })
}
