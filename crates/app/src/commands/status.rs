//! `tenantry status`: whether everything is healthy, what is wrong and what to do.

use std::process::ExitCode;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use tenantry_api::forms;
use tenantry_domain::time::Timestamp;
use tenantry_engine::backup::{BackupStatus, backups};
use tenantry_engine::health::{self, Problem};
use tenantry_engine::ports::store::{StoreError, TokenStore as _};
use tenantry_engine::scope::Scope;
use tenantry_engine::status::ControllerStatus;
use tenantry_engine::view;
use tenantry_store::Store;

use super::break_glass::Row;
use super::watch;
use crate::cli::{Common, Status};
use crate::failure::FOUND;
use crate::output::render;
use crate::{place, time};

#[derive(Debug, Serialize)]
struct Health {
    healthy: bool,
    store: String,
    store_bytes: u64,
    #[serde(serialize_with = "controllers_as_the_api")]
    controllers: Vec<ControllerStatus>,
    workloads: usize,
    /// How backups stand; none where there were never any.
    backups: Option<BackupStatus>,
    #[serde(serialize_with = "problems_as_the_api")]
    problems: Vec<Problem>,
    /// Glass that is broken: rights that somebody has for a short while.
    break_glass: Vec<Row>,
    /// What is worth knowing and not wrong.
    notes: Vec<String>,
}

fn controllers_as_the_api<S: Serializer>(controllers: &[ControllerStatus], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(controllers.iter().map(forms::controller))
}

fn problems_as_the_api<S: Serializer>(problems: &[Problem], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(problems.iter().cloned().map(forms::problem))
}

pub(crate) async fn run(common: &Common, command: Status) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    watch(command.watch.watch, || async {
        let health = look(&store, time::now()).await?;
        let code = if health.healthy { ExitCode::SUCCESS } else { ExitCode::from(FOUND) };
        Ok((render(common.output, &health, picture)?, code))
    })
    .await
}

async fn look(store: &Arc<Store>, now: Timestamp) -> Result<Health, StoreError> {
    let mut controllers = view::controllers(store.as_ref()).await?;
    let workloads = view::workloads(store.as_ref(), &Scope::platform()).await?;
    health::retain_alive(&mut controllers, now);
    let mut problems = health::of_controllers(&controllers, now);
    let backups = backups(store.as_ref()).await?;
    problems.extend(backups.as_ref().and_then(|backups| backups.problem(now)));
    problems.extend(workloads.iter().filter_map(|status| health::of_workload(status, |_| true)));
    let broken = store.tokens_of_glass(&Scope::platform(), now).await?;
    Ok(Health {
        healthy: problems.is_empty(),
        store: store.describe(),
        store_bytes: store.size_bytes().await?,
        controllers,
        workloads: workloads.len(),
        backups,
        problems,
        break_glass: broken.into_iter().map(Row::of).collect(),
        notes: workloads.iter().flat_map(health::notes).collect(),
    })
}

fn picture(health: &Health) -> String {
    let mut lines = Vec::new();
    lines.push(format!("store        {} ({:.1} MiB)", health.store, bytes_to_mib(health.store_bytes)));
    for controller in &health.controllers {
        let role = if controller.leading { "in charge" } else { "standing by" };
        let acts = if controller.acts { "" } else { ", observes only" };
        lines.push(format!(
            "controller   {} {role}{acts}, cycle {} each {}, last took {}",
            controller.holder, controller.generation, controller.period, controller.took
        ));
    }
    lines.push(format!("workloads    {}", health.workloads));
    if let Some(last) = health.backups.as_ref().and_then(|backups| backups.last.as_ref().map(|last| (last, backups))) {
        let (last, backups) = last;
        let every = backups.every.map_or_else(String::new, |every| format!(", one each {every}"));
        let age = time::age(time::now().since(last.at));
        lines.push(format!("backup       {} of {} ({age} ago) at {}{every}", last.name, last.at, backups.place));
    }
    if health.healthy {
        lines.push("healthy".to_owned());
    }
    lines.extend(health.break_glass.iter().map(|row| format!("alarm        {}", row.told())));
    lines.extend(health.notes.iter().map(|note| format!("note         {note}")));
    for problem in &health.problems {
        // An excerpt keeps its place under what it is about.
        let text = format!("{}: {}\n{}", problem.about, problem.what, problem.to_do).replace('\n', "\n             ");
        lines.push(format!("problem      {text}"));
    }
    lines.join("\n")
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn bytes_to_mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
