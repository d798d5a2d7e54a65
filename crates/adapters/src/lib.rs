//! Other outsides: metrics sources, OpenID providers, and storage for backups. The only crate that speaks a metrics server's,
//! a provider's or an object storage's protocol, or reads files of load.

pub mod archive;
pub mod identity;
pub mod metrics;
