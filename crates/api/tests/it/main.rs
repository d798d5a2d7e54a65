//! The API through a real socket, over a real store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod audit;
mod bounds;
mod certificates;
mod clients;
mod configuration;
mod conformity;
mod dex;
mod events;
mod identity;
mod lists;
mod matrix;
mod server;
mod tls;
mod tokens;
mod workloads;
mod written;
