//! Tenants.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_engine::access::Action;
use tenantry_engine::tenants::Listed;
use utoipa::IntoParams;

use super::tenant;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page;
use crate::problem::Problem;
use crate::selector::Selector;
use crate::wire::config::{Tenant, TenantPage};

const TAG: &str = "tenants";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// A label selector as Kubernetes has it, such as `team=a,env!=dev`.
    #[param(example = "team=payments")]
    labels: Option<String>,
    /// Only those of this tier.
    tier: Option<String>,
    /// Only those of this region.
    region: Option<String>,
    /// Only these fields of each, such as `id,tier`.
    #[param(example = "id,tier")]
    fields: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Only these fields, such as `id,tier`.
    #[param(example = "id,tier")]
    fields: Option<String>,
}

fn example() -> Value {
    json!({
        "id": "acme", "tier": "gold", "region": "eu-west-1", "labels": { "team": "payments" }, "revision": 3,
        "owner": "api", "changed_at": "2026-03-01T09:30:00Z", "workloads": 2, "notes": []
    })
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/tenants", "listTenants", Door::Anywhere(Action::ReadTenant), |asked| {
            Box::pin(list(asked))
        })
        .says(TAG, "Tenants", "Those that the caller may see, ordered by id.")
        .query::<Which>()
        .gives::<TenantPage>(StatusCode::OK, "A page of them.", json!({ "items": [example()], "next": null })),
        Operation::new(
            Method::GET,
            "/v1/tenants/{tenant}",
            "readTenant",
            Door::One(Action::ReadTenant, tenant),
            |asked| Box::pin(get(asked)),
        )
        .says(TAG, "A tenant", "")
        .query::<Fields>()
        .gives::<Tenant>(StatusCode::OK, "The tenant.", example())
        .refuses(&[404]),
    ]
}

async fn list(asked: &Asked) -> Result<Answer, Problem> {
    let Which { limit, cursor, labels, tier, region, fields } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let selector = labels.as_deref().map(Selector::read).transpose()?;
    let all = asked.tenants().list().await?;
    let wanted = |one: &&Arc<Listed>| {
        selector.as_ref().is_none_or(|selector| selector.admits(&one.labels))
            && tier.as_ref().is_none_or(|tier| one.tier.as_ref() == Some(tier))
            && region.as_ref().is_none_or(|region| one.region.as_ref() == Some(region))
    };
    let (found, next) = page::after(all.iter().filter(wanted), |one| one.id.to_string(), after.as_deref(), count);
    let items = found.into_iter().map(|one| page::selected(&Tenant::from(one.as_ref()), fields.as_deref()));
    Answer::ok(&TenantPage { items: items.collect::<Result<_, _>>()?, next })
}

async fn get(asked: &Asked) -> Result<Answer, Problem> {
    let Fields { fields } = asked.query()?;
    let id = asked.tenant()?;
    let found = asked.tenants().one(&id).await?;
    let tenant = Tenant::from(&found.ok_or_else(Problem::not_found)?);
    Answer::ok(&page::selected(&tenant, fields.as_deref())?)
}
