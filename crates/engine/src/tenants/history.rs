//! Revisions: listed, compared, gone back to.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tenantry_domain::config::{Document, DocumentKey, FieldChange, Layers, Problems, diff};
use tenantry_domain::id::TenantId;

use super::{Declarations, Tenants, TenantsError};
use crate::ports::store::{Authorship, Change, Owner, Revision};
use crate::scope::Scope;

/// Two revisions side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Which document, in words.
    pub document: String,
    /// The older revision.
    pub from: u64,
    /// The newer revision.
    pub to: u64,
    /// What differs in the document.
    pub changes: Vec<FieldChange>,
    /// What differs in the tenant's effective configuration, under the layers of now.
    pub effect: Vec<FieldChange>,
    /// For a document that tenants share: what differs in the effective configuration of each tenant of now.
    pub tenants: Vec<TenantEffect>,
}

/// What a shared document's revisions differ in for one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantEffect {
    /// Who.
    pub tenant: TenantId,
    /// What differs in its effective configuration.
    pub changes: Vec<FieldChange>,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// The new revision; none when nothing was changed.
    pub revision: Option<u64>,
    /// What it changes.
    pub compared: Compared,
}

impl Tenants {
    /// Revisions of a document, newest first.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn history(&self, key: &DocumentKey, count: u32) -> Result<Vec<Revision>, TenantsError> {
        self.history_before(key, None, count).await
    }

    /// Revisions of a document under `before`, newest first: a page of its history.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn history_before(
        &self,
        key: &DocumentKey,
        before: Option<u64>,
        count: u32,
    ) -> Result<Vec<Revision>, TenantsError> {
        let revisions = self.store.history(&self.scope_for(key)?, key, before, count).await?;
        if before.is_some() {
            return Ok(revisions);
        }
        if revisions.is_empty() { Err(TenantsError::NoDocument { key: key.clone() }) } else { Ok(revisions) }
    }

    /// Compares two revisions; without numbers the last with the one before.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn compare(
        &self,
        key: &DocumentKey,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Compared, TenantsError> {
        let last = self.last(key).await?;
        let to = self.revision(key, to.unwrap_or(last.number), last.number).await?;
        let from = match from.unwrap_or_else(|| to.number.saturating_sub(1)) {
            0 => None,
            number => Some(self.revision(key, number, last.number).await?),
        };
        self.side_by_side(key, from.as_ref(), &to).await
    }

    /// Makes a new revision of an old one.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn rollback(
        &self,
        key: &DocumentKey,
        number: u64,
        by: &Authorship,
        (based_on, dry_run): (Option<u64>, bool),
    ) -> Result<RolledBack, TenantsError> {
        let _turn = if dry_run { None } else { Some(self.register.turn().await) };
        let last = self.last(key).await?;
        if let Some(based_on) = based_on.filter(|based_on| *based_on != last.number) {
            return Err(TenantsError::Stale { key: key.clone(), based_on, found: last.number });
        }
        if last.owner != Owner::Api && last.body.is_some() {
            return Err(TenantsError::NotOwner { key: key.clone(), owner: last.owner });
        }
        let old = self.revision(key, number, last.number).await?;
        let compared = self.side_by_side(key, Some(&last), &old).await?;
        let mut found = self.declarations(&self.scope_for(key)?, &[]).await?;
        if let Some(document) = old.body.as_deref().map(|body| Document::from_stored(key.clone(), body)).transpose()? {
            // An old document may contradict the layers of now.
            match key {
                DocumentKey::Tenant(id) => {
                    found.layers.resolve(&document)?;
                    // Another may size its objects by now.
                    found.tenants.insert(id.clone(), document.clone());
                    let document = [document];
                    let mut wrong = self.named_twice(&found, &document, false).await?;
                    wrong.extend(self.kept_apart(&found, &document, &[]).await?);
                    Problems(wrong.into_iter().flat_map(|(_, problems)| problems.0).collect()).into_result()?;
                }
                _ => {
                    found.layers.insert(document.clone());
                    for tenant in found.tenants.values() {
                        found.layers.resolve(tenant)?;
                    }
                    let wrong = self.kept_apart(&found, &[document], &[]).await?;
                    Problems(wrong.into_iter().flat_map(|(_, problems)| problems.0).collect()).into_result()?;
                }
            }
        }
        if dry_run || (compared.changes.is_empty() && last.body.is_some() == old.body.is_some()) {
            return Ok(RolledBack { revision: None, compared });
        }
        let change = Change {
            key: key.clone(),
            based_on: last.number,
            owner: Owner::Api,
            body: old.body.clone(),
            digest: old.digest.clone(),
        };
        let revisions = self.store.revise(&[change], by).await?;
        Ok(RolledBack { revision: revisions.first().map(|revision| revision.number), compared })
    }

    /// Every declared document that the caller may see, with its revision, to be written as files. What tenants share is
    /// among them for those who see all of the platform.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn export(&self) -> Result<Vec<(u64, Document)>, TenantsError> {
        let mut documents = Vec::new();
        let scopes = match &self.only {
            None => vec![Scope::platform()],
            Some(only) => only.iter().cloned().map(Scope::tenant).collect(),
        };
        let mut heads = BTreeMap::new();
        for scope in scopes {
            let found = self.declarations(&scope, &[]).await?;
            heads.extend(found.heads.into_iter().map(|(key, head)| (key, head.number)));
            if self.only.is_none() {
                let Layers { defaults, tiers, regions } = found.layers;
                documents.extend(defaults.into_iter().chain(tiers.into_values()).chain(regions.into_values()));
            }
            documents.extend(found.tenants.into_values());
        }
        let numbered = |one: Document| (heads.get(one.key()).copied().unwrap_or_default(), one);
        Ok(documents.into_iter().map(numbered).collect())
    }

    /// The last revision of a document that is there.
    ///
    /// # Errors
    /// [`TenantsError::NoDocument`] when there is none, or it was removed.
    pub async fn head(&self, key: &DocumentKey) -> Result<Revision, TenantsError> {
        let last = self.last(key).await?;
        if last.body.is_some() { Ok(last) } else { Err(TenantsError::NoDocument { key: key.clone() }) }
    }

    /// A document at a revision; none where that revision removed it.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn at(&self, key: &DocumentKey, number: u64) -> Result<Option<Document>, TenantsError> {
        let found = self.revision_at(key, number).await?;
        Ok(found.body.as_deref().map(|body| Document::from_stored(key.clone(), body)).transpose()?)
    }

    /// One revision of a document.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn revision_at(&self, key: &DocumentKey, number: u64) -> Result<Revision, TenantsError> {
        let last = self.last(key).await?;
        self.revision(key, number, last.number).await
    }

    pub(super) async fn last(&self, key: &DocumentKey) -> Result<Revision, TenantsError> {
        let last = self.store.head(&self.scope_for(key)?, key).await?;
        last.ok_or_else(|| TenantsError::NoDocument { key: key.clone() })
    }

    async fn revision(&self, key: &DocumentKey, number: u64, last: u64) -> Result<Revision, TenantsError> {
        let found = self.store.history(&self.scope_for(key)?, key, Some(number.saturating_add(1)), 1).await?;
        let found = found.into_iter().next().filter(|revision| revision.number == number);
        found.ok_or_else(|| TenantsError::NoRevision { key: key.clone(), number, last })
    }

    async fn side_by_side(
        &self,
        key: &DocumentKey,
        from: Option<&Revision>,
        to: &Revision,
    ) -> Result<Compared, TenantsError> {
        let read = |revision: &Revision| {
            revision.body.as_deref().map(|body| Document::from_stored(key.clone(), body)).transpose()
        };
        let before = from.map(read).transpose()?.flatten();
        let after = read(to)?;
        let found = self.declarations(&self.scope_for(key)?, &[]).await?;
        let effective = |document: &Option<Document>| -> Option<Value> {
            let document = document.as_ref().filter(|document| matches!(document.key(), DocumentKey::Tenant(_)))?;
            value(&found.layers, document)
        };
        Ok(Compared {
            document: key.to_string(),
            from: from.map_or(0, |from| from.number),
            to: to.number,
            changes: diff(before.as_ref().map(Document::body), after.as_ref().map(Document::body)),
            effect: diff(effective(&before).as_ref(), effective(&after).as_ref()),
            tenants: effects(&found, key, before, after),
        })
    }
}

/// A tenant's effective configuration; one that its layers contradict has none to compare.
fn value(layers: &Layers, tenant: &Document) -> Option<Value> {
    layers.resolve(tenant).ok().map(|effective| effective.value().clone())
}

/// What each tenant under a shared document gets differently when it is `after` instead of `before`.
pub(super) fn effects(
    found: &Declarations,
    key: &DocumentKey,
    before: Option<Document>,
    after: Option<Document>,
) -> Vec<TenantEffect> {
    let with = |document: Option<Document>| {
        let mut layers = found.layers.clone();
        layers.remove(key);
        document.into_iter().for_each(|document| layers.insert(document));
        layers
    };
    let (before, after) = (with(before), with(after));
    let under = found.tenants.iter().filter(|(_, tenant)| tenant.layers().contains(key));
    under
        .map(|(id, tenant)| TenantEffect {
            tenant: id.clone(),
            changes: diff(value(&before, tenant).as_ref(), value(&after, tenant).as_ref()),
        })
        .filter(|effect| !effect.changes.is_empty())
        .collect()
}
