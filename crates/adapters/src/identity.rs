//! OpenID providers: their discovery documents and keys. The only code that speaks to one.
//!
//! What a provider says is bounded in size and in time, no redirect is followed, and an address that it names must be as
//! safe as the issuer's own.

mod web;

use async_trait::async_trait;
use reqwest::Url;
use serde::Deserialize;
use tenantry_engine::ports::identity::{KeySource, KeysAt, Unanswered};

pub use web::Web;

/// Largest document that is read, in bytes; a set of keys is some kilobytes.
pub const BYTES_MAX: usize = 512 * 1024;

/// What a provider says of itself: the part of OpenID Connect Discovery 1.0 that is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Provider {
    /// Who it is, as in its tokens.
    pub issuer: String,
    /// Where people are sent to log in.
    pub authorization_endpoint: Option<String>,
    /// Where a code becomes tokens.
    pub token_endpoint: Option<String>,
    /// Where its keys are.
    pub jwks_uri: String,
    /// What it can be asked to tell of people; none where it does not say.
    pub scopes_supported: Option<Vec<String>>,
}

impl Provider {
    /// Asks an issuer what it says of itself.
    ///
    /// # Errors
    /// Why that is not known, in words.
    pub async fn discover(web: &Web, issuer: &str) -> Result<Self, Unanswered> {
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let text = web.get(&place).await?;
        let said = |message: String| Unanswered { message };
        let provider: Self = serde_json::from_slice(&text)
            .map_err(|error| said(format!("{place} is no discovery document: {error}")))?;
        // Another's document would bring another's keys.
        if provider.issuer != issuer {
            return Err(said(format!(
                "{place} is the document of `{}`; declare the issuer as it is named there",
                provider.issuer
            )));
        }
        let named =
            [Some(&provider.jwks_uri), provider.authorization_endpoint.as_ref(), provider.token_endpoint.as_ref()];
        for address in named.into_iter().flatten() {
            safe(address).map_err(|why| said(format!("{place} names `{address}`, and {why}")))?;
        }
        Ok(provider)
    }

    /// Its keys, as the text of RFC 7517.
    ///
    /// # Errors
    /// Why they are not known, in words.
    pub async fn keys(&self, web: &Web) -> Result<Vec<u8>, Unanswered> {
        web.get(&self.jwks_uri).await
    }
}

/// Whether an address may be asked: nobody else can listen in or answer for it.
///
/// # Errors
/// What is wrong with it.
pub fn safe(address: &str) -> Result<(), String> {
    let url = Url::parse(address).map_err(|error| format!("it is no address: {error}"))?;
    let loopback = url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    if url.scheme() == "https" || (url.scheme() == "http" && loopback) {
        Ok(())
    } else {
        Err("it is reached neither by https nor on loopback".to_owned())
    }
}

/// The keys of providers, fetched where their discovery documents say.
#[derive(Debug, Default)]
pub struct ProviderKeys;

#[async_trait]
impl KeySource for ProviderKeys {
    async fn keys(&self, at: &KeysAt) -> Result<Vec<u8>, Unanswered> {
        // Made anew each time, as authorities are replaced while in use; keys are fetched every few minutes.
        let web = Web::new(at.ca.as_deref())?;
        safe(&at.issuer).map_err(|why| Unanswered { message: format!("`{}`: {why}", at.issuer) })?;
        Provider::discover(&web, &at.issuer).await?.keys(&web).await
    }
}
