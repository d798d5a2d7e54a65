//! Asking a provider over HTTP, within limits.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use tenantry_engine::ports::identity::Unanswered;

use super::BYTES_MAX;
use crate::tls;

/// How long one answer may take, its body included.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client for providers.
#[derive(Debug, Clone)]
pub struct Web(Client);

impl Web {
    /// With the authorities of a PEM file, or those that the system trusts.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn new(ca: Option<&Path>) -> Result<Self, Unanswered> {
        let said = |message: String| Unanswered { message };
        let tls = tls::client(ca).map_err(said)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|error| said(error.to_string()))
    }

    /// A document.
    ///
    /// # Errors
    /// Anything but a 200 within the limits.
    pub async fn get(&self, address: &str) -> Result<Vec<u8>, Unanswered> {
        let (status, body) = self.send(self.0.get(address), address).await?;
        if status == 200 { Ok(body) } else { Err(Unanswered { message: format!("{address} answered {status}") }) }
    }

    /// The status and body of the answer to somebody with a token.
    ///
    /// # Errors
    /// Any but an answer within the limits.
    pub async fn get_as(&self, address: &str, token: &str) -> Result<(u16, Vec<u8>), Unanswered> {
        self.send(self.0.get(address).bearer_auth(token), address).await
    }

    /// The status and body of the answer to a form that is sent.
    ///
    /// # Errors
    /// Any but an answer within the limits.
    pub async fn post(
        &self,
        address: &str,
        headers: &[(String, String)],
        form: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), Unanswered> {
        let mut request = self.0.post(address).body(form);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(request, address).await
    }

    async fn send(&self, request: RequestBuilder, address: &str) -> Result<(u16, Vec<u8>), Unanswered> {
        let said = |message: String| Unanswered { message };
        let failed = |error: reqwest::Error| said(format!("{address} did not answer: {}", chain(&error.without_url())));
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(said(format!("{address} answered with more than {BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
