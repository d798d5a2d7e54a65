//! Metrics sources against a real Prometheus, and against a server that misbehaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]

mod faults;
mod prometheus;
mod receivers;
mod server;
