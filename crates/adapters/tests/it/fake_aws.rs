//! A FAKE of AWS KMS: it holds requests against the vendor's description, verifies their signatures, and seals with AES-GCM
//! under key material of its own. What the real service does beside that, it does not.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::{Server, response};
use crate::shapes::{Mood, Request, Shapes};

pub(crate) const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
pub(crate) const ACCESS: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

const KIND: &str = "content-type: application/x-amz-json-1.1\r\n";

/// What it keeps.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) disabled: bool,
    pub(crate) gone: bool,
    /// Key materials, the newest last: ids and bytes.
    materials: Vec<(String, [u8; 32])>,
    /// Operations that were asked for, in turn.
    pub(crate) asked: Vec<String>,
}

pub(crate) struct FakeAws {
    pub(crate) server: Server,
    pub(crate) state: Arc<Mutex<State>>,
}

impl FakeAws {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        rotate(&mut state.lock().unwrap());
        let shapes = Shapes::of(include_str!("api/aws.json"));
        let kept = Arc::clone(&state);
        let server = Server::start(move |_, request| {
            let request = Request::of(request);
            let mut state = kept.lock().unwrap();
            match answer(&shapes, &mut state, &request) {
                Ok(None) => None,
                Ok(Some(answer)) => Some(response("200 OK", KIND, &answer)),
                Err((status, kind, message)) => {
                    let body = json!({ "__type": kind, "message": message }).to_string();
                    Some(response(&format!("{status} No"), KIND, &body))
                }
            }
        });
        Self { server: server.await, state }
    }

    /// For a program's environment.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL_KMS", format!("http://{}", self.server.address)),
            ("AWS_ACCESS_KEY_ID", ACCESS.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}

fn rotate(state: &mut State) {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    let id = hex::encode(digest(&SHA256, &bytes));
    state.materials.push((id, bytes));
}

type Refused = (u16, &'static str, String);

fn refused(kind: &'static str) -> Refused {
    (400, kind, "it is so".to_owned())
}

fn answer(shapes: &Shapes, state: &mut State, request: &Request<'_>) -> Result<Option<String>, Refused> {
    verify(request).map_err(|why| (403, "InvalidSignatureException", why))?;
    let operation = request.header("x-amz-target").strip_prefix("TrentService.").unwrap_or_default();
    state.asked.push(operation.to_owned());
    match state.mood {
        Mood::Stalled => return Ok(None),
        Mood::Denying => return Err(refused("AccessDeniedException")),
        Mood::Busy(left) => {
            state.mood = if left > 1 { Mood::Busy(left - 1) } else { Mood::Well };
            return Err(refused("ThrottlingException"));
        }
        Mood::Well => {}
    }
    if (request.method, request.target) != ("POST", "/") {
        return Err(refused("UnknownOperationException"));
    }
    let asked = shapes.check(operation, "request", request.body).map_err(|why| (400, "ValidationException", why))?;
    if state.gone || asked["KeyId"] != KEY {
        return Err(refused("NotFoundException"));
    }
    if state.disabled && operation != "DescribeKey" {
        return Err(refused("DisabledException"));
    }
    let answer = act(state, operation, &asked)?.to_string();
    shapes.check(operation, "response", &answer).unwrap();
    Ok(Some(answer))
}

fn act(state: &mut State, operation: &str, asked: &Value) -> Result<Value, Refused> {
    let (newest, material) = state.materials.last().unwrap().clone();
    // Maps are sorted before they are authenticated: their order means nothing.
    let context: std::collections::BTreeMap<String, Value> =
        serde_json::from_value(asked["EncryptionContext"].clone()).unwrap_or_default();
    let context = serde_json::to_string(&context).unwrap();
    match operation {
        "DescribeKey" => {
            let state = if state.disabled { "Disabled" } else { "Enabled" };
            Ok(json!({ "KeyMetadata": {
                "KeyId": KEY.rsplit('/').next().unwrap(), "Arn": KEY, "Enabled": state == "Enabled", "KeyState": state,
                "KeyUsage": "ENCRYPT_DECRYPT", "CurrentKeyMaterialId": newest,
            } }))
        }
        "GenerateDataKey" => {
            let mut plain = [0; 32];
            rand::fill(&mut plain).unwrap();
            let mut sealed = plain.to_vec();
            let key = RandomizedNonceKey::new(&AES_256_GCM, &material).unwrap();
            let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut sealed).unwrap();
            let blob = [&hex::decode(&newest).unwrap(), &nonce.as_ref()[..], &sealed].concat();
            Ok(json!({
                "CiphertextBlob": STANDARD.encode(blob), "Plaintext": STANDARD.encode(plain), "KeyId": KEY,
                "KeyMaterialId": newest,
            }))
        }
        "Decrypt" => {
            let invalid = || refused("InvalidCiphertextException");
            let blob = STANDARD.decode(asked["CiphertextBlob"].as_str().unwrap()).unwrap();
            let (id, rest) = blob.split_at_checked(32).ok_or_else(invalid)?;
            let (nonce, sealed) = rest.split_first_chunk::<12>().ok_or_else(invalid)?;
            let id = hex::encode(id);
            let (_, material) = state.materials.iter().find(|(of, _)| *of == id).ok_or_else(invalid)?;
            let mut sealed = sealed.to_vec();
            let key = RandomizedNonceKey::new(&AES_256_GCM, material).unwrap();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = key.open_in_place(nonce, Aad::from(context), &mut sealed).map_err(|_| invalid())?;
            Ok(json!({ "KeyId": KEY, "Plaintext": STANDARD.encode(plain), "KeyMaterialId": id }))
        }
        "RotateKeyOnDemand" => {
            rotate(state);
            Ok(json!({ "KeyId": KEY }))
        }
        other => panic!("{other} is in the description and not in the fake"),
    }
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Verifies a signature of version 4 by its definition.
fn verify(request: &Request<'_>) -> Result<(), String> {
    let authorization = request.header("authorization");
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("there is no signature")?;
    let part = |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)).unwrap_or_default();
    let (credential, signed, signature) = (part("Credential="), part("SignedHeaders="), part("Signature="));
    let (access, scope) = credential.split_once('/').ok_or("there is no credential")?;
    if access != ACCESS {
        return Err("nobody knows this access key".to_owned());
    }
    let mut canonical = format!("{}\n{}\n\n", request.method, request.target);
    for name in signed.split(';') {
        writeln!(canonical, "{name}:{}", request.header(name).trim()).unwrap();
    }
    for needed in ["host", "x-amz-date", "x-amz-target"] {
        if !signed.split(';').any(|name| name == needed) && !request.header(needed).is_empty() {
            return Err(format!("{needed} is not signed"));
        }
    }
    let hash = hex::encode(digest(&SHA256, request.body.as_bytes()));
    write!(canonical, "\n{signed}\n{hash}").unwrap();
    let date = request.header("x-amz-date");
    let hashed = hex::encode(digest(&SHA256, canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}");
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in scope.split('/') {
        key = keyed(&key, part);
    }
    if hex::encode(keyed(&key, &text)) == signature { Ok(()) } else { Err("the signature does not match".to_owned()) }
}

/// The vendor's own example (`get-vanilla` of its test suite), so that what verifies here is version 4.
#[test]
fn the_fake_verifies_signatures_as_they_are_defined() {
    let request = |signature: &str| {
        format!(
            "GET / HTTP/1.1\r\nhost: example.amazonaws.com\r\nx-amz-date: 20150830T123600Z\r\nauthorization: \
             AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}\r\n\r\n"
        )
    };
    let right = request("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    verify(&Request::of(&right)).unwrap();
    let wrong = request("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf32");
    verify(&Request::of(&wrong)).unwrap_err();
}
