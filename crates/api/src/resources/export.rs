//! Every declared document, to be kept elsewhere or carried over.

use http::{Method, StatusCode};
use serde_json::json;
use tenantry_domain::config::DocumentKey;
use tenantry_engine::access::{AccessError, Action, Target};

use super::documents::document_example;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::guard::looked_at;
use crate::operation::{Door, Operation};
use crate::page::{self, Paging};
use crate::problem::{INTERNAL, Problem};
use crate::wire::config::{ExportPage, ExportedDocument};

const ID: &str = "exportConfig";

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/config", ID, Door::Anywhere(Action::ReadConfig), |asked| {
            Box::pin(export(asked))
        })
        .says(
            "configuration",
            "Every declared document",
            "Those of tenants that the caller may see, and, for who may `readLayer`, what tenants share. As they can be sent \
             back to `/v1/apply`.",
        )
        .query::<Paging>()
        .gives::<ExportPage>(
            StatusCode::OK,
            "A page of them.",
            json!({
                "items": [{ "name": "tenants/acme.yaml", "revision": 3, "document": document_example() }],
                "next": null
            }),
        ),
    ]
}

/// Where a document lies in a folder of documents.
fn place(key: &DocumentKey) -> String {
    match key {
        DocumentKey::Defaults => "defaults.yaml".to_owned(),
        DocumentKey::Tier(name) => format!("tiers/{name}.yaml"),
        DocumentKey::Region(name) => format!("regions/{name}.yaml"),
        DocumentKey::Tenant(id) => format!("tenants/{id}.yaml"),
    }
}

/// Whether what tenants share may be told, which is another thing than their own documents.
async fn sees_layers(asked: &Asked) -> Result<bool, Problem> {
    let Some(caller) = &asked.caller else { return Ok(false) };
    match asked.api.gate.admit(caller, Action::ReadLayer, &Target::Platform, &asked.circumstances()).await {
        Ok(_) => Ok(true),
        Err(AccessError::Refused { .. }) => Ok(false),
        Err(AccessError::Store(error)) => Err(error.into()),
        Err(other) => Err(Problem::new(INTERNAL, other.to_string())),
    }
}

async fn export(asked: &Asked) -> Result<Answer, Problem> {
    let Paging { limit, cursor } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let mut all = asked.tenants().export().await?;
    if !sees_layers(asked).await? {
        all.retain(|(_, document)| matches!(document.key(), DocumentKey::Tenant(_)));
    }
    all.sort_by_cached_key(|(_, document)| place(document.key()));
    let (found, next) = page::after(all.iter(), |(_, document)| place(document.key()), after.as_deref(), count);
    let tenants = found.iter().filter_map(|(_, document)| match document.key() {
        DocumentKey::Tenant(id) => Some(id.clone()),
        _ => None,
    });
    looked_at(asked, ID, tenants).await?;
    let items = found.into_iter().map(|(revision, document)| {
        let name = place(document.key());
        page::selected(&ExportedDocument { name, revision: *revision, document: document.to_file() }, None)
    });
    Answer::ok(&ExportPage { items: items.collect::<Result<_, _>>()?, next })
}
