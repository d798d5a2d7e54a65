//! Other outsides: metrics sources. The only crate that speaks a metrics server's protocol or reads files of load.

pub mod metrics;
