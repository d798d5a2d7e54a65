//! Asking the metrics source, so that no tenant's queries keep the others waiting.

use std::collections::BTreeMap;

use futures::future::join_all;
use futures::{StreamExt as _, stream};
use tenantry_domain::failure::with_causes;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tracing::debug;

use super::Driver;
use super::act::APART;
use crate::collect::{Asker, Fetched, Index, queries};
use crate::fair::{in_turns, lanes};

/// Of the requests that may be under way at once, one in so many is for queries that one tenant alone asks.
const SHARE: usize = 4;

/// The queries of a cycle.
struct Asked {
    /// Of several tenants.
    shared: Vec<String>,
    /// Of one tenant each, as they take turns.
    own: Vec<String>,
    /// Those of each tenant that is kept apart.
    lanes: Vec<Vec<String>>,
    /// When the last two are not waited for any more.
    until: Option<Timestamp>,
}

impl Driver {
    /// Asks the queries of all workloads. What one tenant alone asks has slots of its own, in which tenants take turns; those
    /// who are kept apart wait for nobody.
    ///
    /// INVARIANT(fair): a cycle waits for such queries no longer than [`Options::patience`](super::Options::patience), where
    /// there are other tenants. Those that have no answer by then count as failed, and their workloads are held.
    pub(super) async fn fetch(&self) -> BTreeMap<String, Fetched> {
        let (now, slots) = (self.now(), self.options.concurrency.max(1));
        let Asked { shared, own, lanes, until } = self.asked(now);
        let all: Vec<String> = own.iter().chain(lanes.iter().flatten()).cloned().collect();
        let ask = |query: String| async move {
            let fetched = self.ask(&query, now).await;
            (query, fetched)
        };
        // Who is alone has all of them: nothing is shared then.
        let share = if until.is_some() { slots.div_ceil(SHARE) } else { slots };
        let shared = stream::iter(shared).map(ask).buffer_unordered((slots - share).max(1)).collect::<Vec<_>>();
        let in_time = |queries: Vec<String>, slots: usize| {
            let late = Box::pin(self.late(until));
            stream::iter(queries).map(ask).buffer_unordered(slots).take_until(late).collect::<Vec<_>>()
        };
        let lanes = join_all(lanes.into_iter().map(|lane| in_time(lane, APART)));
        let (shared, own, lanes) = futures::join!(shared, in_time(own, share), lanes);
        let unanswered = || Fetched::Failed(unanswered(self.options.patience));
        // What was not answered in time stands first, and is overwritten by what was.
        let fetched = all.into_iter().map(|query| (query, unanswered()));
        fetched.chain(shared).chain(own).chain(lanes.into_iter().flatten()).collect()
    }

    /// What is to be asked, in its order.
    fn asked(&self, now: Timestamp) -> Asked {
        let queries = queries(self.fleet.entries.values().map(|entry| &entry.spec));
        let of = |wanted: fn(&Asker<'_>) -> bool| queries.iter().filter(move |(_, asker)| wanted(asker));
        let owned = |(query, _): (&&str, &Asker<'_>)| (*query).to_owned();
        let first = usize::try_from(self.cycle.generation().cycle).unwrap_or_default();
        let own = of(|asker| matches!(asker, Asker::One { apart: false, .. }));
        let apart = of(|asker| matches!(asker, Asker::One { apart: true, .. }));
        Asked {
            shared: of(|asker| *asker == Asker::Many).map(owned).collect(),
            own: in_turns(own, |(_, asker)| **asker, first).into_iter().map(owned).collect(),
            lanes: lanes(apart, |(_, asker)| **asker)
                .into_iter()
                .map(|lane| lane.into_iter().map(owned).collect())
                .collect(),
            until: (self.fleet.tenants() > 1).then(|| now + self.options.patience),
        }
    }

    /// Comes when nobody is waited for any more.
    async fn late(&self, until: Option<Timestamp>) {
        match until {
            Some(until) => self.ports.clock.reaches(until).await,
            None => std::future::pending().await,
        }
    }

    async fn ask(&self, query: &str, now: Timestamp) -> Fetched {
        match self.ports.metrics.instant(query, now).await {
            Ok(answer) => {
                for warning in &answer.warnings {
                    debug!(query, warning, "the source warned");
                }
                Fetched::Answer(Index::new(answer))
            }
            Err(error) => Fetched::Failed(format!("{} ({})", with_causes(&error), error.code())),
        }
    }
}

fn unanswered(patience: Span) -> String {
    format!(
        "the metrics source had no answer in {patience} to a query that this tenant alone asks; it is slow, or the tenant has \
         many: see --tenant-query-time"
    )
}
