//! How things stand, read from the store.

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::time::Timestamp;

use crate::driver::controller_key;
use crate::ports::store::{ControlStore, Kept, StoreError};
use crate::scope::Scope;
use crate::status::{ControllerStatus, STATUS, WorkloadStatus};

/// Beginning of the parts that controllers are kept under.
const CONTROLLER: &str = "controller/";

/// Every workload in scope as it stood last, ordered by key.
///
/// # Errors
/// [`StoreError`].
pub async fn workloads(store: &dyn ControlStore, scope: &Scope) -> Result<Vec<WorkloadStatus>, StoreError> {
    let kept = store.kept(scope, STATUS).await?;
    kept.iter().map(|row| parse(&row.key, &row.bytes)).collect()
}

/// Every controller as it stood last. Of those that say they are in charge only the one with the highest epoch is:
/// another was killed before it could say that it no longer was.
///
/// # Errors
/// [`StoreError`].
pub async fn controllers(store: &dyn ControlStore) -> Result<Vec<ControllerStatus>, StoreError> {
    let Some(key) = controller_key() else { return Ok(Vec::new()) };
    let kept = store.kept(&Scope::tenant(key.tenant.clone()), CONTROLLER).await?;
    let mut found =
        kept.iter().map(|row| parse(&row.key, &row.bytes)).collect::<Result<Vec<ControllerStatus>, StoreError>>()?;
    // One that only observes has an epoch of its own, and takes nothing from one that acts.
    for acts in [true, false] {
        let leads = |one: &ControllerStatus| one.acts == acts && one.leading;
        let epoch = found.iter().filter(|one| leads(one)).map(|one| one.generation.epoch).max();
        for one in found.iter_mut().filter(|one| leads(one)) {
            one.leading = Some(one.generation.epoch) == epoch;
        }
    }
    Ok(found)
}

/// Keeps how a controller stands, to be read by [`controllers`].
///
/// # Errors
/// [`StoreError`].
pub async fn keep_controller(store: &dyn ControlStore, status: &ControllerStatus) -> Result<(), StoreError> {
    match controller_row(status) {
        Some(row) => store.keep(&[row]).await,
        None => Ok(()),
    }
}

/// Drops what was kept of a controller, when it has ended in order.
///
/// # Errors
/// [`StoreError`].
pub async fn drop_controller(store: &dyn ControlStore, holder: &str, at: Timestamp) -> Result<(), StoreError> {
    let Some(key) = controller_key() else { return Ok(()) };
    store.keep(&[Kept { key, part: format!("{CONTROLLER}{holder}"), bytes: Vec::new(), at }]).await
}

pub(crate) fn controller_row(status: &ControllerStatus) -> Option<Kept> {
    let bytes = serde_json::to_vec(status).ok()?;
    Some(Kept { key: controller_key()?, part: format!("{CONTROLLER}{}", status.holder), bytes, at: status.at })
}

fn parse<T: serde::de::DeserializeOwned>(key: &WorkloadKey, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Corrupt { action: "read statuses", message: format!("of {key}: {error}") })
}
