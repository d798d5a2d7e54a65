//! AWS KMS: one key for all owners. It seals a one-time key for each data key, bound to owner and place by the encryption
//! context, and says with which key material it did.

mod login;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry_keys::{Bound, KeyError, KeyProvider, Owner, Secret, Wrapped};

use self::login::Signing;
use self::wire::{Context, Decrypt, Decrypted, DescribeKey, Described, GenerateDataKey, Generated, RotateKey, Rotated};
use super::asking::{Answer, Asking, Trouble, said, setting};
use super::one_time::{OneTime, fingerprint, number};
use super::surroundings::Surroundings;
use super::wiped::Wiped;

/// Rotation takes a moment to be seen. How often is looked, and after which pauses.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// A key of AWS KMS.
#[derive(Debug)]
pub struct AwsKms {
    asking: Asking,
    signing: Signing,
    key: String,
    endpoint: String,
}

impl AwsKms {
    /// Names the key by its ARN, or by that of an alias, which must stay on its key. Nothing is asked yet.
    ///
    /// The region is the ARN's. Credentials are found as the vendor's tools find them (`AWS_ACCESS_KEY_ID` and so on,
    /// `~/.aws`, web identity, the container's or the machine's role); `AWS_ENDPOINT_URL_KMS` names another endpoint.
    ///
    /// # Errors
    /// [`KeyError::Setting`] for what is no ARN of a key, or an endpoint that is not safe.
    pub fn new(arn: &str, surroundings: &Surroundings) -> Result<Self, KeyError> {
        let place = format!("AWS KMS, `{arn}`");
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let (partition, region) = match parts.as_slice() {
            ["arn", partition, "kms", region, account, what]
                if named(partition)
                    && named(region)
                    && named(account)
                    && (what.starts_with("key/") || what.starts_with("alias/")) =>
            {
                (*partition, *region)
            }
            _ => {
                let message = "name a key by its ARN, arn:aws:kms:REGION:ACCOUNT:key/ID".to_owned();
                return Err(setting(&place, message));
            }
        };
        let endpoint = match surroundings.get("AWS_ENDPOINT_URL_KMS").or_else(|| surroundings.get("AWS_ENDPOINT_URL")) {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => {
                let fips = surroundings.get("AWS_USE_FIPS_ENDPOINT").is_some_and(|value| value == "true");
                let host = if fips { "kms-fips" } else { "kms" };
                let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{host}.{region}.{domain}")
            }
        };
        let asking = Asking::new(place, &[&endpoint], surroundings.ca(Some("AWS_CA_BUNDLE")).as_deref())?;
        let signing = Signing::new(region, surroundings, asking.place())?;
        Ok(Self { asking, signing, key: arn.to_owned(), endpoint })
    }

    async fn call<Q, A>(&self, operation: &str, owner: &Owner, question: &Q) -> Result<A, KeyError>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        let body = serde_json::to_vec(question).map_err(|error| setting(self.asking.place(), error.to_string()))?;
        let answer = self.asking.patiently(|| self.once(operation, owner, &body)).await?;
        answer.read().map_err(|_| self.odd(operation))
    }

    /// Asks once, signed anew: a signature is only good for some minutes.
    async fn once(&self, operation: &str, owner: &Owner, body: &[u8]) -> Result<Answer, Trouble> {
        let headers = self.signing.sign(&self.endpoint, operation, body).await?;
        let answer = self.asking.once("POST", &format!("{}/", self.endpoint), &headers, Some(body.to_vec())).await?;
        if answer.status == 200 { Ok(answer) } else { Err(self.trouble(&answer, owner)) }
    }

    /// What a refusal means.
    fn trouble(&self, answer: &Answer, owner: &Owner) -> Trouble {
        let wire::Fault { kind, message } = serde_json::from_slice(&answer.body).unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        let place = self.asking.place().to_owned();
        let message = said(&format!("{kind}: {message}"));
        match kind {
            "ThrottlingException"
            | "RequestLimitExceeded"
            | "KMSInternalException"
            | "DependencyTimeoutException"
            | "KeyUnavailableException"
            | "ConflictException"
            | "InternalFailure"
            | "ServiceUnavailable" => Trouble::Passing(message),
            "NotFoundException" => KeyError::Missing { place }.into(),
            "DisabledException" | "KMSInvalidStateException" => KeyError::Disabled { place, message }.into(),
            "InvalidCiphertextException" | "IncorrectKeyException" => {
                KeyError::Wrong { owner: owner.to_string(), place }.into()
            }
            "" => Trouble::Denied(format!("it answered {}", answer.status)),
            _ => Trouble::Denied(message),
        }
    }

    fn odd(&self, operation: &str) -> KeyError {
        let message = format!("the answer to {operation} is not of the form that is documented");
        KeyError::Unavailable { place: self.asking.place().to_owned(), message }
    }

    /// The number of the key material that is used now.
    async fn current(&self) -> Result<i64, KeyError> {
        let question = DescribeKey { key_id: &self.key };
        let Described { key_metadata: key } = self.call("DescribeKey", &Owner::Platform, &question).await?;
        if !key.enabled {
            let message = format!("its state is {}", key.key_state.unwrap_or_default());
            return Err(KeyError::Disabled { place: self.asking.place().to_owned(), message });
        }
        Ok(number(&key.current_key_material_id.unwrap_or(key.key_id)))
    }
}

/// Whether a part of an ARN may be part of an address, too.
fn named(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn context(owner: &Owner, bound: &Bound) -> Context {
    Context { owner: owner.to_string(), place: fingerprint(bound) }
}

#[async_trait]
impl KeyProvider for AwsKms {
    fn place(&self) -> String {
        self.asking.place().to_owned()
    }

    fn holds_one_each(&self) -> bool {
        false
    }

    async fn wrap(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let encryption_context = context(owner, bound);
        let question = GenerateDataKey { key_id: &self.key, key_spec: "AES_256", encryption_context };
        let made: Generated = self.call("GenerateDataKey", owner, &question).await?;
        let one = secret_of(&made.plaintext).ok_or_else(|| self.odd("GenerateDataKey"))?;
        let sealed = made.ciphertext_blob.bytes(&STANDARD).ok_or_else(|| self.odd("GenerateDataKey"))?;
        let with = made.key_material_id.unwrap_or_else(|| wire::id_of(&made.key_id).to_owned());
        OneTime::seal(&one, &with, &sealed, number(&with), secret, (owner, bound))
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped, bound: &Bound) -> Result<Secret, KeyError> {
        let wrong = || KeyError::Wrong { owner: owner.to_string(), place: self.place() };
        let envelope = OneTime::read(&wrapped.bytes).ok_or_else(wrong)?;
        let question = Decrypt {
            key_id: &self.key,
            ciphertext_blob: Wiped::of(&envelope.key, &STANDARD),
            encryption_context: context(owner, bound),
        };
        let opened: Decrypted = self.call("Decrypt", owner, &question).await?;
        let one = secret_of(&opened.plaintext).ok_or_else(wrong)?;
        envelope.open(&one, wrapped.version, (owner, bound)).ok_or_else(wrong)
    }

    async fn newest(&self, _owner: &Owner) -> Result<Option<i64>, KeyError> {
        self.current().await.map(Some)
    }

    async fn renew(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        let before = self.current().await?;
        let _: Rotated = self.call("RotateKeyOnDemand", &Owner::Platform, &RotateKey { key_id: &self.key }).await?;
        for _ in 0..LOOKS {
            if self.current().await? != before {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let message = "it is being rotated, and that is not done yet; go on in some minutes".to_owned();
        Err(KeyError::Unavailable { place: self.place(), message })
    }

    async fn retire(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        Ok(())
    }

    async fn destroy(&self, _owner: &Owner) -> Result<bool, KeyError> {
        Ok(false)
    }
}

fn secret_of(text: &Wiped) -> Option<Secret> {
    Secret::from_bytes(&text.bytes(&STANDARD)?)
}
