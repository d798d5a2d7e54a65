//! `tenantry policy test`: a table of cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::{Deserialize, Serialize};
use tenantry_domain::id::TenantId;
use tenantry_engine::access::{DeclaredRoles, Rules, Written};

use super::judge::{Case, Judged, judge};
use super::{roles, text, writing};
use crate::cli::Common;
use crate::failure::FOUND;
use crate::output;

#[derive(Debug, Clone, Args)]
pub(crate) struct Test {
    /// The table
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Policies to be tested, instead of those that the table names
    #[arg(long, value_name = "FILE")]
    policies: Option<PathBuf>,
    /// Roles to be tested with, instead of those that the table names
    #[arg(long, value_name = "FILE")]
    roles: Option<PathBuf>,
}

/// A table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    tenant: Option<TenantId>,
    #[serde(default)]
    policies: Option<PathBuf>,
    #[serde(default)]
    roles: Option<PathBuf>,
    cases: Vec<Case>,
}

#[derive(Debug, Serialize)]
struct Report {
    cases: Vec<Judged>,
    failed: usize,
    /// Policies that no case reaches.
    unreached: Vec<String>,
}

pub(super) async fn run(common: &Common, asked: Test) -> anyhow::Result<ExitCode> {
    let read = text(&asked.file)?;
    let table: Table = serde_saphyr::from_str(&read)
        .map_err(|error| anyhow::anyhow!("{} cannot be read: {error}", asked.file.display()))?;
    if table.cases.is_empty() {
        bail!("{} has no cases", asked.file.display());
    }
    // What a table names lies beside it.
    let beside = |path: &PathBuf| asked.file.parent().unwrap_or_else(|| Path::new(".")).join(path);
    let policies_file = asked.policies.clone().or_else(|| table.policies.as_ref().map(beside));
    let roles_file = asked.roles.clone().or_else(|| table.roles.as_ref().map(beside));
    // What is not in files is what is written; with both there is no need of a store.
    let (mut shared, mut own) = if policies_file.is_some() {
        (Written::default(), Written::default())
    } else {
        writing(common).await?.standing(table.tenant.as_ref()).await?
    };
    let tested = if table.tenant.is_some() { &mut own } else { &mut shared };
    if let Some(path) = &policies_file {
        tested.policies = text(path)?;
    }
    tested.roles = match &roles_file {
        Some(path) => roles(path)?,
        None if policies_file.is_some() => DeclaredRoles::default(),
        None => tested.roles.clone(),
    };
    let report = report(&table, &shared, &own)?;
    output::say(common.output, &report, picture)?;
    let good = report.failed == 0 && report.unreached.is_empty();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn report(table: &Table, shared: &Written, own: &Written) -> anyhow::Result<Report> {
    let rules = Rules::built_in()?;
    let tested =
        rules.list(if table.tenant.is_some() { &own.policies } else { &shared.policies }, table.tenant.as_ref())?;
    let shared = rules.shared(shared)?;
    if let Some(tenant) = &table.tenant {
        rules.set_of(&shared, tenant, own)?;
    }
    let set = |tenant: Option<&TenantId>| {
        let Some(tenant) = tenant else { return Ok(shared.set().clone()) };
        let nothing = Written::default();
        let own = if Some(tenant) == table.tenant.as_ref() { own } else { &nothing };
        rules.set_of(&shared, tenant, own).map_err(|error| error.to_string())
    };
    let mut reached: BTreeMap<String, bool> = tested.into_iter().map(|one| (one.id, false)).collect();
    let mut cases = Vec::with_capacity(table.cases.len());
    for case in &table.cases {
        let judged = judge(&rules, set, case, table.tenant.as_ref()).map_err(anyhow::Error::msg)?;
        for id in &judged.by {
            if let Some(is) = reached.get_mut(id) {
                *is = true;
            }
        }
        cases.push(judged);
    }
    let failed = cases.iter().filter(|judged| judged.differs.is_some()).count();
    let unreached = reached.into_iter().filter(|(_, is)| !is).map(|(id, _)| id).collect();
    Ok(Report { cases, failed, unreached })
}

fn picture(report: &Report) -> String {
    let mut lines = Vec::new();
    for judged in &report.cases {
        match &judged.differs {
            None => lines.push(format!("ok       {}", judged.name)),
            Some(differs) => lines.push(format!("FAILED   {}\n         {differs}", judged.name)),
        }
    }
    lines.extend(report.unreached.iter().map(|id| format!("missed   {id}: no case reaches this policy")));
    let count = report.cases.len();
    lines.push(format!("{count} cases, {} failed, {} policies missed", report.failed, report.unreached.len()));
    lines.join("\n")
}
