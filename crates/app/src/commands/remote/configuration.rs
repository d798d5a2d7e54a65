//! Configuration, over a server's API.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::config::{Document, DocumentKey, FieldChange, Problem, Problems};
use tenantry_domain::id::{TenantId, WorkloadName};
use tenantry_engine::tenants::{File, TenantsError};

use super::{no_author, say};
use crate::cli::Common;
use crate::commands::config::{
    Apply, By, Config, Exporting, Validate, fields_that_differ, read_files, told_as_right, write_all,
};
use crate::failure::FOUND;
use crate::output;
use crate::server::{Refused, Server, With, Wrong, read};

/// Most documents that a server takes at once.
const DOCUMENTS_MAX: usize = 1000;

pub(super) async fn run(common: &Common, server: &Server, command: Config) -> anyhow::Result<ExitCode> {
    match command {
        Config::Validate(asked) => validate(common, server, asked).await,
        Config::Apply(asked) => apply(common, server, asked, "applied on the command line").await,
        Config::Import(asked) => apply(common, server, asked, "imported on the command line").await,
        Config::Explain { tenant, field, workload } => explain(common, server, &tenant, field, workload).await,
        Config::History { document, last } => history(common, server, &document.document, last).await,
        Config::Diff { document, from, to } => compare(common, server, &document.document, (from, to)).await,
        Config::Rollback { document, revision, by } => rollback(common, server, &document.document, revision, by).await,
        Config::Export { folder, how } => export(common, server, &folder, how).await,
        // What needs neither a server nor a store is done without.
        Config::Schema => crate::commands::config::run(common, Config::Schema).await,
    }
}

/// Where a document is.
fn place(key: &DocumentKey) -> String {
    match key {
        DocumentKey::Defaults => "/v1/layers/defaults".to_owned(),
        DocumentKey::Tier(name) => format!("/v1/layers/tiers/{name}"),
        DocumentKey::Region(name) => format!("/v1/layers/regions/{name}"),
        DocumentKey::Tenant(id) => format!("/v1/tenants/{id}/config"),
    }
}

/// What a server finds wrong, with the line of the file where it is one of those that were sent.
fn placed(wrong: &[Wrong], files: &[File]) -> Problems {
    let one = |wrong: &Wrong| {
        let Wrong { file, line, column, field, message, help } = wrong.clone();
        let sent = files.iter().find(|sent| sent.source == file);
        let place = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        let excerpt = sent.zip(place).and_then(|(sent, place)| sent.text.lines().nth(place));
        Problem { excerpt: excerpt.unwrap_or_default().to_owned(), file, line, column, field, message, help }
    };
    Problems(wrong.iter().map(one).collect())
}

/// Has files applied: all of them or none, unless told. What is wrong with them is the server's to say.
async fn send(server: &Server, files: &[File], with: With) -> anyhow::Result<Value> {
    if files.len() > DOCUMENTS_MAX {
        bail!(
            "a server takes {DOCUMENTS_MAX} documents at once, and these are {}: apply folders one after another",
            files.len()
        );
    }
    let all: Vec<Value> = files.iter().map(|file| json!({ "name": file.source, "text": file.text })).collect();
    let sent = server.ask("POST", "/v1/apply", with.body(json!({ "files": all }))).await;
    sent.map_err(|error| match error.downcast::<Refused>() {
        Ok(refused) if !refused.problems.is_empty() => {
            TenantsError::Problems { problems: placed(&refused.problems, files) }.into()
        }
        Ok(refused) => refused.into(),
        Err(other) => other,
    })
}

async fn validate(common: &Common, server: &Server, asked: Validate) -> anyhow::Result<ExitCode> {
    if asked.alone {
        return crate::commands::config::run(common, Config::Validate(asked)).await;
    }
    let files = read_files(&asked.paths)?;
    let problems = match send(server, &files, With::default().flag("dry_run", true)).await {
        Ok(_) => Problems::default(),
        Err(error) => match error.downcast::<TenantsError>() {
            Ok(TenantsError::Problems { problems }) => problems,
            Ok(other) => return Err(other.into()),
            Err(other) => return Err(other),
        },
    };
    output::say(common.output, &problems, |problems| told_as_right(problems, files.len()))?;
    Ok(if problems.0.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

#[derive(Deserialize)]
struct Applied {
    document: String,
    file: String,
    did: String,
    revision: Option<u64>,
    changes: Vec<FieldChange>,
    notes: Vec<String>,
    dry_run: bool,
}

async fn apply(common: &Common, server: &Server, asked: Apply, default: &str) -> anyhow::Result<ExitCode> {
    no_author(asked.by.author.as_ref())?;
    let files = read_files(&asked.paths)?;
    let with = With::default().flag("dry_run", asked.by.dry_run);
    let with = with.query("reason", Some(asked.by.message.as_deref().unwrap_or(default)));
    let answer = match (asked.based_on, files.as_slice()) {
        (None, _) => {
            let with = with.flag("partial", asked.partial).flag("prune", asked.prune);
            send(server, &files, with).await?.get("documents").cloned().unwrap_or_default()
        }
        (Some(_), _) if asked.prune => bail!("--based-on is about one document, and --prune about all"),
        (Some(based_on), [file]) => {
            let document = Document::parse(&file.source, &file.text, file.stem.as_deref())
                .map_err(|problems| TenantsError::Problems { problems })?;
            let (name, value) = match based_on {
                0 => ("if-none-match", "*".to_owned()),
                number => ("if-match", format!("\"{number}\"")),
            };
            let with = with.header(name, Some(value)).body(document.to_file());
            json!([server.ask("PUT", &place(document.key()), with).await?])
        }
        (Some(_), several) => {
            bail!("--based-on is about one document, and {} are named; apply it alone", several.len())
        }
    };
    let skipped = answer.as_array().is_some_and(|all| all.iter().any(|one| one.get("did") == Some(&json!("skipped"))));
    say(common, &answer, |applied: Vec<Applied>| told(&applied))?;
    Ok(if skipped { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn told(applied: &[Applied]) -> String {
    let mut lines = Vec::new();
    let few = applied.len() <= 40;
    for one in applied.iter().filter(|one| one.did == "skipped" || (one.did != "unchanged" && few)) {
        let revision = one.revision.filter(|_| !one.dry_run).map(|number| format!(" (revision {number})"));
        // What is removed stands in no file.
        let source = if one.file.is_empty() { String::new() } else { format!(" {}", one.file) };
        lines.push(format!("{:<10} {}{source}{}", one.did, one.document, revision.unwrap_or_default()));
        if one.did == "changed" {
            lines.extend(fields_that_differ(&one.changes, ""));
        }
        let note = |note: &String| format!("             note: {}", note.replace('\n', "\n             "));
        lines.extend(one.notes.iter().map(note));
    }
    let count = |did: &str| applied.iter().filter(|one| one.did == did).count();
    let would = if applied.iter().any(|one| one.dry_run) { "nothing was changed; it would be: " } else { "" };
    let counted = ["created", "changed", "unchanged", "removed", "skipped"].map(|did| (did, count(did)));
    // What is seldom is told where there is any.
    let counted = counted.into_iter().enumerate().filter(|(place, (_, count))| *place < 3 || *count > 0);
    let counted: Vec<String> = counted.map(|(_, (did, count))| format!("{count} {did}")).collect();
    lines.push(format!("{would}{}", counted.join(", ")));
    lines.join("\n")
}

async fn export(common: &Common, server: &Server, folder: &Path, how: Exporting) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct One {
        document: Value,
    }
    let mut documents = Vec::new();
    for (number, one) in server.list("/v1/config", &[], None).await?.into_iter().enumerate() {
        let One { document } = read(one)?;
        // Files are named by what documents say, which is checked: a server does not say where is written.
        let document = Document::parse(&format!("document {number}"), &document.to_string(), None);
        documents.push(document.map_err(|problems| TenantsError::Problems { problems })?);
    }
    write_all(common, &documents, folder, how)
}

async fn explain(
    common: &Common,
    server: &Server,
    tenant: &TenantId,
    field: Option<String>,
    workload: Option<WorkloadName>,
) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Field {
        field: String,
        value: String,
        layer: String,
        file: Option<String>,
        line: Option<u32>,
    }
    let with = With::default().query("field", field).query("workload", workload);
    let answer = server.get(&format!("/v1/tenants/{tenant}/config/explain"), with).await?;
    let fields = answer.get("fields").cloned().unwrap_or_default();
    say(common, &fields, |rows: Vec<Field>| {
        let cells = |one: Field| {
            let place = match (one.file, one.line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                (file, _) => file.unwrap_or_default(),
            };
            vec![one.field, one.value, one.layer, place]
        };
        output::table(&["FIELD", "VALUE", "LAYER", "SET IN"], rows.into_iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn history(common: &Common, server: &Server, key: &DocumentKey, last: u32) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Revision {
        revision: u64,
        at: String,
        author: String,
        reason: String,
        fields: Option<Value>,
    }
    let listed = server.list(&format!("{}/revisions", place(key)), &[], usize::try_from(last).ok()).await?;
    say(common, &Value::from(listed), |rows: Vec<Revision>| {
        let cells = |one: Revision| {
            let did = if one.fields.is_some() { "" } else { "removed: " };
            vec![one.revision.to_string(), one.at, one.author, format!("{did}{}", one.reason)]
        };
        output::table(&["REVISION", "WHEN", "AUTHOR", "REASON"], rows.into_iter().map(cells))
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Difference {
    document: String,
    from: u64,
    to: u64,
    changes: Vec<FieldChange>,
    effect: Vec<FieldChange>,
    tenants: Vec<Effect>,
}

#[derive(Deserialize)]
struct Effect {
    tenant: String,
    changes: Vec<FieldChange>,
}

impl Difference {
    fn lines(&self) -> Vec<String> {
        let mut lines = fields_that_differ(&self.changes, "");
        let borne = |effect: &Effect| fields_that_differ(&effect.changes, &format!("{}: ", effect.tenant));
        if !self.tenants.is_empty() {
            let noun = if self.tenants.len() == 1 { "tenant" } else { "tenants" };
            lines.push(format!("what it comes to for {} {noun}", self.tenants.len()));
        }
        lines.extend(self.tenants.iter().flat_map(borne));
        lines
    }
}

async fn compare(
    common: &Common,
    server: &Server,
    key: &DocumentKey,
    (from, to): (Option<u64>, Option<u64>),
) -> anyhow::Result<ExitCode> {
    let with = With::default().query("from", from).query("to", to);
    let answer = server.get(&format!("{}/diff", place(key)), with).await?;
    let found: Difference = read(answer.clone())?;
    say(common, &answer, |difference: Difference| {
        let mut lines = vec![format!("{}, revision {} to {}", difference.document, difference.from, difference.to)];
        lines.extend(difference.lines());
        if difference.changes.is_empty() {
            lines.push("  no difference".to_owned());
        }
        if difference.effect.iter().any(|change| !difference.changes.contains(change)) {
            lines.push("what it comes to, over defaults, tier and region".to_owned());
            lines.extend(fields_that_differ(&difference.effect, ""));
        }
        lines.join("\n")
    })?;
    Ok(if found.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

async fn rollback(
    common: &Common,
    server: &Server,
    key: &DocumentKey,
    revision: u64,
    by: By,
) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Done {
        revision: Option<u64>,
        difference: Difference,
        dry_run: bool,
    }
    no_author(by.author.as_ref())?;
    let with = With::default().query("to", Some(revision)).flag("dry_run", by.dry_run).query("reason", by.message);
    let answer = server.ask("POST", &format!("{}/rollback", place(key)), with).await?;
    say(common, &answer, |done: Done| {
        let head = match done.revision {
            Some(number) => format!("{key} is at revision {number}, a copy of revision {revision}"),
            None if done.dry_run => format!("nothing was changed; {key} would get a copy of revision {revision}"),
            None => format!("{key} is as in revision {revision} already"),
        };
        std::iter::once(head).chain(done.difference.lines()).collect::<Vec<String>>().join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}
