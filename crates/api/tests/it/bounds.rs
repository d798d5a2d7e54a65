//! Limits, what surrounds every request, and the end.

use std::time::Duration;

use reqwest::Method;
use tenantry_api::{Limits, Listening, ServeError};
use tenantry_engine::access::Role;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{Answered, Server, ample};

async fn raw(server: &Server, head: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0_u8; 16 * 1024];
    let count = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer)).await.unwrap().unwrap_or(0);
    (stream, String::from_utf8_lossy(&answer[..count]).into_owned())
}

#[tokio::test]
async fn every_answer_is_named_and_dressed() {
    let server = Server::start().await;
    let asked = server.client.get(format!("{}/healthz", server.url)).header("x-request-id", "mine-1");
    let alive = Answered::of(asked.send().await.unwrap()).await;
    assert_eq!((alive.status.as_u16(), alive.header("x-request-id")), (200, "mine-1"));
    let dress =
        ["x-content-type-options", "x-frame-options", "content-security-policy", "referrer-policy", "cache-control"];
    for name in dress {
        assert!(!alive.header(name).is_empty(), "{name}");
    }
    let asked = server.client.get(format!("{}/healthz", server.url)).header("x-request-id", "no good\tid");
    let other = Answered::of(asked.send().await.unwrap()).await;
    assert_eq!(other.header("x-request-id").len(), 32);
    assert_eq!(server.get("/readyz", "").await.json()["status"], "ok");
    assert_eq!(server.get("/v1/nowhere", "").await.code(), "T802");
    assert_eq!(server.get("/v1/tenants/%ff", &server.admin().await).await.code(), "T802");
    let post = Answered::of(server.ask(Method::POST, "/v1/whoami", "").send().await.unwrap()).await;
    assert_eq!((post.status.as_u16(), post.code().as_str()), (405, "T803"));
    assert_eq!(server.get("/healthz?x=1", "").await.code(), "T801");
    let http2 = crate::server::client(rustls::RootCertStore::empty()).http2_prior_knowledge().build().unwrap();
    let alive = http2.get(format!("{}/healthz", server.url)).send().await.unwrap();
    assert_eq!((alive.version(), alive.status().as_u16()), (reqwest::Version::HTTP_2, 200));
}

#[tokio::test]
async fn what_is_counted_names_no_tenant() {
    let server = Server::start().await;
    server.declare(&["tenant_config: { tenant: acme }\n"]).await;
    let admin = server.admin().await;
    server.get("/v1/tenants/acme", &admin).await;
    server.get("/v1/tenants/nobody", &admin).await;
    server.get("/v1/nowhere-at-all", "").await;
    let metrics = server.get("/metrics", &admin).await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = &metrics.text;
    for line in [
        r#"tenantry_api_requests_total{route="/v1/tenants/{tenant}",method="GET",status="200"} 1"#,
        r#"tenantry_api_requests_total{route="/v1/tenants/{tenant}",method="GET",status="404"} 1"#,
        r#"tenantry_api_requests_total{route="unknown",method="GET",status="404"} 1"#,
        "tenantry_api_requests_in_flight 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.contains("tenantry_api_request_seconds_bucket") && text.contains("tenantry_api_access_verdicts"));
    assert!(!text.contains("acme") && !text.contains("nobody") && !text.contains("nowhere-at-all"), "{text}");
    assert_eq!(server.get("/metrics", &server.token(Role::TenantViewer, "acme").await).await.code(), "T702");
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let server = Server::with(Limits { body_bytes: 4096, ..ample() }, None).await;
    let admin = server.admin().await;
    let large = server.put("/v1/tenants/acme/config", &admin, &"# much\n".repeat(1000)).await;
    assert_eq!((large.status.as_u16(), large.code().as_str()), (413, "T804"));
    let (_, head) =
        raw(&server, &format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Much: {}\r\n\r\n", "a".repeat(64 * 1024))).await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");
    let lines = (0..100).map(|number| format!("X-{number}: 1\r\n")).collect::<String>();
    let (_, head) = raw(&server, &format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{lines}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");
}

#[tokio::test]
async fn what_comes_too_slowly_is_given_up() {
    let limits = Limits { request_time: Duration::from_millis(200), head_time: Duration::from_millis(200), ..ample() };
    let server = Server::with(limits, None).await;
    let admin = server.admin().await;
    let head = format!(
        "PUT /v1/tenants/acme/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\nContent-Length: 100\r\n\r\nten"
    );
    let (_, answer) = raw(&server, &head).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("T805"), "{answer}");
    // A head that never ends is closed without a word, or with 408.
    let (_, answer) = raw(&server, "GET /healthz HTTP/1.1\r\nHost:").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_caller_and_a_tenant_have_their_share() {
    let server = Server::with(Limits { rate: 1, burst: 3, ..ample() }, None).await;
    server.declare(&["tenant_config: { tenant: acme }\n", "tenant_config: { tenant: globex }\n"]).await;
    let tokens = [
        server.token(Role::TenantViewer, "acme").await,
        server.token(Role::TenantViewer, "acme").await,
        server.token(Role::TenantViewer, "acme").await,
    ];
    let flood = async |token: &str| {
        let mut passed = 0;
        loop {
            let answered = server.get("/v1/whoami", token).await;
            if answered.status.as_u16() == 429 {
                assert_eq!(answered.code(), "T806");
                assert!(answered.header("retry-after").parse::<u64>().unwrap() >= 1);
                assert_eq!(answered.json()["retry_after_seconds"].to_string(), answered.header("retry-after"));
                return passed;
            }
            passed += 1;
            assert!(passed < 50, "no end");
        }
    };
    let passed = [flood(&tokens[0]).await, flood(&tokens[1]).await, flood(&tokens[2]).await];
    assert!(passed[0] >= 3 && passed[1] >= 3, "{passed:?}");
    assert!(passed[2] <= 2, "a third token adds little to the tenant's share: {passed:?}");
    let other = server.token(Role::TenantViewer, "globex").await;
    assert!(flood(&other).await >= 3, "another tenant's share is its own");
}

#[tokio::test]
async fn strangers_may_not_try_without_end() {
    let server = Server::with(Limits { strangers_rate: 5, strangers_burst: 50, ..ample() }, None).await;
    let mut answers = Vec::new();
    for _ in 0..80 {
        answers.push(server.get("/v1/whoami", "nonsense").await.status.as_u16());
    }
    assert!(answers.contains(&401) && answers.contains(&429), "{answers:?}");
    assert_eq!(
        server.get("/v1/whoami", &server.admin().await).await.status.as_u16(),
        200,
        "who is known is not held up"
    );
}

#[tokio::test]
async fn more_than_the_server_bears_is_turned_away() {
    let server = Server::with(Limits { requests: 1, ..ample() }, None).await;
    let admin = server.admin().await;
    let head = format!(
        "PUT /v1/tenants/acme/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\nContent-Length: 18\r\nExpect: 100-continue\r\n\r\n"
    );
    let (mut slow, told) = raw(&server, &head).await;
    assert!(told.starts_with("HTTP/1.1 100"), "its place is taken while its body is read: {told}");
    let busy = server.get("/healthz", "").await;
    assert_eq!((busy.code().as_str(), busy.header("retry-after")), ("T807", "1"));
    slow.write_all(b"tenant_config: {}\n").await.unwrap();
    let mut answer = vec![0_u8; 4096];
    let count = slow.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..count]).starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn slow_requests_of_one_tenant_keep_no_other_waiting() {
    let server = Server::with(Limits { requests_each: 2, requests: 4, ..ample() }, None).await;
    server.declare(&["tenant_config: { tenant: acme }\n", "tenant_config: { tenant: globex }\n"]).await;
    let acme = server.token(Role::TenantEditor, "acme").await;
    let head = format!(
        "PUT /v1/tenants/acme/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {acme}\r\nContent-Length: 18\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut slow = Vec::new();
    for _ in 0..2 {
        let (connection, told) = raw(&server, &head).await;
        assert!(told.starts_with("HTTP/1.1 100"), "{told}");
        slow.push(connection);
    }
    let another = server.token(Role::TenantViewer, "acme").await;
    let refused = server.get("/v1/tenants/acme", &another).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str(), refused.header("retry-after")), (429, "T806", "1"));
    let globex = server.token(Role::TenantViewer, "globex").await;
    assert_eq!(server.get("/v1/tenants/globex", &globex).await.status.as_u16(), 200);
    assert_eq!(server.get("/v1/tenants", &server.admin().await).await.status.as_u16(), 200);
    drop(slow);
    // A place comes back when the server sees that the connection is gone.
    for _ in 0..100 {
        if server.get("/v1/tenants/acme", &another).await.status.as_u16() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("its places never came back");
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
    let mut server = Server::start().await;
    let admin = server.admin().await;
    let head = format!(
        "PUT /v1/tenants/acme/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\nContent-Length: 18\r\nExpect: 100-continue\r\n\r\n"
    );
    let (mut slow, told) = raw(&server, &head).await;
    assert!(told.starts_with("HTTP/1.1 100"), "the body is being read: {told}");
    server.ended.cancel();
    server.client = crate::server::plain();
    slow.write_all(b"tenant_config: {}\n").await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    server.task.take().unwrap().await.unwrap();
    use tenantry_engine::ports::store::ConfigStore as _;
    assert_eq!(server.store.config_version().await.unwrap(), 1, "what was answered is there");
    assert!(TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn tokens_do_not_travel_in_the_clear_and_a_taken_address_is_told() {
    let clear = Listening::on("0.0.0.0:0".parse().unwrap(), None).await.unwrap_err();
    assert!(matches!(clear, ServeError::Clear { .. }) && clear.to_string().contains("--tls-cert"), "{clear}");
    let first = Listening::on("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let taken = Listening::on(first.address(), None).await.unwrap_err();
    assert!(matches!(taken, ServeError::Taken { .. }) && taken.to_string().contains("--no-api"), "{taken}");
}
