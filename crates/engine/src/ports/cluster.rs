//! Where workloads run and are sized.

use async_trait::async_trait;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::Generation;
use tenantry_domain::snapshot::{PodSample, PodState};
use tenantry_domain::spec::ScaleTarget;
use tenantry_domain::unit::Replicas;
use tenantry_domain::vertical::{PodResize, PodSizes};
use thiserror::Error;

use super::Retry;

/// The pods' own measurements, when the cluster serves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodMetrics {
    /// One sample for each measured pod.
    Samples {
        /// Cpu, thousandths of a core.
        cpu: Vec<PodSample>,
        /// Memory, thousandths of a byte.
        memory: Vec<PodSample>,
    },
    /// The cluster could not say; why, for a person.
    Missing(String),
}

/// A workload's object as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectState {
    /// The object's name, where it was found by labels.
    pub name: String,
    /// The version it was read at; a write is refused when the object has another by then.
    pub version: String,
    /// Size asked of it.
    pub current: Replicas,
    /// Size its controller last reported.
    pub reported: Replicas,
    /// Its pods.
    pub pods: Vec<PodState>,
    /// What its pods measure of themselves.
    pub metrics: PodMetrics,
    /// Another autoscaler that points at it, as `HorizontalPodAutoscaler web`.
    pub foreign_scaler: Option<String>,
    /// What its pods' containers request and use.
    pub sizes: Vec<PodSizes>,
}

/// A change of size to perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleRequest {
    /// Whose.
    pub key: WorkloadKey,
    /// The object.
    pub target: ScaleTarget,
    /// The name it was found under.
    pub name: String,
    /// The version the plan was made from.
    pub version: String,
    /// The size the plan was made from.
    pub from: Replicas,
    /// The size to set.
    pub to: Replicas,
    /// Who asks: an older generation is refused by the cluster itself.
    pub generation: Generation,
    /// One line of why, for the cluster's own events.
    pub reason: String,
}

/// A change of what a pod's containers request, in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResizeRequest {
    /// Whose.
    pub key: WorkloadKey,
    /// The object that the pod belongs to.
    pub target: ScaleTarget,
    /// The pod and its change.
    pub resize: PodResize,
    /// Who asks: an older generation is refused by the cluster itself.
    pub generation: Generation,
}

/// Why a cluster did not do or say what was asked.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The object is not there.
    #[error("{target} does not exist")]
    NotFound {
        /// What was looked for.
        target: String,
    },
    /// Several objects answer to the labels.
    #[error("{target} is ambiguous: {found} objects match")]
    Ambiguous {
        /// What was looked for.
        target: String,
        /// How many were found.
        found: usize,
    },
    /// The caller may not.
    #[error("not allowed to {verb} {target}: {message}")]
    Forbidden {
        /// What was attempted.
        verb: &'static str,
        /// On what.
        target: String,
        /// The cluster's own words.
        message: String,
    },
    /// The object changed since it was read, or a newer generation has taken it.
    #[error("{target} changed since it was read: {message}")]
    Conflict {
        /// On what.
        target: String,
        /// The cluster's own words.
        message: String,
    },
    /// The cluster asks for patience.
    #[error("the cluster is throttling requests")]
    Throttled,
    /// The cluster refused the change as such.
    #[error("{target} refused the change: {message}")]
    Refused {
        /// On what.
        target: String,
        /// The cluster's own words.
        message: String,
    },
    /// It could not be reached, broke off or took too long; whether a write was done is unknown.
    #[error("the cluster did not answer while trying to {verb} {target}: {message}")]
    Unknown {
        /// What was attempted.
        verb: &'static str,
        /// On what.
        target: String,
        /// What the client said.
        message: String,
    },
}

impl ClusterError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "T303",
            Self::Ambiguous { .. } => "T304",
            Self::Forbidden { .. } => "T305",
            Self::Conflict { .. } => "T306",
            Self::Throttled => "T307",
            Self::Refused { .. } => "T308",
            Self::Unknown { .. } => "T309",
        }
    }

    /// Whether to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Throttled | Self::Unknown { .. } => Retry::Later,
            Self::Conflict { .. } => Retry::AfterChange,
            Self::NotFound { .. } | Self::Ambiguous { .. } | Self::Forbidden { .. } | Self::Refused { .. } => {
                Retry::Never
            }
        }
    }
}

/// A workload to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Whose.
    pub key: WorkloadKey,
    /// The object.
    pub target: ScaleTarget,
}

/// A place where workloads run.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Looks at every workload asked for, in the same order. One failing does not fail the others.
    async fn observe(&self, sought: &[Sought]) -> Vec<Result<ObjectState, ClusterError>>;

    /// Sets a size. Doing it twice is doing it once.
    ///
    /// # Errors
    /// [`ClusterError`]; after [`ClusterError::Unknown`] the change may or may not have been made.
    async fn scale(&self, request: &ScaleRequest) -> Result<(), ClusterError>;

    /// Changes what a pod's containers request, without restarting it. Doing it twice is doing it once.
    ///
    /// # Errors
    /// As [`Cluster::scale`].
    async fn resize(&self, request: &ResizeRequest) -> Result<(), ClusterError>;
}

/// Why a lease was not had.
#[derive(Debug, Error)]
#[error("the lease `{lease}` could not be read or written: {message}")]
pub struct LeaseError {
    /// Which lease.
    pub lease: String,
    /// What the client said.
    pub message: String,
}

impl LeaseError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "T310"
    }
}

/// What makes one controller the only one that acts.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Takes or renews it: the epoch when it is held, none while another holds it.
    ///
    /// # Errors
    /// [`LeaseError`]; the caller must then behave as one that does not hold it once its last renewal has run out.
    async fn hold(&self) -> Result<Option<u64>, LeaseError>;

    /// Gives it up, so that another need not wait for it to run out.
    ///
    /// # Errors
    /// [`LeaseError`].
    async fn release(&self) -> Result<(), LeaseError>;
}
