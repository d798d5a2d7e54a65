//! Applying documents.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tenantry_domain::config::{Document, DocumentKey, Draft, FieldChange, Problem, Problems, diff};
use tenantry_domain::id::TenantId;

use super::apart::{Others, kept_apart};
use super::history::{TenantEffect, effects};
use super::objects::{named_twice, objects_of};
use super::read::{Read, all_problems, gathered};
use super::{Declarations, Tenants, TenantsError};
use crate::ports::store::{Authorship, Change, Owner, Revision};
use crate::scope::Scope;

/// Most tenants named in a dry run of what they share; the rest are counted.
const TENANTS_TOLD: usize = 10;
/// Documents of tenants that are read one by one; of more, all are read at once.
const FEW_MAX: usize = 32;

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
    /// What becomes of documents that this owner declared before and that are not among the files.
    pub removes: Removes,
    /// The one document must be at this revision.
    pub based_on: Option<u64>,
    /// Revisions that documents were at when it was allowed to change them: what was allowed of one is not of another.
    pub judged: BTreeMap<DocumentKey, u64>,
}

/// What becomes of documents that no file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Removes {
    /// They stay.
    #[default]
    Nothing,
    /// They are removed: the files are all that this owner declares.
    Rest,
    /// The same, where it is these at these revisions; where it is others by now, nothing is done.
    Only(BTreeMap<DocumentKey, u64>),
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
    /// In a dry run of a document that tenants share: what it comes to for the first of them that it changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantEffect>,
    /// How many tenants it changes beside those.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_tenants: usize,
    /// What is wrong with it, when it was skipped; what cannot be done as it stands, when not.
    pub notes: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde hands over")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Tenants {
    /// What applying these files with [`Removes::Rest`] would remove, each at its revision. For whoever may see all of the
    /// platform.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn vanishing(&self, files: &[File], owner: &Owner) -> Result<BTreeMap<DocumentKey, u64>, TenantsError> {
        let Read { documents, drafts, .. } = Read::of(files);
        self.scope_for(&DocumentKey::Defaults)?;
        let found = self.declarations(&Scope::platform(), &documents).await?;
        let gone = vanished(&found, &documents, &drafts, owner).into_iter();
        Ok(gone.filter_map(|key| Some((key.clone(), found.heads.get(&key)?.number))).collect())
    }

    /// Applies documents: all of them, or none.
    ///
    /// # Errors
    /// [`TenantsError`]; nothing is changed then.
    pub async fn apply(&self, files: &[File], how: &Applying) -> Result<Vec<Applied>, TenantsError> {
        let Read { documents, mut drafts, mut problems } = Read::of(files);
        for document in &documents {
            self.scope_for(document.key())?;
        }
        let _turn = if how.dry_run { None } else { Some(self.register.turn().await) };
        let removes = how.removes != Removes::Nothing;
        let few = if removes { None } else { few(&documents, &drafts) };
        let mut found = match &few {
            Some(ids) => self.around(ids, &documents).await?,
            None => self.declarations(&Scope::platform(), &documents).await?,
        };
        // Where nothing differs nothing new can be wrong.
        let differs = removes || !drafts.is_empty() || !same(&found, &documents);
        let before = if differs { Resolved::of(&found) } else { Resolved(BTreeMap::new()) };
        let mut bad: BTreeMap<DocumentKey, Vec<String>> = BTreeMap::new();
        let twice = if how.partial { std::mem::take(&mut problems.0) } else { Vec::new() };
        let removed = if removes { vanished(&found, &documents, &drafts, &how.owner) } else { Vec::new() };
        agreed(&removed, &found, &how.removes)?;
        let foreign = foreign(&found, &documents, &how.owner);
        if how.partial {
            bad.extend(foreign.iter().map(|(key, owner)| (key.clone(), vec![format!("it is written by {owner}")])));
        }
        if differs {
            lay(&mut found, &documents, &removed, &bad);
        }
        if !how.partial && !drafts.is_empty() {
            return Err(all_problems(&found, &before, &mut drafts, problems).into());
        }
        for draft in &mut drafts {
            draft.hold_against(&found.layers, true);
        }
        let mut wrong = if differs { newly_wrong(&found, &before) } else { Vec::new() };
        if differs {
            wrong.extend(self.named_twice(&found, &documents, few.is_none()).await?);
            wrong.extend(self.kept_apart(&found, &documents, &removed).await?);
        }
        problems.0.extend(gathered(&found, &wrong).0);
        for (key, wrong) in wrong {
            bad.entry(key).or_default().extend(wrong.0.iter().map(Problem::to_string));
        }
        // A shared layer that breaks tenants which are not among the documents cannot be taken in part.
        let breaks_others = bad.keys().any(|key| !documents.iter().any(|document| document.key() == key));
        if !how.partial || breaks_others {
            problems.into_result()?;
        }
        // Who owns a document is asked last: whether it is right does not depend on it.
        if let Some((key, owner)) = foreign.into_iter().next().filter(|_| !how.partial) {
            return Err(TenantsError::NotOwner { key, owner });
        }
        let mut applied = skipped(&drafts, &twice, how.partial);
        applied.extend(self.revise(&documents, &removed, &found, &bad, how).await?);
        Ok(applied)
    }

    async fn revise(
        &self,
        documents: &[Document],
        removed: &[DocumentKey],
        found: &Declarations,
        bad: &BTreeMap<DocumentKey, Vec<String>>,
        how: &Applying,
    ) -> Result<Vec<Applied>, TenantsError> {
        let mut changes = Vec::new();
        let mut applied = Vec::new();
        for document in documents {
            let key = document.key();
            let head = found.heads.get(key);
            let is_bad = bad.get(key);
            // What is skipped was allowed of no revision.
            let judged = how.judged.get(key).copied().filter(|_| is_bad.is_none());
            for based_on in how.based_on.into_iter().chain(judged) {
                let found = head.map_or(0, |head| head.number);
                if found != based_on {
                    return Err(TenantsError::Stale { key: key.clone(), based_on, found });
                }
            }
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
                    digest: document.digest().to_owned(),
                });
            }
            let mut tenants = if writes && how.dry_run { borne(found, head, document) } else { Vec::new() };
            let more_tenants = tenants.len().saturating_sub(TENANTS_TOLD);
            tenants.truncate(TENANTS_TOLD);
            applied.push(Applied {
                document: key.to_string(),
                source: document.source().to_owned(),
                did,
                revision: head.map(|head| head.number),
                changes: if writes { changed(head, document) } else { Vec::new() },
                tenants,
                more_tenants,
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

    /// What a change of these tenants alone is held against: their own documents, and those that they share.
    async fn around(&self, ids: &[TenantId], documents: &[Document]) -> Result<Declarations, TenantsError> {
        let at_hand: BTreeMap<&DocumentKey, &Document> =
            documents.iter().map(|document| (document.key(), document)).collect();
        let mut found = Declarations::default();
        for (place, id) in ids.iter().enumerate() {
            let scope = Scope::tenant(id.clone());
            let revisions = match place {
                0 => self.store.documents(&scope).await?,
                _ => self.store.head(&scope, &DocumentKey::Tenant(id.clone())).await?.into_iter().collect(),
            };
            for revision in revisions {
                found.add(revision, &at_hand)?;
            }
        }
        Ok(found)
    }

    /// Workloads of changed documents that name an object which another has, of `all` tenants or of some. What is told of
    /// tenants that the caller does not see is no more than that.
    pub(super) async fn named_twice(
        &self,
        found: &Declarations,
        documents: &[Document],
        all: bool,
    ) -> Result<Vec<(DocumentKey, Problems)>, TenantsError> {
        let changed = differing(found, documents);
        let held = if all {
            BTreeMap::new()
        } else {
            let read = found.tenants.keys().collect();
            self.register.held(self.store.as_ref(), &objects_of(found, &changed), &read).await?
        };
        Ok(named_twice(found, &changed, held, |id| self.names(id)))
    }

    /// Tenants that cannot be kept apart as changed documents ask, held against all others but those that are to go.
    pub(super) async fn kept_apart(
        &self,
        found: &Declarations,
        documents: &[Document],
        removed: &[DocumentKey],
    ) -> Result<Vec<(DocumentKey, Problems)>, TenantsError> {
        let changed = differing(found, documents);
        let changes = |tenant: &Document| {
            changed.contains(tenant.key()) || tenant.layers().iter().any(|layer| changed.contains(layer))
        };
        let level = |tenant| found.layers.resolve(tenant).map(|effective| effective.isolation()).unwrap_or_default();
        let changing = found.tenants.iter().filter(|(_, tenant)| changes(tenant));
        let (ids, changing): (Vec<&TenantId>, Vec<_>) =
            changing.map(|(id, tenant)| (id, (tenant, level(tenant)))).unzip();
        if changing.is_empty() {
            return Ok(Vec::new());
        }
        let gone = removed.iter().filter_map(|key| match key {
            DocumentKey::Tenant(id) => Some(id),
            _ => None,
        });
        let (count, is_anybodys) =
            self.register.others(self.store.as_ref(), &ids.into_iter().chain(gone).collect()).await?;
        let others = Others { count, is_anybodys, keys_of_their_own: self.store.keys_of_their_own() };
        Ok(kept_apart(&changing, others))
    }

    /// The revision that a change is based on; a document that was removed goes on counting.
    async fn base(&self, key: &DocumentKey, known: Option<u64>) -> Result<u64, TenantsError> {
        match known {
            Some(number) => Ok(number),
            None => Ok(self.store.head(&Scope::platform(), key).await?.map_or(0, |head| head.number)),
        }
    }
}

/// The tenants that documents and drafts are about, where they are about nothing else and few: reading those costs less
/// than reading all.
fn few(documents: &[Document], drafts: &[Draft]) -> Option<Vec<TenantId>> {
    let all = documents.iter().map(Some).chain(drafts.iter().map(Draft::document));
    let tenant = |document: Option<&Document>| match document?.key() {
        DocumentKey::Tenant(id) => Some(id.clone()),
        _ => None,
    };
    let ids = all.map(tenant).collect::<Option<BTreeSet<_>>>()?;
    (1..=FEW_MAX).contains(&ids.len()).then(|| ids.into_iter().collect())
}

/// Documents that are not as they stand.
fn differing<'a>(found: &Declarations, documents: &'a [Document]) -> BTreeSet<&'a DocumentKey> {
    let differs =
        |document: &&Document| found.heads.get(document.key()).is_none_or(|head| head.digest != document.digest());
    documents.iter().filter(differs).map(Document::key).collect()
}

/// What differs from the last revision, field by field.
fn changed(head: Option<&Revision>, document: &Document) -> Vec<FieldChange> {
    let old = head.and_then(|head| Document::from_stored(head.key.clone(), head.body.as_deref()?).ok());
    diff(old.as_ref().map(Document::body), Some(document.body()))
}

/// What a document that tenants share comes to for each that it changes, over all else as it would be.
fn borne(found: &Declarations, head: Option<&Revision>, document: &Document) -> Vec<TenantEffect> {
    if matches!(document.key(), DocumentKey::Tenant(_)) {
        return Vec::new();
    }
    let before = head.and_then(|head| Document::from_stored(head.key.clone(), head.body.as_deref()?).ok());
    let mut layers = found.layers.clone();
    layers.remove(document.key());
    before.iter().for_each(|before| layers.insert(before.clone()));
    let mut effects = effects(found, document.key(), before, Some(document.clone()));
    // Of a tenant that is new, or names this document only now, everything would differ.
    effects.retain(|effect| {
        let key = DocumentKey::Tenant(effect.tenant.clone());
        found.heads.contains_key(&key)
            && found.tenants.get(&effect.tenant).is_some_and(|tenant| layers.resolve(tenant).is_ok())
    });
    effects
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
            tenants: Vec::new(),
            more_tenants: 0,
            notes: Vec::new(),
        });
    }
}

/// Files that could not be read, and those that declare again what another does, when good ones are applied all the same.
fn skipped(drafts: &[Draft], twice: &[Problem], partial: bool) -> Vec<Applied> {
    if !partial {
        return Vec::new();
    }
    let skipped = |document: String, source: String, problems: &[Problem]| Applied {
        document,
        source,
        did: Did::Skipped,
        revision: None,
        changes: Vec::new(),
        tenants: Vec::new(),
        more_tenants: 0,
        notes: problems.iter().map(Problem::to_string).collect(),
    };
    let draft = |draft: &Draft| {
        let key = draft.document().map_or_else(|| "unreadable".to_owned(), |document| document.key().to_string());
        let source = draft.problems().0.first().map(|problem| problem.file.clone()).unwrap_or_default();
        skipped(key, source, &draft.problems().clone().sorted().0)
    };
    let again = |problem: &Problem| skipped("repeated".to_owned(), problem.file.clone(), std::slice::from_ref(problem));
    drafts.iter().map(draft).chain(twice.iter().map(again)).collect()
}

/// Documents that somebody else writes.
fn foreign(found: &Declarations, documents: &[Document], owner: &Owner) -> Vec<(DocumentKey, Owner)> {
    let other = |document: &Document| {
        let head = found.heads.get(document.key()).filter(|head| head.owner != *owner)?;
        Some((document.key().clone(), head.owner.clone()))
    };
    documents.iter().filter_map(other).collect()
}

/// Whether every document is as it was last revised.
fn same(found: &Declarations, documents: &[Document]) -> bool {
    let is_same =
        |document: &Document| found.heads.get(document.key()).is_some_and(|head| head.digest == document.digest());
    documents.iter().all(is_same)
}

/// What this owner declared before and no file names. A file that does not say what it is about may be any of them.
fn vanished(found: &Declarations, documents: &[Document], drafts: &[Draft], owner: &Owner) -> Vec<DocumentKey> {
    if drafts.iter().any(|draft| draft.document().is_none()) {
        return Vec::new();
    }
    let unsound = drafts.iter().filter_map(Draft::document);
    let named: BTreeSet<&DocumentKey> = documents.iter().chain(unsound).map(Document::key).collect();
    found
        .heads
        .iter()
        .filter(|(key, head)| head.owner == *owner && !named.contains(key))
        .map(|(key, _)| key.clone())
        .collect()
}

/// Holds that what would go is what was agreed on, where that was said.
fn agreed(removed: &[DocumentKey], found: &Declarations, removes: &Removes) -> Result<(), TenantsError> {
    let Removes::Only(known) = removes else { return Ok(()) };
    for key in removed {
        let found = found.heads.get(key).map_or(0, |head| head.number);
        let based_on = known.get(key).copied().unwrap_or(0);
        if based_on != found {
            return Err(TenantsError::Stale { key: key.clone(), based_on, found });
        }
    }
    Ok(())
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
            DocumentKey::Tenant(id) => {
                found.tenants.remove(id);
            }
            _ => found.layers.remove(key),
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
pub(super) struct Resolved(pub(super) BTreeMap<TenantId, Problems>);

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
