//! Stabilization and rates, with HPA's meaning of `behavior` and of its absence.
//!
//! Order and edges as in `pkg/controller/podautoscaler/horizontal.go` of Kubernetes 1.36: with a behavior, first
//! stabilize over recommendations strictly newer than the window's start, then limit the rate over events strictly
//! newer than the period's start; without one, stabilize over recommendations not older than five minutes and at most
//! double, from at least four.

use std::borrow::Cow;

use tenantry_domain::plan::{Bound, Limit, Wait};
use tenantry_domain::snapshot::{Memory, Recommendation, ScaleEvent};
use tenantry_domain::spec::{
    Behavior, DOWN_STABILIZATION_DEFAULT, RateLimit, RatePolicy, ScalingRules, SelectPolicy, WorkloadSpec,
};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Replicas, Span};

/// Without a behavior, a size may always reach this many at once.
const UP_FLOOR: u32 = 4;
/// Most recommendations remembered. Runs of one value take two places, so this covers an hour of noise at one a
/// second; beyond it the oldest go, except that the largest of them stays, which can only delay a scale-down.
const RECOMMENDATIONS_MAX: usize = 512;
/// Most changes remembered; beyond it the oldest go. Only changes inside a rate period matter.
const EVENTS_MAX: usize = 256;
/// How long a lower size must have been asked for when trusted forecasts of every signal agree that it will do.
pub(crate) const TRUSTED_STABILIZATION: Span = Span::from_secs(180);

/// The size that stabilization and rates let through, with what bound and what is waited for.
pub(crate) struct Tamed {
    pub(crate) replicas: Replicas,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) waits: Vec<Wait>,
}

/// What the stabilization of a shrinking rests on where no behavior is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Nothing but what is measured: HPA's five minutes.
    Usual,
    /// Trusted forecasts of every signal.
    Trusted,
    /// Policies that have a patience of their own, which is accounted for in their choice.
    Own,
}

/// What is remembered of a workload. When it is seen for the first time the size that was found counts as asked for, as
/// with HPA: nobody knows yet what it was needed for.
pub(crate) fn remembered(memory: &Memory, current: Replicas, now: Timestamp) -> Cow<'_, Memory> {
    if !memory.recommendations.is_empty() {
        return Cow::Borrowed(memory);
    }
    let found = Recommendation { at: now, replicas: current };
    Cow::Owned(Memory { recommendations: vec![found], events: memory.events.clone() })
}

/// Tames a proposal.
pub(crate) fn tame(
    spec: &WorkloadSpec,
    memory: &Memory,
    current: Replicas,
    proposal: Replicas,
    patience: Patience,
    now: Timestamp,
) -> Tamed {
    let mut tamed = Tamed { replicas: proposal, bounds: Vec::new(), waits: Vec::new() };
    match &spec.behavior {
        Some(behavior) => {
            stabilize(behavior, memory, current, now, &mut tamed);
            limit_rate(behavior, memory, current, now, &mut tamed);
        }
        None => {
            // HPA's older path may raise a size back to a past recommendation that a rate had cut.
            let held = match patience {
                Patience::Usual => Some((DOWN_STABILIZATION_DEFAULT, Replicas::new(u32::MAX))),
                Patience::Trusted => Some((TRUSTED_STABILIZATION, current)),
                Patience::Own => None,
            };
            if let Some((window, ceiling)) = held {
                let cutoff = now - window;
                hold_down(memory, |at| at >= cutoff, window, ceiling, &mut tamed);
            }
            // The size before this instant's own changes, so that planning again from one snapshot changes nothing.
            let start = memory.events.iter().find(|event| event.at == now).map_or(current, |event| event.from);
            let most = Replicas::new(start.get().saturating_mul(2).max(UP_FLOOR));
            bind(&mut tamed, Limit::RateUp, most.max(current), Replicas::min);
        }
    }
    tamed
}

fn bind(tamed: &mut Tamed, limit: Limit, by: Replicas, pick: fn(Replicas, Replicas) -> Replicas) {
    let got = pick(tamed.replicas, by);
    if got != tamed.replicas {
        tamed.bounds.push(Bound { limit, wanted: tamed.replicas, got });
        tamed.replicas = got;
    }
}

fn hold_down(memory: &Memory, recent: impl Fn(Timestamp) -> bool, window: Span, ceiling: Replicas, tamed: &mut Tamed) {
    let wanted = tamed.replicas;
    let highest =
        memory.recommendations.iter().filter(|past| recent(past.at)).max_by_key(|past| (past.replicas, past.at));
    let Some(highest) = highest.filter(|past| past.replicas > wanted) else {
        return;
    };
    let got = highest.replicas.min(ceiling).max(wanted);
    if got > wanted {
        tamed.bounds.push(Bound { limit: Limit::StabilizeDown, wanted, got });
        tamed.waits.push(Wait::Stabilization(highest.at + window));
        tamed.replicas = got;
    }
}

fn stabilize(behavior: &Behavior, memory: &Memory, current: Replicas, now: Timestamp, tamed: &mut Tamed) {
    let wanted = tamed.replicas;
    if wanted > current {
        let cutoff = now - behavior.up.stabilization;
        let lowest = memory.recommendations.iter().filter(|past| past.at > cutoff).map(|past| past.replicas).min();
        if let Some(lowest) = lowest.filter(|lowest| *lowest < wanted) {
            bind(tamed, Limit::StabilizeUp, lowest.max(current), Replicas::min);
        }
    } else {
        let cutoff = now - behavior.down.stabilization;
        hold_down(memory, |at| at > cutoff, behavior.down.stabilization, current, tamed);
    }
}

fn limit_rate(behavior: &Behavior, memory: &Memory, current: Replicas, now: Timestamp, tamed: &mut Tamed) {
    if tamed.replicas > current {
        let most = up_limit(&behavior.up, memory, current, now);
        let before = tamed.replicas;
        bind(tamed, Limit::RateUp, most, Replicas::min);
        wait_for_rate(&behavior.up, memory, now, before, tamed);
    } else if tamed.replicas < current {
        let least = down_limit(&behavior.down, memory, current, now);
        let before = tamed.replicas;
        bind(tamed, Limit::RateDown, least, Replicas::max);
        wait_for_rate(&behavior.down, memory, now, before, tamed);
    }
}

/// When the first change that still counts stops counting.
fn wait_for_rate(rules: &ScalingRules, memory: &Memory, now: Timestamp, before: Replicas, tamed: &mut Tamed) {
    if tamed.replicas == before {
        return;
    }
    let ends = |policy: &RatePolicy| {
        let cutoff = now - policy.period;
        memory
            .events
            .iter()
            .find(|event| event.at > cutoff)
            .map_or(now + policy.period, |event| event.at + policy.period)
    };
    if let Some(at) = rules.policies.iter().map(ends).min() {
        tamed.waits.push(Wait::Rate(at));
    }
}

/// The size at the start of a period: the current one without what was added and removed since.
fn period_start(memory: &Memory, current: Replicas, period: Span, now: Timestamp) -> i64 {
    let cutoff = now - period;
    let change: i64 = memory
        .events
        .iter()
        .filter(|event| event.at > cutoff)
        .map(|event| event.to.as_i64() - event.from.as_i64())
        .sum();
    current.as_i64() - change
}

fn select(rules: &ScalingRules, limits: impl Iterator<Item = i64>, largest_change_is_max: bool) -> Option<i64> {
    match (rules.select, largest_change_is_max) {
        (SelectPolicy::Disabled, _) => None,
        (SelectPolicy::Max, true) | (SelectPolicy::Min, false) => limits.max(),
        (SelectPolicy::Max, false) | (SelectPolicy::Min, true) => limits.min(),
    }
}

fn up_limit(rules: &ScalingRules, memory: &Memory, current: Replicas, now: Timestamp) -> Replicas {
    if rules.select == SelectPolicy::Disabled {
        return current;
    }
    let limits = rules.policies.iter().map(|policy| {
        let start = period_start(memory, current, policy.period, now);
        match policy.limit {
            RateLimit::Pods(count) => start.saturating_add(i64::from(count)),
            // Rounded up, as HPA's `math.Ceil(start * (1 + percent / 100))`.
            RateLimit::Percent(percent) => {
                start.saturating_add(start.max(0).saturating_mul(i64::from(percent)).saturating_add(99) / 100)
            }
        }
    });
    select(rules, limits, true).map_or(Replicas::new(u32::MAX), Replicas::saturating).max(current)
}

fn down_limit(rules: &ScalingRules, memory: &Memory, current: Replicas, now: Timestamp) -> Replicas {
    if rules.select == SelectPolicy::Disabled {
        return current;
    }
    let limits = rules.policies.iter().map(|policy| {
        let start = period_start(memory, current, policy.period, now);
        match policy.limit {
            RateLimit::Pods(count) => start.saturating_sub(i64::from(count)),
            // Truncated, as HPA's `int32(start * (1 - percent / 100))`.
            RateLimit::Percent(percent) => {
                start.max(0).saturating_mul(100_i64.saturating_sub(i64::from(percent))) / 100
            }
        }
    });
    select(rules, limits, false).map_or(Replicas::ZERO, Replicas::saturating).min(current)
}

/// What the next plan must remember: this recommendation, and what still counts of earlier ones.
pub(crate) fn remember(spec: &WorkloadSpec, memory: &Memory, proposal: Replicas, now: Timestamp) -> Memory {
    let (window, period) =
        spec.behavior.as_ref().map_or((DOWN_STABILIZATION_DEFAULT, Span::from_secs(15)), |behavior| {
            let periods = behavior.up.policies.iter().chain(&behavior.down.policies).map(|policy| policy.period);
            (behavior.up.stabilization.max(behavior.down.stabilization), periods.max().unwrap_or_default())
        });
    let mut recommendations: Vec<Recommendation> = Vec::with_capacity(memory.recommendations.len() + 1);
    let recent = memory.recommendations.iter().filter(|past| past.at >= now - window && past.at <= now);
    for next in recent.copied().chain([Recommendation { at: now, replicas: proposal }]) {
        // Of a run of one value only its ends matter to any window.
        if let [.., a, b] = recommendations.as_mut_slice()
            && a.replicas == b.replicas
            && b.replicas == next.replicas
        {
            b.at = next.at;
        } else if recommendations.last() != Some(&next) {
            recommendations.push(next);
        }
    }
    if recommendations.len() > RECOMMENDATIONS_MAX {
        let excess = recommendations.len() - RECOMMENDATIONS_MAX;
        let highest = recommendations.drain(..excess).map(|past| past.replicas).max();
        if let (Some(highest), Some(oldest)) = (highest, recommendations.first_mut()) {
            oldest.replicas = oldest.replicas.max(highest);
        }
    }
    let mut events: Vec<ScaleEvent> =
        memory.events.iter().filter(|event| event.at > now - period && event.at <= now).copied().collect();
    if events.len() > EVENTS_MAX {
        events.drain(..events.len() - EVENTS_MAX);
    }
    Memory { recommendations, events }
}
