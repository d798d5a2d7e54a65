//! `tenantry backup list`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tenantry_backup::Listed;

use super::{At, bytes, open};
use crate::cli::Common;
use crate::{output, time};
use tenantry_domain::failure::with_causes;

/// What `list` takes.
#[derive(Debug, Clone, Args)]
pub(super) struct List {
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Serialize)]
struct Answer {
    place: String,
    backups: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    at: String,
    age: String,
    database: Option<String>,
    rows: Option<u64>,
    bytes: Option<u64>,
    program: Option<String>,
    problem: Option<String>,
}

impl From<Listed> for Row {
    fn from(listed: Listed) -> Self {
        let Listed { name, manifest, .. } = listed;
        let (manifest, problem) = match manifest {
            Ok(manifest) => (Some(manifest), None),
            Err(error) => (None, Some(with_causes(&error))),
        };
        let at = manifest.as_ref().map_or_else(|| name.at(), |manifest| manifest.about.taken_at);
        Self {
            name: name.to_string(),
            at: at.to_string(),
            age: time::age(time::now().since(at)),
            database: manifest.as_ref().map(|manifest| manifest.about.database.clone()),
            rows: manifest.as_ref().map(tenantry_backup::Manifest::rows),
            bytes: manifest.as_ref().map(tenantry_backup::Manifest::bytes),
            program: manifest.as_ref().map(|manifest| manifest.about.program.clone()),
            problem,
        }
    }
}

pub(super) async fn run(common: &Common, command: &List) -> anyhow::Result<ExitCode> {
    let archive = open(common, &command.at).await?;
    let backups = archive.list().await?.into_iter().map(Row::from).collect();
    output::say(common.output, &Answer { place: archive.place().said(), backups }, picture)?;
    Ok(ExitCode::SUCCESS)
}

fn picture(answer: &Answer) -> String {
    let cells = |row: &Row| {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
        vec![
            row.name.clone(),
            row.at.clone(),
            row.age.clone(),
            shown(row.database.clone()),
            shown(row.rows.map(|rows| rows.to_string())),
            shown(row.bytes.map(bytes)),
            if row.problem.is_some() { "unreadable".to_owned() } else { "complete".to_owned() },
        ]
    };
    let mut lines = vec![output::table(
        &["NAME", "OF", "AGE", "DATABASE", "ROWS", "BYTES", "STATE"],
        answer.backups.iter().map(cells),
    )];
    lines.extend(answer.backups.iter().filter_map(|row| Some(format!("{}: {}", row.name, row.problem.as_ref()?))));
    lines.join("\n")
}
