//! `tenantry backup prune`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tenantry_backup::{Archive, Keep, Name, Pruning, prune};
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::ports::store::audit::{AuditStore as _, Deed};

use super::create::deed;
use super::{At, access, bytes, named, place};
use crate::author::author;
use crate::cli::Common;
use crate::{output, place as store_place, time};

/// What `prune` takes.
#[derive(Debug, Clone, Args)]
pub(super) struct Prune {
    #[command(flatten)]
    at: At,
    /// Which are kept, such as last=3,hourly=24,daily=30,weekly=8,monthly=12,yearly=3 [default: all]
    #[arg(long, value_name = "RULES")]
    keep: Option<Keep>,
    /// Drop this one in any case
    #[arg(long, value_name = "NAME", value_parser = named)]
    drop: Vec<Name>,
    /// Say what would go, and drop nothing
    #[arg(long)]
    dry_run: bool,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT", default_value = "dropped on the command line")]
    reason: String,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    dry_run: bool,
    kept: Vec<String>,
    dropped: Vec<String>,
    pieces_removed: u64,
    bytes_removed: u64,
}

pub(super) async fn run(common: &Common, command: Prune) -> anyhow::Result<ExitCode> {
    let Prune { at, keep, drop, dry_run, reason, author: who } = command;
    let archive = Archive::open(place(&at.place, false)?, &access(common, &at)?).await?;
    // First, so that nothing is dropped that could not be written down.
    let store = if dry_run { None } else { Some(store_place::open(common.store.as_deref(), &common.keys).await?) };
    let pruned = prune(&archive, &Pruning { keep, drop, dry_run }).await?;
    if let Some(store) = store {
        let by = Authorship { author: author(who), at: time::now(), reason };
        let gone = pruned.dropped.iter();
        let deeds: Vec<Deed> = gone.map(|name| deed("backup.drop", name.as_str(), &by, archive.place())).collect();
        store.note(&deeds).await?;
    }
    let names = |names: &[Name]| names.iter().map(ToString::to_string).collect();
    let answer = Answer {
        dry_run,
        kept: names(&pruned.kept),
        dropped: names(&pruned.dropped),
        pieces_removed: pruned.chunks,
        bytes_removed: pruned.bytes,
    };
    output::say(common.output, &answer, picture)?;
    Ok(ExitCode::SUCCESS)
}

fn picture(answer: &Answer) -> String {
    let (drops, removed) =
        if answer.dry_run { ("would drop", "would be removed") } else { ("dropped", "were removed") };
    let mut lines: Vec<String> = answer.dropped.iter().map(|name| format!("{drops} {name}")).collect();
    lines.push(format!(
        "{} kept, {} {drops}; {} pieces that no backup needs {removed}, {}",
        answer.kept.len(),
        answer.dropped.len(),
        answer.pieces_removed,
        bytes(answer.bytes_removed)
    ));
    lines.join("\n")
}
