//! `tenantry get`: lists.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use tenantry_api::forms;
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
use crate::output::{Format, render, table};
use crate::{place, sizes, time};

pub(crate) async fn run(common: &Common, command: Get) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    match command {
        Get::Tenants(Watch { watch: every }) => watch(every, || tenants(common, &store)).await,
        Get::Tiers(Watch { watch: every }) => {
            watch(every, async || shared(common, "tier", &Tenants::new(store.clone()).tiers().await?)).await
        }
        Get::Regions(Watch { watch: every }) => {
            watch(every, async || shared(common, "region", &Tenants::new(store.clone()).regions().await?)).await
        }
        Get::Workloads(of) => watch(of.watch.watch, || workloads(common, &store, &of)).await,
        Get::Decisions(asked) => watch(asked.watch.watch, || decisions(common, &store, &asked)).await,
    }
}

type Picture = anyhow::Result<(String, ExitCode)>;

/// A list as a table, or as the API has it.
fn shown<T, F: Serialize>(
    common: &Common,
    rows: &[T],
    form: impl Fn(&T) -> F,
    picture: impl FnOnce(&[T]) -> String,
) -> Picture {
    let text = match common.output {
        Format::Table => picture(rows),
        other => render(other, &rows.iter().map(form).collect::<Vec<F>>(), |_| String::new())?,
    };
    Ok((text, ExitCode::SUCCESS))
}

async fn tenants(common: &Common, store: &Arc<Store>) -> Picture {
    let listed = Tenants::new(store.clone()).list().await?;
    let statuses = view::workloads(store.as_ref(), &Scope::platform()).await?;
    let mut replicas: BTreeMap<&TenantId, u32> = BTreeMap::new();
    for status in &statuses {
        let sum = replicas.entry(&status.key.tenant).or_default();
        *sum = sum.saturating_add(status.current.map_or(0, Replicas::get));
    }
    shown(
        common,
        &listed,
        |tenant| forms::tenant(tenant),
        |tenants| {
            if tenants.is_empty() {
                return "no tenant is declared; see `tenantry config apply --help`".to_owned();
            }
            let head = ["TENANT", "TIER", "REGION", "REVISION", "WORKLOADS", "REPLICAS", "OWNER", "CHANGED"];
            let cells = |tenant: &Arc<Listed>| {
                let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                vec![
                    tenant.id.to_string(),
                    or_dash(&tenant.tier),
                    or_dash(&tenant.region),
                    tenant.revision.to_string(),
                    tenant.workloads.to_string(),
                    replicas.get(&tenant.id).copied().unwrap_or_default().to_string(),
                    tenant.owner.to_string(),
                    tenant.changed_at.to_string(),
                ]
            };
            table(&head, tenants.iter().map(cells))
        },
    )
}

fn shared(common: &Common, kind: &str, listed: &[Shared]) -> Picture {
    shown(
        common,
        listed,
        |one| forms::layer(one.clone()),
        |rows| {
            if rows.is_empty() {
                return format!("no {kind} is declared; one is a document with `{kind}_config`");
            }
            let kind = kind.to_uppercase();
            let cells = |row: &Shared| {
                let (revision, tenants) = (row.revision.to_string(), row.tenants.to_string());
                vec![row.name.clone(), revision, tenants, row.owner.to_string(), row.changed_at.to_string()]
            };
            table(&[&kind, "REVISION", "TENANTS", "OWNER", "CHANGED"], rows.iter().map(cells))
        },
    )
}

async fn workloads(common: &Common, store: &Arc<Store>, of: &OfTenant) -> Picture {
    let scope = of.tenant.clone().map_or_else(Scope::platform, Scope::tenant);
    let statuses = view::workloads(store.as_ref(), &scope).await?;
    shown(common, &statuses, forms::workload, |statuses| {
        if statuses.is_empty() {
            return "no workload has been looked at yet; `tenantry up` looks".to_owned();
        }
        let head =
            ["WORKLOAD", "STRATEGY", "SIZE", "READY", "RANGE", "STATE", "SIGNAL", "NOW", "EXPECTED", "TARGET", "AGE"];
        table(&head, statuses.iter().map(workload_row))
    })
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
    shown(common, &records, forms::decision, |records| {
        if records.is_empty() {
            return "no such decision is recorded".to_owned();
        }
        let head = ["ID", "WHEN", "WORKLOAD", "CYCLE", "FROM", "TO", "OUTCOME"];
        table(&head, records.iter().map(decision_row))
    })
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
