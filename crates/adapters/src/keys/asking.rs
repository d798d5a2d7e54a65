//! Asking who holds keys, within limits, and again where that may help.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::de::DeserializeOwned;
use tenantry_keys::KeyError;
use zeroize::Zeroizing;

use crate::identity::{Web, safe};

/// How long one answer may take. Whoever writes to the store waits for it, so that it is short.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes. The description of a key of Vault with a thousand versions is some 30 KB.
const BYTES_MAX: usize = 256 * 1024;
/// How often is asked at most, and for how long after the first time.
const TRIES: u32 = 5;
const AGAIN_FOR: Duration = Duration::from_secs(8);
/// Before it is asked again, doubled each time, and half as long at least: not all programs come back at once.
const PAUSE_MS: u64 = 150;
/// Characters of what a service says that are repeated.
const SAID_MAX: usize = 300;

/// Why an answer is not what was asked for.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may pass by itself.
    Passing(String),
    /// Who asks is not known, or may not. Whoever says so forgets its token before, so that it is tried once more with a new
    /// one.
    Denied(String),
    /// It stays so.
    Told(KeyError),
}

impl From<KeyError> for Trouble {
    fn from(error: KeyError) -> Self {
        Self::Told(error)
    }
}

/// An answer. It may hold a key.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Reads it as what it should be.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        // The error's text would repeat what was read, which may be a key.
        serde_json::from_slice(&self.body).map_err(|_| {
            Trouble::Passing(format!("its answer ({}) is not of the form that is documented", self.status))
        })
    }
}

/// What a service says, fit to be repeated.
pub(super) fn said(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SAID_MAX).collect()
}

/// Who holds keys, as somebody who can be asked.
#[derive(Debug)]
pub(super) struct Asking {
    web: Web,
    place: String,
}

impl Asking {
    /// Of a place with a name in words; addresses must be as safe as `addresses` says which are asked.
    ///
    /// # Errors
    /// [`KeyError::Setting`] where an address is reached neither by https nor on loopback, or the file of authorities cannot be
    /// used.
    pub(super) fn new(place: String, addresses: &[&str], ca: Option<&Path>) -> Result<Self, KeyError> {
        for address in addresses {
            safe(address).map_err(|why| setting(&place, format!("`{address}`: {why}")))?;
        }
        let web = Web::within(ca, PATIENCE, BYTES_MAX).map_err(|error| setting(&place, error.message))?;
        Ok(Self { web, place })
    }

    /// What it is called.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Asks once. Overload and troubles of the service itself are told as passing.
    pub(super) async fn once(
        &self,
        method: &str,
        address: &str,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Trouble> {
        let answered = self.web.ask(method, address, headers, body).await;
        let (status, body) = answered.map_err(|error| Trouble::Passing(said(&error.message)))?;
        let answer = Answer { status, body: Zeroizing::new(body) };
        // 472 and 473 are what Vault's standbys say.
        if matches!(status, 408 | 429 | 472 | 473 | 500..) {
            let text = said(&String::from_utf8_lossy(&answer.body));
            return Err(Trouble::Passing(format!("it answered {status}: {text}")));
        }
        Ok(answer)
    }

    /// Does something again while its trouble is one that passes, so often and for so long as is said above.
    pub(super) async fn patiently<T, F>(&self, ask: impl Fn() -> F + Send) -> Result<T, KeyError>
    where
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        let (began, mut denied) = (Instant::now(), false);
        for turn in 1.. {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Told(error)) => return Err(error),
                Err(Trouble::Denied(_)) if !denied => denied = true,
                Err(Trouble::Denied(message)) => {
                    return Err(KeyError::Denied { place: self.place.clone(), message });
                }
                Err(Trouble::Passing(message)) if turn >= TRIES || began.elapsed() > AGAIN_FOR => {
                    return Err(KeyError::Unavailable { place: self.place.clone(), message });
                }
                Err(Trouble::Passing(_)) => {
                    tokio::time::sleep(Duration::from_millis(pause(PAUSE_MS << turn))).await;
                }
            }
        }
        Err(KeyError::Unavailable { place: self.place.clone(), message: "it was asked too often".to_owned() })
    }
}

/// Between half of a time and all of it.
fn pause(most_ms: u64) -> u64 {
    let half = most_ms / 2;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    half + u64::from(now.subsec_micros()) % half.max(1)
}

/// What was named is not written as it should be, or not what it should be.
pub(super) fn setting(place: &str, message: String) -> KeyError {
    KeyError::Setting { place: place.to_owned(), message }
}
