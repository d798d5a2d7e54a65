//! All operations, and the router that is made of them.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::routing::{MethodFilter, on};

use crate::api::Api;
use crate::operation::Operation;
use crate::{guard, outer, resources};

static PATHS: LazyLock<Vec<&'static str>> = LazyLock::new(|| operations().iter().map(|one| one.path).collect());

/// Every operation, in the order of the document.
pub(crate) fn operations() -> Vec<Operation> {
    [
        resources::health::operations(),
        resources::whoami::operations(),
        resources::status::operations(),
        resources::tenants::operations(),
        resources::documents::operations(),
        resources::layers::operations(),
        resources::apply::operations(),
        resources::export::operations(),
        resources::workloads::operations(),
        resources::recommendations::operations(),
        resources::decisions::operations(),
        resources::interventions::operations(),
        resources::tokens::operations(),
        resources::can_i::operations(),
        resources::written::operations(),
        resources::all_written::operations(),
        resources::glass::operations(),
        resources::audit::operations(),
        resources::events::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The routes as they are declared.
pub(crate) fn paths() -> &'static [&'static str] {
    &PATHS
}

pub(crate) fn router(api: &Api) -> Router {
    routed(api, operations())
}

/// The router of these operations.
pub(crate) fn routed(api: &Api, operations: Vec<Operation>) -> Router {
    let mut router = Router::new();
    for operation in operations {
        let Ok(filter) = MethodFilter::try_from(operation.method.clone()) else { continue };
        let path = operation.path;
        let routed = on(filter, guard::pass).with_state((api.clone(), Arc::new(operation)));
        router = router.route(path, routed);
    }
    router
        .fallback(outer::nowhere)
        .method_not_allowed_fallback(outer::no_method)
        .layer(axum::middleware::from_fn_with_state(api.clone(), outer::surround))
}
