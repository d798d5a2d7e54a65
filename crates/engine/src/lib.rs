//! Use cases, and the driver that performs effects.
//!
//! The engine declares in [`ports`] what it needs of the outside and names no vendor. Decisions are made by the pure
//! crates below it; here they are given their inputs, recorded, performed and checked.

pub mod collect;
pub mod ports;
pub mod scope;
