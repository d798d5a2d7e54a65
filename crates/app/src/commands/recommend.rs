//! `tenantry recommend`: what containers should request, how sure that is, what it saves, and whether it is applied.

use std::process::ExitCode;

use serde::Serialize;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::Hold;
use tenantry_domain::unit::{MicroUsd, Milli, Span};
use tenantry_domain::vertical::{Resource, Standing, VerticalMode};
use tenantry_engine::scope::Scope;
use tenantry_engine::status::{ContainerStatus, ResourceStatus, WorkloadStatus};
use tenantry_engine::tenants::Tenants;
use tenantry_engine::{standing, view};

use crate::cli::{Common, Recommend};
use crate::output::{self, table};
use crate::{place, sizes, time};

/// A resource of a container as it is and as it should be; quantities as Kubernetes writes them.
#[derive(Debug, Serialize)]
struct Row {
    workload: String,
    container: String,
    resource: Resource,
    /// The least and the most that a pod requests; none when it names none.
    request_min: Option<String>,
    request_max: Option<String>,
    /// The median and the 90 % quantile of what is used; of memory, of each day's peak.
    used_median: String,
    used_p90: String,
    /// Share of samples that were cut off at the limit.
    throttled: f64,
    oom_kills: u32,
    recommended: String,
    lower: String,
    upper: String,
    /// From 0 to 1.
    confidence: f64,
    confidence_in_words: &'static str,
    history: Span,
    /// What all pods together would request less, in cores or bytes; negative when it is more.
    saving: f64,
    /// The same in dollars a month, where a price is declared.
    saving_usd_month: Option<f64>,
    mode: VerticalMode,
    /// How the request stands to it, and why it is or is not applied.
    why: String,
    #[serde(skip)]
    shown: String,
    #[serde(skip)]
    month: Option<MicroUsd>,
}

/// A workload of which nothing is known.
#[derive(Debug, Serialize)]
struct Unmeasured {
    workload: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    recommendations: Vec<Row>,
    /// What all of them together would save in a month, of what has a price.
    saving_usd_month: Option<f64>,
    unmeasured: Vec<Unmeasured>,
    #[serde(skip)]
    month: Option<MicroUsd>,
}

pub(crate) async fn run(common: &Common, command: Recommend) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let tenants = Tenants::new(store.clone());
    // What was never declared is another matter than what was not looked at yet.
    let declared = match (&command.tenant, &command.workload) {
        (Some(tenant), Some(workload)) => {
            let key = WorkloadKey { tenant: tenant.clone(), workload: workload.clone() };
            vec![tenants.spec_of(&key).await?.key]
        }
        (Some(tenant), None) => tenants.specs_of(tenant).await?.into_iter().map(|spec| spec.key).collect(),
        (None, _) => Vec::new(),
    };
    let scope = command.tenant.clone().map_or_else(Scope::platform, Scope::tenant);
    let mut statuses = view::workloads(store.as_ref(), &scope).await?;
    if command.workload.is_some() {
        statuses.retain(|status| declared.contains(&status.key));
    }
    let mut answer = answer(&statuses);
    let unseen = declared.iter().filter(|key| !statuses.iter().any(|status| status.key == **key));
    answer.unmeasured.extend(unseen.map(|key| Unmeasured {
        workload: key.to_string(),
        why: "it has not been looked at yet; `tenantry up` looks".to_owned(),
    }));
    output::say(common.output, &answer, picture)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(statuses: &[WorkloadStatus]) -> Answer {
    let mut recommendations = Vec::new();
    let mut unmeasured = Vec::new();
    for status in statuses {
        for container in &status.vertical {
            recommendations.extend(container.resources.iter().map(|one| row(status, container, one)));
        }
        if status.vertical.iter().all(|container| container.resources.is_empty()) {
            let why = status.unreadable.clone().or_else(|| status.unmeasured.clone());
            let why = why.unwrap_or_else(|| "none of its pods was measured yet".to_owned());
            unmeasured.push(Unmeasured { workload: status.key.to_string(), why });
        }
    }
    let priced = recommendations.iter().filter_map(|row: &Row| row.month);
    let month = priced.reduce(|sum, one| MicroUsd(sum.0.saturating_add(one.0)));
    Answer { recommendations, saving_usd_month: month.map(usd), unmeasured, month }
}

#[expect(clippy::cast_precision_loss, reason = "money as it is shown")]
fn usd(money: MicroUsd) -> f64 {
    money.0 as f64 / 1e6
}

fn row(status: &WorkloadStatus, container: &ContainerStatus, one: &ResourceStatus) -> Row {
    let show = |value: Milli| quantity(one.resource, value);
    Row {
        workload: status.key.to_string(),
        container: container.name.clone(),
        resource: one.resource,
        request_min: one.request_min.map(show),
        request_max: one.request_max.map(show),
        used_median: show(one.advice.median),
        used_p90: show(one.advice.high),
        throttled: one.advice.throttled.as_f64(),
        oom_kills: one.advice.oom_kills,
        recommended: show(one.target),
        lower: show(one.advice.lower),
        upper: show(one.advice.upper),
        confidence: container.confidence.as_f64(),
        confidence_in_words: in_words(container.history),
        history: container.history,
        saving: one.saving.as_f64(),
        saving_usd_month: one.month.map(usd),
        mode: status.vertical_mode,
        why: why(status, &one.standing),
        shown: saving(one),
        month: one.month,
    }
}

/// A quantity short enough for a column: whole mebibytes.
fn quantity(resource: Resource, value: Milli) -> String {
    match resource {
        Resource::Cpu => resource.show(value),
        Resource::Memory => {
            let step = 1000_i64 << 20;
            let whole = value.0.div_euclid(step) + i64::from(value.0.rem_euclid(step) > 0);
            resource.show(Milli(whole.saturating_mul(step)))
        }
    }
}

/// How sure a recommendation is after so much history.
fn in_words(history: Span) -> &'static str {
    const HOUR: u64 = 3_600_000;
    match history.as_millis() / HOUR {
        0 => "hardly any",
        1..24 => "low",
        24..72 => "fair",
        72..168 => "good",
        _ => "high",
    }
}

fn saving(one: &ResourceStatus) -> String {
    let (kind, amount) = if one.saving < Milli::ZERO { ("costs ", Milli(-one.saving.0)) } else { ("", one.saving) };
    if amount == Milli::ZERO {
        return "-".to_owned();
    }
    match (one.month, one.resource) {
        (Some(month), _) => format!("{kind}{} a month", MicroUsd(month.0.saturating_abs())),
        (None, Resource::Cpu) => format!("{kind}{:.2} cores", amount.as_f64()),
        (None, Resource::Memory) => format!("{kind}{:.2} GiB", amount.as_f64() / f64::from(1 << 30)),
    }
}

/// What keeps a request from being changed, where that is not its own standing.
fn why(status: &WorkloadStatus, own: &Standing) -> String {
    let acts = status.vertical_mode != VerticalMode::Off;
    let rests = matches!(status.hold, None | Some(Hold::Steady | Hold::Waiting));
    match (own, sizes::hold(status)) {
        (Standing::Changes | Standing::InTurn(_), Some(hold)) if acts && !rests => {
            format!("not changed while the workload is held: {hold}")
        }
        (Standing::Changes, _) if status.trouble.is_some() => {
            format!("it is to change; the last attempt failed: {}", status.trouble.as_deref().unwrap_or_default())
        }
        _ => standing(own),
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
    if let Some(month) = answer.month {
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

fn cells(row: &Row) -> Vec<String> {
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
        row.shown.clone(),
        row.mode.to_string(),
        row.why.clone(),
    ]
}

#[cfg(test)]
mod tests {
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
        .assert_eq(&picture(&answer(&statuses)));
    }
}
