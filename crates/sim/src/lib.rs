//! A world in memory: clusters whose replicas take time to start, load, faults, prices, and the peers to compare with.
//!
//! [`World`] implements every port of the engine but the store, on its own clock, so the real driver, planner and
//! forecaster run in it unchanged. [`lane`] runs other policies beside it on the same load. [`memory`] is a store that
//! can be told to fail. [`scenario`] reads whole histories from files. [`backtest`] replays recorded load against every
//! policy, for many traces in seconds. [`evaluate`] scores forecasts of recorded load.
//!
//! INVARIANT(deterministic): the same seed, load and faults give the same history. Law L10.

mod app;
pub mod backtest;
pub mod evaluate;
pub mod fault;
pub mod lane;
pub mod load;
pub mod memory;
pub mod scenario;
pub mod score;
mod world;

pub use app::{AppSpec, OBJECTIVE, Startup};
pub use world::{Effect, LATENCY, REQUEST_RATE, Resized, World};
