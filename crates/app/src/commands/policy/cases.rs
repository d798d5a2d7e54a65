//! `tenantry policy test`: a table of cases.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Deserialize;
use tenantry_domain::id::TenantId;
use tenantry_engine::access::cases::{Case, Report, judged};
use tenantry_engine::access::{DeclaredRoles, Rules, Written};

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

/// A table with the texts of the files that it names.
pub(in crate::commands) struct Read {
    pub(in crate::commands) tenant: Option<TenantId>,
    pub(in crate::commands) policies: Option<String>,
    pub(in crate::commands) roles: Option<DeclaredRoles>,
    pub(in crate::commands) cases: Vec<Case>,
}

impl Read {
    pub(in crate::commands) fn of(asked: &Test) -> anyhow::Result<Self> {
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
        Ok(Self {
            tenant: table.tenant,
            policies: policies_file.as_deref().map(text).transpose()?,
            roles: roles_file.as_deref().map(roles).transpose()?,
            cases: table.cases,
        })
    }
}

pub(super) async fn run(common: &Common, asked: Test) -> anyhow::Result<ExitCode> {
    let table = Read::of(&asked)?;
    // What is not in files is what is written; with policies there is no need of a store.
    let (mut shared, mut own) = if table.policies.is_some() {
        (Written::default(), Written::default())
    } else {
        writing(common).await?.standing(table.tenant.as_ref()).await?
    };
    let tested = if table.tenant.is_some() { &mut own } else { &mut shared };
    if let Some(policies) = table.policies {
        tested.policies = policies;
    }
    if let Some(roles) = table.roles {
        tested.roles = roles;
    }
    told(common, &judged(&Rules::built_in()?, table.tenant.as_ref(), (&shared, &own), &table.cases)?)
}

/// Says what came of a table, and ends by it.
pub(in crate::commands) fn told(common: &Common, report: &Report) -> anyhow::Result<ExitCode> {
    output::say(common.output, report, picture)?;
    let good = report.failed == 0 && report.unreached.is_empty();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
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
