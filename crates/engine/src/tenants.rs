//! Declaring what tenants get: applied as revisions, explained, compared, rolled back. `TenantConfigManager`'s shell.
//!
//! INVARIANT(atomic): a command changes everything it names or nothing; what is bad is said in full, with its place.
//! INVARIANT(one source): a document is written by one owner; a write through another is refused and names the owner.

mod apart;
mod apply;
mod history;
mod objects;
mod read;
mod register;
mod remove;
mod rewrite;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use tenantry_domain::config::{Document, DocumentKey, Effective, Explained, Layers, Problems};
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use thiserror::Error;
use tracing::warn;

pub use apply::{Applied, Applying, Did, File, Removes};
pub use history::{Compared, RolledBack, TenantEffect};
pub use objects::objects_named_twice;
pub use remove::Removed;

use self::register::{Head, Register, listed as row};
use crate::driver::Declared;
use crate::ports::store::{Owner, Revision, Store, StoreError};
use crate::scope::Scope;

/// Why a configuration was not read or changed.
#[derive(Debug, Error)]
pub enum TenantsError {
    /// Documents are wrong; every problem with its place.
    #[error("{problems}\n{} found; nothing was changed", count(problems.0.len()))]
    Problems {
        /// All of them.
        problems: Problems,
    },
    /// Fields were asked for that are not there.
    #[error("{problems}")]
    NoField {
        /// Which, with what was probably meant.
        problems: Problems,
    },
    /// The document is written from somewhere else.
    #[error("{key} is written by {owner}: change it there, or remove it there first")]
    NotOwner {
        /// Which.
        key: DocumentKey,
        /// Who may.
        owner: Owner,
    },
    /// It is not declared.
    #[error("{key} is not declared; {}", where_listed(key))]
    NoDocument {
        /// Which.
        key: DocumentKey,
    },
    /// The tenant has no such workload.
    #[error("tenant `{}` declares no workload `{}`: {}", key.tenant, key.workload, listed(known))]
    NoWorkload {
        /// Which.
        key: WorkloadKey,
        /// Those it has.
        known: Vec<WorkloadKey>,
    },
    /// It has no such revision.
    #[error("{key} has no revision {number}; it is at {last}")]
    NoRevision {
        /// Which.
        key: DocumentKey,
        /// What was asked for.
        number: u64,
        /// Its last.
        last: u64,
    },
    /// The caller's base is old.
    #[error("{key} is at revision {found}, and the change was based on {based_on}; look at it again and repeat")]
    Stale {
        /// Which.
        key: DocumentKey,
        /// What the caller knew.
        based_on: u64,
        /// What it is at.
        found: u64,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TenantsError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Problems { .. } | Self::NoField { .. } => "T101",
            Self::NotOwner { .. } => "T102",
            Self::NoDocument { .. } => "T103",
            Self::NoRevision { .. } => "T104",
            Self::Stale { .. } => "T105",
            Self::NoWorkload { .. } => "T106",
            Self::Store(error) => error.code(),
        }
    }
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

const fn where_listed(key: &DocumentKey) -> &'static str {
    match key {
        DocumentKey::Defaults => "`tenantry config apply` declares what has `default_config`",
        DocumentKey::Tier(_) => "`tenantry get tiers` lists those that are",
        DocumentKey::Region(_) => "`tenantry get regions` lists those that are",
        DocumentKey::Tenant(_) => "`tenantry get tenants` lists those that are",
    }
}

fn listed(known: &[WorkloadKey]) -> String {
    let names: Vec<String> = known.iter().map(WorkloadKey::to_string).collect();
    if names.is_empty() { "it has none".to_owned() } else { names.join(", ") }
}

impl From<Problems> for TenantsError {
    fn from(problems: Problems) -> Self {
        Self::Problems { problems }
    }
}

/// A tenant in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Who.
    pub id: TenantId,
    /// Its tier.
    pub tier: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its last revision.
    pub revision: u64,
    /// Who may write it.
    pub owner: Owner,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// How many workloads are scaled.
    pub workloads: usize,
    /// What was declared and cannot be done as it stands, and what its layers contradict.
    pub notes: Vec<String>,
}

/// A tier or region in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// Its name.
    pub name: String,
    /// Its last revision.
    pub revision: u64,
    /// Who may write it.
    pub owner: Owner,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// How many tenants name it.
    pub tenants: usize,
}

/// The use cases of the declared configuration.
#[doc(alias = "TenantConfigManager")]
#[derive(Clone)]
pub struct Tenants {
    store: Arc<dyn Store>,
    register: Arc<Register>,
    /// The only tenants that the caller may see; none where it is all.
    only: Option<Arc<BTreeSet<TenantId>>>,
    /// Whether other tenants may be named to the caller, though nothing of them is read.
    names_all: bool,
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenants").finish_non_exhaustive()
    }
}

/// Everything that is declared, as last revised.
#[derive(Default)]
struct Declarations {
    layers: Layers,
    tenants: BTreeMap<TenantId, Document>,
    heads: BTreeMap<DocumentKey, Revision>,
}

impl Declarations {
    fn add(&mut self, revision: Revision, at_hand: &BTreeMap<&DocumentKey, &Document>) -> Result<(), TenantsError> {
        let Some(body) = &revision.body else { return Ok(()) };
        let document = match at_hand.get(&revision.key) {
            Some(document) if document.digest() == revision.digest => (*document).clone(),
            _ => Document::from_stored(revision.key.clone(), body)?,
        };
        match document.key() {
            DocumentKey::Tenant(id) => {
                self.tenants.insert(id.clone(), document);
            }
            _ => self.layers.insert(document),
        }
        self.heads.insert(revision.key.clone(), revision);
        Ok(())
    }

    fn resolve(&self, id: &TenantId) -> Result<Effective, TenantsError> {
        let document =
            self.tenants.get(id).ok_or_else(|| TenantsError::NoDocument { key: DocumentKey::Tenant(id.clone()) })?;
        Ok(self.layers.resolve(document)?)
    }
}

/// What is declared in a scope.
async fn declarations(store: &dyn Store, scope: &Scope, at_hand: &[Document]) -> Result<Declarations, TenantsError> {
    let mut found = Declarations::default();
    let at_hand: BTreeMap<&DocumentKey, &Document> =
        at_hand.iter().map(|document| (document.key(), document)).collect();
    for revision in store.documents(scope).await? {
        found.add(revision, &at_hand)?;
    }
    Ok(found)
}

impl Tenants {
    /// Over a store, for the platform's own people.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, register: Arc::default(), only: None, names_all: true }
    }

    /// The same within what a caller was admitted to: other tenants are neither read nor named. What is admitted
    /// nowhere sees nothing.
    #[must_use]
    pub fn within<'a>(&self, scopes: impl IntoIterator<Item = &'a Scope>) -> Self {
        let only: Option<BTreeSet<TenantId>> = scopes.into_iter().map(|scope| scope.only().cloned()).collect();
        let names_all = only.is_none();
        Self {
            store: Arc::clone(&self.store),
            register: Arc::clone(&self.register),
            only: only.map(Arc::new),
            names_all,
        }
    }

    /// The same for one of the platform's own people, who may be told of any tenant where one stands in the way.
    #[must_use]
    pub const fn naming_all(mut self) -> Self {
        self.names_all = true;
        self
    }

    /// Whether a tenant may be named to the caller.
    fn names(&self, id: &TenantId) -> bool {
        self.names_all || self.sees(id)
    }

    /// Whether the caller may see a tenant.
    fn sees(&self, id: &TenantId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(id))
    }

    /// Where a tenant is looked for.
    fn scope_of(&self, id: &TenantId) -> Result<Scope, TenantsError> {
        let seen = self.sees(id).then(|| Scope::tenant(id.clone()));
        seen.ok_or_else(|| TenantsError::NoDocument { key: DocumentKey::Tenant(id.clone()) })
    }

    /// Where a document is looked for.
    fn scope_for(&self, key: &DocumentKey) -> Result<Scope, TenantsError> {
        match key {
            DocumentKey::Tenant(id) => self.scope_of(id),
            _ if self.only.is_none() => Ok(Scope::platform()),
            _ => Err(TenantsError::NoDocument { key: key.clone() }),
        }
    }

    /// What is declared; `at_hand` are documents that need not be read anew where they are as the store has them.
    async fn declarations(&self, scope: &Scope, at_hand: &[Document]) -> Result<Declarations, TenantsError> {
        declarations(self.store.as_ref(), scope, at_hand).await
    }

    /// A tenant's effective configuration.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn effective(&self, id: &TenantId) -> Result<Effective, TenantsError> {
        self.declarations(&self.scope_of(id)?, &[]).await?.resolve(id)
    }

    /// Who set each value of a tenant's configuration, or of what it comes to for one workload; all of them, or those
    /// of one field or group.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn explain(
        &self,
        id: &TenantId,
        workload: Option<&WorkloadName>,
        field: Option<&str>,
    ) -> Result<Vec<Explained>, TenantsError> {
        let found = self.declarations(&self.scope_of(id)?, &[]).await?;
        let key = DocumentKey::Tenant(id.clone());
        let document = found.tenants.get(id).ok_or(TenantsError::NoDocument { key })?;
        // What a tenant's layers contradict is told first: it is no fault of what was asked for.
        found.layers.resolve(document)?;
        let none = |problems| TenantsError::NoField { problems };
        let Some(workload) = workload else { return found.layers.explain(document, field).map_err(none) };
        let explained = found.layers.explain_workload(document, workload, field).map_err(none)?;
        explained.ok_or_else(|| {
            let all = document.body().get("workloads").and_then(serde_json::Value::as_object);
            let names = all.into_iter().flatten().filter_map(|(name, _)| WorkloadName::new(name.as_str()).ok());
            let key = |workload| WorkloadKey { tenant: id.clone(), workload };
            TenantsError::NoWorkload { key: key(workload.clone()), known: names.map(key).collect() }
        })
    }

    /// What is asked for one workload.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn spec_of(&self, key: &WorkloadKey) -> Result<WorkloadSpec, TenantsError> {
        let specs = self.specs_of(&key.tenant).await?;
        let known = specs.iter().map(|spec| spec.key.clone()).collect();
        let found = specs.into_iter().find(|spec| spec.key == *key);
        found.ok_or_else(|| TenantsError::NoWorkload { key: key.clone(), known })
    }

    /// What is asked for each workload of a tenant.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn specs_of(&self, id: &TenantId) -> Result<Vec<WorkloadSpec>, TenantsError> {
        Ok(self.effective(id).await?.workloads())
    }

    /// Every tier, ordered by name.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn tiers(&self) -> Result<Vec<Shared>, TenantsError> {
        self.shared(|key| if let DocumentKey::Tier(name) = key { Some(name.to_string()) } else { None }).await
    }

    /// Every region, ordered by name.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn regions(&self) -> Result<Vec<Shared>, TenantsError> {
        self.shared(|key| if let DocumentKey::Region(name) = key { Some(name.to_string()) } else { None }).await
    }

    /// The documents that `name` has a name for, with how many tenants stand under each.
    async fn shared(&self, name: impl Fn(&DocumentKey) -> Option<String>) -> Result<Vec<Shared>, TenantsError> {
        let row = |(key, head, tenants): (DocumentKey, Head, usize)| {
            let Head { number: revision, owner, at: changed_at } = head;
            Some(Shared { name: name(&key)?, revision, owner, changed_at, tenants })
        };
        Ok(self.register.shared(self.store.as_ref()).await?.into_iter().filter_map(row).collect())
    }

    /// Every tenant that the caller may see, ordered by id. Read anew as far as the configuration has changed.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn list(&self) -> Result<Vec<Arc<Listed>>, TenantsError> {
        self.register.tenants(self.store.as_ref(), self.only.as_deref()).await
    }

    /// One tenant; none where it is not declared, or not seen. Costs what that tenant does, however many there are.
    ///
    /// # Errors
    /// [`TenantsError`].
    pub async fn one(&self, id: &TenantId) -> Result<Option<Listed>, TenantsError> {
        let Ok(scope) = self.scope_of(id) else { return Ok(None) };
        let found = self.declarations(&scope, &[]).await?;
        let of = found.tenants.get(id).and_then(|document| Some((document, found.heads.get(document.key())?)));
        Ok(of.map(|(document, head)| row(&found.layers, document, head, id).0))
    }
}

#[async_trait]
impl Declared for Tenants {
    async fn workloads(&self) -> Result<Vec<WorkloadSpec>, StoreError> {
        let corrupt = |error: TenantsError| match error {
            TenantsError::Store(error) => error,
            other => StoreError::Corrupt { action: "read the configuration", message: other.to_string() },
        };
        let found = self.declarations(&Scope::platform(), &[]).await.map_err(corrupt)?;
        let mut specs = Vec::new();
        for (id, document) in &found.tenants {
            // One tenant that cannot be resolved, after a change by another program, leaves the others as they are.
            match found.layers.resolve(document) {
                Ok(effective) => specs.extend(effective.workloads()),
                Err(problems) => warn!(tenant = %id, %problems, "this tenant is not scaled"),
            }
        }
        Ok(specs)
    }
}
