//! Writing recorded changes, and recording what became of them.

use futures::{StreamExt, stream};
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::snapshot::ScaleEvent;
use tenantry_domain::time::Timestamp;
use tenantry_workflow::cycle::Event;
use tenantry_workflow::patience::Ending;
use tracing::{info, warn};

use super::{Change, Driver};
use crate::fleet::Unsettled;
use crate::ports::Retry;
use crate::ports::cluster::{ClusterError, ScaleRequest};

/// A change, its answer unless it was too late to send it, and when that came.
type Answered = (Change, Option<Result<(), ClusterError>>, Timestamp);

impl Driver {
    /// Writes the recorded changes; none at or after `deadline`.
    pub(super) async fn apply(&mut self, generation: Generation, deadline: Timestamp) -> Event {
        let changes = self.batch.take_changes();
        let (cluster, clock) = (&self.ports.cluster, &self.ports.clock);
        let fleet = &self.fleet;
        let requests = changes.into_iter().filter_map(|change| {
            let target = fleet.entries.get(&change.key)?.spec.target.clone();
            let request = ScaleRequest {
                key: change.key.clone(),
                target,
                name: change.object.name.clone(),
                version: change.object.version.clone(),
                from: change.from,
                to: change.to,
                generation,
                reason: change.reason.clone(),
            };
            Some((change, request))
        });
        let answers: Vec<Answered> = stream::iter(requests)
            .map(|(change, request)| async move {
                let answer = if clock.now() < deadline { Some(cluster.scale(&request).await) } else { None };
                (change, answer, clock.now())
            })
            .buffer_unordered(self.options.concurrency.max(1))
            .collect()
            .await;
        for (change, answer, at) in answers {
            self.answered(change, answer, at, generation);
        }
        Event::Applied
    }

    fn answered(
        &mut self,
        change: Change,
        answer: Option<Result<(), ClusterError>>,
        at: Timestamp,
        generation: Generation,
    ) {
        let Change { key, record, from, to, reason, .. } = change;
        let Some(entry) = self.fleet.entries.get_mut(&key) else { return };
        let event = ScaleEvent { at, from, to };
        let outcome = match answer {
            None => Outcome::Refused("the lease ran out before it was sent".to_owned()),
            Some(Ok(())) => {
                info!(%key, %from, %to, %generation, reason, "scaled");
                entry.memory.events.push(event);
                entry.last_size = Some(to);
                entry.patience.learn(at, Ending::Accepted);
                Outcome::Applied
            }
            Some(Err(error)) => {
                warn!(%key, %from, %to, %generation, %error, "not scaled");
                let ending = match error.retry() {
                    Retry::AfterChange => Ending::Overtaken,
                    Retry::Later | Retry::Never => Ending::Failed,
                };
                entry.patience.learn(at, ending);
                let said = format!("{error} ({})", error.code());
                if matches!(error, ClusterError::Unknown { .. }) {
                    entry.unsettled = Some(Unsettled { record, event, generation });
                    Outcome::Unknown(said)
                } else {
                    Outcome::Refused(said)
                }
            }
        };
        if let Some(status) = &mut entry.status {
            status.trouble = match &outcome {
                Outcome::Refused(why) | Outcome::Unknown(why) => Some(why.clone()),
                _ => None,
            };
            if outcome == Outcome::Applied {
                status.current = Some(to);
            }
            entry.status_is_new = true;
        }
        self.outcomes.push((record, outcome));
    }

    /// Records outcomes. What the store does not take now stays for the next cycle.
    pub(super) async fn settle(&mut self) -> Event {
        // A cycle that was cut short leaves changes that were recorded and never sent.
        let never_sent = self.batch.take_changes();
        let refused =
            |change: Change| (change.record, Outcome::Refused("it was not sent: the lease was lost".to_owned()));
        self.outcomes.extend(never_sent.into_iter().filter(|change| change.record != 0).map(refused));
        self.settle_outcomes().await;
        Event::Settled
    }

    pub(super) async fn settle_outcomes(&mut self) {
        if self.outcomes.is_empty() {
            return;
        }
        match self.ports.store.settle(&self.outcomes).await {
            Ok(()) => self.outcomes.clear(),
            Err(error) => self.trouble(format!("{error}; outcomes are recorded later")),
        }
    }
}
