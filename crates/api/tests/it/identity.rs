//! Callers that an OpenID provider knows. The provider is real.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::StatusCode;
use serde_json::{Value, json};
use tenantry_adapters::identity::ProviderKeys;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::access::identity::{Declared, Identities};
use tenantry_engine::ports::Clock as _;

use crate::dex::{Dex, PASSWORD};
use crate::server::{Answered, Server, ample, plain};

const ACME: &str = "tenant_config:\n  tenant: acme\n";
const GLOBEX: &str = "tenant_config:\n  tenant: globex\n";

fn document(issuer: &str) -> String {
    format!(
        "issuers:
  - name: dex
    url: {issuer}
    audiences: [tenantry]
    claims: {{ name: email, groups: groups }}
    bindings:
      - {{ group: platform, role: platform-admin }}
      - {{ group: acme-editors, role: tenant-editor, tenant: acme }}
"
    )
}

async fn server(dex: &Dex) -> Server {
    let declared = Declared::read("identities.yaml", &document(&dex.url)).unwrap();
    let server = Server::knowing(ample(), None, Identities::new(declared, Some(Arc::new(ProviderKeys)), None)).await;
    server.clock.set(Timestamp::from(jiff::Timestamp::now()));
    server
}

/// A token by a person's password, as the client.
async fn token(dex: &Dex, name: &str, client: &str) -> String {
    let user = format!("{name}@example.org");
    let form = [
        ("grant_type", "password"),
        ("username", &user),
        ("password", PASSWORD),
        ("scope", "openid email groups"),
        ("client_id", client),
    ];
    let body = serde_urlencoded::to_string(form).unwrap();
    let asked = plain().post(format!("{}/token", dex.url)).header("content-type", "application/x-www-form-urlencoded");
    let answer = Answered::of(asked.body(body).send().await.unwrap()).await;
    answer.json()["id_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_provider_knows_is_who_rules_say_and_nothing_else_gets_in() {
    let Some(dex) = Dex::start("whom_a_provider_knows", "10m") else { return };
    let server = server(&dex).await;
    server.declare(&[ACME, GLOBEX]).await;
    let (ada, eve, nina) = (
        token(&dex, "ada", "tenantry").await,
        token(&dex, "eve", "tenantry").await,
        token(&dex, "nina", "tenantry").await,
    );
    let who = server.get("/v1/whoami", &ada).await.json();
    assert_eq!(
        (who["principal"].as_str(), who["method"].as_str(), who["token"].is_null()),
        (Some("oidc:dex:ada@example.org"), Some("oidc"), true)
    );
    assert_eq!(who["roles"], json!([{ "role": "platform-admin", "tenant": null }]));
    let until: jiff::Timestamp = who["until"].as_str().unwrap().parse().unwrap();
    let left = until.as_second() - server.clock.now().as_millis() / 1000;
    assert!((500..=660).contains(&left), "{left}");
    // A role in one tenant is none in another, and nobody's.
    let eyes = |token: &str| {
        let (server, token) = (&server, token.to_owned());
        async move {
            let of = |tenant: &str| format!("/v1/tenants/{tenant}");
            let (own, other) =
                (server.get(&of("acme"), &token).await.status, server.get(&of("globex"), &token).await.status);
            (own.as_u16(), other.as_u16(), server.get("/v1/tenants", &token).await.status.as_u16())
        }
    };
    assert_eq!(eyes(&ada).await, (200, 200, 200));
    assert_eq!(eyes(&eve).await, (200, 404, 200));
    assert_eq!(eyes(&nina).await, (404, 404, 403));
    let nobody = server.get("/v1/whoami", &nina).await.json();
    assert_eq!((nobody["principal"].as_str(), &nobody["roles"]), (Some("oidc:dex:nina@example.org"), &json!([])));
    for path in ["/v1/status", "/v1/events", "/v1/tokens", "/v1/audit", "/metrics"] {
        let answer = server.get(path, &nina).await;
        assert!([403, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
    }
    // What they do is recorded under their name, in the log of what it is about.
    let changed = server
        .put("/v1/tenants/acme/config", &eve, "tenant_config:\n  tenant: acme\n  autoscaling: { max_replicas: 12 }\n")
        .await;
    assert!(changed.status.is_success() || changed.status == StatusCode::FORBIDDEN, "{}", changed.text);
    server.seal().await;
    let log = server.get("/v1/tenants/acme/audit", &ada).await;
    assert!(log.text.contains("oidc:dex:eve@example.org"), "{}", log.text);
    refused(&server, &dex, &ada).await;
    let metrics = server.get("/metrics", &ada).await.text;
    assert!(metrics.contains(r#"tenantry_api_authentications_total{method="oidc",outcome="known"}"#), "{metrics}");
    assert!(metrics.contains("tenantry_api_identity_providers_failing 0"), "{metrics}");
}

/// Whatever is wrong with a token, the answer is that of a token that nobody made.
async fn refused(server: &Server, dex: &Dex, good: &str) {
    let stranger = server.get("/v1/whoami", "tnt_nothing").await;
    assert_eq!(
        (stranger.status, stranger.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer realm=\"tenantry\"")
    );
    let parts: Vec<&str> = good.split('.').collect();
    let claims: Value = serde_json::from_slice(&BASE64.decode(parts[1]).unwrap()).unwrap();
    let forged = |header: Value, change: fn(&mut Value)| {
        let mut claims = claims.clone();
        change(&mut claims);
        format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
    };
    let keys = plain().get(format!("{}/keys", dex.url)).send().await.unwrap().text().await.unwrap();
    let kid = serde_json::from_str::<Value>(&keys).unwrap()["keys"][0]["kid"].as_str().unwrap().to_owned();
    let hs256 = forged(json!({ "alg": "HS256", "kid": kid }), |_| {});
    let mac = aws_lc_rs::hmac::sign(
        &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, keys.as_bytes()),
        hs256.as_bytes(),
    );
    for (what, token) in [
        ("another client's", token(dex, "ada", "another").await),
        (
            "tampered with",
            format!("{}.{}.{}", parts[0], BASE64.encode(claims.to_string().replace("ada", "eve")), parts[2]),
        ),
        (
            "another issuer's",
            format!(
                "{}.{}",
                forged(json!({ "alg": "RS256", "kid": kid }), |claims| claims["iss"] =
                    json!("https://evil.example.org")),
                parts[2]
            ),
        ),
        ("unsigned", format!("{}.", forged(json!({ "alg": "none" }), |_| {}))),
        ("signed with the public key", format!("{hs256}.{}", BASE64.encode(mac))),
        ("of an unknown key", format!("{}.{}", forged(json!({ "alg": "RS256", "kid": "x" }), |_| {}), parts[2])),
        ("cut", good[..good.len() - 4].to_owned()),
    ] {
        let answer = server.get("/v1/whoami", &token).await;
        assert_eq!((answer.status, answer.anonymous()), (stranger.status, stranger.anonymous()), "{what}");
        assert_eq!(answer.header("www-authenticate"), stranger.header("www-authenticate"), "{what}");
    }
    assert!(server.get("/v1/whoami", good).await.status.is_success());
    server.clock.forward(Span::from_secs(700));
    let ended = server.get("/v1/whoami", good).await;
    assert_eq!((ended.status, ended.anonymous()), (stranger.status, stranger.anonymous()));
    server.clock.set(Timestamp::from(jiff::Timestamp::now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_may_change_its_keys_and_may_be_away_for_a_while() {
    let Some(mut dex) = Dex::start("a_provider_may_change_its_keys", "24h") else { return };
    let server = server(&dex).await;
    let before = token(&dex, "ada", "tenantry").await;
    let ask = |token: &str| {
        let token = token.to_owned();
        let server = &server;
        async move { server.get("/v1/whoami", &token).await.status.as_u16() }
    };
    assert_eq!(ask(&before).await, 200);
    dex.start_anew();
    let after = token(&dex, "ada", "tenantry").await;
    // Asked again at most every ten seconds.
    assert_eq!(ask(&after).await, 401);
    server.clock.forward(Span::from_secs(10));
    assert_eq!(ask(&after).await, 200);
    assert_eq!(ask(&before).await, 401, "the key was withdrawn");
    dex.end();
    server.clock.forward(Span::from_secs(3599));
    assert_eq!(ask(&after).await, 200);
    server.clock.forward(Span::from_secs(2));
    assert_eq!(ask(&after).await, 401);
    let admin = server.admin().await;
    assert!(server.get("/metrics", &admin).await.text.contains("tenantry_api_identity_providers_failing 1"));
}
