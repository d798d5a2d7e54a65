//! Azure Key Vault and Managed HSM: one key for all owners. It seals a one-time key for each data key, as what it seals
//! itself is bound to nothing.

mod login;
mod wire;

use async_trait::async_trait;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry_keys::{Bound, KeyError, KeyProvider, Owner, Secret, Wrapped};
use url::Url;

use self::login::Login;
use self::wire::{KeyBundle, KeyOperation, KeyResult, Nothing};
use super::asking::{Answer, Asking, Trouble, said, setting};
use super::one_time::{OneTime, number};
use super::surroundings::Surroundings;
use super::token::{self, odd};
use super::wiped::Wiped;

/// The version of the API, which Key Vault and Managed HSM both have.
const API: &str = "api-version=7.4";

/// A key of Azure Key Vault.
#[derive(Debug)]
pub struct AzureKeyVault {
    asking: Asking,
    login: Login,
    key: String,
}

/// A version of the key, and how it seals.
struct Newest {
    version: String,
    algorithm: &'static str,
}

impl AzureKeyVault {
    /// Names the key as `https://VAULT.vault.azure.net/keys/NAME`. Nothing is asked yet.
    ///
    /// Who asks is known by `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE`,
    /// else it is the machine's managed identity.
    ///
    /// # Errors
    /// [`KeyError::Setting`] for what is no address of a key, or one that is not safe, or half of a login.
    pub fn new(address: &str, surroundings: &Surroundings) -> Result<Self, KeyError> {
        let place = format!("Azure Key Vault, `{address}`");
        let message = "name a key as https://VAULT.vault.azure.net/keys/NAME, without its version";
        let url: Url = address.parse().map_err(|_| setting(&place, message.to_owned()))?;
        let name = url.path().strip_prefix("/keys/").unwrap_or_default();
        let right = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let (Some(host), true) = (url.host_str(), right && url.query().is_none() && url.username().is_empty()) else {
            return Err(setting(&place, message.to_owned()));
        };
        let login = Login::new(&resource(host), surroundings, &place)?;
        let asking = Asking::new(place, &[address], surroundings.ca(None).as_deref());
        Ok(Self { asking: asking?, login, key: address.to_owned() })
    }

    async fn call<Q, A>(&self, method: &str, what: &str, owner: &Owner, question: Option<&Q>) -> Result<A, KeyError>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        let address = format!("{}{what}?{API}", self.key);
        token::call(&self.asking, &self.login, (method, &address), question, |answer| self.trouble(answer, owner)).await
    }

    /// What a refusal means.
    fn trouble(&self, answer: &Answer, owner: &Owner) -> Trouble {
        let wire::Fault { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
        let inner = error.innererror.unwrap_or_default().code;
        let place = self.asking.place().to_owned();
        let message = said(&format!("{}: {}", error.code, error.message));
        match (answer.status, inner.as_str()) {
            (409, _) => Trouble::Passing(message),
            (404, _) => KeyError::Missing { place }.into(),
            (403, "KeyDisabled" | "KeyNotYetValid" | "KeyExpired") => KeyError::Disabled { place, message }.into(),
            (400, _) => KeyError::Wrong { owner: owner.to_string(), place }.into(),
            (status, _) if error.code.is_empty() => Trouble::Denied(format!("it answered {status}")),
            _ => Trouble::Denied(message),
        }
    }

    /// Which version is used now.
    async fn current(&self) -> Result<Newest, KeyError> {
        let KeyBundle { key, attributes } = self.call::<Nothing, _>("GET", "", &Owner::Platform, None).await?;
        let place = || self.asking.place().to_owned();
        if !attributes.enabled {
            return Err(KeyError::Disabled { place: place(), message: "its newest version is disabled".to_owned() });
        }
        let algorithm = match key.kty.as_str() {
            "RSA" | "RSA-HSM" => "RSA-OAEP-256",
            "oct" | "oct-HSM" => "A256KW",
            other => {
                let message = format!("a key of the type `{}` seals nothing; use an RSA or oct-HSM key", said(other));
                return Err(setting(&place(), message));
            }
        };
        let version = key.kid.rsplit('/').next().unwrap_or_default();
        if !is_version(version) {
            return Err(odd(&self.asking));
        }
        Ok(Newest { version: version.to_owned(), algorithm })
    }
}

fn is_version(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What tokens for a vault are asked for: its host without its own name. A loopback address stands for one of the public cloud.
fn resource(host: &str) -> String {
    let is_name = host.bytes().any(|byte| byte.is_ascii_alphabetic()) && !host.starts_with('[');
    let domain = host.split_once('.').map(|(_, domain)| domain).filter(|domain| is_name && domain.contains('.'));
    format!("https://{}", domain.unwrap_or("vault.azure.net"))
}

#[async_trait]
impl KeyProvider for AzureKeyVault {
    fn place(&self) -> String {
        self.asking.place().to_owned()
    }

    fn holds_one_each(&self) -> bool {
        false
    }

    async fn wrap(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let Newest { version, algorithm } = self.current().await?;
        let one = Secret::random()?;
        let question = KeyOperation { alg: algorithm, value: Wiped::of(one.expose(), &URL_SAFE_NO_PAD) };
        let sealed: KeyResult = self.call("POST", &format!("/{version}/wrapkey"), owner, Some(&question)).await?;
        let key = sealed.value.bytes(&URL_SAFE_NO_PAD).ok_or_else(|| odd(&self.asking))?;
        OneTime::seal(&one, &format!("{algorithm}/{version}"), &key, number(&version), secret, (owner, bound))
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped, bound: &Bound) -> Result<Secret, KeyError> {
        let wrong = || KeyError::Wrong { owner: owner.to_string(), place: self.place() };
        let envelope = OneTime::read(&wrapped.bytes).ok_or_else(wrong)?;
        let (algorithm, version) = envelope.with.split_once('/').ok_or_else(wrong)?;
        // It becomes part of an address.
        if !is_version(version) || number(version) != wrapped.version {
            return Err(wrong());
        }
        let alg = ["RSA-OAEP-256", "A256KW"].into_iter().find(|known| *known == algorithm).ok_or_else(wrong)?;
        let question = KeyOperation { alg, value: Wiped::of(&envelope.key, &URL_SAFE_NO_PAD) };
        let opened: KeyResult = self.call("POST", &format!("/{version}/unwrapkey"), owner, Some(&question)).await?;
        let one =
            opened.value.bytes(&URL_SAFE_NO_PAD).and_then(|bytes| Secret::from_bytes(&bytes)).ok_or_else(wrong)?;
        envelope.open(&one, wrapped.version, (owner, bound)).ok_or_else(wrong)
    }

    async fn newest(&self, _owner: &Owner) -> Result<Option<i64>, KeyError> {
        Ok(Some(number(&self.current().await?.version)))
    }

    async fn renew(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        let _: KeyBundle = self.call::<Nothing, _>("POST", "/rotate", &Owner::Platform, None).await?;
        Ok(())
    }

    async fn retire(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        Ok(())
    }

    async fn destroy(&self, _owner: &Owner) -> Result<bool, KeyError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::resource;

    #[test]
    fn tokens_are_asked_for_the_vaults_of_its_cloud() {
        for (host, wanted) in [
            ("mine.vault.azure.net", "https://vault.azure.net"),
            ("mine.managedhsm.azure.net", "https://managedhsm.azure.net"),
            ("mine.vault.azure.cn", "https://vault.azure.cn"),
            ("mine.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"),
            ("127.0.0.1", "https://vault.azure.net"),
            ("localhost", "https://vault.azure.net"),
        ] {
            assert_eq!(resource(host), wanted, "{host}");
        }
    }
}
