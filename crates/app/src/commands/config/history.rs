//! `tenantry config history`, `diff`, `rollback` and `export`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tenantry_domain::config::{DocumentKey, FieldChange};
use tenantry_engine::ports::store::Revision;
use tenantry_engine::tenants::{Compared, Tenants};

use super::By;
use super::apply::authorship;
use crate::cli::Common;
use crate::failure::FOUND;
use crate::{output, place, terminal};

async fn tenants(common: &Common) -> anyhow::Result<Tenants> {
    Ok(Tenants::new(place::open(common.store.as_deref()).await?))
}

pub(super) async fn list(common: &Common, key: &DocumentKey, last: u32) -> anyhow::Result<ExitCode> {
    let revisions = tenants(common).await?.history(key, last).await?;
    output::say(common.output, &revisions, |revisions| {
        let cells = |revision: &Revision| {
            let did = if revision.body.is_some() { "" } else { "removed: " };
            vec![
                revision.number.to_string(),
                revision.at.to_string(),
                revision.author.clone(),
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
    lines.join("\n")
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
    let done = tenants(common).await?.rollback(key, revision, &who, by.dry_run).await?;
    output::say(common.output, &done, |done| {
        let head = match done.revision {
            Some(number) => format!("{key} is at revision {number}, a copy of revision {revision}"),
            None if by.dry_run => format!("nothing was changed; {key} would get a copy of revision {revision}"),
            None => format!("{key} is as in revision {revision} already"),
        };
        let lines = fields(&done.compared.changes);
        if lines.is_empty() { head } else { format!("{head}\n{}", lines.join("\n")) }
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn export(common: &Common, folder: &Path, force: bool) -> anyhow::Result<ExitCode> {
    let documents = tenants(common).await?.export().await?;
    if documents.is_empty() {
        bail!("nothing is declared");
    }
    let shown = folder.display();
    let mut files = Vec::new();
    for document in &documents {
        let name = match document.key() {
            DocumentKey::Defaults => "defaults.yaml".to_owned(),
            DocumentKey::Tier(name) => format!("tiers/{name}.yaml"),
            DocumentKey::Region(name) => format!("regions/{name}.yaml"),
            DocumentKey::Tenant(id) => format!("tenants/{id}.yaml"),
        };
        let path = folder.join(name);
        if !force && path.exists() {
            bail!("{} is there already; nothing was written: name an empty folder, or use --force", path.display());
        }
        files.push((path, document.to_yaml()));
    }
    for inner in ["tiers", "regions", "tenants"] {
        std::fs::create_dir_all(folder.join(inner))
            .with_context(|| format!("could not make the folder {shown}/{inner}"))?;
    }
    for (path, text) in &files {
        std::fs::write(path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    terminal::say(&format!("{} documents written to {shown}", files.len()));
    Ok(ExitCode::SUCCESS)
}
