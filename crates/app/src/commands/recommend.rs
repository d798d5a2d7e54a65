//! `tenantry recommend`: what containers should request, how sure that is, what it saves, and whether it is applied.

use std::process::ExitCode;

use serde::Serialize;
use tenantry_domain::unit::MicroUsd;
use tenantry_domain::vertical::Resource;
use tenantry_engine::recommend::{Recommendation, Recommended, recommended};
use tenantry_engine::scope::Scope;
use tenantry_engine::tenants::Tenants;

use crate::cli::{Common, Recommend};
use crate::output::{self, table};
use crate::{place, time};

/// A workload of which nothing is known.
#[derive(Debug, Serialize)]
struct Unmeasured {
    workload: String,
    why: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    recommendations: Vec<Recommendation>,
    /// What all of them together would save in a month, of what has a price.
    saving_usd_month: Option<f64>,
    unmeasured: Vec<Unmeasured>,
}

pub(crate) async fn run(common: &Common, command: Recommend) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let tenants = Tenants::new(store.clone());
    let scope = command.tenant.clone().map_or_else(Scope::platform, Scope::tenant);
    let (tenant, workload) = (command.tenant.as_ref(), command.workload.as_ref());
    told(common, recommended(store.as_ref(), &tenants, &[scope], tenant, workload).await?)
}

/// Says what is recommended for workloads.
pub(super) fn told(common: &Common, all: Vec<Recommended>) -> anyhow::Result<ExitCode> {
    output::say(common.output, &answer(all), picture)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(all: Vec<Recommended>) -> Answer {
    let (mut recommendations, mut unmeasured) = (Vec::new(), Vec::new());
    for Recommended { key, rows, unmeasured: why } in all {
        recommendations.extend(rows);
        unmeasured.extend(why.map(|why| Unmeasured { workload: key.to_string(), why }));
    }
    let priced = recommendations.iter().filter_map(|row: &Recommendation| row.saving_usd_month);
    let month = priced.map(money).reduce(|sum, one| MicroUsd(sum.0.saturating_add(one.0)));
    Answer { recommendations, saving_usd_month: month.map(usd), unmeasured }
}

#[expect(clippy::cast_precision_loss, reason = "money as it is shown")]
fn usd(money: MicroUsd) -> f64 {
    money.0 as f64 / 1e6
}

#[expect(clippy::cast_possible_truncation, reason = "a cast that does not fit takes the nearest that does")]
fn money(usd: f64) -> MicroUsd {
    MicroUsd((usd * 1e6).round() as i64)
}

fn saving(row: &Recommendation) -> String {
    let (kind, amount) = if row.saving < 0.0 { ("costs ", -row.saving) } else { ("", row.saving) };
    if amount == 0.0 {
        return "-".to_owned();
    }
    match (row.saving_usd_month, row.resource) {
        (Some(month), _) => format!("{kind}{} a month", money(month.abs())),
        (None, Resource::Cpu) => format!("{kind}{amount:.2} cores"),
        (None, Resource::Memory) => format!("{kind}{:.2} GiB", amount / f64::from(1 << 30)),
    }
}

fn picture(answer: &Answer) -> String {
    if answer.recommendations.is_empty() && answer.unmeasured.is_empty() {
        return "no workload has been looked at yet; `tenantry up` looks".to_owned();
    }
    let mut parts = Vec::new();
    if !answer.recommendations.is_empty() {
        let head = [
            "WORKLOAD",
            "CONTAINER",
            "RESOURCE",
            "REQUEST",
            "P50",
            "P90",
            "RECOMMENDED",
            "BOUNDS",
            "CONFIDENCE",
            "SAVING",
            "MODE",
            "STANDING",
        ];
        parts.push(table(&head, answer.recommendations.iter().map(cells)));
    }
    if let Some(month) = answer.saving_usd_month.map(money) {
        let kind = if month.0 < 0 { "cost" } else { "save" };
        parts.push(format!("together they would {kind} {} a month", MicroUsd(month.0.saturating_abs())));
    }
    let unmeasured: Vec<String> =
        answer.unmeasured.iter().map(|one| format!("{}: nothing is recommended: {}", one.workload, one.why)).collect();
    if !unmeasured.is_empty() {
        parts.push(unmeasured.join("\n"));
    }
    parts.join("\n\n")
}

fn cells(row: &Recommendation) -> Vec<String> {
    let request = match (&row.request_min, &row.request_max) {
        (Some(least), Some(most)) if least == most => least.clone(),
        (Some(least), Some(most)) => format!("{least}-{most}"),
        _ => "-".to_owned(),
    };
    let evidence = match (row.throttled > 0.0, row.oom_kills) {
        (_, kills) if kills > 0 => format!(" (killed {kills}x)"),
        (true, _) => format!(" (at its limit {:.0}%)", row.throttled * 100.0),
        _ => String::new(),
    };
    vec![
        row.workload.clone(),
        row.container.clone(),
        row.resource.to_string(),
        request,
        row.used_median.clone(),
        format!("{}{evidence}", row.used_p90),
        row.recommended.clone(),
        format!("{}-{}", row.lower, row.upper),
        format!("{:.2} {} ({})", row.confidence, row.confidence_in_words, time::age(row.history)),
        saving(row),
        row.mode.to_string(),
        row.why.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use tenantry_engine::status::WorkloadStatus;

    use super::*;

    #[test]
    fn a_recommendation_is_told_with_how_sure_it_is_what_it_saves_and_why_it_is_not_applied() {
        let status = serde_json::json!([
            {
                "key": { "tenant": "acme", "workload": "api" }, "at": 0, "target": "Deployment acme/api",
                "strategy": "reactive", "bounds": [1, 10], "current": 2, "ready": 2, "wanted": 2, "decided": 2,
                "hold": "steady", "signals": [], "startup_delay": "10s", "hour_cost": null, "blind_since": null,
                "trouble": null, "vertical_mode": "off",
                "vertical": [{
                    "name": "main", "history": "2d", "confidence": 666,
                    "resources": [
                        {
                            "resource": "cpu", "request_min": 1000, "request_max": 1000, "target": 300,
                            "advice": { "target": 300, "lower": 120, "upper": 700, "median": 100, "high": 260, "throttled": 120, "oom_kills": 0 },
                            "standing": "off", "saving": 1400, "month": 40_880_000
                        },
                        {
                            "resource": "memory", "request_min": 67_108_864_000_i64, "request_max": 134_217_728_000_i64, "target": 268_435_456_000_i64,
                            "advice": { "target": 268_435_456_000_i64, "lower": 1_048_576_000, "upper": 536_870_912_000_i64, "median": 1_048_576_001, "high": 2_097_152_000, "throttled": 0, "oom_kills": 2 },
                            "standing": "horizontal_drives", "saving": -335_544_320_000_i64, "month": null
                        }
                    ]
                }]
            },
            {
                "key": { "tenant": "acme", "workload": "jobs" }, "at": 0, "target": "Deployment acme/jobs",
                "strategy": "reactive", "bounds": [1, 10], "current": 2, "ready": 2, "wanted": 2, "decided": 2,
                "hold": "steady", "signals": [], "startup_delay": "10s", "hour_cost": null, "blind_since": null,
                "trouble": null, "unmeasured": "the cluster serves no metrics.k8s.io"
            }
        ]);
        let statuses: Vec<WorkloadStatus> = serde_json::from_value(status).unwrap();
        expect_test::expect![[r#"
            WORKLOAD  CONTAINER  RESOURCE  REQUEST     P50   P90                      RECOMMENDED  BOUNDS     CONFIDENCE      SAVING          MODE  STANDING
            acme/api  main       cpu       1           100m  260m (at its limit 12%)  300m         120m-700m  0.67 fair (2d)  $40.88 a month  off   not changed: `vertical.mode` is off
            acme/api  main       memory    64Mi-128Mi  2Mi   2Mi (killed 2x)          256Mi        1Mi-512Mi  0.67 fair (2d)  costs 0.31 GiB  off   not changed: the number of replicas follows the percent of it that is requested

            together they would save $40.88 a month

            acme/jobs: nothing is recommended: the cluster serves no metrics.k8s.io"#]]
        .assert_eq(&picture(&answer(statuses.iter().map(Recommended::of).collect())));
    }
}
