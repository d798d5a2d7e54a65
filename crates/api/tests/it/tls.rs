//! TLS.

use tenantry_api::Identity;

use crate::server::{Server, ample, client};

struct Certificate {
    identity: Identity,
    roots: rustls::RootCertStore,
    _folder: tempfile::TempDir,
}

fn certificate() -> Certificate {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let identity =
        Identity { certificate: folder.path().join("api.pem"), key: folder.path().join("api.key"), clients: None };
    std::fs::write(&identity.certificate, made.cert.pem()).unwrap();
    std::fs::write(&identity.key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    Certificate { identity, roots, _folder: folder }
}

#[tokio::test]
async fn over_tls_http2_is_spoken() {
    let Certificate { identity, roots, _folder } = certificate();
    let server = Server::with(ample(), Some(&identity)).await;
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let client = client(roots).build().unwrap();
    let answered = client.get(format!("{}/healthz", server.url)).send().await.unwrap();
    assert_eq!((answered.status().as_u16(), answered.version()), (200, reqwest::Version::HTTP_2));
    assert!(
        crate::server::plain().get(format!("{}/healthz", server.url)).send().await.is_err(),
        "it is not trusted blindly"
    );
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let Certificate { identity, roots: _, _folder } = certificate();
    let missing = Identity { certificate: identity.key.with_file_name("none.pem"), ..identity.clone() };
    let address = "127.0.0.1:0".parse().unwrap();
    let told = tenantry_api::Listening::on(address, Some(&missing)).await.unwrap_err();
    assert!(told.to_string().contains("none.pem") && told.code() == "T814", "{told}");
    let other = certificate();
    let mixed = Identity { key: other.identity.key.clone(), ..identity };
    assert_eq!(tenantry_api::Listening::on(address, Some(&mixed)).await.unwrap_err().code(), "T814");
}
