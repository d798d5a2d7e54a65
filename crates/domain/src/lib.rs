//! The words of Tenantry: ids, units, tenant configuration and its layers, what was seen, what was decided.
//!
//! Everything here is a value. Nothing reads a clock, a file, the network or the environment, and nothing depends
//! on another crate of ours; every other crate depends on this one.

pub mod almanac;
pub mod config;
pub mod demand;
pub mod failure;
pub mod id;
pub mod plan;
pub mod quantity;
pub mod schedule;
pub mod snapshot;
pub mod spec;
pub mod time;
pub mod unit;
pub mod vertical;
