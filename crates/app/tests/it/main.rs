//! The binary as its users run it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests"
)]

mod access;
mod api;
mod audit;
mod backtest;
mod backup;
mod bed;
mod cli;
#[path = "../../../api/tests/it/dex.rs"]
#[allow(dead_code, reason = "what the tests of the API need of it too")]
mod dex;
#[path = "../../../adapters/tests/it/fake_aws.rs"]
mod fake_aws;
mod folder;
mod forecast;
mod hpa;
mod key_holders;
mod keys;
mod listed;
mod login;
mod policies;
mod proof;
mod remote;
mod remote_access;
mod remote_config;
mod s3;
mod secrets;
#[path = "../../../adapters/tests/it/server.rs"]
#[allow(dead_code, reason = "what the tests of the adapters need of it too")]
mod server;
#[path = "../../../adapters/tests/it/shapes.rs"]
#[allow(dead_code, reason = "what the tests of the adapters need of it too")]
mod shapes;
mod stream;
mod tenantry;
#[path = "../../../adapters/tests/it/vault.rs"]
mod vault;
mod vertical;
mod witness;
