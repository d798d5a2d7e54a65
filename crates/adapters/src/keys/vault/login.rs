//! Tokens of Vault: one that was given, one in a file that somebody keeps fresh, or one of a role.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tenantry_keys::KeyError;
use zeroize::Zeroizing;

use crate::keys::asking::{Asking, Trouble, said, setting};
use crate::keys::surroundings::Surroundings;
use crate::keys::token::{Kept, Token};
use crate::keys::wiped::Wiped;

/// Where Kubernetes puts the word of a pod's service account.
const POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// A file's token is read again after that time: it may have been replaced.
const READ_FOR: Duration = Duration::from_secs(120);

/// Who asks, and the token that it has.
pub(super) struct Login {
    who: Who,
    address: String,
    namespace: Option<String>,
    kept: Kept,
}

enum Who {
    Token(Zeroizing<String>),
    File(PathBuf),
    /// A role with a secret, which may be in a file.
    AppRole {
        mount: String,
        role: String,
        secret: Secret,
    },
    /// A role for whom somebody else says who it is, such as Kubernetes.
    Vouched {
        mount: String,
        role: String,
        file: PathBuf,
    },
}

enum Secret {
    Said(Zeroizing<String>),
    File(PathBuf),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

#[derive(Deserialize)]
struct Given {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Wiped,
    lease_duration: u64,
}

impl Login {
    pub(super) fn new(address: &str, surroundings: &Surroundings, place: &str) -> Result<Self, KeyError> {
        let get = |name: &str| surroundings.get(name);
        let mount = |usual: &str| get("TENANTRY_KEY_VAULT_AUTH").unwrap_or(usual).trim_matches('/').to_owned();
        let beside = || surroundings.home().map(|home| home.join(".vault-token")).filter(|path| path.exists());
        let file = get("TENANTRY_KEY_VAULT_TOKEN_FILE").map(PathBuf::from);
        let who = if let Some(token) = get("VAULT_TOKEN") {
            Who::Token(Zeroizing::new(token.to_owned()))
        } else if let Some(role) = get("TENANTRY_KEY_VAULT_ROLE_ID") {
            let said =
                get("TENANTRY_KEY_VAULT_SECRET_ID").map(|secret| Secret::Said(Zeroizing::new(secret.to_owned())));
            let file = get("TENANTRY_KEY_VAULT_SECRET_ID_FILE").map(|path| Secret::File(PathBuf::from(path)));
            let secret = file.or(said).ok_or_else(|| {
                let message = "TENANTRY_KEY_VAULT_SECRET_ID_FILE is not set, and the role needs it";
                setting(place, message.to_owned())
            })?;
            Who::AppRole { mount: mount("approle"), role: role.to_owned(), secret }
        } else if let Some(role) = get("TENANTRY_KEY_VAULT_ROLE") {
            let file = PathBuf::from(get("TENANTRY_KEY_VAULT_JWT_FILE").unwrap_or(POD));
            Who::Vouched { mount: mount("kubernetes"), role: role.to_owned(), file }
        } else if let Some(file) = file.or_else(beside) {
            Who::File(file)
        } else {
            let message = "no login: set VAULT_TOKEN, TENANTRY_KEY_VAULT_TOKEN_FILE, TENANTRY_KEY_VAULT_ROLE_ID or \
                           TENANTRY_KEY_VAULT_ROLE";
            return Err(setting(place, message.to_owned()));
        };
        let namespace = get("VAULT_NAMESPACE").map(str::to_owned);
        Ok(Self { who, address: format!("{address}/v1/auth"), namespace, kept: Kept::default() })
    }

    /// The headers of a question.
    pub(super) async fn headers(&self, asking: &Asking) -> Result<Vec<(String, String)>, Trouble> {
        let token = self.kept.get(self.ask(asking)).await?;
        let mut headers = self.headers_of_all();
        headers.push(("x-vault-token".to_owned(), token.to_string()));
        Ok(headers)
    }

    fn headers_of_all(&self) -> Vec<(String, String)> {
        // Vault refuses those that a browser was made to send where it is told to.
        let mut headers = vec![("x-vault-request".to_owned(), "true".to_owned())];
        headers.extend(self.namespace.iter().map(|name| ("x-vault-namespace".to_owned(), name.clone())));
        headers
    }

    pub(super) async fn forget(&self) {
        self.kept.forget().await;
    }

    async fn ask(&self, asking: &Asking) -> Result<Token, Trouble> {
        let (mount, body) = match &self.who {
            Who::Token(text) => return Ok(Token { text: text.clone(), holds: READ_FOR }),
            Who::File(path) => return Ok(Token { text: read(path).await?, holds: READ_FOR }),
            Who::AppRole { mount, role, secret } => {
                let secret = match secret {
                    Secret::Said(secret) => secret.clone(),
                    Secret::File(path) => read(path).await?,
                };
                (mount, serde_json::json!({ "role_id": role, "secret_id": secret.as_str() }))
            }
            Who::Vouched { mount, role, file } => {
                (mount, serde_json::json!({ "role": role, "jwt": read(file).await?.as_str() }))
            }
        };
        let address = format!("{}/{mount}/login", self.address);
        let answer = asking.once("POST", &address, &self.headers_of_all(), Some(body.to_string().into_bytes())).await?;
        if answer.status != 200 {
            let text = said(&String::from_utf8_lossy(&answer.body));
            return Err(Trouble::Denied(format!("no token was given ({}): {text}", answer.status)));
        }
        let Given { auth: Auth { client_token: text, lease_duration } } = answer.read()?;
        Ok(Token { text: text.into_text(), holds: Duration::from_secs(lease_duration) })
    }
}

async fn read(path: &PathBuf) -> Result<Zeroizing<String>, Trouble> {
    let text = tokio::fs::read_to_string(path).await.map(Zeroizing::new);
    let text = text.map_err(|error| Trouble::Denied(format!("{} cannot be read: {error}", path.display())))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}
