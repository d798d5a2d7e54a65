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
mod folder;
mod forecast;
mod hpa;
mod keys;
mod listed;
mod login;
mod policies;
mod proof;
mod remote;
mod s3;
mod stream;
mod tenantry;
mod vertical;
mod witness;
