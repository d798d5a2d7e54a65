//! What tests start from.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tenantry_domain::id::{RegionName, TenantId, TierName, WorkloadKey, WorkloadName};
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::store::{Authorship, Change, DecisionRecord, DocumentKey, Kept, Owner};
use tenantry_engine::scope::Scope;
use tenantry_store::Store;

use crate::server;

/// An empty store of its own, and what must outlive it.
pub(crate) struct Fresh {
    pub(crate) store: Arc<Store>,
    pub(crate) url: String,
    _dir: Option<TempDir>,
}

/// A new SQLite file.
pub(crate) async fn sqlite() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", path(&dir).display());
    Fresh { store: tenantry_store::open(&url).await.unwrap(), url, _dir: Some(dir) }
}

/// A new database on the tests' own PostgreSQL; none where it is not installed.
pub(crate) async fn postgres() -> Option<Fresh> {
    let url = server::database().await?;
    Some(Fresh { store: tenantry_store::open(&url).await.unwrap(), url, _dir: None })
}

pub(crate) fn path(dir: &TempDir) -> PathBuf {
    dir.path().join("tenantry.db")
}

pub(crate) fn platform() -> Scope {
    Scope::platform()
}

pub(crate) fn only(tenant: &str) -> Scope {
    Scope::tenant(TenantId::new(tenant).unwrap())
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn tenant(id: &str) -> DocumentKey {
    DocumentKey::Tenant(TenantId::new(id).unwrap())
}

pub(crate) fn tier(name: &str) -> DocumentKey {
    DocumentKey::Tier(TierName::new(name).unwrap())
}

pub(crate) fn region(name: &str) -> DocumentKey {
    DocumentKey::Region(RegionName::new(name).unwrap())
}

pub(crate) fn workload(tenant: &str, workload: &str) -> WorkloadKey {
    WorkloadKey { tenant: TenantId::new(tenant).unwrap(), workload: WorkloadName::new(workload).unwrap() }
}

pub(crate) fn ann() -> Authorship {
    Authorship { author: "ann".to_owned(), at: at(1_700_000_000_123), reason: "it's \"needed\"; größer".to_owned() }
}

pub(crate) fn change(key: DocumentKey, based_on: u64, body: &str) -> Change {
    Change { key, based_on, owner: Owner::Api, body: Some(body.to_owned()), digest: format!("digest of {body}") }
}

pub(crate) fn removal(key: DocumentKey, based_on: u64) -> Change {
    Change { key, based_on, owner: Owner::Api, body: None, digest: String::new() }
}

pub(crate) fn of_folder(change: Change, folder: &str) -> Change {
    Change { owner: Owner::Folder(folder.to_owned()), ..change }
}

pub(crate) fn decision(key: WorkloadKey, millis: i64, from: u32, to: u32) -> DecisionRecord {
    DecisionRecord {
        id: 0,
        key,
        at: at(millis),
        generation: Generation { epoch: 3, cycle: 7 },
        from: Some(Replicas::new(from)),
        to: Some(Replicas::new(to)),
        inputs_digest: "0f".repeat(32),
        inputs: "{\"spec\":{}}".to_owned(),
        planned: "{\"plan\":{}}".to_owned(),
        outcome: if from == to { Outcome::Held } else { Outcome::Pending },
    }
}

pub(crate) fn blob(key: WorkloadKey, part: &str, bytes: &[u8]) -> Kept {
    Kept { key, part: part.to_owned(), bytes: bytes.to_vec(), at: at(5) }
}
