//! TLS.

use std::sync::Arc;

use rustls::NamedGroup;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use tenantry_api::Identity;
use tokio_rustls::TlsConnector;

use crate::server::{Server, ample, client};

struct Certificate {
    identity: Identity,
    roots: rustls::RootCertStore,
    _folder: tempfile::TempDir,
}

fn certificate() -> Certificate {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let identity = Identity {
        certificate: folder.path().join("api.pem"),
        key: folder.path().join("api.key"),
        clients: None,
        withdrawn: None,
    };
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

/// What is recorded today is not read by whoever has a quantum computer one day: both sides take the hybrid where they know it.
#[tokio::test]
async fn keys_are_agreed_on_by_a_hybrid_that_quantum_computers_do_not_break() {
    let Certificate { identity, roots, _folder } = certificate();
    let server = Server::with(ample(), Some(&identity)).await;
    let address = server.url.trim_start_matches("https://");
    let agreed = async |provider: CryptoProvider| {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let spoken = TlsConnector::from(Arc::new(config)).connect(name, connection).await.unwrap();
        spoken.get_ref().1.negotiated_key_exchange_group().unwrap().name()
    };
    assert_eq!(agreed(aws_lc_rs::default_provider()).await, NamedGroup::X25519MLKEM768);
    // Who does not know it is served all the same.
    let older = CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..aws_lc_rs::default_provider() };
    assert_eq!(agreed(older).await, NamedGroup::X25519);
}
