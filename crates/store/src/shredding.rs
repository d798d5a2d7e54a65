//! Destroying what is kept of a tenant, in the database and in all copies of it.
//!
//! First its rows go and the document with them, so that nothing is left that could not be read; then its key-encryption key
//! is destroyed, which is what makes copies unreadable. Whoever is killed in between does it again.

use tenantry_domain::id::TenantId;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{Authorship, Stored};
use tenantry_keys::{KeyError, Owner};

use crate::backend::Work;
use crate::failure::Failure;
use crate::fence::Reach;
use crate::sealing::{count_key_changes, lock_alone};
use crate::statement::{Statement, Value};
use crate::store::{Store, transaction};
use crate::{audit, documents};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shredded {
    /// Rows that were deleted or emptied.
    pub rows: u64,
    /// Whether a key of the tenant's own was destroyed now.
    pub destroyed: bool,
    /// Whether copies of the database from before are unreadable for good: only where each tenant has a key of its own.
    pub copies: bool,
}

impl Store {
    /// Destroys what is kept of a tenant, with its key. `based_on` is the revision of its document that was looked at before:
    /// one that was changed since stays.
    ///
    /// # Errors
    /// [`StoreError`](tenantry_engine::ports::store::StoreError); what was not done is done by doing it again.
    pub async fn shred(&self, tenant: &TenantId, based_on: u64, by: &Authorship) -> Stored<Shredded> {
        let Some(keys) = &self.keys else {
            let missing = Failure::Keys(KeyError::Missing { place: "no provider of keys".to_owned() });
            return Err(missing.during("destroy keys"));
        };
        let rows =
            transaction!(self, Reach::Everybody, "erase a tenant", |work| erase(&mut work, tenant, based_on, by))?;
        let owner = Owner::Tenant(tenant.clone());
        let destroyed = keys.provider.destroy(&owner).await;
        let destroyed = destroyed.map_err(|error| Failure::Keys(error).during("destroy a tenant's key"))?;
        if destroyed {
            let deed =
                Deed { action: "keys.shred", ..Deed::done(Some(tenant.clone()), by, format!("keys/tenant/{tenant}")) };
            transaction!(self, Reach::Everybody, "note that a key was destroyed", |work| audit::append(
                &mut work,
                std::slice::from_ref(&deed)
            ))?;
        }
        if !keys.is_whole() {
            self.backend.scrub().await.map_err(|failure| failure.during("clean up what was not sealed"))?;
        }
        Ok(Shredded { rows, destroyed, copies: keys.provider.holds_one_each() })
    }
}

async fn erase(work: &mut Work, tenant: &TenantId, based_on: u64, by: &Authorship) -> Result<u64, Failure> {
    // In the order in which all others come to these: two that wait for each other crosswise would wait for ever.
    documents::count_changes(work, 0).await?;
    lock_alone(work).await?;
    count_key_changes(work).await?;
    documents::remove(work, tenant, based_on, by).await?;
    let mut rows = 0_u64;
    for sql in [
        "DELETE FROM interventions WHERE tenant = $1",
        "DELETE FROM asked WHERE tenant = $1",
        "DELETE FROM decisions WHERE tenant = $1",
        "DELETE FROM kept WHERE tenant = $1",
        "DELETE FROM answers WHERE tenant = $1",
        "UPDATE revisions SET body = NULL, sealed_with = NULL, sealed = NULL, digest = '' \
         WHERE kind = 3 AND name = $1 AND (body IS NOT NULL OR sealed IS NOT NULL)",
        "UPDATE audit_entries SET detail = NULL, sealed_with = NULL, sealed = NULL \
         WHERE tenant = $1 AND (detail IS NOT NULL OR sealed IS NOT NULL)",
        "DELETE FROM data_keys WHERE tenant = $1",
    ] {
        rows = rows.saturating_add(work.execute(Statement::new(sql, vec![Value::Text(tenant.as_str())])).await?);
    }
    if rows > 0 {
        let deed = Deed { action: "tenant.erase", ..Deed::done(Some(tenant.clone()), by, format!("tenant/{tenant}")) };
        audit::append(work, &[deed]).await?;
    }
    Ok(rows)
}
