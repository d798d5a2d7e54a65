//! Other outsides: metrics sources, OpenID providers, witnesses of audit logs and receivers of them. The only crate that
//! speaks a metrics server's or a provider's protocol, or reads files of load.

pub mod audit;
pub mod identity;
pub mod metrics;
mod tls;
