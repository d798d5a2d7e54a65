//! A recorded decision in plain words: the planner's own, but for what it cannot know or say: that another workload
//! reaches the same object, and that a limit will not yield by itself.

use tenantry_domain::plan::{Action, Bound, Hold, Limit, Outcome, Planned};

use crate::record::Inputs;
use crate::rivals;

/// How the line begins that says what was done.
const DID: &str = "did        ";

/// Says what was seen, expected and considered, which limit bound, what was done, and what is waited for; a line each.
#[must_use]
pub fn explain(inputs: &Inputs, planned: &Planned, outcome: &Outcome) -> Vec<String> {
    let mut lines = tenantry_planner::explain(&inputs.spec, &inputs.snapshot, planned, outcome);
    let better = match &planned.plan.action {
        Action::Hold(Hold::ForeignScaler) => contested(inputs),
        Action::Hold(Hold::Waiting) => kept(inputs, planned),
        _ => None,
    };
    if let Some((line, better)) = lines.iter_mut().find(|line| line.starts_with(DID)).zip(better) {
        *line = format!("{DID}hold: {better}");
    }
    lines
}

fn contested(inputs: &Inputs) -> Option<String> {
    let rival = rivals::rival(inputs.snapshot.foreign_scaler.as_deref())?;
    Some(format!(
        "the workload {rival} reaches the same object, and neither moves it; {}",
        "let one of the two name another, or set `enabled: false` under its autoscaling"
    ))
}

/// What keeps the size where it is when no time that passes will change it.
fn kept(inputs: &Inputs, planned: &Planned) -> Option<String> {
    let Bound { limit, wanted, got } = planned.report.bounds.last()?;
    if Some(*got) != inputs.snapshot.current {
        return None;
    }
    let until = match limit {
        Limit::Max => "is all that the maximum allows, until `max_replicas` is raised".to_owned(),
        Limit::Min => "is the least that the minimum allows, until `min_replicas` is lowered".to_owned(),
        Limit::Quota => {
            "is all that the tenant's quota leaves, until another workload gives replicas back or it is raised"
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
        | Limit::Blind => return None,
    };
    Some(format!("{wanted} would be right, and {got} {until}"))
}

#[cfg(test)]
mod tests;
