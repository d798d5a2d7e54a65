//! Writing recorded changes, and recording what became of them.

use futures::future::join_all;
use futures::{StreamExt as _, stream};
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::snapshot::ScaleEvent;
use tenantry_domain::spec::ScaleTarget;
use tenantry_domain::time::Timestamp;
use tenantry_domain::vertical::PodResize;
use tenantry_planner::vertical::resized;
use tenantry_workflow::cycle::Event;
use tenantry_workflow::patience::Ending;
use tracing::{info, warn};

use super::{Change, Driver, What};
use crate::fair::{in_turns, lanes};
use crate::fleet::{Entry, Unsettled};
use crate::ports::Retry;
use crate::ports::cluster::{ClusterError, ResizeRequest, ScaleRequest};
use crate::vertical;

/// A change, the answers to as many of its requests as it was not too late to send, and when the last one came.
type Answered = (Change, Vec<Result<(), ClusterError>>, Timestamp);

/// Requests under way at once for one tenant that is kept apart.
pub(super) const APART: usize = 4;

/// What a change asks of the cluster.
enum Asked {
    Scale(Box<ScaleRequest>),
    Resize(Vec<ResizeRequest>),
}

impl Driver {
    /// Writes the recorded changes; none at or after `deadline`.
    pub(super) async fn apply(&mut self, generation: Generation, deadline: Timestamp) -> Event {
        let changes = self.batch.take_changes();
        let (cluster, clock) = (&self.ports.cluster, &self.ports.clock);
        let fleet = &self.fleet;
        let requests = changes.into_iter().filter_map(|change| {
            let target = fleet.entries.get(&change.key)?.spec.target.clone();
            let asked = asked(&change, &target, generation);
            Some((change, asked))
        });
        let write = |(change, asked): (Change, Asked)| async move {
            let mut answers = Vec::new();
            match asked {
                Asked::Scale(request) if clock.now() < deadline => answers.push(cluster.scale(&request).await),
                Asked::Scale(_) => {}
                // One pod after the other: where one is refused the others most often are.
                Asked::Resize(requests) => {
                    for request in requests {
                        if clock.now() >= deadline || answers.last().is_some_and(Result::is_err) {
                            break;
                        }
                        answers.push(cluster.resize(&request).await);
                    }
                }
            }
            (change, answers, clock.now())
        };
        // What grows goes first: who waits for it fails requests meanwhile. Among the others tenants take turns.
        let of = |(change, _): &(Change, Asked)| change.key.tenant.clone();
        let is_apart =
            |(change, _): &(Change, Asked)| fleet.entries.get(&change.key).is_some_and(|entry| entry.spec.apart);
        let (apart, pooled): (Vec<_>, Vec<_>) = requests.partition(is_apart);
        let (up, rest): (Vec<_>, Vec<_>) = pooled.into_iter().partition(|(change, _)| change.what.grows());
        let first = usize::try_from(generation.cycle).unwrap_or_default();
        let pooled = in_turns(up, of, first).into_iter().chain(in_turns(rest, of, first));
        let pooled = stream::iter(pooled).map(write).buffer_unordered(self.options.concurrency.max(1));
        let lanes = lanes(apart, of)
            .into_iter()
            .map(|lane| stream::iter(lane).map(write).buffer_unordered(APART).collect::<Vec<Answered>>());
        let (pooled, apart) = futures::join!(pooled.collect::<Vec<Answered>>(), join_all(lanes));
        for (change, answers, at) in pooled.into_iter().chain(apart.into_iter().flatten()) {
            self.answered(change, answers, at, generation);
        }
        Event::Applied
    }

    fn answered(
        &mut self,
        change: Change,
        mut answers: Vec<Result<(), ClusterError>>,
        at: Timestamp,
        generation: Generation,
    ) {
        let Change { key, record, what, reason, .. } = change;
        let Some(entry) = self.fleet.entries.get_mut(&key) else { return };
        let outcome = match what {
            What::Scale { from, to } => {
                let event = ScaleEvent { at, from, to };
                let outcome = scaled(entry, record, event, answers.pop(), generation);
                match &outcome {
                    Outcome::Applied => info!(%key, %from, %to, %generation, reason, "scaled"),
                    other => warn!(%key, %from, %to, %generation, outcome = ?other, "not scaled"),
                }
                outcome
            }
            What::Resize(pods) => {
                let changed = resized(&pods);
                let outcome = vertical::answered(entry, record, pods, &answers, at);
                match &outcome {
                    Outcome::Applied => info!(%key, %generation, changed, "resized"),
                    other => warn!(%key, %generation, changed, outcome = ?other, "not resized"),
                }
                outcome
            }
        };
        if let Some(status) = &mut entry.status {
            status.trouble = match &outcome {
                Outcome::Refused(why) | Outcome::Unknown(why) => Some(why.clone()),
                _ => None,
            };
            if outcome == Outcome::Applied {
                status.current = entry.last_size;
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

fn asked(change: &Change, target: &ScaleTarget, generation: Generation) -> Asked {
    let (key, target) = (change.key.clone(), target.clone());
    match &change.what {
        What::Scale { from, to } => Asked::Scale(Box::new(ScaleRequest {
            key,
            target,
            name: change.object.name.clone(),
            version: change.object.version.clone(),
            from: *from,
            to: *to,
            generation,
            reason: change.reason.clone(),
        })),
        What::Resize(pods) => {
            let one = |resize: &PodResize| ResizeRequest {
                key: key.clone(),
                target: target.clone(),
                resize: resize.clone(),
                generation,
            };
            Asked::Resize(pods.iter().map(one).collect())
        }
    }
}

/// Learns what became of a size; no answer when it was too late to ask.
fn scaled(
    entry: &mut Entry,
    record: u64,
    event: ScaleEvent,
    answer: Option<Result<(), ClusterError>>,
    generation: Generation,
) -> Outcome {
    match answer {
        None => Outcome::Refused("the lease ran out before it was sent".to_owned()),
        Some(Ok(())) => {
            entry.memory.events.push(event);
            entry.last_size = Some(event.to);
            entry.patience.learn(event.at, Ending::Accepted);
            Outcome::Applied
        }
        Some(Err(error)) => {
            let ending = match error.retry() {
                Retry::AfterChange => Ending::Overtaken,
                Retry::Later | Retry::Never => Ending::Failed,
            };
            entry.patience.learn(event.at, ending);
            let said = format!("{error} ({})", error.code());
            if matches!(error, ClusterError::Unknown { .. }) {
                entry.unsettled = Some(Unsettled { record, event, generation });
                Outcome::Unknown(said)
            } else {
                Outcome::Refused(said)
            }
        }
    }
}
