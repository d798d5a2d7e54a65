//! The binary as its users run it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
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
mod bed;
mod cli;
mod folder;
mod forecast;
mod hpa;
mod keys;
mod listed;
mod policies;
mod proof;
mod tenantry;
mod vertical;
