//! Archives in memory: what is altered is found, what is needed stays, and nobody reads what is not theirs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod damage;
mod given;
mod keep;
mod keys;
