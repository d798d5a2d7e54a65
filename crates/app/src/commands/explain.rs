//! `tenantry explain`: why a workload is the size it is.

use std::fmt;
use std::process::ExitCode;

use tenantry_api::forms;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::Generation;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::{ControlStore as _, DecisionFilter, DecisionRecord};
use tenantry_engine::record::{read, replays};
use tenantry_engine::scope::Scope;
use tenantry_engine::tenants::Tenants;

use crate::cli::{Common, Explain};
use crate::output::{self, Format};
use crate::{place, terminal, time};

/// Nothing was decided yet about a workload that is declared.
#[derive(Debug)]
pub(crate) struct Undecided {
    key: WorkloadKey,
    changes: bool,
}

impl Undecided {
    pub(crate) const fn of(key: WorkloadKey, changes: bool) -> Self {
        Self { key, changes }
    }
}

impl std::error::Error for Undecided {}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.changes { "change" } else { "decision" };
        write!(f, "no {what} about {} is recorded yet; `tenantry up` decides", self.key)
    }
}

impl Undecided {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    pub(crate) const fn code(&self) -> &'static str {
        "T503"
    }
}

/// A decision as it is told.
struct Explained {
    id: u64,
    at: Timestamp,
    generation: Generation,
    replays: bool,
    why: Vec<String>,
}

impl Explained {
    fn of(record: &DecisionRecord) -> anyhow::Result<Self> {
        let (inputs, planned) = read(record)?;
        Ok(Self {
            id: record.id,
            at: record.at,
            generation: record.generation,
            replays: replays(record)?,
            why: tenantry_engine::explain(&inputs.spec, &inputs.snapshot, &planned, &record.outcome),
        })
    }
}

pub(crate) async fn run(common: &Common, command: Explain) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let scope = Scope::tenant(command.workload.tenant.clone());
    let filter = DecisionFilter {
        key: Some(command.workload.clone()),
        changes_only: command.changes,
        ..DecisionFilter::default()
    };
    let records = store.decisions(&scope, &filter, command.last).await?;
    if records.is_empty() {
        // One that was never declared is another matter than one that waits to be looked at.
        Tenants::new(store.clone()).spec_of(&command.workload).await?;
        return Err(Undecided::of(command.workload, command.changes).into());
    }
    if common.output == Format::Table {
        let explained = records.iter().map(Explained::of).collect::<anyhow::Result<Vec<_>>>()?;
        terminal::say(&picture(&command.workload, &explained));
    } else {
        let explained = records.iter().map(forms::explained).collect::<Result<Vec<_>, _>>()?;
        output::say(common.output, &explained, |_| String::new())?;
    }
    Ok(ExitCode::SUCCESS)
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
