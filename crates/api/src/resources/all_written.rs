//! Policies and roles that are written anywhere, in one list, and tables of cases that are run against them.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::id::TenantId;
use tenantry_engine::access::cases::{Case, CasesError, judged};
use tenantry_engine::access::{Action, DeclaredRoles, Target};
use tenantry_engine::ports::store::{WrittenKind, WrittenRevision};
use utoipa::{IntoParams, ToSchema};

use super::{named, only};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation, Wanted};
use crate::page;
use crate::problem::{MALFORMED, Problem};
use crate::wire::written::{
    CasesReport, JudgedCase, NewRoles, OnePolicy, OnePolicyPage, OneRole, OneRolePage, PolicyCase, Role,
};

const TAG: &str = "access";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Items of a page; 100 unless told.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those of this tenant.
    #[param(example = "acme")]
    tenant: Option<String>,
}

/// A table of cases.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PolicyCases)]
struct Cases {
    /// Whose policies they are about; the platform's unless told.
    #[serde(default)]
    tenant: Option<String>,
    /// Policies to be tested in place of those that are written.
    #[serde(default)]
    #[schema(max_length = 32768)]
    policies: Option<String>,
    /// Roles to be tested with in place of those that are declared.
    #[serde(default)]
    roles: Option<std::collections::BTreeMap<String, Role>>,
    /// The cases.
    #[schema(min_items = 1, max_items = 1000)]
    cases: Vec<PolicyCase>,
}

pub(crate) fn operations() -> Vec<Operation> {
    let read = || Door::Anywhere(Action::ReadPolicies);
    let policy = json!({
        "tenant": "acme", "id": "t/acme/own/no-pause", "effect": "forbid", "says": "editors pause nothing", "revision": 2
    });
    let role = json!({
        "tenant": "acme", "name": "pauser", "says": "stops scaling", "actions": ["pauseWorkload"], "roles": [],
        "revision": 1
    });
    vec![
        Operation::new(Method::GET, "/v1/policies/all", "listAllPolicies", read(), |asked| Box::pin(policies(asked)))
            .says(TAG, "Policies of all", "Each that is written and the caller may see, the platform's first.")
            .query::<Which>()
            .gives::<OnePolicyPage>(StatusCode::OK, "A page of them.", json!({ "items": [policy], "next": null })),
        Operation::new(Method::GET, "/v1/roles/all", "listAllRoles", read(), |asked| Box::pin(roles(asked)))
            .says(TAG, "Roles of all", "Each that is declared and the caller may see, those for all tenants first.")
            .query::<Which>()
            .gives::<OneRolePage>(StatusCode::OK, "A page of them.", json!({ "items": [role], "next": null })),
        Operation::new(
            Method::POST,
            "/v1/policies/test",
            "testPolicies",
            Door::All(Action::ReadPolicies, whose),
            |asked| Box::pin(test(asked)),
        )
        .says(
            TAG,
            "Run cases against policies",
            "Those that are written, or others in their place, under what the platform wrote for all. Changes nothing.",
        )
        .takes::<Cases>(json!({
            "tenant": "acme",
            "cases": [{
                "who": ["tenant-editor"], "action": "scaleWorkload", "on": "acme/api", "expect": "allow"
            }]
        }))
        .up_to(4)
        .gives::<CasesReport>(
            StatusCode::OK,
            "What came of each.",
            json!({
                "cases": [{
                    "name": "tenant-editor scaleWorkload acme/api", "expected": "allow", "got": "allow",
                    "by": ["t/acme/tenant-editor"], "differs": null
                }],
                "failed": 0, "unreached": []
            }),
        )
        .refuses(&[404, 409, 413, 415, 422]),
    ]
}

/// What is written of a kind in every scope that was admitted, or of one tenant in it.
async fn written(asked: &Asked, kind: WrittenKind, tenant: Option<&TenantId>) -> Result<Vec<WrittenRevision>, Problem> {
    let mut found = Vec::new();
    for scope in asked.scopes_of(tenant) {
        found.extend(asked.api.writing.all(&scope).await?);
    }
    found.retain(|row| row.key.kind == kind && (tenant.is_none() || row.key.tenant.as_ref() == tenant));
    found.sort_by(|one, other| one.key.tenant.cmp(&other.key.tenant));
    Ok(found)
}

/// A page of items, each of which stands at a place of its own.
fn paged(asked: &Asked, items: &[(String, Value)]) -> Result<Answer, Problem> {
    let Which { limit, cursor, .. } = asked.query()?;
    let (count, after) = (page::size(limit)?, page::place(cursor.as_deref())?);
    let (found, next) = page::after(items.iter(), |(place, _)| place.clone(), after.as_deref(), count);
    let items: Vec<&Value> = found.into_iter().map(|(_, item)| item).collect();
    Answer::ok(&json!({ "items": items, "next": next }))
}

/// Where an item stands: by whose it is, the platform's first, then by its number there.
fn place(row: &WrittenRevision, number: usize) -> String {
    format!("{} {number:05}", row.key.tenant.as_ref().map_or("", TenantId::as_str))
}

async fn policies(asked: &Asked) -> Result<Answer, Problem> {
    let Which { tenant, .. } = asked.query()?;
    let mut items = Vec::new();
    for row in written(asked, WrittenKind::Policies, only(tenant.as_deref())?.as_ref()).await? {
        // What cannot be read any more is told when it is read by itself.
        let body = row.body.as_deref().unwrap_or_default();
        let listed = asked.api.writing.list(body, row.key.tenant.as_ref()).unwrap_or_default();
        for (number, one) in listed.into_iter().enumerate() {
            items.push((place(&row, number), page::selected(&OnePolicy::of(&row, one), None)?));
        }
    }
    paged(asked, &items)
}

async fn roles(asked: &Asked) -> Result<Answer, Problem> {
    let Which { tenant, .. } = asked.query()?;
    let mut items = Vec::new();
    for row in written(asked, WrittenKind::Roles, only(tenant.as_deref())?.as_ref()).await? {
        let body = row.body.as_deref().unwrap_or_default();
        let declared = serde_json::from_str::<DeclaredRoles>(body).unwrap_or_default();
        for (number, (name, role)) in NewRoles::from(&declared).roles.into_iter().enumerate() {
            items.push((place(&row, number), page::selected(&OneRole::of(&row, name, role), None)?));
        }
    }
    paged(asked, &items)
}

fn whose(asked: &Asked) -> Result<Wanted, Problem> {
    let Cases { tenant, .. } = asked.json()?;
    Ok(vec![(Action::ReadPolicies, named(tenant)?)])
}

async fn test(asked: &Asked) -> Result<Answer, Problem> {
    let Cases { tenant, policies, roles, cases } = asked.json()?;
    let tenant = match named(tenant)? {
        Target::Tenant(tenant) => Some(tenant),
        _ => None,
    };
    // Names and instants are checked where they are read.
    let bad = |error: serde_json::Error| Problem::new(MALFORMED, error.to_string());
    let cases = serde_json::to_value(&cases).and_then(serde_json::from_value::<Vec<Case>>).map_err(bad)?;
    let (mut shared, mut own) = asked.api.writing.standing(tenant.as_ref()).await?;
    let tested = if tenant.is_some() { &mut own } else { &mut shared };
    if let Some(policies) = policies {
        tested.policies = policies;
    }
    if let Some(roles) = roles {
        let declared = serde_json::to_value(NewRoles { roles }).and_then(serde_json::from_value::<DeclaredRoles>);
        tested.roles = declared.map_err(bad)?;
    }
    let report = judged(asked.api.writing.rules(), tenant.as_ref(), (&shared, &own), &cases)?;
    Answer::ok(&CasesReport {
        cases: report.cases.into_iter().map(JudgedCase::from).collect(),
        failed: report.failed,
        unreached: report.unreached,
    })
}

impl From<CasesError> for Problem {
    fn from(error: CasesError) -> Self {
        match error {
            CasesError::Written(error) => tenantry_engine::access::WritingError::Unfit(error).into(),
            other => Self::new(MALFORMED, other.to_string()),
        }
    }
}
