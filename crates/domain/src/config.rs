//! The declared configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{RegionName, TenantId, TierName};

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
