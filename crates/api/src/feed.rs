//! Wakes those who follow events. One look at the store for all of them; each then reads what is in its own scope.

use std::time::Duration;

use tenantry_engine::ports::events::Position;
use tokio::sync::watch;
use tracing::warn;

use crate::api::Api;

/// From one look to the next.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// After a store that did not answer.
const LOOKS_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How far things have come, as followers are told it.
#[derive(Debug)]
pub(crate) struct Feed(watch::Sender<Position>);

impl Feed {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Position::default()))
    }

    /// To wait for news with.
    pub(crate) fn news(&self) -> watch::Receiver<Position> {
        self.0.subscribe()
    }

    /// Looks while anybody follows.
    pub(crate) async fn follow(&self, api: &Api) {
        loop {
            let mut rest = LOOKS_EVERY;
            if self.0.receiver_count() > 0 {
                match api.store.position().await {
                    Ok(position) => self.tell(api, position),
                    Err(error) => {
                        warn!(%error, "event streams wait for the store");
                        rest = LOOKS_AGAIN_AFTER;
                    }
                }
            }
            tokio::time::sleep(rest).await;
        }
    }

    fn tell(&self, api: &Api, position: Position) {
        self.0.send_if_modified(|known| {
            let decided = position.decision.saturating_sub(known.decision);
            if known.decision > 0 {
                api.metrics.decided(decided);
            }
            let moved = *known != position;
            *known = position;
            moved
        });
    }
}
