//! Metrics sources against a real Prometheus and a server that misbehaves, and holders of keys against a real Vault and fakes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]

mod fake_aws;
mod fake_azure;
mod fake_google;
mod faults;
mod keys;
mod prometheus;
#[path = "../../../keys/tests/shared/promises.rs"]
mod promises;
mod receivers;
mod server;
mod shapes;
mod vault;
