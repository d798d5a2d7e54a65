//! Backups beside the control loop.

use std::sync::Arc;
use std::time::Duration;

use tenantry_backup::{Access, Keep, Place, Taken};
use tenantry_domain::failure::with_causes;
use tenantry_domain::unit::Span;
use tenantry_engine::backup::backups;
use tenantry_engine::ports::store::{Authorship, ControlStore as _};
use tenantry_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::super::backup::{self, Made, make};
use super::settings::{Backups, Resolved};
use crate::cli::Common;
use crate::time;

/// The lease of the server that takes one: of several on one store, one does.
const LEASE: &str = "backup";
/// It is looked for at least so often whether one is due: another server, or a person, may have taken one.
const LOOKED_EVERY: Duration = Duration::from_secs(60);
/// A first attempt waits so long, as servers are often started again one after another.
const FIRST_AFTER: Duration = Duration::from_secs(5);

/// The taking of backups while it goes on.
pub(super) struct Taking {
    ended: CancellationToken,
    task: JoinHandle<()>,
}

struct Keeper {
    store: Arc<Store>,
    place: Place,
    access: Access,
    keep: Keep,
    every: Span,
    audit: Option<(String, String)>,
    holder: String,
}

/// Begins to take backups where the settings say so. How they stand is kept in the store, where
/// `tenantry status` and the API look; what failed is tried again each minute.
///
/// # Errors
/// A place that can never be one.
pub(super) async fn begin(common: &Common, settings: &Resolved, store: &Arc<Store>) -> anyhow::Result<Option<Taking>> {
    backup::scheduled(store, settings.backups.as_ref().map(|backups| backups.every)).await?;
    let Some(Backups { place, every, keep }) = settings.backups.clone() else { return Ok(None) };
    let keeper = Keeper {
        store: store.clone(),
        place: backup::place(&place, true)?,
        access: Access { provider: common.keys.provider(settings.store.as_deref())?, unencrypted: false },
        keep,
        every,
        audit: backup::public(settings.flags.audit_key.as_deref(), settings.store.as_deref()),
        holder: settings.holder.clone(),
    };
    info!(place = keeper.place.said(), %every, %keep, "backups are taken");
    let ended = CancellationToken::new();
    let task = tokio::spawn(keeper.run(ended.clone()));
    Ok(Some(Taking { ended, task }))
}

/// Ends it. A backup under way is broken off, and leaves nothing that counts.
pub(super) async fn end(taking: Option<Taking>) {
    let Some(Taking { ended, task }) = taking else { return };
    ended.cancel();
    if let Err(error) = task.await {
        warn!(%error, "the taking of backups did not end in order");
    }
}

impl Keeper {
    async fn run(self, ended: CancellationToken) {
        let mut wait = FIRST_AFTER;
        loop {
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                next = self.look() => wait = next,
            }
        }
    }

    /// Takes one where one is due; how long to wait until the next look.
    async fn look(&self) -> Duration {
        let now = time::now();
        let due = match backups(self.store.as_ref()).await {
            Ok(status) => status.and_then(|status| status.due(self.every)),
            Err(error) => {
                warn!(%error, "whether a backup is due is not known");
                return LOOKED_EVERY;
            }
        };
        if let Some(due) = due.filter(|due| *due > now) {
            return due.since(now).as_duration().min(LOOKED_EVERY);
        }
        // Whoever holds it and dies is followed by another in time for the next.
        let term = Span::from_millis((self.every.as_millis() / 2).clamp(60_000, 3_600_000));
        match self.store.lease(LEASE, &self.holder, now, now + term).await {
            Ok(Some(_)) => {}
            Ok(None) => return LOOKED_EVERY,
            Err(error) => {
                warn!(%error, "whether another server takes a backup is not known");
                return LOOKED_EVERY;
            }
        }
        self.take().await;
        if let Err(error) = self.store.release(LEASE, &self.holder).await {
            warn!(%error, "another server may wait to take the next backup");
        }
        LOOKED_EVERY
    }

    async fn take(&self) {
        let by = Authorship {
            author: format!("server {}", self.holder),
            at: time::now(),
            reason: format!("one each {}", self.every),
        };
        let made = Made {
            store: &self.store,
            place: self.place.clone(),
            access: self.access.clone(),
            keep: Some(self.keep),
            audit: self.audit.clone(),
            by,
        };
        match make(made, &mut |_: &Taken| {}).await {
            Ok(done) => {
                info!(
                    name = done.last.name,
                    rows = done.taken.rows,
                    written = done.taken.written,
                    reused = done.taken.reused,
                    millis = done.last.took.as_millis(),
                    dropped = done.dropped.len(),
                    "a backup was taken"
                );
                if let Some(why) = done.not_dropped {
                    warn!(why, "no older backup was dropped");
                }
            }
            Err(error) => {
                let what = with_causes(&error);
                error!(error = what, code = error.code(), "no backup was taken");
            }
        }
    }
}
