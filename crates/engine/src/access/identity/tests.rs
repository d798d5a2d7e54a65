use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use expect_test::expect;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tenantry_domain::unit::Span;

use super::*;
use crate::ports::identity::{KeysAt, Unanswered};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ISSUER: &str = "https://id.example.org";

const DOCUMENT: &str = "
issuers:
  - name: example
    url: https://id.example.org
    audiences: [tenantry]
    claims: { name: sub, groups: groups }
    required_claims: { hd: example.org }
    bindings:
      - { group: platform, role: platform-admin }
      - { name: ada, role: auditor }
      - { claims: { repository: acme/deploy, ref: refs/heads/main }, role: tenant-editor, tenant: acme }
certificates:
  bindings:
    - { uri: 'spiffe://example.org/ci', role: operator }
    - { organization: acme, role: tenant-viewer, tenant: acme }
kubernetes:
  audiences: [tenantry]
  bindings:
    - { service_account: acme/deployer, role: tenant-editor, tenant: acme }
    - { namespace: ops, role: operator }
";

/// A key as a provider has it.
struct Signer {
    id: &'static str,
    pair: EcdsaKeyPair,
    der: Vec<u8>,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        Self { id, pair, der }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id,
            "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..65]),
        })
    }

    fn signs(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(Algorithm::ES256) };
        self.signs_under(&header, claims)
    }

    fn signs_under(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_ec_der(&self.der)).unwrap()
    }
}

/// Claims that are good at [`NOW`], with some of them otherwise; null takes one away.
fn claims(other: &Value) -> Value {
    let seconds = NOW.as_millis() / 1000;
    let mut claims = json!({
        "iss": ISSUER, "aud": "tenantry", "sub": "ada", "hd": "example.org", "groups": ["staff"],
        "exp": seconds + 300, "iat": seconds,
    });
    for (name, value) in other.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

/// A fake provider: the texts of its answers, one after the other, the last again and again; none is an outage.
struct Answers {
    texts: Mutex<Vec<Option<String>>>,
    asked: AtomicUsize,
}

impl Answers {
    fn new(texts: Vec<Option<String>>) -> Arc<Self> {
        Arc::new(Self { texts: Mutex::new(texts), asked: AtomicUsize::new(0) })
    }

    fn of(signers: &[&Signer]) -> Option<String> {
        Some(json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() }).to_string())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl KeySource for Answers {
    async fn keys(&self, at: &KeysAt) -> Result<Vec<u8>, Unanswered> {
        assert_eq!(at.issuer, ISSUER);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut texts = self.texts.lock().unwrap();
        let text = if texts.len() > 1 { texts.remove(0) } else { texts[0].clone() };
        text.map(String::into_bytes).ok_or(Unanswered { message: "it is away".to_owned() })
    }
}

fn declared() -> Declared {
    Declared::read("identities.yaml", DOCUMENT).unwrap()
}

fn with(source: &Arc<Answers>) -> Identities {
    Identities::new(declared(), Some(source.clone()), None)
}

#[tokio::test]
async fn a_token_of_an_issuer_is_somebody_with_the_roles_that_rules_give() {
    let signer = Signer::new("one");
    let identities = with(&Answers::new(vec![Answers::of(&[&signer])]));
    for (other, id, bindings) in [
        (json!({}), "oidc:example:ada", "auditor"),
        (json!({ "sub": "bob" }), "oidc:example:bob", ""),
        (json!({ "sub": "bob", "groups": ["platform"] }), "oidc:example:bob", "platform-admin"),
        (json!({ "sub": "bob", "groups": "platform" }), "oidc:example:bob", "platform-admin"),
        // All claims of a rule, or none of its roles.
        (json!({ "sub": "ci", "repository": "acme/deploy" }), "oidc:example:ci", ""),
        (
            json!({ "sub": "ci", "repository": "acme/deploy", "ref": "refs/heads/main" }),
            "oidc:example:ci",
            "tenant-editor of acme",
        ),
        (json!({ "aud": ["another", "tenantry"] }), "oidc:example:ada", "auditor"),
    ] {
        let caller = identities.bearer(&signer.signs(&claims(&other)), NOW).await.unwrap();
        let principal = caller.principal();
        let held: Vec<String> = principal.bindings.iter().map(ToString::to_string).collect();
        assert_eq!((principal.id.as_str(), held.join(", ").as_str()), (id, bindings));
        assert_eq!((caller.method(), caller.token()), (Method::Oidc, None));
        assert_eq!(caller.until(), Some(NOW + Span::from_secs(300)));
    }
}

#[tokio::test]
async fn what_is_not_wholly_right_is_nobody() {
    let (signer, stranger) = (Signer::new("one"), Signer::new("one"));
    let source = Answers::new(vec![Answers::of(&[&signer])]);
    let identities = with(&source);
    let seconds = NOW.as_millis() / 1000;
    let mut presented: Vec<(&str, String)> = [
        ("another audience", json!({ "aud": "another" })),
        ("no audience", json!({ "aud": null })),
        ("an empty list of audiences", json!({ "aud": [] })),
        ("another issuer", json!({ "iss": "https://evil.example.org" })),
        ("a list of issuers", json!({ "iss": [ISSUER] })),
        ("the issuer with a slash", json!({ "iss": "https://id.example.org/" })),
        ("ended", json!({ "exp": seconds - 60 })),
        ("without an end", json!({ "exp": null })),
        ("an end that is no number", json!({ "exp": "2000000000" })),
        ("an end beyond the calendar", json!({ "exp": 9_000_000_000_000_000_000_i64 })),
        ("an end before all time", json!({ "exp": -1 })),
        ("not valid yet", json!({ "nbf": seconds + 61 })),
        ("made in the future", json!({ "iat": seconds + 61 })),
        ("of another domain", json!({ "hd": "evil.example.org" })),
        ("of no domain", json!({ "hd": null })),
        ("no name", json!({ "sub": null })),
        ("an empty name", json!({ "sub": "" })),
        ("a name with a line break", json!({ "sub": "ada\nadmin" })),
        ("a name that is no text", json!({ "sub": 7 })),
        ("a long name", json!({ "sub": "a".repeat(257) })),
    ]
    .map(|(what, other)| (what, signer.signs(&claims(&other))))
    .into();
    let good = signer.signs(&claims(&json!({})));
    let part = |number: usize| good.split('.').nth(number).unwrap();
    let unsigned = BASE64.encode(r#"{"alg":"none","kid":"one"}"#);
    let admin = BASE64.encode(claims(&json!({ "groups": ["platform"] })).to_string());
    let header = |change: fn(&mut Header)| {
        let mut header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
        change(&mut header);
        signer.signs_under(&header, &claims(&json!({})))
    };
    let shared = |secret: &[u8]| {
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims(&json!({})), &EncodingKey::from_secret(secret)).unwrap()
    };
    presented.extend([
        ("another's key of the same name", stranger.signs(&claims(&json!({})))),
        ("tampered with", format!("{}.{admin}.{}", part(0), part(2))),
        ("unsigned", format!("{unsigned}.{admin}.")),
        ("unsigned, with a signature", format!("{unsigned}.{admin}.{}", part(2))),
        ("no signature", format!("{}.{}.", part(0), part(1))),
        ("the public key as a shared secret", shared(signer.pair.public_key().as_ref())),
        ("the set of keys as a shared secret", shared(Answers::of(&[&signer]).unwrap().as_bytes())),
        ("an empty shared secret", shared(b"")),
        ("a logout token", header(|header| header.typ = Some("logout+jwt".to_owned()))),
        ("something critical", header(|header| header.crit = Some(vec!["b64".to_owned()]))),
        ("too long", format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX))),
        ("four parts", format!("{good}.x")),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
    ]);
    for (what, token) in presented {
        let refused = identities.bearer(&token, NOW).await;
        assert!(matches!(refused, Err(AccessError::Unauthenticated)), "{what}");
    }
    // The same key and claims are somebody: it was not for another reason.
    identities.bearer(&good, NOW).await.unwrap();
    // Clocks that differ a little are borne.
    for other in [json!({ "exp": seconds - 59 }), json!({ "nbf": seconds + 60 }), json!({ "iat": seconds + 60 })] {
        identities.bearer(&signer.signs(&claims(&other)), NOW).await.unwrap();
    }
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn an_email_that_was_not_verified_is_no_name() {
    let signer = Signer::new("one");
    let text = DOCUMENT.replace("name: sub, groups", "name: email, groups");
    let declared = Declared::read("identities.yaml", &text).unwrap();
    let source = Answers::new(vec![Answers::of(&[&signer])]);
    let identities = Identities::new(declared, Some(source), None);
    let email = "ada@example.org";
    for verified in [json!(null), json!(false), json!("true")] {
        let token = signer.signs(&claims(&json!({ "email": email, "email_verified": verified })));
        assert!(identities.bearer(&token, NOW).await.is_err(), "{verified}");
    }
    let token = signer.signs(&claims(&json!({ "email": email, "email_verified": true })));
    assert_eq!(identities.bearer(&token, NOW).await.unwrap().principal().id, "oidc:example:ada@example.org");
}

#[tokio::test]
async fn an_algorithm_that_is_not_declared_is_refused() {
    let signer = Signer::new("one");
    let text = DOCUMENT.replace(
        "    audiences: [tenantry]\n    claims",
        "    audiences: [tenantry]\n    algorithms: [RS256]\n    claims",
    );
    let declared = Declared::read("identities.yaml", &text).unwrap();
    let identities = Identities::new(declared, Some(Answers::new(vec![Answers::of(&[&signer])])), None);
    assert!(identities.bearer(&signer.signs(&claims(&json!({}))), NOW).await.is_err());
}

#[tokio::test]
async fn a_new_key_is_fetched_once_in_a_while_and_a_withdrawn_one_is_forgotten() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let source = Answers::new(vec![Answers::of(&[&old]), Answers::of(&[&old, &new]), Answers::of(&[&new])]);
    let identities = with(&source);
    let token = |signer: &Signer| signer.signs(&claims(&json!({ "exp": NOW.as_millis() / 1000 + 9000 })));
    identities.bearer(&token(&old), NOW).await.unwrap();
    // Whatever is presented, the provider is not asked more often.
    for _ in 0..3 {
        assert!(identities.bearer(&token(&new), NOW + Span::from_secs(9)).await.is_err());
    }
    assert_eq!(source.asked(), 1);
    identities.bearer(&token(&new), NOW + Span::from_secs(10)).await.unwrap();
    identities.bearer(&token(&old), NOW + Span::from_secs(11)).await.unwrap();
    assert_eq!(source.asked(), 2);
    // Nobody asks for a key that was withdrawn: it goes when keys are old.
    identities.refresh(NOW + Span::from_secs(309)).await;
    assert_eq!(source.asked(), 2);
    identities.refresh(NOW + Span::from_secs(310)).await;
    assert_eq!(source.asked(), 3);
    assert!(identities.bearer(&token(&old), NOW + Span::from_secs(330)).await.is_err());
    identities.bearer(&token(&new), NOW + Span::from_secs(330)).await.unwrap();
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_known_keys_for_an_hour_and_no_longer() {
    let signer = Signer::new("one");
    let source = Answers::new(vec![Answers::of(&[&signer]), None]);
    let identities = with(&source);
    let token = signer.signs(&claims(&json!({ "exp": NOW.as_millis() / 1000 + 9000 })));
    identities.bearer(&token, NOW).await.unwrap();
    assert_eq!(identities.failing(), 0);
    identities.refresh(NOW + Span::from_secs(300)).await;
    assert_eq!(identities.failing(), 1);
    identities.bearer(&token, NOW + Span::from_secs(3599)).await.unwrap();
    assert!(identities.bearer(&token, NOW + Span::from_secs(3600)).await.is_err());
    // One that was never there lets nobody in.
    let never = with(&Answers::new(vec![None]));
    assert!(never.bearer(&token, NOW).await.is_err());
}

#[test]
fn keys_that_sign_nothing_are_no_keys() {
    let signer = Signer::new("one");
    let other = |field: &str, value: Value| {
        let mut key = signer.jwk();
        key[field] = value;
        json!({ "keys": [key] }).to_string()
    };
    assert!(KeySet::read(Answers::of(&[&signer]).unwrap().as_bytes()).is_ok());
    for text in [
        "not json".to_owned(),
        "{}".to_owned(),
        json!({ "keys": [] }).to_string(),
        // A shared secret in a public set is known to everybody.
        json!({ "keys": [{ "kty": "oct", "kid": "one", "k": "c2VjcmV0", "alg": "HS256" }] }).to_string(),
        other("use", json!("enc")),
        other("alg", json!("HS256")),
        other("alg", json!("RS256")),
        other("crv", json!("P-521")),
        json!({ "keys": vec![signer.jwk(); 65] }).to_string(),
    ] {
        assert!(KeySet::read(text.as_bytes()).is_err(), "{text}");
    }
    // What is of no use stands in nobody's way.
    let mixed = json!({ "keys": [{ "kty": "new" }, 7, signer.jwk()] }).to_string();
    assert!(KeySet::read(mixed.as_bytes()).is_ok());
}

/// A fake cluster that knows one token.
struct Knows {
    audiences: Vec<String>,
    asked: AtomicUsize,
    away: bool,
}

#[async_trait]
impl TokenReviewer for Knows {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, Unanswered> {
        assert_eq!(audiences, ["tenantry"]);
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.away {
            return Err(Unanswered { message: "it is away".to_owned() });
        }
        Ok((token == "known").then(|| Reviewed {
            username: "system:serviceaccount:acme:deployer".to_owned(),
            groups: vec!["system:serviceaccounts:acme".to_owned()],
            audiences: self.audiences.clone(),
        }))
    }
}

#[tokio::test]
async fn a_cluster_is_asked_about_what_nobody_else_knows_and_its_word_lasts_for_seconds() {
    let knows = |audiences: &[&str], away| {
        let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
        Arc::new(Knows { audiences, asked: AtomicUsize::new(0), away })
    };
    let cluster = knows(&["tenantry"], false);
    let identities = Identities::new(declared(), None, Some(cluster.clone()));
    assert_eq!(identities.who_says("known", NOW), Says::Asked);
    for _ in 0..3 {
        let caller = identities.bearer("known", NOW).await.unwrap();
        assert_eq!(caller.principal().id, "kubernetes:system:serviceaccount:acme:deployer");
        assert_eq!(caller.principal().bindings.len(), 1);
        assert_eq!(caller.owner().map(TenantId::as_str), Some("acme"));
        assert!(identities.bearer("unknown", NOW).await.is_err());
    }
    assert_eq!(cluster.asked.load(Ordering::SeqCst), 2);
    assert_eq!(identities.who_says("known", NOW), Says::Known(Method::Kubernetes));
    assert_eq!(identities.who_says("known", NOW + Span::from_secs(10)), Says::Asked);
    identities.bearer("known", NOW + Span::from_secs(10)).await.unwrap();
    assert_eq!(cluster.asked.load(Ordering::SeqCst), 3);
    // A token of a declared issuer is that issuer's to judge, and a long text nobody's.
    let signed = Signer::new("one").signs(&claims(&json!({})));
    assert_eq!(identities.who_says(&signed, NOW), Says::Known(Method::Oidc));
    assert_eq!(identities.who_says(&"x".repeat(TOKEN_BYTES_MAX + 1), NOW), Says::Nobody);
    for other in [knows(&[], false), knows(&["https://kubernetes"], false), knows(&["tenantry"], true)] {
        assert!(Identities::new(declared(), None, Some(other)).bearer("known", NOW).await.is_err());
    }
    assert_eq!(Identities::none().who_says("known", NOW), Says::Nobody);
}

#[test]
fn a_certificate_is_its_address_or_its_name_while_it_holds() {
    let identities = Identities::new(declared(), None, None);
    let facts = CertificateFacts {
        common_name: Some("ci".to_owned()),
        organizations: vec!["acme".to_owned()],
        uris: vec!["spiffe://example.org/ci".to_owned()],
        not_before: NOW,
        not_after: NOW + Span::from_secs(60),
    };
    let caller = identities.certificate(&facts, NOW).unwrap();
    assert_eq!(caller.principal().id, "certificate:uri:spiffe://example.org/ci");
    assert_eq!(caller.principal().bindings.len(), 2);
    let named = CertificateFacts { uris: Vec::new(), ..facts.clone() };
    assert_eq!(identities.certificate(&named, NOW).unwrap().principal().id, "certificate:cn:ci");
    let nobody = CertificateFacts { common_name: None, uris: Vec::new(), ..facts.clone() };
    assert!(identities.certificate(&nobody, NOW).is_err());
    for at in [NOW - Span::from_secs(1), NOW + Span::from_secs(61)] {
        assert!(identities.certificate(&facts, at).is_err());
    }
    // A name that says what an address would is none.
    let claimed = CertificateFacts { common_name: Some("spiffe://example.org/ci".to_owned()), ..named };
    let caller = identities.certificate(&claimed, NOW).unwrap();
    assert_eq!(caller.principal().id, "certificate:cn:spiffe://example.org/ci");
    assert_eq!(caller.principal().bindings.len(), 1);
}

fn problems(text: &str) -> String {
    Declared::read("identities.yaml", text).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_a_document_is_said_with_its_place() {
    let wrong = "
issuers:
  - name: Example
    url: http://id.example.org
    audiences: []
    algorithms: [HS256]
    bindings:
      - { role: platform-admin }
      - { group: staff, role: auditor }
      - { name: ada, role: tenant-editor }
      - { name: ada, role: emperor }
kubernetes:
  audiences: ['']
  bindings:
    - { service_account: deployer, role: operator }
";
    expect![[r#"
        identities.yaml:3:11: issuers[0].name: a name has 1 to 40 lower-case letters, digits and dashes
         3 |   - name: Example
           |           ^
        identities.yaml:4:10: issuers[0].url: an issuer is reached by https, or by http on loopback
         4 |     url: http://id.example.org
           |          ^
        identities.yaml:5:16: issuers[0].audiences: name at least one audience; without one any program's token would be taken
         5 |     audiences: []
           |                ^
        identities.yaml:6:18: issuers[0].algorithms: `HS256` is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA
         6 |     algorithms: [HS256]
           |                  ^
        identities.yaml:8:9: issuers[0].bindings[0]: say who: `name`, `group` or `claims`
         8 |       - { role: platform-admin }
           |         ^
        identities.yaml:9:9: issuers[0].bindings[1]: no claim is declared to have the groups; add `claims: { groups: NAME }` to the issuer
         9 |       - { group: staff, role: auditor }
           |         ^
        identities.yaml:10:9: issuers[0].bindings[2]: `tenant-editor` is a role in a tenant: say in which
         10 |       - { name: ada, role: tenant-editor }
            |         ^
        identities.yaml:11:9: issuers[0].bindings[3]: there is no role `emperor`; there are platform-admin, operator, auditor, tenant-admin, tenant-editor, tenant-viewer
         11 |       - { name: ada, role: emperor }
            |         ^
        identities.yaml:13:14: kubernetes.audiences: name at least one audience; without one any program's token would be taken
         13 |   audiences: ['']
            |              ^
        identities.yaml:15:7: kubernetes.bindings[0].service_account: `deployer` is no service account; it is NAMESPACE/NAME
         15 |     - { service_account: deployer, role: operator }
            |       ^"#]].assert_eq(&problems(wrong));
    expect![[r#"
        identities.yaml:3:5: unknown field `uri`, expected one of name, url, audiences, ca, algorithms, claims, required_claims, bindings
         3 |     uri: https://a
           |     ^"#]].assert_eq(&problems("issuers:\n  - name: a\n    uri: https://a\n"));
    expect![[r#"
        identities.yaml:1:1: unknown field `isuers`, expected one of issuers, certificates, kubernetes
         1 | isuers: []
           | ^"#]]
    .assert_eq(&problems("isuers: []\n"));
    let twice = "issuers:\n  - { name: a, url: 'https://a', audiences: [x] }\n  - { name: a, url: 'https://a', audiences: [x] }\n";
    expect![[r#"
        identities.yaml:3:13: issuers[1].name: `a` names another issuer already
         3 |   - { name: a, url: 'https://a', audiences: [x] }
           |             ^
        identities.yaml:3:21: issuers[1].url: another issuer has this address already
         3 |   - { name: a, url: 'https://a', audiences: [x] }
           |                     ^"#]]
    .assert_eq(&problems(twice));
}
