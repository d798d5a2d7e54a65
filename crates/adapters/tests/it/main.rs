//! Metrics sources against a real Prometheus, and against a server that misbehaves.

mod faults;
mod prometheus;
mod server;
