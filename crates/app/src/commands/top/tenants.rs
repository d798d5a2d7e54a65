//! Workloads added up by tenant, and what needs somebody.

use tenantry_domain::id::TenantId;
use tenantry_domain::plan::Hold;
use tenantry_domain::unit::MicroUsd;
use tenantry_engine::status::WorkloadStatus;

use super::screen::{Picture, Sort, is_troubled};

/// A tenant as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TenantRow {
    pub(super) tenant: TenantId,
    pub(super) workloads: usize,
    pub(super) size: u32,
    /// After the decisions of now.
    pub(super) decided: u32,
    pub(super) ready: u32,
    pub(super) troubled: usize,
    /// Workloads that are held for another reason than that their size is right.
    pub(super) held: usize,
    /// None where no price is declared.
    pub(super) hour_cost: Option<MicroUsd>,
}

/// Tenants of workloads, in order.
pub(super) fn tenants(workloads: &[&WorkloadStatus], sort: Sort) -> Vec<TenantRow> {
    let mut rows: Vec<TenantRow> = Vec::new();
    for status in workloads {
        let place = rows.iter().position(|row| row.tenant == status.key.tenant).unwrap_or(rows.len());
        if place == rows.len() {
            let tenant = status.key.tenant.clone();
            rows.push(TenantRow {
                tenant,
                workloads: 0,
                size: 0,
                decided: 0,
                ready: 0,
                troubled: 0,
                held: 0,
                hour_cost: None,
            });
        }
        let Some(row) = rows.get_mut(place) else { continue };
        let size = |size: Option<tenantry_domain::unit::Replicas>| size.map_or(0, |size| size.get());
        row.workloads += 1;
        row.size += size(status.current);
        row.decided += size(status.decided.or(status.current));
        row.ready += status.ready.get();
        row.troubled += usize::from(is_troubled(status));
        row.held += usize::from(status.hold.as_ref().is_some_and(|hold| *hold != Hold::Steady));
        let sum = |cost: MicroUsd| MicroUsd(row.hour_cost.map_or(0, |known| known.0).saturating_add(cost.0));
        row.hour_cost = status.hour_cost.map(sum).or(row.hour_cost);
    }
    match sort {
        Sort::Name => rows.sort_by(|a, b| a.tenant.cmp(&b.tenant)),
        Sort::Size => rows.sort_by_key(|row| std::cmp::Reverse(row.size)),
        Sort::Cost => rows.sort_by_key(|row| std::cmp::Reverse(row.hour_cost.map_or(0, |cost| cost.0))),
        Sort::Trouble => rows.sort_by_key(|row| std::cmp::Reverse(row.troubled)),
    }
    rows
}

/// Everything that needs somebody, most general first.
pub(super) fn alerts(picture: &Picture) -> Vec<String> {
    let leading = picture.controllers.iter().flatten().filter(|controller| controller.leading);
    let queries = leading.clone().flat_map(|one| one.failed_queries.iter().map(|why| format!("a query failed: {why}")));
    let wrong =
        leading.flat_map(|one| one.troubles.iter().chain(one.notices.iter().map(|notice| &notice.what)).cloned());
    let mut alerts: Vec<String> = queries.chain(wrong).collect();
    alerts.extend(picture.workloads.iter().filter(|status| is_troubled(status)).map(|status| {
        let hold = || status.held().unwrap_or("not seen").to_owned();
        let why = status.trouble.clone().or_else(|| status.unreadable.clone()).unwrap_or_else(hold);
        format!("{}: {why}", status.key)
    }));
    alerts
}
