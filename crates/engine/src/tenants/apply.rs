//! Applying documents.

use std::collections::BTreeMap;

use serde::Serialize;
use tenantry_domain::config::{Document, DocumentKey, FieldChange, Problem, Problems, diff};
use tenantry_domain::id::TenantId;

use super::{Declarations, Tenants, TenantsError};
use crate::ports::store::{Authorship, Change, Owner};
use crate::scope::Scope;

/// A file to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, for messages.
    pub source: String,
    /// Its name without folder and ending.
    pub stem: Option<String>,
    /// Its text.
    pub text: String,
}

/// How to apply.
#[derive(Debug, Clone)]
pub struct Applying {
    /// Who writes.
    pub owner: Owner,
    /// Who, when, why.
    pub by: Authorship,
    /// Change nothing.
    pub dry_run: bool,
    /// Apply the good ones although others are bad.
    pub partial: bool,
    /// The files are all that this owner declares: what it declared before and is not among them is removed.
    pub whole: bool,
    /// The one document must be at this revision.
    pub based_on: Option<u64>,
}

/// What was done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// It was not there before.
    Created,
    /// It has a new revision.
    Changed,
    /// It is as it was.
    Unchanged,
    /// It is gone.
    Removed,
    /// It was bad and left as it was.
    Skipped,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Which, in words.
    pub document: String,
    /// The file.
    pub source: String,
    /// What was done.
    pub did: Did,
    /// Its revision after.
    pub revision: Option<u64>,
    /// What differs, field by field.
    pub changes: Vec<FieldChange>,
    /// What is wrong with it, when it was skipped; what cannot be done as it stands, when not.
    pub notes: Vec<String>,
}

impl Tenants {
    /// Applies documents: all of them, or none.
    ///
    /// # Errors
    /// [`TenantsError`]; nothing is changed then.
    pub async fn apply(&self, files: &[File], how: &Applying) -> Result<Vec<Applied>, TenantsError> {
        let (documents, mut problems) = read(files);
        let mut found = self.declarations(&Scope::platform()).await?;
        let before = Resolved::of(&found);
        let mut bad: BTreeMap<DocumentKey, Vec<String>> = BTreeMap::new();
        if how.partial {
            problems.0.clear();
        }
        let removed = if how.whole { vanished(&found, &documents, &how.owner) } else { Vec::new() };
        for document in &documents {
            if let Some(head) = found.heads.get(document.key()).filter(|head| head.owner != how.owner) {
                let (key, owner) = (document.key().clone(), head.owner.clone());
                if !how.partial {
                    return Err(TenantsError::NotOwner { key, owner });
                }
                bad.insert(key, vec![format!("it is written by {owner}")]);
            }
        }
        lay(&mut found, &documents, &removed, &bad);
        for (key, wrong) in newly_wrong(&found, &before) {
            problems.0.extend(wrong.0.clone());
            bad.entry(key).or_default().extend(wrong.0.iter().map(Problem::to_string));
        }
        // A shared layer that breaks tenants which are not among the documents cannot be taken in part.
        let breaks_others = bad.keys().any(|key| !documents.iter().any(|document| document.key() == key));
        if !how.partial || breaks_others {
            problems.into_result()?;
        }
        self.revise(files, &documents, &removed, &found, &bad, how).await
    }

    async fn revise(
        &self,
        files: &[File],
        documents: &[Document],
        removed: &[DocumentKey],
        found: &Declarations,
        bad: &BTreeMap<DocumentKey, Vec<String>>,
        how: &Applying,
    ) -> Result<Vec<Applied>, TenantsError> {
        let mut changes = Vec::new();
        let mut applied = skipped(files, how.partial);
        for document in documents {
            let key = document.key();
            let head = found.heads.get(key);
            if let Some(based_on) = how.based_on {
                let found = head.map_or(0, |head| head.number);
                if found != based_on {
                    return Err(TenantsError::Stale { key: key.clone(), based_on, found });
                }
            }
            let old = head.and_then(|head| Document::from_stored(key.clone(), head.body.as_deref()?).ok());
            let is_bad = bad.get(key);
            let same = head.is_some_and(|head| head.digest == document.digest());
            let did = match (is_bad, same, head) {
                (Some(_), _, _) => Did::Skipped,
                (None, true, _) => Did::Unchanged,
                (None, false, Some(_)) => Did::Changed,
                (None, false, None) => Did::Created,
            };
            let writes = matches!(did, Did::Changed | Did::Created);
            if writes {
                let based_on = self.base(key, head.map(|head| head.number)).await?;
                changes.push(Change {
                    key: key.clone(),
                    based_on,
                    owner: how.owner.clone(),
                    body: Some(document.to_stored()),
                    digest: document.digest(),
                });
            }
            applied.push(Applied {
                document: key.to_string(),
                source: document.source().to_owned(),
                did,
                revision: head.map(|head| head.number),
                changes: if writes {
                    diff(old.as_ref().map(Document::body), Some(document.body()))
                } else {
                    Vec::new()
                },
                notes: is_bad.cloned().unwrap_or_else(|| notes(found, key)),
            });
        }
        remove(removed, found, &how.owner, &mut changes, &mut applied);
        if !how.dry_run && !changes.is_empty() {
            let revisions = self.store.revise(&changes, &how.by).await?;
            let numbers: BTreeMap<String, u64> =
                revisions.iter().map(|revision| (revision.key.to_string(), revision.number)).collect();
            for one in &mut applied {
                one.revision = numbers.get(&one.document).copied().or(one.revision);
            }
        }
        Ok(applied)
    }

    /// The revision that a change is based on; a document that was removed goes on counting.
    async fn base(&self, key: &DocumentKey, known: Option<u64>) -> Result<u64, TenantsError> {
        match known {
            Some(number) => Ok(number),
            None => Ok(self.store.head(&Scope::platform(), key).await?.map_or(0, |head| head.number)),
        }
    }
}

/// Documents that are to go.
fn remove(
    removed: &[DocumentKey],
    found: &Declarations,
    owner: &Owner,
    changes: &mut Vec<Change>,
    applied: &mut Vec<Applied>,
) {
    for key in removed {
        let based_on = found.heads.get(key).map_or(0, |head| head.number);
        changes.push(Change { key: key.clone(), based_on, owner: owner.clone(), body: None, digest: String::new() });
        applied.push(Applied {
            document: key.to_string(),
            source: String::new(),
            did: Did::Removed,
            revision: Some(based_on),
            changes: Vec::new(),
            notes: Vec::new(),
        });
    }
}

/// Reads every file; a document that stands in two files is a problem of both.
fn read(files: &[File]) -> (Vec<Document>, Problems) {
    let mut documents: Vec<Document> = Vec::with_capacity(files.len());
    let mut sources: BTreeMap<DocumentKey, String> = BTreeMap::new();
    let mut problems = Problems::default();
    for file in files {
        match Document::parse(&file.source, &file.text, file.stem.as_deref()) {
            Err(wrong) => problems.0.extend(wrong.0),
            Ok(document) => match sources.get(document.key()) {
                Some(first) => problems.0.push(Problem {
                    file: file.source.clone(),
                    line: 1,
                    column: 1,
                    field: String::new(),
                    message: format!("{} is declared in {first} already", document.key()),
                    excerpt: String::new(),
                    help: Some("keep one of the two".to_owned()),
                }),
                None => {
                    sources.insert(document.key().clone(), file.source.clone());
                    documents.push(document);
                }
            },
        }
    }
    (documents, problems)
}

/// Files that could not be read, when good ones are applied all the same.
fn skipped(files: &[File], partial: bool) -> Vec<Applied> {
    if !partial {
        return Vec::new();
    }
    let skipped = |file: &File| {
        let problems = Document::parse(&file.source, &file.text, file.stem.as_deref()).err()?;
        Some(Applied {
            document: "unreadable".to_owned(),
            source: file.source.clone(),
            did: Did::Skipped,
            revision: None,
            changes: Vec::new(),
            notes: problems.0.iter().map(Problem::to_string).collect(),
        })
    };
    files.iter().filter_map(skipped).collect()
}

fn vanished(found: &Declarations, documents: &[Document], owner: &Owner) -> Vec<DocumentKey> {
    let named = |key: &DocumentKey| documents.iter().any(|document| document.key() == key);
    found.heads.iter().filter(|(key, head)| head.owner == *owner && !named(key)).map(|(key, _)| key.clone()).collect()
}

/// Lays the new documents over what is declared, but for bad ones.
fn lay(
    found: &mut Declarations,
    documents: &[Document],
    removed: &[DocumentKey],
    bad: &BTreeMap<DocumentKey, Vec<String>>,
) {
    for key in removed {
        match key {
            DocumentKey::Defaults => found.layers.defaults = None,
            DocumentKey::Tier(name) => {
                found.layers.tiers.remove(name);
            }
            DocumentKey::Region(name) => {
                found.layers.regions.remove(name);
            }
            DocumentKey::Tenant(id) => {
                found.tenants.remove(id);
            }
        }
    }
    for document in documents.iter().filter(|document| !bad.contains_key(document.key())) {
        match document.key() {
            DocumentKey::Tenant(id) => {
                found.tenants.insert(id.clone(), document.clone());
            }
            _ => found.layers.insert(document.clone()),
        }
    }
}

/// What was wrong before, so that an old fault does not forbid a change elsewhere.
struct Resolved(BTreeMap<TenantId, Problems>);

impl Resolved {
    fn of(found: &Declarations) -> Self {
        let wrong = |(id, document): (&TenantId, &Document)| Some((id.clone(), found.layers.resolve(document).err()?));
        Self(found.tenants.iter().filter_map(wrong).collect())
    }
}

fn newly_wrong(found: &Declarations, before: &Resolved) -> Vec<(DocumentKey, Problems)> {
    let wrong = |(id, document): (&TenantId, &Document)| {
        let problems = found.layers.resolve(document).err()?;
        (before.0.get(id) != Some(&problems)).then(|| (document.key().clone(), problems))
    };
    found.tenants.iter().filter_map(wrong).collect()
}

fn notes(found: &Declarations, key: &DocumentKey) -> Vec<String> {
    match key {
        DocumentKey::Tenant(id) => found.resolve(id).map(|effective| effective.notes()).unwrap_or_default(),
        _ => Vec::new(),
    }
}
