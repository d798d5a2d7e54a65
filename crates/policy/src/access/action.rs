//! What can be asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The whole of a Tenantry: what all tenants share, and all tenants at once.
    Platform,
    /// One tenant.
    Tenant,
    /// One workload of a tenant.
    Workload,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Platform => "platform",
            Self::Tenant => "tenant",
            Self::Workload => "workload",
        })
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal on [$($kind:ident),+]),+ $(,)?) => {
        /// Something that may be asked for. Each use case of the API and of the command line is one of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$doc])* $name),+
        }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name, as policies and records have it: `readTenant`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// What it can be done to.
            #[must_use]
            pub const fn kinds(self) -> &'static [Kind] {
                match self {
                    $(Self::$name => &[$(Kind::$kind),+]),+
                }
            }
        }
    };
}

actions! {
    /// Who a tenant is: tier, region, labels. On the platform: the list of all.
    ReadTenant = "readTenant" on [Platform, Tenant],
    /// A tenant's document, its revisions, and what its layers come to.
    ReadConfig = "readConfig" on [Platform, Tenant],
    /// Revise or roll back a tenant's document.
    WriteConfig = "writeConfig" on [Tenant],
    /// Remove a tenant's document.
    RemoveTenant = "removeTenant" on [Tenant],
    /// The documents of tiers, regions and the defaults.
    ReadLayer = "readLayer" on [Platform],
    /// Revise, roll back or remove a tier, a region or the defaults.
    WriteLayer = "writeLayer" on [Platform],
    /// How workloads are: sizes, load, expectations, recommendations, health.
    ReadStatus = "readStatus" on [Platform, Tenant, Workload],
    /// What was decided, and why.
    ReadDecisions = "readDecisions" on [Platform, Tenant, Workload],
    /// What happens, as it happens.
    ReadEvents = "readEvents" on [Platform, Tenant, Workload],
    /// The program's own metrics, and those of a tenant.
    ReadMetrics = "readMetrics" on [Platform, Tenant, Workload],
    /// Set a size by hand, or end that.
    ScaleWorkload = "scaleWorkload" on [Workload],
    /// Stop scaling.
    PauseWorkload = "pauseWorkload" on [Workload],
    /// Scale again.
    ResumeWorkload = "resumeWorkload" on [Workload],
    /// API tokens, without what is secret of them.
    ReadTokens = "readTokens" on [Platform, Tenant],
    /// Make an API token; on the platform, one that reaches beyond a tenant.
    CreateToken = "createToken" on [Platform, Tenant],
    /// End an API token.
    RevokeToken = "revokeToken" on [Platform, Tenant],
    /// Who did what.
    ReadAudit = "readAudit" on [Platform, Tenant],
    /// What was written over the built-in policies, and which roles are declared.
    ReadPolicies = "readPolicies" on [Platform, Tenant],
    /// Write, roll back or remove policies and declared roles.
    WritePolicies = "writePolicies" on [Platform, Tenant],
    /// Take rights for a short while that one does not have otherwise, in plain sight of all.
    BreakGlass = "breakGlass" on [Platform, Tenant],
}

impl Action {
    /// Whether it can be done to such a thing.
    #[must_use]
    pub fn applies_to(self, kind: Kind) -> bool {
        self.kinds().contains(&kind)
    }

    /// Whether it is a tenant's own to do, and so may be held by a role that is declared: all that a tenant's
    /// administrator may.
    #[must_use]
    pub fn is_of_tenant(self) -> bool {
        let inside = self.applies_to(Kind::Tenant) || self.applies_to(Kind::Workload);
        inside && !matches!(self, Self::RemoveTenant | Self::BreakGlass)
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn reads(self) -> bool {
        self.as_str().starts_with("read")
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text is not an action.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no action `{text}`; there are {}", known())]
pub struct ActionError {
    /// What was given.
    pub text: String,
}

fn known() -> String {
    Action::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, ActionError> {
        let found = Self::ALL.iter().find(|action| action.as_str() == text);
        found.copied().ok_or_else(|| ActionError { text: text.to_owned() })
    }
}

impl Serialize for Action {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
