//! What can go wrong between a source and us.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tenantry_adapters::metrics::prometheus::{Auth, ClientCertificate, Hidden, Prometheus, Secret, Settings};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::metrics::{Answer, MetricsSource, SourceError};

use crate::server::{Server, response, vector};

const ONE: &str = r#"{"metric":{"pod":"a"},"value":[1,"2"]}"#;

fn settings(server: &Server) -> Settings {
    Settings {
        backoff: Span::from_millis(1),
        seed: Some(7),
        ..Settings::new("main", format!("http://{}", server.address))
    }
}

async fn ask(settings: Settings) -> Result<Answer, SourceError> {
    Prometheus::new(settings).unwrap().instant("up", Timestamp::from_millis(1500)).await
}

#[tokio::test]
async fn a_question_is_a_form_and_failures_that_may_pass_are_repeated() {
    let server = Server::start(|number, _| {
        Some(match number {
            0 => response("429 Too Many Requests", "retry-after: 0\r\n", "slow down"),
            1 => vector(ONE).replace("content-length: ", "content-length: 9"),
            _ => vector(ONE),
        })
    })
    .await;
    let answer = ask(settings(&server)).await.unwrap();
    assert_eq!(answer.samples[0].value, 2.0);
    let seen = server.seen();
    assert_eq!(seen.len(), 3, "refused, then broken off, then answered");
    assert!(seen[2].starts_with("POST /api/v1/query HTTP/1.1"), "{}", seen[2]);
    assert!(
        seen[2].ends_with("query=%28up+and+last_over_time%28up%5B2m%5D%29%29&time=1.500&timeout=5.000"),
        "{}",
        seen[2]
    );
}

#[tokio::test]
async fn every_failure_has_its_error() {
    let huge = "x".repeat(5000);
    let error = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    let cases = [
        (response("503 Service Unavailable", "retry-after: 9999\r\n", ""), 1, "(status 503): it gave no reason"),
        (response("503 Service Unavailable", "", "busy"), 3, "(status 503): busy"),
        (response("400 Bad Request", "", error), 1, "(status 400): bad_data: parse error"),
        (response("401 Unauthorized", "", "no\r\n\u{1b}[31m such user"), 1, "(status 401): no [31m such user"),
        (response("302 Found", "location: http://127.0.0.1:1/\r\n", ""), 1, "(status 302): it sends elsewhere"),
        (response("200 OK", "", error), 1, "(status 200): bad_data: parse error"),
        (response("200 OK", "", "<html>"), 1, "cannot be read: not an answer of the query API"),
        (response("200 OK", "", &huge), 1, "more than 4000 bytes: a label explosion?"),
        (vector(&[ONE; 4].join(",")), 1, "more than 3 series: a label explosion?"),
        ("nonsense".to_owned(), 3, "could not be reached"),
    ];
    for (reply, asked, words) in cases {
        let server = Server::start(move |_, _| Some(reply.clone())).await;
        let error =
            ask(Settings { max_bytes: 4000, max_series: 3, ..settings(&server) }).await.unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(server.seen().len(), asked, "{words}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_repeated_series_count_once() {
    let server = Server::start(|_, _| None).await;
    let slow =
        Settings { timeout: Span::from_millis(20), deadline: Span::from_millis(50), retries: 9, ..settings(&server) };
    let error = ask(slow).await.unwrap_err();
    assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
    let server = Server::start(|_, _| Some(vector(&[ONE, ONE].join(",")))).await;
    assert_eq!(ask(settings(&server)).await.unwrap().samples.len(), 1);
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let basic = Auth::Basic { user: "me".to_owned(), password: Secret::Text(Hidden::new("s3cret")) };
    let cases = [
        (Auth::Bearer { token: Secret::Text(Hidden::new("s3cret")) }, "authorization: Bearer s3cret\r\n"),
        (Auth::Bearer { token: Secret::File(file) }, "authorization: Bearer s3cret\r\n"),
        (basic, "authorization: Basic bWU6czNjcmV0\r\n"),
    ];
    for (auth, header) in cases {
        let server =
            Server::start(|_, request| Some(response("403 Forbidden", "", &format!("s3cret {request}")))).await;
        let headers = vec![("X-Scope-OrgID".to_owned(), Hidden::new("t3nant"))];
        let source = Prometheus::new(Settings { auth, headers, ..settings(&server) }).unwrap();
        let error = source.instant("up", Timestamp::default()).await.unwrap_err();
        let seen = server.seen();
        assert!(seen[0].contains(header) && seen[0].contains("x-scope-orgid: t3nant"), "{}", seen[0]);
        for shown in [format!("{source:?}"), format!("{error:?}"), error.to_string()] {
            assert!(!shown.contains("s3cret") && !shown.contains("t3nant"), "{shown}");
        }
    }
    let gone = Auth::Bearer { token: Secret::File(folder.path().join("gone")) };
    let server = Server::start(|_, _| Some(vector(ONE))).await;
    ask(Settings { auth: gone, retries: 0, ..settings(&server) }).await.unwrap_err();
    assert_eq!(server.seen(), Vec::<String>::new(), "nothing is asked without the credential");
    let error = Prometheus::new(Settings::new("main", "http://me:s3cret@127.0.0.1/")).unwrap_err();
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn a_client_certificate_opens_a_server_that_asks_for_one() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &ca).unwrap(), key)
    };
    let (server_cert, server_key) = issue("127.0.0.1");
    let (client_cert, client_key) = issue("tenantry");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(server_key.serialize_der());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server_cert.der().clone()], key.into())
        .unwrap();
    let server = Server::start_tls(Arc::new(tls).into(), |_, _| Some(vector(ONE))).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let with = Settings {
        url: format!("https://{}", server.address),
        ca: Some(write("ca.pem", ca.pem())),
        client: Some(ClientCertificate {
            certificate: write("client.pem", client_cert.pem()),
            key: write("client.key", client_key.serialize_pem()),
        }),
        retries: 0,
        ..settings(&server)
    };
    assert_eq!(ask(with.clone()).await.unwrap().samples.len(), 1);
    let without = ask(Settings { client: None, ..with.clone() }).await.unwrap_err();
    assert!(matches!(without, SourceError::Unreachable { .. }), "{without}");
    let stranger = ask(Settings { ca: None, ..with }).await.unwrap_err();
    assert!(matches!(stranger, SourceError::Unreachable { .. }), "{stranger}");
    assert_eq!(server.seen().len(), 1);
}
