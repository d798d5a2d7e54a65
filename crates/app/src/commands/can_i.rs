//! `tenantry can-i`: whether somebody may do something, and who says so.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::{Deserialize, Serialize};
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_engine::access::{
    AccessError, Action, Answered, Binding, Gate, Presented, Principal, Reach, Role, Target, supposed,
};
use tenantry_engine::ports::store::{KeyId, TokenStore as _};
use tenantry_store::Store;

use super::token::{RoleIn, roles};
use crate::cli::Common;
use crate::failure::FOUND;
use crate::private::Private;
use crate::{output, place, time};

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tenantry can-i readConfig --tenant acme --role tenant-viewer
  tenantry can-i scaleWorkload --tenant acme --workload api --token 4k2m9x0qzt7b
  tenantry can-i writeConfig --tenant acme --role tenant-editor --touches autoscaling --raises 60
  tenantry can-i readConfig --tenant bolt --role tenant-admin@acme -o json
  tenantry can-i writeLayer --role operator || echo 'they may not'
  tenantry can-i writeConfig --tenant acme --server https://tenantry.example.org:7400     may I?

Actions: readTenant, readConfig, writeConfig, removeTenant, readLayer, writeLayer, readStatus, readDecisions, readEvents,
readMetrics, scaleWorkload, pauseWorkload, resumeWorkload, readTokens, createToken, revokeToken, readAudit,
readPolicies, writePolicies, breakGlass. Roles may be declared ones. Without --tenant it is about the
platform. With --server everybody may ask about themselves, and about others who may read the policies there. Ends with 0
when they may, with 3 when they may not.")]
pub(crate) struct CanI {
    /// What is to be done, such as `readConfig`
    #[arg(value_name = "ACTION")]
    pub(super) action: Action,
    /// On this tenant
    #[arg(long, value_name = "ID")]
    pub(super) tenant: Option<TenantId>,
    /// On this workload of the tenant
    #[arg(long, value_name = "NAME", requires = "tenant")]
    pub(super) workload: Option<WorkloadName>,
    /// By the holder of this token; its id is enough
    #[arg(long, value_name = "TOKEN", env = "TENANTRY_TOKEN", hide_env_values = true)]
    pub(super) token: Option<Private>,
    /// By somebody with this role, again for more; in the tenant, or `ROLE@TENANT`
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<RoleIn>,
    /// From this address
    #[arg(long, value_name = "IP")]
    pub(super) from: Option<IpAddr>,
    /// writeConfig: a change of these fields, such as `autoscaling,budget`
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(super) touches: Vec<String>,
    /// writeConfig: a change that reaches beyond the tenant
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_enum)]
    pub(super) reaches: Vec<Reached>,
    /// writeConfig: a change that raises a `max_replicas` by so many percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) raises: u32,
}

/// What a change reaches beyond the tenant.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Reached {
    /// Objects in a namespace that is not the tenant's.
    Objects,
    /// Series of others.
    Series,
    /// Another isolation level.
    Apart,
}

impl From<Reached> for Reach {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Objects => Self::Objects,
            Reached::Series => Self::Series,
            Reached::Apart => Self::Apart,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Says {
    id: String,
    says: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    allowed: bool,
    principal: String,
    roles: Vec<Binding>,
    action: Action,
    target: String,
    policies: Vec<Says>,
    errors: Vec<String>,
    /// Which roles may, where this one may not.
    roles_that_may: Vec<Role>,
}

pub(crate) async fn run(common: &Common, asked: CanI) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let gate = Gate::new(store.clone())?;
    let principal = principal(&store, &gate, &asked).await?;
    let target = match (&asked.tenant, &asked.workload) {
        (None, _) => Target::Platform,
        (Some(tenant), None) => Target::Tenant(tenant.clone()),
        (Some(tenant), Some(workload)) => {
            Target::Workload(WorkloadKey { tenant: tenant.clone(), workload: workload.clone() })
        }
    };
    let beyond = asked.reaches.iter().copied().map(Reach::from).collect();
    let touches = asked.touches.iter().cloned().collect();
    let circumstances = supposed(time::now(), asked.from, (touches, beyond), asked.raises);
    let Answered { explained, roles_that_may } = gate.answer(&principal, asked.action, &target, &circumstances).await?;
    let allowed = explained.verdict.allowed;
    let policies = explained.verdict.policies.into_iter().zip(explained.says);
    let answer = Answer {
        allowed,
        principal: principal.id,
        roles: principal.bindings,
        action: asked.action,
        target: target.to_string(),
        policies: policies.map(|(id, says)| Says { id, says }).collect(),
        errors: explained.verdict.errors,
        roles_that_may,
    };
    told(common, &answer)
}

/// Says an answer, and ends by it.
pub(super) fn told(common: &Common, answer: &Answer) -> anyhow::Result<ExitCode> {
    output::say(common.output, answer, picture)?;
    Ok(if answer.allowed { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// Who it is about: the holder of a token, or somebody with the roles given.
async fn principal(store: &Store, gate: &Gate, asked: &CanI) -> anyhow::Result<Principal> {
    // Roles that are said count, also where the environment has a token.
    if !asked.roles.is_empty() {
        let bindings: anyhow::Result<Vec<Binding>> =
            asked.roles.iter().map(|role| role.bound(asked.tenant.as_ref())).collect();
        return Ok(Principal { id: "somebody".to_owned(), bindings: bindings?, glass: false });
    }
    let Some(token) = asked.token.as_deref() else {
        bail!("say whom it is about: --role ROLE, --token TOKEN, or TENANTRY_TOKEN; with --server it may be you");
    };
    if Presented::read(token).is_some() {
        return Ok(gate.authenticate(token, time::now()).await?.principal().clone());
    }
    // Whoever can open the store may ask about any token by its id.
    let id = KeyId::new(token).map_err(|_| AccessError::Unauthenticated)?;
    let found = store.tokens_by_id(&id).await?.into_iter().find(|record| record.is_live(time::now()));
    Ok(found.ok_or(AccessError::Unauthenticated)?.principal())
}

fn picture(answer: &Answer) -> String {
    let as_what = if answer.roles.is_empty() { "without a role".to_owned() } else { roles(&answer.roles) };
    let (yes, may) = if answer.allowed { ("yes", "may") } else { ("no", "may not") };
    let mut lines =
        vec![format!("{yes}: {} ({as_what}) {may} {} on {}", answer.principal, answer.action, answer.target)];
    let width = answer.policies.iter().map(|policy| policy.id.len()).max().unwrap_or(0);
    lines.extend(answer.policies.iter().map(|policy| format!("  {:<width$}  {}", policy.id, policy.says)));
    lines.extend(answer.errors.iter().map(|error| format!("  {error}")));
    if !answer.allowed {
        if answer.policies.is_empty() && answer.errors.is_empty() {
            lines.push("  no policy permits it".to_owned());
        }
        let names: Vec<&str> = answer.roles_that_may.iter().map(|role| role.as_str()).collect();
        if !names.is_empty() {
            lines.push(format!("  who may: {}", names.join(", ")));
        }
    }
    lines.join("\n")
}
