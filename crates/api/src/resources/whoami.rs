//! Who asks.

use http::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::problem::{Problem, UNAUTHENTICATED};
use crate::wire::instant;
use crate::wire::token::{RoleHeld, WhoAmI};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/whoami", "whoAmI", Door::Known, |asked| Box::pin(whoami(asked)))
            .says(
                "access",
                "Who asks",
                "As what the token or certificate in use may be used, how they were known by it, and until when.",
            )
            .gives::<WhoAmI>(
                StatusCode::OK,
                "Who asks.",
                json!({
                    "principal": "token:k3v9q0z7m2ab", "method": "token", "tenant": "acme",
                    "token": "k3v9q0z7m2ab", "until": "2026-06-01T00:00:00Z",
                    "roles": [{ "role": "tenant-editor", "tenant": "acme" }]
                }),
            ),
    ]
}

async fn whoami(asked: &Asked) -> Result<Answer, Problem> {
    let caller = asked.caller.as_ref().ok_or_else(|| Problem::new(UNAUTHENTICATED, "nobody asks"))?;
    Answer::ok(&WhoAmI {
        principal: caller.principal().id.clone(),
        tenant: caller.owner().map(ToString::to_string),
        token: caller.token().map(ToString::to_string),
        method: caller.method().to_string(),
        until: caller.until().map(instant),
        roles: caller.principal().bindings.iter().map(RoleHeld::from).collect(),
    })
}
