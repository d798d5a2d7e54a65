//! Anything that speaks Prometheus' query API: Prometheus, Thanos, Mimir, VictoriaMetrics.
//!
//! An instant answer's time is that of the question, not of the measurement: how old a value may be that stands for the
//! present is set by [`Settings::age_max`]. Redirects are not followed, so that credentials stay where they were meant for.

mod age;
mod answer;
mod ask;
mod backoff;
mod credentials;
mod tls;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::metrics::{Answer, MetricsSource, Series, SourceError};
use thiserror::Error;

pub use credentials::{Auth, Hidden, Secret};

use super::merge;

/// Most values of one series asked for at once; Prometheus refuses more than 11,000.
const POINTS_MAX: u64 = 10_000;
/// Most questions that one range is cut into.
const CHUNKS_MAX: u64 = 100;

/// A client certificate and its key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, with its chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Which server, how to reach it, and how much of it to bear.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in messages.
    pub name: String,
    /// Where the API begins, without `/api/v1`: `http://prometheus:9090`, `https://mimir.example/prometheus`.
    pub url: String,
    /// How Tenantry says who it is.
    pub auth: Auth,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// What to show a server that asks for a client certificate.
    pub client: Option<ClientCertificate>,
    /// Headers sent along, such as `X-Scope-OrgID`. Their values are treated as secrets.
    pub headers: Vec<(String, Hidden)>,
    /// How long one attempt may take.
    pub timeout: Span,
    /// How long a question may take with all its repetitions and waits.
    pub deadline: Span,
    /// How often to ask again after a failure that may pass.
    pub retries: u32,
    /// The longest first wait before asking again; it doubles each time.
    pub backoff: Span,
    /// Most series of one answer.
    pub max_series: usize,
    /// Most bytes of one answer.
    pub max_bytes: usize,
    /// How old a value may be that stands for the present: an instant query's selectors have no value once their last
    /// sample is older, also within longer ranges. `None` leaves queries as written, and the age to the server.
    pub age_max: Option<Span>,
    /// Seed of the jitter; chosen by chance when `None`.
    pub seed: Option<u64>,
}

impl Settings {
    /// The common settings for the server at `url`.
    #[must_use]
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            auth: Auth::None,
            ca: None,
            client: None,
            headers: Vec::new(),
            timeout: Span::from_secs(5),
            deadline: Span::from_secs(15),
            retries: 2,
            backoff: Span::from_millis(200),
            max_series: 100_000,
            max_bytes: 64 * 1024 * 1024,
            age_max: Some(Span::from_secs(120)),
            seed: None,
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The address is none, or holds what does not belong there.
    #[error("the address of metrics source `{source_name}` cannot be used: {why}")]
    Url {
        /// Which source.
        source_name: String,
        /// What is wrong; never the address itself, which may hold a password.
        why: String,
    },
    /// A header is none.
    #[error("`{name}` cannot be sent as a header: its name or value has characters that are not allowed")]
    Header {
        /// Its name.
        name: String,
    },
    /// A certificate or key cannot be read.
    #[error("`{}` cannot be used for TLS: {why}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Certificates do not fit together.
    #[error("TLS cannot be set up")]
    Tls {
        /// What the TLS library said.
        #[source]
        source: rustls::Error,
    },
    /// The client cannot be made.
    #[error("the HTTP client cannot be set up")]
    Client {
        /// What the HTTP library said.
        #[source]
        source: reqwest::Error,
    },
}

impl SettingsError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "T405"
    }
}

/// One server of the query API.
#[derive(Debug)]
pub struct Prometheus {
    settings: Settings,
    base: Url,
    client: reqwest::Client,
    chance: Mutex<fastrand::Rng>,
}

impl Prometheus {
    /// Prepares questions to a server; nothing is sent yet. Certificates are read now, tokens with each question.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let base = base(&settings)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&settings, base.scheme() == "https")?)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(&settings.headers)?)
            .pool_idle_timeout(Duration::from_secs(60))
            .build()
            .map_err(|source| SettingsError::Client { source: source.without_url() })?;
        let seed = settings.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let chance = Mutex::new(fastrand::Rng::with_seed(seed));
        Ok(Self { settings, base, client, chance })
    }

    fn url(&self, endpoint: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{endpoint}", self.base.path().trim_end_matches('/')));
        url
    }

    fn garbled(&self, message: String) -> SourceError {
        SourceError::Garbled { source_name: self.settings.name.clone(), message }
    }

    fn limits(&self, form: &mut Vec<(&'static str, String)>) {
        form.push(("timeout", seconds(self.settings.timeout.as_millis_i64())));
    }

    async fn chunk(
        &self,
        query: &str,
        from: Timestamp,
        until: Timestamp,
        step: Span,
    ) -> Result<Vec<Series>, SourceError> {
        let mut form = vec![
            ("query", query.to_owned()),
            ("start", seconds(from.as_millis())),
            ("end", seconds(until.as_millis())),
            ("step", seconds(step.as_millis_i64())),
        ];
        self.limits(&mut form);
        let body = self.ask(self.url("query_range"), &form).await?;
        for warning in &body.warnings {
            tracing::warn!(source = self.settings.name, warning, "metrics source warned about a range");
        }
        body.into_series().map_err(|message| self.garbled(message))
    }
}

#[async_trait]
impl MetricsSource for Prometheus {
    fn name(&self) -> &str {
        &self.settings.name
    }

    async fn instant(&self, query: &str, at: Timestamp) -> Result<Answer, SourceError> {
        let query = match self.settings.age_max {
            Some(age_max) => age::bounded(query, age_max.as_duration()),
            None => query.to_owned(),
        };
        let mut form = vec![("query", query), ("time", seconds(at.as_millis()))];
        self.limits(&mut form);
        let body = self.ask(self.url("query"), &form).await?;
        let mut answer = body.into_answer().map_err(|message| self.garbled(message))?;
        let repeated = merge::newest(&mut answer.samples);
        if repeated > 0 {
            tracing::warn!(source = self.settings.name, repeated, "metrics source gave series more than once");
        }
        Ok(answer)
    }

    async fn range(
        &self,
        query: &str,
        from: Timestamp,
        until: Timestamp,
        step: Span,
    ) -> Result<Vec<Series>, SourceError> {
        let step = Span::from_millis(step.as_millis().max(1));
        let points = until.since(from).as_millis() / step.as_millis();
        if points / POINTS_MAX >= CHUNKS_MAX {
            let most = POINTS_MAX * CHUNKS_MAX;
            return Err(self.garbled(format!("{points} values of each series were asked for, more than {most}")));
        }
        let length = Span::from_millis(step.as_millis().saturating_mul(POINTS_MAX - 1));
        let mut all = Vec::new();
        let mut start = from;
        while start <= until {
            let end = until.min(start + length);
            all.extend(self.chunk(query, start, end, step).await?);
            start = start + length + step;
        }
        let (series, dropped) = merge::series(all);
        if dropped > 0 {
            tracing::warn!(source = self.settings.name, dropped, "metrics source gave values more than once");
        }
        if series.len() > self.settings.max_series {
            return Err(self.garbled(format!("more than {} series: a label explosion?", self.settings.max_series)));
        }
        Ok(series)
    }
}

/// Milliseconds as seconds, exactly.
fn seconds(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}", millis / 1000, millis % 1000)
}

fn base(settings: &Settings) -> Result<Url, SettingsError> {
    let wrong = |why: &str| SettingsError::Url { source_name: settings.name.clone(), why: why.to_owned() };
    let url = Url::parse(&settings.url).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with `http://` or `https://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a user or password belongs into `auth`, not into the address"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it must end with its path: no `?` and no `#`"));
    }
    Ok(url)
}

fn headers(pairs: &[(String, Hidden)]) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let wrong = || SettingsError::Header { name: name.clone() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}
