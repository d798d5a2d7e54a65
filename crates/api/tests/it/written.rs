//! Policies, roles and broken glass through the API.

use reqwest::Method;
use serde_json::{Value, json};
use tenantry_domain::unit::Span;
use tenantry_engine::access::Role;

use crate::server::{Answered, NOW, Server};

const QUIET: &str = r#"@id("quiet") @says("editors pause nothing") forbid (principal in Role::"acme/tenant-editor", action == Action::"pauseWorkload", resource in Tenant::"acme");"#;
const ACME: &str = "tenant_config: { tenant: acme, workloads: { api: {} } }\n";

async fn world() -> Server {
    let server = Server::start().await;
    server.declare(&[ACME, "tenant_config: { tenant: globex }\n"]).await;
    server
}

async fn send(server: &Server, method: Method, path: &str, token: &str, body: Option<&Value>) -> Answered {
    let asked = server.ask(method, path, token);
    let asked = if let Some(body) = body { asked.json(body) } else { asked };
    Answered::of(asked.send().await.unwrap()).await
}

#[tokio::test]
async fn a_tenant_writes_its_policies_which_count_at_once() {
    let server = world().await;
    let (admin, editor) =
        (server.token(Role::TenantAdmin, "acme").await, server.token(Role::TenantEditor, "acme").await);
    let path = "/v1/tenants/acme/policies";
    let pause = async || {
        let body = json!({ "reason": "test" });
        send(&server, Method::POST, "/v1/tenants/acme/workloads/api/pause?dry_run=true", &editor, Some(&body)).await
    };
    let before = pause().await.status.as_u16();
    let put = async |text: &str, more: &str| {
        send(&server, Method::PUT, &format!("{path}{more}"), &admin, Some(&json!({ "text": text }))).await
    };
    assert_eq!(put(QUIET, "?dry_run=true").await.json()["changed"], true);
    assert_eq!(server.get(path, &admin).await.status.as_u16(), 404);
    let made = put(QUIET, "?reason=quiet%20nights").await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (200, "\"1\""), "{}", made.text);
    let after = pause().await;
    assert_ne!(before, 403);
    assert!(after.status.as_u16() == 403 && after.text.contains("t/acme/own/quiet"), "{}", after.text);
    let read = server.get(path, &admin).await.json();
    assert_eq!((&read["reason"], &read["policies"][0]["effect"]), (&json!("quiet nights"), &json!("forbid")));
    assert_eq!(server.get(path, &editor).await.status.as_u16(), 403);
    // What is not valid, or speaks of others, is not taken, and the answer says why.
    for (text, why) in [
        ("permit (principal, action, resource);", "has no name"),
        (r#"@id("x") permit (principal, action, resource);"#, "must say of what"),
        (&QUIET.replace("pauseWorkload", "pauseWorkloads"), "pauseWorkloads"),
    ] {
        let refused = put(text, "").await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "T706"), "{}", refused.text);
        assert!(refused.text.contains(why), "{}", refused.text);
    }
    // Held to the revision that was read.
    let asked = server.ask(Method::DELETE, path, &admin).header("if-match", "\"7\"");
    assert_eq!(Answered::of(asked.send().await.unwrap()).await.status.as_u16(), 412);
    let asked = server.ask(Method::DELETE, path, &admin).header("if-match", "\"1\"");
    assert_eq!(Answered::of(asked.send().await.unwrap()).await.header("etag"), "\"2\"");
    assert_ne!(pause().await.status.as_u16(), 403);
    let back = send(&server, Method::POST, &format!("{path}/rollback?to=1"), &admin, None).await;
    assert_eq!(back.json()["revision"], 3, "{}", back.text);
    assert_eq!(pause().await.status.as_u16(), 403);
    let listed = server.get(&format!("{path}/revisions"), &admin).await.json();
    let numbers: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| one["revision"].as_u64()).collect();
    assert_eq!(numbers, [Some(3), Some(2), Some(1)]);
    assert_eq!(server.get(&format!("{path}/revisions/1"), &admin).await.json()["text"], QUIET);
    assert_eq!(server.get(&format!("{path}/revisions/2"), &admin).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_role_is_declared_given_and_held() {
    let server = world().await;
    let admin = server.token(Role::TenantAdmin, "acme").await;
    let path = "/v1/tenants/acme/roles";
    let roles = json!({ "roles": { "pauser": { "actions": ["pauseWorkload"], "roles": ["tenant-viewer"] } } });
    let asked = json!({ "name": "x", "tenant": "acme", "roles": [{ "role": "pauser", "tenant": "acme" }] });
    let early = server.post("/v1/tokens", &admin, &asked).await;
    assert!(early.status.as_u16() == 422 && early.text.contains("no role `pauser`"), "{}", early.text);
    assert_eq!(send(&server, Method::PUT, path, &admin, Some(&roles)).await.status.as_u16(), 200);
    let made = server.post("/v1/tokens", &admin, &asked).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/v1/whoami", &secret).await.json()["roles"][0]["role"], "pauser");
    assert_eq!(server.get("/v1/tenants/acme", &secret).await.status.as_u16(), 200);
    assert_eq!(server.get("/v1/tenants/globex", &secret).await.status.as_u16(), 404);
    let used = send(&server, Method::DELETE, path, &admin, None).await;
    assert!(used.status.as_u16() == 409 && used.code() == "T709", "{}", used.text);
    let more = json!({ "roles": { "king": { "actions": ["removeTenant"] } } });
    let refused = send(&server, Method::PUT, path, &admin, Some(&more)).await;
    assert!(refused.status.as_u16() == 422 && refused.text.contains("no more than"), "{}", refused.text);
    let unknown = json!({ "roles": { "king": { "actions": ["rule"] } } });
    assert_eq!(send(&server, Method::PUT, path, &admin, Some(&unknown)).await.status.as_u16(), 400);
}

#[tokio::test]
async fn a_token_ends_with_its_maker() {
    let server = world().await;
    let admin = server.token_that(Role::PlatformAdmin, "", None, NOW).await;
    let short = server.token_that(Role::PlatformAdmin, "", Some(Span::from_secs(60)), NOW).await;
    let make = async |by: &str, ends: Option<&str>| {
        let mut body = json!({ "name": "x", "roles": [{ "role": "platform-admin" }] });
        if let Some(ends) = ends {
            body["expires_in"] = ends.into();
        }
        server.post("/v1/tokens", by, &body).await
    };
    assert_eq!(make(&admin, None).await.json()["token"]["expires_at"], "2027-04-15T08:00:00Z");
    assert_eq!(make(&admin, Some("never")).await.json()["token"]["expires_at"], json!(null));
    assert_eq!(make(&short, None).await.json()["token"]["expires_at"], "2027-01-15T08:01:00Z");
    for ends in ["never", "61s"] {
        let refused = make(&short, Some(ends)).await;
        assert!(refused.status.as_u16() == 422 && refused.text.contains("outlive"), "{}", refused.text);
    }
    // Whoever had a platform's role gives it no longer than they have it.
    let first = make(&admin, None).await.json();
    let (first_id, first) = (first["token"]["id"].as_str().unwrap(), first["secret"].as_str().unwrap());
    let second = make(first, None).await.json()["secret"].as_str().unwrap().to_owned();
    let own = send(&server, Method::DELETE, &format!("/v1/tokens/{first_id}"), &second, None).await;
    assert_eq!((own.status.as_u16(), own.code().as_str()), (409, "T713"), "{}", own.text);
    assert_eq!(server.get("/v1/whoami", first).await.status.as_u16(), 200);
    let ended = send(&server, Method::DELETE, &format!("/v1/tokens/{first_id}"), &admin, None).await;
    assert_eq!(ended.status.as_u16(), 200, "{}", ended.text);
    for token in [first, &second] {
        assert_eq!(server.get("/v1/whoami", token).await.status.as_u16(), 401);
    }
}

#[tokio::test]
async fn glass_is_broken_by_operators_and_seen_by_all() {
    let server = world().await;
    let operator = server.token(Role::Operator, "").await;
    let (tenant, auditor) = (server.token(Role::TenantAdmin, "acme").await, server.token(Role::Auditor, "").await);
    let body = json!({ "tenant": "acme", "reason": "incident 42", "lasts": "1h" });
    for token in [&tenant, &auditor] {
        assert_eq!(server.post("/v1/break-glass", token, &body).await.status.as_u16(), 403);
    }
    let long = json!({ "tenant": "acme", "reason": "x", "lasts": "5h" });
    let refused = server.post("/v1/break-glass", &operator, &long).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "T711"), "{}", refused.text);
    let broke = server.post("/v1/break-glass", &operator, &body).await;
    assert_eq!(broke.status.as_u16(), 201, "{}", broke.text);
    let (id, secret) =
        (broke.json()["glass"]["id"].as_str().unwrap().to_owned(), broke.json()["secret"].as_str().unwrap().to_owned());
    // More than an operator may, and told with its id and reason, reading too.
    let write = server
        .put(
            "/v1/tenants/acme/config?reason=mend",
            &secret,
            "tenant_config: { tenant: acme, autoscaling: { max_replicas: 9 } }",
        )
        .await;
    assert_eq!(write.status.as_u16(), 200, "{}", write.text);
    assert_eq!(server.get("/v1/tenants/acme/config", &secret).await.status.as_u16(), 200);
    assert_eq!(server.get("/v1/tenants/globex/config", &secret).await.status.as_u16(), 404);
    let log = server.get("/v1/tenants/acme/audit", &tenant).await.json();
    let by = format!("break-glass:{id}");
    let told: Vec<(&str, &str)> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["actor"] == by.as_str())
        .map(|entry| (entry["action"].as_str().unwrap(), entry["reason"].as_str().unwrap()))
        .collect();
    let actions: Vec<&str> = told.iter().map(|(action, _)| *action).collect();
    assert_eq!(actions, ["access.refuse", "break-glass.use", "config.revise", "break-glass.use"]);
    let why = format!("({by}: incident 42)");
    assert!(told.iter().all(|(_, reason)| reason.ends_with(&why)), "{told:?}");
    let platform = server.get("/v1/audit", &auditor).await.text;
    assert!(platform.contains("break-glass.begin") && platform.contains(&id), "{platform}");
    // Seen by whoever sees the tenant's status, and in the metrics.
    for (token, count) in [(&operator, 1), (&tenant, 1), (&server.token(Role::TenantViewer, "globex").await, 0)] {
        let listed = server.get("/v1/break-glass", token).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{listed}");
    }
    let metrics = server.get("/metrics", &operator).await.text;
    assert!(metrics.contains("tenantry_break_glass_active 1"), "{metrics}");
    // It makes nothing that outlives it.
    let token = json!({ "name": "x", "tenant": "acme", "roles": [{ "role": "tenant-viewer", "tenant": "acme" }] });
    assert_eq!(server.post("/v1/tokens", &secret, &token).await.status.as_u16(), 403);
    assert_eq!(server.post("/v1/break-glass", &secret, &body).await.status.as_u16(), 403);
    let ended = send(&server, Method::DELETE, &format!("/v1/break-glass/{id}"), &operator, None).await;
    assert_eq!(ended.status.as_u16(), 200, "{}", ended.text);
    assert_eq!(server.get("/v1/whoami", &secret).await.status.as_u16(), 401);
    // And by itself.
    let again = server.post("/v1/break-glass", &operator, &body).await.json()["secret"].as_str().unwrap().to_owned();
    server.clock.forward(Span::from_secs(3600));
    assert_eq!(server.get("/v1/whoami", &again).await.status.as_u16(), 401);
}
