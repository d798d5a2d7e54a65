//! `tenantry backup`: one is taken.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use tenantry_backup::{About, Access, Archive, BackupError, Keep, Place, Pruning, Taken, prune, take};
use tenantry_domain::failure::with_causes;
use tenantry_domain::unit::Span;
use tenantry_engine::backup::{BackupStatus, LastBackup, backups, keep_backups};
use tenantry_engine::ports::store::audit::{AuditStore as _, Deed};
use tenantry_engine::ports::store::{Authorship, StoreError};
use tenantry_store::Store;

use super::{At, Told, bytes};
use crate::author::author;
use crate::cli::Common;
use crate::failure::FOUND;
use crate::{audit_key, output, place, time};

/// What `backup` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Create {
    // Not required here, as the commands under this one have their own.
    /// Where it is kept: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    #[arg(long = "to", env = "TENANTRY_BACKUP_TO", value_name = "PLACE")]
    place: Option<String>,
    /// Afterwards drop backups that need not be kept, such as last=3,hourly=24,daily=30
    #[arg(long, value_name = "RULES")]
    keep: Option<Keep>,
    /// Do not encrypt it; what is sealed in the store stays sealed, names and times are in plain sight
    #[arg(long)]
    unencrypted: bool,
    /// File of the key that audit logs are signed with, of which the public half goes along [default: beside the store]
    #[arg(long, env = "TENANTRY_AUDIT_KEY", value_name = "FILE")]
    audit_key: Option<std::path::PathBuf>,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT", default_value = "taken on the command line")]
    reason: String,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    place: String,
    name: String,
    at: String,
    tables: u64,
    rows: u64,
    bytes: u64,
    pieces_new: u64,
    bytes_written: u64,
    pieces_reused: u64,
    bytes_reused: u64,
    millis: u64,
    dropped: Vec<String>,
    not_dropped: Option<String>,
}

/// A backup to be made.
pub(crate) struct Made<'a> {
    pub(crate) store: &'a Arc<Store>,
    pub(crate) place: Place,
    pub(crate) access: Access,
    pub(crate) keep: Option<Keep>,
    /// Public keys of the audit logs, and which deployment they are of.
    pub(crate) audit: Option<(String, String)>,
    pub(crate) by: Authorship,
}

/// What was made.
pub(crate) struct Done {
    pub(crate) last: LastBackup,
    pub(crate) taken: Taken,
    pub(crate) dropped: Vec<String>,
    /// Why none was dropped that should have been: the backup itself is there.
    pub(crate) not_dropped: Option<String>,
}

pub(super) async fn run(common: &Common, command: Create) -> anyhow::Result<ExitCode> {
    let Create { place: to, keep, unencrypted, audit_key: key, reason, author: who } = command;
    let to = to.ok_or_else(|| anyhow::anyhow!("where to? say --to PLACE, or set TENANTRY_BACKUP_TO"))?;
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let at = At { place: to, unencrypted };
    let made = Made {
        store: &store,
        place: super::place(&at.place, true)?,
        access: super::access(common, &at)?,
        keep,
        audit: public(key.as_deref(), common.store.as_deref()),
        by: Authorship { author: author(who), at: time::now(), reason },
    };
    let said = made.place.said();
    let mut shown = Told::new();
    let mut tell = |taken: &Taken| {
        shown.tell(|| format!("{} rows, {} read, {} written", taken.rows, bytes(taken.bytes), bytes(taken.written)));
    };
    let done = make(made, &mut tell).await;
    drop(shown);
    let Done { last, taken, dropped, not_dropped } = done?;
    let answer = Answer {
        place: said,
        name: last.name,
        at: last.at.to_string(),
        tables: taken.tables,
        rows: taken.rows,
        bytes: taken.bytes,
        pieces_new: taken.new_chunks,
        bytes_written: taken.written,
        pieces_reused: taken.reused_chunks,
        bytes_reused: taken.reused,
        millis: last.took.as_millis(),
        dropped,
        not_dropped,
    };
    output::say(common.output, &answer, picture)?;
    Ok(if answer.not_dropped.is_none() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn picture(answer: &Answer) -> String {
    let mut lines = vec![
        format!("backup {} of {} at {}", answer.name, answer.at, answer.place),
        format!(
            "{} rows of {} tables, {}; {} in {} pieces were there already, {} in {} new ones were written",
            answer.rows,
            answer.tables,
            bytes(answer.bytes),
            bytes(answer.bytes_reused),
            answer.pieces_reused,
            bytes(answer.bytes_written),
            answer.pieces_new
        ),
    ];
    if !answer.dropped.is_empty() {
        lines.push(format!("dropped {}", answer.dropped.join(", ")));
    }
    lines.extend(answer.not_dropped.as_ref().map(|why| format!("problem  none was dropped: {why}")));
    lines.join("\n")
}

/// The public half of the key of the audit logs, where there is one.
pub(crate) fn public(file: Option<&std::path::Path>, store: Option<&str>) -> Option<(String, String)> {
    let keys = audit_key::open(file, store).ok()?.public();
    Some((keys.deployment(), keys.to_text()))
}

/// Takes a backup, writes down that it was, and drops those that need not be kept. How it went is kept in the store.
pub(crate) async fn make(made: Made<'_>, tell: &mut (dyn FnMut(&Taken) + Send)) -> Result<Done, BackupError> {
    let (store, said) = (made.store.clone(), made.place.said());
    let done = work(made, tell).await;
    let now = time::now();
    let before = backups(store.as_ref()).await.map_err(kept)?;
    let before = before.unwrap_or_default();
    let after = match &done {
        Ok(done) => before.succeeded(said, done.last.clone()),
        Err(error) => before.failed(said, with_causes(error), now),
    };
    let noted = keep_backups(store.as_ref(), &after, now).await.map_err(kept);
    let done = done?;
    noted?;
    Ok(done)
}

fn kept(source: StoreError) -> BackupError {
    BackupError::Database { action: "told how backups stand", source: Box::new(source) }
}

async fn work(made: Made<'_>, tell: &mut (dyn FnMut(&Taken) + Send)) -> Result<Done, BackupError> {
    let Made { store, place, access, keep, audit, by } = made;
    let began = Instant::now();
    let database = |action| move |source: StoreError| BackupError::Database { action, source: Box::new(source) };
    let archive = Archive::begin(place, &access).await?;
    let mut snapshot = store.snapshot().await.map_err(database("read"))?;
    // Afterwards, so that nothing later than this is in it.
    let taken_at = time::now();
    let (deployment, audit_keys) = audit.unzip();
    let about = About {
        taken_at,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: snapshot.schema(),
        database: store.kind().to_owned(),
        deployment,
        audit_keys,
    };
    let taken = take(&archive, &mut snapshot, about, tell).await;
    snapshot.end().await;
    let (name, taken) = taken?;
    let took = Span::from_millis(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let last = LastBackup { name: name.to_string(), at: taken_at, took, bytes: taken.bytes, written: taken.written };
    let mut deeds = vec![deed("backup.create", &name.to_string(), &by, archive.place())];
    let (mut dropped, mut not_dropped) = (Vec::new(), None);
    if keep.is_some() {
        match prune(&archive, &Pruning { keep, ..Pruning::default() }).await {
            Ok(pruned) => {
                dropped = pruned.dropped.iter().map(ToString::to_string).collect();
                deeds.extend(dropped.iter().map(|name| deed("backup.drop", name, &by, archive.place())));
            }
            // The backup is there all the same, and the next one drops what this one does not.
            Err(error) => not_dropped = Some(with_causes(&error)),
        }
    }
    store.note(&deeds).await.map_err(database("written to"))?;
    Ok(Done { last, taken, dropped, not_dropped })
}

/// What is written into the platform's log.
pub(super) fn deed(action: &'static str, name: &str, by: &Authorship, place: &Place) -> Deed {
    let done = Deed::done(None, by, format!("backup/{name}"));
    Deed { action, details: [("place".to_owned(), place.said())].into(), ..done }
}

/// How often the server takes one, from now on.
pub(crate) async fn scheduled(store: &Store, every: Option<Span>) -> Result<BackupStatus, StoreError> {
    let status = backups(store).await?;
    match status {
        None if every.is_none() => Ok(BackupStatus::default()),
        status => {
            let status = BackupStatus { every, ..status.unwrap_or_default() };
            keep_backups(store, &status, time::now()).await?;
            Ok(status)
        }
    }
}
