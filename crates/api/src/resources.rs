//! What can be asked for, resource after resource: each declares its operations beside what does them.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod decisions;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod glass;
pub(crate) mod health;
pub(crate) mod interventions;
pub(crate) mod layers;
pub(crate) mod status;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod whoami;
pub(crate) mod workloads;
pub(crate) mod written;

use tenantry_engine::access::Target;

use crate::asked::Asked;
use crate::problem::Problem;

/// The tenant that the path names.
fn tenant(asked: &Asked) -> Result<Target, Problem> {
    asked.tenant().map(Target::Tenant)
}

/// The workload that the path names.
fn workload(asked: &Asked) -> Result<Target, Problem> {
    asked.workload().map(Target::Workload)
}

/// What all tenants share.
#[expect(clippy::unnecessary_wraps, reason = "as all targets are named")]
const fn platform(_: &Asked) -> Result<Target, Problem> {
    Ok(Target::Platform)
}
