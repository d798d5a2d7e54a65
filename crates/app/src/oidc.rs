//! Logging in at an OpenID provider: authorization code with PKCE, as RFC 8252 has it for programs on people's machines.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields,
    HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};
use tenantry_adapters::identity::{Provider, Web, safe};
use tenantry_domain::time::Timestamp;
use tenantry_engine::access::identity::{Issuer, KeySet, Proof, Unproven, person};
use tenantry_engine::ports::identity::Unanswered;
use thiserror::Error;
use url::Url;

use crate::time;

/// What is asked to be told of people, where the provider can.
const SCOPES: [&str; 5] = ["openid", "email", "profile", "groups", "offline_access"];

/// A login that did not come about.
#[derive(Debug, Error)]
#[error("{what}")]
pub(crate) struct NoLogin {
    what: String,
}

impl NoLogin {
    pub(crate) fn because(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// The code under which `docs/errors` says what happened, why, and what to do.
    pub(crate) const fn code(&self) -> &'static str {
        "T722"
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Extra {
    id_token: Option<String>,
}

impl ExtraTokenFields for Extra {}

type Response = StandardTokenResponse<Extra, BasicTokenType>;

type OAuth = oauth2::Client<
    BasicErrorResponse,
    Response,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// This program as a client of a provider.
pub(crate) struct Client {
    id: String,
    web: Web,
    provider: Provider,
    oauth: OAuth,
}

/// What a provider gave, proven to be its own and for this client.
pub(crate) struct Tokens {
    pub(crate) id_token: String,
    pub(crate) subject: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) refresh_token: Option<String>,
}

/// A login that has begun: what its answer must fit.
pub(crate) struct Begun {
    verifier: PkceCodeVerifier,
    state: CsrfToken,
    nonce: CsrfToken,
    redirect: RedirectUrl,
}

impl Client {
    /// Asks the provider what it is.
    ///
    /// # Errors
    /// [`NoLogin`] for one that does not answer, or cannot do what is needed.
    pub(crate) async fn reach(issuer: &str, id: &str, ca: Option<&Path>) -> anyhow::Result<Self> {
        safe(issuer).map_err(|why| NoLogin::because(format!("the issuer `{issuer}`: {why}")))?;
        let web = Web::new(ca).map_err(|error| NoLogin::because(error.message))?;
        let provider = Provider::discover(&web, issuer).await.map_err(|error| NoLogin::because(error.message))?;
        let (Some(authorization), Some(token)) = (&provider.authorization_endpoint, &provider.token_endpoint) else {
            bail!(NoLogin::because(format!("`{issuer}` has no place to log in")));
        };
        let oauth = oauth2::Client::new(ClientId::new(id.to_owned()))
            .set_auth_uri(AuthUrl::new(authorization.clone())?)
            .set_token_uri(TokenUrl::new(token.clone())?)
            // A public client has no secret: its name goes into the body.
            .set_auth_type(AuthType::RequestBody);
        Ok(Self { id: id.to_owned(), web, provider, oauth })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where a person is sent, and what the answer must fit.
    ///
    /// # Errors
    /// An address that is none.
    pub(crate) fn begin(&self, redirect: &str) -> anyhow::Result<(Url, Begun)> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (nonce, redirect) = (CsrfToken::new_random(), RedirectUrl::new(redirect.to_owned())?);
        let offered = |scope: &&str| match &self.provider.scopes_supported {
            Some(offered) => *scope == "openid" || offered.iter().any(|one| one == scope),
            None => *scope != "groups",
        };
        let scopes = SCOPES.iter().filter(|scope| offered(scope)).map(|scope| Scope::new((*scope).to_owned()));
        let (url, state) = self
            .oauth
            .authorize_url(CsrfToken::new_random)
            .add_scopes(scopes)
            .add_extra_param("nonce", nonce.secret())
            .set_pkce_challenge(challenge)
            .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
            .url();
        Ok((url, Begun { verifier, state, nonce, redirect }))
    }

    /// Makes tokens of a code.
    ///
    /// # Errors
    /// [`NoLogin`].
    pub(crate) async fn finish(&self, code: String, begun: Begun) -> anyhow::Result<Tokens> {
        let Begun { verifier, state: _, nonce, redirect } = begun;
        let asked = self
            .oauth
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(verifier)
            .set_redirect_uri(std::borrow::Cow::Owned(redirect));
        let response = asked.request_async(&|request| self.send(request)).await.map_err(|error| refused(&error))?;
        self.proven(&response, Some(nonce.secret()), None).await
    }

    /// Makes new tokens, for whom the old ones were.
    ///
    /// # Errors
    /// [`NoLogin`].
    pub(crate) async fn refresh(&self, token: &str, subject: &str) -> anyhow::Result<Tokens> {
        let token = RefreshToken::new(token.to_owned());
        let asked = self.oauth.exchange_refresh_token(&token);
        let response = asked.request_async(&|request| self.send(request)).await.map_err(|error| refused(&error))?;
        self.proven(&response, None, Some(subject)).await
    }

    async fn proven(
        &self,
        response: &Response,
        nonce: Option<&String>,
        subject: Option<&str>,
    ) -> anyhow::Result<Tokens> {
        let no = |why: String| anyhow!(NoLogin::because(format!("`{}` {why}", self.provider.issuer)));
        let id_token = response.extra_fields().id_token.clone();
        let id_token = id_token.ok_or_else(|| no("gave no identity token".to_owned()))?;
        let keys = self.provider.keys(&self.web).await.map_err(|error| no(error.message))?;
        let keys = KeySet::read(&keys).map_err(no)?;
        let issuer = Issuer::of_client(&self.provider.issuer, &self.id);
        let unproven = Unproven::read(&id_token).ok_or_else(|| no("gave an identity token that is none".to_owned()))?;
        let claims = match unproven.prove(&keys, &issuer.algorithms) {
            Proof::Proven(claims) => claims,
            Proof::UnknownKey => return Err(no("signed with a key that it does not name".to_owned())),
            Proof::Refused(why) => return Err(no(format!("gave a token that is not good: {why}"))),
        };
        let known =
            person(&issuer, claims, time::now()).map_err(|why| no(format!("gave a token that is not good: {why}")))?;
        let claim = |name: &str| known.claims.get(name).and_then(serde_json::Value::as_str);
        if nonce.is_some_and(|nonce| claim("nonce") != Some(nonce.as_str())) {
            return Err(no("gave a token of another login".to_owned()));
        }
        if claim("azp").is_some_and(|client| client != self.id) {
            return Err(no("gave a token of another client".to_owned()));
        }
        if subject.is_some_and(|subject| subject != known.name) {
            return Err(no("gave a token of somebody else".to_owned()));
        }
        let expires_at = known.until.context("a token without an end")?;
        let refresh_token = response.refresh_token().map(|token| token.secret().clone());
        Ok(Tokens { id_token, subject: known.name, expires_at, refresh_token })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let (parts, body) = request.into_parts();
        let text = |value: &oauth2::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let (status, body) = self.web.post(&parts.uri.to_string(), &headers, body).await?;
        let answer =
            oauth2::http::Response::builder().status(status).header("content-type", "application/json").body(body);
        answer.map_err(|error| Unanswered { message: error.to_string() })
    }
}

impl Begun {
    /// The code in what the browser brought; none where it is not the answer to this login.
    ///
    /// # Errors
    /// [`NoLogin`] where the provider says that nobody logged in.
    pub(crate) fn code(&self, query: &str, issuer: &str) -> anyhow::Result<Option<String>> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        // Whoever does not know the state was not sent by us, and is not heard.
        if value("state") != Some(self.state.secret()) || value("iss").is_some_and(|named| named != issuer) {
            return Ok(None);
        }
        if let Some(error) = value("error") {
            let more = value("error_description").unwrap_or_default();
            let said: String = format!("{error} {more}").chars().filter(|c| !c.is_control()).take(300).collect();
            bail!(NoLogin::because(format!("`{issuer}` let nobody in: {}", said.trim())));
        }
        Ok(value("code").map(str::to_owned))
    }
}

fn refused<E: std::error::Error + 'static>(error: &RequestTokenError<E, BasicErrorResponse>) -> anyhow::Error {
    let what = match error {
        RequestTokenError::ServerResponse(said) => format!("the provider gave no token: {said}"),
        RequestTokenError::Request(error) => error.to_string(),
        // What came may hold tokens.
        RequestTokenError::Parse(..) => "the provider's answer cannot be read".to_owned(),
        RequestTokenError::Other(said) => format!("the provider gave no token: {said}"),
    };
    NoLogin::because(what).into()
}
