//! Decisions, in lists and with all that they were made from.

use serde::Serialize;
use serde_json::Value;
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::plan::{Action, Hold, Outcome};
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::events::Decided;
use tenantry_engine::ports::store::DecisionRecord;
use tenantry_engine::record::{RecordError, read, replays};
use utoipa::ToSchema;

use super::{instant, page};

/// A decision about a workload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Decision {
    /// Its number; rises with each decision.
    pub(crate) id: u64,
    /// The tenant.
    pub(crate) tenant: String,
    /// The workload.
    pub(crate) workload: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// The cycle that made it, as `EPOCH.CYCLE`.
    pub(crate) generation: String,
    /// Replicas before; none when that could not be read.
    pub(crate) from: Option<u32>,
    /// Replicas asked for.
    pub(crate) to: Option<u32>,
    /// Whether it asked for a change.
    pub(crate) changes: bool,
    /// What became of it: `held`, `pending`, `applied`, `observed`, `refused` or `unknown`.
    #[schema(pattern = "^(held|pending|applied|observed|refused|unknown)$")]
    pub(crate) outcome: String,
    /// Why it was refused or is unknown.
    pub(crate) why: Option<String>,
}

page!(
    /// A page of decisions, newest first.
    DecisionPage of Decision
);

fn outcome(outcome: &Outcome) -> (String, Option<String>) {
    let (word, why) = match outcome {
        Outcome::Held => ("held", None),
        Outcome::Pending => ("pending", None),
        Outcome::Applied => ("applied", None),
        Outcome::Observed => ("observed", None),
        Outcome::Refused(why) => ("refused", Some(why.clone())),
        Outcome::Unknown(why) => ("unknown", Some(why.clone())),
    };
    (word.to_owned(), why)
}

impl From<&DecisionRecord> for Decision {
    fn from(record: &DecisionRecord) -> Self {
        let (outcome, why) = outcome(&record.outcome);
        Self {
            id: record.id,
            tenant: record.key.tenant.to_string(),
            workload: record.key.workload.to_string(),
            at: instant(record.at),
            generation: record.generation.to_string(),
            from: record.from.map(Replicas::get),
            to: record.to.map(Replicas::get),
            changes: record.changes(),
            outcome,
            why,
        }
    }
}

impl From<&Decided> for Decision {
    fn from(decided: &Decided) -> Self {
        let Decided { id, key, at, generation, from, to, changes, outcome: became } = decided;
        let (outcome, why) = outcome(became);
        Self {
            id: *id,
            tenant: key.tenant.to_string(),
            workload: key.workload.to_string(),
            at: instant(*at),
            generation: generation.to_string(),
            from: from.map(Replicas::get),
            to: to.map(Replicas::get),
            changes: *changes,
            outcome,
            why,
        }
    }
}

/// A decision with its reasons and all that it was made from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ExplainedDecision {
    /// The decision.
    pub(crate) decision: Decision,
    /// Why, in plain words.
    pub(crate) reasons: Vec<String>,
    /// Whether planning again from the inputs gives the same plan.
    pub(crate) replays: bool,
    /// SHA-256 of the inputs as they are recorded.
    pub(crate) inputs_digest: String,
    /// What was asked and seen.
    #[schema(value_type = Object)]
    pub(crate) inputs: Value,
    /// The plan with its report.
    #[schema(value_type = Object)]
    pub(crate) planned: Value,
    /// Whether another tenant's workload is left out of inputs and plan, which then do not have the digest.
    pub(crate) redacted: bool,
}

impl ExplainedDecision {
    pub(crate) fn of(record: &DecisionRecord, sees: impl Fn(&TenantId) -> bool) -> Result<Self, RecordError> {
        let (mut inputs, mut planned) = read(record)?;
        let replays = replays(record)?;
        let mut redacted = false;
        if let Some(rival) = &mut inputs.snapshot.rival {
            redacted |= hide(rival, &sees);
        }
        if let Action::Hold(Hold::Rival(rival)) = &mut planned.plan.action {
            redacted |= hide(rival, &sees);
        }
        let reasons = tenantry_engine::explain(&inputs.spec, &inputs.snapshot, &planned, &record.outcome);
        let value = |value: Result<Value, serde_json::Error>| {
            value.map_err(|cause| RecordError::Unreadable { id: record.id, cause })
        };
        Ok(Self {
            decision: Decision::from(record),
            reasons,
            replays,
            inputs_digest: record.inputs_digest.clone(),
            inputs: value(serde_json::to_value(&inputs))?,
            planned: value(serde_json::to_value(&planned))?,
            redacted,
        })
    }
}

/// Puts a name that says nothing in the place of another tenant's workload; whether it had to.
fn hide(rival: &mut WorkloadKey, sees: impl Fn(&TenantId) -> bool) -> bool {
    if sees(&rival.tenant) {
        return false;
    }
    if let (Ok(tenant), Ok(workload)) = (TenantId::new("another-tenant"), WorkloadName::new("hidden")) {
        *rival = WorkloadKey { tenant, workload };
    }
    true
}
