//! The API through a real socket, over a real store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod audit;
mod bounds;
mod configuration;
mod events;
mod lists;
mod matrix;
mod server;
mod tls;
mod tokens;
mod workloads;
