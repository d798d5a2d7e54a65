//! Events: told as they happen, resumed where they broke off, in the caller's scope only.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tenantry_engine::access::Role;

use crate::server::{Server, workload};

/// A stream as a client reads it.
struct Stream {
    response: reqwest::Response,
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

impl Stream {
    async fn open(server: &Server, token: &str, last: Option<&str>) -> Self {
        let mut asked = server.ask(Method::GET, "/v1/events", token);
        if let Some(last) = last {
            asked = asked.header("last-event-id", last);
        }
        let response = asked.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; none when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()))
                };
                if let Some(data) = field("data:") {
                    let (id, kind) = (field("id:").unwrap(), field("event:").unwrap());
                    return Some(Event { id, kind, data: serde_json::from_str(&data).unwrap() });
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.response.chunk()).await;
            let chunk = chunk.expect("an event within a minute").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

const ACME: &str = "tenant_config: { tenant: acme, workloads: { api: {} } }\n";
const RIVAL: &str = "tenant_config: { tenant: rival, workloads: { web: {} } }\n";

#[tokio::test]
async fn events_are_told_as_they_happen_and_resumed() {
    let server = Server::start().await;
    server.declare(&[ACME, RIVAL]).await;
    let admin = server.admin().await;
    let mut stream = Stream::open(&server, &admin, None).await;
    server
        .put(
            "/v1/tenants/acme/config?reason=more",
            &admin,
            "tenant_config: { labels: { a: b }, workloads: { api: {} } }\n",
        )
        .await;
    let first = stream.next().await.unwrap();
    assert_eq!(
        (first.kind.as_str(), &first.data["document"], &first.data["reason"]),
        ("revision", &json!("tenant/acme"), &json!("more"))
    );
    server.post("/v1/tenants/acme/workloads/api/pause", &admin, &json!({ "reason": "migration" })).await;
    let second = stream.next().await.unwrap();
    assert_eq!((second.kind.as_str(), &second.data["asked"]["pause"]["reason"]), ("intervention", &json!("migration")));
    let id = server.looked_at(&workload("rival", "web"), None).await;
    let third = stream.next().await.unwrap();
    assert_eq!((third.kind.as_str(), &third.data["id"]), ("decision", &json!(id)));
    drop(stream);

    // What happened meanwhile is told first, and nothing twice.
    server.ask(Method::POST, "/v1/tenants/acme/workloads/api/resume", &admin).send().await.unwrap();
    let mut stream = Stream::open(&server, &admin, Some(&second.id)).await;
    let told = [stream.next().await.unwrap(), stream.next().await.unwrap()];
    assert_eq!(told.each_ref().map(|event| event.kind.as_str()), ["intervention", "decision"]);
    assert_eq!((&told[0].data["asked"]["pause"], &told[1].data), (&json!(null), &third.data));
    let bad = server.ask(Method::GET, "/v1/events?last_event_id=x", &admin).send().await.unwrap();
    assert_eq!(bad.status().as_u16(), 400);
}

#[tokio::test]
async fn a_tenant_is_told_its_own_and_nothing_else() {
    let server = Server::start().await;
    server.declare(&[ACME, RIVAL]).await;
    let (admin, viewer) = (server.admin().await, server.token(Role::TenantViewer, "acme").await);
    let mut stream = Stream::open(&server, &viewer, Some("0.0")).await;
    assert_eq!(stream.next().await.unwrap().data["document"], "tenant/acme");
    server.looked_at(&workload("rival", "web"), None).await;
    server.put("/v1/tenants/rival/config", &admin, "tenant_config: { labels: { a: b } }\n").await;
    server.post("/v1/tenants/rival/workloads/web/pause", &admin, &json!({ "reason": "secret" })).await;
    server.put("/v1/layers/tiers/gold", &admin, "tier_config: {}\n").await;
    let id = server.looked_at(&workload("acme", "api"), None).await;
    assert_eq!(stream.next().await.unwrap().data["id"], id);
    let hidden = server.get("/v1/events?tenant=rival", &viewer).await;
    let absent = server.get("/v1/events?tenant=nobody", &viewer).await;
    assert_eq!((hidden.code(), hidden.anonymous()), ("T802".to_owned(), absent.anonymous()));
}

#[tokio::test]
async fn a_revoked_token_is_told_nothing_more_and_an_ending_server_ends_its_streams() {
    let mut server = Server::start().await;
    server.declare(&[ACME]).await;
    let (admin, viewer) = (server.admin().await, server.token(Role::TenantViewer, "acme").await);
    let mut stream = Stream::open(&server, &viewer, None).await;
    let mut other = Stream::open(&server, &admin, None).await;
    let id = viewer.split('_').nth(1).unwrap();
    server.ask(Method::DELETE, &format!("/v1/tokens/{id}"), &admin).send().await.unwrap();
    server.looked_at(&workload("acme", "api"), None).await;
    assert_eq!(stream.next().await, None);
    assert_eq!(other.next().await.unwrap().kind, "decision");
    server.ended.cancel();
    assert_eq!(other.next().await, None);
    drop(other);
    server.client = crate::server::plain();
    server.task.take().unwrap().await.unwrap();
}

#[tokio::test]
async fn one_caller_follows_so_many_streams() {
    let limits = tenantry_api::Limits { streams_each: 2, ..crate::server::ample() };
    let server = Server::with(limits, None).await;
    let (admin, other) = (server.admin().await, server.admin().await);
    let _first = Stream::open(&server, &admin, None).await;
    let second = Stream::open(&server, &admin, None).await;
    assert_eq!(server.get("/v1/events", &admin).await.code(), "T806");
    let _other = Stream::open(&server, &other, None).await;
    drop(second);
    // The place is free when the server has seen that the client is gone.
    let mut tries = 0;
    while server.ask(Method::GET, "/v1/events", &admin).send().await.unwrap().status().as_u16() != 200 {
        tries += 1;
        assert!(tries < 10_000, "the place was never given back");
        tokio::task::yield_now().await;
    }
}
