//! Audit logs and tokens, over a server's API.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::time::Timestamp;

use super::{no_author, not_over_the_api, or_dash, say};
use crate::cli::Common;
use crate::commands::audit::{Audit, Log};
use crate::commands::token::{Create, List, Revoke, Token};
use crate::output::table;
use crate::server::{Server, With, maybe_instant, read};
use crate::time;

pub(super) async fn audit(common: &Common, server: &Server, command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::Log(command) => log(common, server, command).await,
        _ => not_over_the_api("all of `audit` but `audit log`"),
    }
}

async fn log(common: &Common, server: &Server, command: Log) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Entry {
        entry: u64,
        at: String,
        actor: String,
        action: String,
        resource: String,
        outcome: String,
        reason: String,
    }
    let path = match &command.whose.tenant {
        None => "/v1/audit".to_owned(),
        Some(tenant) => format!("/v1/tenants/{tenant}/audit"),
    };
    let query = [
        ("actor", command.actor),
        ("action", command.action),
        ("since", command.since.map(|span| (time::now() - span).to_string())),
    ];
    let entries = server.list(&path, &query, usize::try_from(command.last).ok()).await?;
    say(common, &Value::from(entries), |rows: Vec<Entry>| {
        let cells = |one: Entry| {
            vec![one.entry.to_string(), one.at, one.actor, one.action, one.resource, one.outcome, one.reason]
        };
        table(&["ENTRY", "WHEN", "WHO", "WHAT", "TO", "ENDED", "WHY"], rows.into_iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Row {
    id: String,
    tenant: Option<String>,
    name: String,
    roles: Vec<Held>,
    created_by: String,
    #[serde(deserialize_with = "maybe_instant")]
    expires_at: Option<Timestamp>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
}

#[derive(Deserialize)]
struct Held {
    role: String,
    tenant: Option<String>,
}

impl Row {
    fn roles(&self) -> String {
        let one = |held: &Held| match &held.tenant {
            Some(tenant) => format!("{}@{tenant}", held.role),
            None => held.role.clone(),
        };
        self.roles.iter().map(one).collect::<Vec<String>>().join(", ")
    }

    fn state(&self, now: Timestamp) -> &'static str {
        match (&self.revoked_at, self.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= now => "expired",
            (None, _) => "live",
        }
    }
}

pub(super) async fn token(common: &Common, server: &Server, command: Token) -> anyhow::Result<ExitCode> {
    match command {
        Token::Create(asked) => create(common, server, asked).await,
        Token::List(asked) => list(common, server, &asked).await,
        Token::Revoke(asked) => revoke(common, server, &asked).await,
    }
}

async fn create(common: &Common, server: &Server, asked: Create) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Issued {
        token: Row,
        secret: Option<String>,
    }
    no_author(asked.author.as_ref())?;
    let mut roles = Vec::new();
    for role in &asked.roles {
        let bound = role.bound(asked.tenant.as_ref())?;
        roles.push(json!({ "role": bound.role().as_str(), "tenant": bound.tenant() }));
    }
    let mut body = json!({ "name": asked.name, "tenant": asked.tenant, "roles": roles });
    if let (Some(expires), Value::Object(body)) = (asked.expires, &mut body) {
        body.insert("expires_in".to_owned(), json!(expires.to_string()));
    }
    let with = With::default().flag("dry_run", asked.dry_run).body(body);
    let answer = server.ask("POST", "/v1/tokens", with).await?;
    say(common, &answer, |Issued { token, secret }| {
        let until = token.expires_at.map_or_else(|| "it is revoked".to_owned(), |end| end.to_string());
        let (would, roles) = (if secret.is_none() { "would be" } else { "is" }, token.roles());
        let id = if secret.is_none() { "a token" } else { &token.id };
        let mut lines = vec![format!("{id} {would} made for {}: {roles}, until {until}", token.name)];
        lines.extend(secret.map(|secret| format!("{secret}\nit is shown only now; keep it safe")));
        lines.join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn list(common: &Common, server: &Server, asked: &List) -> anyhow::Result<ExitCode> {
    let now = time::now();
    let mut shown = Vec::new();
    for value in server.list("/v1/tokens", &[], None).await? {
        let row: Row = read(value.clone())?;
        let is_wanted = asked.tenant.as_ref().is_none_or(|tenant| row.tenant.as_deref() == Some(tenant.as_str()));
        if is_wanted && (asked.all || row.state(now) == "live") {
            shown.push(value);
        }
    }
    shown.truncate(usize::try_from(asked.last)?);
    say(common, &Value::from(shown), |rows: Vec<Row>| {
        if rows.is_empty() {
            return "there is no such token that you may see; `tenantry token create` makes one".to_owned();
        }
        let cells = |row: Row| {
            let ends = row.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
            let (roles, state) = (row.roles(), row.state(now).to_owned());
            vec![row.id, row.name, roles, state, ends, or_dash(row.last_used_at), row.created_by]
        };
        table(&["ID", "NAME", "ROLES", "STATE", "EXPIRES", "LAST USED", "BY"], rows.into_iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn revoke(common: &Common, server: &Server, asked: &Revoke) -> anyhow::Result<ExitCode> {
    let with = With::default().flag("keep_made", asked.keep_made).flag("dry_run", asked.dry_run);
    let answer = server.ask("DELETE", &format!("/v1/tokens/{}", asked.id), with).await?;
    say(common, &answer, |row: Row| {
        if asked.dry_run {
            return format!("{} ({}) would be ended; nothing was changed", row.id, row.name);
        }
        format!("{} ({}) opens nothing since {}", row.id, row.name, or_dash(row.revoked_at))
    })?;
    Ok(ExitCode::SUCCESS)
}
