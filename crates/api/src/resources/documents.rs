//! Configuration documents: of tenants here, and by the same handlers of what tenants share.

use std::sync::Arc;

use http::header::ACCEPT;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::config::{Document, DocumentKey, Draft, Problem as Wrong, Problems};
use tenantry_engine::access::{Action, Circumstances, Target};
use tenantry_engine::ports::store::Owner;
use tenantry_engine::tenants::{Applying, File, Tenants, TenantsError};
use utoipa::IntoParams;

use super::tenant;
use crate::answer::Answer;
use crate::asked::{Asked, Condition, Given};
use crate::operation::{Door, Operation};
use crate::page;
use crate::problem::{CONDITION, MALFORMED, Problem};
use crate::wire::config::{
    AppliedDocument, ConfigDocument, Difference, DocumentRevision, EffectiveConfig, ExplainedConfig, ExplainedField,
    Rollback, changes,
};

/// Query of a change.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changing {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Why, for those who look later.
    #[param(example = "more for the launch")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Explaining {
    /// One field, or a group of them.
    #[param(example = "autoscaling")]
    field: Option<String>,
    /// What it comes to for this workload.
    workload: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comparing {
    /// The older revision; the one before `to` unless told. 0 stands for nothing.
    from: Option<u64>,
    /// The newer revision; the last unless told.
    to: Option<u64>,
}

/// Query of a rollback.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollingBack {
    /// To which revision.
    #[param(minimum = 1, example = 1)]
    pub(crate) to: u64,
    /// Say what would be done, and do nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Why, for those who look later.
    pub(crate) reason: Option<String>,
}

pub(crate) fn document_example() -> Value {
    json!({ "tenant_config": {
        "tenant": "acme", "tier": "gold",
        "autoscaling": { "strategy": "predictive", "min_replicas": 2, "max_replicas": 50 }
    } })
}

pub(crate) fn read_example() -> Value {
    json!({
        "revision": 3, "at": "2026-03-01T09:30:00Z", "author": "token:k3v9q0z7m2ab", "reason": "more for the launch",
        "owner": "api", "document": document_example()
    })
}

fn change_example() -> Value {
    json!({ "field": "autoscaling.max_replicas", "before": "20", "after": "50" })
}

pub(crate) fn applied_example() -> Value {
    json!({
        "document": "tenant `acme`", "file": "tenants/acme.yaml", "did": "changed", "revision": 4, "changes": [change_example()], "tenants": [],
        "more_tenants": 0, "notes": [], "dry_run": false
    })
}

pub(crate) fn removed_example() -> Value {
    let mut example = applied_example();
    if let Some(fields) = example.as_object_mut() {
        fields.insert("did".to_owned(), json!("removed"));
    }
    example
}

pub(crate) fn revision_example() -> Value {
    json!({
        "revision": 3, "at": "2026-03-01T09:30:00Z", "author": "token:k3v9q0z7m2ab", "reason": "more for the launch",
        "owner": "api", "fields": { "tier": "gold" }
    })
}

pub(crate) fn difference_example() -> Value {
    json!({
        "document": "tenant `acme`", "from": 2, "to": 3, "changes": [change_example()], "effect": [change_example()],
        "tenants": []
    })
}

pub(crate) fn rollback_example() -> Value {
    json!({ "revision": 4, "difference": difference_example(), "dry_run": false })
}

/// The operations on one kind of document.
macro_rules! document_operations {
    ($path:literal, $tag:expr, $of:literal, $target:path, $read:path, $write:path, $remove:path, told: $told:expr,
     ids: [$get:literal, $put:literal, $delete:literal, $revisions:literal, $revision:literal, $diff:literal,
           $rollback:literal]) => {{
        use http::{Method, StatusCode};
        use serde_json::json;
        use $crate::operation::{Door, Operation};
        use $crate::page::Paging;
        use $crate::resources::documents as on;
        use $crate::wire::config as wire;
        let (read, write) = (|| Door::One($read, $target), || Door::One($write, $target));
        vec![
            Operation::new(Method::GET, $path, $get, read(), |asked| Box::pin(on::get(asked)))
                .says($tag, concat!("The document of ", $of), "`ETag` is its revision. As YAML with `Accept: application/yaml`.")
                .gives::<wire::ConfigDocument>(StatusCode::OK, "The document.", on::read_example())
                .tagged()
                .refuses(&[404]),
            $told(
                Operation::new(Method::PUT, $path, $put, write(), |asked| Box::pin(on::put(asked)))
                    .says(
                        $tag,
                        concat!("Declare ", $of),
                        "Makes a new revision; a document that says the same changes nothing. `If-Match` takes the \
                         revision that the change is based on, `If-None-Match: *` only declares what is not there.",
                    )
                    .query::<on::Changing>()
                    .conditional()
                    .takes_documents($crate::openapi::document_schema(), on::document_example())
                    .gives::<wire::AppliedDocument>(StatusCode::OK, "What was done.", on::applied_example())
                    .tagged()
                    .refuses(&[404, 409, 412, 413, 415, 422]),
            ),
            Operation::new(Method::DELETE, $path, $delete, Door::One($remove, $target), |asked| {
                Box::pin(on::delete(asked))
            })
            .says($tag, concat!("Remove ", $of), "The history stays. What is still named by tenants is not removed.")
            .query::<on::Changing>()
            .conditional()
            .gives::<wire::AppliedDocument>(StatusCode::OK, "What was done.", on::removed_example())
            .tagged()
            .refuses(&[404, 409, 412, 422]),
            Operation::new(Method::GET, concat!($path, "/revisions"), $revisions, read(), |asked| {
                Box::pin(on::revisions(asked))
            })
            .says($tag, concat!("Revisions of ", $of), "Newest first.")
            .query::<Paging>()
            .gives::<wire::RevisionPage>(
                StatusCode::OK,
                "A page of them.",
                json!({ "items": [on::revision_example()], "next": null }),
            )
            .refuses(&[404]),
            Operation::new(Method::GET, concat!($path, "/revisions/{revision}"), $revision, read(), |asked| {
                Box::pin(on::revision(asked))
            })
            .says($tag, concat!("One revision of ", $of), "")
            .gives::<wire::DocumentRevision>(StatusCode::OK, "The revision.", on::revision_example())
            .refuses(&[404]),
            Operation::new(Method::GET, concat!($path, "/diff"), $diff, read(), |asked| Box::pin(on::compare(asked)))
                .says($tag, concat!("Two revisions of ", $of, " side by side"), "The last two unless told.")
                .query::<on::Comparing>()
                .gives::<wire::Difference>(StatusCode::OK, "What differs.", on::difference_example())
                .refuses(&[404]),
            $told(
                Operation::new(Method::POST, concat!($path, "/rollback"), $rollback, write(), |asked| {
                    Box::pin(on::rollback(asked))
                })
                .says($tag, concat!("Go back to an old revision of ", $of), "Makes a new revision with the old content.")
                .query::<on::RollingBack>()
                .conditional()
                .gives::<wire::Rollback>(StatusCode::OK, "What was done.", on::rollback_example())
                .tagged()
                .refuses(&[404, 409, 412, 422]),
            ),
        ]
    }};
}
pub(crate) use document_operations;

const TAG: &str = "configuration";

pub(crate) fn operations() -> Vec<Operation> {
    let told = |operation: Operation| operation.under(|asked, target| Box::pin(rewriting(asked, target)));
    let mut operations = document_operations!(
        "/v1/tenants/{tenant}/config", TAG, "a tenant", tenant, Action::ReadConfig, Action::WriteConfig,
        Action::RemoveTenant, told: told,
        ids: ["readConfig", "writeConfig", "removeTenant", "listRevisions", "readRevision", "diffRevisions", "rollbackConfig"]
    );
    let read = || Door::One(Action::ReadConfig, tenant);
    operations.extend([
        Operation::new(Method::GET, "/v1/tenants/{tenant}/config/effective", "readEffectiveConfig", read(), |asked| {
            Box::pin(effective(asked))
        })
        .says(TAG, "What a tenant's layers come to", "Over the defaults, its tier and its region.")
        .gives::<EffectiveConfig>(
            StatusCode::OK,
            "The effective configuration.",
            json!({ "tenant": "acme", "fields": { "autoscaling": { "min_replicas": 2 } }, "notes": [] }),
        )
        .refuses(&[404, 422]),
        Operation::new(Method::GET, "/v1/tenants/{tenant}/config/explain", "explainConfig", read(), |asked| {
            Box::pin(explain(asked))
        })
        .says(TAG, "Which layer set each field", "")
        .query::<Explaining>()
        .gives::<ExplainedConfig>(
            StatusCode::OK,
            "Every value, and who set it.",
            json!({ "fields": [{
                "field": "autoscaling.min_replicas", "value": "3", "layer": "tier gold", "file": "tiers/gold.yaml",
                "line": 2
            }] }),
        )
        .refuses(&[404, 422]),
    ]);
    operations
}

/// What a change of a tenant's document would do, for policies.
pub(crate) async fn rewriting(asked: &Asked, target: &Target) -> Result<Circumstances, Problem> {
    let circumstances = asked.circumstances();
    let Some(id) = target.tenant() else { return Ok(circumstances) };
    let key = DocumentKey::Tenant(id.clone());
    let mut beside = Vec::new();
    let document = if asked.path.iter().any(|(name, _)| name == "tenant") {
        if asked.method == Method::POST {
            let RollingBack { to, .. } = asked.query()?;
            let found = asked.api.tenants.at(&key, to).await?;
            found.ok_or_else(|| removal(to))?
        } else {
            let given = documents(asked)?;
            let one = given.first().ok_or_else(|| Problem::new(MALFORMED, "the body is empty"))?;
            one.draft.clone().into_document().map_err(|problems| TenantsError::Problems { problems })?
        }
    } else {
        let given = documents(asked)?;
        let of_it = |one: &&Given| one.draft.document().is_some_and(|document| *document.key() == key);
        let one = given.iter().find(of_it).ok_or_else(Problem::not_found)?;
        // Tiers and regions among them hold for the others.
        beside.extend(given.iter().filter_map(|one| one.draft.document().cloned()));
        one.draft.clone().into_document().map_err(|problems| TenantsError::Problems { problems })?
    };
    let (rewrite, revision) = asked.api.tenants.rewrite(id, &document, &beside).await?;
    asked.judge(key, revision);
    Ok(Circumstances { rewrite: Some(rewrite), ..circumstances })
}

/// Going back to where a document was removed is removing it, which is another thing to be allowed.
fn removal(revision: u64) -> Problem {
    let detail = format!("revision {revision} removed the document; remove it instead");
    Problem::coded(StatusCode::UNPROCESSABLE_ENTITY, "T104", "the document has no such revision", detail)
}

/// The documents of the body: the one that the path names, or all of a bulk apply.
pub(crate) fn documents(asked: &Asked) -> Result<Arc<Vec<Given>>, Problem> {
    if let Some(read) = asked.documents.get() {
        return Ok(Arc::clone(read));
    }
    // Many come by POST, to no document's own place.
    let files = if asked.method == Method::POST { super::apply::files(asked)? } else { vec![one_file(asked)?] };
    let read = |file: File| Given { draft: Draft::read(&file.source, &file.text, file.stem.as_deref()), file };
    let read: Arc<Vec<Given>> = Arc::new(files.into_iter().map(read).collect());
    Ok(Arc::clone(asked.documents.get_or_init(|| read)))
}

fn one_file(asked: &Asked) -> Result<File, Problem> {
    let (source, stem) = match asked.document()? {
        DocumentKey::Defaults => ("defaults.yaml".to_owned(), None),
        DocumentKey::Tier(name) => (format!("tiers/{name}.yaml"), Some(name.to_string())),
        DocumentKey::Region(name) => (format!("regions/{name}.yaml"), Some(name.to_string())),
        DocumentKey::Tenant(id) => (format!("tenants/{id}.yaml"), Some(id.to_string())),
    };
    Ok(File { source, stem, text: asked.yaml()?.to_owned() })
}

/// A stale base of a conditional request is a condition that does not hold.
fn conditioned(error: TenantsError, condition: Condition) -> Problem {
    match error {
        stale @ TenantsError::Stale { .. } if condition != Condition::None => {
            Problem::new(CONDITION, stale.to_string())
        }
        other => other.into(),
    }
}

/// Holds `If-Match: *` and conditions on what is not there, which the use cases do not know.
async fn held(tenants: &Tenants, key: &DocumentKey, condition: Condition) -> Result<(), Problem> {
    if !matches!(condition, Condition::There | Condition::At(_)) {
        return Ok(());
    }
    match tenants.head(key).await {
        Ok(_) => Ok(()),
        Err(TenantsError::NoDocument { .. }) => {
            Err(Problem::new(CONDITION, "the document is not declared, and so is at no revision"))
        }
        Err(other) => Err(other.into()),
    }
}

pub(crate) async fn get(asked: &Asked) -> Result<Answer, Problem> {
    let key = asked.document()?;
    let head = asked.tenants().head(&key).await?;
    let body = head.body.as_deref().unwrap_or_default();
    let document = Document::from_stored(key, body).map_err(|problems| TenantsError::Problems { problems })?;
    let wants_yaml = asked.header(&ACCEPT)?.is_some_and(|accept| accept.contains("yaml"));
    let answer = if wants_yaml {
        Answer::text("application/yaml", document.to_yaml())
    } else {
        Answer::ok(&ConfigDocument::of(&head, &document))?
    };
    Ok(answer.tagged(Some(head.number)))
}

pub(crate) async fn put(asked: &Asked) -> Result<Answer, Problem> {
    let Changing { dry_run, reason } = asked.query()?;
    let (key, condition, tenants) = (asked.document()?, asked.condition()?, asked.tenants());
    let by = asked.by(reason.as_deref(), "changed by the API")?;
    let given = documents(asked)?;
    let files: Vec<File> = given.iter().map(|one| one.file.clone()).collect();
    if let Some(document) = given.first().and_then(|one| one.draft.document())
        && *document.key() != key
    {
        return Err(TenantsError::Problems { problems: misplaced(document, &key) }.into());
    }
    held(&tenants, &key, condition).await?;
    let based_on = condition.based_on();
    let how = Applying {
        owner: Owner::Api,
        by,
        dry_run,
        partial: false,
        removes: Default::default(),
        based_on,
        judged: asked.judged(),
    };
    let applied = tenants.apply(&files, &how).await.map_err(|error| conditioned(error, condition))?;
    let applied = applied.into_iter().next().ok_or_else(|| Problem::new(MALFORMED, "the body is empty"))?;
    let revision = applied.revision;
    Ok(Answer::ok(&AppliedDocument::of(applied, dry_run))?.tagged(revision))
}

/// A document that is about something else than its address.
fn misplaced(document: &Document, key: &DocumentKey) -> Problems {
    let field = if matches!(key, DocumentKey::Tenant(_)) { "tenant" } else { "name" };
    let message = format!("the document is about {}, and this is the place of {key}", document.key());
    let help = Some("send it to its own place, or leave out its name".to_owned());
    Problems(vec![Wrong { message, help, ..document.locate(field) }])
}

pub(crate) async fn delete(asked: &Asked) -> Result<Answer, Problem> {
    let Changing { dry_run, reason } = asked.query()?;
    let (key, condition, tenants) = (asked.document()?, asked.condition()?, asked.tenants());
    let by = asked.by(reason.as_deref(), "removed by the API")?;
    held(&tenants, &key, condition).await?;
    if condition == Condition::Absent {
        return Err(Problem::new(MALFORMED, "`If-None-Match: *` asks for nothing to remove"));
    }
    let removed = tenants.remove(&key, condition.based_on(), &by, dry_run).await;
    let removed = removed.map_err(|error| conditioned(error, condition))?;
    let revision = removed.revision;
    let done = AppliedDocument {
        document: removed.document,
        file: String::new(),
        did: "removed".to_owned(),
        revision,
        changes: changes(removed.changes),
        tenants: Vec::new(),
        more_tenants: 0,
        notes: Vec::new(),
        dry_run,
    };
    Ok(Answer::ok(&done)?.tagged(revision))
}

pub(crate) async fn revisions(asked: &Asked) -> Result<Answer, Problem> {
    let page::Paging { limit, cursor } = asked.query()?;
    let (count, before) = (page::size(limit)?, page::number(cursor.as_deref())?);
    let mut found = asked.tenants().history_before(&asked.document()?, before, count + 1).await?;
    let next = page::cut(&mut found, count, |last| page::cursor(&last.number.to_string()));
    let items = found.iter().map(|one| page::selected(&DocumentRevision::of(one)?, None));
    Answer::ok(&crate::wire::config::RevisionPage { items: items.collect::<Result<_, _>>()?, next })
}

pub(crate) async fn revision(asked: &Asked) -> Result<Answer, Problem> {
    let found = asked.tenants().revision_at(&asked.document()?, asked.number("revision")?).await?;
    Answer::ok(&DocumentRevision::of(&found)?)
}

pub(crate) async fn compare(asked: &Asked) -> Result<Answer, Problem> {
    let Comparing { from, to } = asked.query()?;
    Answer::ok(&Difference::from(asked.tenants().compare(&asked.document()?, from, to).await?))
}

pub(crate) async fn rollback(asked: &Asked) -> Result<Answer, Problem> {
    let RollingBack { to, dry_run, reason } = asked.query()?;
    let (key, condition, tenants) = (asked.document()?, asked.condition()?, asked.tenants());
    let by = asked.by(reason.as_deref(), &format!("back to revision {to}"))?;
    held(&tenants, &key, condition).await?;
    if tenants.at(&key, to).await?.is_none() {
        return Err(removal(to));
    }
    if let Condition::At(based_on) = condition {
        let found = tenants.head(&key).await?.number;
        if found != based_on {
            return Err(conditioned(TenantsError::Stale { key, based_on, found }, condition));
        }
    }
    let based_on = condition.based_on().or_else(|| asked.judged().get(&key).copied());
    let done =
        tenants.rollback(&key, to, &by, (based_on, dry_run)).await.map_err(|error| conditioned(error, condition))?;
    let revision = done.revision;
    let difference = Difference::from(done.compared);
    Ok(Answer::ok(&Rollback { revision, difference, dry_run })?.tagged(revision))
}

async fn effective(asked: &Asked) -> Result<Answer, Problem> {
    let id = asked.tenant()?;
    let found = asked.tenants().effective(&id).await?;
    Answer::ok(&EffectiveConfig { tenant: id.to_string(), fields: found.value().clone(), notes: found.notes() })
}

async fn explain(asked: &Asked) -> Result<Answer, Problem> {
    let Explaining { field, workload } = asked.query()?;
    let workload = workload.map(tenantry_domain::id::WorkloadName::new).transpose();
    let workload = workload.map_err(|error| Problem::new(MALFORMED, error.to_string()))?;
    let found = asked.tenants().explain(&asked.tenant()?, workload.as_ref(), field.as_deref()).await?;
    Answer::ok(&ExplainedConfig { fields: found.into_iter().map(ExplainedField::from).collect() })
}
