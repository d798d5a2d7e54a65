//! Policies and roles that are written over the built-in ones: a tenant's, and the platform's.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tenantry_domain::id::TenantId;
use tenantry_engine::access::{Action, Applied, Body, DeclaredRoles, WritingError};
use tenantry_engine::ports::store::{WrittenKey, WrittenKind, WrittenRevision};

use super::documents::{Changing, RollingBack};
use super::{platform, tenant};
use crate::answer::Answer;
use crate::asked::{Asked, Condition};
use crate::operation::{Door, Operation};
use crate::page::{self, Paging};
use crate::problem::{CONDITION, MALFORMED, Problem};
use crate::wire::written::{NewPolicies, NewRoles, Policies, PoliciesPage, Roles, RolesPage, Wrote};

const TAG: &str = "access";

/// A place where policies or roles are written.
struct Place {
    path: &'static str,
    revisions: &'static str,
    revision: &'static str,
    rollback: &'static str,
    of_tenant: bool,
    kind: WrittenKind,
    what: &'static str,
    /// Of reading, writing, removing, listing revisions, reading one, and rolling back.
    ids: [&'static str; 6],
}

const PLACES: [Place; 4] = [
    Place {
        path: "/v1/policies",
        revisions: "/v1/policies/revisions",
        revision: "/v1/policies/revisions/{revision}",
        rollback: "/v1/policies/rollback",
        of_tenant: false,
        kind: WrittenKind::Policies,
        what: "the platform's policies",
        ids: [
            "readPolicies",
            "writePolicies",
            "removePolicies",
            "listPoliciesRevisions",
            "readPoliciesRevision",
            "rollbackPolicies",
        ],
    },
    Place {
        path: "/v1/roles",
        revisions: "/v1/roles/revisions",
        revision: "/v1/roles/revisions/{revision}",
        rollback: "/v1/roles/rollback",
        of_tenant: false,
        kind: WrittenKind::Roles,
        what: "the roles for all tenants",
        ids: ["readRoles", "writeRoles", "removeRoles", "listRolesRevisions", "readRolesRevision", "rollbackRoles"],
    },
    Place {
        path: "/v1/tenants/{tenant}/policies",
        revisions: "/v1/tenants/{tenant}/policies/revisions",
        revision: "/v1/tenants/{tenant}/policies/revisions/{revision}",
        rollback: "/v1/tenants/{tenant}/policies/rollback",
        of_tenant: true,
        kind: WrittenKind::Policies,
        what: "a tenant's policies",
        ids: [
            "readTenantPolicies",
            "writeTenantPolicies",
            "removeTenantPolicies",
            "listTenantPolicyRevs",
            "readTenantPolicyRev",
            "rollbackTenantPolicies",
        ],
    },
    Place {
        path: "/v1/tenants/{tenant}/roles",
        revisions: "/v1/tenants/{tenant}/roles/revisions",
        revision: "/v1/tenants/{tenant}/roles/revisions/{revision}",
        rollback: "/v1/tenants/{tenant}/roles/rollback",
        of_tenant: true,
        kind: WrittenKind::Roles,
        what: "a tenant's roles",
        ids: [
            "readTenantRoles",
            "writeTenantRoles",
            "removeTenantRoles",
            "listTenantRolesRevs",
            "readTenantRolesRev",
            "rollbackTenantRoles",
        ],
    },
];

fn example(kind: WrittenKind) -> Value {
    let mut example = json!({
        "revision": 2, "at": "2026-03-01T09:30:00Z", "author": "token:k3v9q0z7m2ab", "reason": "quiet nights"
    });
    let more = match kind {
        WrittenKind::Policies => json!({
            "text": POLICY,
            "policies": [{ "id": "t/acme/own/no-pause", "effect": "forbid", "says": "editors pause nothing" }]
        }),
        WrittenKind::Roles => roles_example(),
    };
    if let (Some(example), Value::Object(more)) = (example.as_object_mut(), more) {
        example.extend(more);
    }
    example
}

const POLICY: &str = "@id(\"no-pause\") @says(\"editors pause nothing\") forbid (principal in Role::\"acme/tenant-editor\", \
    action == Action::\"pauseWorkload\", resource in Tenant::\"acme\");";

fn roles_example() -> Value {
    json!({ "roles": { "pauser": { "says": "stops scaling", "actions": ["readStatus", "pauseWorkload"], "roles": [] } } })
}

fn wrote_example() -> Value {
    json!({ "revision": 3, "changed": true, "dry_run": false })
}

pub(crate) fn operations() -> Vec<Operation> {
    PLACES.iter().flat_map(of_place).collect()
}

fn of_place(place: &'static Place) -> [Operation; 6] {
    let target = if place.of_tenant { tenant } else { platform };
    let door = |action| Door::One(action, target);
    let (read, write) = (|| door(Action::ReadPolicies), || door(Action::WritePolicies));
    let kind = place.kind;
    let [get_id, put_id, delete_id, list_id, one_id, rollback_id] = place.ids;
    let gives = |operation: Operation, status| match kind {
        WrittenKind::Policies => operation.gives::<Policies>(status, "What is written.", example(kind)),
        WrittenKind::Roles => operation.gives::<Roles>(status, "What is declared.", example(kind)),
    };
    let gives_page = |operation: Operation| {
        let example = json!({ "items": [example(kind)], "next": null });
        match kind {
            WrittenKind::Policies => operation.gives::<PoliciesPage>(StatusCode::OK, "A page of them.", example),
            WrittenKind::Roles => operation.gives::<RolesPage>(StatusCode::OK, "A page of them.", example),
        }
    };
    let takes = |operation: Operation| match kind {
        WrittenKind::Policies => operation.takes::<NewPolicies>(json!({ "text": POLICY })),
        WrittenKind::Roles => operation.takes::<NewRoles>(roles_example()),
    };
    let changes = |operation: Operation| {
        operation
            .conditional()
            .gives::<Wrote>(StatusCode::OK, "What came of it.", wrote_example())
            .tagged()
            .refuses(&[404, 409, 412, 413, 415, 422])
    };
    let what = place.what;
    let get = Operation::new(Method::GET, place.path, get_id, read(), move |asked| Box::pin(get(asked, place))).says(
        TAG,
        "What is written",
        format!("Reads {what}."),
    );
    let put = Operation::new(Method::PUT, place.path, put_id, write(), move |asked| Box::pin(put(asked, place)))
        .says(TAG, "Write", format!("Writes {what} in place of those that are there, once they are valid as a whole."))
        .query::<Changing>();
    let delete =
        Operation::new(Method::DELETE, place.path, delete_id, write(), move |asked| Box::pin(delete(asked, place)))
            .says(TAG, "Remove", format!("Removes {what}; their revisions stay."))
            .query::<Changing>();
    let list =
        Operation::new(Method::GET, place.revisions, list_id, read(), move |asked| Box::pin(revisions(asked, place)))
            .says(TAG, "Revisions", format!("Of {what}, newest first."))
            .query::<Paging>();
    let one =
        Operation::new(Method::GET, place.revision, one_id, read(), move |asked| Box::pin(revision(asked, place)))
            .says(TAG, "One revision", format!("Of {what}."));
    let rollback = Operation::new(Method::POST, place.rollback, rollback_id, write(), move |asked| {
        Box::pin(rollback(asked, place))
    })
    .says(TAG, "Roll back", format!("Writes again what a revision of {what} had."))
    .query::<RollingBack>();
    [
        gives(get, StatusCode::OK).tagged().refuses(&[404]),
        changes(takes(put)),
        changes(delete),
        gives_page(list).refuses(&[404]),
        gives(one, StatusCode::OK).refuses(&[404]),
        changes(rollback),
    ]
}

impl From<WritingError> for Problem {
    fn from(error: WritingError) -> Self {
        let code = error.code();
        let (status, title) = match error {
            WritingError::Store(error) => return error.into(),
            WritingError::Nothing { .. } => return Self::not_found(),
            WritingError::NoRevision { .. } => (StatusCode::NOT_FOUND, "there is no such revision"),
            WritingError::Unfit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "it is not valid"),
            WritingError::Stale { .. } => (StatusCode::CONFLICT, "it has changed meanwhile"),
            WritingError::InUse { .. } => (StatusCode::CONFLICT, "a role is in use"),
            WritingError::Unreadable { .. } => (StatusCode::CONFLICT, "what is stored cannot be read"),
        };
        Self::coded(status, code, title, error.to_string())
    }
}

fn key(asked: &Asked, place: &Place) -> Result<WrittenKey, Problem> {
    let tenant = if place.of_tenant { Some(asked.tenant()?) } else { None };
    Ok(WrittenKey { tenant, kind: place.kind })
}

fn shown(asked: &Asked, revision: WrittenRevision) -> Result<Value, Problem> {
    let value = match (revision.key.kind, &revision.body) {
        (WrittenKind::Policies, body) => {
            let tenant = revision.key.tenant.clone();
            // What cannot be read any more is shown as it is.
            let list = |text: &String| asked.api.writing.list(text, tenant.as_ref()).unwrap_or_default();
            let listed = body.as_ref().map(list).unwrap_or_default();
            serde_json::to_value(Policies::of(revision, listed))
        }
        (WrittenKind::Roles, body) => {
            let declared = body.as_ref().map(|body| serde_json::from_str::<DeclaredRoles>(body).unwrap_or_default());
            serde_json::to_value(Roles::of(revision, declared.as_ref()))
        }
    };
    value.map_err(|error| Problem::new(MALFORMED, error.to_string()))
}

async fn get(asked: &Asked, place: &Place) -> Result<Answer, Problem> {
    let head = asked.api.writing.head(asked.scope()?, &key(asked, place)?).await?;
    let number = head.number;
    Ok(Answer::ok(&shown(asked, head)?)?.tagged(Some(number)))
}

/// The revision that a change is based on, where the request says so.
async fn based_on(asked: &Asked, key: &WrittenKey) -> Result<Option<u64>, Problem> {
    let found = asked.api.writing.history(asked.scope()?, key, None, 1).await?.into_iter().next();
    let (number, there) = found.map_or((0, false), |row| (row.number, row.body.is_some()));
    let holds = match asked.condition()? {
        Condition::None => return Ok(None),
        Condition::At(wanted) => there && wanted == number,
        Condition::There => there,
        Condition::Absent => !there,
    };
    if holds { Ok(Some(number)) } else { Err(Problem::new(CONDITION, format!("{key} are at another revision"))) }
}

fn wrote(applied: &Applied, dry_run: bool) -> Result<Answer, Problem> {
    let Applied { revision, changed } = *applied;
    Ok(Answer::ok(&Wrote { revision, changed, dry_run })?.tagged(revision))
}

fn body(asked: &Asked, kind: WrittenKind) -> Result<Body, Problem> {
    match kind {
        WrittenKind::Policies => Ok(Body::Policies(asked.json::<NewPolicies>()?.text)),
        WrittenKind::Roles => {
            let roles: NewRoles = asked.json()?;
            // Names are checked where they are read.
            let declared = serde_json::to_value(&roles).and_then(serde_json::from_value::<DeclaredRoles>);
            declared.map(Body::Roles).map_err(|error| Problem::new(MALFORMED, error.to_string()))
        }
    }
}

async fn put(asked: &Asked, place: &Place) -> Result<Answer, Problem> {
    let Changing { dry_run, reason } = asked.query()?;
    let (key, body) = (key(asked, place)?, body(asked, place.kind)?);
    let by = asked.by(reason.as_deref(), "written through the API")?;
    let how = (based_on(asked, &key).await?, dry_run);
    let tenant: Option<&TenantId> = key.tenant.as_ref();
    wrote(&asked.api.writing.apply(asked.scope()?, tenant, &body, &by, how).await?, dry_run)
}

async fn delete(asked: &Asked, place: &Place) -> Result<Answer, Problem> {
    let Changing { dry_run, reason } = asked.query()?;
    let key = key(asked, place)?;
    let by = asked.by(reason.as_deref(), "removed through the API")?;
    let how = (based_on(asked, &key).await?, dry_run);
    wrote(&asked.api.writing.remove(asked.scope()?, &key, &by, how).await?, dry_run)
}

async fn revisions(asked: &Asked, place: &Place) -> Result<Answer, Problem> {
    let Paging { limit, cursor } = asked.query()?;
    let (count, before) = (page::size(limit)?, page::number(cursor.as_deref())?);
    let mut found = asked.api.writing.history(asked.scope()?, &key(asked, place)?, before, count + 1).await?;
    if found.is_empty() && before.is_none() {
        return Err(Problem::not_found());
    }
    let next = page::cut(&mut found, count, |last| page::cursor(&last.number.to_string()));
    let items: Result<Vec<Value>, Problem> = found.into_iter().map(|row| shown(asked, row)).collect();
    Answer::ok(&json!({ "items": items?, "next": next }))
}

async fn revision(asked: &Asked, place: &Place) -> Result<Answer, Problem> {
    let number = asked.number("revision")?;
    let found = asked.api.writing.at(asked.scope()?, &key(asked, place)?, number).await?;
    Answer::ok(&shown(asked, found)?)
}

async fn rollback(asked: &Asked, place: &Place) -> Result<Answer, Problem> {
    let RollingBack { to, dry_run, reason } = asked.query()?;
    let key = key(asked, place)?;
    let by = asked.by(reason.as_deref(), &format!("back to revision {to}"))?;
    let how = (based_on(asked, &key).await?, dry_run);
    wrote(&asked.api.writing.rollback(asked.scope()?, &key, to, &by, how).await?, dry_run)
}
