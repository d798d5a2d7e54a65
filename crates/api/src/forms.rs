//! What the API answers, for the command line, which answers alike where there is no server. Whoever can open the store sees
//! all of it.

use serde::Serialize;
use serde_json::Value;
use tenantry_engine::health::Problem;
use tenantry_engine::ports::store::DecisionRecord;
use tenantry_engine::record::RecordError;
use tenantry_engine::status::{ControllerStatus, WorkloadStatus};
use tenantry_engine::tenants::{Listed, Shared};

use crate::wire::config::{Layer, Tenant};
use crate::wire::decision::{Decision, ExplainedDecision};
use crate::wire::status::{Controller, HealthProblem};
use crate::wire::workload::Workload;

/// A tenant of a list.
pub fn tenant(listed: &Listed) -> impl Serialize + use<> {
    Tenant::from(listed)
}

/// A tier or region of a list.
pub fn layer(shared: Shared) -> impl Serialize {
    Layer::from(shared)
}

/// A workload as it stood last.
pub fn workload(status: &WorkloadStatus) -> impl Serialize + use<> {
    Workload::of(status, |_| true)
}

/// A decision of a list.
pub fn decision(record: &DecisionRecord) -> impl Serialize + use<> {
    Decision::from(record)
}

/// A decision with its reasons and all that it was made from.
///
/// # Errors
/// [`RecordError`].
pub fn explained(record: &DecisionRecord) -> Result<Value, RecordError> {
    let unreadable = |cause| RecordError::Unreadable { id: record.id, cause };
    serde_json::to_value(ExplainedDecision::of(record, |_| true)?).map_err(unreadable)
}

/// A controller as it stands.
pub fn controller(status: &ControllerStatus) -> impl Serialize + use<> {
    Controller::from(status)
}

/// Something that is wrong.
pub fn problem(found: Problem) -> impl Serialize {
    HealthProblem::from(found)
}
