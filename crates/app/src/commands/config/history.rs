//! `tenantry config history`, `diff`, `rollback` and `export`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Serialize;
use tenantry_domain::config::{Document, DocumentKey, FieldChange};
use tenantry_engine::ports::store::Revision;
use tenantry_engine::tenants::{Compared, TenantEffect, Tenants};

use super::apply::authorship;
use super::{By, Exporting};
use crate::cli::Common;
use crate::failure::FOUND;
use crate::{output, place};

/// Tenants shown of those that a shared document bears on; the rest are counted.
const TENANTS_SHOWN: usize = 20;

/// A revision as programs read it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    revision: u64,
    at: String,
    author: &'a str,
    reason: &'a str,
    owner: String,
    /// The declared fields; none when this revision removed the document.
    fields: Option<serde_json::Value>,
}

impl<'a> Listed<'a> {
    fn of(revision: &'a Revision) -> anyhow::Result<Self> {
        let read = |body: &String| Document::from_stored(revision.key.clone(), body).map(|read| read.body().clone());
        Ok(Self {
            revision: revision.number,
            at: revision.at.to_string(),
            author: &revision.author,
            reason: &revision.reason,
            owner: revision.owner.to_string(),
            fields: revision.body.as_ref().map(read).transpose()?,
        })
    }
}

async fn tenants(common: &Common) -> anyhow::Result<Tenants> {
    Ok(Tenants::new(place::open(common.store.as_deref(), &common.keys).await?))
}

pub(super) async fn list(common: &Common, key: &DocumentKey, last: u32) -> anyhow::Result<ExitCode> {
    let revisions = tenants(common).await?.history(key, last).await?;
    let revisions = revisions.iter().map(Listed::of).collect::<anyhow::Result<Vec<_>>>()?;
    output::say(common.output, &revisions, |revisions| {
        let cells = |revision: &Listed<'_>| {
            let did = if revision.fields.is_some() { "" } else { "removed: " };
            vec![
                revision.revision.to_string(),
                revision.at.clone(),
                revision.author.to_owned(),
                format!("{did}{}", revision.reason),
            ]
        };
        output::table(&["REVISION", "WHEN", "AUTHOR", "REASON"], revisions.iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn compare(
    common: &Common,
    key: &DocumentKey,
    from: Option<u64>,
    to: Option<u64>,
) -> anyhow::Result<ExitCode> {
    let compared = tenants(common).await?.compare(key, from, to).await?;
    output::say(common.output, &compared, picture)?;
    Ok(if compared.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn picture(compared: &Compared) -> String {
    let mut lines = vec![format!("{}, revision {} to {}", compared.document, compared.from, compared.to)];
    lines.extend(fields(&compared.changes));
    if compared.changes.is_empty() {
        lines.push("  no difference".to_owned());
    }
    let own: Vec<&FieldChange> = compared.effect.iter().filter(|change| !compared.changes.contains(change)).collect();
    if !compared.effect.is_empty() && !own.is_empty() {
        lines.push("what it comes to, over defaults, tier and region".to_owned());
        lines.extend(fields(&compared.effect));
    }
    lines.extend(tenants_picture(&compared.tenants));
    lines.join("\n")
}

/// What a shared document does to tenants.
fn tenants_picture(tenants: &[TenantEffect]) -> Vec<String> {
    let mut lines = Vec::new();
    if !tenants.is_empty() {
        let (count, noun) = (tenants.len(), if tenants.len() == 1 { "tenant" } else { "tenants" });
        lines.push(format!("what it comes to for {count} {noun}"));
    }
    for effect in tenants.iter().take(TENANTS_SHOWN) {
        lines.extend(fields(&effect.changes).iter().map(|line| format!("  {}: {}", effect.tenant, line.trim_start())));
    }
    if tenants.len() > TENANTS_SHOWN {
        lines.push(format!("  and {} more tenants; `-o json` names them all", tenants.len() - TENANTS_SHOWN));
    }
    lines
}

fn fields(changes: &[FieldChange]) -> Vec<String> {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not set)".to_owned());
    changes
        .iter()
        .map(|change| format!("  {}: {} → {}", change.field, side(&change.before), side(&change.after)))
        .collect()
}

pub(super) async fn rollback(common: &Common, key: &DocumentKey, revision: u64, by: By) -> anyhow::Result<ExitCode> {
    let who = authorship(&by, &format!("back to revision {revision}"));
    let done = tenants(common).await?.rollback(key, revision, &who, (None, by.dry_run)).await?;
    output::say(common.output, &done, |done| {
        let head = match done.revision {
            Some(number) => format!("{key} is at revision {number}, a copy of revision {revision}"),
            None if by.dry_run => format!("nothing was changed; {key} would get a copy of revision {revision}"),
            None => format!("{key} is as in revision {revision} already"),
        };
        let mut lines = fields(&done.compared.changes);
        lines.extend(tenants_picture(&done.compared.tenants));
        if lines.is_empty() { head } else { format!("{head}\n{}", lines.join("\n")) }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What `export` wrote, or would write.
#[derive(Debug, Serialize)]
struct Exported {
    folder: String,
    files: Vec<String>,
    dry_run: bool,
}

pub(super) async fn export(common: &Common, folder: &Path, how: Exporting) -> anyhow::Result<ExitCode> {
    let documents: Vec<Document> = tenants(common).await?.export().await?.into_iter().map(|(_, one)| one).collect();
    write_all(common, &documents, folder, how)
}

/// Writes documents to a folder, each to the file of its name.
pub(in crate::commands) fn write_all(
    common: &Common,
    documents: &[Document],
    folder: &Path,
    how: Exporting,
) -> anyhow::Result<ExitCode> {
    if documents.is_empty() {
        bail!("nothing is declared");
    }
    let shown = folder.display();
    let mut files = Vec::new();
    for document in documents {
        let name = match document.key() {
            DocumentKey::Defaults => "defaults.yaml".to_owned(),
            DocumentKey::Tier(name) => format!("tiers/{name}.yaml"),
            DocumentKey::Region(name) => format!("regions/{name}.yaml"),
            DocumentKey::Tenant(id) => format!("tenants/{id}.yaml"),
        };
        let path = folder.join(name);
        if !how.force && path.exists() {
            bail!("{} is there already; nothing was written: name an empty folder, or use --force", path.display());
        }
        files.push((path, document.to_yaml()));
    }
    if !how.dry_run {
        for inner in ["tiers", "regions", "tenants"] {
            std::fs::create_dir_all(folder.join(inner))
                .with_context(|| format!("could not make the folder {shown}/{inner}"))?;
        }
        for (path, text) in &files {
            std::fs::write(path, text).with_context(|| format!("could not write {}", path.display()))?;
        }
    }
    let exported = Exported {
        folder: shown.to_string(),
        files: files.iter().map(|(path, _)| path.display().to_string()).collect(),
        dry_run: how.dry_run,
    };
    output::say(common.output, &exported, |exported| {
        let count = exported.files.len();
        let noun = if count == 1 { "document" } else { "documents" };
        let did = if exported.dry_run { "would be written" } else { "written" };
        format!("{count} {noun} {did} to {shown}")
    })?;
    Ok(ExitCode::SUCCESS)
}
