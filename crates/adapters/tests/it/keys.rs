//! Who holds keys: what each promises, and how their refusals are told. Vault is a real one; the others are fakes.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tenantry_adapters::keys::{AwsKms, AzureKeyVault, GoogleKms, Surroundings, VaultTransit};
use tenantry_domain::id::TenantId;
use tenantry_keys::{Bound, KeyError, KeyProvider, Owner, Secret, Wrapped};

use crate::fake_aws::{self, FakeAws};
use crate::fake_azure::{self, FakeAzure};
use crate::fake_google::{self, FakeGoogle};
use crate::promises::holds;
use crate::server::{Server, response};
use crate::shapes::{Mood, Request};
use crate::vault::Vault;

fn acme() -> Owner {
    Owner::Tenant(TenantId::new("acme").unwrap())
}

fn aws(fake: &FakeAws) -> AwsKms {
    let environment = fake.environment();
    let variables = [0, 1, 2, 3].map(|index| (environment[index].0, environment[index].1.as_str()));
    AwsKms::new(fake_aws::KEY, &Surroundings::of(variables)).unwrap()
}

/// As the machine's account.
fn google(fake: &FakeGoogle) -> GoogleKms {
    let host = fake.server.address.to_string();
    let address = format!("http://{host}/");
    let surroundings = [("GCE_METADATA_HOST", host.as_str()), ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", &address)];
    GoogleKms::new(fake_google::KEY, &Surroundings::of(surroundings)).unwrap()
}

/// As an application with a secret.
fn azure(fake: &FakeAzure) -> AzureKeyVault {
    let authority = format!("http://{}/", fake.server.address);
    let surroundings = [
        ("AZURE_AUTHORITY_HOST", authority.as_str()),
        ("AZURE_TENANT_ID", "a-tenant"),
        ("AZURE_CLIENT_ID", fake_azure::CLIENT),
        ("AZURE_CLIENT_SECRET", fake_azure::SECRET),
    ];
    AzureKeyVault::new(&fake.key(), &Surroundings::of(surroundings)).unwrap()
}

fn vault(real: &Vault, name: &str) -> VaultTransit {
    let surroundings = Surroundings::of([("VAULT_ADDR", real.address.as_str()), ("VAULT_TOKEN", &real.token)]);
    VaultTransit::new(name, &surroundings).unwrap()
}

async fn wrapped(provider: &dyn KeyProvider) -> Wrapped {
    provider.wrap(&acme(), &Secret::random().unwrap(), &Bound::to("a")).await.unwrap()
}

/// The code and the text of why something does not open now.
async fn closed(provider: &dyn KeyProvider, wrapped: &Wrapped) -> (&'static str, String) {
    let error: KeyError = provider.unwrap(&acme(), wrapped, &Bound::to("a")).await.unwrap_err();
    (error.code(), error.to_string())
}

#[tokio::test]
async fn aws_holds_to_it() {
    let (one, other) = (FakeAws::start().await, FakeAws::start().await);
    holds(&aws(&one), &aws(&other)).await;
}

#[tokio::test]
async fn google_holds_to_it() {
    let (one, other) = (FakeGoogle::start().await, FakeGoogle::start().await);
    holds(&google(&one), &google(&other)).await;
}

#[tokio::test]
async fn azure_holds_to_it() {
    let (one, other) = (FakeAzure::start().await, FakeAzure::start().await);
    holds(&azure(&one), &azure(&other)).await;
}

#[tokio::test]
async fn vault_holds_to_it() {
    let Some(real) = Vault::start("vault_holds_to_it") else { return };
    holds(&vault(&real, "transit/one"), &vault(&real, "transit/other")).await;
}

/// What each does when its service is not well: the same for all, whichever way it says so.
async fn told(provider: &dyn KeyProvider, mood: impl Fn(Mood)) {
    let sealed = wrapped(provider).await;
    mood(Mood::Busy(2));
    provider.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
    mood(Mood::Busy(1));
    wrapped(provider).await;
    mood(Mood::Busy(100));
    let (code, text) = closed(provider, &sealed).await;
    assert!(code == "T1006" && text.contains("could not be asked for"), "{text}");
    mood(Mood::Denying);
    let (code, text) = closed(provider, &sealed).await;
    assert!(code == "T1009" && text.contains("were refused"), "{text}");
    mood(Mood::Well);
    provider.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
}

fn sets<S>(state: &Arc<Mutex<S>>, set: impl Fn(&mut S, Mood)) -> impl Fn(Mood) {
    move |mood| set(&mut state.lock().unwrap(), mood)
}

#[tokio::test]
async fn troubles_of_aws_are_told_and_tried_again_where_that_helps() {
    let fake = FakeAws::start().await;
    let provider = aws(&fake);
    told(&provider, sets(&fake.state, |state, mood| state.mood = mood)).await;
    let sealed = wrapped(&provider).await;
    fake.state.lock().unwrap().asked.clear();
    fake.state.lock().unwrap().mood = Mood::Denying;
    closed(&provider, &sealed).await;
    assert_eq!(fake.state.lock().unwrap().asked, ["Decrypt"; 2], "a refusal is not asked for over and over");
    fake.state.lock().unwrap().mood = Mood::Well;
    fake.state.lock().unwrap().disabled = true;
    let (code, text) = closed(&provider, &sealed).await;
    assert!(code == "T1010" && text.contains("DisabledException"), "{text}");
    assert_eq!(provider.newest(&acme()).await.unwrap_err().code(), "T1010");
    fake.state.lock().unwrap().gone = true;
    assert_eq!(closed(&provider, &sealed).await.0, "T1001");
}

#[tokio::test]
async fn whoever_does_not_answer_is_given_up_on() {
    let fake = FakeAws::start().await;
    let provider = aws(&fake);
    let sealed = wrapped(&provider).await;
    fake.state.lock().unwrap().mood = Mood::Stalled;
    assert_eq!(closed(&provider, &sealed).await.0, "T1006");
    drop(fake);
    let (code, text) = closed(&provider, &sealed).await;
    assert!(code == "T1006" && text.contains("did not answer"), "{text}");
}

#[tokio::test]
async fn aws_is_told_whose_key_it_is_and_with_which_secret() {
    let fake = FakeAws::start().await;
    let provider = aws(&fake);
    wrapped(&provider).await;
    let seen = fake.server.seen();
    let made = seen.iter().find(|request| request.contains("GenerateDataKey")).unwrap();
    assert!(made.contains(r#""tenantry:owner":"tenant/acme""#), "{made}");
    let environment = fake.environment();
    let mut variables = [0, 1, 2, 3].map(|index| (environment[index].0, environment[index].1.as_str()));
    variables[2].1 = "another secret";
    let stranger = AwsKms::new(fake_aws::KEY, &Surroundings::of(variables)).unwrap();
    let error = stranger.newest(&acme()).await.unwrap_err();
    assert!(error.code() == "T1009" && error.to_string().contains("InvalidSignatureException"), "{error}");
    // Nobody at all: only what is in the variables is looked at here, and there is nothing.
    let nobody = AwsKms::new(fake_aws::KEY, &Surroundings::of([variables[0], variables[3]])).unwrap();
    let error = nobody.newest(&acme()).await.unwrap_err();
    assert!(error.code() == "T1009" && error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
}

#[tokio::test]
async fn credentials_of_aws_are_found_in_its_files() {
    let fake = FakeAws::start().await;
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let (access, secret) = (fake_aws::ACCESS, fake_aws::SECRET);
    let text = format!("[tenantry]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n");
    std::fs::write(home.path().join(".aws/credentials"), text).unwrap();
    let endpoint = format!("http://{}", fake.server.address);
    let variables =
        [("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_PROFILE", "tenantry"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let surroundings = Surroundings::of(variables).at_home(home.path().to_owned());
    let provider = AwsKms::new(fake_aws::KEY, &surroundings).unwrap();
    let sealed = wrapped(&provider).await;
    provider.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
}

#[tokio::test]
async fn troubles_of_google_are_told_and_tried_again_where_that_helps() {
    let fake = FakeGoogle::start().await;
    let provider = google(&fake);
    told(&provider, sets(&fake.state, |state, mood| state.mood = mood)).await;
    let sealed = wrapped(&provider).await;
    assert_eq!(fake.state.lock().unwrap().given, 1, "a token is kept");
    fake.state.lock().unwrap().revoke();
    provider.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
    assert_eq!(fake.state.lock().unwrap().given, 2);
    fake.state.lock().unwrap().versions[0].0 = false;
    let (code, text) = closed(&provider, &sealed).await;
    assert!(code == "T1010" && text.contains("cryptoKeyVersions/1 is not enabled"), "{text}");
    fake.state.lock().unwrap().gone = true;
    assert_eq!(closed(&provider, &sealed).await.0, "T1001");
}

#[tokio::test]
async fn google_seals_with_a_new_version_at_once_though_it_takes_its_time() {
    let fake = FakeGoogle::start().await;
    let provider = google(&fake);
    assert_eq!(wrapped(&provider).await.version, 1);
    {
        let mut state = fake.state.lock().unwrap();
        (state.behind, state.pending) = (Some(1), 2);
    }
    provider.renew(&[acme()]).await.unwrap();
    assert_eq!(wrapped(&provider).await.version, 2);
    assert_eq!(provider.newest(&acme()).await.unwrap(), Some(2));
}

#[tokio::test]
async fn google_knows_accounts_and_users_by_their_files() {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    let fake = FakeGoogle::start().await;
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let lines = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = lines.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    fake.state.lock().unwrap().account = Some(pair.public_key().as_ref().to_vec());
    let tokens = format!("http://{}/token", fake.server.address);
    let account = serde_json::json!({
        "type": "service_account", "client_email": "tenantry@acme-prod.iam.gserviceaccount.com", "private_key": pem,
        "private_key_id": "1", "token_uri": tokens,
    });
    let user = serde_json::json!({
        "type": "authorized_user", "client_id": "764086051850-x.apps.googleusercontent.com",
        "client_secret": "d-FL95Q19q7MQmFpd7hHD0Ty", "refresh_token": "1//refresh", "token_uri": tokens,
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.json");
    let address = format!("http://{}", fake.server.address);
    let variables = [
        ("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap()),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", &address),
    ];
    for who in [&account, &user] {
        std::fs::write(&file, who.to_string()).unwrap();
        let provider = GoogleKms::new(fake_google::KEY, &Surroundings::of(variables)).unwrap();
        let sealed = wrapped(&provider).await;
        provider.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
    }
    for (field, value) in
        [("type", "external_account"), ("private_key", "hush"), ("token_uri", "http://192.0.2.1/token")]
    {
        let mut wrong = account.clone();
        wrong[field] = value.into();
        std::fs::write(&file, wrong.to_string()).unwrap();
        let error = GoogleKms::new(fake_google::KEY, &Surroundings::of(variables)).unwrap_err();
        assert!(error.code() == "T1004" && !error.to_string().contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn troubles_of_azure_are_told_and_tried_again_where_that_helps() {
    let fake = FakeAzure::start().await;
    let provider = azure(&fake);
    told(&provider, sets(&fake.state, |state, mood| state.mood = mood)).await;
    let sealed = wrapped(&provider).await;
    assert_eq!(fake.state.lock().unwrap().given, ["secret"], "a token is kept");
    fake.state.lock().unwrap().revoke();
    provider.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
    assert_eq!(fake.state.lock().unwrap().given.len(), 2);
    provider.renew(&[acme()]).await.unwrap();
    fake.state.lock().unwrap().versions[0].enabled = false;
    let (code, text) = closed(&provider, &sealed).await;
    assert!(code == "T1010" && text.contains("enabled there again"), "{text}");
    wrapped(&provider).await;
    fake.state.lock().unwrap().gone = true;
    assert_eq!(closed(&provider, &sealed).await.0, "T1001");
}

#[tokio::test]
async fn azure_knows_clusters_and_machines() {
    let fake = FakeAzure::start().await;
    let folder = tempfile::tempdir().unwrap();
    let word = folder.path().join("token");
    std::fs::write(&word, fake_azure::WORD).unwrap();
    let host = format!("http://{}", fake.server.address);
    let cluster = [
        ("AZURE_AUTHORITY_HOST", host.as_str()),
        ("AZURE_TENANT_ID", "a-tenant"),
        ("AZURE_CLIENT_ID", fake_azure::CLIENT),
        ("AZURE_FEDERATED_TOKEN_FILE", word.to_str().unwrap()),
    ];
    wrapped(&AzureKeyVault::new(&fake.key(), &Surroundings::of(cluster)).unwrap()).await;
    let machine = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", host.as_str())];
    wrapped(&AzureKeyVault::new(&fake.key(), &Surroundings::of(machine)).unwrap()).await;
    assert_eq!(fake.state.lock().unwrap().given, ["federated", "machine"]);
    std::fs::write(&word, "somebody else's").unwrap();
    let stranger = AzureKeyVault::new(&fake.key(), &Surroundings::of(cluster)).unwrap();
    let error = stranger.newest(&acme()).await.unwrap_err();
    assert!(error.code() == "T1009" && error.to_string().contains("invalid_client"), "{error}");
    let half = Surroundings::of([("AZURE_CLIENT_SECRET", "hush")]);
    let error = AzureKeyVault::new(&fake.key(), &half).unwrap_err();
    assert!(error.code() == "T1004" && error.to_string().contains("AZURE_CLIENT_ID"), "{error}");
}

/// Says something to a real Vault as its administrator.
async fn administer(real: &Vault, method: &str, path: &str, body: &str) -> serde_json::Value {
    let client = tenantry_adapters::identity::Web::new(None).unwrap();
    let headers = [("x-vault-token".to_owned(), real.token.clone())];
    let address = format!("{}/v1/{path}", real.address);
    let (status, answer) = client.ask(method, &address, &headers, Some(body.as_bytes().to_vec())).await.unwrap();
    assert!(status < 300, "{path}: {status}: {}", String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).unwrap_or_default()
}

/// The policy that the documentation gives.
fn documented_policy() -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/keys.md")).unwrap();
    page.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[tokio::test]
async fn the_documented_policy_of_vault_is_enough_and_reaches_no_other_keys() {
    let Some(real) = Vault::start("the_documented_policy_of_vault_is_enough_and_reaches_no_other_keys") else { return };
    let policy = serde_json::json!({ "policy": documented_policy() }).to_string();
    administer(&real, "PUT", "sys/policies/acl/tenantry", &policy).await;
    let role = r#"{"token_policies":["tenantry"],"token_ttl":"90s"}"#;
    administer(&real, "POST", "auth/approle/role/tenantry", role).await;
    let id = administer(&real, "GET", "auth/approle/role/tenantry/role-id", "").await;
    let secret = administer(&real, "POST", "auth/approle/role/tenantry/secret-id", "{}").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, secret["data"]["secret_id"].as_str().unwrap()).unwrap();
    let variables = [
        ("VAULT_ADDR", real.address.as_str()),
        ("TENANTRY_KEY_VAULT_ROLE_ID", id["data"]["role_id"].as_str().unwrap()),
        ("TENANTRY_KEY_VAULT_SECRET_ID_FILE", file.to_str().unwrap()),
    ];
    let provider = |name: &str| VaultTransit::new(name, &Surroundings::of(variables)).unwrap();
    holds(&provider("transit/tenantry"), &vault(&real, "transit/other")).await;
    let error = provider("transit/other").newest(&Owner::Platform).await.unwrap_err();
    assert!(error.code() == "T1009" && error.to_string().contains("permission denied"), "{error}");
    // A token that was revoked is replaced by another.
    let used = provider("transit/tenantry");
    let sealed = wrapped(&used).await;
    let accessors = administer(&real, "LIST", "auth/token/accessors", "").await;
    for accessor in accessors["data"]["keys"].as_array().unwrap() {
        let question = serde_json::json!({ "accessor": accessor }).to_string();
        let known = administer(&real, "POST", "auth/token/lookup-accessor", &question).await;
        if known["data"]["path"] == "auth/approle/login" {
            administer(&real, "POST", "auth/token/revoke-accessor", &question).await;
        }
    }
    used.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
}

#[tokio::test]
async fn troubles_of_vault_are_told() {
    let Some(real) = Vault::start("troubles_of_vault_are_told") else { return };
    let provider = vault(&real, "transit/tenantry");
    let sealed = wrapped(&provider).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "nobody's").unwrap();
    let variables = [("VAULT_ADDR", real.address.as_str()), ("TENANTRY_KEY_VAULT_TOKEN_FILE", file.to_str().unwrap())];
    let stranger = VaultTransit::new("transit/tenantry", &Surroundings::of(variables)).unwrap();
    assert_eq!(closed(&stranger, &sealed).await.0, "T1009");
    std::fs::write(&file, format!("{}\n", real.token)).unwrap();
    stranger.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
    // Below what may be opened, which can be undone.
    provider.renew(&[acme()]).await.unwrap();
    let config = "transit/keys/tenantry-tenant-acme/config";
    administer(&real, "POST", config, r#"{"min_decryption_version":2}"#).await;
    let (code, text) = closed(&provider, &sealed).await;
    assert!(code == "T1010" && text.contains("min_decryption_version"), "{text}");
    administer(&real, "POST", config, r#"{"min_decryption_version":1}"#).await;
    provider.unwrap(&acme(), &sealed, &Bound::to("a")).await.unwrap();
    // The keys of a store whose name was mistaken are not said to be destroyed.
    let platform = provider.wrap(&Owner::Platform, &Secret::random().unwrap(), &Bound::to("a")).await.unwrap();
    let mistaken = vault(&real, "transit/tenantyr");
    let error = mistaken.unwrap(&Owner::Platform, &platform, &Bound::to("a")).await.unwrap_err();
    assert_eq!(error.code(), "T1001");
    // One that somebody made for something else.
    administer(&real, "POST", "transit/keys/rsa-platform", r#"{"type":"rsa-2048"}"#).await;
    let error = vault(&real, "transit/rsa").newest(&Owner::Platform).await.unwrap_err();
    assert!(error.code() == "T1004" && error.to_string().contains("aes256-gcm96"), "{error}");
    administer(&real, "PUT", "sys/seal", "{}").await;
    let (code, text) = closed(&provider, &sealed).await;
    assert!(code == "T1006" && text.contains("sealed"), "{text}");
}

/// A FAKE of Vault's login by Kubernetes, as the real one of the tests has no cluster to ask.
#[tokio::test]
async fn vault_knows_pods_by_their_clusters_word() {
    let fake = Server::start(|_, request| {
        let request = Request::of(request);
        let asked: serde_json::Value = serde_json::from_str(request.body).unwrap_or_default();
        let known = asked == serde_json::json!({ "role": "tenantry", "jwt": "eyJ.the-cluster-says-so" });
        let token = request.header("x-vault-token");
        Some(match request.target {
            "/v1/auth/cluster-7/login" if known && request.header("x-vault-namespace") == "team" => {
                let body = r#"{"auth":{"client_token":"hvs.pod","lease_duration":3600}}"#;
                response("200 OK", "content-type: application/json\r\n", body)
            }
            "/v1/transit/keys/tenantry-platform" if token == "hvs.pod" => {
                response("404 Not Found", "", r#"{"errors":[]}"#)
            }
            _ => response("403 Forbidden", "", r#"{"errors":["permission denied"]}"#),
        })
    });
    let fake = fake.await;
    let folder = tempfile::tempdir().unwrap();
    let (word, address) = (folder.path().join("token"), format!("http://{}", fake.address));
    std::fs::write(&word, "eyJ.the-cluster-says-so").unwrap();
    let variables = [
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_NAMESPACE", "team"),
        ("TENANTRY_KEY_VAULT_AUTH", "cluster-7"),
        ("TENANTRY_KEY_VAULT_ROLE", "tenantry"),
        ("TENANTRY_KEY_VAULT_JWT_FILE", word.to_str().unwrap()),
    ];
    let provider = VaultTransit::new("transit/tenantry", &Surroundings::of(variables)).unwrap();
    assert_eq!(provider.newest(&Owner::Platform).await.unwrap(), None);
    assert_eq!(provider.newest(&Owner::Platform).await.unwrap(), None);
    assert_eq!(fake.seen().len(), 3, "one login is enough");
    std::fs::write(&word, "somebody else's").unwrap();
    let stranger = VaultTransit::new("transit/tenantry", &Surroundings::of(variables)).unwrap();
    assert_eq!(stranger.newest(&Owner::Platform).await.unwrap_err().code(), "T1009");
}

#[test]
fn what_names_no_key_or_is_reached_in_the_clear_is_refused() {
    let code = |made: Result<(), KeyError>| made.err().map(|error| error.code());
    let nothing = Surroundings::of([]);
    for arn in ["", "alias/x", "arn:aws:s3:::x", "arn:aws:kms:eu/../x:1:key/2", "arn:aws:kms:eu-central-1:1:grant/2"] {
        assert_eq!(code(AwsKms::new(arn, &nothing).map(drop)), Some("T1004"), "{arn}");
    }
    for name in [
        "",
        "store",
        "projects/a/locations/b/keyRings/c/cryptoKeys/",
        "projects/a/locations/b/keyRings/c?/cryptoKeys/d",
    ] {
        assert_eq!(code(GoogleKms::new(name, &nothing).map(drop)), Some("T1004"), "{name}");
    }
    for url in [
        "",
        "http://a.vault.azure.net/keys/b",
        "https://a.vault.azure.net/secrets/b",
        "https://u:p@a.vault.azure.net/keys/b",
        "https://a.vault.azure.net/keys/b/0123",
    ] {
        assert_eq!(code(AzureKeyVault::new(url, &nothing).map(drop)), Some("T1004"), "{url}");
    }
    let (clear, safe) = ("http://192.0.2.1:8200", "https://vault.example.org");
    for (address, name) in [(clear, "transit/a"), (safe, "transit"), (safe, "../a"), (safe, "a//b"), (safe, "transit/")]
    {
        let surroundings = Surroundings::of([("VAULT_ADDR", address), ("VAULT_TOKEN", "hush")]);
        let error = VaultTransit::new(name, &surroundings).unwrap_err();
        assert!(error.code() == "T1004" && !format!("{error:?} {surroundings:?}").contains("hush"), "{name}");
    }
    let clear = Surroundings::of([("AWS_ENDPOINT_URL", "http://192.0.2.1")]);
    assert_eq!(code(AwsKms::new(fake_aws::KEY, &clear).map(drop)), Some("T1004"));
    let clear = Surroundings::of([("GCE_METADATA_HOST", "192.0.2.1")]);
    assert_eq!(code(GoogleKms::new(fake_google::KEY, &clear).map(drop)), Some("T1004"));
}
