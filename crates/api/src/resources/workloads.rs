//! Workloads as they stand.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::id::TenantId;
use tenantry_engine::access::Action;
use tenantry_engine::status::WorkloadStatus;
use tenantry_engine::view;
use utoipa::IntoParams;

use super::{tenant, workload};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page;
use crate::problem::{NOT_FOUND, Problem};
use crate::wire::workload::{Workload, WorkloadPage};

const TAG: &str = "workloads";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only these fields of each, such as `name,current`.
    #[param(example = "name,current")]
    fields: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WhichOfAll {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those of this tenant.
    #[param(example = "acme")]
    tenant: Option<String>,
    /// Only these fields of each, such as `tenant,name,current`.
    #[param(example = "tenant,name,current")]
    fields: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Only these fields, such as `name,current`.
    #[param(example = "name,current")]
    fields: Option<String>,
}

fn example() -> Value {
    json!({
        "tenant": "acme", "name": "api", "at": "2026-03-01T09:30:00Z", "target": "Deployment acme/web",
        "strategy": "predictive", "min_replicas": 2, "max_replicas": 50, "current": 4, "ready": 4, "wanted": 6,
        "decided": 6, "state": "scaling", "detail": null,
        "signals": [{
            "name": "requests", "target": "100 per replica", "now": 410.0, "missing": null, "expected": 560.0,
            "trusted": true, "demand": [], "follows": false
        }],
        "startup_delay_seconds": 30.0, "hour_cost_usd": 0.4, "blind_since": null, "trouble": null,
        "vertical_mode": "off", "containers": []
    })
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/workloads", "listAllWorkloads", Door::Anywhere(Action::ReadStatus), |asked| {
            Box::pin(list_all(asked))
        })
        .says(
            TAG,
            "Workloads of all tenants",
            "Those that the caller may see, as a controller last looked at them, ordered by tenant and name.",
        )
        .query::<WhichOfAll>()
        .gives::<WorkloadPage>(
            StatusCode::OK,
            "A page of them.",
            json!({ "items": [example()], "next": null }),
        ),
        Operation::new(
            Method::GET,
            "/v1/tenants/{tenant}/workloads",
            "listWorkloads",
            Door::One(Action::ReadStatus, tenant),
            |asked| Box::pin(list(asked)),
        )
        .says(TAG, "Workloads of a tenant", "As a controller last looked at them, ordered by name.")
        .query::<Which>()
        .gives::<WorkloadPage>(StatusCode::OK, "A page of them.", json!({ "items": [example()], "next": null }))
        .refuses(&[404]),
        Operation::new(
            Method::GET,
            "/v1/tenants/{tenant}/workloads/{workload}",
            "readWorkload",
            Door::One(Action::ReadStatus, workload),
            |asked| Box::pin(get(asked)),
        )
        .says(TAG, "A workload", "As a controller last looked at it.")
        .query::<Fields>()
        .gives::<Workload>(StatusCode::OK, "The workload.", example())
        .refuses(&[404]),
    ]
}

/// Those of every scope that was admitted, or of one tenant in it.
async fn all_statuses(asked: &Asked, tenant: Option<&TenantId>) -> Result<Vec<WorkloadStatus>, Problem> {
    let mut found = Vec::new();
    for scope in asked.scopes_of(tenant) {
        found.extend(view::workloads(asked.api.store.as_ref(), &scope).await?);
    }
    found.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(found)
}

async fn list_all(asked: &Asked) -> Result<Answer, Problem> {
    let WhichOfAll { limit, cursor, tenant, fields } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let all = all_statuses(asked, super::only(tenant.as_deref())?.as_ref()).await?;
    let (found, next) = page::after(all.iter(), |one| one.key.to_string(), after.as_deref(), count);
    let one = |status: &WorkloadStatus| {
        page::selected(&Workload::of(status, |tenant| asked.names(tenant)), fields.as_deref())
    };
    Answer::ok(&WorkloadPage { items: found.into_iter().map(one).collect::<Result<_, _>>()?, next })
}

/// Those of the tenant that the path names; a tenant that is not declared has none to tell of.
async fn statuses(asked: &Asked) -> Result<Vec<WorkloadStatus>, Problem> {
    let id = asked.tenant()?;
    let found = view::workloads(asked.api.store.as_ref(), asked.scope()?).await?;
    let found: Vec<WorkloadStatus> = found.into_iter().filter(|status| status.key.tenant == id).collect();
    if found.is_empty() {
        asked.tenants().effective(&id).await?;
    }
    Ok(found)
}

async fn list(asked: &Asked) -> Result<Answer, Problem> {
    let Which { limit, cursor, fields } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let all = statuses(asked).await?;
    let (found, next) = page::after(all.iter(), |one| one.key.workload.to_string(), after.as_deref(), count);
    let one = |status: &WorkloadStatus| {
        page::selected(&Workload::of(status, |tenant| asked.names(tenant)), fields.as_deref())
    };
    Answer::ok(&WorkloadPage { items: found.into_iter().map(one).collect::<Result<_, _>>()?, next })
}

async fn get(asked: &Asked) -> Result<Answer, Problem> {
    let Fields { fields } = asked.query()?;
    let key = asked.workload()?;
    let Some(status) = statuses(asked).await?.into_iter().find(|status| status.key == key) else {
        // One that is declared and not looked at yet is another matter than one that was never declared.
        asked.tenants().spec_of(&key).await?;
        return Err(Problem::new(NOT_FOUND, "no controller has looked at this workload yet"));
    };
    let seen = Workload::of(&status, |tenant| asked.names(tenant));
    Answer::ok(&page::selected(&seen, fields.as_deref())?)
}
