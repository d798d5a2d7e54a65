//! A FAKE of Azure Key Vault and of who gives tokens for it: it holds requests against the vendor's models, and seals with
//! RSA-OAEP-256. What the real service does beside that, it does not.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::server::{Server, response};
use crate::shapes::{Mood, Request, Shapes};

pub(crate) const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const SECRET: &str = "8Q~hush-hush";
pub(crate) const WORD: &str = "eyJ.the-cluster-says-so";

/// A version: its id, whether it is enabled, its key.
pub(crate) struct Version {
    id: String,
    pub(crate) enabled: bool,
    key: PrivateDecryptingKey,
}

/// What it keeps.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) gone: bool,
    pub(crate) versions: Vec<Version>,
    token: String,
    /// How tokens were asked for, in turn.
    pub(crate) given: Vec<&'static str>,
}

impl State {
    /// Makes the token that was given last good for nothing.
    pub(crate) fn revoke(&mut self) {
        self.token = "revoked".to_owned();
    }
}

pub(crate) struct FakeAzure {
    pub(crate) server: Server,
    pub(crate) state: Arc<Mutex<State>>,
}

impl FakeAzure {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        add(&mut state.lock().unwrap());
        let shapes = Shapes::of(include_str!("api/azure.json"));
        let kept = Arc::clone(&state);
        let server = Server::start(move |_, request| {
            let request = Request::of(request);
            let mut state = kept.lock().unwrap();
            let answered = match request.target.split('?').next().unwrap() {
                "/a-tenant/oauth2/v2.0/token" => token_of_client(&mut state, &request),
                "/metadata/identity/oauth2/token" => token_of_machine(&mut state, &request),
                _ => answer(&shapes, &mut state, &request),
            };
            match answered {
                Ok(None) => None,
                Ok(Some(answer)) => Some(response("200 OK", KIND, &answer)),
                Err((status, code, inner)) => {
                    let error = json!({ "code": code, "message": "it is so", "innererror": { "code": inner } });
                    Some(response(&format!("{status} No"), KIND, &json!({ "error": error }).to_string()))
                }
            }
        });
        Self { server: server.await, state }
    }

    /// The key's address.
    pub(crate) fn key(&self) -> String {
        format!("http://{}/keys/store", self.server.address)
    }
}

const KIND: &str = "content-type: application/json\r\n";

fn add(state: &mut State) {
    let id = format!("{:032x}", state.versions.len() + 0xabc);
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    state.versions.push(Version { id, enabled: true, key });
}

type Refused = (u16, &'static str, &'static str);

fn give(state: &mut State, how: &'static str, seconds: &Value) -> Option<String> {
    state.given.push(how);
    state.token = format!("token-{}", state.given.len());
    Some(json!({ "access_token": state.token, "expires_in": seconds, "token_type": "Bearer" }).to_string())
}

fn token_of_client(state: &mut State, request: &Request<'_>) -> Result<Option<String>, Refused> {
    let fields: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(request.body.as_bytes()).collect();
    let is = |name: &str, value: &str| fields.get(name).is_some_and(|found| found == value);
    let known = is("grant_type", "client_credentials")
        && is("client_id", CLIENT)
        && is("scope", "https://vault.azure.net/.default");
    if known && is("client_secret", SECRET) {
        return Ok(give(state, "secret", &json!(3599)));
    }
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    if known && is("client_assertion_type", kind) && is("client_assertion", WORD) {
        return Ok(give(state, "federated", &json!(3599)));
    }
    Err((401, "invalid_client", ""))
}

fn token_of_machine(state: &mut State, request: &Request<'_>) -> Result<Option<String>, Refused> {
    let right = request.header("metadata") == "true"
        && request.target.contains("resource=https%3A%2F%2Fvault.azure.net")
        && request.target.contains("api-version=2018-02-01");
    // The real one says seconds as text.
    if right { Ok(give(state, "machine", &json!("86399"))) } else { Err((400, "invalid_request", "")) }
}

fn answer(shapes: &Shapes, state: &mut State, request: &Request<'_>) -> Result<Option<String>, Refused> {
    if request.header("authorization") != format!("Bearer {}", state.token) {
        return Err((401, "Unauthorized", ""));
    }
    let missing = (404, "KeyNotFound", "");
    let path = request.target.strip_suffix("?api-version=7.4").ok_or((400, "BadParameter", ""))?;
    let under = path.strip_prefix("/keys/store").filter(|_| !state.gone).ok_or(missing)?;
    let parts: Vec<&str> = under.split('/').skip(1).collect();
    let (operation, version) = match (request.method, parts.as_slice()) {
        ("GET", []) => ("getKey", None),
        ("POST", ["rotate"]) => ("rotateKey", None),
        ("POST", [version, "wrapkey"]) => ("wrapKey", Some(*version)),
        ("POST", [version, "unwrapkey"]) => ("unwrapKey", Some(*version)),
        _ => return Err(missing),
    };
    assert_eq!(shapes.operation(operation).unwrap()["method"], request.method);
    match state.mood {
        Mood::Stalled => return Ok(None),
        Mood::Denying => return Err((403, "Forbidden", "ForbiddenByRbac")),
        Mood::Busy(left) => {
            state.mood = if left > 1 { Mood::Busy(left - 1) } else { Mood::Well };
            return Err((429, "Throttled", ""));
        }
        Mood::Well => {}
    }
    let asked = shapes.check(operation, "request", request.body).map_err(|why| {
        println!("the fake refuses: {why}");
        (400, "BadParameter", "")
    })?;
    let answer = act(state, operation, version, &asked, request.header("host"))?.to_string();
    shapes.check(operation, "response", &answer).unwrap();
    Ok(Some(answer))
}

fn act(state: &mut State, operation: &str, version: Option<&str>, asked: &Value, host: &str) -> Result<Value, Refused> {
    if operation == "rotateKey" {
        add(state);
    }
    let Some(version) = version else {
        let newest = state.versions.last().unwrap();
        return Ok(json!({
            "key": { "kid": format!("https://{host}/keys/store/{}", newest.id), "kty": "RSA" },
            "attributes": { "enabled": newest.enabled },
        }));
    };
    let found = state.versions.iter().find(|known| known.id == version).ok_or((404, "KeyNotFound", ""))?;
    if !found.enabled {
        return Err((403, "Forbidden", "KeyDisabled"));
    }
    let value = URL_SAFE_NO_PAD.decode(asked["value"].as_str().unwrap()).unwrap();
    let bad = (400, "BadParameter", "");
    if asked["alg"] != "RSA-OAEP-256" {
        return Err(bad);
    }
    let done = if operation == "wrapKey" {
        let key = OaepPublicEncryptingKey::new(found.key.public_key()).unwrap();
        let mut sealed = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, &value, &mut sealed, None).unwrap().to_vec()
    } else {
        let key = OaepPrivateDecryptingKey::new(found.key.clone()).unwrap();
        let mut plain = vec![0; key.min_output_size()];
        key.decrypt(&OAEP_SHA256_MGF1SHA256, &value, &mut plain, None).map_err(|_| bad)?.to_vec()
    };
    let kid = format!("https://{host}/keys/store/{version}");
    Ok(json!({ "kid": kid, "value": URL_SAFE_NO_PAD.encode(done) }))
}
