//! `tenantry token`: API tokens are made, listed and ended.

use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use serde::Serialize;
use tenantry_domain::config::DocumentKey;
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Span, SpanError};
use tenantry_engine::access::{Asked, Binding, LIVES_USUALLY, Presented, RoleName, Tokens, TokensError};
use tenantry_engine::ports::store::{Authorship, ConfigStore as _, KeyId, TokenRecord, TokenStore as _};
use tenantry_engine::scope::Scope;

use crate::author::author;
use crate::cli::Common;
use crate::{output, place, time};

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token; it is shown this once
    #[command(after_help = "Examples:
  tenantry token create --role tenant-editor --tenant acme --name ci
  tenantry token create --role operator --name on-call --expires 12h
  tenantry token create --role tenant-viewer@acme --role tenant-viewer@bolt --name reports
  export TENANTRY_TOKEN=$(tenantry token create --role auditor --name audit -o json | jq -r .token)

Roles on the platform: platform-admin, operator, auditor. Roles in a tenant: tenant-admin, tenant-editor, tenant-viewer,
and those that are declared (`tenantry role list`).
`tenantry can-i` says what they may.")]
    Create(Create),
    /// List tokens, newest first, without what is secret of them
    #[command(after_help = "Examples:
  tenantry token list
  tenantry token list --tenant acme --all
  tenantry token list -o json | jq '.[] | select(.last_used_at == null)'")]
    List(List),
    /// End a token, from the next request on
    #[command(after_help = "Examples:
  tenantry token revoke 4k2m9x0qzt7b
  tenantry token revoke 4k2m9x0qzt7b --dry-run

Tokens that it made through the API end with it, unless --keep-made says otherwise.")]
    Revoke(Revoke),
}

/// How long a token lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expires(Option<Span>);

impl fmt::Display for Expires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(span) => span.fmt(f),
            None => f.write_str("never"),
        }
    }
}

impl FromStr for Expires {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        if text == "never" { Ok(Self(None)) } else { Span::from_str(text).map(|span| Self(Some(span))) }
    }
}

/// A token's id; who has the whole token need not look for it in there.
pub(super) fn id(text: &str) -> Result<KeyId, String> {
    match Presented::read(text) {
        Some(token) => Ok(token.id().clone()),
        None => KeyId::new(text)
            .map_err(|_| "it is no id of a token; `tenantry token list` lists those that are".to_owned()),
    }
}

/// A role, and the tenant in which it is held where that is said.
#[derive(Debug, Clone)]
pub(crate) struct RoleIn {
    role: RoleName,
    tenant: Option<TenantId>,
}

impl FromStr for RoleIn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, tenant) = text.split_once('@').map_or((text, None), |(role, tenant)| (role, Some(tenant)));
        let role = role.parse().map_err(|error: tenantry_engine::access::RoleNameError| error.to_string())?;
        let tenant = tenant.map(TenantId::new).transpose().map_err(|error| error.to_string())?;
        Ok(Self { role, tenant })
    }
}

impl RoleIn {
    /// As it is held; where it does not say in which tenant, in the one given.
    pub(super) fn bound(&self, otherwise: Option<&TenantId>) -> anyhow::Result<Binding> {
        let tenant = self.tenant.as_ref().or_else(|| otherwise.filter(|_| self.role.is_of_tenant()));
        Ok(Binding::new(self.role.clone(), tenant.cloned())?)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Create {
    /// What it may be used as, again for more; `ROLE@TENANT` for a role in another tenant
    #[arg(long = "role", value_name = "ROLE", required = true)]
    pub(super) roles: Vec<RoleIn>,
    /// Whose it is; without it the platform's
    #[arg(long, value_name = "ID")]
    pub(super) tenant: Option<TenantId>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(super) name: String,
    /// How long it lives, such as `12h` or `90d`, or `never` [default: 90d; of a server that ends sooner, as long as you]
    #[arg(long, value_name = "SPAN")]
    pub(super) expires: Option<Expires>,
    /// Who makes it [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    pub(super) author: Option<String>,
    /// Say what would be made and make nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct List {
    /// Only of this tenant
    #[arg(long, value_name = "ID")]
    pub(super) tenant: Option<TenantId>,
    /// Those that have ended too
    #[arg(long)]
    pub(super) all: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) last: u32,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Revoke {
    /// Which, by its id; of a whole token the id is taken
    #[arg(value_name = "ID", value_parser = id)]
    pub(super) id: KeyId,
    /// Leave what the token made, and what that made, as it is
    #[arg(long)]
    pub(super) keep_made: bool,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// A token as it is shown.
#[derive(Debug, Serialize)]
struct Row {
    id: Option<KeyId>,
    tenant: Option<TenantId>,
    name: String,
    roles: Vec<Binding>,
    created_by: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
    state: &'static str,
}

impl Row {
    fn of(record: &TokenRecord, now: Timestamp) -> Self {
        let said = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let state = match (record.revoked_at, record.is_live(now)) {
            (Some(_), _) => "revoked",
            (None, false) => "expired",
            (None, true) => "live",
        };
        Self {
            id: Some(record.id.clone()),
            tenant: record.tenant.clone(),
            name: record.name.clone(),
            roles: record.bindings.clone(),
            created_by: record.created_by.clone(),
            created_at: record.created_at.to_string(),
            expires_at: said(record.expires_at),
            last_used_at: said(record.last_used_at),
            revoked_at: said(record.revoked_at),
            state,
        }
    }

    fn until(&self) -> String {
        self.expires_at.clone().unwrap_or_else(|| "it is revoked".to_owned())
    }
}

pub(super) fn roles(bindings: &[Binding]) -> String {
    bindings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Serialize)]
struct Made {
    #[serde(flatten)]
    row: Row,
    /// Only here, and only once.
    token: Option<String>,
    dry_run: bool,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Ended {
    #[serde(flatten)]
    row: Row,
    /// Tokens that it made, which end with it.
    also: Vec<KeyId>,
    dry_run: bool,
}

pub(crate) async fn run(common: &Common, command: Token) -> anyhow::Result<ExitCode> {
    match command {
        Token::Create(asked) => create(common, asked).await,
        Token::List(asked) => list(common, &asked).await,
        Token::Revoke(asked) => revoke(common, &asked).await,
    }
}

async fn create(common: &Common, command: Create) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let bindings: anyhow::Result<Vec<Binding>> =
        command.roles.iter().map(|role| role.bound(command.tenant.as_ref())).collect();
    let asked = Asked {
        tenant: command.tenant,
        name: command.name,
        bindings: bindings?,
        lives: command.expires.map_or(Some(LIVES_USUALLY), |expires| expires.0),
    };
    let mut notes = Vec::new();
    for tenant in asked.bindings.iter().filter_map(Binding::tenant) {
        let head = store.head(&Scope::tenant(tenant.clone()), &DocumentKey::Tenant(tenant.clone())).await?;
        if head.is_none_or(|head| head.body.is_none()) {
            notes.push(format!("no tenant `{tenant}` is declared yet"));
        }
    }
    let (now, by) = (time::now(), author(command.author));
    let made = if command.dry_run {
        Tokens::check(&Scope::platform(), &asked)?;
        Tokens::new(store).check_roles(&asked).await?;
        let end = asked.lives.map(|lives| (now + lives).to_string());
        let row = Row {
            id: None,
            tenant: asked.tenant,
            name: asked.name,
            roles: asked.bindings,
            created_by: by,
            created_at: now.to_string(),
            expires_at: end,
            last_used_at: None,
            revoked_at: None,
            state: "live",
        };
        Made { row, token: None, dry_run: true, notes }
    } else {
        let issued = Tokens::new(store).create(&Scope::platform(), asked, &by, now).await?;
        Made { row: Row::of(&issued.record, now), token: Some(issued.token.reveal()), dry_run: false, notes }
    };
    output::say(common.output, &made, picture)?;
    Ok(ExitCode::SUCCESS)
}

fn picture(made: &Made) -> String {
    let (row, as_what) = (&made.row, roles(&made.row.roles));
    let id = row.id.as_ref().map_or("a token", KeyId::as_str);
    let would = if made.dry_run { "would be" } else { "is" };
    let mut lines = vec![format!("{id} {would} made for {}: {as_what}, until {}", row.name, row.until())];
    lines.extend(made.notes.iter().map(|note| format!("note: {note}")));
    if let Some(token) = &made.token {
        lines.push(format!("{token}\nit is shown only now; keep it safe"));
    }
    lines.join("\n")
}

async fn list(common: &Common, asked: &List) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let (tokens, now) = (Tokens::new(store), time::now());
    let scope = asked.tenant.clone().map_or_else(Scope::platform, Scope::tenant);
    let most = usize::try_from(asked.last)?;
    let mut shown: Vec<Row> = Vec::new();
    let mut after: Option<TokenRecord> = None;
    while shown.len() < most {
        let page = tokens.list(&scope, after.as_ref(), PAGE).await?;
        let live = page.iter().filter(|record| asked.all || record.is_live(now));
        shown.extend(live.map(|record| Row::of(record, now)).take(most - shown.len()));
        let Some(last) = page.into_iter().last() else { break };
        after = Some(last);
    }
    output::say(common.output, &shown, |rows| {
        if rows.is_empty() {
            return "there is no such token; `tenantry token create` makes one".to_owned();
        }
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let cells = |row: &Row| {
            let id = row.id.as_ref().map(ToString::to_string).unwrap_or_default();
            let ends = row.expires_at.clone().unwrap_or_else(|| "never".to_owned());
            let used = or_dash(&row.last_used_at);
            vec![id, row.name.clone(), roles(&row.roles), row.state.to_owned(), ends, used, row.created_by.clone()]
        };
        output::table(&["ID", "NAME", "ROLES", "STATE", "EXPIRES", "LAST USED", "BY"], rows.iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Tokens read at a time.
const PAGE: u32 = 500;

async fn revoke(common: &Common, asked: &Revoke) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let now = time::now();
    let tokens = Tokens::new(store.clone());
    let mut also = Vec::new();
    let record = if asked.dry_run {
        if !asked.keep_made {
            let made = tokens.made_by(&Scope::platform(), &asked.id, now).await?;
            also.extend(made.into_iter().map(|record| record.id));
        }
        let found = store.tokens_by_id(&asked.id).await?.into_iter().next();
        found.ok_or_else(|| TokensError::NoToken { id: asked.id.clone() })?
    } else {
        let by = Authorship { author: author(None), at: now, reason: "ended on the command line".to_owned() };
        let record = tokens.revoke(&Scope::platform(), &asked.id, &by).await?;
        if !asked.keep_made {
            also = tokens.end_made_by(&Scope::platform(), &asked.id, &by).await?;
        }
        record
    };
    let ended = Ended { row: Row::of(&record, now), also, dry_run: asked.dry_run };
    output::say(common.output, &ended, |ended| {
        let (id, name) = (&asked.id, &ended.row.name);
        let first = match (&ended.row.revoked_at, ended.dry_run) {
            (None, _) => format!("{id} ({name}) would be ended; nothing was changed"),
            (Some(at), true) => format!("{id} ({name}) was ended at {at} already"),
            (Some(at), false) => format!("{id} ({name}) opens nothing since {at}"),
        };
        let also = ended
            .also
            .iter()
            .map(|id| format!("{id}, which it made, {}", if ended.dry_run { "too" } else { "ends with it" }));
        std::iter::once(first).chain(also).collect::<Vec<_>>().join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}
