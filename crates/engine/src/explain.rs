//! A recorded decision in plain words: the planner's own, but for what it cannot know: that another workload reaches
//! the same object.

use tenantry_domain::plan::{Action, Hold, Outcome, Planned};

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

#[cfg(test)]
mod tests;
