//! What comes of a question.

use serde::Serialize;

/// Whether it is allowed, and which policies said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether.
    pub allowed: bool,
    /// Ids of the policies that decided, in order; none where nothing permits it.
    pub policies: Vec<String>,
    /// What went wrong while policies were evaluated. Anything here refuses, and is an alarm: a policy that was to
    /// forbid may have been passed over.
    pub errors: Vec<String>,
}
