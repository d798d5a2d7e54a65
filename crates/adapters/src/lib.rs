//! Other outsides: metrics sources and OpenID providers. The only crate that speaks a metrics server's or a provider's
//! protocol, or reads files of load.

pub mod identity;
pub mod metrics;
