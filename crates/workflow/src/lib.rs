//! In which order things happen, as state machines that a driver performs.
//!
//! [`cycle::Cycle`] orders one controller's work: hold the lease, observe and plan, record, apply, settle, sleep. It
//! does nothing itself and reads no clock: it is told what happened and when, and says the one thing to do next.
//! [`patience::Patience`] says when a workload that refused a change may be tried again, and [`vigil::Vigil`] when a
//! workload has been unseen for too long.

pub mod cycle;
pub mod patience;
pub mod vigil;
