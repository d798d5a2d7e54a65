//! `tenantry restore`: an empty store is filled.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use tenantry_backup::{Archive, Filled, Name, Which, fill};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_store::{Ending, Restore as Filling, Settings};

use super::{At, Told, access, bytes, named, place};
use crate::author::author;
use crate::cli::Common;
use crate::{output, place as store_place, time};

/// Fill an empty store from a backup
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tenantry restore --from /backups/tenantry --store new.db --key-file /safe/tenantry.keys
  tenantry restore --from s3://backups/tenantry --at 2026-11-28T05:30:00Z --store postgres://tenantry@db/tenantry
  tenantry restore --from /backups/tenantry --backup 20261128T053000.000Z-4f9a1c --store new.db
  tenantry restore --from /backups/tenantry --dry-run

--store names what is filled: a SQLite file that is not there yet, or a PostgreSQL database with nothing in it. A backup of
either is restored into either. The keys that the store was sealed with are needed. A restore that was killed left nothing,
and is begun again.")]
pub(crate) struct Restore {
    #[command(flatten)]
    at: At,
    /// This backup [default: the newest]
    #[arg(long, value_name = "NAME", value_parser = named, conflicts_with = "instant")]
    backup: Option<Name>,
    /// The newest backup that was taken at this instant or before
    #[arg(long = "at", value_name = "INSTANT", value_parser = instant)]
    instant: Option<Timestamp>,
    /// Say which backup it would be, and fill nothing
    #[arg(long)]
    dry_run: bool,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT", default_value = "restored on the command line")]
    reason: String,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let parsed = text.parse::<jiff::Timestamp>();
    let parsed = parsed.map_err(|_| "it is no instant such as 2026-11-28T05:30:00Z".to_owned())?;
    // Instants are shown to the second: what is of that second is meant.
    let whole = if parsed.subsec_nanosecond() == 0 { 999 } else { 0 };
    Ok(Timestamp::from(parsed) + Span::from_millis(whole))
}

#[derive(Debug, Serialize)]
struct Answer {
    dry_run: bool,
    backup: String,
    at: String,
    from: String,
    to: String,
    rows: u64,
    bytes_read: u64,
    notes: Vec<String>,
}

pub(super) async fn run(common: &Common, command: Restore) -> anyhow::Result<ExitCode> {
    let Restore { at, backup, instant, dry_run, reason, author: who } = command;
    let access = access(common, &at)?;
    let archive = Archive::open(place(&at.place, false)?, &access).await?;
    let which = match (backup, instant) {
        (Some(name), _) => Which::Named(name),
        (None, Some(at)) => Which::At(at),
        (None, None) => Which::Newest,
    };
    let manifest = archive.find(&which).await?;
    let taken_at = manifest.about.taken_at;
    let to = store_place::url(common.store.as_deref())?;
    let (said, filled) = if dry_run {
        ("nothing".to_owned(), Filled { rows: manifest.rows(), read: 0 })
    } else {
        let settings = Settings::default();
        let mut filling = Filling::begin(&to, manifest.about.schema, &settings).await?;
        let said = filling.describe();
        let mut shown = Told::new();
        let all = manifest.rows();
        let mut tell = |filled: &Filled| shown.tell(|| format!("{} of {all} rows", filled.rows));
        let filled = fill(&archive, &manifest, &mut filling, &mut tell).await?;
        drop(shown);
        if filled.rows != all {
            bail!("{} rows were restored, and the backup has {all}", filled.rows);
        }
        let now = time::now();
        let by = Authorship { author: author(who), at: now, reason };
        let deed = restored(&manifest.name, &by);
        filling.finish(Ending { since: now.since(taken_at), deed }, access.provider.clone(), &settings).await?;
        (said, filled)
    };
    let answer = Answer {
        dry_run,
        backup: manifest.name.to_string(),
        at: taken_at.to_string(),
        from: archive.place().said(),
        to: said,
        rows: filled.rows,
        bytes_read: filled.read,
        notes: notes(taken_at),
    };
    output::say(common.output, &answer, picture)?;
    Ok(ExitCode::SUCCESS)
}

/// What is written into the platform's log: without details, which would have to be sealed with keys that are known only when
/// the store is whole.
pub(super) fn restored(name: &Name, by: &Authorship) -> Deed {
    Deed { action: "backup.restore", ..Deed::done(None, by, format!("backup/{name}")) }
}

fn notes(taken_at: Timestamp) -> Vec<String> {
    vec![
        format!("what was done after {taken_at} is not in it: a backup is of one instant, and there is nothing between two"),
        "tokens that were ended since are valid again: see `tenantry token list`".to_owned(),
        "audit logs are as they were: who kept a later checkpoint will see that entries are missing, and `backup.restore` \
         in the platform's log says why"
            .to_owned(),
    ]
}

fn picture(answer: &Answer) -> String {
    let mut lines = if answer.dry_run {
        vec![format!("backup {} of {} would be restored: {} rows", answer.backup, answer.at, answer.rows)]
    } else {
        let read = bytes(answer.bytes_read);
        vec![format!(
            "restored backup {} of {} into {}: {} rows, {read} read",
            answer.backup, answer.at, answer.to, answer.rows
        )]
    };
    lines.extend(answer.notes.iter().map(|note| format!("note  {note}")));
    lines.join("\n")
}
