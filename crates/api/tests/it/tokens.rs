//! Tokens, and who is known.

use reqwest::Method;
use serde_json::json;
use tenantry_engine::access::Role;

use crate::server::{Answered, Server};

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let server = Server::start().await;
    server.declare(&["tenant_config: { tenant: acme }\n"]).await;
    let admin = server.token(Role::TenantAdmin, "acme").await;
    let body = json!({ "name": "ci", "tenant": "acme", "roles": [{ "role": "tenant-viewer", "tenant": "acme" }], "expires_in": "1h" });
    let make = async |dry: bool, key: &'static str| {
        let path = if dry { "/v1/tokens?dry_run=true" } else { "/v1/tokens" };
        let asked = server.ask(Method::POST, path, &admin).header("idempotency-key", key).json(&body);
        Answered::of(asked.send().await.unwrap()).await
    };
    let tried = make(true, "dry").await;
    assert_eq!((tried.status.as_u16(), &tried.json()["secret"]), (200, &json!(null)), "{}", tried.text);
    let made = make(false, "k").await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let (secret, id) =
        (made.json()["secret"].as_str().unwrap().to_owned(), made.json()["token"]["id"].as_str().unwrap().to_owned());
    assert_eq!(made.header("location"), format!("/v1/tokens/{id}"));
    // Sent again it is not made again, and the secret is not told again.
    let again = make(false, "k").await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["secret"], &again.json()["token"]["id"]),
        (201, &json!(null), &json!(id))
    );
    let me = server.get("/v1/whoami", &secret).await.json();
    assert_eq!((&me["token"], &me["tenant"]), (&json!(id), &json!("acme")));
    assert_eq!(me["roles"], json!([{ "role": "tenant-viewer", "tenant": "acme" }]));
    let listed = server.get("/v1/tokens", &admin).await;
    assert!(listed.text.contains(&id) && !listed.text.contains(&secret), "{}", listed.text);
    assert_eq!(listed.json()["items"].as_array().unwrap().len(), 2);
    let revoked = server.ask(Method::DELETE, &format!("/v1/tokens/{id}"), &admin).send().await.unwrap();
    assert_eq!(revoked.status().as_u16(), 200);
    assert_eq!(server.get("/v1/whoami", &secret).await.code(), "T701");
}

#[tokio::test]
async fn no_token_reaches_farther_than_its_maker() {
    let server = Server::start().await;
    server.declare(&["tenant_config: { tenant: acme }\n", "tenant_config: { tenant: globex }\n"]).await;
    let admin = server.token(Role::TenantAdmin, "acme").await;
    let make = async |body: serde_json::Value| server.post("/v1/tokens", &admin, &body).await.status.as_u16();
    let role = |role: &str, tenant: &str| json!({ "role": role, "tenant": tenant });
    assert_eq!(make(json!({ "name": "x", "roles": [{ "role": "platform-admin" }] })).await, 403);
    assert_eq!(make(json!({ "name": "x", "tenant": "globex", "roles": [role("tenant-viewer", "globex")] })).await, 404);
    assert_eq!(make(json!({ "name": "x", "tenant": "nobody", "roles": [role("tenant-viewer", "nobody")] })).await, 404);
    assert_eq!(make(json!({ "name": "x", "tenant": "acme", "roles": [role("tenant-viewer", "globex")] })).await, 422);
    assert_eq!(make(json!({ "name": "x", "tenant": "acme", "roles": [{ "role": "platform-admin" }] })).await, 422);
    let foreign = server.token(Role::TenantViewer, "globex").await;
    let id = foreign.split('_').nth(1).unwrap();
    let revoke = server.ask(Method::DELETE, &format!("/v1/tokens/{id}"), &admin).send().await.unwrap();
    assert_eq!(revoke.status().as_u16(), 404);
    assert_eq!(server.get("/v1/whoami", &foreign).await.status.as_u16(), 200);
}

#[tokio::test]
async fn tokens_are_listed_in_pages() {
    let server = Server::start().await;
    let admin = server.admin().await;
    for _ in 0..6 {
        server.token(Role::Auditor, "").await;
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/tokens?limit=3".to_owned());
    loop {
        let page = server.get(&path, &admin).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/tokens?limit=3&cursor={next}");
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (7, 7));
}

#[tokio::test]
async fn whoever_is_not_known_is_told_the_same() {
    let server = Server::start().await;
    let token = server.admin().await;
    let mut answers = Vec::new();
    let other = if token.ends_with('x') { 'y' } else { 'x' };
    for wrong in ["nonsense", &token[..token.len() - 1], &format!("{}{other}", &token[..token.len() - 1])] {
        let answered = server.get("/v1/whoami", wrong).await;
        assert_eq!(
            (answered.code().as_str(), answered.header("www-authenticate")),
            ("T701", "Bearer realm=\"tenantry\"")
        );
        answers.push(answered.anonymous());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}
