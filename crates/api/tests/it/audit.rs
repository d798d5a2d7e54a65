//! Audit logs over the wire.

use reqwest::Method;
use serde_json::json;
use tenantry_audit::{Checkpoint, Hash, Inclusion, SEED_LENGTH, SigningKeys, hash_of, is_included, is_prefix};
use tenantry_engine::access::Role;

use crate::server::Server;

#[tokio::test]
async fn what_was_done_is_told_and_proved_to_who_may_know() {
    let server = Server::start().await;
    server.declare(&["tenant_config: { tenant: acme }\n", "tenant_config: { tenant: globex }\n"]).await;
    let admin = server.token(Role::TenantAdmin, "acme").await;
    let editor = server.token(Role::TenantEditor, "acme").await;
    server.seal().await;
    let page = server.get("/v1/tenants/acme/audit?limit=1", &admin).await.json();
    assert_eq!(page["items"][0]["action"], "token.create");
    let next = page["next"].as_str().unwrap();
    let second = server.get(&format!("/v1/tenants/acme/audit?limit=1&cursor={next}"), &admin).await.json();
    assert_eq!((&second["items"][0]["action"], &second["items"][0]["entry"]), (&json!("token.create"), &json!(1)));
    let config = server.get("/v1/tenants/acme/audit?action=config", &admin).await.json();
    assert_eq!((config["items"].as_array().unwrap().len(), &config["items"][0]["actor"]), (1, &json!("ada")));

    let proof = server.get("/v1/tenants/acme/audit/0/proof", &admin).await.json();
    let path = proof["path"].as_array().unwrap().iter().map(|hash| Hash::from_hex(hash.as_str().unwrap()).unwrap());
    let inclusion = Inclusion { seq: 0, size: proof["size"].as_u64().unwrap(), path: path.collect() };
    let keys = SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap().public();
    let (checkpoint, _) = keys.verify(proof["checkpoint"].as_str().unwrap()).unwrap();
    assert!(is_included(&inclusion, hash_of(proof["leaf"].as_str().unwrap().as_bytes()), checkpoint.root));
    // What came after the last checkpoint is not proved yet.
    server.token(Role::TenantViewer, "acme").await;
    for beyond in ["3", "15725758136828583936", "-1"] {
        let path = format!("/v1/tenants/acme/audit/{beyond}/proof");
        assert_eq!(server.get(&path, &admin).await.status.as_u16(), 404, "{beyond}");
    }

    // Another's log is not there, and who may not read has tried in vain, which is in the log.
    let foreign = server.get("/v1/tenants/globex/audit", &admin).await;
    let nobody = server.get("/v1/tenants/nobody/audit", &admin).await;
    assert_eq!((foreign.status.as_u16(), foreign.code()), (nobody.status.as_u16(), nobody.code()));
    let tried = server.ask(Method::DELETE, "/v1/tenants/acme/config", &editor).send().await.unwrap();
    assert_eq!(tried.status().as_u16(), 403);
    let refused = server.get("/v1/tenants/acme/audit?action=access", &admin).await.json();
    let refused: Vec<_> =
        refused["items"].as_array().unwrap().iter().map(|one| (&one["resource"], &one["outcome"])).collect();
    let entry = |resource: &str| json!(resource);
    let (own, other, none) = (entry("tenant/acme"), entry("tenant/globex"), entry("tenant/nobody"));
    let outcome = json!("refused");
    assert_eq!(refused, [(&own, &outcome), (&none, &outcome), (&other, &outcome)]);
}

#[tokio::test]
async fn a_log_is_proved_to_go_on_and_to_be_in_the_root_log() {
    let server = Server::start().await;
    server.declare(&["tenant_config: { tenant: acme }\n", "tenant_config: { tenant: globex }\n"]).await;
    server.seal().await;
    let admin = server.token(Role::TenantAdmin, "acme").await;
    let before = server.get("/v1/tenants/acme/audit/0/proof", &admin).await.json();
    server.seal().await;
    let keys = SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap().public();
    let (earlier, _) = keys.verify(before["checkpoint"].as_str().unwrap()).unwrap();
    let hashes = |path: &serde_json::Value| -> Vec<Hash> {
        path.as_array().unwrap().iter().map(|hash| Hash::from_hex(hash.as_str().unwrap()).unwrap()).collect()
    };
    let path = format!("/v1/tenants/acme/audit/consistency?from={}", earlier.size);
    let proof = server.get(&path, &admin).await.json();
    let (now, _) = keys.verify(proof["checkpoint"].as_str().unwrap()).unwrap();
    assert!(now.size > earlier.size);
    assert!(is_prefix(&hashes(&proof["path"]), (earlier.size, earlier.root), (now.size, now.root)));
    for beyond in ["0", "99", "-1"] {
        let path = format!("/v1/tenants/acme/audit/consistency?from={beyond}");
        assert_eq!(server.get(&path, &admin).await.status.as_u16(), 404, "{beyond}");
    }

    let answer = server.get("/v1/tenants/acme/audit/root", &admin).await.json();
    let proof = &answer["proofs"][0];
    let (root, _) = keys.verify(proof["checkpoint"].as_str().unwrap()).unwrap();
    assert!(root.origin.ends_with("/audit/root"), "{}", root.origin);
    let leaf = Checkpoint { origin: now.origin.clone(), size: proof["size"].as_u64().unwrap(), root: now.root };
    let (seq, path) = (proof["leaf"].as_u64().unwrap(), hashes(&proof["path"]));
    assert!(is_included(&Inclusion { seq, size: root.size, path }, hash_of(leaf.text().as_bytes()), root.root));
    assert!(!answer.to_string().contains("globex"));
    let foreign = server.get("/v1/tenants/globex/audit/root", &admin).await;
    assert_eq!(foreign.status.as_u16(), 404);
    assert_eq!(server.get("/v1/audit/root", &admin).await.status.as_u16(), 403);
}

#[tokio::test]
async fn an_operators_look_at_a_tenant_is_in_that_tenants_log() {
    let server = Server::start().await;
    server.declare(&["tenant_config: { tenant: acme }\n"]).await;
    let own = server.token(Role::TenantAdmin, "acme").await;
    let admin = server.admin().await;
    for _ in 0..5 {
        assert_eq!(server.get("/v1/tenants/acme/config", &admin).await.status.as_u16(), 200);
        assert_eq!(server.get("/v1/tenants/acme/config", &own).await.status.as_u16(), 200);
    }
    assert_eq!(server.get("/v1/tenants/nobody/config", &admin).await.status.as_u16(), 404);
    let reads = server.get("/v1/tenants/acme/audit?action=tenant.read", &own).await.json();
    let [read] = &reads["items"].as_array().unwrap()[..] else { panic!("{reads}") };
    assert_eq!((&read["resource"], &read["outcome"]), (&json!("tenant/acme"), &json!("done")));
    assert!(read["from"].is_string() && read["actor"].as_str().unwrap().starts_with("token:"), "{read}");
    // Of a tenant that is not there no log is begun.
    let nobody = server.get("/v1/tenants/nobody/audit", &admin).await;
    assert_eq!(nobody.status.as_u16(), 404);
}
