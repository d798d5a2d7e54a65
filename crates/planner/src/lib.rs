//! What the capacity should be. `AutoscalingEngine` of the design, its pure part.
//!
//! [`plan()`] turns a workload's spec and a snapshot into the exact change to make, with its reasons. It never fails:
//! what it cannot decide it holds, and says so. [`lint()`] checks a plan against the laws from the outside, sharing no
//! code with the planner. [`explain()`] says a plan in plain words.
//!
//! INVARIANT(pure): the same spec and snapshot give the same plan, byte for byte.

mod behavior;
pub mod contest;
pub mod demand;
mod explain;
mod guard;
mod lint;
mod plan;
mod pods;
mod proposal;
mod sight;
mod startup;
pub mod vertical;

pub use explain::explain;
pub use lint::{Finding, lint};
pub use plan::plan;
pub use proposal::{carried, offered};
pub use sight::{Learnable, answers, learnable};
pub use startup::Startup;

#[cfg(test)]
mod testing;
