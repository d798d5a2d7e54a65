//! A webhook: a batch for each request, signed as Standard Webhooks has it.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tenantry_audit::{Form, Told, webhook_id, webhook_signature};
use tenantry_domain::failure::with_causes;
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::receiver::{Receiver, Undelivered};

use super::undelivered;
use crate::tls;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one request's body, unless one entry has more.
const BYTES_MAX: usize = 512 * 1024;

/// A webhook at an address.
pub struct Webhook {
    client: Client,
    url: String,
    secret: Vec<u8>,
    form: Form,
    clock: Box<dyn Clock>,
}

impl std::fmt::Debug for Webhook {
    /// Without the address, which may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Webhook {
    /// The webhook at `url`, signing with `secret`; trusted are the authorities of a PEM file, or the system's.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn new(
        url: &str,
        secret: Vec<u8>,
        form: Form,
        ca: Option<&Path>,
        clock: Box<dyn Clock>,
    ) -> Result<Self, Undelivered> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client(ca).map_err(undelivered)?)
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(undelivered)?;
        Ok(Self { client, url: url.to_owned(), secret, form, clock })
    }

    async fn post(&self, told: &[Told], body: String) -> Result<(), Undelivered> {
        let (id, seconds) = (webhook_id(told), self.clock.now().as_millis() / 1000);
        let signature = webhook_signature(&self.secret, &id, seconds, body.as_bytes());
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, self.form.media_type_of_many())
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(body);
        let answer = request.send().await.map_err(|error| undelivered(with_causes(&error.without_url())))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let again_after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let again_after =
            again_after.filter(|_| matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE));
        Err(Undelivered { message: format!("it answered {}", status.as_u16()), again_after })
    }
}

#[async_trait]
impl Receiver for Webhook {
    async fn deliver(&self, told: &[Told]) -> Result<(), Undelivered> {
        let forms: Vec<String> = told.iter().map(|told| self.form.of(told).to_string()).collect();
        let mut from = 0;
        while from < forms.len() {
            let (mut until, mut bytes) = (from, 0);
            while let Some(form) = forms.get(until) {
                bytes += form.len() + 1;
                if until > from && bytes > BYTES_MAX {
                    break;
                }
                until += 1;
            }
            let (some, body) = (told.get(from..until).unwrap_or_default(), forms.get(from..until).unwrap_or_default());
            self.post(some, format!("[{}]", body.join(","))).await?;
            from = until;
        }
        Ok(())
    }
}
