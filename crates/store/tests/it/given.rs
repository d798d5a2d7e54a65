//! What tests start from.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tenantry_domain::id::{RegionName, TenantId, TierName, WorkloadKey, WorkloadName};
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::store::{Authorship, Change, DecisionRecord, DocumentKey, Kept, Owner, StoreError};
use tenantry_engine::scope::Scope;
use tenantry_keys::{EnvironmentProvider, FileProvider, KeyProvider};
use tenantry_store::{Settings, Store};

use crate::server;

/// An empty store of its own, and what must outlive it.
pub(crate) struct Fresh {
    pub(crate) store: Arc<Store>,
    pub(crate) url: String,
    pub(crate) _dir: Option<TempDir>,
}

/// A new SQLite file.
pub(crate) async fn sqlite() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", path(&dir).display());
    Fresh { store: open(&url).await.unwrap(), url, _dir: Some(dir) }
}

/// A new database on the tests' own PostgreSQL; none where it is not installed.
pub(crate) async fn postgres() -> Option<Fresh> {
    let url = server::database().await?;
    Some(Fresh { store: open(&url).await.unwrap(), url, _dir: None })
}

/// Opens a store with its keys: of a SQLite file they are beside it, of a server all tests have the same.
pub(crate) async fn open(url: &str) -> Result<Arc<Store>, StoreError> {
    open_with(url, &Settings::default()).await
}

/// As [`open`], with settings.
pub(crate) async fn open_with(url: &str, settings: &Settings) -> Result<Arc<Store>, StoreError> {
    tenantry_store::open_sealed(url, settings, provider(url)).await
}

/// Who holds the keys of a test's store.
pub(crate) fn provider(url: &str) -> Arc<dyn KeyProvider> {
    if url.starts_with("postgres") {
        return Arc::new(EnvironmentProvider::new("TESTS", &"5c".repeat(32)).unwrap());
    }
    Arc::new(FileProvider::new(keys_of(url)))
}

/// The file of keys beside a SQLite file.
pub(crate) fn keys_of(url: &str) -> PathBuf {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    PathBuf::from(path.strip_prefix("//").unwrap_or(path)).with_extension("keys")
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
