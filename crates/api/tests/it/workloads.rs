//! Workloads, decisions about them, and what people ask of them.

use reqwest::Method;
use serde_json::json;
use tenantry_engine::access::Role;

use crate::server::{Answered, Server, workload};

async fn looked_at() -> (Server, String, u64) {
    let server = Server::start().await;
    server
        .declare(&[
            "tenant_config:\n  tenant: acme\n  workloads:\n    api: {}\n    web: {}\n",
            "tenant_config:\n  tenant: rival\n  workloads: { hidden-name: {} }\n",
        ])
        .await;
    let admin = server.admin().await;
    let id = server.looked_at(&workload("acme", "api"), Some(workload("rival", "hidden-name"))).await;
    (server, admin, id)
}

#[tokio::test]
async fn a_workload_is_told_as_it_stands() {
    let (server, admin, id) = looked_at().await;
    let page = server.get("/v1/tenants/acme/workloads", &admin).await.json();
    assert_eq!((&page["items"][0]["name"], &page["items"][0]["current"]), (&json!("api"), &json!(3)));
    assert_eq!(server.get("/v1/tenants/acme/workloads/api", &admin).await.json()["state"], "rival");
    assert_eq!(server.get("/v1/tenants/acme/workloads/web", &admin).await.code(), "T802");
    assert_eq!(server.get("/v1/tenants/acme/workloads/none", &admin).await.code(), "T106");
    let decisions = server.get("/v1/tenants/acme/workloads/api/decisions", &admin).await.json();
    assert_eq!((&decisions["items"][0]["id"], &decisions["next"]), (&json!(id), &json!(null)));
    let explained = server.get(&format!("/v1/tenants/acme/workloads/api/decisions/{id}"), &admin).await.json();
    assert_eq!((&explained["replays"], &explained["redacted"]), (&json!(true), &json!(false)));
    assert_eq!(server.get(&format!("/v1/tenants/acme/workloads/web/decisions/{id}"), &admin).await.code(), "T802");
}

#[tokio::test]
async fn another_tenants_workload_is_named_nowhere() {
    let (server, admin, id) = looked_at().await;
    let viewer = server.token(Role::TenantViewer, "acme").await;
    for path in [
        "/v1/status".to_owned(),
        "/v1/tenants/acme/workloads".to_owned(),
        "/v1/tenants/acme/workloads/api".to_owned(),
        "/v1/tenants/acme/workloads/api/decisions".to_owned(),
        format!("/v1/tenants/acme/workloads/api/decisions/{id}"),
    ] {
        let told = server.get(&path, &viewer).await;
        assert_eq!(told.status.as_u16(), 200, "{path}: {}", told.text);
        assert!(!told.text.contains("hidden-name"), "{path}: {}", told.text);
    }
    let told = server.get(&format!("/v1/tenants/acme/workloads/api/decisions/{id}"), &admin).await;
    assert!(told.text.contains("hidden-name"));
}

#[tokio::test]
async fn lists_over_all_tenants_hold_what_one_may_see() {
    let (server, admin, id) = looked_at().await;
    server.looked_at(&workload("rival", "hidden-name"), None).await;
    let names = |page: serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|one| format!("{}/{}", one["tenant"], one["name"]).replace('"', "")).collect()
    };
    let all = server.get("/v1/workloads", &admin).await.json();
    assert_eq!(names(all), ["acme/api", "rival/hidden-name"]);
    let first = server.get("/v1/workloads?limit=1", &admin).await.json();
    let next = format!("/v1/workloads?limit=1&cursor={}", first["next"].as_str().unwrap());
    assert_eq!(names(server.get(&next, &admin).await.json()), ["rival/hidden-name"]);
    assert_eq!(names(server.get("/v1/workloads?tenant=acme", &admin).await.json()), ["acme/api"]);
    assert_eq!(server.get("/v1/decisions", &admin).await.json()["items"].as_array().unwrap().len(), 2);

    let viewer = server.token(Role::TenantViewer, "acme").await;
    assert_eq!(names(server.get("/v1/workloads", &viewer).await.json()), ["acme/api"]);
    let decisions = server.get("/v1/decisions", &viewer).await.json();
    assert_eq!((&decisions["items"][0]["id"], &decisions["next"]), (&json!(id), &json!(null)));
    // Another tenant and one that is not there are told alike.
    for list in ["workloads", "decisions"] {
        let other = server.get(&format!("/v1/{list}?tenant=rival"), &viewer).await;
        let nobody = server.get(&format!("/v1/{list}?tenant=nobody"), &viewer).await;
        assert_eq!((other.status, other.text), (nobody.status, nobody.text));
        assert_eq!(server.get(&format!("/v1/{list}?tenant=No%20Name"), &viewer).await.code(), "T801");
    }
}

#[tokio::test]
async fn a_size_is_set_by_hand_paused_and_given_back() {
    let (server, admin, _) = looked_at().await;
    let path = "/v1/tenants/acme/workloads/api";
    let scale = server.ask(Method::PUT, &format!("{path}/scale"), &admin);
    let scale = scale.json(&json!({ "replicas": 500, "for": "2h", "reason": "launch" }));
    let scale = Answered::of(scale.send().await.unwrap()).await.json();
    assert_eq!((&scale["asked"]["manual"]["replicas"], &scale["before"]["manual"]), (&json!(500), &json!(null)));
    assert!(scale["notes"][0].as_str().unwrap().contains("the limit will bind"), "{scale}");
    assert!(scale["asked"]["manual"]["expires_at"].as_str().unwrap().starts_with("2027-01-15T10:00:00"), "{scale}");
    let pause = server.post(&format!("{path}/pause"), &admin, &json!({ "reason": "migration" })).await.json();
    assert_eq!(
        (&pause["asked"]["manual"]["replicas"], &pause["asked"]["pause"]["reason"]),
        (&json!(500), &json!("migration"))
    );
    let resume =
        Answered::of(server.ask(Method::POST, &format!("{path}/resume"), &admin).send().await.unwrap()).await.json();
    assert_eq!((&resume["asked"]["pause"], &resume["before"]["pause"]["reason"]), (&json!(null), &json!("migration")));
    let clear = Answered::of(server.ask(Method::DELETE, &format!("{path}/scale"), &admin).send().await.unwrap()).await;
    assert_eq!(clear.json()["asked"], json!({ "manual": null, "pause": null }));
    for bad in [
        json!({ "replicas": 1 }),
        json!({ "replicas": 1, "reason": "x", "for": "soon" }),
        json!({ "replicas": -1, "reason": "x" }),
        json!({ "replicas": 1, "reason": "x", "force": true }),
    ] {
        let asked = server.ask(Method::PUT, &format!("{path}/scale"), &admin).json(&bad).send().await.unwrap();
        assert_eq!(Answered::of(asked).await.code(), "T801", "{bad}");
    }
}
