use std::sync::Arc;

use futures::future::BoxFuture;
use http::{Method, StatusCode};
use jiff::civil::date;
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::time::Timestamp;
use tenantry_engine::access::Gate;
use tenantry_engine::ports::Clock;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use super::*;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::Door;
use crate::problem::Problem;
use crate::serve::{Limits, Listening, serve};
use crate::{Service, openapi, routes};

const PAGE: &str = "https://tenantry.example.org/docs/old";

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

#[derive(Debug, Deserialize, IntoParams)]
struct Query {
    /// How it was said before.
    #[serde(rename = "before")]
    _before: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OldBody)]
struct Body {
    /// How it is called now.
    #[serde(rename = "now")]
    _now: Option<String>,
    /// How it was called.
    #[serde(rename = "then")]
    _then: Option<String>,
}

fn deprecated(part: Part) -> Deprecated {
    Deprecated { part, since: date(2026, 11, 28), ends: Some(date(2027, 6, 1)), page: PAGE }
}

fn does(_: &Asked) -> BoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async { Answer::ok(&json!({})) })
}

fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/old", "old", Door::Open, does)
            .says("old", "Old", "")
            .gives::<Body>(StatusCode::OK, "Nothing.", json!({}))
            .deprecated(Deprecated { ends: None, ..deprecated(Part::Operation) }),
        Operation::new(Method::POST, "/v1/mixed", "mixed", Door::Open, does)
            .says("old", "Partly old", "")
            .query::<Query>()
            .takes::<Body>(json!({ "now": "x" }))
            .deprecated(deprecated(Part::Parameter("before")))
            .deprecated(Deprecated { since: date(2026, 1, 1), ..deprecated(Part::Field("then")) }),
        Operation::new(Method::GET, "/v1/new", "new", Door::Open, does).says("old", "New", "").gives::<Body>(
            StatusCode::OK,
            "Nothing.",
            json!({}),
        ),
    ]
}

/// What an answer tells: since when, until when, and how many pages.
fn told(response: &reqwest::Response) -> (Option<&str>, Option<&str>, usize) {
    let text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
    let link = format!("<{PAGE}>; rel=\"deprecation\"; type=\"text/html\"");
    let links: Vec<_> = response.headers().get_all("link").iter().collect();
    assert!(links.iter().all(|found| *found == link.as_str()), "{links:?}");
    (text("deprecation"), text("sunset"), links.len())
}

#[tokio::test]
async fn what_will_not_do_for_ever_is_told_with_each_answer_that_makes_use_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = tenantry_store::open(&format!("sqlite:{}", folder.path().join("store.db").display())).await.unwrap();
    let gate = Gate::new(store.clone()).unwrap();
    let Service(api) = Service::new(store, gate, Arc::new(Still), Limits::default());
    let listening = Listening::on("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let (url, ended) = (listening.url(), CancellationToken::new());
    let router = routes::routed(&api, operations());
    let served = tokio::spawn(serve(listening, router, api.limits, Arc::clone(&api.metrics), ended.clone()));

    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = |path: &str| client.get(format!("{url}{path}")).send();
    let post = |path: &str, body: Value| client.post(format!("{url}{path}")).json(&body).send();
    let (since, ends) = (Some("@1795824000"), Some("Tue, 01 Jun 2027 00:00:00 GMT"));
    assert_eq!(told(&get("/v1/old").await.unwrap()), (since, None, 1));
    // What is refused is told no less.
    let refused = get("/v1/old?x=1").await.unwrap();
    assert_eq!((refused.status().as_u16(), told(&refused)), (400, (since, None, 1)));
    assert_eq!(told(&get("/v1/new").await.unwrap()), (None, None, 0));
    assert_eq!(told(&post("/v1/mixed", json!({ "now": "x" })).await.unwrap()), (None, None, 0));
    assert_eq!(told(&post("/v1/mixed?before=x", json!({})).await.unwrap()), (since, ends, 1));
    assert_eq!(told(&post("/v1/mixed", json!({ "then": "x" })).await.unwrap()), (Some("@1767225600"), ends, 1));
    assert_eq!(told(&post("/v1/mixed?before=x", json!({ "then": "x" })).await.unwrap()).2, 2);

    ended.cancel();
    served.await.unwrap();
}

#[test]
fn the_document_marks_it() {
    let document = openapi::of(&operations());
    let at = |pointer: &str| document.pointer(pointer).unwrap_or(&Value::Null);
    assert_eq!(at("/paths/~1v1~1old/get/deprecated"), true);
    assert!(at("/paths/~1v1~1old/get/responses/200/headers/deprecation").is_object());
    assert_eq!(at("/paths/~1v1~1mixed/post/deprecated"), &Value::Null);
    assert_eq!(at("/paths/~1v1~1mixed/post/parameters/0/deprecated"), true);
    assert_eq!(at("/components/schemas/OldBody/properties/then/deprecated"), true);
    assert_eq!(at("/components/schemas/OldBody/properties/now/deprecated"), &Value::Null);
    assert_eq!(at("/paths/~1v1~1new/get/responses/200/headers/deprecation"), &Value::Null);
}
