//! Sealing the audit logs, and having them witnessed, beside the control loop.

use std::sync::Arc;
use std::time::Duration;

use tenantry_audit::SigningKeys;
use tenantry_engine::audit::Audit;
use tenantry_engine::ports::Clock as _;
use tenantry_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::noticed::Noticed;
use super::settings::Resolved;
use super::witnessing;
use crate::audit_key;
use crate::time::SystemClock;

/// What was written down is signed for after so long at the latest.
const EVERY: Duration = Duration::from_secs(1);

/// The sealing while it goes on.
pub(super) struct Sealing {
    ended: CancellationToken,
    task: JoinHandle<()>,
    /// Who else is told of the logs: they end first.
    outward: CancellationToken,
    witnessing: JoinHandle<()>,
}

/// Begins to seal what is written down.
///
/// # Errors
/// A key that cannot be read or made, that others may read, or that is not the one the logs are signed with; a witness
/// that is not written as one.
pub(super) async fn begin(settings: &Resolved, store: &Arc<Store>, noticed: &Noticed) -> anyhow::Result<Sealing> {
    let keys = audit_key::open_or_make(settings.flags.audit_key.as_deref(), settings.store.as_deref())?;
    let logs = Audit::new(store.clone(), keys.public().deployment());
    logs.check_keys(&keys.public()).await?;
    let witnesses = settings.flags.witness.iter();
    let witnesses = witnesses.map(|text| witnessing::read(text, settings.flags.witness_ca.as_deref()));
    let witnesses = witnesses.collect::<anyhow::Result<Vec<_>>>()?;
    let (ended, outward) = (CancellationToken::new(), CancellationToken::new());
    let witnessing = tokio::spawn(witnessing::keep(logs.clone(), witnesses, noticed.clone(), outward.clone()));
    let task = tokio::spawn(seal(logs, keys, ended.clone()));
    Ok(Sealing { ended, task, outward, witnessing })
}

/// Ends it when everything is sealed.
pub(super) async fn end(sealing: Sealing) {
    sealing.outward.cancel();
    sealing.ended.cancel();
    if let Err(error) = sealing.witnessing.await {
        warn!(%error, "the asking of witnesses did not end in order");
    }
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
