//! Callers with certificates, of real authorities.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tenantry_api::{Identity, Limits};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::access::identity::{Declared, Identities};

use crate::server::{Server, ample};

const DOCUMENT: &str = "
certificates:
  bindings:
    - { common_name: ci, role: operator }
    - { organization: acme, role: tenant-editor, tenant: acme }
    - { uri: 'spiffe://example.org/ns/ops/sa/agent', role: auditor }
";

struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), pem)
    }

    /// A certificate for a client, or for the server, that holds until a year.
    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> (CertificateDer<'static>, KeyPair, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2090, 1, 1);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), key, certificate.pem())
    }

    /// Its list of certificates that it withdrew, by their numbers; it holds until a year.
    fn withdraws(&self, serials: &[u64], until: i32) -> String {
        let withdrawn = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2025, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2025, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(withdrawn).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    fn person(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (CertificateDer<'static>, KeyPair) {
        let (certificate, key, _) = self.issue(|params| {
            params.distinguished_name.push(DnType::CommonName, name);
            change(params);
        });
        (certificate, key)
    }
}

struct World {
    server: Server,
    authority: Authority,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(None).await
    }

    /// Where certificates of these numbers are withdrawn.
    async fn with(withdrawn: Option<&[u64]>) -> Self {
        let (authority, folder) = (Authority::new("ours"), tempfile::tempdir().unwrap());
        let (_, key, pem) = authority.issue(|_| {});
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let identity = Identity {
            certificate: file("api.pem", &pem),
            key: file("api.key", &key.serialize_pem()),
            clients: Some(file("ca.pem", &authority.1)),
            withdrawn: withdrawn.map(|serials| file("crl.pem", &authority.withdraws(serials, 2089))),
        };
        let declared = Declared::read("identities.yaml", DOCUMENT).unwrap();
        let limits = Limits { renew_every: Duration::from_millis(20), ..ample() };
        let server = Server::knowing(limits, Some(&identity), Identities::new(declared, None, None)).await;
        server.clock.set(Timestamp::from(jiff::Timestamp::now()));
        Self { server, authority, folder }
    }

    fn numbered(&self, serial: u64) -> (CertificateDer<'static>, KeyPair) {
        self.authority.person("ci", |params| params.serial_number = Some(SerialNumber::from(serial)))
    }

    fn client(&self, presents: Option<(CertificateDer<'static>, KeyPair)>) -> reqwest::Client {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.1.as_bytes();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(pem).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let tls = match presents {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    /// Who somebody is, or the status; none where TLS let nobody in.
    async fn who(&self, client: &reqwest::Client, token: Option<&str>) -> Option<String> {
        let mut asked = client.get(format!("{}/v1/whoami", self.server.url));
        if let Some(token) = token {
            asked = asked.bearer_auth(token);
        }
        let answer = asked.send().await.ok()?;
        if !answer.status().is_success() {
            return Some(answer.status().as_u16().to_string());
        }
        let who: serde_json::Value = serde_json::from_str(&answer.text().await.ok()?).unwrap();
        let roles = who["roles"].as_array().unwrap();
        let roles: Vec<&str> = roles.iter().map(|held| held["role"].as_str().unwrap()).collect();
        Some(format!("{} {}", who["principal"].as_str().unwrap(), roles.join(",")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_our_authority_is_who_it_names_and_no_other_gets_in() {
    let world = World::new().await;
    let ours =
        |name: &str, change: fn(&mut CertificateParams)| world.client(Some(world.authority.person(name, change)));
    let who = async |client: reqwest::Client| world.who(&client, None).await;
    assert_eq!(who(ours("ci", |_| {})).await.as_deref(), Some("certificate:cn:ci operator"));
    let acme = |params: &mut CertificateParams| params.distinguished_name.push(DnType::OrganizationName, "acme");
    assert_eq!(who(ours("web", acme)).await.as_deref(), Some("certificate:cn:web tenant-editor"));
    let spiffe = |params: &mut CertificateParams| {
        params.subject_alt_names.push(SanType::URI("spiffe://example.org/ns/ops/sa/agent".try_into().unwrap()));
    };
    let agent = Some("certificate:uri:spiffe://example.org/ns/ops/sa/agent auditor");
    assert_eq!(who(ours("agent", spiffe)).await.as_deref(), agent);
    assert_eq!(who(ours("nobody", |_| {})).await.as_deref(), Some("certificate:cn:nobody "));
    // Who has ended, is not yet, or is of another authority does not get through TLS.
    for change in [
        (|params| params.not_after = date_time_ymd(2025, 1, 1)) as fn(&mut CertificateParams),
        |params| params.not_before = date_time_ymd(2089, 1, 1),
        |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
    ] {
        assert_eq!(who(ours("ci", change)).await, None);
    }
    let stranger = Authority::new("ours").person("ci", |_| {});
    assert_eq!(who(world.client(Some(stranger))).await, None);
    // Without one, a token is asked for; with both, the token counts.
    assert_eq!(who(world.client(None)).await.as_deref(), Some("401"));
    let token = world.server.admin().await;
    let id = token.split('_').nth(1).unwrap();
    let admin = format!("token:{id} platform-admin");
    assert_eq!(world.who(&world.client(None), Some(&token)).await, Some(admin.clone()));
    assert_eq!(world.who(&ours("ci", |_| {}), Some(&token)).await, Some(admin));
    assert_eq!(world.who(&ours("ci", |_| {}), Some("tnt_wrong")).await.as_deref(), Some("401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_while_the_connection_lives_opens_nothing_more() {
    let world = World::new().await;
    let client =
        world.client(Some(world.authority.person("ci", |params| params.not_after = date_time_ymd(2089, 1, 1))));
    assert_eq!(world.who(&client, None).await.as_deref(), Some("certificate:cn:ci operator"));
    world.server.clock.forward(Span::from_secs(63 * 366 * 86_400));
    assert_eq!(world.who(&client, None).await.as_deref(), Some("401"));
}

/// Asks until it is answered so: files are looked at now and then.
async fn comes_to(world: &World, serial: u64, wanted: Option<&str>) {
    for _ in 0..500 {
        // A connection of its own each time.
        let client = world.client(Some(world.numbered(serial)));
        if world.who(&client, None).await.as_deref() == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to {wanted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_certificate_opens_nothing_from_then_on() {
    let world = World::with(Some(&[7])).await;
    let who = async |serial: u64| world.who(&world.client(Some(world.numbered(serial))), None).await;
    assert_eq!(who(7).await, None);
    assert_eq!(who(8).await.as_deref(), Some("certificate:cn:ci operator"));
    // While the server runs, another is withdrawn, and the first let in again.
    let list = world.folder.path().join("crl.pem");
    std::fs::write(&list, world.authority.withdraws(&[8, 9], 2089)).unwrap();
    comes_to(&world, 8, None).await;
    assert_eq!(who(7).await.as_deref(), Some("certificate:cn:ci operator"));
    // What cannot be read changes nothing; a list that has run out lets nobody in.
    std::fs::write(&list, "no list").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((who(7).await.is_some(), who(8).await), (true, None));
    std::fs::write(&list, world.authority.withdraws(&[], 2026)).unwrap();
    comes_to(&world, 7, None).await;
    assert_eq!(who(9).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_certificate_is_renewed_while_it_runs() {
    let world = World::new().await;
    let other = Authority::new("another");
    assert_eq!(world.who(&world.client(None), None).await.as_deref(), Some("401"));
    let (_, key, pem) = other.issue(|_| {});
    std::fs::write(world.folder.path().join("api.key"), key.serialize_pem()).unwrap();
    std::fs::write(world.folder.path().join("api.pem"), pem).unwrap();
    for _ in 0..500 {
        if world.who(&world.client(None), None).await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the old certificate is still shown");
}
