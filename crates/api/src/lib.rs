//! The HTTP API over the use cases of `engine`.
//!
//! A request goes through `outer` (its id, its time, its place among those under way), then `guard` (who asks, may they,
//! how often, how much, and once where it carries a key), and then to what its operation does (`resources`). Operations
//! are declared once (`operation`): the router (`routes`) and the OpenAPI document (`openapi`) are made of them.
//!
//! INVARIANT(no open door): no route without an operation, no operation without a door.
//! INVARIANT(no oracle): what is not there and what the caller may not see are answered alike.

mod alarm;
mod answer;
mod api;
mod asked;
mod deprecated;
mod failure;
mod feed;
pub mod forms;
mod guard;
mod known;
mod metrics;
mod openapi;
mod operation;
mod outer;
mod page;
mod problem;
mod rate;
mod reads;
mod resources;
mod routes;
mod seats;
mod selector;
mod serve;
mod tls;
mod upkeep;
mod wire;
mod witness;

pub use api::{ApiStore, Service};
pub use problem::{ConfigurationProblem, PROBLEM_JSON, ProblemDocument};
pub use serve::{Limits, Listening, ServeError};
pub use tls::Identity;
pub use witness::serve_witness;
