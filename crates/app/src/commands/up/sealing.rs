//! Sealing the audit logs beside the control loop, and what comes with it: witnesses, receivers, pruning.

use std::sync::Arc;
use std::time::Duration;

use tenantry_audit::SigningKeys;
use tenantry_domain::unit::Span;
use tenantry_engine::audit::delivery::Lags;
use tenantry_engine::audit::{Audit, named};
use tenantry_engine::ports::Clock as _;
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::scope::Scope;
use tenantry_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::noticed::Noticed;
use super::settings::Resolved;
use super::{receivers, witnessing};
use crate::audit_key;
use crate::time::SystemClock;

/// What was written down is signed for after so long at the latest.
const EVERY: Duration = Duration::from_secs(1);
/// Old entries are pruned so often.
const PRUNED_EVERY: Duration = Duration::from_secs(3600);

/// The sealing while it goes on.
pub(super) struct Sealing {
    ended: CancellationToken,
    task: JoinHandle<()>,
    /// Who else is told of the logs, and who prunes them: they end first.
    outward: CancellationToken,
    others: TaskTracker,
    /// What receivers have not yet.
    pub(super) lags: Lags,
}

/// Begins to seal what is written down.
///
/// # Errors
/// A key that cannot be read or made, that others may read, or that is not the one the logs are signed with; a witness or
/// a receiver that is not written as one.
pub(super) async fn begin(settings: &Resolved, store: &Arc<Store>, noticed: &Noticed) -> anyhow::Result<Sealing> {
    let flags = &settings.flags;
    let witnesses = flags.witness.iter().map(|text| witnessing::read(text, flags.witness_ca.as_deref()));
    let witnesses = witnesses.collect::<anyhow::Result<Vec<_>>>()?;
    let destinations = flags.audit_to.iter().map(|text| receivers::read(text, flags, &settings.holder));
    let destinations = destinations.collect::<anyhow::Result<Vec<_>>>()?;
    let keys = Arc::new(audit_key::open_or_make(flags.audit_key.as_deref(), settings.store.as_deref())?);
    let logs = Audit::new(store.clone(), keys.public().deployment());
    logs.check_keys(&keys.public()).await?;
    let (ended, outward, lags, others) =
        (CancellationToken::new(), CancellationToken::new(), Lags::default(), TaskTracker::new());
    others.spawn(witnessing::keep(logs.clone(), witnesses, noticed.clone(), outward.clone()));
    let delivering = receivers::Delivering {
        logs: logs.clone(),
        store: store.clone(),
        holder: settings.holder.clone(),
        noticed: noticed.clone(),
        lags: lags.clone(),
        ended: outward.clone(),
    };
    others.spawn(delivering.keep(destinations));
    if let Some(keep) = flags.keep_audit {
        others.spawn(prune(logs.clone(), keys.clone(), keep, outward.clone()));
    }
    others.close();
    let task = tokio::spawn(seal(logs, keys, ended.clone()));
    Ok(Sealing { ended, task, outward, others, lags })
}

/// Ends it when everything is sealed.
pub(super) async fn end(sealing: Sealing) {
    sealing.outward.cancel();
    sealing.others.wait().await;
    sealing.ended.cancel();
    if let Err(error) = sealing.task.await {
        warn!(%error, "the audit logs' sealing did not end in order");
    }
}

/// Prunes what is older than it is kept.
async fn prune(logs: Audit, keys: Arc<SigningKeys>, keep: Span, ended: CancellationToken) {
    loop {
        let now = SystemClock.now();
        let by = Authorship { author: "server".to_owned(), at: now, reason: format!("kept for {keep}") };
        let all = logs.logs(&Scope::platform()).await.unwrap_or_default();
        for log in all.into_iter().map(|head| head.log) {
            if ended.is_cancelled() {
                return;
            }
            match logs.prune(&keys, &log, now - keep, &by, false).await {
                Ok(pruned) if pruned.until > pruned.from => {
                    info!(log = named(&log), entries = pruned.until - pruned.from, "old audit entries were pruned");
                }
                Ok(_) => {}
                Err(error) => {
                    warn!(error = format!("{error} ({})", error.code()), "an audit log was not pruned");
                }
            }
        }
        tokio::select! {
            biased;
            () = ended.cancelled() => return,
            () = tokio::time::sleep(PRUNED_EVERY) => {}
        }
    }
}

async fn seal(logs: Audit, keys: Arc<SigningKeys>, ended: CancellationToken) {
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
