//! Whether all is well, what is wrong and what to do.

use serde::Serialize;
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::plan::Hold;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

use crate::status::{ControllerStatus, WorkloadStatus};

/// A controller is taken for gone after so many of its periods without a word.
const MISSED_PERIODS: u64 = 4;
/// At least so long, as statuses are not kept every cycle.
const MISSED_MIN: Span = Span::from_secs(30);

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What.
    pub what: String,
    /// With what: a controller or a workload.
    pub about: String,
    /// What to do about it.
    pub to_do: String,
}

/// Leaves out controllers that ended long ago, once another is in charge: they are history, not a problem.
pub fn retain_alive(controllers: &mut Vec<ControllerStatus>, now: Timestamp) {
    let alive = |controller: &ControllerStatus| now.since(controller.at) <= patience(controller);
    if controllers.iter().any(|controller| controller.leading && alive(controller)) {
        controllers.retain(alive);
    }
}

/// Load that follows the size, as that needs a person's thought: the signal does not say how much there is to do.
#[must_use]
pub fn notes(status: &WorkloadStatus) -> Vec<String> {
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

/// What is wrong with controllers, and with there being none.
#[must_use]
pub fn of_controllers(controllers: &[ControllerStatus], now: Timestamp) -> Vec<Problem> {
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
                format!("not heard of for {}", Span::from_secs(silent.as_millis() / 1000)),
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

/// What is wrong with a workload, as somebody may be told who sees only some tenants.
#[must_use]
pub fn of_workload(status: &WorkloadStatus, sees: impl Fn(&TenantId) -> bool) -> Option<Problem> {
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
                format!("{} is reached by {} too, and neither moves it", status.target, named(rival, sees)),
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

/// Another's workload, as far as it may be named.
fn named(rival: &WorkloadKey, sees: impl Fn(&TenantId) -> bool) -> String {
    if sees(&rival.tenant) { format!("the workload {rival}") } else { "a workload of another tenant".to_owned() }
}
