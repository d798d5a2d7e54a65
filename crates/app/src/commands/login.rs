//! `tenantry login`, `logout` and `whoami`: people and the tokens that their provider gives them.

mod callback;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::cli::Common;
use crate::credentials::{self, Session};
use crate::oidc::{Client, NoLogin};
use crate::server::{With, read};
use crate::{output, terminal};

/// How long a person may take at the provider.
const PATIENCE: Duration = Duration::from_secs(300);

/// Log in at an OpenID provider
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tenantry login --issuer https://dex.example.org --client-id tenantry
  tenantry login --server https://tenantry.example.org:7400 --issuer https://login.example.org --client-id tenantry
  tenantry login --issuer https://dex.example.org --client-id tenantry --no-browser     prints where to log in

The client at the provider is a public one, with PKCE, that allows http://localhost:PORT/callback as its redirect. What the
provider gives is kept in $XDG_CONFIG_HOME/tenantry/credentials.json, for each server by itself.")]
pub(crate) struct Login {
    /// The provider, as it names itself
    #[arg(long, env = "TENANTRY_ISSUER", value_name = "URL")]
    issuer: String,
    /// The name of the client at the provider
    #[arg(long, env = "TENANTRY_CLIENT_ID", value_name = "ID")]
    client_id: String,
    /// PEM file of the authorities that the provider's certificate may be of [default: those that the system trusts]
    #[arg(long, value_name = "FILE")]
    issuer_ca: Option<PathBuf>,
    /// Port of the redirect, for providers that allow one only [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Open no browser, and only print where to log in
    #[arg(long)]
    no_browser: bool,
}

/// Forget a login
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tenantry logout
  tenantry logout --server https://tenantry.example.org:7400

What the provider gave is forgotten here. What was given stays good until it ends, as the provider said when.")]
pub(crate) struct Logout;

/// Say who you are to a server, and as what
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tenantry whoami
  tenantry whoami --server https://tenantry.example.org:7400 -o json
  TENANTRY_TOKEN=tnt_... tenantry whoami")]
pub(crate) struct Whoami {
    /// A token, instead of a login
    #[arg(long, env = "TENANTRY_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Serialize)]
struct LoggedIn {
    server: String,
    issuer: String,
    subject: String,
    expires_at: String,
    kept_in: PathBuf,
}

/// As the server says it.
#[derive(Debug, Serialize, Deserialize)]
struct Who {
    principal: String,
    method: String,
    tenant: Option<String>,
    token: Option<String>,
    until: Option<String>,
    roles: Vec<Held>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Held {
    role: String,
    tenant: Option<String>,
}

pub(crate) async fn login(common: &Common, asked: Login) -> anyhow::Result<ExitCode> {
    let server = common.server.named()?;
    let client = Client::reach(&asked.issuer, &asked.client_id, asked.issuer_ca.as_deref()).await?;
    let place = callback::Place::take(asked.port).await?;
    let (url, begun) = client.begin(&place.redirect())?;
    terminal::note(&format!("log in here, within five minutes:\n  {url}"));
    if !asked.no_browser
        && let Err(error) = webbrowser::open(url.as_str())
    {
        terminal::note(&format!("no browser could be opened ({error}); open the address yourself"));
    }
    let issuer = client.issuer().to_owned();
    let brought = tokio::time::timeout(PATIENCE, place.wait(|query| begun.code(query, &issuer))).await;
    let code = brought.map_err(|_| NoLogin::because("nobody logged in within five minutes"))??;
    let tokens = client.finish(code, begun).await?;
    let session = Session::new(&client, asked.issuer_ca, tokens, None);
    let (subject, expires_at) = (session.subject.clone(), session.expires_at);
    let kept_in = credentials::keep(&server, session)?;
    let said = LoggedIn { server, issuer, subject, expires_at: expires_at.to_string(), kept_in };
    output::say(common.output, &said, |said| {
        format!(
            "logged in to {} as {} of {}; kept in {}",
            said.server,
            said.subject,
            said.issuer,
            said.kept_in.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn logout(common: &Common) -> anyhow::Result<ExitCode> {
    let server = common.server.named()?;
    if credentials::forget(&server)? {
        terminal::say(&format!("logged out of {server}"));
    } else {
        terminal::say(&format!("nobody was logged in to {server}"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn whoami(common: &Common, asked: Whoami) -> anyhow::Result<ExitCode> {
    let server = common.server.reach(asked.token).await?;
    let who: Who = read(server.get("/v1/whoami", With::default()).await?)?;
    output::say(common.output, &who, shown)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(who: &Who) -> String {
    let until = who.until.as_ref().map_or_else(String::new, |until| format!(", until {until}"));
    let head = format!("{} (by {}{until})", who.principal, who.method);
    if who.roles.is_empty() {
        return format!("{head}\nwithout any role: ask an administrator for one");
    }
    let row = |held: &Held| vec![held.role.clone(), held.tenant.clone().unwrap_or_else(|| "(the platform)".to_owned())];
    format!("{head}\n{}", output::table(&["ROLE", "TENANT"], who.roles.iter().map(row)))
}
