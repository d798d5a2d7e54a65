//! Asking a provider over HTTP, within limits.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use tenantry_domain::failure::with_causes;
use tenantry_engine::ports::identity::Unanswered;

use super::BYTES_MAX;
use crate::tls;

/// How long one answer may take, its body included.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client for providers.
#[derive(Debug, Clone)]
pub struct Web {
    client: Client,
    bytes_max: usize,
}

impl Web {
    /// With the authorities of a PEM file, or those that the system trusts.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn new(ca: Option<&Path>) -> Result<Self, Unanswered> {
        Self::within(ca, PATIENCE, BYTES_MAX)
    }

    /// As [`new`](Self::new), with limits of one's own: how long an answer may take, and how large it may be.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn within(ca: Option<&Path>, patience: Duration, bytes_max: usize) -> Result<Self, Unanswered> {
        let said = |message: String| Unanswered { message };
        let tls = tls::client(ca).map_err(said)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .timeout(patience)
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(|client| Self { client, bytes_max }).map_err(|error| said(error.to_string()))
    }

    /// A document.
    ///
    /// # Errors
    /// Anything but a 200 within the limits.
    pub async fn get(&self, address: &str) -> Result<Vec<u8>, Unanswered> {
        let (status, body) = self.send(self.client.get(address), address).await?;
        if status == 200 { Ok(body) } else { Err(Unanswered { message: format!("{address} answered {status}") }) }
    }

    /// The status and body of the answer to somebody with a token.
    ///
    /// # Errors
    /// Any but an answer within the limits.
    pub async fn get_as(&self, address: &str, token: &str) -> Result<(u16, Vec<u8>), Unanswered> {
        self.send(self.client.get(address).bearer_auth(token), address).await
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
        self.ask("POST", address, headers, Some(form)).await
    }

    /// The status and body of the answer to a request.
    ///
    /// # Errors
    /// Any but an answer within the limits.
    pub async fn ask(
        &self,
        method: &str,
        address: &str,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
    ) -> Result<(u16, Vec<u8>), Unanswered> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Unanswered { message: format!("`{method}` is no method of HTTP") })?;
        let mut request = self.client.request(method, address);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        self.send(request, address).await
    }

    async fn send(&self, request: RequestBuilder, address: &str) -> Result<(u16, Vec<u8>), Unanswered> {
        let said = |message: String| Unanswered { message };
        let failed =
            |error: reqwest::Error| said(format!("{address} did not answer: {}", with_causes(&error.without_url())));
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.bytes_max {
                return Err(said(format!("{address} answered with more than {} bytes", self.bytes_max)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }
}
