//! Decisions about a workload.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_engine::access::Action;
use tenantry_engine::ports::store::DecisionFilter;
use utoipa::IntoParams;

use super::workload;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page;
use crate::problem::Problem;
use crate::wire::decision::{Decision, DecisionPage, ExplainedDecision};

const TAG: &str = "decisions";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those that asked for a change.
    #[serde(default)]
    changes: bool,
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
    /// Only those that asked for a change.
    #[serde(default)]
    changes: bool,
}

fn example() -> Value {
    json!({
        "id": 1042, "tenant": "acme", "workload": "api", "at": "2026-03-01T09:30:00Z", "generation": "3.1207",
        "from": 4, "to": 6, "changes": true, "outcome": "applied", "why": null
    })
}

pub(crate) fn operations() -> Vec<Operation> {
    let door = || Door::One(Action::ReadDecisions, workload);
    vec![
        Operation::new(
            Method::GET,
            "/v1/decisions",
            "listAllDecisions",
            Door::Anywhere(Action::ReadDecisions),
            |asked| Box::pin(list_all(asked)),
        )
        .says(TAG, "Decisions about all workloads", "Those that the caller may see, newest first.")
        .query::<WhichOfAll>()
        .gives::<DecisionPage>(
            StatusCode::OK,
            "A page of them.",
            json!({ "items": [example()], "next": null }),
        ),
        Operation::new(
            Method::GET,
            "/v1/tenants/{tenant}/workloads/{workload}/decisions",
            "listDecisions",
            door(),
            |asked| Box::pin(list(asked)),
        )
        .says(TAG, "Decisions about a workload", "Newest first.")
        .query::<Which>()
        .gives::<DecisionPage>(StatusCode::OK, "A page of them.", json!({ "items": [example()], "next": null }))
        .refuses(&[404]),
        Operation::new(
            Method::GET,
            "/v1/tenants/{tenant}/workloads/{workload}/decisions/{decision}",
            "explainDecision",
            door(),
            |asked| Box::pin(explain(asked)),
        )
        .says(TAG, "Why a workload is the size it is", "One decision with its reasons, inputs and plan.")
        .gives::<ExplainedDecision>(
            StatusCode::OK,
            "The decision.",
            json!({
                "decision": example(), "reasons": ["4 replicas become 6"], "replays": true,
                "inputs_digest": "0f0f", "inputs": {}, "planned": {}, "redacted": false
            }),
        )
        .refuses(&[404]),
    ]
}

async fn list_all(asked: &Asked) -> Result<Answer, Problem> {
    let WhichOfAll { limit, cursor, tenant, changes } = asked.query()?;
    let (count, before) = (page::size(limit)?, page::number(cursor.as_deref())?);
    let filter = DecisionFilter { key: None, changes_only: changes, before, since: None };
    let mut found = Vec::new();
    for scope in asked.scopes_of(super::only(tenant.as_deref())?.as_ref()) {
        found.extend(asked.api.store.decisions(&scope, &filter, count + 1).await?);
    }
    found.sort_by_key(|record| std::cmp::Reverse(record.id));
    let next = page::cut(&mut found, count, |record| page::cursor(&record.id.to_string()));
    let items = found.iter().map(|record| page::selected(&Decision::from(record), None));
    Answer::ok(&DecisionPage { items: items.collect::<Result<_, _>>()?, next })
}

async fn list(asked: &Asked) -> Result<Answer, Problem> {
    let Which { limit, cursor, changes } = asked.query()?;
    let (count, before) = (page::size(limit)?, page::number(cursor.as_deref())?);
    let key = asked.workload()?;
    let filter = DecisionFilter { key: Some(key.clone()), changes_only: changes, before, since: None };
    let mut found = asked.api.store.decisions(asked.scope()?, &filter, count + 1).await?;
    if found.is_empty() && before.is_none() {
        asked.tenants().spec_of(&key).await?;
    }
    let next = page::cut(&mut found, count, |record| page::cursor(&record.id.to_string()));
    let items = found.iter().map(|record| page::selected(&Decision::from(record), None));
    Answer::ok(&DecisionPage { items: items.collect::<Result<_, _>>()?, next })
}

async fn explain(asked: &Asked) -> Result<Answer, Problem> {
    let (key, id) = (asked.workload()?, asked.number("decision")?);
    let filter = DecisionFilter { key: Some(key), before: id.checked_add(1), ..DecisionFilter::default() };
    let found = asked.api.store.decisions(asked.scope()?, &filter, 1).await?;
    let record = found.into_iter().next().filter(|record| record.id == id).ok_or_else(Problem::not_found)?;
    Answer::ok(&ExplainedDecision::of(&record, |tenant| asked.names(tenant))?)
}
