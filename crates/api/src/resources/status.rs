//! Whether all is well.

use http::{Method, StatusCode};
use serde_json::json;
use tenantry_engine::access::Action;
use tenantry_engine::backup::backups;
use tenantry_engine::{health, view};

use crate::answer::Answer;
use crate::api::ApiStore;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::problem::Problem;
use crate::wire::status::{Controller, Health, HealthProblem};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/status", "readStatus", Door::Anywhere(Action::ReadStatus), |asked| {
            Box::pin(status(asked))
        })
        .says(
            "server",
            "Whether all is well",
            "What is wrong and what to do, as far as the caller may see: controllers are told to those who see the \
             whole platform.",
        )
        .gives::<Health>(
            StatusCode::OK,
            "How things stand.",
            json!({
                "healthy": false, "controllers": [], "workloads": 1, "notes": [],
                "problems": [{
                    "about": "acme/api", "what": "nothing can be seen of its load (cpu: no value)",
                    "to_do": "check the signal's query and its source"
                }]
            }),
        ),
    ]
}

async fn status(asked: &Asked) -> Result<Answer, Problem> {
    let store: &dyn ApiStore = asked.api.store.as_ref();
    let (mut controllers, mut problems) = (Vec::new(), Vec::new());
    if asked.scopes().any(|scope| scope.only().is_none()) {
        controllers = view::controllers(store).await?;
        health::retain_alive(&mut controllers, asked.now);
        problems = health::of_controllers(&controllers, asked.now);
        let backups = backups(asked.api.store.as_ref()).await?;
        problems.extend(backups.and_then(|backups| backups.problem(asked.now)));
    }
    let (mut workloads, mut notes) = (0, Vec::new());
    for scope in asked.scopes() {
        for status in view::workloads(store, scope).await? {
            workloads += 1;
            problems.extend(health::of_workload(&status, |tenant| asked.names(tenant)));
            notes.extend(health::notes(&status));
        }
    }
    Answer::ok(&Health {
        healthy: problems.is_empty(),
        controllers: controllers.iter().map(Controller::from).collect(),
        workloads,
        problems: problems.into_iter().map(HealthProblem::from).collect(),
        notes,
    })
}
