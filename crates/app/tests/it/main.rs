//! The binary as its users run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

mod bed;
mod cli;
mod proof;
mod tenantry;
