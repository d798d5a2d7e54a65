//! Tokens of Azure: for an application by its secret or by another's word, or for the machine's managed identity.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tenantry_keys::KeyError;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::identity::safe;
use crate::keys::asking::{Asking, Trouble, said, setting};
use crate::keys::surroundings::Surroundings;
use crate::keys::token::{Bearer, Kept, Token};
use crate::keys::wiped::Wiped;

const AUTHORITY: &str = "https://login.microsoftonline.com";
/// The machine's own service of identities. It is in the clear, as it is in the machine.
const MACHINE: &str = "http://169.254.169.254";

/// Who asks, and the token that it has.
pub(super) struct Login {
    who: Who,
    address: String,
    resource: String,
    kept: Kept,
}

enum Who {
    Secret { client: String, secret: Zeroizing<String> },
    Federated { client: String, file: PathBuf },
    Machine,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

#[derive(Deserialize)]
struct Given {
    access_token: Wiped,
    expires_in: Seconds,
}

/// The machine's service says a number as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
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
    pub(super) fn new(resource: &str, surroundings: &Surroundings, place: &str) -> Result<Self, KeyError> {
        let client = surroundings.get("AZURE_CLIENT_ID");
        let secret = surroundings.get("AZURE_CLIENT_SECRET");
        let federated = surroundings.get("AZURE_FEDERATED_TOKEN_FILE");
        let who = match (client, secret, federated) {
            (Some(client), Some(secret), _) => {
                Who::Secret { client: client.to_owned(), secret: Zeroizing::new(secret.to_owned()) }
            }
            (Some(client), None, Some(file)) => Who::Federated { client: client.to_owned(), file: PathBuf::from(file) },
            (None, Some(_), _) | (None, None, Some(_)) => {
                return Err(setting(place, "AZURE_CLIENT_ID is not set, and the login needs it".to_owned()));
            }
            (_, None, None) => Who::Machine,
        };
        let address = if let Who::Machine = who {
            machine(client, resource, surroundings).map_err(|why| setting(place, why))?
        } else {
            let authority = surroundings.get("AZURE_AUTHORITY_HOST").unwrap_or(AUTHORITY).trim_end_matches('/');
            let tenant = surroundings.get("AZURE_TENANT_ID");
            let tenant = tenant.ok_or_else(|| setting(place, "AZURE_TENANT_ID is not set".to_owned()))?;
            if !tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
                return Err(setting(place, "AZURE_TENANT_ID is no name of a tenant".to_owned()));
            }
            let address = format!("{authority}/{tenant}/oauth2/v2.0/token");
            safe(&address).map_err(|why| setting(place, format!("`{authority}`: {why}")))?;
            address
        };
        Ok(Self { who, address, resource: resource.to_owned(), kept: Kept::default() })
    }

    async fn ask(&self, asking: &Asking) -> Result<Token, Trouble> {
        let scope = format!("{}/.default", self.resource);
        let fields = |client: &str| {
            let mut form = Serializer::new(String::new());
            form.append_pair("grant_type", "client_credentials").append_pair("client_id", client);
            form.append_pair("scope", &scope);
            form
        };
        let form = match &self.who {
            Who::Secret { client, secret } => Some(fields(client).append_pair("client_secret", secret).finish()),
            Who::Federated { client, file } => {
                // Read anew each time, as it is replaced every hour.
                let read = tokio::fs::read_to_string(file).await;
                let read = read.map_err(|error| Trouble::Denied(format!("{} cannot be read: {error}", file.display())));
                let word = Zeroizing::new(read?);
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                let mut fields = fields(client);
                fields.append_pair("client_assertion_type", kind).append_pair("client_assertion", word.trim());
                Some(fields.finish())
            }
            Who::Machine => None,
        };
        let answer = match form {
            Some(form) => {
                let headers = [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
                asking.once("POST", &self.address, &headers, Some(form.into_bytes())).await?
            }
            None => asking.once("GET", &self.address, &[("metadata".to_owned(), "true".to_owned())], None).await?,
        };
        if answer.status != 200 {
            let text = said(&String::from_utf8_lossy(&answer.body));
            return Err(Trouble::Denied(format!("no token was given ({}): {text}", answer.status)));
        }
        let Given { access_token: text, expires_in } = answer.read()?;
        let seconds = match expires_in {
            Seconds::Number(number) => number,
            Seconds::Text(text) => text.parse().unwrap_or_default(),
        };
        Ok(Token { text: text.into_text(), holds: Duration::from_secs(seconds) })
    }
}

/// Where the machine gives tokens. It must be in the machine, or as near as its vendor has it.
fn machine(client: Option<&str>, resource: &str, surroundings: &Surroundings) -> Result<String, String> {
    let host = surroundings.get("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or(MACHINE).trim_end_matches('/');
    let mut query = Serializer::new(String::new());
    query.append_pair("api-version", "2018-02-01").append_pair("resource", resource);
    if let Some(client) = client {
        query.append_pair("client_id", client);
    }
    let address = format!("{host}/metadata/identity/oauth2/token?{}", query.finish());
    let why = || format!("AZURE_POD_IDENTITY_AUTHORITY_HOST is `{host}`, which is neither Azure's nor on loopback");
    if host == MACHINE || safe(&address).is_ok() { Ok(address) } else { Err(why()) }
}
