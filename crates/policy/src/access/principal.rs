//! Who asks, and as what.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tenantry_domain::id::TenantId;
use thiserror::Error;

use super::RoleName;

/// What somebody is: on the whole platform, or in one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May do everything.
    PlatformAdmin,
    /// Runs the platform: sees what is needed for that, sizes and pauses by hand, writes no configuration.
    Operator,
    /// Sees everything and changes nothing.
    Auditor,
    /// May do everything in a tenant that is not the platform's to say.
    TenantAdmin,
    /// Changes a tenant's configuration, within bounds.
    TenantEditor,
    /// Sees a tenant.
    TenantViewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::PlatformAdmin, Self::Operator, Self::Auditor, Self::TenantAdmin, Self::TenantEditor, Self::TenantViewer];

    /// The name: `platform-admin`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlatformAdmin => "platform-admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::TenantAdmin => "tenant-admin",
            Self::TenantEditor => "tenant-editor",
            Self::TenantViewer => "tenant-viewer",
        }
    }

    /// Whether it is one in a tenant, and not on the platform.
    #[must_use]
    pub const fn is_of_tenant(self) -> bool {
        matches!(self, Self::TenantAdmin | Self::TenantEditor | Self::TenantViewer)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text is not a role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no role `{text}`; there are {}", Role::ALL.map(Role::as_str).join(", "))]
pub struct RoleError {
    /// What was given.
    pub text: String,
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| RoleError { text: text.to_owned() })
    }
}

/// Why a role cannot be held so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BindingError {
    /// A tenant's role without a tenant.
    #[error("`{role}` is a role in a tenant: say in which")]
    NoTenant {
        /// Which.
        role: RoleName,
    },
    /// A role that is not built in, without a tenant in which it could be declared.
    #[error(
        "there is no role `{role}`; there are {}, and in a tenant those that are declared: say in which",
        Role::ALL.map(Role::as_str).join(", ")
    )]
    Nowhere {
        /// Which.
        role: RoleName,
    },
    /// A platform's role in a tenant.
    #[error("`{role}` is a role on the whole platform, and cannot be held in the tenant `{tenant}` alone")]
    Platform {
        /// Which.
        role: RoleName,
        /// Where it was asked for.
        tenant: TenantId,
    },
}

/// A role and where it is held: a tenant's role in that tenant, a platform's on the whole platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Binding {
    role: RoleName,
    tenant: Option<TenantId>,
}

#[derive(Serialize, Deserialize)]
struct Raw {
    role: RoleName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantId>,
}

impl TryFrom<Raw> for Binding {
    type Error = BindingError;

    fn try_from(raw: Raw) -> Result<Self, BindingError> {
        Self::new(raw.role, raw.tenant)
    }
}

impl From<Binding> for Raw {
    fn from(binding: Binding) -> Self {
        Self { role: binding.role, tenant: binding.tenant }
    }
}

impl Binding {
    /// A role, and in which tenant it is held where it is a tenant's.
    ///
    /// # Errors
    /// [`BindingError`] when the two do not fit.
    pub fn new(role: impl Into<RoleName>, tenant: Option<TenantId>) -> Result<Self, BindingError> {
        let role = role.into();
        match tenant {
            None if matches!(role, RoleName::Declared(_)) => Err(BindingError::Nowhere { role }),
            None if role.is_of_tenant() => Err(BindingError::NoTenant { role }),
            Some(tenant) if !role.is_of_tenant() => Err(BindingError::Platform { role, tenant }),
            tenant => Ok(Self { role, tenant }),
        }
    }

    /// As what.
    #[must_use]
    pub const fn role(&self) -> &RoleName {
        &self.role
    }

    /// Where; none on the whole platform.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            None => write!(f, "{}", self.role),
            Some(tenant) => write!(f, "{} of {tenant}", self.role),
        }
    }
}

/// Somebody, or some program, that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// A name that nobody else has: `token:ab12cd`, `user:ada@example.org`.
    pub id: String,
    /// What it is.
    pub bindings: Vec<Binding>,
    /// Whether it broke glass: whether what it may is its own for a short while only.
    pub glass: bool,
}

impl Principal {
    /// The tenants in which it has a role.
    #[must_use]
    pub fn tenants(&self) -> BTreeSet<&TenantId> {
        self.bindings.iter().filter_map(Binding::tenant).collect()
    }

    /// Whether it has a role on the whole platform.
    #[must_use]
    pub fn is_of_platform(&self) -> bool {
        self.bindings.iter().any(|binding| binding.tenant().is_none())
    }

    /// Whether any of its roles reaches the tenant. What is said of a tenant for which this is false must not depend
    /// on whether there is one.
    #[must_use]
    pub fn reaches(&self, tenant: &TenantId) -> bool {
        self.bindings.iter().any(|binding| binding.tenant().is_none_or(|own| own == tenant))
    }
}
