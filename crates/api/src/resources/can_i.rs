//! Whether somebody may do something.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_engine::access::{
    Action, ActionError, Answered, Binding, Principal, Reach, RoleName, RoleNameError, Target, supposed,
};
use tenantry_engine::ports::store::KeyId;
use utoipa::ToSchema;

use super::named;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation, Wanted};
use crate::problem::{MALFORMED, Problem};
use crate::wire::token::RoleHeld;
use crate::wire::written::{PolicySaid, WouldBe};

/// What somebody would do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// What is to be done, such as `readConfig`.
    action: String,
    /// On this tenant; on the platform unless told.
    #[serde(default)]
    tenant: Option<String>,
    /// On this workload of the tenant.
    #[serde(default)]
    workload: Option<String>,
    /// By somebody with these roles; by whoever asks unless told.
    #[serde(default)]
    #[schema(max_items = 32)]
    roles: Vec<RoleHeld>,
    /// By the holder of the token with this id.
    #[serde(default)]
    token: Option<String>,
    /// From this address.
    #[serde(default)]
    from: Option<String>,
    /// `writeConfig`: a change of these fields, such as `autoscaling`.
    #[serde(default)]
    #[schema(max_items = 32)]
    touches: Vec<String>,
    /// `writeConfig`: a change that reaches this beyond the tenant: `objects`, `series`, `apart`.
    #[serde(default)]
    #[schema(max_items = 3)]
    reaches: Vec<String>,
    /// `writeConfig`: a change that raises a `max_replicas` by so many percent.
    #[serde(default)]
    #[schema(maximum = 1_000_000)]
    raises: u32,
}

/// Most roles or fields of a question.
const LISTED_MAX: usize = 32;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::POST, "/v1/can-i", "canI", Door::All(Action::ReadPolicies, trusted), |asked| {
            Box::pin(answer(asked))
        })
        .says(
            "access",
            "Whether somebody may do something",
            "And which policies say so. Everybody may ask about themselves; about others those who may read the policies of \
             what is asked about, and about a token those who may read tokens there. Changes nothing.",
        )
        .takes::<Question>(json!({
            "action": "scaleWorkload", "tenant": "acme", "workload": "api",
            "roles": [{ "role": "tenant-viewer", "tenant": "acme" }]
        }))
        .gives::<WouldBe>(
            StatusCode::OK,
            "The verdict.",
            json!({
                "allowed": false, "principal": "somebody", "roles": [{ "role": "tenant-viewer", "tenant": "acme" }],
                "action": "scaleWorkload", "target": "workload `acme/api`", "policies": [], "errors": [],
                "roles_that_may": ["platform-admin", "operator", "tenant-admin", "tenant-editor"]
            }),
        )
        .refuses(&[404, 413, 415]),
    ]
}

/// What a question is about.
fn target(tenant: Option<String>, workload: Option<String>) -> Result<Target, Problem> {
    match (named(tenant)?, workload) {
        (target, None) => Ok(target),
        (Target::Tenant(tenant), Some(workload)) => {
            let workload = WorkloadName::new(workload).map_err(|_| Problem::not_found())?;
            Ok(Target::Workload(WorkloadKey { tenant, workload }))
        }
        (_, Some(_)) => Err(Problem::new(MALFORMED, "`workload` goes with `tenant`")),
    }
}

/// Whom a question about somebody else is answered. One about a token is answered where its holder would find it: who is
/// of the platform finds all.
fn trusted(asked: &Asked) -> Result<Wanted, Problem> {
    let Question { tenant, workload, roles, token, .. } = asked.json()?;
    let target = target(tenant, workload)?;
    let (is_about_self, whose) = (roles.is_empty() && token.is_none(), tenant_of(&target));
    if is_about_self {
        // What is said of a tenant is said to those who reach it.
        let caller = asked.caller.as_ref().ok_or_else(Problem::not_found)?;
        let reaches = target.tenant().is_none_or(|tenant| caller.principal().reaches(tenant));
        return if reaches { Ok(Vec::new()) } else { Err(Problem::not_found()) };
    }
    let mut wanted = vec![(Action::ReadPolicies, whose.clone())];
    if token.is_some() {
        let is_of_platform = asked.caller.as_ref().is_some_and(|caller| caller.principal().is_of_platform());
        wanted.push((Action::ReadTokens, if is_of_platform { Target::Platform } else { whose }));
    }
    Ok(wanted)
}

fn tenant_of(target: &Target) -> Target {
    target.tenant().cloned().map_or(Target::Platform, Target::Tenant)
}

async fn answer(asked: &Asked) -> Result<Answer, Problem> {
    let Question { action, tenant, workload, roles, token, from, touches, reaches, raises } = asked.json()?;
    if roles.len() > LISTED_MAX || touches.len() > LISTED_MAX {
        return Err(Problem::new(MALFORMED, format!("a question names at most {LISTED_MAX} roles and fields")));
    }
    let bad = |error: String| Problem::new(MALFORMED, error);
    let action: Action = action.parse().map_err(|error: ActionError| bad(error.to_string()))?;
    let from = from.map(|from| from.parse::<IpAddr>()).transpose().map_err(|error| bad(format!("`from`: {error}")))?;
    let target = target(tenant, workload)?;
    let principal = match (roles.as_slice(), token) {
        ([], None) => asked.caller.as_ref().ok_or_else(Problem::not_found)?.principal().clone(),
        ([], Some(token)) => holder(asked, &token).await?,
        (roles, None) => somebody(roles)?,
        _ => return Err(bad("ask about `roles` or about a `token`, not about both".to_owned())),
    };
    let reaches = serde_json::to_value(reaches).and_then(serde_json::from_value::<BTreeSet<Reach>>);
    let beyond = (touches.into_iter().collect(), reaches.map_err(|error| bad(format!("`reaches`: {error}")))?);
    let circumstances = supposed(asked.now, from.or(asked.from), beyond, raises);
    let answered = asked.api.gate.answer(&principal, action, &target, &circumstances).await?;
    let Answered { explained, roles_that_may } = answered;
    let policies = explained.verdict.policies.into_iter().zip(explained.says);
    Answer::ok(&WouldBe {
        allowed: explained.verdict.allowed,
        principal: principal.id,
        roles: principal.bindings.iter().map(RoleHeld::from).collect(),
        action: action.to_string(),
        target: target.to_string(),
        policies: policies.map(|(id, says)| PolicySaid { id, says }).collect(),
        errors: explained.verdict.errors,
        roles_that_may: roles_that_may.iter().map(|role| role.as_str().to_owned()).collect(),
    })
}

fn somebody(roles: &[RoleHeld]) -> Result<Principal, Problem> {
    let bound = |held: &RoleHeld| -> Result<Binding, String> {
        let role: RoleName = held.role.parse().map_err(|error: RoleNameError| format!("`roles`: {error}"))?;
        let tenant = held.tenant.as_deref().map(TenantId::new).transpose();
        Binding::new(role, tenant.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    };
    let bindings = roles.iter().map(bound).collect::<Result<_, _>>().map_err(|why| Problem::new(MALFORMED, why))?;
    Ok(Principal { id: "somebody".to_owned(), bindings, glass: false })
}

/// The holder of a live token that the caller may see.
async fn holder(asked: &Asked, id: &str) -> Result<Principal, Problem> {
    let id = KeyId::new(id).map_err(|_| Problem::not_found())?;
    let found = asked.api.store.tokens_by_id(&id).await?;
    let admitted = asked.admissions.iter().filter(|one| one.action() == Action::ReadTokens);
    let scopes: Vec<_> = admitted.map(|one| one.scope().only()).collect();
    let is_seen = |tenant: Option<&TenantId>| scopes.iter().any(|only| only.is_none_or(|only| Some(only) == tenant));
    let found = found.into_iter().find(|record| record.is_live(asked.now) && is_seen(record.tenant.as_ref()));
    Ok(found.ok_or_else(Problem::not_found)?.principal())
}
