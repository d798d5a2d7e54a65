//! Every operation for every role on every kind of tenant, as the OpenAPI document has them. The verdicts stand in
//! `matrix.txt`: an operation that is not in it, or is answered otherwise, fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::expect_file;
use reqwest::Method;
use serde_json::Value;
use tenantry_domain::unit::Span;
use tenantry_engine::access::Role;

use crate::server::{Answered, NOW, Server, workload};

/// The tenants of a row, as `acme` of a tenant's role sees them.
const OWN: &str = "acme";
const OTHER: &str = "globex";
const ABSENT: &str = "nobody";
const SUSPENDED: &str = "asleep";

const HEAD: &str = "\
# What the API answers, by operation and caller. Made by `UPDATE_EXPECT=1 cargo test -p tenantry-api matrix`; read the
# difference before it is committed. Where the path names a tenant, four answers: for the caller's own, another, one
# that is not there, and one that is suspended (whose token a tenant's role then has). `expired` and `none` present an
# expired token and no token at all. Writes are dry runs where there are any.
";

/// The widest that a tenant can write.
const HOSTILE: &str =
    r#"@id("all") permit (principal in Role::"globex/tenant-viewer", action, resource in Tenant::"globex");"#;

/// What a tenant may write and changes no verdict of the table.
fn policy(tenant: &str) -> String {
    format!(r#"@id("never") forbid (principal in Role::"{tenant}/nobody", action, resource in Tenant::"{tenant}");"#)
}

struct World {
    server: Server,
    decisions: BTreeMap<&'static str, u64>,
}

async fn world() -> World {
    let server = Server::start().await;
    let tenant = |name: &str, more: &str| {
        format!("tenant_config:\n  tenant: {name}\n  tier: gold\n  region: eu\n{more}  workloads:\n    api: {{}}\n")
    };
    let shared = ["default_config: {}\n", "tier_config: { name: gold }\n", "region_config: { name: eu }\n"];
    let first = [tenant(OWN, ""), tenant(OTHER, ""), tenant(SUSPENDED, "  lifecycle: suspended\n")];
    server.declare(&[&shared[..], &first.each_ref().map(String::as_str)].concat()).await;
    let autoscaling = "  autoscaling: { max_replicas: 20 }\n";
    let second = [
        tenant(OWN, autoscaling),
        tenant(OTHER, autoscaling),
        tenant(SUSPENDED, &format!("  lifecycle: suspended\n{autoscaling}")),
    ];
    let changed = [
        "default_config:\n  autoscaling: { min_replicas: 1 }\n",
        "tier_config:\n  name: gold\n  autoscaling: { min_replicas: 1 }\n",
        "region_config:\n  name: eu\n  autoscaling: { min_replicas: 1 }\n",
    ];
    server.declare(&[&changed[..], &second.each_ref().map(String::as_str)].concat()).await;
    let mut decisions = BTreeMap::new();
    for name in [OWN, OTHER] {
        decisions.insert(name, server.looked_at(&workload(name, "api"), None).await);
    }
    // What tenants let in is their own, however much: the last lets everybody in to whom it may speak.
    for name in [OWN, SUSPENDED] {
        server.write(Some(name), &policy(name)).await;
    }
    server.write(Some(OTHER), HOSTILE).await;
    server.write(None, r#"@id("nights") forbid (principal, action == Action::"removeTenant", resource) when { context has from && context.from.isMulticast() };"#).await;
    server.seal().await;
    World { server, decisions }
}

/// An operation of the document.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    id: &'a str,
    described: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            all.push(Operation { method, path, id: described["operationId"].as_str().unwrap(), described });
        }
    }
    all
}

impl World {
    /// Does an operation about a tenant, with its own examples.
    async fn ask(&self, operation: &Operation<'_>, tenant: &str, token: Option<&str>) -> Answered {
        let decision = self.decisions.get(tenant).copied().unwrap_or(1).to_string();
        let mut path = operation.path.to_owned();
        let parts = [
            ("tenant", tenant),
            ("workload", "api"),
            ("tier", "gold"),
            ("region", "eu"),
            ("revision", "1"),
            ("decision", &decision),
            ("entry", "0"),
        ];
        for (name, value) in parts {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        if path.contains("{token}") {
            let made = self.server.token(Role::TenantViewer, OWN).await;
            path = path.replace("{token}", made.split('_').nth(1).unwrap());
        }
        if path.contains("{glass}") {
            path = path.replace("{glass}", &self.server.break_glass(OWN).await);
        }
        let parameters = operation.described["parameters"].as_array();
        let has = |name: &str| parameters.into_iter().flatten().any(|parameter| parameter["name"] == name);
        let mut query: Vec<(&str, &str)> = Vec::new();
        if has("dry_run") {
            query.push(("dry_run", "true"));
        }
        if operation.path.ends_with("/rollback") {
            query.push(("to", "1"));
        }
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{}", self.server.url, pairs.join("&"));
        let mut asked = self.server.client.request(operation.method.clone(), url);
        if let Some(token) = token {
            asked = asked.bearer_auth(token);
        }
        if let Some(body) = operation.described.pointer("/requestBody/content/application~1json/example") {
            asked = asked.json(&about(body, tenant, operation.path));
        }
        let response = asked.send().await.unwrap();
        // An event stream goes on; its head says enough.
        if response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            let (status, headers) = (response.status(), response.headers().clone());
            return Answered { status, headers, text: String::new() };
        }
        Answered::of(response).await
    }
}

/// The example of a body, about a tenant or about what the path names.
fn about(example: &Value, tenant: &str, path: &str) -> Value {
    let shared = [
        ("defaults", "default_config", None),
        ("tiers", "tier_config", Some("gold")),
        ("regions", "region_config", Some("eu")),
    ];
    for (part, root, name) in shared {
        if path.starts_with(&format!("/v1/layers/{part}")) {
            let mut body = serde_json::json!({ "autoscaling": { "min_replicas": 2 } });
            if let Some(name) = name {
                body["name"] = name.into();
            }
            return serde_json::json!({ root: body });
        }
    }
    if path == "/v1/tenants/{tenant}/policies" {
        return serde_json::json!({ "text": policy(tenant) });
    }
    if example.to_string().contains("tenant_config") {
        // What it is, with a little more room: within what an editor may change.
        let mut body = serde_json::json!({
            "tenant": tenant, "tier": "gold", "region": "eu", "autoscaling": { "max_replicas": 25 },
            "workloads": { "api": {} }
        });
        if tenant == SUSPENDED {
            body["lifecycle"] = "suspended".into();
        }
        let file = serde_json::json!({ "tenant_config": body });
        return if path == "/v1/apply" { serde_json::json!({ "documents": [file] }) } else { file };
    }
    let text = example.to_string().replace("\"acme\"", &format!("\"{tenant}\""));
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_answers_every_role_as_the_table_says() {
    let world = world().await;
    let server = &world.server;
    let document = server.get("/v1/openapi.json", "").await.json();
    let expired =
        server.token_that(Role::PlatformAdmin, "", Some(Span::from_secs(1)), NOW - Span::from_secs(3600)).await;
    let mut table = String::from(HEAD);
    let names = Role::ALL.map(|role| role.as_str().to_owned());
    let heads: Vec<&str> = names.iter().map(String::as_str).chain(["expired", "none"]).collect();
    row(&mut table, "operation", &heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>());
    let operations = operations(&document);
    for operation in &operations {
        let mut cells = Vec::new();
        for role in Role::ALL {
            cells.push(world.cell(operation, role).await);
        }
        let is_open = operation.described["responses"].get("401").is_none();
        for token in [Some(expired.as_str()), None] {
            let answered = world.ask(operation, OWN, token).await;
            assert_eq!(answered.status.as_u16() == 401, !is_open, "{}: {}", operation.id, answered.text);
            cells.push(answered.status.as_u16().to_string());
        }
        row(&mut table, operation.id, &cells);
    }
    expect_file!["./matrix.txt"].assert_eq(&table);
}

fn row(table: &mut String, name: &str, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:<15}")).collect();
    writeln!(table, "{}", format!("{name:<23} {}", cells.join(" ")).trim_end()).unwrap();
}

impl World {
    async fn cell(&self, operation: &Operation<'_>, role: Role) -> String {
        let token = self.server.token(role, OWN).await;
        let own = self.ask(operation, OWN, Some(&token)).await;
        documented(operation, &own);
        let names_tenant = operation.path.contains("{tenant}")
            || matches!(operation.id, "apply" | "createToken" | "breakGlass" | "canI" | "testPolicies");
        if !names_tenant {
            return own.status.as_u16().to_string();
        }
        let other = self.ask(operation, OTHER, Some(&token)).await;
        let absent = self.ask(operation, ABSENT, Some(&token)).await;
        let of_suspended = self.server.token(role, SUSPENDED).await;
        let suspended = self.ask(operation, SUSPENDED, Some(&of_suspended)).await;
        if role.is_of_tenant() {
            // Nobody learns who else is served, whatever the operation.
            let place = format!("{} as {role}", operation.id);
            assert_eq!((other.status.as_u16(), absent.status.as_u16()), (404, 404), "{place}: {}", other.text);
            assert_eq!(other.anonymous(), absent.anonymous(), "{place}");
            assert_eq!(headers(&other), headers(&absent), "{place}");
        }
        for answered in [&other, &absent, &suspended] {
            documented(operation, answered);
        }
        [own, other, absent, suspended].map(|answered| answered.status.as_u16().to_string()).join("/")
    }
}

/// Headers but for what differs from request to request.
fn headers(answered: &Answered) -> BTreeMap<String, String> {
    let pairs = answered.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    pairs.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

/// No answer that the document does not have, and none that is a fault of ours.
fn documented(operation: &Operation<'_>, answered: &Answered) {
    let status = answered.status.as_str();
    assert!(answered.status.as_u16() < 500, "{}: {}", operation.id, answered.text);
    assert!(operation.described["responses"].get(status).is_some(), "{} {status}: {}", operation.id, answered.text);
    if answered.status.as_u16() >= 400 {
        answered.code();
    }
}
