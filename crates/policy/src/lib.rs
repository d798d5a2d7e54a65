//! May it: who may do what. `TenantSecurityManager` of the design, its pure part.
//!
//! Decided by Cedar, from policies that are validated when they are loaded, over the few facts that one request is
//! about. Nothing here reads a clock, a file or the network; the same question has the same answer.

pub mod access;
