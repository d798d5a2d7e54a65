//! What `tenantry login` keeps for each server: a file that only its owner can read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use url::Url;

use crate::oidc::{Client, Tokens};
use crate::time;

/// A token that ends so soon is made new before it is used.
const SOON: Span = Span::from_secs(60);

/// A bearer token. Prints nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// The text, for who sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// A login to one server.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// The provider.
    pub(crate) issuer: String,
    /// As which of its clients.
    pub(crate) client_id: String,
    /// PEM file of the authorities that its certificate may be of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// Who logged in, as the provider names them.
    pub(crate) subject: String,
    /// What is sent to the server.
    id_token: String,
    /// When that ends.
    pub(crate) expires_at: Timestamp,
    /// What a new one is had by, where the provider gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

impl Session {
    /// Of what a provider gave. A refresh token stays where no new one came.
    pub(crate) fn new(client: &Client, ca: Option<PathBuf>, tokens: Tokens, before: Option<String>) -> Self {
        let Tokens { id_token, subject, expires_at, refresh_token } = tokens;
        Self {
            issuer: client.issuer().to_owned(),
            client_id: client.id().to_owned(),
            ca,
            subject,
            id_token,
            expires_at,
            refresh_token: refresh_token.or(before),
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    servers: BTreeMap<String, Session>,
}

/// The token for a server; none where nobody has logged in to it. One that ends is made new.
///
/// # Errors
/// A file that cannot be used, and a provider that makes no new token.
pub(crate) async fn token_for(server: &str) -> anyhow::Result<Option<Token>> {
    let server = named(server)?;
    let Some(session) = read(&path()?)?.servers.remove(&server) else { return Ok(None) };
    if time::now() + SOON < session.expires_at {
        return Ok(Some(Token(session.id_token)));
    }
    // Of two programs one makes it new, as a refresh token may be good for one use; the other finds it made.
    let _lock = lock()?;
    let mut kept = read(&path()?)?;
    let Some(session) = kept.servers.remove(&server) else { return Ok(None) };
    if time::now() + SOON < session.expires_at {
        return Ok(Some(Token(session.id_token)));
    }
    let again = || format!("the login to {server} has ended; log in again with `tenantry login --server {server}`");
    let Some(refresh) = session.refresh_token.clone() else { bail!(again()) };
    let client = Client::reach(&session.issuer, &session.client_id, session.ca.as_deref()).await?;
    let tokens = client.refresh(&refresh, &session.subject).await.with_context(again)?;
    let fresh = Session::new(&client, session.ca, tokens, Some(refresh));
    let token = Token(fresh.id_token.clone());
    kept.servers.insert(server, fresh);
    write(&path()?, &kept)?;
    Ok(Some(token))
}

/// Keeps a login to a server in place of one before.
///
/// # Errors
/// A file that cannot be used.
pub(crate) fn keep(server: &str, session: Session) -> anyhow::Result<PathBuf> {
    let _lock = lock()?;
    let path = path()?;
    let mut kept = read(&path)?;
    kept.servers.insert(named(server)?, session);
    write(&path, &kept)?;
    Ok(path)
}

/// Forgets the login to a server; whether there was one.
///
/// # Errors
/// A file that cannot be used.
pub(crate) fn forget(server: &str) -> anyhow::Result<bool> {
    let _lock = lock()?;
    let path = path()?;
    let mut kept = read(&path)?;
    let had = kept.servers.remove(&named(server)?).is_some();
    if had {
        write(&path, &kept)?;
    }
    Ok(had)
}

/// A server as it is remembered: the same for each way to write its address.
///
/// # Errors
/// What is no address, and one with a user or password, which is shown in errors and kept in the clear.
pub(crate) fn named(server: &str) -> anyhow::Result<String> {
    let url = Url::parse(server).context("what names the server is no address: write it as `https://HOST:PORT`")?;
    if !url.username().is_empty() || url.password().is_some() {
        let host = url.host_str().unwrap_or_default();
        bail!(
            "the address of {host} has a user or password: log in with `tenantry login`, or give a token as TENANTRY_TOKEN"
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn folder() -> anyhow::Result<PathBuf> {
    let own = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = own("XDG_CONFIG_HOME").or_else(|| own("HOME").map(|home| home.join(".config")));
    Ok(config.context("neither XDG_CONFIG_HOME nor HOME says where a login could be kept")?.join("tenantry"))
}

fn path() -> anyhow::Result<PathBuf> {
    Ok(folder()?.join("credentials.json"))
}

/// Held until it is dropped.
fn lock() -> anyhow::Result<File> {
    let folder = folder()?;
    let could_not = || format!("could not make {}", folder.display());
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).with_context(could_not)?;
    let file = own_file(&folder.join("credentials.lock"))?;
    file.lock().with_context(could_not)?;
    Ok(file)
}

fn own_file(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).with_context(|| format!("could not write {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Kept> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        read => read.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
            let path = path.display();
            bail!("{path} holds tokens, and others than its owner may read it; `chmod 600 {path}`");
        }
    }
    // What is wrong is told without the text, which holds tokens.
    let place = |error: serde_json::Error| anyhow::anyhow!("line {}, column {}", error.line(), error.column());
    serde_json::from_str(&text)
        .map_err(place)
        .with_context(|| format!("{} is not as it was written; remove it and log in again", path.display()))
}

/// Whole or not at all.
fn write(path: &Path, kept: &Kept) -> anyhow::Result<()> {
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let text = serde_json::to_string_pretty(kept).context("a login cannot be written as JSON")?;
    let could_not = || format!("could not write {}", path.display());
    let mut file = own_file(&new)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(could_not)?;
    std::fs::rename(&new, path).with_context(could_not)
}
