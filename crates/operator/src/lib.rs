//! Kubernetes: what runs there and how large it is, setting sizes, one controller at a time.
//!
//! [`KubernetesCluster`] implements the engine's [`Cluster`](tenantry_engine::ports::cluster::Cluster) port: objects,
//! pods and HPAs are watched, so that a look at thousands of workloads asks nothing of the API server; sizes are written
//! through the scale subresource and nothing else. [`KubernetesLease`] implements
//! [`Lease`](tenantry_engine::ports::cluster::Lease).
//!
//! INVARIANT(fenced): a size is written by server-side apply under the field manager `tenantry-EPOCH`, at a version whose
//! size is the one that was planned from. The API server refuses a controller whose epoch another has overtaken, as the
//! field belongs to the newer manager, and one that read another version. Law L5. Kinds whose scale subresource knows no
//! server-side apply, such as custom resources, carry the epoch in the same place; it is compared at the very version
//! that the API server then demands, so that an older epoch's write never comes after a newer one's. Where an object
//! bears no epoch's mark, as after a person set its size, the lease itself is asked before a version is written over.
//! INVARIANT(fresh): what a broken watch last saw is not passed on as the present; the answer is then that nobody
//! knows. Law L2.

mod access;
mod cluster;
mod connect;
mod events;
mod failure;
mod foreign;
mod kinds;
mod lease;
mod objects;
mod pods;
mod review;
mod scale;
mod selector;
mod usage;
mod watch;

pub use access::{Permission, permissions};
pub use cluster::KubernetesCluster;
pub use connect::{ConnectError, Connection, Options};
pub use lease::{Fence, KubernetesLease};
pub use review::ClusterReviewer;
