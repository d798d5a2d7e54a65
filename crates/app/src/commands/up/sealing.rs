//! Sealing the audit logs beside the control loop.

use std::sync::Arc;
use std::time::Duration;

use tenantry_audit::SigningKeys;
use tenantry_engine::audit::Audit;
use tenantry_engine::ports::Clock as _;
use tenantry_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::settings::Resolved;
use crate::audit_key;
use crate::time::SystemClock;

/// What was written down is signed for after so long at the latest.
const EVERY: Duration = Duration::from_secs(1);

/// The sealing while it goes on.
pub(super) struct Sealing {
    ended: CancellationToken,
    task: JoinHandle<()>,
}

/// Begins to seal what is written down.
///
/// # Errors
/// A key that cannot be read or made, that others may read, or that is not the one the logs are signed with.
pub(super) async fn begin(settings: &Resolved, store: &Arc<Store>) -> anyhow::Result<Sealing> {
    let keys = audit_key::open_or_make(settings.flags.audit_key.as_deref(), settings.store.as_deref())?;
    let logs = Audit::new(store.clone(), keys.public().deployment());
    logs.check_keys(&keys.public()).await?;
    let ended = CancellationToken::new();
    let task = tokio::spawn(seal(logs, keys, ended.clone()));
    Ok(Sealing { ended, task })
}

/// Ends it when everything is sealed.
pub(super) async fn end(sealing: Sealing) {
    sealing.ended.cancel();
    if let Err(error) = sealing.task.await {
        warn!(%error, "the audit logs' sealing did not end in order");
    }
}

async fn seal(logs: Audit, keys: SigningKeys, ended: CancellationToken) {
    let mut trouble: Option<String> = None;
    loop {
        let last = ended.is_cancelled();
        let said = logs.seal(&keys, SystemClock.now()).await.err().map(|error| format!("{error} ({})", error.code()));
        // Said when it begins and when it is over, not every second.
        match &said {
            Some(error) if said != trouble => warn!(%error, "audit logs are written and not signed"),
            None if trouble.is_some() => info!("audit logs are signed again"),
            Some(_) | None => {}
        }
        trouble = said;
        if last {
            return;
        }
        tokio::select! {
            () = ended.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
