//! What containers should request.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tenantry_domain::id::{NameError, WorkloadName};
use tenantry_engine::access::Action;
use tenantry_engine::recommend::{Recommended, recommended};
use utoipa::IntoParams;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page;
use crate::problem::{MALFORMED, Problem};
use crate::wire::workload::{RecommendedPage, WorkloadRecommendation};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only workloads of this tenant.
    #[param(example = "acme")]
    tenant: Option<String>,
    /// Only this workload of the tenant.
    workload: Option<String>,
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/v1/recommendations",
            "listRecommendations",
            Door::Anywhere(Action::ReadStatus),
            |asked| Box::pin(list(asked)),
        )
        .says(
            "workloads",
            "What containers should request",
            "How sure that is, what it saves, and whether it is applied: of workloads that the caller may see, ordered by \
             tenant and name. Of a tenant that is named, workloads that nobody looked at yet are among them.",
        )
        .query::<Which>()
        .gives::<RecommendedPage>(
            StatusCode::OK,
            "A page of them.",
            json!({
                "items": [{
                    "tenant": "acme", "workload": "api", "unmeasured": null,
                    "recommendations": [{
                        "workload": "acme/api", "container": "main", "resource": "cpu", "request_min": "1",
                        "request_max": "1", "used_median": "100m", "used_p90": "260m", "throttled": 0.12,
                        "oom_kills": 0, "recommended": "300m", "lower": "120m", "upper": "700m", "confidence": 0.66,
                        "confidence_in_words": "fair", "history": "2d", "saving": 1.4, "saving_usd_month": 40.88,
                        "mode": "off", "why": "not changed: `vertical.mode` is off"
                    }]
                }],
                "next": null
            }),
        )
        .refuses(&[404, 422]),
    ]
}

async fn list(asked: &Asked) -> Result<Answer, Problem> {
    let Which { limit, cursor, tenant, workload } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let tenant = super::only(tenant.as_deref())?;
    let bad = |error: NameError| Problem::new(MALFORMED, format!("`workload`: {error}"));
    let workload = workload.map(WorkloadName::new).transpose().map_err(bad)?;
    if workload.is_some() && tenant.is_none() {
        return Err(Problem::new(MALFORMED, "`workload` goes with `tenant`"));
    }
    let (scopes, tenants) = (asked.scopes_of(tenant.as_ref()), asked.tenants());
    let store = asked.api.store.as_ref();
    let all = recommended(store, &tenants, &scopes, tenant.as_ref(), workload.as_ref()).await?;
    let (found, next) = page::after(all.iter(), |one| one.key.to_string(), after.as_deref(), count);
    let items = found.into_iter().map(|one: &Recommended| page::selected(&WorkloadRecommendation::from(one), None));
    Answer::ok(&RecommendedPage { items: items.collect::<Result<_, _>>()?, next })
}
