//! Other outsides: metrics sources, OpenID providers, storage for backups, holders of keys, witnesses of audit logs and receivers of them. The
//! only crate that speaks the protocol of a metrics server, a provider or an object storage, or reads files of load.

pub mod archive;
pub mod audit;
pub mod identity;
pub mod keys;
pub mod metrics;
mod tls;
