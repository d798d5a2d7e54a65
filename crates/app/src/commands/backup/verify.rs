//! `tenantry backup verify`: all is read, and with `--restore` really restored.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tenantry_audit::{PublicKeys, Verifier};
use tenantry_backup::{Archive, Manifest, Name, Verdict, Which, fill, scan, verify};
use tenantry_domain::failure::with_causes;
use tenantry_domain::unit::Span;
use tenantry_engine::audit::Audit;
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::ports::store::ConfigStore as _;
use tenantry_engine::scope::Scope;
use tenantry_store::{Ending, Restore as Filling, Settings};

use super::{At, Told, access, bytes, named, place};
use crate::cli::Common;
use crate::failure::FOUND;
use crate::{output, time};

/// What `verify` takes.
#[derive(Debug, Clone, Args)]
pub(super) struct Verify {
    /// Only this backup [default: all]
    #[arg(value_name = "NAME", value_parser = named)]
    backup: Option<Name>,
    #[command(flatten)]
    at: At,
    /// Also restore it, or the newest, into a temporary file, and compare every row, the audit logs and the documents
    #[arg(long)]
    restore: bool,
    /// Remove pieces that are damaged, so that the next backup writes those anew whose rows are still the same
    #[arg(long)]
    remove_damaged: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    whole: bool,
    place: String,
    pieces_read: u64,
    bytes_read: u64,
    pieces_removed: u64,
    backups: Vec<Row>,
    restored: Option<Restored>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    whole: bool,
    rows: Option<u64>,
    findings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Restored {
    name: String,
    whole: bool,
    rows: u64,
    documents: usize,
    audit_logs: usize,
    audit_entries: u64,
    findings: Vec<String>,
}

pub(super) async fn run(common: &Common, command: Verify) -> anyhow::Result<ExitCode> {
    let Verify { backup, at, restore, remove_damaged } = command;
    let access = access(common, &at)?;
    let archive = Archive::open(place(&at.place, false)?, &access).await?;
    let mut shown = Told::new();
    let mut tell = |verdict: &Verdict| {
        shown.tell(|| format!("{} pieces, {} read", verdict.chunks, bytes(verdict.read)));
    };
    let verdict = verify(&archive, backup.as_ref(), remove_damaged, &mut tell).await?;
    drop(shown);
    let whole = verdict.is_whole();
    let rows = verdict.backups.into_iter().map(|one| Row {
        name: one.name.to_string(),
        whole: one.findings.is_empty(),
        rows: one.manifest.as_ref().map(Manifest::rows),
        findings: one.findings.into_iter().map(|found| format!("{}: {}", found.object, found.what)).collect(),
    });
    let rows: Vec<Row> = rows.collect();
    let wanted = backup.map_or(Which::Newest, Which::Named);
    let restored = if restore { Some(restored(common, &archive, &wanted).await?) } else { None };
    let answer = Answer {
        whole: whole && restored.as_ref().is_none_or(|restored| restored.whole),
        place: archive.place().said(),
        pieces_read: verdict.chunks,
        bytes_read: verdict.read,
        pieces_removed: verdict.removed,
        backups: rows,
        restored,
    };
    output::say(common.output, &answer, picture)?;
    Ok(if answer.whole { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// Restores a backup into a file of its own and looks at what came of it.
async fn restored(common: &Common, archive: &Archive, which: &Which) -> anyhow::Result<Restored> {
    let manifest = match archive.find(which).await {
        Ok(manifest) => manifest,
        Err(error) => return Ok(failed("the backup", with_causes(&error))),
    };
    let folder = tempfile::tempdir().context("there is no place for a temporary file")?;
    let (url, settings) = (format!("sqlite:{}", folder.path().join("verify.db").display()), Settings::default());
    let mut filling = Filling::begin(&url, manifest.about.schema, &settings).await?;
    let filled = match fill(archive, &manifest, &mut filling, &mut |_| {}).await {
        Ok(filled) => filled,
        Err(error) => return Ok(failed(manifest.name.as_str(), with_causes(&error))),
    };
    // Cut again, the same rows come to the same pieces, and no others do.
    let seen = scan(archive, &mut filling, &manifest).await?;
    let differ = manifest.differences(&seen);
    let mut findings: Vec<String> =
        differ.into_iter().map(|table| format!("the rows of `{table}` are others than in the backup")).collect();
    let by = Authorship { author: "verify".to_owned(), at: time::now(), reason: "verified".to_owned() };
    let deed = super::restore::restored(&manifest.name, &by);
    let provider = common.keys.provider(common.store.as_deref())?;
    filling.finish(Ending { since: Span::from_millis(0), deed }, provider.clone(), &settings).await?;
    let store = tenantry_store::open_sealed(&url, &settings, provider).await?;
    let documents = store.documents(&Scope::platform()).await?;
    for revision in &documents {
        let Some(body) = &revision.body else { continue };
        let digest =
            tenantry_domain::config::Document::from_stored(revision.key.clone(), body).map(|d| d.digest().to_owned());
        if digest.as_deref().ok() != Some(revision.digest.as_str()) {
            findings.push(format!("the document of {} is not the one that was declared", revision.key));
        }
    }
    let (logs, entries) = audited(&store, &manifest, &mut findings).await?;
    store.close().await;
    Ok(Restored {
        name: manifest.name.to_string(),
        whole: findings.is_empty(),
        rows: filled.rows,
        documents: documents.len(),
        audit_logs: logs,
        audit_entries: entries,
        findings,
    })
}

fn failed(name: &str, what: String) -> Restored {
    Restored {
        name: name.to_owned(),
        whole: false,
        rows: 0,
        documents: 0,
        audit_logs: 0,
        audit_entries: 0,
        findings: vec![what],
    }
}

/// Verifies all audit logs of a restored store, against the keys that went along with the backup.
async fn audited(
    store: &std::sync::Arc<tenantry_store::Store>,
    manifest: &Manifest,
    findings: &mut Vec<String>,
) -> anyhow::Result<(usize, u64)> {
    let Some((deployment, keys)) = manifest.about.deployment.clone().zip(manifest.about.audit_keys.as_deref()) else {
        return Ok((0, 0));
    };
    let keys =
        PublicKeys::from_text(keys).context("the backup has no public key of the audit logs that can be read")?;
    let audit = Audit::new(store.clone(), deployment);
    let (mut logs, mut entries) = (0, 0);
    for head in audit.logs(&Scope::platform()).await? {
        // What was not signed yet when the backup was taken is not signed here.
        if head.sealed == 0 {
            continue;
        }
        let mut verifier = Verifier::new(Some(keys.clone()));
        let read = |line: tenantry_audit::Line| {
            verifier.read(&serde_json::to_string(&line)?);
            anyhow::Ok(())
        };
        // In the log's own scope: in the platform's all others would be read each time.
        let scope = head.log.clone().map_or_else(Scope::platform, Scope::tenant);
        audit.export((&scope, &head.log), &keys, &[], read).await?;
        let verdict = verifier.end();
        logs += 1;
        entries += verdict.entries;
        findings.extend(verdict.findings.iter().map(|finding| format!("audit log {}: {finding}", verdict.origin)));
    }
    Ok((logs, entries))
}

fn picture(answer: &Answer) -> String {
    let mut lines = Vec::new();
    for row in &answer.backups {
        let state = if row.whole { "whole" } else { "DAMAGED" };
        let rows = row.rows.map_or_else(String::new, |rows| format!(", {rows} rows"));
        lines.push(format!("{}: {state}{rows}", row.name));
        lines.extend(row.findings.iter().map(|finding| format!("  {finding}")));
    }
    lines.push(format!("{} pieces, {} read at {}", answer.pieces_read, bytes(answer.bytes_read), answer.place));
    if answer.pieces_removed > 0 {
        lines.push(format!("{} damaged pieces were removed; the next backup writes them anew", answer.pieces_removed));
    }
    if let Some(restored) = &answer.restored {
        let state = if restored.whole { "the same" } else { "NOT THE SAME" };
        let Restored { name, rows, documents, audit_logs, audit_entries, .. } = restored;
        lines.push(format!(
            "{name} was restored: {state}; {rows} rows, {documents} documents, {audit_logs} audit logs with {audit_entries} entries"
        ));
        lines.extend(restored.findings.iter().map(|finding| format!("  {finding}")));
    }
    lines.join("\n")
}
