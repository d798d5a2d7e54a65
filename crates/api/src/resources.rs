//! What can be asked for, resource after resource: each declares its operations beside what does them.

pub(crate) mod all_written;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod can_i;
pub(crate) mod decisions;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod glass;
pub(crate) mod health;
pub(crate) mod interventions;
pub(crate) mod layers;
pub(crate) mod recommendations;
pub(crate) mod status;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod whoami;
pub(crate) mod workloads;
pub(crate) mod written;

use serde::Deserialize;
use tenantry_domain::id::TenantId;
use tenantry_engine::access::Target;
use utoipa::IntoParams;

use crate::asked::Asked;
use crate::problem::{MALFORMED, Problem};

/// What may be tried first.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Trying {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// The tenant that a body names, or the platform where it names none.
fn named(tenant: Option<String>) -> Result<Target, Problem> {
    let Some(tenant) = tenant else { return Ok(Target::Platform) };
    TenantId::new(tenant).map(Target::Tenant).map_err(|_| Problem::not_found())
}

/// The one tenant that a query asks about, where it does.
fn only(tenant: Option<&str>) -> Result<Option<TenantId>, Problem> {
    let read = |error: tenantry_domain::id::NameError| Problem::new(MALFORMED, format!("`tenant`: {error}"));
    tenant.map(|tenant| TenantId::new(tenant).map_err(read)).transpose()
}

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
