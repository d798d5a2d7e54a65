//! `tenantry backup` and `tenantry restore`.

mod create;
mod list;
mod prune;
mod restore;
mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use tenantry_adapters::archive;
use tenantry_backup::{Access, Archive, Name, Place};

use crate::cli::Common;
use crate::terminal;

pub(crate) use create::{Made, make, public, scheduled};
pub(crate) use restore::Restore;

/// What `backup` takes.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    create: create::Create,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// List the backups that are there
    #[command(after_help = "Examples:
  tenantry backup list --to /backups/tenantry
  tenantry backup list --to s3://backups/tenantry -o json")]
    List(list::List),
    /// Read all of the backups, and say whether each can be restored
    #[command(after_help = "Examples:
  tenantry backup verify --to /backups/tenantry
  tenantry backup verify --to s3://backups/tenantry --restore       also restore the newest, and compare
  tenantry backup verify 20261128T053000.000Z-4f9a1c --restore          that one
  tenantry backup verify --remove-damaged && tenantry backup        have damaged pieces written anew

Exit code 3 when something was found.")]
    Verify(verify::Verify),
    /// Drop backups that need not be kept, and what no backup needs any more
    #[command(after_help = "Examples:
  tenantry backup prune --keep hourly=24,daily=30,monthly=12 --dry-run
  tenantry backup prune --keep hourly=24,daily=30,monthly=12
  tenantry backup prune --drop 20261128T053000.000Z-4f9a1c              that one, whatever is to be kept
  tenantry backup prune                                             only what killed backups left

The newest backup is kept whatever is said. hourly=24 keeps the newest of each of the last 24 hours in which one was taken,
and so on; what any rule keeps is kept.")]
    Prune(prune::Prune),
}

/// Where backups are, and whether they may be ones that are not encrypted.
#[derive(Debug, Clone, Args)]
pub(crate) struct At {
    /// Where backups are kept: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    #[arg(long = "to", visible_alias = "from", env = "TENANTRY_BACKUP_TO", value_name = "PLACE")]
    pub(crate) place: String,
    /// Whether backups may be ones that are not encrypted, and that anybody could have made
    #[arg(long)]
    pub(crate) unencrypted: bool,
}

pub(super) async fn run(common: &Common, backup: Backup) -> anyhow::Result<ExitCode> {
    match backup.command {
        None => create::run(common, backup.create).await,
        Some(Command::List(command)) => list::run(common, &command).await,
        Some(Command::Verify(command)) => verify::run(common, command).await,
        Some(Command::Prune(command)) => prune::run(common, command).await,
    }
}

pub(super) async fn restore(common: &Common, command: Restore) -> anyhow::Result<ExitCode> {
    restore::run(common, command).await
}

/// Opens a place.
///
/// # Errors
/// One that cannot be.
pub(crate) fn place(text: &str, make: bool) -> anyhow::Result<Place> {
    let archive::Opened { objects, root, said } = archive::open(text, make)?;
    Ok(Place::new(objects, root, said, holder(), is_gone))
}

fn access(common: &Common, at: &At) -> anyhow::Result<Access> {
    Ok(Access { provider: common.keys.provider(common.store.as_deref())?, unencrypted: at.unencrypted })
}

/// Opens the archive to read it.
async fn open(common: &Common, at: &At) -> anyhow::Result<Archive> {
    Ok(Archive::open(place(&at.place, false)?, &access(common, at)?).await?)
}

fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

/// Who works here, for others who come to the same backups.
fn holder() -> String {
    format!("process {} on {}", std::process::id(), host())
}

/// Whether that was a process of this machine, which is gone.
fn is_gone(holder: &str) -> bool {
    let process = holder.strip_prefix("process ").and_then(|rest| rest.split_once(" on "));
    let Some((process, _)) = process.filter(|(_, on)| *on == host()) else { return false };
    // Other systems than Linux do not tell it so.
    std::path::Path::new("/proc/self").exists()
        && process.bytes().all(|byte| byte.is_ascii_digit())
        && !std::path::Path::new("/proc").join(process).exists()
}

/// Bytes as people read them.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let mut shown = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if shown < 1024.0 {
            break;
        }
        (shown, unit) = (shown / 1024.0, next);
    }
    if unit == "B" { format!("{count} B") } else { format!("{shown:.1} {unit}") }
}

/// Shows how far work is, not more often than can be read.
struct Told(std::time::Instant);

impl Told {
    fn new() -> Self {
        Self(std::time::Instant::now())
    }

    fn tell(&mut self, text: impl FnOnce() -> String) {
        if self.0.elapsed() > std::time::Duration::from_millis(100) {
            self.0 = std::time::Instant::now();
            terminal::progress(&text());
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        terminal::progress_ends();
    }
}

/// The name of a backup, on the command line.
fn named(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error: tenantry_backup::NameError| error.to_string())
}
