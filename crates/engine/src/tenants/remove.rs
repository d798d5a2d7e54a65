//! Removing a document.

use serde::Serialize;
use tenantry_domain::config::Document;
use tenantry_domain::config::{DocumentKey, FieldChange, Problems, diff};

use super::{Tenants, TenantsError};
use crate::ports::store::{Authorship, Change, Owner};

/// A document that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Which, in words.
    pub document: String,
    /// The revision that removes it; none when nothing was changed.
    pub revision: Option<u64>,
    /// What is no longer set.
    pub changes: Vec<FieldChange>,
}

impl Tenants {
    /// Removes a document; its history stays. One that tenants still name is not removed.
    ///
    /// # Errors
    /// [`TenantsError`]; nothing is changed then.
    pub async fn remove(
        &self,
        key: &DocumentKey,
        based_on: Option<u64>,
        by: &Authorship,
        dry_run: bool,
    ) -> Result<Removed, TenantsError> {
        let head = self.head(key).await?;
        if head.owner != Owner::Api {
            return Err(TenantsError::NotOwner { key: key.clone(), owner: head.owner });
        }
        if let Some(based_on) = based_on
            && based_on != head.number
        {
            return Err(TenantsError::Stale { key: key.clone(), based_on, found: head.number });
        }
        let mut found = self.declarations(&self.scope_for(key)?, &[]).await?;
        if !matches!(key, DocumentKey::Tenant(_)) {
            let resolved = |found: &super::Declarations, tenant: &Document| found.layers.resolve(tenant).err();
            let before: Vec<Option<Problems>> = found.tenants.values().map(|tenant| resolved(&found, tenant)).collect();
            found.layers.remove(key);
            let mut problems = Problems::default();
            // An old fault elsewhere does not forbid it.
            for (tenant, before) in found.tenants.values().zip(before) {
                let after = resolved(&found, tenant).filter(|after| before.as_ref() != Some(after));
                problems.0.extend(after.into_iter().flat_map(|after| after.0));
            }
            problems.into_result()?;
        }
        let body = head.body.as_deref().map(|body| Document::from_stored(key.clone(), body)).transpose()?;
        let changes = diff(body.as_ref().map(Document::body), None);
        let mut removed = Removed { document: key.to_string(), revision: None, changes };
        if !dry_run {
            let change = Change {
                key: key.clone(),
                based_on: head.number,
                owner: Owner::Api,
                body: None,
                digest: String::new(),
            };
            removed.revision = self.store.revise(&[change], by).await?.first().map(|revision| revision.number);
        }
        Ok(removed)
    }
}
