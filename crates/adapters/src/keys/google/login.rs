//! Tokens of Google: for a service account by its key, for a user by theirs, or for the machine by its metadata server.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use tenantry_keys::KeyError;
use zeroize::Zeroizing;

use crate::identity::safe;
use crate::keys::asking::{Asking, Trouble, said, setting};
use crate::keys::surroundings::Surroundings;
use crate::keys::token::{Bearer, Kept, Token};
use crate::keys::wiped::Wiped;

const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
const TOKENS: &str = "https://oauth2.googleapis.com/token";
/// The machine's own server. It is in the clear, as it is in the machine.
const METADATA: &str = "metadata.google.internal";
/// How long a signed question for a token may be used.
const SIGNED_FOR: Duration = Duration::from_secs(600);

/// Who asks, and the token that it has.
pub(super) struct Login {
    who: Who,
    kept: Kept,
}

enum Who {
    Account { email: String, key: EncodingKey, key_id: Option<String>, tokens: String },
    User { id: String, secret: Wiped, refresh: Wiped, tokens: String },
    Machine { address: String },
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// A file of credentials.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    client_email: Option<String>,
    private_key: Option<Wiped>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Wiped>,
    refresh_token: Option<Wiped>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

#[derive(Deserialize)]
struct Given {
    access_token: Wiped,
    expires_in: u64,
}

impl Bearer for Login {
    async fn token(&self, asking: &Asking) -> Result<Zeroizing<String>, Trouble> {
        self.kept.get(self.ask(asking)).await
    }

    fn kept(&self) -> &Kept {
        &self.kept
    }
}

impl Login {
    pub(super) fn new(surroundings: &Surroundings, place: &str) -> Result<Self, KeyError> {
        let usual = || {
            let config = surroundings.get("CLOUDSDK_CONFIG").map(PathBuf::from);
            let config = config.or_else(|| surroundings.home().map(|home| home.join(".config/gcloud")))?;
            Some(config.join("application_default_credentials.json")).filter(|path| path.exists())
        };
        let file = surroundings.get("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from).or_else(usual);
        let who = match file {
            Some(path) => {
                let unusable = |why: String| setting(place, format!("the credentials in {}: {why}", path.display()));
                let text = Zeroizing::new(std::fs::read(&path).map_err(|error| unusable(error.to_string()))?);
                let file =
                    serde_json::from_slice(&text).map_err(|_| unusable("they are no JSON of Google's".into()))?;
                Who::of(file).map_err(unusable)?
            }
            None => {
                let host = surroundings.get("GCE_METADATA_HOST").unwrap_or(METADATA);
                Who::Machine { address: machine(host).map_err(|why| setting(place, why))? }
            }
        };
        Ok(Self { who, kept: Kept::default() })
    }

    async fn ask(&self, asking: &Asking) -> Result<Token, Trouble> {
        let (method, address, header, body) = match &self.who {
            Who::Machine { address } => ("GET", address, ("metadata-flavor", "Google"), None),
            Who::Account { email, key, key_id, tokens } => {
                let assertion = signed(email, key, key_id.as_deref(), tokens)?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                ("POST", tokens, FORM, Some(form(&[("grant_type", grant), ("assertion", &assertion)])))
            }
            Who::User { id, secret, refresh, tokens } => {
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("client_id", id.as_str()),
                    ("client_secret", secret.as_str()),
                    ("refresh_token", refresh.as_str()),
                ];
                ("POST", tokens, FORM, Some(form(&fields)))
            }
        };
        let headers = [(header.0.to_owned(), header.1.to_owned())];
        let answer = asking.once(method, address, &headers, body).await?;
        if answer.status != 200 {
            let text = said(&String::from_utf8_lossy(&answer.body));
            return Err(Trouble::Denied(format!("no token was given ({}): {text}", answer.status)));
        }
        let Given { access_token: text, expires_in } = answer.read()?;
        Ok(Token { text: text.into_text(), holds: Duration::from_secs(expires_in) })
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

impl Who {
    fn of(file: File) -> Result<Self, String> {
        let tokens = file.token_uri.unwrap_or_else(|| TOKENS.to_owned());
        safe(&tokens).map_err(|why| format!("they have tokens asked for at `{tokens}`, and {why}"))?;
        match file.kind.as_str() {
            "service_account" => {
                let (Some(email), Some(key)) = (file.client_email, file.private_key) else {
                    return Err("`client_email` or `private_key` is missing".to_owned());
                };
                let key = EncodingKey::from_rsa_pem(key.as_str().as_bytes())
                    .map_err(|_| "`private_key` is no RSA key in PEM".to_owned())?;
                Ok(Self::Account { email, key, key_id: file.private_key_id, tokens })
            }
            "authorized_user" => match (file.client_id, file.client_secret, file.refresh_token) {
                (Some(id), Some(secret), Some(refresh)) => Ok(Self::User { id, secret, refresh, tokens }),
                _ => Err("`client_id`, `client_secret` or `refresh_token` is missing".to_owned()),
            },
            kind => Err(format!(
                "they are of the type `{}`; give the key of a service account, or let the machine's account be used",
                said(kind)
            )),
        }
    }
}

/// Where the machine's server gives tokens. It must be in the machine, or as near as its vendor has it.
fn machine(host: &str) -> Result<String, String> {
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    let address = format!("http://{host}{path}");
    let near = host == METADATA || host == "169.254.169.254" || safe(&address).is_ok();
    let why = || format!("GCE_METADATA_HOST is `{host}`, which is neither Google's nor on loopback");
    if near { Ok(address) } else { Err(why()) }
}

fn signed(email: &str, key: &EncodingKey, key_id: Option<&str>, tokens: &str) -> Result<String, Trouble> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = Claims { iss: email, scope: SCOPE, aud: tokens, iat: now, exp: now + SIGNED_FOR.as_secs() };
    let header = Header { kid: key_id.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, &claims, key)
        .map_err(|_| Trouble::Denied("the service account's key does not sign".to_owned()))
}
