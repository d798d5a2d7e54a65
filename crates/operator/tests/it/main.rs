//! Against a real API server, whose kubeconfig `TENANTRY_TESTBED_KUBECONFIG` names; `make test` starts one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

mod bed;
mod cluster;
mod kinds;
mod lease;
mod outage;
mod proxy;
mod resize;
mod review;
mod rights;
mod usage;
