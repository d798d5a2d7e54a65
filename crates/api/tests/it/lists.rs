//! Lists: in pages, by label, with the fields that are asked for; and only what the caller may see.

use serde_json::{Value, json};
use tenantry_engine::access::Role;

use crate::server::Server;

async fn many() -> (Server, String) {
    let server = Server::start().await;
    let documents: Vec<String> = (0..25)
        .map(|number| {
            let (tier, team) = (if number % 2 == 0 { "gold" } else { "iron" }, if number < 5 { "a" } else { "b" });
            format!("tenant_config: {{ tenant: t{number:02}, tier: {tier}, labels: {{ team: {team} }} }}\n")
        })
        .chain(["tier_config: { name: gold }\n".to_owned(), "tier_config: { name: iron }\n".to_owned()])
        .collect();
    server.declare(&documents.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let admin = server.admin().await;
    (server, admin)
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_hold_every_tenant_once_and_in_order() {
    let (server, admin) = many().await;
    let (mut seen, mut query, mut pages) = (Vec::new(), "limit=10".to_owned(), 0);
    loop {
        let page = server.get(&format!("/v1/tenants?{query}"), &admin).await.json();
        seen.extend(ids(&page));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=10&cursor={next}");
    }
    assert_eq!((pages, seen), (3, (0..25).map(|number| format!("t{number:02}")).collect::<Vec<_>>()));
    for bad in ["limit=0", "limit=501", "limit=x", "cursor=zz", "cursor=C3", "sort=id", "labels=a%20b", "fields=secret"]
    {
        assert_eq!(server.get(&format!("/v1/tenants?{bad}"), &admin).await.code(), "T801", "{bad}");
    }
}

#[tokio::test]
async fn lists_are_narrowed_by_label_tier_and_field() {
    let (server, admin) = many().await;
    let page = server.get("/v1/tenants?labels=team%3Da&tier=iron&fields=id,tier", &admin).await.json();
    assert_eq!(page["items"], json!([{ "id": "t01", "tier": "iron" }, { "id": "t03", "tier": "iron" }]));
    let one = server.get("/v1/tenants/t01?fields=labels", &admin).await.json();
    assert_eq!(one, json!({ "labels": { "team": "a" } }));
}

#[tokio::test]
async fn a_tenant_sees_itself_and_a_change_is_seen_at_once() {
    let (server, admin) = many().await;
    let viewer = server.token(Role::TenantViewer, "t07").await;
    assert_eq!(ids(&server.get("/v1/tenants", &viewer).await.json()), ["t07"]);
    server.put("/v1/tenants/t07/config", &admin, "tenant_config: { labels: { team: c } }\n").await;
    assert_eq!(server.get("/v1/tenants/t07", &viewer).await.json()["labels"]["team"], "c");
    let status = server.get("/v1/status", &viewer).await.json();
    assert_eq!((&status["healthy"], &status["controllers"]), (&json!(true), &json!([])));
    assert_eq!(server.get("/v1/status", &admin).await.json()["healthy"], false, "no server runs on this store");
}
