//! `tenantry simulate`: whole histories from files, run by the real engine.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use tenantry_sim::scenario::{Report, Scenario};

use crate::cli::Common;
use crate::failure::FOUND;
use crate::output;

/// What to run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tenantry simulate scenarios/*.toml
  tenantry simulate incident-42.toml -o json

Ends with 3 when something did not come as its scenario expects, or broke a law. How to write one: scenarios/README.md.")]
pub(crate) struct Simulate {
    /// Scenarios, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Ran {
    file: String,
    #[serde(flatten)]
    report: Report,
}

/// Every scenario is read before the first is run.
pub(crate) async fn run(common: &Common, asked: Simulate) -> anyhow::Result<ExitCode> {
    let mut scenarios = Vec::new();
    for path in files(&asked.paths)? {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(|| format!("{shown} cannot be read"))?;
        scenarios.push((shown.clone(), Scenario::parse(&shown, &text)?));
    }
    let mut ran = Vec::new();
    for (file, scenario) in scenarios {
        ran.push(Ran { file, report: scenario.run().await });
    }
    let broken = ran.iter().any(|one| !one.report.broken.is_empty());
    output::say(common.output, &ran, |ran| table(ran))?;
    Ok(if broken { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let listed = std::fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut found: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        if found.is_empty() {
            bail!("there is no .toml file in {}", path.display());
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn table(ran: &[Ran]) -> String {
    let mut rows = Vec::new();
    for one in ran {
        for line in &one.report.workloads {
            rows.push(vec![
                one.file.clone(),
                line.key.to_string(),
                format!("{}-{}", line.least, line.most),
                line.ends.to_string(),
                line.changes.to_string(),
                format!("{:.1}", line.replica_hours),
                format!("{:.2} %", line.short_share * 100.0),
                line.incidents.to_string(),
                if one.report.broken.is_empty() { "as expected" } else { "BROKEN" }.to_owned(),
            ]);
        }
    }
    let head = ["SCENARIO", "WORKLOAD", "SIZES", "END", "CHANGES", "REPLICA-H", "SHORT", "INCIDENTS", "RESULT"];
    let mut text = output::table(&head, rows);
    for one in ran {
        for broken in &one.report.broken {
            text.push_str(&format!("\n{}: {broken}", one.file));
        }
    }
    text
}
