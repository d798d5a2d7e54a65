//! Policies, roles, verdicts and broken glass, over a server's API. Answers are told as those of a store are.

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::id::TenantId;
use tenantry_engine::access::{DeclaredRoles, Reach};
use tenantry_engine::ports::store::{WrittenKey, WrittenKind};

use super::no_author;
use crate::cli::Common;
use crate::commands::break_glass::{self, Also, Begin, BreakGlass, Broke};
use crate::commands::can_i::{self, CanI};
use crate::commands::policy::{
    self, Apply, By, Changed, Get, History, List, Past, Policy, Rm, Role, Rollback, Row, cases,
};
use crate::commands::token;
use crate::server::{Server, With, read, told};

pub(super) async fn policies(common: &Common, server: &Server, command: Policy) -> anyhow::Result<ExitCode> {
    let kind = WrittenKind::Policies;
    match command {
        Policy::Apply(asked) => apply(common, server, kind, asked).await,
        Policy::List(asked) => list(common, server, kind, asked).await,
        Policy::Get(asked) => get(common, server, kind, asked).await,
        Policy::History(asked) => history(common, server, kind, asked).await,
        Policy::Rollback(asked) => rollback(common, server, kind, asked).await,
        Policy::Rm(asked) => remove(common, server, kind, asked).await,
        Policy::Test(asked) => test(common, server, &asked).await,
        // What needs neither a server nor a store is done without.
        Policy::Validate(asked) => policy::validate(common, &asked),
    }
}

pub(super) async fn roles(common: &Common, server: &Server, command: Role) -> anyhow::Result<ExitCode> {
    let kind = WrittenKind::Roles;
    match command {
        Role::Apply(asked) => apply(common, server, kind, asked).await,
        Role::List(asked) => list(common, server, kind, asked).await,
        Role::Get(asked) => get(common, server, kind, asked).await,
        Role::History(asked) => history(common, server, kind, asked).await,
        Role::Rollback(asked) => rollback(common, server, kind, asked).await,
        Role::Rm(asked) => remove(common, server, kind, asked).await,
    }
}

/// Where policies or roles are.
fn place(key: &WrittenKey) -> String {
    let what = plural(key.kind);
    key.tenant.as_ref().map_or_else(|| format!("/v1/{what}"), |tenant| format!("/v1/tenants/{tenant}/{what}"))
}

const fn plural(kind: WrittenKind) -> &'static str {
    match kind {
        WrittenKind::Policies => "policies",
        WrittenKind::Roles => "roles",
    }
}

fn changing(by: By) -> anyhow::Result<With> {
    no_author(by.author.as_ref())?;
    Ok(With::default().flag("dry_run", by.dry_run).query("reason", by.reason))
}

fn changed(common: &Common, key: &WrittenKey, answer: Value) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Wrote {
        revision: Option<u64>,
        changed: bool,
        dry_run: bool,
    }
    let Wrote { revision, changed, dry_run } = read(answer)?;
    Changed { about: key.to_string(), revision, changed, dry_run }.say(common)
}

async fn apply(common: &Common, server: &Server, kind: WrittenKind, asked: Apply) -> anyhow::Result<ExitCode> {
    let key = policy::key(&asked.whose, kind);
    let body = match kind {
        WrittenKind::Policies => json!({ "text": policy::text(&asked.file)? }),
        WrittenKind::Roles => serde_json::to_value(policy::roles(&asked.file)?)?,
    };
    let with = match asked.based_on {
        None => changing(asked.by)?,
        Some(0) => changing(asked.by)?.header("if-none-match", Some("*".to_owned())),
        Some(number) => changing(asked.by)?.header("if-match", Some(format!("\"{number}\""))),
    };
    changed(common, &key, server.ask("PUT", &place(&key), with.body(body)).await?)
}

async fn rollback(common: &Common, server: &Server, kind: WrittenKind, asked: Rollback) -> anyhow::Result<ExitCode> {
    let key = policy::key(&asked.whose, kind);
    let with = changing(asked.by)?.query("to", Some(asked.to));
    changed(common, &key, server.ask("POST", &format!("{}/rollback", place(&key)), with).await?)
}

async fn remove(common: &Common, server: &Server, kind: WrittenKind, asked: Rm) -> anyhow::Result<ExitCode> {
    let key = policy::key(&asked.whose, kind);
    changed(common, &key, server.ask("DELETE", &place(&key), changing(asked.by)?).await?)
}

async fn list(common: &Common, server: &Server, kind: WrittenKind, asked: List) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct One {
        tenant: Option<TenantId>,
        #[serde(alias = "name")]
        id: String,
        effect: Option<String>,
        #[serde(default)]
        actions: Vec<String>,
        #[serde(default)]
        roles: Vec<String>,
        says: String,
        revision: u64,
    }
    let tenant = [("tenant", asked.tenant.map(String::from))];
    let mut rows = Vec::new();
    for one in server.list(&format!("/v1/{}/all", plural(kind)), &tenant, None).await? {
        let One { tenant, id, effect, actions, roles, says, revision } = read(one)?;
        let does = effect.unwrap_or_else(|| policy::may(actions.into_iter(), roles.into_iter()));
        rows.push(Row { tenant, id, does, says, revision });
    }
    policy::listed(common, kind, &rows)
}

async fn get(common: &Common, server: &Server, kind: WrittenKind, asked: Get) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Found {
        text: Option<String>,
        roles: Option<Value>,
    }
    let key = policy::key(&asked.whose, kind);
    let path = match asked.revision {
        None => place(&key),
        Some(number) => format!("{}/revisions/{number}", place(&key)),
    };
    let Found { text, roles } = read(server.get(&path, With::default()).await?)?;
    let body = text.or_else(|| roles.map(|roles| json!({ "roles": roles }).to_string()));
    policy::got(common, &key, &body.unwrap_or_default())
}

async fn history(common: &Common, server: &Server, kind: WrittenKind, asked: History) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct One {
        revision: u64,
        #[serde(deserialize_with = "told")]
        at: String,
        author: String,
        reason: String,
        text: Option<Value>,
        roles: Option<Value>,
    }
    let key = policy::key(&asked.whose, kind);
    let path = format!("{}/revisions", place(&key));
    let mut past = Vec::new();
    for one in server.list(&path, &[], usize::try_from(asked.last).ok()).await? {
        let One { revision, at, author, reason, text, roles } = read(one)?;
        past.push(Past { revision, at, author, reason, removed: text.is_none() && roles.is_none() });
    }
    policy::told(common, &key, &past)
}

async fn test(common: &Common, server: &Server, asked: &cases::Test) -> anyhow::Result<ExitCode> {
    let table = cases::Read::of(asked)?;
    let mut body = json!({ "tenant": table.tenant, "cases": table.cases, "policies": table.policies });
    if let (Some(DeclaredRoles { roles }), Value::Object(body)) = (table.roles, &mut body) {
        body.insert("roles".to_owned(), serde_json::to_value(roles).context("the roles cannot be sent")?);
    }
    cases::told(common, &read(server.ask("POST", "/v1/policies/test", With::default().body(body)).await?)?)
}

pub(super) async fn can_i(common: &Common, server: &Server, asked: CanI) -> anyhow::Result<ExitCode> {
    let mut roles = Vec::new();
    for role in &asked.roles {
        let bound = role.bound(asked.tenant.as_ref())?;
        roles.push(json!({ "role": bound.role().as_str(), "tenant": bound.tenant() }));
    }
    // The token of the environment is who asks; of another only the id is sent.
    let own = std::env::var("TENANTRY_TOKEN").ok();
    let other = asked.token.as_deref().filter(|token| roles.is_empty() && own.as_deref() != Some(token));
    let other = other.map(token::id).transpose().map_err(|why| anyhow::anyhow!("--token: {why}"))?;
    let body = json!({
        "action": asked.action, "tenant": asked.tenant, "workload": asked.workload, "roles": roles, "token": other,
        "from": asked.from, "touches": asked.touches, "raises": asked.raises,
        "reaches": asked.reaches.iter().copied().map(Reach::from).collect::<Vec<Reach>>()
    });
    let answer = server.ask("POST", "/v1/can-i", With::default().body(body)).await?;
    can_i::told(common, &read(answer)?)
}

pub(super) async fn break_glass(common: &Common, server: &Server, asked: BreakGlass) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Began {
        glass: break_glass::Row,
        secret: Option<String>,
    }
    #[derive(Deserialize)]
    struct Glass {
        items: Vec<break_glass::Row>,
    }
    match asked.command {
        None => {
            let Begin { tenant, reason, lasts, by, .. } = asked.begin;
            no_author(by.as_ref())?;
            let body = json!({ "tenant": tenant, "reason": reason.unwrap_or_default(), "lasts": lasts.to_string() });
            let answer = server.ask("POST", "/v1/break-glass", With::default().body(body)).await?;
            let Began { glass, secret } = read(answer)?;
            Broke { row: glass, token: secret.unwrap_or_default() }.say(common)
        }
        Some(Also::List) => {
            let Glass { items } = read(server.get("/v1/break-glass", With::default()).await?)?;
            break_glass::listed(common, &items)
        }
        Some(Also::End { id, by }) => {
            no_author(by.as_ref())?;
            let answer = server.ask("DELETE", &format!("/v1/break-glass/{id}"), With::default()).await?;
            break_glass::ended(common, &read(answer)?)
        }
    }
}
