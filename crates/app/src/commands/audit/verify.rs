//! `tenantry audit verify`.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tenantry_audit::{Checkpoint, Line, PublicKeys, Trust, Verdict, Verifier, Witnessed};
use tenantry_domain::id::TenantId;
use tenantry_engine::ports::store::audit::LogOf;
use tenantry_engine::scope::Scope;

use super::{Opened, open};
use crate::audit_key::KeyFile;
use crate::cli::Common;
use crate::commands::witness::keys_of;
use crate::failure::FOUND;
use crate::output;

/// What `verify` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Verify {
    /// Only the log of this tenant
    #[arg(value_name = "TENANT", conflicts_with = "file")]
    tenant: Option<TenantId>,
    /// Only the platform's log
    #[arg(long, conflicts_with_all = ["tenant", "file"])]
    platform: bool,
    /// An export, in place of what is in the store; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The key to trust: a file that `tenantry audit key` wrote [default: the store's own, or the one that an export names]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A checkpoint that was kept: what it speaks for must still be there
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Keys of witnesses that must have cosigned it: a file that `tenantry witness --print-key` wrote; may be said again
    #[arg(long, value_name = "FILE")]
    witness_key: Vec<PathBuf>,
    #[command(flatten)]
    own: KeyFile,
}

#[derive(Debug, Serialize)]
struct Answer {
    whole: bool,
    logs: Vec<Verified>,
}

#[derive(Debug, Serialize)]
struct Verified {
    log: String,
    whole: bool,
    entries: u64,
    sealed: u64,
    signed_at: Option<String>,
    key: &'static str,
    /// Of these, how many were pruned, and when.
    pruned: u64,
    pruned_at: Option<String>,
    /// Until which entry it is in the root log.
    rooted: Option<u64>,
    witnessed: Vec<Cosigned>,
    findings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Cosigned {
    witness: String,
    entries: u64,
    at: String,
}

impl Cosigned {
    fn of(Witnessed { witness, entries, at }: Witnessed) -> Self {
        Self { witness, entries, at: at.to_string() }
    }
}

impl Verified {
    fn of(verdict: Verdict) -> Self {
        Self {
            log: verdict.origin,
            whole: verdict.findings.is_empty(),
            entries: verdict.entries,
            sealed: verdict.sealed.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size),
            signed_at: verdict.sealed.map(|(_, at)| at.to_string()),
            key: if verdict.trust == Trust::Given { "given" } else { "its own" },
            pruned: verdict.pruned.map_or(0, |(size, _)| size),
            pruned_at: verdict.pruned.map(|(_, at)| at.to_string()),
            rooted: verdict.rooted.map(|rooted| rooted.entries),
            witnessed: verdict.witnessed.into_iter().map(Cosigned::of).collect(),
            findings: verdict.findings.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(super) async fn run(common: &Common, command: Verify) -> anyhow::Result<ExitCode> {
    let text =
        |path: &Path| std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()));
    let given = command.key.as_deref().map(|path| {
        let keys = PublicKeys::from_text(&text(path)?);
        keys.with_context(|| format!("{} holds no key", path.display()))
    });
    let given = given.transpose()?;
    let kept = command.checkpoint.as_deref().map(text).transpose()?;
    let mut witnesses = Vec::new();
    for path in &command.witness_key {
        witnesses.extend(keys_of(&text(path)?, &path.display().to_string())?);
    }
    let mut logs = Vec::new();
    if let Some(path) = &command.file {
        let mut verifier = Verifier::new(given).witnessed_by(witnesses);
        let from: Box<dyn BufRead> = if path.as_os_str() == "-" {
            Box::new(std::io::stdin().lock())
        } else {
            let opened = std::fs::File::open(path).with_context(|| format!("could not read {}", path.display()))?;
            Box::new(std::io::BufReader::new(opened))
        };
        for line in from.lines() {
            verifier.read(&line.with_context(|| format!("could not read {}", path.display()))?);
        }
        kept.iter().for_each(|kept| verifier.kept(kept));
        logs.push(Verified::of(verifier.end()));
    } else {
        let opened = open(common, &command.own).await?;
        let keys = given.unwrap_or_else(|| opened.keys.public());
        let new = || Verifier::new(Some(keys.clone())).witnessed_by(witnesses.clone());
        for log in whose(&opened, &command).await? {
            logs.push(Verified::of(of_log(&opened, &log, new(), kept.as_deref()).await?));
        }
        if command.tenant.is_none() && !command.platform && !logs.is_empty() {
            logs.push(Verified::of(of_root(&opened, new()).await?));
        }
    }
    let answer = Answer { whole: logs.iter().all(|log| log.whole), logs };
    output::say(common.output, &answer, picture)?;
    Ok(if answer.whole { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// Holds a log of the store against the keys, and its index against its entries.
async fn of_log(opened: &Opened, log: &LogOf, mut verifier: Verifier, kept: Option<&str>) -> anyhow::Result<Verdict> {
    let own = opened.logs.origin(log);
    let kept = kept.filter(|kept| kept.lines().next() == Some(&own));
    let body = kept.and_then(|kept| kept.split_once("\n\n")).map(|(body, _)| format!("{body}\n"));
    let since = body.and_then(|body| Checkpoint::parse(body.as_bytes()).ok()).map(|kept| kept.size);
    let read = |line: Line| {
        verifier.read(&serde_json::to_string(&line)?);
        anyhow::Ok(())
    };
    let scope = Scope::platform();
    opened.logs.export((&scope, log), &opened.keys.public(), since.as_slice(), read).await?;
    kept.into_iter().for_each(|kept| verifier.kept(kept));
    for seq in opened.logs.misindexed(&scope, log).await? {
        verifier.misindexed(seq);
    }
    Ok(verifier.end())
}

async fn of_root(opened: &Opened, mut verifier: Verifier) -> anyhow::Result<Verdict> {
    let read = |line: Line| {
        verifier.read(&serde_json::to_string(&line)?);
        anyhow::Ok(())
    };
    opened.logs.export_root(&Scope::platform(), &opened.keys.public(), read).await?;
    Ok(verifier.end())
}

async fn whose(opened: &Opened, command: &Verify) -> anyhow::Result<Vec<LogOf>> {
    if command.platform {
        return Ok(vec![None]);
    }
    if let Some(tenant) = &command.tenant {
        return Ok(vec![Some(tenant.clone())]);
    }
    Ok(opened.logs.logs(&Scope::platform()).await?.into_iter().map(|head| head.log).collect())
}

fn picture(answer: &Answer) -> String {
    let mut lines = Vec::new();
    for log in &answer.logs {
        let signed = log.signed_at.as_ref().map_or_else(
            || "nothing of it is signed".to_owned(),
            |at| format!("{} of {} entries signed, last at {at}", log.sealed, log.entries),
        );
        let verdict = if log.whole { "whole" } else { "ALTERED" };
        let key = if log.key == "given" { "" } else { "; held against the key that it names itself" };
        lines.push(format!("{}: {verdict}; {signed}{key}", log.log));
        if let Some(at) = &log.pruned_at {
            let first = log.pruned.saturating_sub(1);
            lines.push(format!(
                "  entries 0 to {first} were pruned at {at}; what follows is shown to have followed them"
            ));
        }
        if let Some(rooted) = log.rooted {
            lines.push(format!("  {rooted} entries are in the root log"));
        }
        for Cosigned { witness, entries, at } in &log.witnessed {
            lines.push(format!("  {witness} has seen {entries} of it, at {at}"));
        }
        lines.extend(log.findings.iter().map(|finding| format!("  {finding}")));
    }
    if answer.logs.is_empty() {
        lines.push("there are no audit logs yet".to_owned());
    }
    lines.join("\n")
}
