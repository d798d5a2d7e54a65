//! `tenantry config`: declare what tenants get.

mod apply;
mod files;
mod history;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tenantry_domain::config::{DocumentKey, Explained};
use tenantry_domain::id::{RegionName, TenantId, TierName, WorkloadName};
use tenantry_engine::tenants::Tenants;

use crate::cli::Common;
use crate::{output, place, terminal};

pub(super) use apply::{fields_that_differ, told_as_right};
pub(crate) use files::read_files;
pub(super) use history::write_all;

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check documents and change nothing
    #[command(after_help = "Examples:
  tenantry config validate acme.yaml
  tenantry config validate tenants/           every .yaml, .yml and .json under it
  tenantry config validate --alone acme.yaml  without the tiers and regions in the store")]
    Validate(Validate),
    /// Declare documents: all of them, or none
    #[command(after_help = "Examples:
  tenantry config apply tenants/ -m 'gold tier gets 50 replicas'
  tenantry config apply acme.yaml --dry-run
  tenantry config apply acme.yaml --based-on 7     refuse when somebody changed it since")]
    Apply(Apply),
    /// Show each effective value and the layer, file and line that set it
    #[command(after_help = "Examples:
  tenantry config explain acme
  tenantry config explain acme autoscaling.max_replicas
  tenantry config explain acme --workload api      what it comes to for one workload
  tenantry config explain acme autoscaling -o json")]
    Explain {
        /// Which tenant
        tenant: TenantId,
        /// Only this field or group
        field: Option<String>,
        /// What it comes to for this workload: its object, and its own autoscaling over the tenant's
        #[arg(long, value_name = "NAME")]
        workload: Option<WorkloadName>,
    },
    /// List revisions with author, time and reason
    #[command(after_help = "Examples:
  tenantry config history acme
  tenantry config history tier/gold --last 5")]
    History {
        #[command(flatten)]
        document: Which,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        last: u32,
    },
    /// Compare two revisions, and what they come to
    #[command(after_help = "Examples:
  tenantry config diff acme            the last change
  tenantry config diff acme 3 7
  tenantry config diff tier/gold       with what it comes to for each tenant of the tier")]
    Diff {
        #[command(flatten)]
        document: Which,
        /// The older revision [default: the one before]
        from: Option<u64>,
        /// The newer revision [default: the last]
        to: Option<u64>,
    },
    /// Make a new revision of an old one
    #[command(after_help = "Examples:
  tenantry config rollback acme 3 -m 'back to before the launch'
  tenantry config rollback acme 3 -m test --dry-run")]
    Rollback {
        #[command(flatten)]
        document: Which,
        /// Which revision
        revision: u64,
        #[command(flatten)]
        by: By,
    },
    /// Write every declared document to a folder
    #[command(after_help = "Examples:
  tenantry config export backup/
  tenantry config export backup/ --dry-run -o json     which files it would write")]
    Export {
        /// The folder; made when it is not there
        folder: PathBuf,
        #[command(flatten)]
        how: Exporting,
    },
    /// Declare what `export` wrote
    #[command(after_help = "Example:
  tenantry config import backup/ -m 'from the old machine'")]
    Import(Apply),
    /// Print the JSON Schema of documents, for editors
    #[command(after_help = "Example:
  tenantry config schema > tenant-config.schema.json

In an editor with the YAML language server, put this into a document's first line:
  # yaml-language-server: $schema=tenant-config.schema.json")]
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Without the documents in the store
    #[arg(long)]
    pub(crate) alone: bool,
}

#[derive(Debug, Args)]
pub(crate) struct By {
    /// Why, for those who look later
    #[arg(long = "message", short, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// Who [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Apply the good documents although others are bad
    #[arg(long)]
    pub(crate) partial: bool,
    /// Remove what was declared here before and is not among these
    #[arg(long)]
    pub(crate) prune: bool,
    /// Refuse unless the one document is at this revision
    #[arg(long, value_name = "REVISION")]
    pub(crate) based_on: Option<u64>,
    #[command(flatten)]
    pub(crate) by: By,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Exporting {
    /// Write over files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// Say what would be written and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A document on the command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// A tenant's id, `tier/NAME`, `region/NAME` or `defaults`
    #[arg(value_name = "DOCUMENT", value_parser = document)]
    pub(crate) document: DocumentKey,
}

fn document(text: &str) -> Result<DocumentKey, String> {
    let told = |error: tenantry_domain::id::NameError| error.to_string();
    match text.split_once('/') {
        None if text == "defaults" => Ok(DocumentKey::Defaults),
        None => TenantId::new(text).map(DocumentKey::Tenant).map_err(told),
        Some(("tier", name)) => TierName::new(name).map(DocumentKey::Tier).map_err(told),
        Some(("region", name)) => RegionName::new(name).map(DocumentKey::Region).map_err(told),
        Some(("tenant", name)) => TenantId::new(name).map(DocumentKey::Tenant).map_err(told),
        Some((kind, _)) => Err(format!(
            "`{kind}` is no kind of document: write a tenant's id, `tier/NAME`, `region/NAME` or `defaults`"
        )),
    }
}

pub(crate) async fn run(common: &Common, command: Config) -> anyhow::Result<ExitCode> {
    match command {
        Config::Schema => {
            terminal::say(&serde_json::to_string_pretty(tenantry_domain::config::schema())?);
            Ok(ExitCode::SUCCESS)
        }
        Config::Validate(asked) => apply::validate(common, asked).await,
        Config::Apply(asked) => apply::apply(common, asked, "applied on the command line").await,
        Config::Import(asked) => apply::apply(common, asked, "imported on the command line").await,
        Config::Explain { tenant, field, workload } => {
            explain(common, &tenant, workload.as_ref(), field.as_deref()).await
        }
        Config::History { document, last } => history::list(common, &document.document, last).await,
        Config::Diff { document, from, to } => history::compare(common, &document.document, from, to).await,
        Config::Rollback { document, revision, by } => {
            history::rollback(common, &document.document, revision, by).await
        }
        Config::Export { folder, how } => history::export(common, &folder, how).await,
    }
}

async fn explain(
    common: &Common,
    tenant: &TenantId,
    workload: Option<&WorkloadName>,
    field: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let tenants = Tenants::new(place::open(common.store.as_deref(), &common.keys).await?);
    let explained = tenants.explain(tenant, workload, field).await?;
    let mut notes = tenants.effective(tenant).await?.notes();
    if let Some(workload) = workload {
        notes.retain(|note| note.starts_with(&format!("{tenant}/{workload}: ")));
    }
    output::say(common.output, &explained, |rows| {
        let cells = |one: &Explained| {
            let place = match (&one.file, one.line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                (Some(file), None) => file.clone(),
                (None, _) => String::new(),
            };
            vec![one.field.clone(), one.value.clone(), one.layer.clone(), place]
        };
        let mut text = output::table(&["FIELD", "VALUE", "LAYER", "SET IN"], rows.iter().map(cells));
        for note in &notes {
            text.push_str(&format!("\nnote: {note}"));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}
