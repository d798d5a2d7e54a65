//! Many documents at once: all of them, or none.

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::config::{DocumentKey, Problems};
use tenantry_engine::access::{Action, Circumstances, Rewrite, Target};
use tenantry_engine::ports::store::Owner;
use tenantry_engine::tenants::{Applying, File, Removes, TenantsError};
use utoipa::IntoParams;

use super::documents::{applied_example, document_example, documents, rewriting};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::guard::admitted_too;
use crate::operation::{Door, Operation, Wanted};
use crate::problem::{MALFORMED, Problem};
use crate::wire::config::{AppliedDocument, AppliedDocuments};

/// Most documents of one request: each is held against policies by itself.
const DOCUMENTS_MAX: usize = 1000;
/// A body is this many times as large as that of one document may be.
const BODY_SHARE: usize = 16;
/// Longest name of a file, in bytes.
const NAME_MAX: usize = 1000;

const ID: &str = "apply";

/// Query of a bulk apply.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Bulk {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    dry_run: bool,
    /// Why, for those who look later.
    #[param(example = "more for the launch")]
    reason: Option<String>,
    /// Apply the good ones although others are bad.
    #[serde(default)]
    partial: bool,
    /// Remove what was declared through the API before and is not among these.
    #[serde(default)]
    prune: bool,
}

/// Documents as JSON: as values, or as the texts of files, so that what is wrong is told at its place in them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Documents {
    documents: Option<Vec<Value>>,
    files: Option<Vec<Text>>,
}

/// A file of the caller's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    text: String,
}

impl From<Text> for File {
    fn from(Text { name, text }: Text) -> Self {
        // A tenant's document may be named by its file alone.
        let stem = std::path::Path::new(&name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Self { source: name, stem, text }
    }
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::POST, "/v1/apply", ID, Door::All(Action::WriteConfig, named), |asked| {
            Box::pin(apply(asked))
        })
        .says(
            "configuration",
            "Declare many documents",
            "All of them, or none, unless `partial`. Tenants need `writeConfig` on each, tiers, regions and defaults \
             `writeLayer`. With `prune`, which needs `writeLayer`, what is not among them is removed; `removeTenant` is \
             needed on each tenant that would go. As YAML the documents are parted by `---`; as JSON they are the items of \
             `documents`, or the texts of `files`.",
        )
        .query::<Bulk>()
        .takes_documents(crate::openapi::documents_schema(), json!({ "documents": [document_example()] }))
        .up_to(BODY_SHARE)
        .under(|asked, target| Box::pin(told(asked, target)))
        .gives::<AppliedDocuments>(
            StatusCode::OK,
            "What was done with each.",
            json!({ "documents": [applied_example()], "dry_run": false }),
        )
        .refuses(&[404, 409, 413, 415, 422]),
    ]
}

/// What the body asks to write. Nothing of the store is held against it before that is admitted.
fn named(asked: &Asked) -> Result<Wanted, Problem> {
    let Bulk { partial, prune, .. } = asked.query()?;
    let given = documents(asked)?;
    let read = || given.iter().filter_map(|one| one.draft.document());
    let all_read = read().count() == given.len();
    if !all_read && (!partial || read().next().is_none()) {
        let problems = given.iter().flat_map(|one| one.draft.problems().0.clone()).collect();
        return Err(TenantsError::Problems { problems: Problems(problems) }.into());
    }
    let wanted = |key: &DocumentKey| match key {
        DocumentKey::Tenant(_) => (Action::WriteConfig, Target::from(key)),
        _ => (Action::WriteLayer, Target::Platform),
    };
    let mut wanted: Wanted = read().map(|document| wanted(document.key())).collect();
    if prune {
        wanted.push((Action::WriteLayer, Target::Platform));
    }
    wanted.sort_by_key(|(action, target)| (*action, target.to_string()));
    wanted.dedup();
    Ok(wanted)
}

/// What the change of a tenant's document would do, for policies. One that is bad is not applied, and so does nothing.
async fn told(asked: &Asked, target: &Target) -> Result<Circumstances, Problem> {
    let Bulk { partial, .. } = asked.query()?;
    let Some(id) = target.tenant().filter(|_| partial) else { return rewriting(asked, target).await };
    let key = DocumentKey::Tenant(id.clone());
    let given = documents(asked)?;
    let sound = || given.iter().filter(|one| one.draft.problems().0.is_empty()).filter_map(|one| one.draft.document());
    let nothing = Circumstances { rewrite: Some(Rewrite::default()), ..asked.circumstances() };
    // The first sound one is the one that is applied.
    let Some(document) = sound().find(|document| *document.key() == key) else { return Ok(nothing) };
    match asked.api.tenants.rewrite(id, document, sound()).await {
        Ok((rewrite, revision)) => {
            asked.judge(key, revision);
            Ok(Circumstances { rewrite: Some(rewrite), ..nothing })
        }
        // Under the layers of now it is bad, and is skipped like any other, unless they are mended meanwhile: then the
        // revision that is judged here is not that of the document.
        Err(TenantsError::Problems { .. }) => {
            asked.judge(key, u64::MAX);
            Ok(nothing)
        }
        Err(other) => Err(other.into()),
    }
}

/// The documents of the body as files.
pub(crate) fn files(asked: &Asked) -> Result<Vec<File>, Problem> {
    let text = asked.yaml()?;
    let is_json = asked.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let file = |index: usize, text: String| File { source: format!("documents[{index}]"), stem: None, text };
    let files: Vec<File> = if is_json {
        let read: Documents = serde_json::from_str(text)
            .map_err(|error| Problem::new(MALFORMED, format!("the body cannot be read: {error}")))?;
        match (read.documents, read.files) {
            (Some(documents), None) => {
                documents.iter().enumerate().map(|(index, one)| file(index, one.to_string())).collect()
            }
            (None, Some(files)) => {
                if files.iter().any(|one| one.name.len() > NAME_MAX || one.name.chars().any(char::is_control)) {
                    let detail = format!("a file's name has at most {NAME_MAX} bytes and no control characters");
                    return Err(Problem::new(MALFORMED, detail));
                }
                files.into_iter().map(File::from).collect()
            }
            _ => return Err(Problem::new(MALFORMED, "send `documents`, or the texts of `files`: one of the two")),
        }
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
    let Bulk { dry_run, reason, partial, prune } = asked.query()?;
    let by = asked.by(reason.as_deref(), "applied by the API")?;
    let files: Vec<File> = documents(asked)?.iter().map(|one| one.file.clone()).collect();
    let removes = if prune { may_go(asked, &files).await? } else { Removes::Nothing };
    let how = Applying { owner: Owner::Api, by, dry_run, partial, removes, based_on: None, judged: asked.judged() };
    let applied = asked.tenants().apply(&files, &how).await?;
    let documents = applied.into_iter().map(|one| AppliedDocument::of(one, dry_run)).collect();
    Answer::ok(&AppliedDocuments { documents, dry_run })
}

/// What no document names and would be removed, once the caller may remove each of it. What joins it afterwards was not
/// asked about, and is a change that came in between.
async fn may_go(asked: &Asked, files: &[File]) -> Result<Removes, Problem> {
    let gone = asked.tenants().vanishing(files, &Owner::Api).await?;
    for key in gone.keys().filter(|key| matches!(key, DocumentKey::Tenant(_))) {
        admitted_too(asked, ID, Action::RemoveTenant, &Target::from(key)).await?;
    }
    Ok(Removes::Only(gone))
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
