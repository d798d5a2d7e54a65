//! `tenantry keys`: the keys that the store is sealed with are listed, renewed and destroyed.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;
use tenantry_domain::config::{DocumentKey, Lifecycle};
use tenantry_domain::id::TenantId;
use tenantry_engine::ports::store::{Authorship, ConfigStore as _};
use tenantry_engine::scope::Scope;
use tenantry_engine::tenants::Tenants;
use tenantry_store::{KeyRow, Progress, Rotation};
use thiserror::Error;

use crate::author::author;
use crate::cli::Common;
use crate::{output, place, terminal, time};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List the data keys, and how many rows are still to be sealed with the newest
    #[command(after_help = "Examples:
  tenantry keys list
  tenantry keys list acme
  tenantry keys list -o json | jq .rows_to_seal")]
    List(List),
    /// Renew keys, and seal what they sealed anew, while the store is in use
    #[command(after_help = "Examples:
  tenantry keys rotate                          all data keys; also seals what was written before the store was sealed
  tenantry keys rotate --tenant acme            those of one tenant
  tenantry keys rotate --kek                    the key-encryption keys, with which data keys are sealed
  tenantry keys rotate --kek --destroy-old      and destroy the older ones, after one of them was seen by others

What was broken off is gone on with by the same command. After --destroy-old no copy of the database from before can be
opened any more; it is refused where one key seals for all (aws, gcp, azure, env). With `--key-provider env`, put the new key first into TENANTRY_KEY and the old one behind it, then use
--kek, then take the old one out.")]
    Rotate(Rotate),
    /// Destroy what is kept of a tenant that was removed or suspended, with its key: in no copy can it be read again
    #[command(after_help = "Examples:
  tenantry keys shred acme --yes --reason 'contract ended, ticket 4711'
  tenantry keys shred acme --dry-run --reason 'to see'

Documents, decisions, interventions, learned state and details of the audit log go. The log itself stays, and verifies:
who did what and when, without the details. Copies of the key file can still open copies of the database: destroy them.
Where one key seals for all (aws, gcp, azure, env), so can that key.")]
    Shred(Shred),
}

/// What `list` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct List {
    /// Only of this tenant
    #[arg(value_name = "TENANT")]
    tenant: Option<TenantId>,
}

/// What `rotate` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rotate {
    /// Only of this tenant
    #[arg(long, value_name = "ID")]
    tenant: Option<TenantId>,
    /// Key-encryption keys, instead of data keys
    #[arg(long)]
    kek: bool,
    /// Destroy the older key-encryption keys
    #[arg(long, requires = "kek")]
    destroy_old: bool,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT", default_value = "renewed on the command line")]
    reason: String,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

/// What `shred` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shred {
    /// Which tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
    /// It cannot be undone
    #[arg(long)]
    yes: bool,
    /// Say what would be destroyed and destroy nothing
    #[arg(long)]
    dry_run: bool,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

/// Why older keys are not destroyed.
#[derive(Debug, Error)]
#[error("older keys are not destroyed in {place}, where one seals for all; leave --destroy-old out")]
pub(crate) struct NotRetired {
    place: String,
}

impl NotRetired {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    pub(crate) const fn code(&self) -> &'static str {
        "T1011"
    }
}

/// Why a tenant is not shredded.
#[derive(Debug, Error)]
pub(crate) enum NotShredded {
    /// It is in use.
    #[error("tenant `{tenant}` is active; remove its document or set `lifecycle: suspended` in it first")]
    Active {
        /// Which.
        tenant: TenantId,
    },
    /// It was never there.
    #[error("there never was a tenant `{tenant}` in this store")]
    Unknown {
        /// Which.
        tenant: TenantId,
    },
}

impl NotShredded {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Active { .. } | Self::Unknown { .. } => "T1008",
        }
    }
}

pub(super) async fn run(common: &Common, command: Keys) -> anyhow::Result<ExitCode> {
    match command {
        Keys::List(command) => list(common, &command).await,
        Keys::Rotate(command) => rotate(common, command).await,
        Keys::Shred(command) => shred(common, command).await,
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    held_by: String,
    rows_to_seal: u64,
    keys: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    owner: String,
    purpose: &'static str,
    version: i64,
    key_encryption_key: i64,
    made_at: String,
    state: &'static str,
}

impl From<KeyRow> for Row {
    fn from(row: KeyRow) -> Self {
        let KeyRow { owner, purpose, version, kek, made_at, newest } = row;
        Self {
            owner: owner.to_string(),
            purpose: purpose.as_str(),
            version,
            key_encryption_key: kek,
            made_at: made_at.to_string(),
            state: if newest { "in use" } else { "being replaced" },
        }
    }
}

async fn list(common: &Common, command: &List) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let keys = store.keys(command.tenant.as_ref()).await?.into_iter().map(Row::from).collect();
    let rows_to_seal = store.rows_to_seal(command.tenant.as_ref()).await?;
    let held_by = common.keys.provider(common.store.as_deref())?.place();
    output::say(common.output, &Listed { held_by, rows_to_seal, keys }, picture)?;
    Ok(ExitCode::SUCCESS)
}

fn picture(listed: &Listed) -> String {
    let cells = |row: &Row| {
        vec![
            row.owner.clone(),
            row.purpose.to_owned(),
            row.version.to_string(),
            row.key_encryption_key.to_string(),
            row.made_at.clone(),
            row.state.to_owned(),
        ]
    };
    let table = if listed.keys.is_empty() {
        "there are no keys yet; the first are made when something is written".to_owned()
    } else {
        output::table(&["OWNER", "PURPOSE", "VERSION", "SEALED WITH", "MADE", "STATE"], listed.keys.iter().map(cells))
    };
    let left = match listed.rows_to_seal {
        0 => "all rows are sealed with keys in use".to_owned(),
        1 => "1 row is not sealed with a key in use; `tenantry keys rotate` seals it".to_owned(),
        rows => format!("{rows} rows are not sealed with keys in use; `tenantry keys rotate` seals them"),
    };
    format!("{table}\n{left}\nkey-encryption keys are in {}", listed.held_by)
}

#[derive(Debug, Serialize)]
struct Rotated {
    what: &'static str,
    keys_made: u64,
    sealed_anew: u64,
    old_keys_dropped: u64,
}

async fn rotate(common: &Common, command: Rotate) -> anyhow::Result<ExitCode> {
    let provider = common.keys.provider(common.store.as_deref())?;
    if command.destroy_old && !provider.holds_one_each() {
        return Err(NotRetired { place: provider.place() }.into());
    }
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let by = Authorship { author: author(command.author), at: time::now(), reason: command.reason };
    let rotation = Rotation { tenant: command.tenant, kek: command.kek, retire: command.destroy_old };
    let (what, unit) = if rotation.kek { ("key-encryption keys", "data keys") } else { ("data keys", "rows") };
    let told = |progress: Progress| terminal::progress(&format!("{} of {} {unit}", progress.done, progress.of));
    let done = store.rotate(&rotation, &by, told).await;
    terminal::progress_ends();
    let done = done?;
    let answer = Rotated { what, keys_made: done.made, sealed_anew: done.done, old_keys_dropped: done.dropped };
    output::say(common.output, &answer, |answer| {
        let Rotated { what, keys_made, sealed_anew, .. } = answer;
        format!("new {what}: {keys_made}; {unit} sealed anew: {sealed_anew}")
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Destroyed {
    tenant: TenantId,
    dry_run: bool,
    rows: Option<u64>,
    key_destroyed: bool,
    copies_unreadable: bool,
    held_by: String,
}

async fn shred(common: &Common, command: Shred) -> anyhow::Result<ExitCode> {
    let Shred { tenant, yes, dry_run, reason, author: who } = command;
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let key = DocumentKey::Tenant(tenant.clone());
    let head = store.head(&Scope::platform(), &key).await?;
    let head = head.ok_or_else(|| NotShredded::Unknown { tenant: tenant.clone() })?;
    if head.body.is_some() {
        let effective = Tenants::new(store.clone()).effective(&tenant).await?;
        if effective.lifecycle() == Lifecycle::Active {
            return Err(NotShredded::Active { tenant }.into());
        }
    }
    let provider = common.keys.provider(common.store.as_deref())?;
    let (copies_unreadable, held_by) = (provider.holds_one_each(), provider.place());
    let answer = if dry_run {
        Destroyed { tenant, dry_run, rows: None, key_destroyed: false, copies_unreadable, held_by }
    } else if yes {
        let by = Authorship { author: author(who), at: time::now(), reason };
        let done = store.shred(&tenant, head.number, &by).await?;
        Destroyed {
            tenant,
            dry_run,
            rows: Some(done.rows),
            key_destroyed: done.destroyed,
            copies_unreadable: done.copies,
            held_by,
        }
    } else {
        bail!("what is kept of `{tenant}` would be gone for good; say --yes when it may, or --dry-run to see");
    };
    output::say(common.output, &answer, |answer| {
        let Destroyed { tenant, .. } = answer;
        let done = match answer.rows {
            None => format!("what is kept of `{tenant}` would be destroyed, and its key"),
            Some(0) => format!("nothing was left of `{tenant}`"),
            Some(rows) => format!("what was kept of `{tenant}` is destroyed: {rows} rows"),
        };
        let place = &answer.held_by;
        let copies = if answer.copies_unreadable {
            format!("no copy of the database can be read with the keys that are left; destroy copies of {place} too")
        } else {
            format!(
                "copies of the database can be read for as long as the key in {place} exists: replace it by `tenantry \
                 keys rotate --kek`, and destroy the old one"
            )
        };
        format!("{done}\n{copies}")
    })?;
    Ok(ExitCode::SUCCESS)
}
