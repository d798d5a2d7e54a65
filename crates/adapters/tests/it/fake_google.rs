//! A FAKE of Google Cloud KMS and of who gives tokens for it: it holds requests against the vendor's description, verifies
//! the questions for tokens, and seals with AES-GCM. What the real service does beside that, it does not.

use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::{Server, response};
use crate::shapes::{Mood, Request, Shapes};

pub(crate) const KEY: &str = "projects/acme-prod/locations/europe-west3/keyRings/tenantry/cryptoKeys/store";

/// What it keeps.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) gone: bool,
    /// Versions: whether each is enabled, and its bytes. The first has the number 1.
    pub(crate) versions: Vec<(bool, [u8; 32])>,
    primary: usize,
    /// The primary version that encryption still takes, where it has not heard of the newest yet.
    pub(crate) behind: Option<usize>,
    /// Versions are pending for so many looks.
    pub(crate) pending: usize,
    /// The token that is good now.
    token: String,
    /// Tokens that were given.
    pub(crate) given: usize,
    /// The public key of the service account, as DER, where there is one.
    pub(crate) account: Option<Vec<u8>>,
    pub(crate) asked: Vec<String>,
}

impl State {
    /// Makes the token that was given last good for nothing.
    pub(crate) fn revoke(&mut self) {
        self.token = "revoked".to_owned();
    }
}

pub(crate) struct FakeGoogle {
    pub(crate) server: Server,
    pub(crate) state: Arc<Mutex<State>>,
}

impl FakeGoogle {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        add(&mut state.lock().unwrap());
        state.lock().unwrap().primary = 1;
        let shapes = Shapes::of(include_str!("api/google.json"));
        let kept = Arc::clone(&state);
        let server = Server::start(move |_, request| {
            let request = Request::of(request);
            let mut state = kept.lock().unwrap();
            let answered = match request.target {
                "/token" => token_by_word(&mut state, &request),
                "/computeMetadata/v1/instance/service-accounts/default/token" => token_of_machine(&mut state, &request),
                _ => answer(&shapes, &mut state, &request),
            };
            match answered {
                Ok(None) => None,
                Ok(Some(answer)) => Some(response("200 OK", KIND, &answer)),
                Err((status, kind, message)) => {
                    let body = json!({ "error": { "code": status, "message": message, "status": kind } }).to_string();
                    Some(response(&format!("{status} No"), KIND, &body))
                }
            }
        });
        Self { server: server.await, state }
    }
}

const KIND: &str = "content-type: application/json\r\n";

fn add(state: &mut State) -> usize {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    state.versions.push((true, bytes));
    state.versions.len()
}

type Refused = (u16, &'static str, String);

fn refused(status: u16, kind: &'static str) -> Refused {
    (status, kind, "it is so".to_owned())
}

fn give(state: &mut State) -> Option<String> {
    state.given += 1;
    state.token = format!("ya29.token-{}", state.given);
    Some(json!({ "access_token": state.token, "expires_in": 3599, "token_type": "Bearer" }).to_string())
}

fn token_of_machine(state: &mut State, request: &Request<'_>) -> Result<Option<String>, Refused> {
    if request.method != "GET" || request.header("metadata-flavor") != "Google" {
        return Err(refused(403, "PERMISSION_DENIED"));
    }
    Ok(give(state))
}

/// For a service account: by a signed question (RFC 7523).
fn token_by_word(state: &mut State, request: &Request<'_>) -> Result<Option<String>, Refused> {
    let fields: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(request.body.as_bytes()).collect();
    let field = |name: &str| fields.get(name).map(ToString::to_string).unwrap_or_default();
    if field("grant_type") == "refresh_token" {
        let right = field("refresh_token") == "1//refresh" && field("client_secret") == "d-FL95Q19q7MQmFpd7hHD0Ty";
        return if right { Ok(give(state)) } else { Err(refused(400, "invalid_grant")) };
    }
    let account = state.account.as_ref().ok_or_else(|| refused(400, "invalid_grant"))?;
    let mut asked = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    asked.set_audience(&[format!("http://{}/token", request.header("host"))]);
    asked.set_issuer(&["tenantry@acme-prod.iam.gserviceaccount.com"]);
    let key = jsonwebtoken::DecodingKey::from_rsa_der(account);
    let word = jsonwebtoken::decode::<Value>(field("assertion"), &key, &asked);
    let word = word.map_err(|error| (400, "invalid_grant", error.to_string()))?;
    let right = word.claims["scope"] == "https://www.googleapis.com/auth/cloudkms"
        && field("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer";
    if right { Ok(give(state)) } else { Err(refused(400, "invalid_grant")) }
}

fn answer(shapes: &Shapes, state: &mut State, request: &Request<'_>) -> Result<Option<String>, Refused> {
    if request.header("authorization") != format!("Bearer {}", state.token) {
        return Err(refused(401, "UNAUTHENTICATED"));
    }
    let path = request.target.strip_prefix("/v1/").ok_or_else(|| refused(404, "NOT_FOUND"))?;
    let (name, verb) = path.split_once(':').unwrap_or((path, ""));
    let under = name.strip_prefix(KEY).filter(|_| !state.gone).ok_or_else(|| refused(404, "NOT_FOUND"))?;
    let operation = match (request.method, under, verb) {
        ("POST", _, "encrypt") => "encrypt",
        ("POST", "", "decrypt") => "decrypt",
        ("POST", "", "updatePrimaryVersion") => "updatePrimaryVersion",
        ("POST", "/cryptoKeyVersions", "") => "cryptoKeyVersions.create",
        ("GET", "", "") => "get",
        ("GET", _, "") => "cryptoKeyVersions.get",
        _ => return Err(refused(404, "NOT_FOUND")),
    };
    assert_eq!(shapes.operation(operation).unwrap()["method"], request.method);
    state.asked.push(operation.to_owned());
    match state.mood {
        Mood::Stalled => return Ok(None),
        Mood::Denying => return Err(refused(403, "PERMISSION_DENIED")),
        Mood::Busy(left) => {
            state.mood = if left > 1 { Mood::Busy(left - 1) } else { Mood::Well };
            return Err(refused(429, "RESOURCE_EXHAUSTED"));
        }
        Mood::Well => {}
    }
    let asked = shapes.check(operation, "request", request.body).map_err(|why| (400, "INVALID_ARGUMENT", why))?;
    let named = under.strip_prefix("/cryptoKeyVersions/").map(|number| number.parse::<usize>().unwrap());
    let answer = act(state, operation, named, &asked)?.to_string();
    shapes.check(operation, "response", &answer).unwrap();
    Ok(Some(answer))
}

fn act(state: &mut State, operation: &str, named: Option<usize>, asked: &Value) -> Result<Value, Refused> {
    let bytes = |name: &str| STANDARD.decode(asked[name].as_str().unwrap_or_default()).unwrap();
    let version = |number: usize, state: &str| json!({ "name": full(number), "state": state });
    let usable = |state: &State, number: usize| match state.versions[number - 1] {
        (true, bytes) => Ok(RandomizedNonceKey::new(&AES_256_GCM, &bytes).unwrap()),
        (false, _) => Err((400, "FAILED_PRECONDITION", format!("{} is not enabled", full(number)))),
    };
    match operation {
        "get" => {
            let key =
                json!({ "name": KEY, "purpose": "ENCRYPT_DECRYPT", "primary": version(state.primary, "ENABLED") });
            Ok(key)
        }
        "encrypt" => {
            let number = named.or(state.behind).unwrap_or(state.primary);
            let mut sealed = bytes("plaintext");
            let aad = Aad::from(bytes("additionalAuthenticatedData"));
            let nonce = usable(state, number)?.seal_in_place_append_tag(aad, &mut sealed).unwrap();
            let number_byte = [u8::try_from(number).unwrap()];
            let blob = [&number_byte[..], &nonce.as_ref()[..], &sealed].concat();
            Ok(json!({ "name": full(number), "ciphertext": STANDARD.encode(blob), "protectionLevel": "SOFTWARE" }))
        }
        "decrypt" => {
            let invalid = || refused(400, "INVALID_ARGUMENT");
            let blob = bytes("ciphertext");
            let (number, rest) = blob.split_first().ok_or_else(invalid)?;
            let (nonce, sealed) = rest.split_first_chunk::<12>().ok_or_else(invalid)?;
            let key = usable(state, usize::from(*number))?;
            let (nonce, mut sealed) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
            let aad = Aad::from(bytes("additionalAuthenticatedData"));
            let plain = key.open_in_place(nonce, aad, &mut sealed).map_err(|_| invalid())?;
            Ok(json!({ "plaintext": STANDARD.encode(plain), "usedPrimary": usize::from(*number) == state.primary }))
        }
        "cryptoKeyVersions.create" => {
            let pending = if state.pending > 0 { "PENDING_GENERATION" } else { "ENABLED" };
            Ok(version(add(state), pending))
        }
        "cryptoKeyVersions.get" => {
            state.pending = state.pending.saturating_sub(1);
            Ok(version(named.unwrap(), if state.pending > 0 { "PENDING_GENERATION" } else { "ENABLED" }))
        }
        "updatePrimaryVersion" => {
            state.primary = asked["cryptoKeyVersionId"].as_str().unwrap().parse().unwrap();
            Ok(json!({ "name": KEY, "primary": version(state.primary, "ENABLED") }))
        }
        other => panic!("{other} is in the description and not in the fake"),
    }
}

fn full(number: usize) -> String {
    format!("{KEY}/cryptoKeyVersions/{number}")
}
