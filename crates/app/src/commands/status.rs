//! `tenantry status`: whether everything is healthy, what is wrong and what to do.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use tenantry_domain::plan::Hold;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::store::StoreError;
use tenantry_engine::scope::Scope;
use tenantry_engine::status::{ControllerStatus, WorkloadStatus};
use tenantry_engine::view;
use tenantry_store::Store;

use super::watch;
use crate::cli::{Common, Status};
use crate::failure::FOUND;
use crate::output::render;
use crate::{place, time};

/// A controller is taken for gone after so many of its periods without a word.
const MISSED_PERIODS: u64 = 4;
/// At least so long, as statuses are not kept every cycle.
const MISSED_MIN: Span = Span::from_secs(30);

/// Something that is wrong.
#[derive(Debug, Serialize)]
struct Problem {
    what: String,
    about: String,
    to_do: String,
}

#[derive(Debug, Serialize)]
struct Health {
    healthy: bool,
    store: String,
    store_bytes: u64,
    controllers: Vec<ControllerStatus>,
    workloads: usize,
    problems: Vec<Problem>,
    /// What is worth knowing and not wrong.
    notes: Vec<String>,
}

pub(crate) async fn run(common: &Common, command: Status) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref()).await?;
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
    // One that ended long ago is history, not a problem, once another is in charge.
    let alive = |controller: &ControllerStatus| now.since(controller.at) <= patience(controller);
    if controllers.iter().any(|controller| controller.leading && alive(controller)) {
        controllers.retain(alive);
    }
    let mut problems = of_controllers(&controllers, now);
    problems.extend(workloads.iter().filter_map(of_workload));
    Ok(Health {
        healthy: problems.is_empty(),
        store: store.describe(),
        store_bytes: store.size_bytes().await?,
        controllers,
        workloads: workloads.len(),
        problems,
        notes: workloads.iter().flat_map(notes).collect(),
    })
}

/// Load that follows the size, as that needs a person's thought: the signal does not say how much there is to do.
fn notes(status: &WorkloadStatus) -> Vec<String> {
    let follows = status.signals.iter().filter(|signal| signal.follows);
    let told = follows.map(|signal| {
        format!(
            "{}: the load of {} follows its size, so that it is sized by what is measured now, in small steps down; scale it \
             on what waits instead, such as the length of its queue",
            status.key, signal.name
        )
    });
    told.collect()
}

fn patience(controller: &ControllerStatus) -> Span {
    MISSED_MIN.max(Span::from_millis(controller.period.as_millis().saturating_mul(MISSED_PERIODS)))
}

fn of_controllers(controllers: &[ControllerStatus], now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let problem =
        |about: &str, what: String, to_do: &str| Problem { what, about: about.to_owned(), to_do: to_do.to_owned() };
    if controllers.is_empty() {
        problems.push(problem("server", "no server runs on this store".to_owned(), "start one: `tenantry up`"));
    }
    for controller in controllers {
        let about = format!("controller {}", controller.holder);
        let silent = now.since(controller.at);
        if silent > patience(controller) {
            problems.push(problem(
                &about,
                format!("not heard of for {}", time::age(silent)),
                "see whether it runs; start it with `tenantry up`",
            ));
            continue;
        }
        for failed in &controller.failed_queries {
            problems.push(problem(
                &about,
                format!("a query failed: {failed}"),
                "see whether the metrics source runs and knows the query",
            ));
        }
        for trouble in &controller.troubles {
            problems.push(problem(&about, trouble.clone(), "see its log"));
        }
        for notice in &controller.notices {
            problems.push(problem(&about, notice.what.clone(), &notice.to_do));
        }
    }
    if !controllers.is_empty() && !controllers.iter().any(|controller| controller.leading) {
        problems.push(problem(
            "server",
            "no controller is in charge".to_owned(),
            "see whether a stale lease is held, and by whom",
        ));
    }
    problems
}

fn of_workload(status: &WorkloadStatus) -> Option<Problem> {
    let (what, to_do) = if let Some(why) = &status.trouble {
        (
            format!("the last change was not accepted: {why}"),
            "repair what it names; it is tried again by itself".to_owned(),
        )
    } else {
        match status.hold.as_ref()? {
            Hold::Unreadable => (
                status.unreadable.clone().unwrap_or_else(|| format!("{} cannot be read", status.target)),
                "check the workload's namespace, kind and name, and the server's permissions".to_owned(),
            ),
            Hold::Blind => {
                let first = status
                    .signals
                    .iter()
                    .find_map(|signal| signal.now.as_ref().err().map(|why| format!("{}: {why}", signal.name)));
                (
                    format!("nothing can be seen of its load ({})", first.unwrap_or_default()),
                    "check the signal's query and its source".to_owned(),
                )
            }
            Hold::ForeignScaler => (
                "another autoscaler is in charge of it".to_owned(),
                "remove that one, or set `take_over: true`".to_owned(),
            ),
            Hold::Rival(rival) => (
                format!("{} is reached by the workload {rival} too, and neither moves it", status.target),
                "let one of the two name another object, or set `enabled: false` under its autoscaling".to_owned(),
            ),
            Hold::Broken(law) => (
                format!("a plan broke a law and was not performed: {law}"),
                "report this with `tenantry explain -o json`".to_owned(),
            ),
            Hold::Steady | Hold::Disabled | Hold::Paused | Hold::Asleep | Hold::Waiting => return None,
        }
    };
    Some(Problem { what, about: status.key.to_string(), to_do })
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
    if health.healthy {
        lines.push("healthy".to_owned());
    }
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
