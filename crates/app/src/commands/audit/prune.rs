//! `tenantry audit prune`, `hold` and `release`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tenantry_domain::id::TenantId;
use tenantry_domain::unit::Span;
use tenantry_engine::audit::{AuditError, named};
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::ports::store::audit::LogOf;
use tenantry_engine::scope::Scope;

use super::{Whose, open};
use crate::audit_key::KeyFile;
use crate::cli::{Common, Why};
use crate::{author, output, terminal, time};

/// Which logs are pruned.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Of this tenant
    #[arg(value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// Of the platform: tiers, regions, defaults
    #[arg(long)]
    platform: bool,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// What `prune` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    which: Which,
    /// Entries from before so long, such as `400d`
    #[arg(long, value_name = "SPAN")]
    older_than: Span,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    key: KeyFile,
}

/// What `hold` and `release` take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Hold {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    key: KeyFile,
}

#[derive(Debug, Serialize)]
struct Answer {
    dry_run: bool,
    logs: Vec<PrunedLog>,
}

#[derive(Debug, Serialize)]
struct PrunedLog {
    log: String,
    /// The first entry that went.
    from: u64,
    /// The first that stays.
    until: u64,
    held: Option<String>,
    /// Whether more would have gone, but for a receiver that does not have it.
    awaited: bool,
}

pub(super) async fn prune(common: &Common, command: Prune) -> anyhow::Result<ExitCode> {
    let opened = open(common, &command.key).await?;
    let by = by(&command.why);
    let mut answer = Answer { dry_run: command.why.dry_run, logs: Vec::new() };
    let mut logs: Vec<LogOf> = vec![command.which.tenant.clone()];
    if command.which.all {
        logs = opened.logs.logs(&Scope::platform()).await?.into_iter().map(|head| head.log).collect();
    }
    for log in logs {
        let pruned =
            opened.logs.prune(&opened.keys, &log, by.at - command.older_than, &by, command.why.dry_run).await?;
        let (from, until) = (pruned.from, pruned.until);
        answer.logs.push(PrunedLog { log: named(&log), from, until, held: pruned.held, awaited: pruned.awaited });
    }
    output::say(common.output, &answer, |answer| {
        let lines: Vec<String> = answer.logs.iter().map(|log| line(log, answer.dry_run)).collect();
        lines.join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(pruned: &PrunedLog, dry_run: bool) -> String {
    let PrunedLog { log, from, until, held, awaited } = pruned;
    if let Some(held) = held {
        return format!("{log}: nothing; it is held: {held}");
    }
    let done = if dry_run { "would be pruned" } else { "were pruned, and stay provable" };
    let what = match until - from {
        0 => "nothing is so old".to_owned(),
        _ => format!("entries {from} to {} {done}", until - 1),
    };
    let awaited = if *awaited { "; more are not delivered yet" } else { "" };
    format!("{log}: {what}{awaited}")
}

pub(super) async fn hold(common: &Common, command: Hold, holds: bool) -> anyhow::Result<ExitCode> {
    let opened = open(common, &command.key).await?;
    let (log, reason) = (&command.whose.tenant, holds.then_some(command.why.reason.as_str()));
    let done = if holds { "is held: nothing of it is pruned" } else { "is not held" };
    if command.why.dry_run {
        let known = opened.logs.logs(&Scope::platform()).await?.into_iter().any(|head| head.log == *log);
        if !known {
            return Err(AuditError::NoLog { log: named(log) }.into());
        }
        terminal::say(&format!("would say that the log of {} {done}", named(log)));
        return Ok(ExitCode::SUCCESS);
    }
    opened.logs.hold(log, reason, &by(&command.why)).await?;
    terminal::say(&format!("the log of {} {done}", named(log)));
    Ok(ExitCode::SUCCESS)
}

fn by(why: &Why) -> Authorship {
    Authorship { author: author::author(why.author.clone()), at: time::now(), reason: why.reason.clone() }
}
