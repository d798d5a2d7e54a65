//! Tokens that are had for a while.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tenantry_keys::KeyError;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::asking::{Answer, Asking, Trouble, setting};

/// A token that does not hold for so long any more is replaced.
const MARGIN: Duration = Duration::from_secs(60);

/// A token, and for how long it holds from now.
pub(super) struct Token {
    pub(super) text: Zeroizing<String>,
    pub(super) holds: Duration,
}

/// The token that is had. While one is asked for, all others wait for it.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Zeroizing<String>, Instant)>>);

impl Kept {
    /// The token, or a new one.
    pub(super) async fn get(
        &self,
        ask: impl Future<Output = Result<Token, Trouble>> + Send,
    ) -> Result<Zeroizing<String>, Trouble> {
        let mut kept = self.0.lock().await;
        if let Some((text, until)) = &*kept
            && Instant::now() < *until
        {
            return Ok(text.clone());
        }
        let Token { text, holds } = ask.await?;
        // One that holds for less than the margin is used once.
        *kept = Instant::now().checked_add(holds.saturating_sub(MARGIN)).map(|until| (text.clone(), until));
        Ok(text)
    }

    /// Forgets it, as it was refused.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(..)")
    }
}

/// Who asks, as somebody who bears a token.
pub(super) trait Bearer: Sync {
    /// The token, or a new one.
    fn token(&self, asking: &Asking) -> impl Future<Output = Result<Zeroizing<String>, Trouble>> + Send;
    /// Where it is kept.
    fn kept(&self) -> &Kept;
}

/// Asks a service that is told who asks by a token, in JSON; `trouble` says what a refusal means.
pub(super) async fn call<Q, A>(
    asking: &Asking,
    bearer: &impl Bearer,
    (method, address): (&str, &str),
    question: Option<&Q>,
    trouble: impl Fn(&Answer) -> Trouble + Sync,
) -> Result<A, KeyError>
where
    Q: Serialize + Sync,
    A: DeserializeOwned,
{
    let body = question.map(serde_json::to_vec).transpose();
    let body = body.map_err(|error| setting(asking.place(), error.to_string()))?;
    let once = || async {
        let token = bearer.token(asking).await?;
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", token.as_str())),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let answer = asking.once(method, address, &headers, body.clone()).await?;
        match answer.status {
            200 => return Ok(answer),
            401 => bearer.kept().forget().await,
            _ => {}
        }
        Err(trouble(&answer))
    };
    asking.patiently(once).await?.read().map_err(|_| odd(asking))
}

/// An answer is not what it should be.
pub(super) fn odd(asking: &Asking) -> KeyError {
    let message = "its answer is not of the form that is documented".to_owned();
    KeyError::Unavailable { place: asking.place().to_owned(), message }
}
