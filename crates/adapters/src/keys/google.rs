//! Google Cloud KMS: one key for all owners. It seals each data key, and authenticates owner and place with it.

mod login;
mod wire;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry_keys::{Bound, KeyError, KeyProvider, Owner, Secret, Wrapped};

use self::login::Login;
use self::wire::{CryptoKey, Decrypt, Decrypted, Encrypt, Encrypted, Nothing, Primary, Version};
use super::asking::{Answer, Asking, Trouble, said, setting};
use super::one_time::authenticated;
use super::surroundings::Surroundings;
use super::token::{self, odd};
use super::wiped::Wiped;

const ADDRESS: &str = "https://cloudkms.googleapis.com";
/// A version in hardware takes a moment to be made. How often is looked, and after which pauses.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of a sealed data key that are ours: the number of the version.
const NUMBER: usize = 8;

/// A key of Google Cloud KMS.
#[derive(Debug)]
pub struct GoogleKms {
    asking: Asking,
    login: Login,
    address: String,
    key: String,
    /// The newest version that was seen to be the primary one. For some time after a change others may answer as before.
    primary: AtomicI64,
}

impl GoogleKms {
    /// Names the key as `projects/P/locations/L/keyRings/R/cryptoKeys/K`. Nothing is asked yet.
    ///
    /// Who asks is the service account or user of `GOOGLE_APPLICATION_CREDENTIALS`, of `gcloud auth application-default
    /// login`, or of the machine; `CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS` names another endpoint.
    ///
    /// # Errors
    /// [`KeyError::Setting`] for what is no name of a key, an endpoint that is not safe, or credentials that cannot be used.
    pub fn new(name: &str, surroundings: &Surroundings) -> Result<Self, KeyError> {
        let place = format!("Google Cloud KMS, `{name}`");
        let parts: Vec<&str> = name.split('/').collect();
        let words = [parts.first(), parts.get(2), parts.get(4), parts.get(6)].map(|part| part.copied());
        let named = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        };
        let right = [Some("projects"), Some("locations"), Some("keyRings"), Some("cryptoKeys")];
        if parts.len() != 8 || words != right || !parts.iter().all(named) {
            let message = "name a key as projects/P/locations/L/keyRings/R/cryptoKeys/K".to_owned();
            return Err(setting(&place, message));
        }
        let address = surroundings.get("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS").unwrap_or(ADDRESS);
        let address = address.trim_end_matches('/').to_owned();
        let asking = Asking::new(place, &[&address], surroundings.ca(None).as_deref())?;
        let login = Login::new(surroundings, asking.place())?;
        Ok(Self { asking, login, address, key: name.to_owned(), primary: AtomicI64::new(0) })
    }

    async fn call<Q, A>(&self, method: &str, what: &str, owner: &Owner, question: Option<&Q>) -> Result<A, KeyError>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        let address = format!("{}/v1/{}{what}", self.address, self.key);
        token::call(&self.asking, &self.login, (method, &address), question, |answer| self.trouble(answer, owner)).await
    }

    /// What a refusal means.
    fn trouble(&self, answer: &Answer, owner: &Owner) -> Trouble {
        let wire::Fault { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
        let place = self.asking.place().to_owned();
        let message = said(&format!("{}: {}", error.status, error.message));
        match (answer.status, error.status.as_str()) {
            (409, _) => Trouble::Passing(message),
            (404, _) => KeyError::Missing { place }.into(),
            (_, "FAILED_PRECONDITION") => KeyError::Disabled { place, message }.into(),
            (400, "INVALID_ARGUMENT") => KeyError::Wrong { owner: owner.to_string(), place }.into(),
            (status, "") => Trouble::Denied(format!("it answered {status}")),
            _ => Trouble::Denied(message),
        }
    }

    /// Seals with the primary version, or with one that is named.
    async fn encrypt(&self, with: &str, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let question = Encrypt {
            plaintext: Wiped::of(secret.expose(), &STANDARD),
            additional_authenticated_data: Wiped::of(&authenticated(owner, bound), &STANDARD),
        };
        let sealed: Encrypted = self.call("POST", &format!("{with}:encrypt"), owner, Some(&question)).await?;
        let version = number(&sealed.name).ok_or_else(|| odd(&self.asking))?;
        let ciphertext = sealed.ciphertext.bytes(&STANDARD).ok_or_else(|| odd(&self.asking))?;
        Ok(Wrapped { version, bytes: [&version.to_be_bytes(), ciphertext.as_slice()].concat() })
    }
}

/// The number at the end of a version's name.
fn number(name: &str) -> Option<i64> {
    name.rsplit_once("/cryptoKeyVersions/")?.1.parse().ok().filter(|number| *number > 0)
}

#[async_trait]
impl KeyProvider for GoogleKms {
    fn place(&self) -> String {
        self.asking.place().to_owned()
    }

    fn holds_one_each(&self) -> bool {
        false
    }

    async fn wrap(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let wrapped = self.encrypt("", owner, secret, bound).await?;
        let newest = self.primary.load(Ordering::Acquire);
        if wrapped.version >= newest {
            return Ok(wrapped);
        }
        self.encrypt(&format!("/cryptoKeyVersions/{newest}"), owner, secret, bound).await
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped, bound: &Bound) -> Result<Secret, KeyError> {
        let wrong = || KeyError::Wrong { owner: owner.to_string(), place: self.place() };
        let (number, ciphertext) = wrapped.bytes.split_first_chunk::<NUMBER>().ok_or_else(wrong)?;
        if i64::from_be_bytes(*number) != wrapped.version {
            return Err(wrong());
        }
        let question = Decrypt {
            ciphertext: Wiped::of(ciphertext, &STANDARD),
            additional_authenticated_data: Wiped::of(&authenticated(owner, bound), &STANDARD),
        };
        let opened: Decrypted = self.call("POST", ":decrypt", owner, Some(&question)).await?;
        opened.plaintext.bytes(&STANDARD).and_then(|bytes| Secret::from_bytes(&bytes)).ok_or_else(wrong)
    }

    async fn newest(&self, owner: &Owner) -> Result<Option<i64>, KeyError> {
        let key: CryptoKey = self.call::<Nothing, _>("GET", "", owner, None).await?;
        let disabled = |message: &str| KeyError::Disabled { place: self.place(), message: message.to_owned() };
        let primary = key.primary.ok_or_else(|| disabled("it has no primary version"))?;
        let newest = number(&primary.name).ok_or_else(|| odd(&self.asking))?;
        self.primary.fetch_max(newest, Ordering::AcqRel);
        Ok(Some(newest))
    }

    async fn renew(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        let owner = Owner::Platform;
        let mut made: Version = self.call("POST", "/cryptoKeyVersions", &owner, Some(&Nothing {})).await?;
        let newest = number(&made.name).ok_or_else(|| odd(&self.asking))?;
        for _ in 0..LOOKS {
            if made.state == "ENABLED" {
                let question = Primary { crypto_key_version_id: newest.to_string() };
                let _: CryptoKey = self.call("POST", ":updatePrimaryVersion", &owner, Some(&question)).await?;
                self.primary.fetch_max(newest, Ordering::AcqRel);
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            let what = format!("/cryptoKeyVersions/{newest}");
            made = self.call::<Nothing, _>("GET", &what, &owner, None).await?;
        }
        let message = format!("version {newest} is still being made ({}); go on in some minutes", said(&made.state));
        Err(KeyError::Unavailable { place: self.place(), message })
    }

    async fn retire(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        Ok(())
    }

    async fn destroy(&self, _owner: &Owner) -> Result<bool, KeyError> {
        Ok(false)
    }
}
