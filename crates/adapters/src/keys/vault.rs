//! Vault's transit engine: a key for each owner, which can be destroyed. It seals each data key, and authenticates owner and
//! place with it.

mod login;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use serde::Serialize;
use tenantry_keys::{Bound, KeyError, KeyProvider, Owner, Secret, Wrapped};

use self::login::Login;
use self::wire::{Decrypt, Decrypted, Deletable, Encrypt, Encrypted, Least, Made, Nothing, State, Trim, Wrapper};
use super::asking::{Answer, Asking, Trouble, said, setting};
use super::one_time::authenticated;
use super::surroundings::Surroundings;
use super::wiped::Wiped;

/// Owners for whom something is asked at once.
const AT_ONCE: usize = 8;
/// Owners of whom is remembered when versions of their keys were made; about 100 bytes each.
const KNOWN_MAX: usize = 65_536;
/// Bytes of a sealed data key that are ours: when Vault made the version that sealed it.
const MADE: usize = 8;
/// What Vault's transit engine seals with here.
const KIND: &str = "aes256-gcm96";
/// Kinds of keys that authenticate something with what they seal.
const KINDS: [&str; 3] = [KIND, "aes128-gcm96", "chacha20-poly1305"];

/// When versions of a key were made, by their numbers. A key that was destroyed and made again begins anew with the first.
type Versions = BTreeMap<i64, i64>;

/// Keys of Vault's transit engine.
#[derive(Debug)]
pub struct VaultTransit {
    asking: Asking,
    login: Login,
    mount: String,
    prefix: String,
    known: Mutex<HashMap<Owner, Versions>>,
}

impl VaultTransit {
    /// Names the engine and what its keys' names begin with, as `MOUNT/PREFIX`: `transit/tenantry` has the keys
    /// `tenantry-platform` and `tenantry-tenant-ID`. Nothing is asked yet.
    ///
    /// `VAULT_ADDR`, `VAULT_NAMESPACE` and `VAULT_CACERT` say where; who asks is known by `VAULT_TOKEN`, a role, or the file
    /// `~/.vault-token`.
    ///
    /// # Errors
    /// [`KeyError::Setting`] for other names, an address that is not there or not safe, or no login.
    pub fn new(name: &str, surroundings: &Surroundings) -> Result<Self, KeyError> {
        let place = format!("Vault, `{name}`");
        let named = |part: &str| {
            !part.is_empty()
                && part.split('/').all(|word| !word.is_empty() && !word.starts_with('.'))
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        };
        let Some((mount, prefix)) = name.rsplit_once('/').filter(|(mount, prefix)| named(mount) && named(prefix))
        else {
            let message = "name the engine and what its keys' names begin with, such as transit/tenantry".to_owned();
            return Err(setting(&place, message));
        };
        let address = surroundings.get("VAULT_ADDR");
        let address =
            address.ok_or_else(|| setting(&place, "VAULT_ADDR is not set; it says where Vault is".to_owned()))?;
        let address = address.trim_end_matches('/');
        let login = Login::new(address, surroundings, &place)?;
        let asking = Asking::new(place, &[address], surroundings.ca(Some("VAULT_CACERT")).as_deref())?;
        let (mount, prefix) = (format!("{address}/v1/{mount}"), prefix.to_owned());
        Ok(Self { asking, login, mount, prefix, known: Mutex::default() })
    }

    fn key(&self, owner: &Owner) -> String {
        match owner {
            Owner::Platform => format!("{}-platform", self.prefix),
            Owner::Tenant(id) => format!("{}-tenant-{id}", self.prefix),
        }
    }

    /// Asks; answers that say that something is not right with the question (400, 404) are the caller's to read.
    async fn call<Q: Serialize + Sync>(
        &self,
        method: &str,
        path: &str,
        question: Option<&Q>,
    ) -> Result<Answer, KeyError> {
        let body = question.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| setting(self.asking.place(), error.to_string()))?;
        let address = format!("{}/{path}", self.mount);
        self.asking.patiently(|| self.once(method, &address, body.clone())).await
    }

    async fn once(&self, method: &str, address: &str, body: Option<Vec<u8>>) -> Result<Answer, Trouble> {
        let headers = self.login.headers(&self.asking).await?;
        let answer = self.asking.once(method, address, &headers, body).await?;
        match answer.status {
            200 | 204 | 400 | 404 => Ok(answer),
            status => {
                self.login.forget().await;
                Err(Trouble::Denied(format!("it answered {status}: {}", errors(&answer))))
            }
        }
    }

    /// Has something done for which there is nothing to be said.
    async fn told<Q: Serialize + Sync>(&self, method: &str, path: &str, question: &Q) -> Result<(), KeyError> {
        let answer = self.call(method, path, Some(question)).await?;
        match answer.status {
            200 | 204 => Ok(()),
            status => {
                let message = format!("it answered {status} for `{path}`: {}", errors(&answer));
                Err(KeyError::Denied { place: self.place(), message })
            }
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, KeyError> {
        let Wrapper { data } = answer.read().map_err(|_| {
            let message = "its answer is not of the form that is documented".to_owned();
            KeyError::Unavailable { place: self.place(), message }
        })?;
        Ok(data)
    }

    /// An owner's key as it is now; none when there is none.
    async fn look(&self, owner: &Owner) -> Result<Option<State>, KeyError> {
        let path = format!("keys/{}", self.key(owner));
        let answer = self.call::<Nothing>("GET", &path, None).await?;
        match answer.status {
            404 => {
                self.forget(owner);
                return Ok(None);
            }
            200 => {}
            status => {
                let message = format!("it answered {status}: {}", errors(&answer));
                return Err(KeyError::Denied { place: self.place(), message });
            }
        }
        let state: State = self.read(&answer)?;
        if !KINDS.contains(&state.kind.as_str()) || state.derived {
            let message = format!("its key `{}` is not of the type {KIND} without derivation", self.key(owner));
            return Err(setting(self.asking.place(), message));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(owner.clone(), state.versions());
        Ok(Some(state))
    }

    fn forget(&self, owner: &Owner) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(owner);
    }

    fn knows(&self, owner: &Owner) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(owner)
    }

    fn made_at(&self, owner: &Owner, version: i64) -> Option<i64> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(owner)?.get(&version).copied()
    }

    /// Makes an owner's key where there is none.
    async fn ensure(&self, owner: &Owner) -> Result<(), KeyError> {
        if self.knows(owner) || self.look(owner).await?.is_some() {
            return Ok(());
        }
        self.told("POST", &format!("keys/{}", self.key(owner)), &Made { kind: KIND }).await?;
        self.look(owner).await.map(|_| ())
    }

    async fn encrypt(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let question = Encrypt {
            plaintext: Wiped::of(secret.expose(), &STANDARD),
            associated_data: Wiped::of(&authenticated(owner, bound), &STANDARD),
        };
        let answer = self.call("POST", &format!("encrypt/{}", self.key(owner)), Some(&question)).await?;
        if answer.status != 200 {
            let message = format!("it did not seal: {}", errors(&answer));
            return Err(KeyError::Denied { place: self.place(), message });
        }
        let Encrypted { ciphertext } = self.read(&answer)?;
        let odd = || KeyError::Unavailable { place: self.place(), message: "its answer names no version".to_owned() };
        let version = version(&ciphertext).ok_or_else(odd)?;
        if self.made_at(owner, version).is_none() {
            self.look(owner).await?;
        }
        let made = self.made_at(owner, version).ok_or_else(odd)?;
        Ok(Wrapped { version, bytes: [&made.to_be_bytes(), ciphertext.as_bytes()].concat() })
    }

    /// Why something did not open: by what has become of its owner's key since.
    async fn closed(&self, owner: &Owner, version: i64, made: i64) -> KeyError {
        let (of, place) = (owner.to_string(), self.place());
        match self.look(owner).await {
            Err(error) => error,
            // Nobody destroys the platform's; there is none where the wrong place was named.
            Ok(None) if *owner == Owner::Platform => KeyError::Missing { place },
            Ok(None) => KeyError::Destroyed { owner: of, place },
            Ok(Some(state)) if version < state.min_available_version => KeyError::Destroyed { owner: of, place },
            Ok(Some(state)) if version < state.min_decryption_version => {
                let message = format!("version {version} of `{}` is below its min_decryption_version", self.key(owner));
                KeyError::Disabled { place, message }
            }
            // It was made again; for the platform's, that is more likely one of another store.
            Ok(Some(state)) if *owner != Owner::Platform && state.versions().get(&version) != Some(&made) => {
                KeyError::Destroyed { owner: of, place }
            }
            Ok(Some(_)) => KeyError::Wrong { owner: of, place },
        }
    }

    async fn rotate(&self, owner: &Owner) -> Result<(), KeyError> {
        self.told("POST", &format!("keys/{}/rotate", self.key(owner)), &Nothing {}).await
    }

    async fn trim(&self, owner: &Owner) -> Result<(), KeyError> {
        let Some(State { latest_version: latest, .. }) = self.look(owner).await? else { return Ok(()) };
        let key = self.key(owner);
        let least = Least { min_decryption_version: latest, min_encryption_version: latest };
        self.told("POST", &format!("keys/{key}/config"), &least).await?;
        self.told("POST", &format!("keys/{key}/trim"), &Trim { min_available_version: latest }).await
    }
}

/// The number in `vault:v3:…`.
fn version(ciphertext: &str) -> Option<i64> {
    ciphertext.strip_prefix("vault:v")?.split_once(':')?.0.parse().ok()
}

fn errors(answer: &Answer) -> String {
    let wire::Fault { errors } = serde_json::from_slice(&answer.body).unwrap_or_default();
    said(&errors.join("; "))
}

#[async_trait]
impl KeyProvider for VaultTransit {
    fn place(&self) -> String {
        self.asking.place().to_owned()
    }

    fn holds_one_each(&self) -> bool {
        true
    }

    async fn prepare(&self, owners: &[Owner]) -> Result<(), KeyError> {
        for some in owners.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|owner| self.ensure(owner))).await?;
        }
        Ok(())
    }

    async fn wrap(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let known = self.knows(owner);
        self.ensure(owner).await?;
        match self.encrypt(owner, secret, bound).await {
            Err(KeyError::Denied { .. }) if known => {}
            done => return done,
        }
        // Its key was perhaps destroyed by another program since it was seen.
        self.forget(owner);
        self.ensure(owner).await?;
        self.encrypt(owner, secret, bound).await
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped, bound: &Bound) -> Result<Secret, KeyError> {
        let wrong = || KeyError::Wrong { owner: owner.to_string(), place: self.place() };
        let (made, ciphertext) = wrapped.bytes.split_first_chunk::<MADE>().ok_or_else(wrong)?;
        let ciphertext = std::str::from_utf8(ciphertext).map_err(|_| wrong())?;
        if version(ciphertext) != Some(wrapped.version) {
            return Err(wrong());
        }
        let question = Decrypt {
            ciphertext: ciphertext.to_owned(),
            associated_data: Wiped::of(&authenticated(owner, bound), &STANDARD),
        };
        let answer = self.call("POST", &format!("decrypt/{}", self.key(owner)), Some(&question)).await?;
        if answer.status != 200 {
            return Err(self.closed(owner, wrapped.version, i64::from_be_bytes(*made)).await);
        }
        let Decrypted { plaintext } = self.read(&answer)?;
        plaintext.bytes(&STANDARD).and_then(|bytes| Secret::from_bytes(&bytes)).ok_or_else(wrong)
    }

    async fn newest(&self, owner: &Owner) -> Result<Option<i64>, KeyError> {
        Ok(self.look(owner).await?.map(|state| state.latest_version))
    }

    async fn renew(&self, owners: &[Owner]) -> Result<(), KeyError> {
        for some in owners.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|owner| self.rotate(owner))).await?;
        }
        Ok(())
    }

    async fn retire(&self, owners: &[Owner]) -> Result<(), KeyError> {
        for some in owners.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|owner| self.trim(owner))).await?;
        }
        Ok(())
    }

    async fn destroy(&self, owner: &Owner) -> Result<bool, KeyError> {
        if self.look(owner).await?.is_none() {
            return Ok(false);
        }
        let key = self.key(owner);
        self.told("POST", &format!("keys/{key}/config"), &Deletable { deletion_allowed: true }).await?;
        self.told("DELETE", &format!("keys/{key}"), &Nothing {}).await?;
        self.forget(owner);
        Ok(true)
    }
}
