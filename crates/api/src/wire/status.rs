//! Whether all is well.

use serde::Serialize;
use tenantry_engine::health::Problem as Found;
use tenantry_engine::status::ControllerStatus;
use utoipa::ToSchema;

use super::instant;

/// Something that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HealthProblem {
    /// With what.
    pub(crate) about: String,
    /// What.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) to_do: String,
}

impl From<Found> for HealthProblem {
    fn from(found: Found) -> Self {
        let Found { what, about, to_do } = found;
        Self { about, what, to_do }
    }
}

/// A controller as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Controller {
    /// Who it is.
    pub(crate) holder: String,
    /// As of when.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// When it began.
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    /// Whether it is in charge.
    pub(crate) leading: bool,
    /// Whether it writes, or only records what it would have done.
    pub(crate) acts: bool,
    /// Seconds from one cycle to the next.
    pub(crate) period_seconds: f64,
    /// Its last cycle, as `EPOCH.CYCLE`.
    pub(crate) generation: String,
    /// Seconds that the last cycle took.
    pub(crate) took_seconds: f64,
    /// Workloads that it sizes.
    pub(crate) workloads: usize,
}

impl From<&ControllerStatus> for Controller {
    fn from(status: &ControllerStatus) -> Self {
        Self {
            holder: status.holder.clone(),
            at: instant(status.at),
            started_at: instant(status.started_at),
            leading: status.leading,
            acts: status.acts,
            period_seconds: status.period.as_duration().as_secs_f64(),
            generation: status.generation.to_string(),
            took_seconds: status.took.as_duration().as_secs_f64(),
            workloads: status.workloads,
        }
    }
}

/// Whether all is well, as far as the caller may see.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Whether nothing is wrong.
    pub(crate) healthy: bool,
    /// The controllers; empty for those who see only tenants.
    pub(crate) controllers: Vec<Controller>,
    /// How many workloads are looked at.
    pub(crate) workloads: usize,
    /// What is wrong.
    pub(crate) problems: Vec<HealthProblem>,
    /// What is worth knowing and not wrong.
    pub(crate) notes: Vec<String>,
}

/// A word on whether the server serves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Alive {
    /// `ok`.
    pub(crate) status: String,
}
