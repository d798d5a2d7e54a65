//! The laws, held by the real driver, planner and forecaster in simulated worlds with faults.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod contest;
mod demand;
mod events;
mod fair;
mod house;
mod laws;
mod scenarios;
mod vertical;
