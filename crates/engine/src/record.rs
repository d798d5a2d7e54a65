//! Decisions as they are recorded, and made again from the record. Law L7.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tenantry_domain::plan::{Action, Generation, Hold, Outcome, Planned};
use tenantry_domain::snapshot::Snapshot;
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::vertical::ContainerResize;
use thiserror::Error;

use crate::ports::store::DecisionRecord;

/// All that a decision was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// What was asked.
    pub spec: WorkloadSpec,
    /// What was seen.
    pub snapshot: Snapshot,
}

/// A record that cannot be read or does not hold.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It is not the JSON that was written.
    #[error("decision {id} cannot be read: {cause}")]
    Unreadable {
        /// Which record.
        id: u64,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// Its inputs are not those that were recorded.
    #[error("decision {id} was altered: its inputs do not have the recorded digest")]
    Altered {
        /// Which record.
        id: u64,
    },
}

impl RecordError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "T501",
            Self::Altered { .. } => "T502",
        }
    }
}

/// A decision's record, to be stored before anything is done.
///
/// # Errors
/// What cannot be written as JSON, which no plan of ours is.
pub fn record(
    inputs: &Inputs,
    planned: &Planned,
    generation: Generation,
    outcome: Outcome,
) -> Result<DecisionRecord, serde_json::Error> {
    let inputs_json = serde_json::to_string(inputs)?;
    let (from, to) = match planned.plan.action {
        Action::Hold(_) | Action::Resize(_) => (inputs.snapshot.current, inputs.snapshot.current),
        Action::Scale { from, to } => (Some(from), Some(to)),
    };
    Ok(DecisionRecord {
        id: 0,
        key: planned.plan.key.clone(),
        at: inputs.snapshot.now,
        generation,
        from,
        to,
        inputs_digest: digest(inputs_json.as_bytes()),
        inputs: inputs_json,
        planned: serde_json::to_string(planned)?,
        outcome,
    })
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a record was made from, and what was planned.
///
/// # Errors
/// [`RecordError`].
pub fn read(record: &DecisionRecord) -> Result<(Inputs, Planned), RecordError> {
    let unreadable = |cause| RecordError::Unreadable { id: record.id, cause };
    if digest(record.inputs.as_bytes()) != record.inputs_digest {
        return Err(RecordError::Altered { id: record.id });
    }
    let inputs = serde_json::from_str(&record.inputs).map_err(unreadable)?;
    let planned = serde_json::from_str(&record.planned).map_err(unreadable)?;
    Ok((inputs, planned))
}

/// Whether planning again from a record's inputs gives the recorded plan, byte for byte. A hold that the driver put in
/// the plan's place, because the plan broke a law or the object had just refused one, is no plan and holds by itself.
///
/// # Errors
/// [`RecordError`].
pub fn replays(record: &DecisionRecord) -> Result<bool, RecordError> {
    let (inputs, recorded) = read(record)?;
    let again = tenantry_planner::plan(&inputs.spec, &inputs.snapshot);
    if matches!(recorded.plan.action, Action::Hold(Hold::Broken(_) | Hold::Waiting)) {
        return Ok(recorded.report == again.report);
    }
    let again = serde_json::to_string(&again).map_err(|cause| RecordError::Unreadable { id: record.id, cause })?;
    Ok(again == record.planned)
}

/// What two decisions must have in common for the second to be no news.
pub(crate) fn gist(planned: &Planned) -> String {
    let limits: Vec<_> = planned.report.bounds.iter().map(|bound| &bound.limit).collect();
    let blind: Vec<bool> =
        planned.report.seen.iter().map(|seen| matches!(seen.sight, tenantry_domain::plan::Sight::Value(_))).collect();
    let action = match &planned.plan.action {
        // Which pods come first is no news.
        Action::Resize(pods) => {
            let to: BTreeSet<String> = pods.iter().flat_map(|pod| &pod.containers).map(to).collect();
            format!("Resize {to:?}")
        }
        other => format!("{other:?}"),
    };
    format!("{action} {:?} {limits:?} {blind:?} {:?}", planned.report.wanted, planned.report.vertical)
}

fn to(resize: &ContainerResize) -> String {
    format!("{} {:?}", resize.container, resize.to)
}
