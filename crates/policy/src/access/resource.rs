//! What is asked about, and under which circumstances.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tenantry_domain::id::{TenantId, WorkloadName};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;

use super::Kind;

/// What policies may know of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantFacts {
    /// Which.
    pub id: TenantId,
    /// Whether a document declares it.
    pub declared: bool,
    /// Its tier.
    pub tier: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is suspended or archived.
    pub suspended: bool,
}

impl TenantFacts {
    /// A tenant of which nothing is known but its id.
    #[must_use]
    pub const fn unknown(id: TenantId) -> Self {
        Self { id, declared: false, tier: None, region: None, labels: BTreeMap::new(), suspended: false }
    }
}

/// What an action is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// What all tenants share, and all tenants at once.
    Platform,
    /// A tenant.
    Tenant(TenantFacts),
    /// A workload.
    Workload {
        /// The tenant's name for it.
        name: WorkloadName,
        /// Whose it is.
        tenant: TenantFacts,
    },
}

impl Resource {
    /// Which kind of thing it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Platform => Kind::Platform,
            Self::Tenant(_) => Kind::Tenant,
            Self::Workload { .. } => Kind::Workload,
        }
    }

    /// Whose it is; none for the platform's.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantFacts> {
        match self {
            Self::Platform => None,
            Self::Tenant(tenant) | Self::Workload { tenant, .. } => Some(tenant),
        }
    }
}

/// A size before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Before.
    pub from: Replicas,
    /// After.
    pub to: Replicas,
}

impl Sizes {
    /// By how many percent it rises, rounded up; 0 when it does not, and beyond any bound from nothing.
    #[must_use]
    pub fn raise_percent(self) -> u64 {
        let (from, to) = (u64::from(self.from.get()), u64::from(self.to.get()));
        match to.saturating_sub(from) {
            0 => 0,
            _ if from == 0 => u64::from(u32::MAX),
            rise => rise.saturating_mul(100).div_ceil(from),
        }
    }
}

/// What is beyond a tenant, and a change of its document would reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Objects in a namespace that is not named as the tenant, which it did not size before.
    Objects,
    /// Series of others: by a query of which a selector does not ask for the tenant.
    Series,
    /// What it takes to keep it apart from others otherwise than before.
    Apart,
}

impl Reach {
    /// As policies write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Series => "series",
            Self::Apart => "apart",
        }
    }
}

/// What a change of a tenant's document would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The document's own fields that it changes, by their first name: `tier`, `autoscaling`.
    pub touches: BTreeSet<String>,
    /// The most replicas of the tenant's default and of each workload, before and after, layers included.
    pub ceilings: Vec<Sizes>,
    /// What it reaches beyond the tenant.
    pub reaches: BTreeSet<Reach>,
}

impl Rewrite {
    /// The largest rise of any ceiling, in percent.
    #[must_use]
    pub fn raise_percent(&self) -> u64 {
        self.ceilings.iter().map(|sizes| sizes.raise_percent()).max().unwrap_or(0)
    }
}

/// What policies may know of the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// When it is asked.
    pub now: Timestamp,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
    /// From which address; none in the same process.
    pub from: Option<IpAddr>,
    /// For [`ScaleWorkload`](super::Action::ScaleWorkload): the size now and the one that is asked for.
    pub scale: Option<Sizes>,
    /// For [`WriteConfig`](super::Action::WriteConfig): what the change would do. Who may change only within bounds is
    /// refused where it is not said.
    pub rewrite: Option<Rewrite>,
}

impl Circumstances {
    /// At an instant, and nothing more.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { now, dry_run: false, from: None, scale: None, rewrite: None }
    }
}
