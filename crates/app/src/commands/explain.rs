//! `tenantry explain`: why a workload is the size it is.

use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::{Generation, Outcome, Planned};
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::{ControlStore as _, DecisionFilter, DecisionRecord};
use tenantry_engine::record::{Inputs, read, replays};
use tenantry_engine::scope::Scope;

use crate::cli::{Common, Explain};
use crate::{output, place, time};

/// A decision with all that it was made from.
#[derive(Debug, Serialize)]
struct Explained {
    id: u64,
    at: Timestamp,
    generation: Generation,
    outcome: Outcome,
    /// Planning again from the inputs gives the same plan.
    replays: bool,
    why: Vec<String>,
    inputs: Inputs,
    planned: Planned,
    inputs_digest: String,
}

impl Explained {
    fn of(record: &DecisionRecord) -> anyhow::Result<Self> {
        let (inputs, planned) = read(record)?;
        Ok(Self {
            id: record.id,
            at: record.at,
            generation: record.generation,
            outcome: record.outcome.clone(),
            replays: replays(record)?,
            why: tenantry_engine::explain(&inputs, &planned, &record.outcome),
            inputs,
            planned,
            inputs_digest: record.inputs_digest.clone(),
        })
    }
}

pub(crate) async fn run(common: &Common, command: Explain) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref()).await?;
    let scope = Scope::tenant(command.workload.tenant.clone());
    let filter = DecisionFilter {
        key: Some(command.workload.clone()),
        changes_only: command.changes,
        ..DecisionFilter::default()
    };
    let records = store.decisions(&scope, &filter, command.last).await?;
    if records.is_empty() {
        bail!(nothing(&command.workload, command.changes));
    }
    let explained = records.iter().map(Explained::of).collect::<anyhow::Result<Vec<_>>>()?;
    output::say(common.output, &explained, |decisions| picture(&command.workload, decisions))?;
    Ok(ExitCode::SUCCESS)
}

fn nothing(key: &WorkloadKey, changes: bool) -> String {
    let what = if changes { "change" } else { "decision" };
    format!(
        "no {what} about {key} is recorded; `tenantry get workloads` lists those that are known, and `tenantry up` decides"
    )
}

fn picture(key: &WorkloadKey, decisions: &[Explained]) -> String {
    let now = time::now();
    let blocks: Vec<String> = decisions
        .iter()
        .map(|decision| {
            let altered = if decision.replays { "" } else { "  NOT REPRODUCIBLE from its inputs" };
            let head = format!(
                "{key}  decision {} of {} ({} ago), cycle {}{altered}",
                decision.id,
                decision.at,
                time::age(now.since(decision.at)),
                decision.generation
            );
            let lines: Vec<String> = decision.why.iter().map(|line| format!("  {line}")).collect();
            format!("{head}\n{}", lines.join("\n"))
        })
        .collect();
    blocks.join("\n\n")
}
