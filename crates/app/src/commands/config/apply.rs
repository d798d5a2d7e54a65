//! `tenantry config validate` and `apply`.

use std::process::ExitCode;
use std::sync::Arc;

use tenantry_domain::config::{Document, FieldChange, Layers, Problems};
use tenantry_engine::ports::store::{Authorship, Owner};
use tenantry_engine::tenants::{Applied, Applying, Did, File, Removes, Tenants, TenantsError, objects_named_twice};

use super::{Apply, By, Validate, read_files};
use crate::author::author;
use crate::cli::Common;
use crate::failure::FOUND;
use crate::{output, place, terminal, time};

/// Changed fields shown of one document; the rest are counted.
const FIELDS_SHOWN: usize = 12;

pub(super) fn authorship(by: &By, default: &str) -> Authorship {
    Authorship {
        author: author(by.author.clone()),
        at: time::now(),
        reason: by.message.clone().unwrap_or_else(|| default.to_owned()),
    }
}

pub(super) async fn validate(common: &Common, asked: Validate) -> anyhow::Result<ExitCode> {
    let files = read_files(&asked.paths)?;
    let problems = if asked.alone {
        alone(&files)
    } else {
        let tenants = Tenants::new(place::open(common.store.as_deref(), &common.keys).await?);
        let how = Applying {
            owner: Owner::Api,
            by: authorship(&By { message: None, author: None, dry_run: true }, "validate"),
            dry_run: true,
            partial: false,
            removes: Default::default(),
            based_on: None,
            judged: Default::default(),
        };
        match tenants.apply(&files, &how).await {
            // Who owns a document is no question of whether it is right.
            Ok(_) | Err(TenantsError::NotOwner { .. }) => Problems::default(),
            Err(TenantsError::Problems { problems }) => problems,
            Err(other) => return Err(other.into()),
        }
    };
    output::say(common.output, &problems, |problems| told_as_right(problems, files.len()))?;
    Ok(if problems.0.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// What was found wrong with some files, or that they are right.
pub(in crate::commands) fn told_as_right(problems: &Problems, count: usize) -> String {
    match problems.0.len() {
        0 => format!("{count} {} right", if count == 1 { "document is" } else { "documents are" }),
        found => {
            let files = if count == 1 { "file" } else { "files" };
            format!("{problems}\n{found} {} in {count} {files}", if found == 1 { "problem" } else { "problems" })
        }
    }
}

/// Checks documents by themselves; tenants also against tiers and regions among them.
fn alone(files: &[File]) -> Problems {
    let (mut problems, mut layers, mut tenants) = (Problems::default(), Layers::default(), Vec::new());
    for file in files {
        match Document::parse(&file.source, &file.text, file.stem.as_deref()) {
            Ok(document) => {
                tenants.push(document.clone());
                layers.insert(document);
            }
            Err(wrong) => problems.0.extend(wrong.0),
        }
    }
    for tenant in &tenants {
        // A tier that is not at hand is declared elsewhere; what is at hand must fit.
        let known = |field: &str, names: Vec<String>| {
            tenant
                .body()
                .get(field)
                .and_then(|name| name.as_str())
                .is_none_or(|name| names.iter().any(|known| known == name))
        };
        let at_hand = known("tier", layers.tiers.keys().map(ToString::to_string).collect())
            && known("region", layers.regions.keys().map(ToString::to_string).collect());
        let is_tenant = matches!(tenant.key(), tenantry_domain::config::DocumentKey::Tenant(_));
        if is_tenant
            && at_hand
            && let Err(wrong) = layers.resolve(tenant)
        {
            problems.0.extend(wrong.0);
        }
    }
    problems.0.extend(objects_named_twice(&layers, &tenants).0);
    problems
}

pub(super) async fn apply(common: &Common, asked: Apply, default: &str) -> anyhow::Result<ExitCode> {
    let files = read_files(&asked.paths)?;
    if asked.based_on.is_some() && files.len() != 1 {
        anyhow::bail!("--based-on is about one document, and {} are named; apply it alone", files.len());
    }
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let tenants = Tenants::new(Arc::clone(&store) as Arc<dyn tenantry_engine::ports::store::Store>);
    let how = Applying {
        owner: Owner::Api,
        by: authorship(&asked.by, default),
        dry_run: asked.by.dry_run,
        partial: asked.partial,
        removes: if asked.prune { Removes::Rest } else { Removes::Nothing },
        based_on: asked.based_on,
        judged: Default::default(),
    };
    if files.len() > 1000 && terminal::is_interactive() {
        terminal::note(&format!("applying {} files ...", files.len()));
    }
    let applied = tenants.apply(&files, &how).await?;
    output::say(common.output, &applied, |applied| picture(applied, how.dry_run))?;
    let skipped = applied.iter().any(|one| one.did == Did::Skipped);
    Ok(if skipped { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

/// Fields that differ, each after `head`.
pub(in crate::commands) fn fields_that_differ(changes: &[FieldChange], head: &str) -> Vec<String> {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not set)".to_owned());
    let line = |change: &FieldChange| {
        format!("             {head}{}: {} → {}", change.field, side(&change.before), side(&change.after))
    };
    let mut lines: Vec<String> = changes.iter().take(FIELDS_SHOWN).map(line).collect();
    if changes.len() > FIELDS_SHOWN {
        lines.push(format!("             {head}and {} more fields", changes.len() - FIELDS_SHOWN));
    }
    lines
}

/// What a document that tenants share comes to for them.
fn borne(one: &Applied) -> Vec<String> {
    let count = one.tenants.len() + one.more_tenants;
    if count == 0 {
        return Vec::new();
    }
    let noun = if count == 1 { "tenant" } else { "tenants" };
    let mut lines = vec![format!("           what it comes to for {count} {noun}")];
    lines.extend(
        one.tenants.iter().flat_map(|effect| fields_that_differ(&effect.changes, &format!("{}: ", effect.tenant))),
    );
    if one.more_tenants > 0 {
        lines.push(format!("             and {} more", one.more_tenants));
    }
    lines
}

fn picture(applied: &[Applied], dry_run: bool) -> String {
    let mut lines = Vec::new();
    let mut counts = [0_usize; 5];
    for one in applied {
        let (place, word) = match one.did {
            Did::Created => (0, "created"),
            Did::Changed => (1, "changed"),
            Did::Unchanged => (2, "unchanged"),
            Did::Removed => (3, "removed"),
            Did::Skipped => (4, "skipped"),
        };
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
        // What stays as it is is only counted, and so is a flood of new documents.
        let shown = one.did != Did::Unchanged && (applied.len() <= 40 || matches!(one.did, Did::Skipped));
        if shown {
            let revision = one.revision.filter(|_| !dry_run).map(|number| format!(" (revision {number})"));
            // What is removed stands in no file.
            let source = if one.source.is_empty() { String::new() } else { format!(" {}", one.source) };
            lines.push(format!("{word:<10} {}{source}{}", one.document, revision.unwrap_or_default()));
        }
        if shown && one.did == Did::Changed {
            lines.extend(fields_that_differ(&one.changes, ""));
        }
        if shown {
            lines.extend(borne(one));
        }
        if shown || applied.len() <= 40 {
            // What is wrong with a document keeps its excerpt under it.
            let note = |note: &String| format!("             note: {}", note.replace('\n', "\n             "));
            lines.extend(one.notes.iter().map(note));
        }
    }
    let [created, changed, unchanged, removed, skipped] = counts;
    let would = if dry_run { "nothing was changed; it would be: " } else { "" };
    let mut total = format!("{would}{created} created, {changed} changed, {unchanged} unchanged");
    if removed > 0 {
        total.push_str(&format!(", {removed} removed"));
    }
    if skipped > 0 {
        total.push_str(&format!(", {skipped} skipped"));
    }
    lines.push(total);
    lines.join("\n")
}
