//! Sources of load: servers of Prometheus' query API, several of them as one, and CSV files.
//!
//! None of them guesses: what a source did not say is an error or a warning, never an empty answer.

pub mod federation;
mod merge;
pub mod prometheus;
pub mod replay;
