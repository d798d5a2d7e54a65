//! What containers should request, how sure that is, what it saves, and whether it is applied.

use serde::{Deserialize, Serialize};
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::plan::Hold;
use tenantry_domain::unit::{MicroUsd, Milli, Span};
use tenantry_domain::vertical::{Resource, Standing, VerticalMode};
use tenantry_planner::vertical::standing;

use crate::ports::store::ControlStore;
use crate::scope::Scope;
use crate::status::{ContainerStatus, ResourceStatus, WorkloadStatus};
use crate::tenants::{Tenants, TenantsError};
use crate::view;

/// A resource of a container as it is and as it should be; quantities as Kubernetes writes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Which workload, as `TENANT/WORKLOAD`.
    pub workload: String,
    /// Which container.
    pub container: String,
    /// Which resource.
    pub resource: Resource,
    /// The least that a pod requests; none when it names none.
    pub request_min: Option<String>,
    /// The most that a pod requests.
    pub request_max: Option<String>,
    /// The median of what is used; of memory, of each day's peak.
    pub used_median: String,
    /// The 90 % quantile of the same.
    pub used_p90: String,
    /// Share of samples that were cut off at the limit.
    pub throttled: f64,
    /// Kills for want of memory.
    pub oom_kills: u32,
    /// What it should request.
    pub recommended: String,
    /// The least that would do.
    pub lower: String,
    /// The most that is worth it.
    pub upper: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// The same as a word.
    pub confidence_in_words: String,
    /// How much history it rests on.
    pub history: Span,
    /// What all pods together would request less, in cores or bytes; negative when it is more.
    pub saving: f64,
    /// The same in dollars a month, where a price is declared.
    pub saving_usd_month: Option<f64>,
    /// When requests are changed.
    pub mode: VerticalMode,
    /// How the request stands to it, and why it is or is not applied.
    pub why: String,
}

/// What is recommended for a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommended {
    /// Which.
    pub key: WorkloadKey,
    /// By container and resource.
    pub rows: Vec<Recommendation>,
    /// Why there is nothing.
    pub unmeasured: Option<String>,
}

impl Recommended {
    /// Of a workload as it stood last.
    #[must_use]
    pub fn of(status: &WorkloadStatus) -> Self {
        let of = |container: &ContainerStatus| -> Vec<Recommendation> {
            container.resources.iter().map(|one| row(status, container, one)).collect()
        };
        let rows: Vec<Recommendation> = status.vertical.iter().flat_map(of).collect();
        let unmeasured = rows.is_empty().then(|| {
            let why = status.unreadable.clone().or_else(|| status.unmeasured.clone());
            why.unwrap_or_else(|| "none of its pods was measured yet".to_owned())
        });
        Self { key: status.key.clone(), rows, unmeasured }
    }
}

/// What is recommended in these scopes, ordered by workload: for all, for one tenant, or for one workload of it. Of a tenant
/// that is named, workloads that nobody looked at yet are told too.
///
/// # Errors
/// [`TenantsError`]: a tenant or workload that is named and not declared among them.
pub async fn recommended(
    store: &dyn ControlStore,
    tenants: &Tenants,
    scopes: &[Scope],
    tenant: Option<&TenantId>,
    workload: Option<&WorkloadName>,
) -> Result<Vec<Recommended>, TenantsError> {
    // What was never declared is another matter than what was not looked at yet.
    let declared = match (tenant, workload) {
        (Some(tenant), Some(workload)) => {
            let key = WorkloadKey { tenant: tenant.clone(), workload: workload.clone() };
            vec![tenants.spec_of(&key).await?.key]
        }
        (Some(tenant), None) => tenants.specs_of(tenant).await?.into_iter().map(|spec| spec.key).collect(),
        (None, _) => Vec::new(),
    };
    let mut statuses = Vec::new();
    for scope in scopes {
        statuses.extend(view::workloads(store, scope).await?);
    }
    if workload.is_some() {
        statuses.retain(|status| declared.contains(&status.key));
    }
    let mut all: Vec<Recommended> = statuses.iter().map(Recommended::of).collect();
    let unseen = declared.into_iter().filter(|key| !statuses.iter().any(|status| status.key == *key));
    all.extend(unseen.map(|key| Recommended {
        key,
        rows: Vec::new(),
        unmeasured: Some("it has not been looked at yet; `tenantry up` looks".to_owned()),
    }));
    all.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(all)
}

#[expect(clippy::cast_precision_loss, reason = "money as it is shown")]
fn usd(money: MicroUsd) -> f64 {
    money.0 as f64 / 1e6
}

fn row(status: &WorkloadStatus, container: &ContainerStatus, one: &ResourceStatus) -> Recommendation {
    let show = |value: Milli| quantity(one.resource, value);
    Recommendation {
        workload: status.key.to_string(),
        container: container.name.clone(),
        resource: one.resource,
        request_min: one.request_min.map(show),
        request_max: one.request_max.map(show),
        used_median: show(one.advice.median),
        used_p90: show(one.advice.high),
        throttled: one.advice.throttled.as_f64(),
        oom_kills: one.advice.oom_kills,
        recommended: show(one.target),
        lower: show(one.advice.lower),
        upper: show(one.advice.upper),
        confidence: container.confidence.as_f64(),
        confidence_in_words: in_words(container.history).to_owned(),
        history: container.history,
        saving: one.saving.as_f64(),
        saving_usd_month: one.month.map(usd),
        mode: status.vertical_mode,
        why: why(status, &one.standing),
    }
}

/// A quantity short enough for a column: whole mebibytes.
fn quantity(resource: Resource, value: Milli) -> String {
    match resource {
        Resource::Cpu => resource.show(value),
        Resource::Memory => {
            let step = 1000_i64 << 20;
            let whole = value.0.div_euclid(step) + i64::from(value.0.rem_euclid(step) > 0);
            resource.show(Milli(whole.saturating_mul(step)))
        }
    }
}

/// How sure a recommendation is after so much history.
fn in_words(history: Span) -> &'static str {
    const HOUR: u64 = 3_600_000;
    match history.as_millis() / HOUR {
        0 => "hardly any",
        1..24 => "low",
        24..72 => "fair",
        72..168 => "good",
        _ => "high",
    }
}

/// What keeps a request from being changed, where that is not its own standing.
fn why(status: &WorkloadStatus, own: &Standing) -> String {
    let acts = status.vertical_mode != VerticalMode::Off;
    let rests = matches!(status.hold, None | Some(Hold::Steady | Hold::Waiting));
    match (own, status.held()) {
        (Standing::Changes | Standing::InTurn(_), Some(hold)) if acts && !rests => {
            format!("not changed while the workload is held: {hold}")
        }
        (Standing::Changes, _) if status.trouble.is_some() => {
            format!("it is to change; the last attempt failed: {}", status.trouble.as_deref().unwrap_or_default())
        }
        _ => standing(own),
    }
}
