//! The API over its ports, and how it is run.

use std::sync::Arc;

use tenantry_engine::access::identity::Identities;
use tenantry_engine::access::{Gate, Glass, Tokens, Writing};
use tenantry_engine::audit::Audit;
use tenantry_engine::audit::delivery::Lags;
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::answers::AnswerStore;
use tenantry_engine::ports::events::EventStore;
use tenantry_engine::ports::store::audit::AuditStore;
use tenantry_engine::ports::store::{ConfigStore, ControlStore, TokenStore, WrittenStore};
use tenantry_engine::tenants::Tenants;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarms;
use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::rate::Rates;
use crate::reads::Reads;
use crate::seats::Seats;
use crate::serve::{self, Limits, Listening};
use crate::{openapi, routes, upkeep};

/// All that the API needs of a store.
pub trait ApiStore:
    ConfigStore + ControlStore + TokenStore + WrittenStore + EventStore + AnswerStore + AuditStore
{
}

impl<T: ConfigStore + ControlStore + TokenStore + WrittenStore + EventStore + AnswerStore + AuditStore> ApiStore for T {}

/// The API, to be served.
pub struct Service(pub(crate) Api);

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn ApiStore>,
    pub(crate) tenants: Tenants,
    pub(crate) tokens: Tokens,
    pub(crate) audit: Audit,
    pub(crate) gate: Gate,
    pub(crate) writing: Writing,
    pub(crate) glass: Glass,
    pub(crate) alarms: Alarms,
    pub(crate) identities: Identities,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    pub(crate) rates: Rates,
    pub(crate) feed: Feed,
    pub(crate) reads: Reads,
    pub(crate) requests: Arc<Semaphore>,
    /// Of whom they are.
    pub(crate) under_way: Seats,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) following: Seats,
    pub(crate) ending: CancellationToken,
    pub(crate) document: String,
}

impl std::ops::Deref for Api {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl Service {
    /// Over a store. `gate` says who may do what; only tokens of its own are known.
    #[must_use]
    pub fn new<S: ApiStore + 'static>(store: Arc<S>, gate: Gate, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self::knowing(Identities::none(), store, gate, clock, limits)
    }

    /// As [`new`](Self::new), and knowing callers by others' word too.
    #[must_use]
    pub fn knowing<S: ApiStore + 'static>(
        identities: Identities,
        store: Arc<S>,
        gate: Gate,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        Self(Api(Arc::new(Inner {
            tenants: Tenants::new(store.clone()),
            tokens: Tokens::new(store.clone()),
            audit: Audit::new(store.clone(), String::new()),
            writing: Writing::over(store.clone(), gate.rules()),
            glass: Glass::new(store.clone(), limits.break_glass),
            alarms: Alarms::default(),
            gate,
            identities,
            clock,
            rates: Rates::new(&limits),
            feed: Feed::new(),
            reads: Reads::default(),
            following: Seats::default(),
            requests: Arc::new(Semaphore::new(limits.requests)),
            under_way: Seats::default(),
            streams: Arc::new(Semaphore::new(limits.streams)),
            ending: CancellationToken::new(),
            document: openapi::document(),
            metrics,
            limits,
            store,
        })))
    }

    /// Tells of what receivers of the audit logs have not yet, in its metrics.
    #[must_use]
    pub fn telling(self, lags: Lags) -> Self {
        self.0.metrics.follow(lags);
        self
    }

    /// Serves until `ended`, then waits for what is under way, for as long as the limits say.
    pub async fn serve(self, listening: Listening, ended: CancellationToken) {
        let Self(api) = self;
        let (ending, metrics, limits) = (api.ending.clone(), Arc::clone(&api.metrics), api.limits);
        let served = serve::serve(listening, routes::router(&api), limits, metrics, ending.clone());
        let kept = upkeep::keep(api.clone());
        let told = async {
            ended.cancelled().await;
            // Event streams end first: they would never end by themselves.
            ending.cancel();
        };
        tokio::join!(served, kept, told);
    }
}
