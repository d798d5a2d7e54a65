//! Who asks.

use http::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::problem::{Problem, UNAUTHENTICATED};
use crate::wire::token::{RoleHeld, WhoAmI};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/v1/whoami", "whoAmI", Door::Known, |asked| Box::pin(whoami(asked)))
            .says("access", "Who asks", "As what the token in use may be used.")
            .gives::<WhoAmI>(
                StatusCode::OK,
                "Who asks.",
                json!({
                    "principal": "token:k3v9q0z7m2ab", "tenant": "acme", "token": "k3v9q0z7m2ab",
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
        token: caller.token().to_string(),
        roles: caller.principal().bindings.iter().map(RoleHeld::from).collect(),
    })
}
