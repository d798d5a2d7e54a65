//! What a controller does beside deciding: keep statuses and models, and let old records go.

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

use super::Driver;
use crate::ports::store::{Kept, Retention};
use crate::status::STATUS;
use crate::view::{controller_row, controllers, drop_controller};

/// Old records are removed this often.
const PRUNE_EVERY: Span = Span::from_secs(300);
/// A controller that has not been heard of for so long does not come back under its name.
const FORGET_AFTER: Span = Span::from_secs(86_400);
/// Models are kept in so many parts, one after the other, so that no cycle writes them all.
const PARTS: u64 = 16;
/// Rows in one write.
const ROWS: usize = 2000;

/// When what was done last.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    statuses_at: Option<Timestamp>,
    models_at: Option<Timestamp>,
    pruned_at: Option<Timestamp>,
    part: u64,
    /// How long the last cycle took, and whether this controller was in charge.
    last: (Span, bool),
    /// What is kept and no longer needed.
    dropping: Vec<(WorkloadKey, String)>,
}

impl Upkeep {
    pub(super) fn drop_later(&mut self, gone: Vec<(WorkloadKey, String)>) {
        self.dropping.extend(gone);
    }
}

fn due(last: &mut Option<Timestamp>, now: Timestamp, every: Span) -> bool {
    let due = last.is_none_or(|last| now.since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

impl Driver {
    /// The upkeep that is due; `began` is when this cycle did.
    pub(super) async fn keep_up(&mut self, began: Timestamp, leading: bool) {
        let now = self.now();
        self.upkeep.last = (now.since(began), leading);
        self.settle_outcomes().await;
        if due(&mut self.upkeep.statuses_at, now, self.options.keep_status_every) {
            let mut kept = if leading { self.new_statuses(now) } else { Vec::new() };
            let status = self.status(now.since(began), leading);
            kept.extend(controller_row(&status));
            self.write(kept).await;
        }
        if !leading {
            return;
        }
        let gone = std::mem::take(&mut self.upkeep.dropping);
        // Empty bytes drop what was kept.
        let drop = |(key, part)| Kept { key, part, bytes: Vec::new(), at: now };
        self.write(gone.into_iter().map(drop).collect()).await;
        let every = Span::from_millis(self.options.keep_models_every.as_millis() / PARTS);
        let first = self.upkeep.models_at.is_none();
        if due(&mut self.upkeep.models_at, now, every) && !first {
            let part = self.upkeep.part % PARTS;
            self.upkeep.part += 1;
            let kept = self.fleet.keep(now, |place| place as u64 % PARTS == part);
            self.write(kept).await;
        }
        if due(&mut self.upkeep.pruned_at, now, PRUNE_EVERY) {
            let retention = Retention {
                holds_before: now - self.options.keep_holds,
                changes_before: now - self.options.keep_changes,
                records_per_workload: self.options.records_per_workload,
            };
            if let Err(error) = self.ports.store.prune(&retention).await {
                self.trouble(format!("{error}; old records stay"));
            }
            self.forget_controllers(now).await;
        }
    }

    /// Drops what controllers kept that were killed, and so could not do it themselves.
    async fn forget_controllers(&mut self, now: Timestamp) {
        let found = match controllers(self.ports.store.as_ref()).await {
            Ok(found) => found,
            Err(error) => return self.trouble(format!("{error}; controllers that are gone stay listed")),
        };
        for gone in found.into_iter().filter(|one| now.since(one.at) > FORGET_AFTER) {
            if let Err(error) = drop_controller(self.ports.store.as_ref(), &gone.holder, now).await {
                self.trouble(format!("{error}; a controller that is gone stays listed"));
            }
        }
    }

    /// Keeps this controller's own status now, as when a notice came or went between two cycles.
    pub async fn tell(&mut self) {
        let (took, leading) = self.upkeep.last;
        let row = controller_row(&self.status(took, leading));
        self.write(row.into_iter().collect()).await;
    }

    /// Keeps everything, for an end in order.
    pub(super) async fn keep_all(&mut self) {
        let now = self.now();
        self.settle_outcomes().await;
        let mut kept = self.new_statuses(now);
        kept.extend(self.fleet.keep(now, |_| true));
        self.write(kept).await;
    }

    fn new_statuses(&mut self, now: Timestamp) -> Vec<Kept> {
        let mut kept = Vec::new();
        for (key, entry) in &mut self.fleet.entries {
            let Some(status) = entry.status.as_ref().filter(|_| entry.status_is_new) else { continue };
            if let Ok(bytes) = serde_json::to_vec(status) {
                kept.push(Kept { key: key.clone(), part: STATUS.to_owned(), bytes, at: now });
                entry.status_is_new = false;
            }
        }
        kept
    }

    async fn write(&mut self, kept: Vec<Kept>) {
        for rows in kept.chunks(ROWS) {
            if let Err(error) = self.ports.store.keep(rows).await {
                return self.trouble(format!("{error}; what `tenantry top` shows is old"));
            }
        }
    }
}
