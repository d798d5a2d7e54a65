//! Documents: declared, changed under conditions, tried, gone back to, removed.

use reqwest::Method;
use serde_json::json;
use tenantry_engine::access::Role;

use crate::server::{Answered, Server};

const ACME: &str = "tenant_config:\n  tier: gold\n  autoscaling: { max_replicas: 20 }\n  workloads:\n    api: {}\n";

async fn declared() -> (Server, String) {
    let server = Server::start().await;
    server.declare(&["tier_config: { name: gold, autoscaling: { min_replicas: 3 } }\n"]).await;
    let admin = server.admin().await;
    let made = server.put("/v1/tenants/acme/config?reason=first", &admin, ACME).await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (200, "\"1\""), "{}", made.text);
    assert_eq!(made.json()["did"], "created");
    (server, admin)
}

#[tokio::test]
async fn a_document_is_read_back_with_its_revision_and_can_be_sent_again() {
    let (server, admin) = declared().await;
    let read = server.get("/v1/tenants/acme/config", &admin).await;
    let document = read.json();
    assert_eq!((read.header("etag"), &document["reason"]), ("\"1\"", &json!("first")));
    assert!(document["author"].as_str().unwrap().starts_with("token:"), "{document}");
    let again = server.ask(Method::PUT, "/v1/tenants/acme/config", &admin).json(&document["document"]);
    let again = Answered::of(again.send().await.unwrap()).await;
    assert_eq!((again.json()["did"].as_str(), again.header("etag")), (Some("unchanged"), "\"1\""), "{}", again.text);
    for (tags, status) in [("\"1\"", 304), ("\"7\", W/\"1\"", 304), ("*", 304), ("\"2\"", 200), ("1", 200)] {
        let known = server.ask(Method::GET, "/v1/tenants/acme/config", &admin).header("if-none-match", tags);
        let known = Answered::of(known.send().await.unwrap()).await;
        assert_eq!((known.status.as_u16(), known.header("etag")), (status, "\"1\""), "{tags}");
        assert_eq!(known.text.is_empty(), status == 304, "{tags}");
    }
    let yaml = server.ask(Method::GET, "/v1/tenants/acme/config", &admin).header("accept", "application/yaml");
    let yaml = Answered::of(yaml.send().await.unwrap()).await;
    assert!(yaml.text.starts_with("tenant_config:"), "{}", yaml.text);
    assert_eq!(server.put("/v1/tenants/acme/config", &admin, &yaml.text).await.json()["did"], "unchanged");
}

#[tokio::test]
async fn a_change_on_an_old_base_is_refused() {
    let (server, admin) = declared().await;
    let put = async |text: &str, name: &'static str, tag: &str| {
        let asked = server.ask(Method::PUT, "/v1/tenants/acme/config", &admin).header(name, tag);
        Answered::of(asked.body(text.to_owned()).send().await.unwrap()).await
    };
    let other = ACME.replace("20", "21");
    let made = put(&other, "if-match", "\"1\"").await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (200, "\"2\""), "{}", made.text);
    let stale = put(ACME, "if-match", "\"1\"").await;
    assert_eq!((stale.status.as_u16(), stale.code().as_str()), (412, "T105"));
    assert_eq!(put(ACME, "if-match", "\"elsewhere\"").await.status.as_u16(), 412);
    assert_eq!(put(ACME, "if-none-match", "*").await.status.as_u16(), 412);
    assert_eq!(put(ACME, "if-match", "*").await.status.as_u16(), 200);
    let absent =
        server.ask(Method::PUT, "/v1/tenants/new/config", &admin).header("if-match", "*").body("tenant_config: {}\n");
    assert_eq!(absent.send().await.unwrap().status().as_u16(), 412);
    let remove = async |tag: &str| {
        let asked = server.ask(Method::DELETE, "/v1/tenants/acme/config", &admin).header("if-match", tag);
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!((remove("\"1\"").await, remove("\"3\"").await, remove("\"3\"").await), (412, 200, 412));
    assert_eq!(server.get("/v1/tenants/acme/config", &admin).await.code(), "T802");
    let history = server.get("/v1/tenants/acme/config/revisions", &admin).await.json();
    assert_eq!(history["items"].as_array().unwrap().len(), 4, "the history stays: {history}");
}

#[tokio::test]
async fn what_is_wrong_is_listed_with_its_place_and_changes_nothing() {
    let (server, admin) = declared().await;
    let bad =
        server.put("/v1/tenants/acme/config", &admin, "tenant_config:\n  autoscaling:\n    max_replica: 5\n").await;
    assert_eq!((bad.status.as_u16(), bad.code().as_str()), (422, "T101"));
    let problem = &bad.json()["problems"][0];
    assert_eq!((&problem["file"], &problem["line"]), (&json!("tenants/acme.yaml"), &json!(3)), "{problem}");
    assert!(problem["help"].as_str().unwrap().contains("max_replicas"), "{problem}");
    let misplaced = server.put("/v1/tenants/acme/config", &admin, "tenant_config: { tenant: globex }\n").await;
    assert_eq!((misplaced.status.as_u16(), misplaced.code().as_str()), (422, "T101"));
    let form = server.ask(Method::PUT, "/v1/tenants/acme/config", &admin).header("content-type", "image/png").body("x");
    assert_eq!(Answered::of(form.send().await.unwrap()).await.code(), "T811");
    assert_eq!(server.put("/v1/tenants/acme/config?dryrun=true", &admin, ACME).await.code(), "T801");
    assert_eq!(server.get("/v1/tenants/acme/config", &admin).await.header("etag"), "\"1\"");
}

#[tokio::test]
async fn a_dry_run_says_all_and_changes_nothing() {
    let (server, admin) = declared().await;
    use tenantry_engine::ports::store::ConfigStore as _;
    let before = server.store.config_version().await.unwrap();
    let other = ACME.replace("20", "40");
    let tried = server.put("/v1/tenants/acme/config?dry_run=true", &admin, &other).await.json();
    assert_eq!((&tried["did"], &tried["dry_run"], &tried["revision"]), (&json!("changed"), &json!(true), &json!(1)));
    let change = json!([{ "field": "autoscaling.max_replicas", "before": "20", "after": "40" }]);
    assert_eq!(tried["changes"], change);
    for (method, path) in [
        (Method::DELETE, "/v1/tenants/acme/config?dry_run=true"),
        (Method::POST, "/v1/tenants/acme/config/rollback?to=1&dry_run=true"),
        (Method::DELETE, "/v1/tenants/acme/workloads/api/scale?dry_run=true"),
    ] {
        let status = server.ask(method.clone(), path, &admin).send().await.unwrap().status();
        assert_eq!(status.as_u16(), 200, "{method} {path}");
    }
    let pause =
        server.post("/v1/tenants/acme/workloads/api/pause?dry_run=true", &admin, &json!({ "reason": "x" })).await;
    assert_eq!(pause.json()["asked"]["pause"]["reason"], "x");
    assert_eq!(server.store.config_version().await.unwrap(), before);
}

#[tokio::test]
async fn an_old_revision_is_gone_back_to_and_compared() {
    let (server, admin) = declared().await;
    server.put("/v1/tenants/acme/config", &admin, &ACME.replace("20", "40")).await;
    let difference = server.get("/v1/tenants/acme/config/diff", &admin).await.json();
    assert_eq!((&difference["from"], &difference["to"]), (&json!(1), &json!(2)));
    assert_eq!(difference["changes"][0]["after"], "40");
    let back = server.ask(Method::POST, "/v1/tenants/acme/config/rollback?to=1", &admin).send().await.unwrap();
    let back = Answered::of(back).await;
    assert_eq!((back.json()["revision"].as_u64(), back.header("etag")), (Some(3), "\"3\""), "{}", back.text);
    assert_eq!(server.get("/v1/tenants/acme/config/revisions/9", &admin).await.code(), "T104");
    server.ask(Method::DELETE, "/v1/tenants/acme/config", &admin).send().await.unwrap();
    let removal = server.ask(Method::POST, "/v1/tenants/acme/config/rollback?to=4", &admin).send().await.unwrap();
    assert_eq!(Answered::of(removal).await.code(), "T104", "removing is another thing to be allowed");
}

#[tokio::test]
async fn layers_are_explained_and_not_removed_while_they_are_named() {
    let (server, admin) = declared().await;
    let explained = server.get("/v1/tenants/acme/config/explain?field=autoscaling.min_replicas", &admin).await.json();
    assert_eq!(
        (&explained["fields"][0]["value"], &explained["fields"][0]["layer"]),
        (&json!("3"), &json!("tier gold"))
    );
    let effective = server.get("/v1/tenants/acme/config/effective", &admin).await.json();
    assert_eq!(effective["fields"]["autoscaling"]["min_replicas"], 3);
    let named = server.ask(Method::DELETE, "/v1/layers/tiers/gold", &admin).send().await.unwrap();
    assert_eq!(Answered::of(named).await.code(), "T101");
    let effect = server
        .put("/v1/layers/tiers/gold?dry_run=true", &admin, "tier_config: { autoscaling: { min_replicas: 4 } }\n")
        .await;
    assert_eq!(effect.json()["tenants"][0]["tenant"], "acme", "{}", effect.text);
    assert_eq!(server.get("/v1/layers/tiers", &admin).await.json()["items"][0]["tenants"], 1);
}

#[tokio::test]
async fn many_documents_are_taken_all_or_none() {
    let (server, admin) = declared().await;
    let apply = async |token: &str, text: &str| {
        let asked = server.ask(Method::POST, "/v1/apply", token).header("content-type", "application/yaml");
        Answered::of(asked.body(text.to_owned()).send().await.unwrap()).await
    };
    let bad = apply(&admin, "tenant_config: { tenant: one }\n---\ntenant_config:\n  tenant: two\n  teir: gold\n").await;
    assert_eq!((bad.code().as_str(), &bad.json()["problems"][0]["line"]), ("T101", &json!(5)), "{}", bad.text);
    assert_eq!(server.get("/v1/tenants/one/config", &admin).await.code(), "T802");
    let good = apply(&admin, "tenant_config: { tenant: one }\n---\ntier_config: { name: iron }\n").await;
    assert_eq!(good.status.as_u16(), 200, "{}", good.text);
    assert_eq!(good.json()["documents"].as_array().unwrap().len(), 2);
    // An editor of one tenant takes nothing else along.
    let editor = server.token(Role::TenantEditor, "one").await;
    let beyond =
        apply(&editor, "tenant_config: { tenant: one, labels: { a: b } }\n---\ntenant_config: { tenant: acme }\n")
            .await;
    assert_eq!(beyond.code(), "T802");
    let shared =
        apply(&editor, "tenant_config: { tenant: one, labels: { a: b } }\n---\ntier_config: { name: iron }\n").await;
    assert_eq!(shared.code(), "T702");
    assert_eq!(server.get("/v1/tenants/one/config", &admin).await.header("etag"), "\"1\"");
    let json =
        server.post("/v1/apply", &admin, &json!({ "documents": [{ "tenant_config": { "tenant": "three" } }] })).await;
    assert_eq!(json.json()["documents"][0]["did"], "created", "{}", json.text);
}

#[tokio::test]
async fn another_tenants_workload_is_not_named_where_two_would_size_one_object() {
    let (server, admin) = declared().await;
    let secret = "tenant_config:\n  workloads:\n    hidden-name: { namespace: acme, name: web }\n";
    assert_eq!(server.put("/v1/tenants/rival/config", &admin, secret).await.status.as_u16(), 200);
    let editor = server.token(Role::TenantAdmin, "acme").await;
    let mine =
        "tenant_config:\n  tier: gold\n  autoscaling: { max_replicas: 20 }\n  workloads:\n    api: { name: web }\n";
    let told = server.put("/v1/tenants/acme/config", &editor, mine).await;
    assert_eq!(told.code(), "T101");
    assert!(told.text.contains("a workload of another tenant already"), "{}", told.text);
    assert!(!told.text.contains("rival") && !told.text.contains("hidden-name"), "{}", told.text);
    let told = server.put("/v1/tenants/acme/config", &admin, mine).await;
    assert!(told.text.contains("rival/hidden-name"), "the platform's own people are told: {}", told.text);
}

/// Tenantry's rights in clusters and in the metrics source are nobody's to borrow.
#[tokio::test]
async fn a_tenants_people_reach_no_objects_and_no_series_of_others() {
    let (server, admin) = declared().await;
    let with = |more: &str| format!("{ACME}    {more}\n");
    let workload = |rest: &str| with(&format!("web: {{ namespace: shared, name: {rest}"));
    // What the platform gave is kept and changed in other ways, and is no leave to take more.
    let given = workload("acme-web }");
    assert_eq!(server.put("/v1/tenants/acme/config", &admin, &given).await.json()["did"], "changed");
    let signal = |query: &str| {
        let signal = format!("signals: {{ jobs: {{ query: '{query}', per_replica: 1 }} }}");
        given.replace("max_replicas: 20", &format!("max_replicas: 20, {signal}"))
    };
    let token = server.token(Role::TenantAdmin, "acme").await;
    let refused = [
        workload("globex-web }"),
        workload("acme-web, kind: StatefulSet }"),
        workload("acme-web }\n    dns: { namespace: kube-system, name: coredns }"),
        with("dns: { namespace: kube-system, selector: { app: dns } }"),
        signal("sum(rate(jobs_total[1m]))"),
        signal("jobs{namespace=\"globex\"}"),
        signal("jobs{namespace=\"acme\"} + scalar(jobs{namespace=\"globex\"})"),
    ];
    for text in &refused {
        let told = server.put("/v1/tenants/acme/config", &token, text).await;
        assert_eq!((told.status.as_u16(), told.code().as_str()), (403, "T702"), "{text}\n{}", told.text);
        let dry = server.put("/v1/tenants/acme/config?dry_run=true", &token, text).await;
        assert_eq!(dry.status.as_u16(), 403, "{text}");
        let named = text.replace("tenant_config:\n", "tenant_config:\n  tenant: acme\n");
        let many = server.ask(Method::POST, "/v1/apply", &token).body(named);
        assert_eq!(many.send().await.unwrap().status().as_u16(), 403, "{text}");
    }
    let told = server.put("/v1/tenants/acme/config", &token, &refused[0]).await;
    assert!(told.text.contains("wall.reach") && told.text.contains("namespace="), "{}", told.text);
    let allowed = [
        given.replace("20", "21"),
        signal("sum(rate(jobs_total{namespace=\"acme\"}[1m]))"),
        signal("jobs{tenant=\"acme\"}"),
        with("jobs: { kind: StatefulSet }"),
    ];
    for text in &allowed {
        let did = server.put("/v1/tenants/acme/config", &token, text).await;
        assert_eq!(did.status.as_u16(), 200, "{text}\n{}", did.text);
    }
    // What was given up, or taken away, is not gone back to.
    let back = server.ask(Method::POST, "/v1/tenants/acme/config/rollback?to=2", &token);
    assert_eq!(Answered::of(back.send().await.unwrap()).await.code(), "T702");
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once() {
    let (server, admin) = declared().await;
    let pause = async |key: &'static str, reason: &str| {
        let asked =
            server.ask(Method::POST, "/v1/tenants/acme/workloads/api/pause", &admin).header("idempotency-key", key);
        Answered::of(asked.json(&json!({ "reason": reason })).send().await.unwrap()).await
    };
    use tenantry_engine::ports::store::ConfigStore as _;
    let first = pause("k1", "migration").await;
    assert_eq!(first.status.as_u16(), 200, "{}", first.text);
    let version = server.store.config_version().await.unwrap();
    let again = pause("k1", "migration").await;
    assert_eq!((&again.text, again.header("idempotent-replayed")), (&first.text, "true"));
    assert_eq!(server.store.config_version().await.unwrap(), version, "done once");
    let other = pause("k1", "another reason").await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "T808"));
    // What was refused changed nothing, and its key is free again.
    assert_eq!(pause("k2", "").await.code(), "T801");
    assert_eq!(pause("k2", "mended").await.status.as_u16(), 200);
    server.clock.forward(tenantry_domain::unit::Span::from_secs(25 * 3600));
    assert_eq!(pause("k1", "another reason").await.status.as_u16(), 200, "a day later the key is free");
}
