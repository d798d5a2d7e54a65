//! What is done from time to time while the API is served.

use std::time::Duration;

use tenantry_domain::unit::Span;
use tracing::warn;

use crate::api::Api;

/// How long answers to requests with a key are kept.
pub(crate) const ANSWERS_KEPT: Span = Span::from_secs(24 * 3600);
/// From one tidying to the next.
const TIDIED_EVERY: Duration = Duration::from_secs(60);
/// Tidyings from one clearing of old answers to the next.
const FORGETS_EVERY: u32 = 30;

/// Runs until the API ends.
pub(crate) async fn keep(api: Api) {
    let followed = api.feed.follow(&api);
    let tidied = async {
        let mut turn = 0_u32;
        loop {
            api.rates.tidy();
            api.identities.refresh(api.clock.now()).await;
            if turn.is_multiple_of(FORGETS_EVERY)
                && let Err(error) = api.store.forget_answers(api.clock.now() - ANSWERS_KEPT).await
            {
                warn!(%error, "old answers were not forgotten");
            }
            count_reads(&api, false).await;
            turn = turn.wrapping_add(1);
            tokio::time::sleep(TIDIED_EVERY).await;
        }
    };
    tokio::select! {
        biased;
        () = api.ending.cancelled() => {}
        () = followed => {}
        () = api.alarms.keep(&api) => {}
        () = tidied => {}
    }
    count_reads(&api, true).await;
}

/// Writes down how often what was read.
async fn count_reads(api: &Api, all: bool) {
    if let Err(error) = api.store.note(&api.reads.close(api.clock.now(), all)).await {
        warn!(%error, "how often operators have read was not written down");
    }
}
