//! `tenantry audit`: who did what, and the proof that nothing of it was altered.

mod prune;
mod verify;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use tenantry_audit::{Checkpoint, Entry, Form, SigningKeys, root_origin};
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
  tenantry audit export --root                       the root log, of what all others come to
  tenantry audit export acme --format ocsf           as events of OCSF, for a SIEM; they prove nothing by themselves")]
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
    /// Prune old entries; what is left, and each of them to who kept it, stays provable
    #[command(after_help = "Examples:
  tenantry audit prune --all --older-than 400d --reason 'kept for a year' --dry-run
  tenantry audit prune acme --older-than 400d --reason 'kept for a year'
  tenantry up --keep-audit 400d                     a server prunes by itself, each hour")]
    Prune(prune::Prune),
    /// Hold a log, so that nothing of it is pruned
    #[command(after_help = "Example:
  tenantry audit hold acme --reason 'case 4711'")]
    Hold(prune::Hold),
    /// Let a log that was held be pruned again
    #[command(after_help = "Example:
  tenantry audit release acme --reason 'case 4711 is closed'")]
    Release(prune::Hold),
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
    pub(super) tenant: Option<TenantId>,
    /// Of the platform: tiers, regions, defaults
    #[arg(long)]
    platform: bool,
}

/// What `log` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Log {
    #[command(flatten)]
    pub(super) whose: Whose,
    /// Only by this actor
    #[arg(long, value_name = "NAME")]
    pub(super) actor: Option<String>,
    /// Only of this action, such as `config.revise`, or of a group, such as `config`
    #[arg(long, value_name = "ACTION")]
    pub(super) action: Option<String>,
    /// Only of the last SPAN, such as `24h`
    #[arg(long, value_name = "SPAN")]
    pub(super) since: Option<Span>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) last: u32,
    #[command(flatten)]
    key: KeyFile,
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines that `verify` reads, with all proofs
    Jsonl,
    /// Events of the Open Cybersecurity Schema Framework
    Ocsf,
    /// CloudEvents 1.0
    Cloudevents,
}

/// What `export` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// A checkpoint that was kept: a proof that the log goes on from it comes along, also where entries were pruned since
    #[arg(long, value_name = "FILE", conflicts_with = "root")]
    since: Option<PathBuf>,
    /// In which form; only `jsonl` has the proofs
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Jsonl, conflicts_with_all = ["since", "root"])]
    format: Format,
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
        Audit::Prune(command) => prune::prune(common, command).await,
        Audit::Hold(command) => prune::hold(common, command, true).await,
        Audit::Release(command) => prune::hold(common, command, false).await,
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
    pruned: u64,
    held: Option<String>,
}

async fn list(common: &Common, key: &KeyFile) -> anyhow::Result<ExitCode> {
    let opened = open(common, key).await?;
    let listed = |LogHead { log, entries, sealed, pruned, held }| {
        let name = opened.logs.origin(&log);
        ListedLog { log: name, tenant: log, entries, sealed, pruned, held }
    };
    let logs = opened.logs.logs(&Scope::platform()).await?.into_iter().map(listed).collect();
    output::say(common.output, &Listed { logs }, |answer| {
        let row = |log: &ListedLog| {
            let whose = log.tenant.as_ref().map_or_else(|| "the platform".to_owned(), TenantId::to_string);
            let held = log.held.as_ref().map_or_else(String::new, |why| format!("held: {why}"));
            vec![whose, log.entries.to_string(), log.sealed.to_string(), log.pruned.to_string(), log.log.clone(), held]
        };
        output::table(&["WHOSE", "ENTRIES", "SEALED", "PRUNED", "SIGNED AS", ""], answer.logs.iter().map(row))
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
    match &command.out {
        None => {
            let write = |line: String| {
                terminal::say(&line);
                Ok(())
            };
            hand_out(&opened, &command, write).await?;
        }
        Some(path) => {
            let could_not = || format!("could not write {}", path.display());
            let mut file = std::io::BufWriter::new(std::fs::File::create(path).with_context(could_not)?);
            let write = |line: String| Ok(writeln!(file, "{line}")?);
            hand_out(&opened, &command, write).await.with_context(could_not)?;
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
    command: &Export,
    mut write: impl FnMut(String) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (scope, public) = (Scope::platform(), opened.keys.public());
    let form = match command.format {
        Format::Jsonl => None,
        Format::Ocsf => Some(Form::Ocsf),
        Format::Cloudevents => Some(Form::CloudEvents),
    };
    if let Some(form) = form {
        let told = |told| write(form.of(&told).to_string());
        return opened.logs.tell(&scope, &command.which.tenant, told).await;
    }
    let written = |line| write(serde_json::to_string(&line)?);
    if command.which.root {
        return opened.logs.export_root(&scope, &public, written).await;
    }
    let since = command.since.as_deref().map(size_of).transpose()?;
    opened.logs.export((&scope, &command.which.tenant), &public, since.as_slice(), written).await
}
