//! `tenantry get`: lists.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use tenantry_domain::id::TenantId;
use tenantry_domain::plan::Outcome;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::store::{ControlStore as _, DecisionFilter, DecisionRecord};
use tenantry_engine::scope::Scope;
use tenantry_engine::status::WorkloadStatus;
use tenantry_engine::tenants::{Listed, Shared, Tenants};
use tenantry_engine::view;
use tenantry_store::Store;

use super::watch;
use crate::cli::{Common, Decisions, Get, OfTenant, Watch};
use crate::output::{render, table};
use crate::{place, sizes, time};

pub(crate) async fn run(common: &Common, command: Get) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    match command {
        Get::Tenants(Watch { watch: every }) => watch(every, || tenants(common, &store)).await,
        Get::Tiers(Watch { watch: every }) => {
            watch(every, async || shared(common, "tier", Tenants::new(store.clone()).tiers().await?)).await
        }
        Get::Regions(Watch { watch: every }) => {
            watch(every, async || shared(common, "region", Tenants::new(store.clone()).regions().await?)).await
        }
        Get::Workloads(of) => watch(of.watch.watch, || workloads(common, &store, &of)).await,
        Get::Decisions(asked) => watch(asked.watch.watch, || decisions(common, &store, &asked)).await,
    }
}

type Picture = anyhow::Result<(String, ExitCode)>;

#[derive(Debug, Serialize)]
struct TenantRow {
    tenant: String,
    tier: Option<String>,
    region: Option<String>,
    revision: u64,
    owner: String,
    workloads: usize,
    replicas: u32,
    changed: String,
}

async fn tenants(common: &Common, store: &Arc<Store>) -> Picture {
    let listed = Tenants::new(store.clone()).list().await?;
    let statuses = view::workloads(store.as_ref(), &Scope::platform()).await?;
    let mut replicas: BTreeMap<&TenantId, u32> = BTreeMap::new();
    for status in &statuses {
        let sum = replicas.entry(&status.key.tenant).or_default();
        *sum = sum.saturating_add(status.current.map_or(0, Replicas::get));
    }
    let row = |tenant: &Arc<Listed>| TenantRow {
        replicas: replicas.get(&tenant.id).copied().unwrap_or_default(),
        tenant: tenant.id.to_string(),
        tier: tenant.tier.clone(),
        region: tenant.region.clone(),
        revision: tenant.revision,
        owner: tenant.owner.to_string(),
        workloads: tenant.workloads,
        changed: tenant.changed_at.to_string(),
    };
    let rows: Vec<TenantRow> = listed.iter().map(row).collect();
    let text = render(common.output, &rows, |rows| {
        if rows.is_empty() {
            return "no tenant is declared; see `tenantry config apply --help`".to_owned();
        }
        let head = ["TENANT", "TIER", "REGION", "REVISION", "WORKLOADS", "REPLICAS", "OWNER", "CHANGED"];
        let cells = |row: &TenantRow| {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            vec![
                row.tenant.clone(),
                or_dash(&row.tier),
                or_dash(&row.region),
                row.revision.to_string(),
                row.workloads.to_string(),
                row.replicas.to_string(),
                row.owner.clone(),
                row.changed.clone(),
            ]
        };
        table(&head, rows.iter().map(cells))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

#[derive(Debug, Serialize)]
struct SharedRow {
    name: String,
    revision: u64,
    tenants: usize,
    owner: String,
    changed: String,
}

impl From<Shared> for SharedRow {
    fn from(shared: Shared) -> Self {
        let Shared { name, revision, owner, changed_at, tenants } = shared;
        Self { name, revision, tenants, owner: owner.to_string(), changed: changed_at.to_string() }
    }
}

fn shared(common: &Common, kind: &str, listed: Vec<Shared>) -> Picture {
    let rows: Vec<SharedRow> = listed.into_iter().map(SharedRow::from).collect();
    let text = render(common.output, &rows, |rows| {
        if rows.is_empty() {
            return format!("no {kind} is declared; one is a document with `{kind}_config`");
        }
        let kind = kind.to_uppercase();
        let cells = |row: &SharedRow| {
            let (revision, tenants) = (row.revision.to_string(), row.tenants.to_string());
            vec![row.name.clone(), revision, tenants, row.owner.clone(), row.changed.clone()]
        };
        table(&[&kind, "REVISION", "TENANTS", "OWNER", "CHANGED"], rows.iter().map(cells))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

async fn workloads(common: &Common, store: &Arc<Store>, of: &OfTenant) -> Picture {
    let scope = of.tenant.clone().map_or_else(Scope::platform, Scope::tenant);
    let statuses = view::workloads(store.as_ref(), &scope).await?;
    let text = render(common.output, &statuses, |statuses| {
        if statuses.is_empty() {
            return "no workload has been looked at yet; `tenantry up` looks".to_owned();
        }
        let head =
            ["WORKLOAD", "STRATEGY", "SIZE", "READY", "RANGE", "STATE", "SIGNAL", "NOW", "EXPECTED", "TARGET", "AGE"];
        table(&head, statuses.iter().map(workload_row))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

/// A workload as a row, with the signal that asks for most by name first.
pub(crate) fn workload_row(status: &WorkloadStatus) -> Vec<String> {
    let signal = status.signals.first();
    let size = |size: Option<Replicas>| size.map_or_else(|| "?".to_owned(), |size| size.to_string());
    let moves = match (status.current, status.decided) {
        (Some(current), Some(decided)) if current != decided => format!("{current}→{decided}"),
        (current, _) => size(current),
    };
    let expected = signal.and_then(|signal| {
        let value = sizes::short(signal.expected?);
        Some(if signal.trusted { value } else { format!("({value})") })
    });
    vec![
        status.key.to_string(),
        status.strategy.to_string(),
        moves,
        status.ready.to_string(),
        format!("{}-{}", status.bounds.floor(), status.bounds.ceiling()),
        status.held().unwrap_or("scaling").to_owned(),
        signal.map_or_else(|| "-".to_owned(), |signal| signal.name.to_string()),
        signal.map_or_else(
            || "-".to_owned(),
            |signal| signal.now.as_ref().map_or_else(|_| "?".to_owned(), |now| sizes::short(*now)),
        ),
        expected.unwrap_or_else(|| "-".to_owned()),
        signal.map_or_else(|| "-".to_owned(), |signal| sizes::target(&signal.target)),
        time::age(time::now().since(status.at)),
    ]
}

async fn decisions(common: &Common, store: &Arc<Store>, asked: &Decisions) -> Picture {
    let tenant = asked.tenant.clone().or_else(|| asked.workload.as_ref().map(|key| key.tenant.clone()));
    let scope = tenant.map_or_else(Scope::platform, Scope::tenant);
    let filter =
        DecisionFilter { key: asked.workload.clone(), changes_only: asked.changes, ..DecisionFilter::default() };
    let records = store.decisions(&scope, &filter, asked.last).await?;
    let text = render(common.output, &records, |records| {
        if records.is_empty() {
            return "no such decision is recorded".to_owned();
        }
        let head = ["ID", "WHEN", "WORKLOAD", "CYCLE", "FROM", "TO", "OUTCOME"];
        table(&head, records.iter().map(decision_row))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

fn decision_row(record: &DecisionRecord) -> Vec<String> {
    let size = |size: Option<Replicas>| size.map_or_else(|| "?".to_owned(), |size| size.to_string());
    let outcome = match &record.outcome {
        Outcome::Held => "held".to_owned(),
        Outcome::Pending => "pending".to_owned(),
        Outcome::Applied => "applied".to_owned(),
        Outcome::Observed => "observed only".to_owned(),
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Unknown(why) => format!("unknown: {why}"),
    };
    vec![
        record.id.to_string(),
        record.at.to_string(),
        record.key.to_string(),
        record.generation.to_string(),
        size(record.from),
        // The number of replicas stayed, and what their containers request was changed.
        if record.changes() && record.from == record.to { "requests".to_owned() } else { size(record.to) },
        outcome,
    ]
}
