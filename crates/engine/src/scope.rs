//! Whose rows may be touched.

use tenantry_domain::id::TenantId;

/// The part of the store that a caller may see. Made at the door of a use case, never from a request's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(Reach);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    Platform,
    Tenant(TenantId),
}

impl Scope {
    /// All tenants: for the platform's own operators and the control loop.
    #[must_use]
    pub const fn platform() -> Self {
        Self(Reach::Platform)
    }

    /// One tenant and nothing else.
    #[must_use]
    pub const fn tenant(tenant: TenantId) -> Self {
        Self(Reach::Tenant(tenant))
    }

    /// The only tenant inside, or none where all are.
    #[must_use]
    pub const fn only(&self) -> Option<&TenantId> {
        match &self.0 {
            Reach::Platform => None,
            Reach::Tenant(tenant) => Some(tenant),
        }
    }
}
