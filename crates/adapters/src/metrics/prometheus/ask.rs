//! One question: sent, repeated while it may help, its answer read up to a bound.

use std::io;
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::Retry;
use tenantry_engine::ports::metrics::SourceError;
use tokio::time::Instant;

use super::answer::{self, Body, Refusal};
use super::credentials::{Auth, Hidden, redact};
use super::{Prometheus, backoff};

/// Most bytes read of an answer that is an error.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Most characters passed on of a server's error text.
const ERROR_CHARS_MAX: usize = 300;
/// Answers larger than this are parsed where they do not hold up other work.
const INLINE_BYTES_MAX: usize = 256 * 1024;
/// From here on a difference between the server's clock and ours is worth a warning.
const SKEW_MAX: Duration = Duration::from_secs(30);

/// An attempt that failed, and how long the server asked to be left alone.
struct Failed {
    error: SourceError,
    after: Option<Duration>,
}

impl From<SourceError> for Failed {
    fn from(error: SourceError) -> Self {
        Self { error, after: None }
    }
}

impl Prometheus {
    /// Asks, and asks again while that may help and time is left.
    pub(super) async fn ask(&self, url: Url, form: &[(&'static str, String)]) -> Result<Body, SourceError> {
        let deadline = Instant::now() + self.settings.deadline.as_duration();
        let mut attempt = 0;
        loop {
            let until = deadline.min(Instant::now() + self.settings.timeout.as_duration());
            let failed = match tokio::time::timeout_at(until, self.attempt(url.clone(), form)).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(failed)) => failed,
                Err(_) if until < deadline => self.timed_out(false).into(),
                Err(_) => return Err(self.timed_out(true)),
            };
            attempt += 1;
            if failed.error.retry() == Retry::Never || attempt > self.settings.retries {
                return Err(failed.error);
            }
            let wait = backoff::wait(self.settings.backoff, attempt, self.chance(), failed.after);
            if wait >= deadline.saturating_duration_since(Instant::now()) {
                return Err(failed.error);
            }
            tracing::debug!(source = self.settings.name, attempt, ?wait, "asking the metrics source again");
            tokio::time::sleep(wait).await;
        }
    }

    fn timed_out(&self, whole: bool) -> SourceError {
        let limit = if whole { self.settings.deadline } else { self.settings.timeout };
        SourceError::Timeout { source_name: self.settings.name.clone(), limit }
    }

    fn unreachable(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
        SourceError::Unreachable { source_name: self.settings.name.clone(), cause: cause.into() }
    }

    fn chance(&self) -> f64 {
        // A poisoned generator still gives numbers.
        self.chance.lock().unwrap_or_else(std::sync::PoisonError::into_inner).f64()
    }

    async fn attempt(&self, url: Url, form: &[(&'static str, String)]) -> Result<Body, Failed> {
        let request = self.client.post(url).form(form);
        let (request, mut secrets) = self.identify(request).await.map_err(|error| self.unreachable(error))?;
        secrets.extend(self.settings.headers.iter().map(|(_, value)| value.clone()));
        let response = request.send().await.map_err(|error| self.unreachable(error.without_url()))?;
        self.compare_clocks(response.headers());
        if !response.status().is_success() {
            return Err(self.refused(response, &secrets).await);
        }
        let limit = self.settings.max_bytes;
        let body = match self.body(response, limit).await? {
            (body, false) => body,
            (_, true) => {
                return Err(self
                    .garbled(format!(
                        "more than {limit} bytes: a label explosion? Aggregate in the query, or raise the limit"
                    ))
                    .into());
            }
        };
        if let Some(refusal) = refusal(&body) {
            return Err(self.refusal(200, &refusal.message(), &secrets).into());
        }
        self.read(body).await.map_err(|message| self.garbled(redact(&message, &secrets)).into())
    }

    async fn read(&self, body: Vec<u8>) -> Result<Body, String> {
        let series_max = self.settings.max_series;
        if body.len() <= INLINE_BYTES_MAX {
            return answer::read(&body, series_max);
        }
        let reading = tokio::task::spawn_blocking(move || answer::read(&body, series_max));
        reading.await.unwrap_or_else(|error| Err(format!("reading it broke off: {error}")))
    }

    /// Adds who we are, and says which texts must not show up anywhere.
    async fn identify(&self, request: RequestBuilder) -> io::Result<(RequestBuilder, Vec<Hidden>)> {
        match &self.settings.auth {
            Auth::None => Ok((request, Vec::new())),
            Auth::Bearer { token } => {
                let token = token.read().await?;
                Ok((request.bearer_auth(token.reveal()), vec![token]))
            }
            Auth::Basic { user, password } => {
                let password = password.read().await?;
                Ok((request.basic_auth(user, Some(password.reveal())), vec![password]))
            }
        }
    }

    /// The body, and whether it went on beyond `limit` bytes.
    async fn body(&self, mut response: Response, limit: usize) -> Result<(Vec<u8>, bool), SourceError> {
        let said = response.content_length().and_then(|said| usize::try_from(said).ok()).unwrap_or(0);
        if said > limit {
            return Ok((Vec::new(), true));
        }
        let mut body = Vec::with_capacity(said);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error.without_url()))? {
            if body.len() + chunk.len() > limit {
                return Ok((body, true));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, false))
    }

    async fn refused(&self, response: Response, secrets: &[Hidden]) -> Failed {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let after = header(RETRY_AFTER).and_then(|text| backoff::retry_after(text, header(DATE), now()));
        let redirect = response.status().is_redirection();
        // The status says enough when the text breaks off.
        let body = self.body(response, ERROR_BYTES_MAX).await.map(|(body, _)| body).unwrap_or_default();
        let message = match Refusal::parse(&body) {
            Some(refusal) => refusal.message(),
            None if redirect => "it sends elsewhere, which is not followed: set the final address".to_owned(),
            None => String::from_utf8_lossy(&body).into_owned(),
        };
        Failed { error: self.refusal(status, &message, secrets), after }
    }

    fn refusal(&self, status: u16, message: &str, secrets: &[Hidden]) -> SourceError {
        // Redacted before it is cut: half a token must not stay behind.
        let message = redact(message, secrets);
        let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let plain = words.chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect::<String>();
        let message = if plain.is_empty() { "it gave no reason".to_owned() } else { plain };
        SourceError::Refused { source_name: self.settings.name.clone(), status, message }
    }

    fn compare_clocks(&self, headers: &HeaderMap) {
        let Some(theirs) = headers.get(DATE).and_then(|value| value.to_str().ok()).and_then(backoff::http_date) else {
            return;
        };
        let ours = now();
        let skew = ours.since(theirs).as_duration().max(theirs.since(ours).as_duration());
        if skew > SKEW_MAX {
            let skew_s = skew.as_secs();
            tracing::warn!(source = self.settings.name, skew_s, "the metrics source's clock differs from ours");
        }
    }
}

/// The refusal inside an answer with a good status. Looked for only in short bodies: a refusal is no list of series.
fn refusal(body: &[u8]) -> Option<Refusal> {
    if body.len() <= ERROR_BYTES_MAX { Refusal::parse(body) } else { None }
}

/// The wall clock, only to compare it with a server's.
fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
}
