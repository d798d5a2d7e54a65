//! `tenantry policy` and `tenantry role`: what is written over the built-in policies, by the platform for all tenants and
//! by a tenant for itself.

pub(super) mod cases;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;
use tenantry_domain::id::TenantId;
use tenantry_engine::access::{Applied, Body, DeclaredRoles, Rules, Writing, Written};
use tenantry_engine::ports::store::{Authorship, WrittenKey, WrittenKind, WrittenRevision};
use tenantry_engine::scope::Scope;

use crate::author::author;
use crate::cli::Common;
use crate::failure::FOUND;
use crate::{output, place, time};

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Write policies in place of those that are there
    #[command(after_help = "Examples:
  tenantry policy apply acme.cedar --tenant acme -m 'quiet nights'
  tenantry policy apply platform.cedar --platform -m 'nothing of gold is paused'
  tenantry policy apply acme.cedar --tenant acme --dry-run")]
    Apply(Apply),
    /// List policies that are written
    #[command(after_help = "Examples:
  tenantry policy list
  tenantry policy list --tenant acme -o json")]
    List(List),
    /// Show policies as they are written
    #[command(after_help = "Examples:
  tenantry policy get --tenant acme > acme.cedar
  tenantry policy get --platform --revision 3")]
    Get(Get),
    /// Show the revisions of policies
    #[command(after_help = "Example:
  tenantry policy history --tenant acme")]
    History(History),
    /// Write again what a revision had
    #[command(after_help = "Example:
  tenantry policy rollback --tenant acme --to 3 -m 'too strict'")]
    Rollback(Rollback),
    /// Remove all policies of a tenant, or of the platform
    #[command(after_help = "Example:
  tenantry policy rm --tenant acme -m 'not needed any more'")]
    Rm(Rm),
    /// Check a file of policies, without a store
    #[command(after_help = "Examples:
  tenantry policy validate acme.cedar --tenant acme
  tenantry policy validate platform.cedar --platform")]
    Validate(Validate),
    /// Run a table of cases against policies
    #[command(after_help = "Examples:
  tenantry policy test cases.yaml
  tenantry policy test cases.yaml --policies acme.cedar
  tenantry policy test cases.yaml -o json

A table is YAML:
  tenant: acme                  # whose policies they are; without it the platform's
  policies: acme.cedar          # beside the table; without it those that are written
  roles: acme-roles.yaml        # likewise
  cases:
  - name: nobody scales by hand at night
    who: tenant-admin           # a role, a list of them, or ROLE@TENANT
    action: scaleWorkload
    on: acme/api                # a workload, a tenant, or `platform`
    when: { at: '2026-03-02T23:00:00Z', scale: { from: 4, to: 6 } }
    about: { tier: gold, region: eu, labels: { env: prod } }
    expect: deny
    by: [night]                 # policies that say so, where that matters

Of `when` there are: at, from, dry_run, scale, touches, reaches, raises. Ends with 3 when a case comes out otherwise, or when no case
reaches a policy.")]
    Test(cases::Test),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Declare roles in place of those that are declared
    #[command(after_help = "Examples:
  tenantry role apply roles.yaml --tenant acme -m 'for the night shift'
  tenantry role apply roles.yaml --platform -m 'for all tenants'

A file is YAML:
  roles:
    pauser:
      says: stops scaling, and starts it again
      actions: [pauseWorkload, resumeWorkload]
      roles: [tenant-viewer]    # whose actions it has, too

A declared role is one in a tenant, and holds no more than a tenant's administrator may. It is given as
`tenantry token create --role pauser --tenant acme`. One that a token holds cannot be removed.")]
    Apply(Apply),
    /// List roles that are declared
    #[command(after_help = "Example:
  tenantry role list --tenant acme")]
    List(List),
    /// Show roles as they are declared
    #[command(after_help = "Example:
  tenantry role get --tenant acme > roles.yaml")]
    Get(Get),
    /// Show the revisions of roles
    #[command(after_help = "Example:
  tenantry role history --platform")]
    History(History),
    /// Declare again what a revision had
    #[command(after_help = "Example:
  tenantry role rollback --tenant acme --to 3")]
    Rollback(Rollback),
    /// Remove all roles that a tenant, or the platform, declares
    #[command(after_help = "Example:
  tenantry role rm --tenant acme")]
    Rm(Rm),
}

/// Whose.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("whose").required(true))]
pub(crate) struct Whose {
    /// Of this tenant
    #[arg(long, value_name = "ID", group = "whose")]
    pub(super) tenant: Option<TenantId>,
    /// Of the platform, for all tenants
    #[arg(long, group = "whose")]
    pub(super) platform: bool,
}

/// Who changes it, and why.
#[derive(Debug, Clone, Args)]
pub(crate) struct By {
    /// Why, for those who look later
    #[arg(long, short = 'm', value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    pub(super) author: Option<String>,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl By {
    fn authorship(&self, usual: &str) -> Authorship {
        let reason = self.reason.clone().unwrap_or_else(|| usual.to_owned());
        Authorship { author: author(self.author.clone()), at: time::now(), reason }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Apply {
    /// The file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) whose: Whose,
    #[command(flatten)]
    pub(super) by: By,
    /// Only if nothing was written since this revision; 0 for nothing at all
    #[arg(long, value_name = "REVISION")]
    pub(super) based_on: Option<u64>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct List {
    /// Only of this tenant
    #[arg(long, value_name = "ID")]
    pub(super) tenant: Option<TenantId>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(super) whose: Whose,
    /// Which revision [default: the last]
    #[arg(long, value_name = "N")]
    pub(super) revision: Option<u64>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(super) whose: Whose,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) last: u32,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(super) whose: Whose,
    /// To which revision
    #[arg(long, value_name = "N")]
    pub(super) to: u64,
    #[command(flatten)]
    pub(super) by: By,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Rm {
    #[command(flatten)]
    pub(super) whose: Whose,
    #[command(flatten)]
    pub(super) by: By,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Validate {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
}

pub(crate) async fn run(common: &Common, command: Policy) -> anyhow::Result<ExitCode> {
    let kind = WrittenKind::Policies;
    match command {
        Policy::Apply(asked) => apply(common, kind, asked).await,
        Policy::List(asked) => list(common, kind, asked.tenant).await,
        Policy::Get(asked) => get(common, kind, asked).await,
        Policy::History(asked) => history(common, kind, asked).await,
        Policy::Rollback(asked) => rollback(common, kind, asked).await,
        Policy::Rm(asked) => remove(common, kind, asked).await,
        Policy::Validate(asked) => validate(common, &asked),
        Policy::Test(asked) => cases::run(common, asked).await,
    }
}

pub(crate) async fn run_role(common: &Common, command: Role) -> anyhow::Result<ExitCode> {
    let kind = WrittenKind::Roles;
    match command {
        Role::Apply(asked) => apply(common, kind, asked).await,
        Role::List(asked) => list(common, kind, asked.tenant).await,
        Role::Get(asked) => get(common, kind, asked).await,
        Role::History(asked) => history(common, kind, asked).await,
        Role::Rollback(asked) => rollback(common, kind, asked).await,
        Role::Rm(asked) => remove(common, kind, asked).await,
    }
}

async fn writing(common: &Common) -> anyhow::Result<Writing> {
    Ok(Writing::new(place::open(common.store.as_deref(), &common.keys).await?)?)
}

pub(super) fn key(whose: &Whose, kind: WrittenKind) -> WrittenKey {
    WrittenKey { tenant: whose.tenant.clone(), kind }
}

/// A file's text.
pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}

/// A file of roles.
pub(super) fn roles(path: &Path) -> anyhow::Result<DeclaredRoles> {
    let text = text(path)?;
    serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{} cannot be read: {error}", path.display()))
}

/// What came of a change.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    pub(super) about: String,
    pub(super) revision: Option<u64>,
    pub(super) changed: bool,
    pub(super) dry_run: bool,
}

impl Changed {
    fn of(key: &WrittenKey, applied: &Applied, dry_run: bool) -> Self {
        Self { about: key.to_string(), revision: applied.revision, changed: applied.changed, dry_run }
    }

    pub(super) fn say(&self, common: &Common) -> anyhow::Result<ExitCode> {
        output::say(common.output, self, |changed| match (changed.changed, changed.revision) {
            (false, _) => format!("{} are so already", changed.about),
            (true, Some(revision)) => format!("{} are at revision {revision}", changed.about),
            (true, None) => format!("{} would change; nothing was written", changed.about),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn apply(common: &Common, kind: WrittenKind, asked: Apply) -> anyhow::Result<ExitCode> {
    let body = match kind {
        WrittenKind::Policies => Body::Policies(text(&asked.file)?),
        WrittenKind::Roles => Body::Roles(roles(&asked.file)?),
    };
    let by = asked.by.authorship("written on the command line");
    let (writing, how) = (writing(common).await?, (asked.based_on, asked.by.dry_run));
    let applied = writing.apply(&Scope::platform(), asked.whose.tenant.as_ref(), &body, &by, how).await?;
    Changed::of(&key(&asked.whose, kind), &applied, asked.by.dry_run).say(common)
}

async fn rollback(common: &Common, kind: WrittenKind, asked: Rollback) -> anyhow::Result<ExitCode> {
    let (key, by) = (key(&asked.whose, kind), asked.by.authorship(&format!("back to revision {}", asked.to)));
    let how = (None, asked.by.dry_run);
    let applied = writing(common).await?.rollback(&Scope::platform(), &key, asked.to, &by, how).await?;
    Changed::of(&key, &applied, asked.by.dry_run).say(common)
}

async fn remove(common: &Common, kind: WrittenKind, asked: Rm) -> anyhow::Result<ExitCode> {
    let (key, by) = (key(&asked.whose, kind), asked.by.authorship("removed on the command line"));
    let applied = writing(common).await?.remove(&Scope::platform(), &key, &by, (None, asked.by.dry_run)).await?;
    Changed::of(&key, &applied, asked.by.dry_run).say(common)
}

/// A policy or a role in a list.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// None for the platform's.
    pub(super) tenant: Option<TenantId>,
    pub(super) id: String,
    pub(super) does: String,
    pub(super) says: String,
    pub(super) revision: u64,
}

async fn list(common: &Common, kind: WrittenKind, tenant: Option<TenantId>) -> anyhow::Result<ExitCode> {
    let writing = writing(common).await?;
    let scope = tenant.map_or_else(Scope::platform, Scope::tenant);
    let mut rows = Vec::new();
    for revision in writing.all(&scope).await?.into_iter().filter(|revision| revision.key.kind == kind) {
        rows.extend(rows_of(&writing, &revision)?);
    }
    listed(common, kind, &rows)
}

/// Says a list.
pub(super) fn listed(common: &Common, kind: WrittenKind, rows: &[Row]) -> anyhow::Result<ExitCode> {
    let what = if kind == WrittenKind::Policies { "policy" } else { "role" };
    output::say(common.output, rows, |rows| {
        if rows.is_empty() {
            return format!("nothing is written; `tenantry {what} apply` does");
        }
        let cells = |row: &Row| {
            let whose = row.tenant.as_ref().map_or("(platform)", TenantId::as_str);
            vec![whose.to_owned(), row.id.clone(), row.does.clone(), row.says.clone()]
        };
        let head = if kind == WrittenKind::Policies {
            ["TENANT", "ID", "EFFECT", "SAYS"]
        } else {
            ["TENANT", "ROLE", "MAY", "SAYS"]
        };
        output::table(&head, rows.iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn rows_of(writing: &Writing, revision: &WrittenRevision) -> anyhow::Result<Vec<Row>> {
    let (tenant, body) = (&revision.key.tenant, revision.body.as_deref().unwrap_or_default());
    let row = |id: String, does: String, says: String| Row {
        tenant: tenant.clone(),
        id,
        does,
        says,
        revision: revision.number,
    };
    Ok(match revision.key.kind {
        WrittenKind::Policies => {
            let effect = |permits| if permits { "permit" } else { "forbid" };
            let listed = writing.list(body, tenant.as_ref())?.into_iter();
            listed.map(|one| row(one.id, effect(one.permits).to_owned(), one.says)).collect()
        }
        WrittenKind::Roles => {
            let declared: DeclaredRoles =
                serde_json::from_str(body).with_context(|| format!("{} cannot be read", revision.key))?;
            let does = |role: &tenantry_engine::access::DeclaredRole| {
                may(role.actions.iter().map(ToString::to_string), role.roles.iter().map(ToString::to_string))
            };
            declared.roles.iter().map(|(name, role)| row(name.to_string(), does(role), role.says.clone())).collect()
        }
    })
}

/// What a role may, in words.
pub(super) fn may(actions: impl Iterator<Item = String>, roles: impl Iterator<Item = String>) -> String {
    actions.chain(roles.map(|role| format!("as {role}"))).collect::<Vec<_>>().join(", ")
}

async fn get(common: &Common, kind: WrittenKind, asked: Get) -> anyhow::Result<ExitCode> {
    let (writing, key) = (writing(common).await?, key(&asked.whose, kind));
    let found = match asked.revision {
        None => writing.head(&Scope::platform(), &key).await?,
        Some(number) => writing.at(&Scope::platform(), &key, number).await?,
    };
    got(common, &key, &found.body.unwrap_or_default())
}

/// Says what is written.
pub(super) fn got(common: &Common, key: &WrittenKey, body: &str) -> anyhow::Result<ExitCode> {
    match key.kind {
        WrittenKind::Policies => output::say(common.output, body, |body| body.trim_end().to_owned())?,
        WrittenKind::Roles => {
            let declared: DeclaredRoles =
                serde_json::from_str(body).with_context(|| format!("{key} cannot be read"))?;
            let yaml = serde_saphyr::to_string(&declared).context("the roles cannot be written as YAML")?;
            output::say(common.output, &declared, |_| yaml.trim_end().to_owned())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A revision in a list.
#[derive(Debug, Serialize)]
pub(super) struct Past {
    pub(super) revision: u64,
    pub(super) at: String,
    pub(super) author: String,
    pub(super) reason: String,
    pub(super) removed: bool,
}

async fn history(common: &Common, kind: WrittenKind, asked: History) -> anyhow::Result<ExitCode> {
    let key = key(&asked.whose, kind);
    let found = writing(common).await?.history(&Scope::platform(), &key, None, asked.last).await?;
    let past: Vec<Past> = found
        .into_iter()
        .map(|row| Past {
            revision: row.number,
            at: row.at.to_string(),
            author: row.author,
            reason: row.reason,
            removed: row.body.is_none(),
        })
        .collect();
    told(common, &key, &past)
}

/// Says revisions.
pub(super) fn told(common: &Common, key: &WrittenKey, past: &[Past]) -> anyhow::Result<ExitCode> {
    if past.is_empty() {
        bail!("{key}: nothing was ever written");
    }
    output::say(common.output, past, |past| {
        let cells = |row: &Past| {
            let did = if row.removed { "removed: " } else { "" };
            vec![row.revision.to_string(), row.at.clone(), row.author.clone(), format!("{did}{}", row.reason)]
        };
        output::table(&["REVISION", "WHEN", "AUTHOR", "REASON"], past.iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    valid: bool,
    policies: usize,
    problem: Option<String>,
}

pub(super) fn validate(common: &Common, asked: &Validate) -> anyhow::Result<ExitCode> {
    let policies = text(&asked.file)?;
    let rules = Rules::built_in()?;
    let count = rules.list(&policies, None).map_or(0, |listed| listed.len());
    let written = Written { policies, ..Written::default() };
    let checked = match &asked.whose.tenant {
        None => rules.shared(&written).map(|_| ()),
        Some(tenant) => {
            rules.shared(&Written::default()).and_then(|shared| rules.set_of(&shared, tenant, &written)).map(|_| ())
        }
    };
    let problem = checked.err().map(|error| error.to_string());
    let checked =
        Checked { file: asked.file.display().to_string(), valid: problem.is_none(), policies: count, problem };
    output::say(common.output, &checked, |checked| match &checked.problem {
        None => format!("{}: {} policies, valid", checked.file, checked.policies),
        Some(problem) => format!("{}: {problem}", checked.file),
    })?;
    Ok(if checked.valid { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}
