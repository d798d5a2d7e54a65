//! A running server, asked over its API in place of a store.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tenantry_adapters::identity::{Web, safe};
use tenantry_domain::time::Timestamp;

use crate::credentials;
use crate::private::Private;

/// Where the API is unless told, for what is only asked of a server.
const SERVER: &str = "http://127.0.0.1:7400";
/// How long one answer may take: a server gives a request up before that.
const PATIENCE: Duration = Duration::from_secs(90);
/// Longest answer.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Items of a page.
const PAGE: usize = 500;

/// Which server, and who asks.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ServerOptions {
    /// A running server to ask over its API, instead of a store; as whom, `tenantry login` or TENANTRY_TOKEN says
    #[arg(long, global = true, env = "TENANTRY_SERVER", hide_env_values = true, value_name = "URL")]
    pub(crate) server: Option<Private>,
    /// PEM file of the authorities that the server's certificate may be of [default: those that the system trusts]
    #[arg(long, global = true, env = "TENANTRY_SERVER_CA", value_name = "FILE")]
    pub(crate) server_ca: Option<PathBuf>,
}

impl ServerOptions {
    /// The server's address as it is remembered; the usual one unless told.
    ///
    /// # Errors
    /// What is no address, and one to which a token would go in the clear.
    pub(crate) fn named(&self) -> anyhow::Result<String> {
        let server = credentials::named(self.server.as_deref().unwrap_or(SERVER))?;
        safe(&server).map_err(|why| anyhow::anyhow!("a token is not sent to `{server}`: {why}"))?;
        Ok(server)
    }

    /// The server, and as whom it is asked: by a token that is given, of the environment, or of a login.
    ///
    /// # Errors
    /// As [`named`](Self::named); nobody who asks, and authorities that cannot be used.
    pub(crate) async fn reach(&self, token: Option<String>) -> anyhow::Result<Server> {
        let base = self.named()?;
        let of_environment = || std::env::var("TENANTRY_TOKEN").ok().filter(|token| !token.is_empty());
        let token = match token.or_else(of_environment) {
            Some(token) => token,
            None => match credentials::token_for(&base).await? {
                Some(token) => token.reveal().to_owned(),
                None => bail!(
                    "nobody is logged in to {base}: `tenantry login --server {base} --issuer URL --client-id ID`, or give \
                     a token as TENANTRY_TOKEN"
                ),
            },
        };
        let web = Web::within(self.server_ca.as_deref(), PATIENCE, BYTES_MAX)?;
        Ok(Server { base, token, web })
    }
}

/// A server, and as whom it is asked.
pub(crate) struct Server {
    base: String,
    token: String,
    web: Web,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What a server says is wrong: a problem document of RFC 9457.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    title: String,
    status: u16,
    detail: String,
    code: String,
    request_id: String,
    /// What is wrong with documents, each with its place.
    pub(crate) problems: Vec<Wrong>,
}

/// What is wrong with a document, as a server says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wrong {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) field: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", if self.detail.is_empty() { &self.title } else { &self.detail })?;
        for Wrong { file, field, message, .. } in &self.problems {
            let place = if field.is_empty() { file.clone() } else { format!("{file}, {field}") };
            write!(f, "\n  {place}: {message}")?;
        }
        if self.status >= 500 {
            write!(f, "\n  the server's log has it under request {}", self.request_id)?;
        }
        Ok(())
    }
}

impl Refused {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    pub(crate) fn code(&self) -> Option<&str> {
        Some(self.code.as_str()).filter(|code| !code.is_empty())
    }
}

/// What goes with a request.
#[derive(Debug, Default)]
pub(crate) struct With {
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl With {
    /// A parameter, where there is something to say.
    pub(crate) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// A parameter that is said or left out.
    pub(crate) fn flag(self, name: &'static str, is_so: bool) -> Self {
        self.query(name, is_so.then_some(true))
    }

    pub(crate) fn header(mut self, name: &'static str, value: Option<String>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }

    pub(crate) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

impl Server {
    /// Asks for something.
    ///
    /// # Errors
    /// [`Refused`], a server that does not answer, and an answer that is none of Tenantry's.
    pub(crate) async fn get(&self, path: &str, with: With) -> anyhow::Result<Value> {
        self.ask("GET", path, with).await
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn ask(&self, method: &str, path: &str, with: With) -> anyhow::Result<Value> {
        let With { query, headers, body } = with;
        let mut address = url::Url::parse(&format!("{}{path}", self.base)).context("the path is no address")?;
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        let mut headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        let body = body.map(|body| body.to_string().into_bytes());
        if body.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let (status, answer) = self.web.ask(method, address.as_str(), &headers, body).await?;
        let not_ours = || format!("{} answered {status}, and not as a Tenantry does", self.base);
        if (200..300).contains(&status) {
            return if answer.is_empty() {
                Ok(Value::Null)
            } else {
                serde_json::from_slice(&answer).with_context(not_ours)
            };
        }
        let refused: Refused = serde_json::from_slice(&answer).with_context(not_ours)?;
        Err(refused.into())
    }

    /// All items of a list, or the first `most` of them, page after page.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn list(
        &self,
        path: &str,
        query: &[(&'static str, Option<String>)],
        most: Option<usize>,
    ) -> anyhow::Result<Vec<Value>> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Value>,
            next: Option<String>,
        }
        let (mut all, mut next): (Vec<Value>, Option<String>) = (Vec::new(), None);
        loop {
            let rest = most.map_or(PAGE, |most| most.saturating_sub(all.len()).min(PAGE));
            let with = query.iter().fold(With::default(), |with, (name, value)| with.query(name, value.as_ref()));
            let page: Page = read(self.get(path, with.query("limit", Some(rest)).query("cursor", next)).await?)?;
            all.extend(page.items);
            next = page.next;
            if next.is_none() || most.is_some_and(|most| all.len() >= most) {
                return Ok(all);
            }
        }
    }
}

/// An instant as the API writes it.
///
/// # Errors
/// A text that is no instant of RFC 3339.
pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let at = jiff::Timestamp::deserialize(deserializer)?;
    Ok(Timestamp::from_millis(at.as_millisecond()))
}

/// The same where there may be none.
///
/// # Errors
/// As [`instant`].
pub(crate) fn maybe_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let at = Option::<jiff::Timestamp>::deserialize(deserializer)?;
    Ok(at.map(|at| Timestamp::from_millis(at.as_millisecond())))
}

/// The same in the form in which instants are told here.
///
/// # Errors
/// As [`instant`].
pub(crate) fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    instant(deserializer).map(|at| at.to_string())
}

/// The same where there may be none.
///
/// # Errors
/// As [`instant`].
pub(crate) fn maybe_told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    maybe_instant(deserializer).map(|at| at.map(|at| at.to_string()))
}

/// An answer as it is looked at here.
///
/// # Errors
/// An answer of another form: of a server that is much older or newer.
pub(crate) fn read<T: DeserializeOwned>(answer: Value) -> anyhow::Result<T> {
    serde_json::from_value(answer).context("the server answers in another form; is it of another version?")
}
