//! Use cases, ports, and the driver that performs effects.
//!
//! Names no vendor. What it needs of the outside it declares in [`ports`]; what it decides is in the pure crates.

pub mod access;
mod announce;
pub mod audit;
pub mod backup;
pub mod collect;
mod contend;
mod decide;
pub mod driver;
mod fair;
mod fleet;
pub mod health;
mod learn;
pub mod lease;
pub mod ports;
pub mod recommend;
pub mod record;
mod rivals;
pub mod scope;
pub mod status;
pub mod tenants;
mod vertical;
pub mod view;

pub use fleet::Fleet;
pub use tenantry_planner::explain;
pub use tenantry_planner::vertical::{resized, standing};
