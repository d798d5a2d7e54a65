//! Many documents at once: all of them, or none.

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::config::{DocumentKey, Problems};
use tenantry_engine::access::{Action, Target};
use tenantry_engine::ports::store::Owner;
use tenantry_engine::tenants::{Applying, File, TenantsError};

use super::documents::{Changing, applied_example, document_example, documents, rewriting};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::problem::{MALFORMED, Problem};
use crate::wire::config::{AppliedDocument, AppliedDocuments};

/// Most documents of one request: each is held against policies by itself.
const DOCUMENTS_MAX: usize = 1000;
/// A body is this many times as large as that of one document may be.
const BODY_SHARE: usize = 16;

/// Documents as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Documents {
    documents: Vec<Value>,
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::POST, "/v1/apply", "apply", Door::All(Action::WriteConfig, named), |asked| {
            Box::pin(apply(asked))
        })
        .says(
            "configuration",
            "Declare many documents",
            "All of them, or none. Tenants need `writeConfig` on each, tiers, regions and defaults `writeLayer`. As YAML \
             the documents are parted by `---`; as JSON they are the items of `documents`.",
        )
        .query::<Changing>()
        .takes_documents(crate::openapi::documents_schema(), json!({ "documents": [document_example()] }))
        .up_to(BODY_SHARE)
        .under(|asked, target| Box::pin(rewriting(asked, target)))
        .gives::<AppliedDocuments>(
            StatusCode::OK,
            "What was done with each.",
            json!({ "documents": [applied_example()], "dry_run": false }),
        )
        .refuses(&[404, 409, 413, 415, 422]),
    ]
}

/// What the body asks to write. Nothing of the store is held against it before that is admitted.
fn named(asked: &Asked) -> Result<Vec<(Action, Target)>, Problem> {
    let given = documents(asked)?;
    if given.iter().any(|one| one.draft.document().is_none()) {
        let problems = given.iter().flat_map(|one| one.draft.problems().0.clone()).collect();
        return Err(TenantsError::Problems { problems: Problems(problems) }.into());
    }
    let keys = given.iter().filter_map(|one| one.draft.document()).map(|document| document.key().clone());
    let wanted = |key: DocumentKey| match &key {
        DocumentKey::Tenant(_) => (Action::WriteConfig, Target::from(&key)),
        _ => (Action::WriteLayer, Target::Platform),
    };
    let mut wanted: Vec<(Action, Target)> = keys.map(wanted).collect();
    wanted.sort_by_key(|(action, target)| (*action, target.to_string()));
    wanted.dedup();
    Ok(wanted)
}

/// The documents of the body as files.
pub(crate) fn files(asked: &Asked) -> Result<Vec<File>, Problem> {
    let text = asked.yaml()?;
    let is_json = asked.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let file = |index: usize, text: String| File { source: format!("documents[{index}]"), stem: None, text };
    let files: Vec<File> = if is_json {
        let read: Documents = serde_json::from_str(text)
            .map_err(|error| Problem::new(MALFORMED, format!("the body cannot be read: {error}")))?;
        read.documents.iter().enumerate().map(|(index, one)| file(index, one.to_string())).collect()
    } else {
        parted(text).into_iter().enumerate().map(|(index, one)| file(index, one)).collect()
    };
    if files.is_empty() || files.len() > DOCUMENTS_MAX {
        let detail = format!("a request has 1 to {DOCUMENTS_MAX} documents, and this one {}", files.len());
        return Err(Problem::new(MALFORMED, detail));
    }
    Ok(files)
}

/// The parts of a stream of YAML documents, each on the lines on which it stands in the stream.
fn parted(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut lines) = (Vec::new(), String::new(), 0_usize);
    for line in text.split_inclusive('\n') {
        lines += 1;
        let is_marker =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if !is_marker {
            part.push_str(line);
            continue;
        }
        parts.push(std::mem::replace(&mut part, "\n".repeat(lines)));
        let rest = line.strip_prefix("---").unwrap_or_default().trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            part = format!("{}{rest}\n", "\n".repeat(lines.saturating_sub(1)));
        }
    }
    parts.push(part);
    parts.retain(|part| part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')));
    parts
}

async fn apply(asked: &Asked) -> Result<Answer, Problem> {
    let Changing { dry_run, reason } = asked.query()?;
    let by = asked.by(reason.as_deref(), "applied by the API")?;
    let files: Vec<File> = documents(asked)?.iter().map(|one| one.file.clone()).collect();
    let how = Applying {
        owner: Owner::Api,
        by,
        dry_run,
        partial: false,
        whole: false,
        based_on: None,
        judged: asked.judged(),
    };
    let applied = asked.tenants().apply(&files, &how).await?;
    let documents = applied.into_iter().map(|one| AppliedDocument::of(one, dry_run)).collect();
    Answer::ok(&AppliedDocuments { documents, dry_run })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_parted_and_keeps_its_lines() {
        let parts = parted("# head\n---\na: 1\nb: |\n  ---\n--- # next\nc: 2\n---\n\n");
        assert_eq!(parts, ["\n\na: 1\nb: |\n  ---\n", "\n\n\n\n\n\nc: 2\n"]);
        assert_eq!(parted("a: 1"), ["a: 1"]);
        assert!(parted("---\n---\n").is_empty());
    }
}
