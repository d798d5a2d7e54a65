//! Reaching a cluster.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use thiserror::Error;

/// How to reach a cluster.
#[derive(Debug, Clone)]
pub struct Options {
    /// The kubeconfig; without it `KUBECONFIG`, `~/.kube/config`, or the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; without it the current one.
    pub context: Option<String>,
    /// Only this namespace; without it all of them.
    pub namespace: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { kubeconfig: None, context: None, namespace: None, timeout: Duration::from_secs(10) }
    }
}

/// Why a cluster cannot be used.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The configuration says nothing usable.
    #[error("no usable Kubernetes configuration: {message}; name a kubeconfig with --kubeconfig, or run in a pod")]
    Configuration {
        /// What was wrong.
        message: String,
    },
    /// The API server did not answer.
    #[error("the Kubernetes API server at {url} did not answer: {message}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the client said.
        message: String,
    },
}

impl ConnectError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Configuration { .. } => "T301",
            Self::Unreachable { .. } => "T302",
        }
    }
}

/// A client that works.
#[derive(Clone)]
pub struct Connection {
    pub(crate) client: Client,
    pub(crate) namespace: Option<String>,
    pub(crate) timeout: Duration,
    /// Where the API server is.
    pub url: String,
    /// Its version, such as `v1.36.3`.
    pub version: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("url", &self.url).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Connection {
    /// Reads the configuration and asks the server for its version.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn open(options: &Options) -> Result<Self, ConnectError> {
        let config = configuration(options).await?;
        let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client =
            Client::try_from(config).map_err(|error| ConnectError::Configuration { message: error.to_string() })?;
        let unreachable = |message: String| ConnectError::Unreachable { url: url.clone(), message };
        let asked = tokio::time::timeout(options.timeout, client.apiserver_version()).await;
        let version = asked
            .map_err(|_| unreachable(format!("nothing came within {} s", options.timeout.as_secs())))?
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Self {
            client,
            namespace: options.namespace.clone(),
            timeout: options.timeout,
            url: url.clone(),
            version: version.git_version,
        })
    }
}

pub(crate) async fn configuration(options: &Options) -> Result<Config, ConnectError> {
    let refuse = |message: String| ConnectError::Configuration { message };
    let picked = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let mut config = match &options.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|error| refuse(error.to_string()))?;
            Config::from_custom_kubeconfig(file, &picked).await.map_err(|error| refuse(error.to_string()))?
        }
        None if options.context.is_some() => {
            Config::from_kubeconfig(&picked).await.map_err(|error| refuse(error.to_string()))?
        }
        None => Config::infer().await.map_err(|error| refuse(error.to_string()))?,
    };
    // The engine decides when to try again; a client that does so by itself would hide it.
    config.default_retry = false;
    Ok(config)
}
