//! What a server has: lists, the last decisions, and how it is.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::time::Timestamp;

use super::{of_workload, or_dash, or_unknown, say, shown};
use crate::cli::{Common, Decisions, Explain, Get, OfTenant, Status};
use crate::commands::watch;
use crate::failure::FOUND;
use crate::output::{Format, table};
use crate::server::{Server, With, instant, read};
use crate::time;

pub(super) async fn get(common: &Common, server: &Server, command: Get) -> anyhow::Result<ExitCode> {
    match command {
        Get::Tenants(every) => watch(every.watch, || tenants(common, server)).await,
        Get::Tiers(every) => watch(every.watch, || layers(common, server, "tier")).await,
        Get::Regions(every) => watch(every.watch, || layers(common, server, "region")).await,
        Get::Workloads(of) => watch(of.watch.watch, || workloads(common, server, &of)).await,
        Get::Decisions(asked) => watch(asked.watch.watch, || decisions(common, server, &asked)).await,
    }
}

type Picture = anyhow::Result<(String, ExitCode)>;

#[derive(Deserialize)]
struct Tenant {
    id: String,
    tier: Option<String>,
    region: Option<String>,
    revision: u64,
    owner: String,
    changed_at: String,
    workloads: usize,
}

async fn tenants(common: &Common, server: &Server) -> Picture {
    #[derive(Deserialize)]
    struct Size {
        tenant: String,
        current: Option<u32>,
    }
    let all = Value::from(server.list("/v1/tenants", &[], None).await?);
    let mut replicas: BTreeMap<String, u32> = BTreeMap::new();
    // Only the table adds them up.
    if common.output == Format::Table {
        let fields = [("fields", Some("tenant,current".to_owned()))];
        for size in server.list("/v1/workloads", &fields, None).await? {
            let Size { tenant, current } = read(size)?;
            let sum = replicas.entry(tenant).or_default();
            *sum = sum.saturating_add(current.unwrap_or_default());
        }
    }
    let text = shown(common, &all, |rows: Vec<Tenant>| {
        if rows.is_empty() {
            return "no tenant is declared that you may see; see `tenantry config apply --help`".to_owned();
        }
        let head = ["TENANT", "TIER", "REGION", "REVISION", "WORKLOADS", "REPLICAS", "OWNER", "CHANGED"];
        let cells = |row: Tenant| {
            let size = replicas.get(&row.id).copied().unwrap_or_default();
            let (revision, workloads) = (row.revision.to_string(), row.workloads.to_string());
            let (tier, region) = (or_dash(row.tier), or_dash(row.region));
            vec![row.id, tier, region, revision, workloads, size.to_string(), row.owner, row.changed_at]
        };
        table(&head, rows.into_iter().map(cells))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

async fn layers(common: &Common, server: &Server, kind: &str) -> Picture {
    #[derive(Deserialize)]
    struct Layer {
        name: String,
        revision: u64,
        owner: String,
        changed_at: String,
        tenants: usize,
    }
    let all = Value::from(server.list(&format!("/v1/layers/{kind}s"), &[], None).await?);
    let text = shown(common, &all, |rows: Vec<Layer>| {
        if rows.is_empty() {
            return format!("no {kind} is declared; one is a document with `{kind}_config`");
        }
        let kind = kind.to_uppercase();
        let cells =
            |row: Layer| vec![row.name, row.revision.to_string(), row.tenants.to_string(), row.owner, row.changed_at];
        table(&[&kind, "REVISION", "TENANTS", "OWNER", "CHANGED"], rows.into_iter().map(cells))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

#[derive(Deserialize)]
struct Workload {
    tenant: String,
    name: String,
    #[serde(deserialize_with = "instant")]
    at: Timestamp,
    strategy: String,
    min_replicas: u32,
    max_replicas: u32,
    current: Option<u32>,
    ready: u32,
    decided: Option<u32>,
    state: String,
    signals: Vec<Signal>,
}

#[derive(Deserialize)]
struct Signal {
    name: String,
    target: String,
    now: Option<f64>,
    expected: Option<f64>,
    trusted: bool,
}

async fn workloads(common: &Common, server: &Server, of: &OfTenant) -> Picture {
    let query = [("tenant", of.tenant.as_ref().map(ToString::to_string))];
    let all = Value::from(server.list("/v1/workloads", &query, None).await?);
    let text = shown(common, &all, |rows: Vec<Workload>| {
        if rows.is_empty() {
            return "no workload that you may see has been looked at yet; `tenantry up` looks".to_owned();
        }
        let head =
            ["WORKLOAD", "STRATEGY", "SIZE", "READY", "RANGE", "STATE", "SIGNAL", "NOW", "EXPECTED", "TARGET", "AGE"];
        let now = time::now();
        table(&head, rows.into_iter().map(|row| workload(row, now)))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

/// A workload as a row, with the signal that asks for most by name first.
fn workload(row: Workload, now: Timestamp) -> Vec<String> {
    let value = |value: f64| format!("{}", (value * 100.0).round() / 100.0);
    let size = match (row.current, row.decided) {
        (Some(current), Some(decided)) if current != decided => format!("{current}→{decided}"),
        (current, _) => or_unknown(current),
    };
    let signal = row.signals.into_iter().next();
    let (name, at, expected, target) = match signal {
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned(), "-".to_owned()),
        Some(Signal { name, target, now, expected, trusted }) => {
            let expected = expected.map(value).map(|value| if trusted { value } else { format!("({value})") });
            (name, now.map_or_else(|| "?".to_owned(), value), or_dash(expected), target)
        }
    };
    vec![
        format!("{}/{}", row.tenant, row.name),
        row.strategy,
        size,
        row.ready.to_string(),
        format!("{}-{}", row.min_replicas, row.max_replicas),
        row.state,
        name,
        at,
        expected,
        target,
        time::age(now.since(row.at)),
    ]
}

#[derive(Deserialize)]
struct Decision {
    id: u64,
    tenant: String,
    workload: String,
    #[serde(deserialize_with = "instant")]
    at: Timestamp,
    generation: String,
    from: Option<u32>,
    to: Option<u32>,
    changes: bool,
    outcome: String,
    why: Option<String>,
}

async fn decisions(common: &Common, server: &Server, asked: &Decisions) -> Picture {
    let most = usize::try_from(asked.last).ok();
    let changes = ("changes", asked.changes.then(|| "true".to_owned()));
    let all = match &asked.workload {
        Some(key) => server.list(&format!("{}/decisions", of_workload(key)), &[changes], most).await?,
        None => {
            let tenant = ("tenant", asked.tenant.as_ref().map(ToString::to_string));
            server.list("/v1/decisions", &[changes, tenant], most).await?
        }
    };
    let text = shown(common, &Value::from(all), |rows: Vec<Decision>| {
        if rows.is_empty() {
            return "no such decision is recorded".to_owned();
        }
        let cells = |row: Decision| {
            // The number of replicas stayed, and what their containers request was changed.
            let to = if row.changes && row.from == row.to { "requests".to_owned() } else { or_unknown(row.to) };
            let outcome = match row.why {
                Some(why) => format!("{}: {why}", row.outcome),
                None if row.outcome == "observed" => "observed only".to_owned(),
                None => row.outcome,
            };
            let workload = format!("{}/{}", row.tenant, row.workload);
            vec![row.id.to_string(), row.at.to_string(), workload, row.generation, or_unknown(row.from), to, outcome]
        };
        table(&["ID", "WHEN", "WORKLOAD", "CYCLE", "FROM", "TO", "OUTCOME"], rows.into_iter().map(cells))
    })?;
    Ok((text, ExitCode::SUCCESS))
}

pub(super) async fn explain(common: &Common, server: &Server, command: Explain) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Explained {
        decision: Decision,
        reasons: Vec<String>,
        replays: bool,
    }
    let path = format!("{}/decisions", of_workload(&command.workload));
    let changes = ("changes", command.changes.then(|| "true".to_owned()));
    let listed = server.list(&path, &[changes], usize::try_from(command.last).ok()).await?;
    if listed.is_empty() {
        return Err(crate::commands::explain::Undecided::of(command.workload, command.changes).into());
    }
    let mut explained = Vec::new();
    for decision in listed {
        let Decision { id, .. } = read(decision)?;
        explained.push(server.get(&format!("{path}/{id}"), With::default()).await?);
    }
    say(common, &Value::from(explained), |decisions: Vec<Explained>| {
        let now = time::now();
        let block = |Explained { decision, reasons, replays }: Explained| {
            let altered = if replays { "" } else { "  NOT REPRODUCIBLE from its inputs" };
            let (at, age) = (decision.at, time::age(now.since(decision.at)));
            let head = format!(
                "{}  decision {} of {at} ({age} ago), cycle {}{altered}",
                command.workload, decision.id, decision.generation
            );
            let lines: Vec<String> = reasons.iter().map(|line| format!("  {line}")).collect();
            format!("{head}\n{}", lines.join("\n"))
        };
        decisions.into_iter().map(block).collect::<Vec<String>>().join("\n\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Health {
    healthy: bool,
    controllers: Vec<Controller>,
    workloads: usize,
    problems: Vec<HealthProblem>,
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Controller {
    holder: String,
    leading: bool,
    acts: bool,
    period_seconds: f64,
    generation: String,
    took_seconds: f64,
}

#[derive(Deserialize)]
struct HealthProblem {
    about: String,
    what: String,
    to_do: String,
}

pub(super) async fn status(common: &Common, server: &Server, command: Status) -> anyhow::Result<ExitCode> {
    watch(command.watch.watch, || async {
        let answer = server.get("/v1/status", With::default()).await?;
        let code = if answer.get("healthy") == Some(&json!(true)) { ExitCode::SUCCESS } else { ExitCode::from(FOUND) };
        Ok((shown(common, &answer, health)?, code))
    })
    .await
}

fn health(health: Health) -> String {
    let mut lines = Vec::new();
    for controller in health.controllers {
        let role = if controller.leading { "in charge" } else { "standing by" };
        let acts = if controller.acts { "" } else { ", observes only" };
        lines.push(format!(
            "controller   {} {role}{acts}, cycle {} each {} s, last took {} s",
            controller.holder, controller.generation, controller.period_seconds, controller.took_seconds
        ));
    }
    lines.push(format!("workloads    {}", health.workloads));
    if health.healthy {
        lines.push("healthy".to_owned());
    }
    lines.extend(health.notes.iter().map(|note| format!("note         {note}")));
    for HealthProblem { about, what, to_do } in &health.problems {
        let text = format!("{about}: {what}\n{to_do}").replace('\n', "\n             ");
        lines.push(format!("problem      {text}"));
    }
    lines.join("\n")
}
