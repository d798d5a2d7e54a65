//! `tenantry audit`: who did what, and the proof that nothing of it was altered.

mod verify;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use tenantry_audit::{Checkpoint, Entry, Line, SigningKeys, root_origin};
use tenantry_domain::id::TenantId;
use tenantry_domain::unit::Span;
use tenantry_engine::audit::Audit as Logs;
use tenantry_engine::ports::store::audit::{LogFilter, LogHead, LogOf};
use tenantry_engine::scope::Scope;
use tenantry_store::Store;

use crate::audit_key::{self, KeyFile};
use crate::cli::Common;
use crate::{output, place, terminal, time};

/// What can be asked of the audit logs.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List the logs: one for each tenant, and the platform's own
    #[command(after_help = "Examples:
  tenantry audit list
  tenantry audit list -o json")]
    List(KeyFile),
    /// Who did what, newest first
    #[command(after_help = "Examples:
  tenantry audit log acme
  tenantry audit log acme --action config --since 24h
  tenantry audit log --platform --actor ada -o json")]
    Log(Log),
    /// Hand a log out, a line of JSON for each entry, so that others can verify it
    #[command(after_help = "Examples:
  tenantry audit export acme > acme.jsonl
  tenantry audit export --platform --out platform.jsonl
  tenantry audit export acme --since kept.txt        with a proof that it goes on from a checkpoint that was kept
  tenantry audit export --root                       the root log, of what all others come to")]
    Export(Export),
    /// Sign what was written down since the last time; a server does so every second
    #[command(after_help = "Example:
  tenantry audit seal")]
    Seal(KeyFile),
    /// Say whether logs are as they were signed, and where they are not
    #[command(after_help = "Examples:
  tenantry audit verify                                  every log in the store
  tenantry audit verify acme                             one of them
  tenantry audit verify --file acme.jsonl --key audit.pub   an export, with no trust in who made it
  tenantry audit verify --file acme.jsonl --key audit.pub --witness-key w1.vkey   and a witness has seen it

Without --key an export is held against the key that it names itself, which whoever altered it could have replaced. Keep
what `tenantry audit key` prints where nobody who can write to the store can reach it.")]
    Verify(verify::Verify),
    /// Print the key that logs are verified with
    #[command(after_help = "Examples:
  tenantry audit key > audit.pub
  tenantry audit key --root > root.vkey              as a witness takes it")]
    Key(Key),
}

/// What `key` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Key {
    /// The keys of the root log, as `NAME+ID+KEY`, one a line
    #[arg(long)]
    root: bool,
    #[command(flatten)]
    key: KeyFile,
}

/// Which log is handed out.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Of this tenant
    #[arg(value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// Of the platform: tiers, regions, defaults
    #[arg(long)]
    platform: bool,
    /// The root log: what all others come to
    #[arg(long)]
    root: bool,
}

/// Whose log.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whose {
    /// Of this tenant
    #[arg(value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// Of the platform: tiers, regions, defaults
    #[arg(long)]
    platform: bool,
}

/// What `log` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Log {
    #[command(flatten)]
    whose: Whose,
    /// Only by this actor
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only of this action, such as `config.revise`, or of a group, such as `config`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only of the last SPAN, such as `24h`
    #[arg(long, value_name = "SPAN")]
    since: Option<Span>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: u32,
    #[command(flatten)]
    key: KeyFile,
}

/// What `export` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// A checkpoint that was kept: a proof that the log goes on from it comes along, also where entries were pruned since
    #[arg(long, value_name = "FILE", conflicts_with = "root")]
    since: Option<PathBuf>,
    /// Write to this file [default: the standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    key: KeyFile,
}

/// The logs of a store.
struct Opened {
    logs: Logs,
    keys: SigningKeys,
}

async fn open(common: &Common, key: &KeyFile) -> anyhow::Result<Opened> {
    let keys = audit_key::open(key.audit_key.as_deref(), common.store.as_deref())?;
    opened(common, keys).await
}

async fn opened(common: &Common, keys: SigningKeys) -> anyhow::Result<Opened> {
    let store: Arc<Store> = place::open(common.store.as_deref(), &common.keys).await?;
    let logs = Logs::new(store, keys.public().deployment());
    logs.check_keys(&keys.public()).await?;
    Ok(Opened { logs, keys })
}

#[derive(Debug, Serialize)]
struct Sealed {
    sealed: u64,
}

/// Looking never signs: what was altered since the last time must not get a signature by being looked for.
async fn seal(common: &Common, key: &KeyFile) -> anyhow::Result<ExitCode> {
    let keys = audit_key::open_or_make(key.audit_key.as_deref(), common.store.as_deref())?;
    let Opened { logs, keys } = opened(common, keys).await?;
    let answer = Sealed { sealed: logs.seal(&keys, time::now()).await? };
    output::say(common.output, &answer, |answer| match answer.sealed {
        1 => "1 entry was signed".to_owned(),
        count => format!("{count} entries were signed"),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn run(common: &Common, command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::List(key) => list(common, &key).await,
        Audit::Log(command) => log(common, command).await,
        Audit::Export(command) => export(common, command).await,
        Audit::Seal(key) => seal(common, &key).await,
        Audit::Verify(command) => verify::run(common, command).await,
        Audit::Key(Key { root, key }) => {
            let public = audit_key::open(key.audit_key.as_deref(), common.store.as_deref())?.public();
            if root {
                let keys = public.of(&root_origin(&public.deployment()))?;
                terminal::say(&keys.map(|key| key.to_text()).join("\n"));
            } else {
                terminal::say(&public.to_text());
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    logs: Vec<ListedLog>,
}

#[derive(Debug, Serialize)]
struct ListedLog {
    log: String,
    tenant: LogOf,
    entries: u64,
    sealed: u64,
}

async fn list(common: &Common, key: &KeyFile) -> anyhow::Result<ExitCode> {
    let opened = open(common, key).await?;
    let listed =
        |LogHead { log, entries, sealed }| ListedLog { log: opened.logs.origin(&log), tenant: log, entries, sealed };
    let logs = opened.logs.logs(&Scope::platform()).await?.into_iter().map(listed).collect();
    output::say(common.output, &Listed { logs }, |answer| {
        let row = |log: &ListedLog| {
            let whose = log.tenant.as_ref().map_or_else(|| "the platform".to_owned(), TenantId::to_string);
            vec![whose, log.entries.to_string(), log.sealed.to_string(), log.log.clone()]
        };
        output::table(&["WHOSE", "ENTRIES", "SEALED", "SIGNED AS"], answer.logs.iter().map(row))
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Found {
    entries: Vec<Entry>,
}

async fn log(common: &Common, command: Log) -> anyhow::Result<ExitCode> {
    let opened = open(common, &command.key).await?;
    let since = command.since.map(|span| time::now() - span);
    let filter = LogFilter { actor: command.actor, action: command.action, since, before: None };
    let entries = opened.logs.search(&Scope::platform(), &command.whose.tenant, &filter, command.last).await?;
    output::say(common.output, &Found { entries }, |found| {
        let row = |entry: &Entry| {
            vec![
                entry.seq.to_string(),
                entry.at.to_string(),
                entry.actor.clone(),
                entry.action.clone(),
                entry.resource.clone(),
                format!("{:?}", entry.outcome).to_lowercase(),
                entry.reason.clone(),
            ]
        };
        output::table(&["ENTRY", "WHEN", "WHO", "WHAT", "TO", "ENDED", "WHY"], found.entries.iter().map(row))
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn export(common: &Common, command: Export) -> anyhow::Result<ExitCode> {
    let opened = open(common, &command.key).await?;
    let since = command.since.as_deref().map(size_of).transpose()?;
    match &command.out {
        None => {
            let write = |line: Line| {
                terminal::say(&serde_json::to_string(&line)?);
                anyhow::Ok(())
            };
            hand_out(&opened, &command.which, since, write).await?;
        }
        Some(path) => {
            let could_not = || format!("could not write {}", path.display());
            let mut file = std::io::BufWriter::new(std::fs::File::create(path).with_context(could_not)?);
            let write = |line: Line| {
                serde_json::to_writer(&mut file, &line)?;
                anyhow::Ok(file.write_all(b"\n")?)
            };
            hand_out(&opened, &command.which, since, write).await.with_context(could_not)?;
            file.flush().with_context(could_not)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Of how many entries a checkpoint in a file is.
fn size_of(path: &std::path::Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let body = text.split_once("\n\n").map_or("", |(body, _)| body);
    let checkpoint = Checkpoint::parse(format!("{body}\n").as_bytes());
    Ok(checkpoint.with_context(|| format!("{} holds no checkpoint", path.display()))?.size)
}

async fn hand_out(
    opened: &Opened,
    which: &Which,
    since: Option<u64>,
    write: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (scope, public) = (Scope::platform(), opened.keys.public());
    if which.root {
        return opened.logs.export_root(&scope, &public, write).await;
    }
    opened.logs.export((&scope, &which.tenant), &public, since.as_slice(), write).await
}
