//! Whether the server serves, what it counts, and what it can be asked.

use http::{Method, StatusCode};
use serde_json::json;
use tenantry_engine::access::Action;
use tenantry_engine::backup::backups;

use super::platform;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::metrics::TEXT;
use crate::operation::{Door, Good, Operation};
use crate::problem::{OVERLOADED, Problem};
use crate::wire::status::Alive;

const TAG: &str = "server";

pub(crate) fn operations() -> Vec<Operation> {
    let ok = || json!({ "status": "ok" });
    vec![
        Operation::new(Method::GET, "/healthz", "isAlive", Door::Open, |asked| Box::pin(alive(asked)))
            .says(TAG, "Whether the server answers", "Says nothing of the store; see `/readyz`.")
            .gives::<Alive>(StatusCode::OK, "It answers.", ok()),
        Operation::new(Method::GET, "/readyz", "isReady", Door::Open, |asked| Box::pin(ready(asked)))
            .says(TAG, "Whether the store answers", "503 while it does not, and while the server ends.")
            .gives::<Alive>(StatusCode::OK, "It answers.", ok()),
        Operation::new(Method::GET, "/metrics", "readMetrics", Door::One(Action::ReadMetrics, platform), |asked| {
            Box::pin(metrics(asked))
        })
        .says(TAG, "What the server counts of itself", "In Prometheus' text form. Give Prometheus a token for it.")
        .gives_other(Good {
            status: StatusCode::OK,
            says: "The counts.",
            media_type: "text/plain",
            schema: text(),
            example: json!("tenantry_api_requests_in_flight 1\n"),
            tagged: false,
        }),
        Operation::new(Method::GET, "/v1/openapi.json", "readDocument", Door::Open, |asked| Box::pin(document(asked)))
            .says(TAG, "This document", "")
            .gives_other(Good {
                status: StatusCode::OK,
                says: "The document.",
                media_type: "application/json",
                schema: utoipa::openapi::Object::new().into(),
                example: json!({ "openapi": "3.1.0" }),
                tagged: false,
            }),
    ]
}

fn text() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String).into()
}

fn said() -> Alive {
    Alive { status: "ok".to_owned() }
}

async fn alive(_: &Asked) -> Result<Answer, Problem> {
    Answer::ok(&said())
}

async fn ready(asked: &Asked) -> Result<Answer, Problem> {
    if asked.api.ending.is_cancelled() {
        return Err(Problem::new(OVERLOADED, "the server is ending").again_after(1));
    }
    asked.api.store.config_version().await?;
    Answer::ok(&said())
}

async fn metrics(asked: &Asked) -> Result<Answer, Problem> {
    asked.api.metrics.failing(asked.api.identities.failing());
    let backups = backups(asked.api.store.as_ref()).await?;
    asked.api.metrics.backups(backups.as_ref(), asked.now);
    Ok(Answer::text(TEXT, asked.api.metrics.text()))
}

async fn document(asked: &Asked) -> Result<Answer, Problem> {
    Ok(Answer::text("application/json", asked.api.document.clone()))
}
