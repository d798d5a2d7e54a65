//! Sources of load: servers of Prometheus' query API, and several of them as one.
//!
//! None of them guesses: what a source did not say is an error or a warning, never an empty answer.

pub mod federation;
mod merge;
pub mod prometheus;
