//! What stands of every tenant, in short: lists and questions that touch all of them are answered from here, and a change
//! of one costs what that one does.
//!
//! The store is the truth: each use asks for the configuration's version first, and reads anew what changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tenantry_domain::config::{Document, DocumentKey, Effective, IsolationLevel, Layers};
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::spec::ScaleTarget;
use tenantry_domain::time::Timestamp;
use tokio::sync::Mutex;

use super::{Declarations, Listed, TenantsError, declarations};
use crate::ports::store::{Owner, Revision, Store};
use crate::rivals::group;
use crate::scope::Scope;

/// More documents than this are read anew all at once.
const CHANGED_MAX: u32 = 256;

/// An object as workloads name it: its API group, and what it is called.
pub(super) type Object = (String, String);

pub(super) fn object(target: &ScaleTarget) -> Object {
    (group(target).to_owned(), target.to_string())
}

/// A document that tenants share, in short.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) owner: Owner,
    pub(super) at: Timestamp,
}

impl From<&Revision> for Head {
    fn from(revision: &Revision) -> Self {
        Self { number: revision.number, owner: revision.owner.clone(), at: revision.at }
    }
}

/// A tenant, in short.
#[derive(Debug)]
struct Standing {
    listed: Arc<Listed>,
    /// Shared documents that it names.
    names: Vec<DocumentKey>,
    /// What its enabled workloads size.
    objects: Vec<(Object, WorkloadKey)>,
    /// Whether it is to have the store for itself.
    dedicated: bool,
}

impl Standing {
    fn of(layers: &Layers, document: &Document, head: &Revision, id: &TenantId) -> Self {
        let (listed, effective) = listed(layers, document, head, id);
        let specs = effective.iter().flat_map(Effective::workloads).filter(|spec| spec.enabled);
        let objects = specs.map(|spec| (object(&spec.target), spec.key)).collect();
        let dedicated = effective.is_some_and(|one| one.isolation() == IsolationLevel::Dedicated);
        Self { listed: Arc::new(listed), names: document.layers(), objects, dedicated }
    }
}

/// A tenant as lists have it, with what it comes to where its layers agree.
pub(super) fn listed(
    layers: &Layers,
    document: &Document,
    head: &Revision,
    id: &TenantId,
) -> (Listed, Option<Effective>) {
    let (effective, mut notes) = match layers.resolve(document) {
        Ok(effective) => (Some(effective), Vec::new()),
        Err(problems) => (None, vec![problems.to_string()]),
    };
    notes.extend(effective.iter().flat_map(Effective::notes));
    let listed = Listed {
        id: id.clone(),
        tier: effective.as_ref().and_then(Effective::tier).map(str::to_owned),
        region: effective.as_ref().and_then(Effective::region).map(str::to_owned),
        labels: effective.as_ref().map(Effective::labels).unwrap_or_default(),
        revision: head.number,
        owner: head.owner.clone(),
        changed_at: head.at,
        workloads: effective.as_ref().map_or(0, |effective| effective.workloads().len()),
        notes,
    };
    (listed, effective)
}

/// All of it, as of a version of the configuration.
struct Kept {
    version: u64,
    layers: Layers,
    shared: BTreeMap<DocumentKey, Head>,
    /// How many tenants name each shared document.
    users: BTreeMap<DocumentKey, usize>,
    tenants: BTreeMap<TenantId, Standing>,
    objects: BTreeMap<Object, BTreeSet<WorkloadKey>>,
    /// Who has the store for itself.
    dedicated: BTreeSet<TenantId>,
}

impl Kept {
    fn new(version: u64, found: Declarations) -> Self {
        let Declarations { layers, tenants, heads } = found;
        let shared = heads.iter().filter(|(key, _)| !matches!(key, DocumentKey::Tenant(_)));
        let mut kept = Self {
            version,
            shared: shared.map(|(key, head)| (key.clone(), Head::from(head))).collect(),
            users: BTreeMap::new(),
            tenants: BTreeMap::new(),
            objects: BTreeMap::new(),
            dedicated: BTreeSet::new(),
            layers,
        };
        for (id, document) in &tenants {
            if let Some(head) = heads.get(document.key()) {
                kept.put(id, document, head);
            }
        }
        kept
    }

    fn put(&mut self, id: &TenantId, document: &Document, head: &Revision) {
        self.take(id);
        let standing = Standing::of(&self.layers, document, head, id);
        for name in &standing.names {
            *self.users.entry(name.clone()).or_default() += 1;
        }
        for (object, workload) in &standing.objects {
            self.objects.entry(object.clone()).or_default().insert(workload.clone());
        }
        if standing.dedicated {
            self.dedicated.insert(id.clone());
        }
        self.tenants.insert(id.clone(), standing);
    }

    fn take(&mut self, id: &TenantId) {
        let Some(standing) = self.tenants.remove(id) else { return };
        self.dedicated.remove(id);
        for name in &standing.names {
            if let Some(count) = self.users.get_mut(name) {
                *count = count.saturating_sub(1);
            }
        }
        for (object, workload) in &standing.objects {
            if let Some(holders) = self.objects.get_mut(object) {
                holders.remove(workload);
                if holders.is_empty() {
                    self.objects.remove(object);
                }
            }
        }
    }

    /// Puts tenants' documents in the place of what stood.
    fn renew(&mut self, changed: &[(TenantId, Option<Revision>)]) -> Result<(), TenantsError> {
        for (id, head) in changed {
            match head.as_ref().and_then(|head| Some((head, head.body.as_deref()?))) {
                Some((head, body)) => self.put(id, &Document::from_stored(head.key.clone(), body)?, head),
                None => self.take(id),
            }
        }
        Ok(())
    }
}

/// Tenants' documents that changed after a version, as they are now; none where all must be read anew: many changed, or
/// one that tenants share.
async fn changed_since(
    store: &dyn Store,
    version: u64,
) -> Result<Option<Vec<(TenantId, Option<Revision>)>>, TenantsError> {
    let Some(keys) = store.changed_since(version, CHANGED_MAX).await? else { return Ok(None) };
    let mut changed = Vec::with_capacity(keys.len());
    for key in keys {
        let DocumentKey::Tenant(id) = &key else { return Ok(None) };
        changed.push((id.clone(), store.head(&Scope::tenant(id.clone()), &key).await?));
    }
    Ok(Some(changed))
}

/// All of it, and whose turn it is to change it.
#[derive(Default)]
pub(super) struct Register {
    kept: Mutex<Option<Kept>>,
    turn: Mutex<()>,
}

impl Register {
    /// Waits for other changes of this process: what one looks at before it writes then holds until it has. The store
    /// takes them one by one as well, so nothing is lost by it.
    pub(super) async fn turn(&self) -> impl Sized + '_ {
        self.turn.lock().await
    }

    /// Looks into it as it is now.
    async fn look<T>(&self, store: &dyn Store, at: impl FnOnce(&Kept) -> T) -> Result<T, TenantsError> {
        let mut kept = self.kept.lock().await;
        // Asked first: what is read afterwards is at least as new.
        let version = store.config_version().await?;
        let changed = match kept.as_ref() {
            Some(old) if old.version == version => Some(Vec::new()),
            Some(old) if old.version < version => changed_since(store, old.version).await?,
            _ => None,
        };
        // Taken out while it is renewed: one that fails halfway is not kept.
        let fresh = match (kept.take(), changed) {
            (Some(mut old), Some(changed)) => {
                old.renew(&changed)?;
                Kept { version, ..old }
            }
            _ => Kept::new(version, declarations(store, &Scope::platform(), &[]).await?),
        };
        Ok(at(kept.insert(fresh)))
    }

    /// Every tenant, or those of some, ordered by id.
    pub(super) async fn tenants(
        &self,
        store: &dyn Store,
        only: Option<&BTreeSet<TenantId>>,
    ) -> Result<Vec<Arc<Listed>>, TenantsError> {
        let row = |standing: &Standing| Arc::clone(&standing.listed);
        self.look(store, |kept| match only {
            None => kept.tenants.values().map(row).collect(),
            Some(only) => only.iter().filter_map(|id| kept.tenants.get(id)).map(row).collect(),
        })
        .await
    }

    /// Every shared document, with how many tenants name it.
    pub(super) async fn shared(&self, store: &dyn Store) -> Result<Vec<(DocumentKey, Head, usize)>, TenantsError> {
        let row = |kept: &Kept, key: &DocumentKey, head: &Head| {
            (key.clone(), head.clone(), kept.users.get(key).copied().unwrap_or_default())
        };
        self.look(store, |kept| kept.shared.iter().map(|(key, head)| row(kept, key, head)).collect()).await
    }

    /// Which workloads of other tenants than these size some objects.
    pub(super) async fn held(
        &self,
        store: &dyn Store,
        objects: &BTreeSet<Object>,
        but: &BTreeSet<&TenantId>,
    ) -> Result<BTreeMap<Object, WorkloadKey>, TenantsError> {
        let holder = |kept: &Kept, object: &Object| {
            let holders = kept.objects.get(object)?;
            let other = holders.iter().find(|holder| !but.contains(&holder.tenant))?;
            Some((object.clone(), other.clone()))
        };
        self.look(store, |kept| objects.iter().filter_map(|object| holder(kept, object)).collect()).await
    }

    /// How many tenants there are but these, and whether one of them has the store for itself.
    pub(super) async fn others(
        &self,
        store: &dyn Store,
        but: &BTreeSet<&TenantId>,
    ) -> Result<(usize, bool), TenantsError> {
        self.look(store, |kept| {
            let known = but.iter().filter(|id| kept.tenants.contains_key(**id)).count();
            (kept.tenants.len().saturating_sub(known), kept.dedicated.iter().any(|id| !but.contains(id)))
        })
        .await
    }
}
