//! The declared configuration. `TenantConfigManager` of the design, its pure part.
//!
//! A [`Document`] is one file: defaults, a tier, a region or a tenant. [`Layers`] lays them over each other, later wins,
//! field by field; the result is [`Effective`], which knows for each value who set it. Everything that is wrong with a
//! document is said at once, with its place ([`Problems`]).

mod body;
mod capacity;
mod check;
mod counts;
mod cross;
mod diff;
mod document;
mod draft;
mod events;
mod explain;
mod layers;
mod problem;
mod query;
mod schema;
mod tree;
mod vertical;
mod workloads;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{RegionName, TenantId, TierName};

pub use body::{AlertChannel, Encryption, IsolationLevel, Lifecycle, Monitoring, Performance, Security, SpanText};
pub use diff::{FieldChange, diff};
pub use document::Document;
pub use draft::Draft;
pub use explain::Explained;
pub use layers::{Effective, Layers};
pub use problem::{Problem, Problems};
pub use query::{averaged_over, is_query, reads_only};
pub use schema::schema;

/// Which document of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKey {
    /// The platform's own defaults, over the built-in ones.
    Defaults,
    /// A tier's settings.
    Tier(TierName),
    /// A region's settings.
    Region(RegionName),
    /// A tenant's settings.
    Tenant(TenantId),
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("defaults"),
            Self::Tier(name) => write!(f, "tier `{name}`"),
            Self::Region(name) => write!(f, "region `{name}`"),
            Self::Tenant(id) => write!(f, "tenant `{id}`"),
        }
    }
}

#[cfg(test)]
mod tests;
