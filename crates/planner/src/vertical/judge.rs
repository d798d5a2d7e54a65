//! Which pods are changed to what is recommended, and why others are not.
//!
//! INVARIANT(one driver): a resource whose percent of request drives the number of replicas is never changed.
//! INVARIANT(in use): nothing is lowered under what is used now, nor while that cannot be seen. Law L2.

use std::collections::BTreeMap;

use tenantry_domain::snapshot::{PodPhase, PodState};
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Span};
use tenantry_domain::vertical::{
    ContainerAdvice, ContainerResize, ContainerState, PodResize, PodSizes, Resource, ResourceAdvice, ResourceRules,
    Sizes, Standing, Verdict, VerticalMode, VerticalSight,
};

use super::advice::{DAY, WORTH};

/// One of so many pods is changed at a time, and one of fewer. Those whose node has not made an earlier change count.
const PODS_PER_CHANGE: usize = 10;
/// Pods up to this age are new: the mode `initial` changes them.
const NEW: Span = Span::from_secs(600);
/// History after which a request inside its bounds is raised: VPA's `pod-update-threshold` rule waits as long.
const SETTLED: Span = Span::from_secs(12 * 3600);
/// Less cpu is not worth a change.
const CORES_LEAST: Milli = Milli(5);
/// Less memory is not worth a change.
const BYTES_LEAST: Milli = Milli::units(8 << 20);

/// What is to be changed, and how everything stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// The pods to change now, those that need more first.
    pub resizes: Vec<PodResize>,
    /// One verdict for each resource of each container that is recommended something.
    pub verdicts: Vec<Verdict>,
}

/// Holds what pods request against what is recommended. Never fails: what it cannot tell it leaves and names.
#[must_use]
pub fn judge(spec: &WorkloadSpec, now: Timestamp, states: &[PodState], sight: &VerticalSight) -> Judged {
    let states = states.iter().map(|state| (state.name.as_str(), state)).collect();
    let court = Court { spec, now, states };
    let mut verdicts: BTreeMap<(&str, Resource), (Milli, Standing)> = BTreeMap::new();
    let mut wanted: Vec<Wanted> = Vec::new();
    for pod in &sight.pods {
        let Some(state) = court.runs(pod) else { continue };
        let mut containers = Vec::new();
        let mut urgency = 0.0_f64;
        for (container, advice) in advised(pod, sight) {
            let mut to = container.sizes;
            for resource in Resource::ALL {
                let Some(one) = advice.of(resource) else { continue };
                let rules = spec.vertical.rules(resource);
                let target = target(one, rules, container.sizes.requests.get(resource));
                let standing = court.standing(resource, (one, target), advice.history, (container, pod, state));
                if standing == Standing::Changes {
                    let from = container.sizes.requests.get(resource).unwrap_or_default();
                    urgency = urgency.max(needs(from, target));
                    set(&mut to, resource, target);
                }
                let known = verdicts.entry((&advice.container, resource)).or_insert((target, Standing::Right));
                known.0 = known.0.max(target);
                keep(&mut known.1, standing);
            }
            if to != container.sizes {
                containers.push(ContainerResize { container: container.name.clone(), from: container.sizes, to });
            }
        }
        if !containers.is_empty() && pod.pending.is_none() {
            let resize = PodResize { pod: pod.pod.clone(), version: pod.version.clone(), containers };
            wanted.push(Wanted { resize, urgency });
        }
    }
    let pending = |pod: &&PodSizes| pod.pending.is_some() && court.runs(pod).is_some();
    let few = (sight.pods.len() / PODS_PER_CHANGE).max(1).saturating_sub(sight.pods.iter().filter(pending).count());
    let resizes = in_turn(wanted, few);
    let held = sight.pods.iter().find_map(|pod| pod.pending.clone());
    let verdicts = verdicts.into_iter().map(|((container, resource), (target, standing))| {
        let changes = |resize: &PodResize| resize.containers.iter().any(|one| one.container == container);
        let waits = standing == Standing::Changes && !resizes.iter().any(changes);
        let standing = if waits { Standing::InTurn(held.clone()) } else { standing };
        Verdict { container: container.to_owned(), resource, target, standing }
    });
    let verdicts = verdicts.collect();
    Judged { resizes, verdicts }
}

struct Wanted {
    resize: PodResize,
    /// By how much a request is too small, as a share of it; 0 where it is too large.
    urgency: f64,
}

/// A few of them: those that need more first. A pod whose node has not made an earlier change is none of them.
fn in_turn(mut wanted: Vec<Wanted>, few: usize) -> Vec<PodResize> {
    wanted.sort_by(|a, b| b.urgency.total_cmp(&a.urgency).then_with(|| a.resize.pod.cmp(&b.resize.pod)));
    wanted.into_iter().take(few).map(|one| one.resize).collect()
}

fn advised<'a>(
    pod: &'a PodSizes,
    sight: &'a VerticalSight,
) -> impl Iterator<Item = (&'a ContainerState, &'a ContainerAdvice)> {
    pod.containers.iter().filter_map(|container| {
        Some((container, sight.advice.iter().find(|advice| advice.container == container.name)?))
    })
}

/// The recommendation inside the limits. A built-in maximum is no reason to lower what a container has.
fn target(advice: &ResourceAdvice, rules: &ResourceRules, now: Option<Milli>) -> Milli {
    let max = if rules.max_declared { rules.max } else { rules.max.max(now.unwrap_or_default()) };
    advice.target.min(max).max(rules.min)
}

/// By how much a request falls short, as a share of it.
fn needs(from: Milli, to: Milli) -> f64 {
    if to > from { to.as_f64() / from.as_f64().max(0.001) - 1.0 } else { 0.0 }
}

/// A limit is never lowered, as that could throttle or kill; it is raised where the request would pass it. Where the two
/// are equal they stay so, and where they are not they stay apart: a pod's class of service may not change.
fn set(sizes: &mut Sizes, resource: Resource, target: Milli) {
    let (request, limit) = (sizes.requests.get(resource), sizes.limits.get(resource));
    sizes.requests.set(resource, target);
    let Some(limit) = limit else { return };
    if Some(limit) == request {
        sizes.limits.set(resource, target);
    } else if limit <= target {
        let step = match resource {
            Resource::Cpu => Milli(1),
            Resource::Memory => Milli::units(1 << 20),
        };
        sizes.limits.set(resource, Milli(target.0.saturating_add(step.0)));
    }
}

/// Of what several pods come to, the one that says most.
fn keep(known: &mut Standing, found: Standing) {
    let rank = |standing: &Standing| match standing {
        Standing::Right => 0,
        Standing::Changes => 2,
        _ => 1,
    };
    if rank(&found) > rank(known) {
        *known = found;
    }
}

struct Court<'a> {
    spec: &'a WorkloadSpec,
    now: Timestamp,
    states: BTreeMap<&'a str, &'a PodState>,
}

impl<'a> Court<'a> {
    /// The pod's state, if it runs and stays.
    fn runs(&self, pod: &PodSizes) -> Option<&'a PodState> {
        let runs = |state: &&PodState| !state.deleted && state.phase == PodPhase::Running;
        self.states.get(pod.pod.as_str()).copied().filter(runs)
    }

    /// How one resource of a container in a pod stands to what it should be.
    fn standing(
        &self,
        resource: Resource,
        (advice, target): (&ResourceAdvice, Milli),
        history: Span,
        (container, pod, state): (&ContainerState, &PodSizes, &PodState),
    ) -> Standing {
        let Some(request) = container.sizes.requests.get(resource).filter(|request| *request > Milli::ZERO) else {
            return Standing::NoRequest;
        };
        if !is_worth(request, target, resource) {
            return Standing::Right;
        }
        let rises = target > request;
        if rises && request >= advice.lower && history < SETTLED {
            return Standing::Right;
        }
        if self.spec.scales_by(resource) {
            return Standing::HorizontalDrives;
        }
        if !rises && history < DAY {
            return Standing::TooYoung;
        }
        match self.spec.vertical.mode {
            VerticalMode::Off => return Standing::Off,
            _ if !self.spec.vertical.rules(resource).controlled => return Standing::NotControlled,
            VerticalMode::Initial if !self.is_new(state) => return Standing::OnlyNewPods,
            VerticalMode::Initial | VerticalMode::InPlace => {}
        }
        if !rises {
            let seen = pod.used_at.filter(|at| self.now.since(*at) <= self.spec.stale_after);
            match container.used.get(resource).filter(|_| seen.is_some()) {
                None => return Standing::Unseen,
                Some(used) if used >= target => return Standing::InUse,
                Some(_) => {}
            }
        }
        let forbids =
            |freeze: &&tenantry_domain::spec::Freeze| freeze.window.holds(self.now) && !(rises && freeze.allow_up);
        match self.spec.freezes.iter().find(forbids) {
            Some(freeze) => Standing::Frozen(freeze.name.clone()),
            None => Standing::Changes,
        }
    }

    fn is_new(&self, state: &PodState) -> bool {
        state.started_at.is_some_and(|started| self.now.since(started) <= NEW)
    }
}

/// Whether a change saves or protects enough.
fn is_worth(request: Milli, target: Milli, resource: Resource) -> bool {
    let least = match resource {
        Resource::Cpu => CORES_LEAST,
        Resource::Memory => BYTES_LEAST,
    };
    let off = Milli(target.0.saturating_sub(request.0).saturating_abs());
    off >= least && off.as_f64() >= request.as_f64() * WORTH
}
