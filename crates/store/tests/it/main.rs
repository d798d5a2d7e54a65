//! The store against its contract: on SQLite always, on PostgreSQL where it is installed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[macro_use]
mod both;

mod again;
mod audit;
mod backup;
mod chance;
mod conformance;
mod crash;
mod damage;
mod delivery;
mod fence;
mod gate;
mod given;
mod journal;
mod model;
mod opening;
mod pruning;
mod register;
mod roots;
mod sealed;
mod server;
mod tokens;
mod written;
