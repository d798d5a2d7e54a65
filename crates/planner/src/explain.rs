//! A decision in plain words, for `tenantry explain`.

pub(crate) mod vertical;

use tenantry_domain::plan::{
    Action, Bound, Candidate, Hold, Limit, Outcome, Planned, Report, Seen, Sight, Source, Wait,
};
use tenantry_domain::snapshot::{QuantilePoint, Snapshot};
use tenantry_domain::spec::{Target, WorkloadSpec};
use tenantry_domain::time::Timestamp;

use crate::demand::told;

/// Says what was seen, expected and considered, which limit bound, what was done, and what is waited for; a line each.
#[must_use]
pub fn explain(spec: &WorkloadSpec, snapshot: &Snapshot, planned: &Planned, outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    let size = snapshot.current.map_or_else(|| "an unknown size".to_owned(), |size| plural(size.get()));
    lines.push(format!("saw        {size} asked for, {} ready", snapshot.ready()));
    lines.extend(planned.report.seen.iter().map(|seen| format!("saw        {}", saw(seen))));
    lines.extend(snapshot.expectations.iter().map(|expected| {
        let verdict = if expected.trusted { "used" } else { "not used" };
        let top = at_most(&expected.maximum, spec);
        format!(
            "expected   {} {top} from {} to {} ({verdict}: {})",
            expected.signal,
            clock(expected.from),
            clock(expected.until),
            expected.because
        )
    }));
    lines.extend(snapshot.announced.iter().map(|announced| {
        let (from, until) = (day_and_clock(announced.from), day_and_clock(announced.until));
        let top = at_most(&announced.maximum, spec);
        format!("announced  `{}` from {from} to {until}: {} {top}", announced.event, announced.signal)
    }));
    let learned = snapshot.demands.iter().flat_map(|demand| told(demand, spec));
    lines.extend(learned.map(|text| format!("learned    {text}")));
    lines.extend(planned.report.candidates.iter().map(|candidate| format!("considered {}", considered(candidate))));
    lines.extend(planned.report.bounds.iter().map(|bound| format!("limited    {}", limited(bound))));
    lines.extend(vertical::verdicts(snapshot, &planned.report.vertical).map(|line| format!("requests   {line}")));
    lines.push(format!("did        {}", did(planned, spec, snapshot, outcome)));
    lines.extend(waits(&planned.report).map(|wait| format!("waits for  {wait}")));
    lines
}

/// What an expected maximum comes to at the quantile that is planned for.
fn at_most(maximum: &[QuantilePoint], spec: &WorkloadSpec) -> String {
    let top = maximum.iter().find(|point| point.quantile >= spec.objective.availability).or(maximum.last());
    top.map_or_else(
        || "nothing".to_owned(),
        |point| format!("at most {} with {:.1}% certainty", point.value, point.quantile.as_f64() * 100.0),
    )
}

fn plural(count: u32) -> String {
    if count == 1 { "1 replica".to_owned() } else { format!("{count} replicas") }
}

fn clock(at: Timestamp) -> String {
    at.to_jiff().strftime("%H:%M:%SZ").to_string()
}

fn day_and_clock(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%MZ").to_string()
}

fn saw(seen: &Seen) -> String {
    let against = match seen.target {
        Target::Utilization(percent) => format!("target {percent}% of request"),
        Target::PerReplica(value) => format!("target {value} for each replica"),
        Target::Value(value) => format!("target {value}"),
    };
    match &seen.sight {
        Sight::Value(value) => format!("{} = {value} ({against})", seen.signal),
        Sight::Missing(why) => format!("{} missing: {why}", seen.signal),
        Sight::Stale { age } => format!("{} stale: its last value is {age} old", seen.signal),
        Sight::Absurd(why) => format!("{} absurd: {why}", seen.signal),
    }
}

fn considered(candidate: &Candidate) -> String {
    let size = plural(candidate.replicas.get());
    let source = match &candidate.source {
        Source::Signal(signal) => format!("for {signal} now"),
        Source::Forecast { signal, quantile, value } => {
            format!("for {signal} reaching {value} (quantile {})", quantile.as_f64())
        }
        Source::Event { event, signal, quantile, value } => {
            format!("for event `{event}`, {signal} reaching {value} (quantile {})", quantile.as_f64())
        }
        Source::Contest { signal, rule, would_fail_ppm, failed_ppm, burst } => format!(
            "for {signal} by the policy that is cheapest within the error budget: {rule}; in the days before it would have \
             failed {} of requests, and {} were{}",
            percent(*would_fail_ppm),
            percent(*failed_ppm),
            if *burst { "; load has left what was expected of it, so its rise is followed" } else { "" }
        ),
        Source::Schedule(name) => format!("for schedule `{name}`"),
        Source::Fixed => "as the declared size".to_owned(),
        Source::Manual => "as set by hand".to_owned(),
    };
    let unused = if candidate.used { "" } else { ", without a say" };
    format!("{size} {source}{unused}")
}

fn percent(ppm: u32) -> String {
    format!("{:.2} %", f64::from(ppm) / 1e4)
}

fn limited(bound: &Bound) -> String {
    let limit = match &bound.limit {
        Limit::Min => "the minimum".to_owned(),
        Limit::Max => "the maximum".to_owned(),
        Limit::ScheduleFloor(name) => format!("the floor of schedule `{name}`"),
        Limit::ScheduleCeiling(name) => format!("the ceiling of schedule `{name}`"),
        Limit::Quota => "the tenant's quota".to_owned(),
        Limit::Budget => "the budget".to_owned(),
        Limit::StabilizeUp => "stabilization of growth".to_owned(),
        Limit::StabilizeDown => "stabilization: a larger size was asked for a short while ago".to_owned(),
        Limit::RateUp => "the rate of growth".to_owned(),
        Limit::RateDown => "the rate of shrinking".to_owned(),
        Limit::Freeze(name) => format!("freeze `{name}`"),
        Limit::Blind => "blindness: not every signal could be seen, so the size may not shrink".to_owned(),
        Limit::Follows => {
            "small steps: the load follows the size, and shows what it is at a smaller one only there".to_owned()
        }
    };
    format!("{} became {} by {limit}", bound.wanted, bound.got)
}

fn did(planned: &Planned, spec: &WorkloadSpec, snapshot: &Snapshot, outcome: &Outcome) -> String {
    match &planned.plan.action {
        Action::Scale { from, to } => {
            format!("scale from {from} to {to} ({})", ended(outcome))
        }
        Action::Resize(pods) => format!("resize {} ({})", vertical::resized(pods), ended(outcome)),
        Action::Hold(why) => format!("hold: {}", held(why, spec, snapshot, &planned.report)),
    }
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied => "accepted".to_owned(),
        Outcome::Observed => "not written: observe mode".to_owned(),
        Outcome::Held | Outcome::Pending => "being written".to_owned(),
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Unknown(why) => format!("the answer was lost, and the next cycle reads the size again: {why}"),
    }
}

fn held(why: &Hold, spec: &WorkloadSpec, snapshot: &Snapshot, report: &Report) -> String {
    match why {
        Hold::Steady => "the size is right".to_owned(),
        Hold::Disabled => "autoscaling is off for this workload (`autoscaling.enabled`)".to_owned(),
        Hold::Paused => snapshot.pause.as_ref().map_or_else(
            || "paused".to_owned(),
            |pause| format!("paused by {} ({}); `tenantry resume {}` ends it", pause.author, pause.reason, spec.key),
        ),
        Hold::Unreadable => format!("{} could not be read", spec.target),
        Hold::Blind => "no signal could be seen, and nothing is changed blindly".to_owned(),
        Hold::Asleep => {
            "the object stands at zero, which switches scaling off as it does for HPA; scale it to 1 to hand it back"
                .to_owned()
        }
        Hold::ForeignScaler => format!(
            "{} is in charge; set `autoscaling.take_over: true` to hand the workload over",
            snapshot.foreign_scaler.as_deref().unwrap_or("another autoscaler")
        ),
        Hold::Rival(rival) => format!(
            "the workload {rival} reaches the same object, and neither moves it; let one of the two name another, or set \
             `enabled: false` under its autoscaling"
        ),
        Hold::Waiting => waiting(report, snapshot),
        Hold::Broken(what) => format!("a fault of Tenantry's own: {what}"),
    }
}

/// What keeps the size where it is, also when no time that passes will change it.
fn waiting(report: &Report, snapshot: &Snapshot) -> String {
    let until = report.bounds.last().filter(|bound| Some(bound.got) == snapshot.current).and_then(|bound| {
        let until = match &bound.limit {
            Limit::Max => "is all that the maximum allows, until `max_replicas` is raised".to_owned(),
            Limit::Min => "is the least that the minimum allows, until `min_replicas` is lowered".to_owned(),
            Limit::Quota => {
                "is all that the tenant's quota leaves, until another workload gives replicas back or it is \
                             raised"
                    .to_owned()
            }
            Limit::Budget => "is all that the budget pays for, until it is raised".to_owned(),
            Limit::ScheduleFloor(name) => format!("is the floor of schedule `{name}`, until that has passed"),
            Limit::ScheduleCeiling(name) => format!("is the ceiling of schedule `{name}`, until that has passed"),
            Limit::StabilizeUp
            | Limit::StabilizeDown
            | Limit::RateUp
            | Limit::RateDown
            | Limit::Freeze(_)
            | Limit::Blind
            | Limit::Follows => return None,
        };
        Some(format!("{} would be right, and {} {until}", bound.wanted, bound.got))
    });
    until.unwrap_or_else(|| "another size is wanted, and a limit does not allow it yet".to_owned())
}

fn waits(report: &Report) -> impl Iterator<Item = String> {
    report.waits.iter().map(|wait| match wait {
        Wait::Starting(count) => format!("{} to become ready", plural(count.get())),
        Wait::Stabilization(at) => format!("{}, when stabilization ends", clock(*at)),
        Wait::Rate(at) => format!("{}, when the rate allows more", clock(*at)),
        Wait::Fresh(signal) => format!("a fresh value of {signal}"),
        Wait::ManualEnds(at) => format!("{at}, when the size set by hand ends"),
    })
}

#[cfg(test)]
mod tests;
