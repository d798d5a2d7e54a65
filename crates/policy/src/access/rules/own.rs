//! Policies that a tenant writes for itself.
//!
//! INVARIANT(own): each names the tenant and one of the tenant's roles in its scope, so that it speaks of nobody and
//! nothing else, neither lets strangers in nor locks the platform's own out; and its name lies in the tenant's
//! namespace, so that it takes no other's place. What a tenant permits still has to pass the walls.

use cedar_policy::{EntityUid, Policy, PolicyId, PrincipalConstraint, ResourceConstraint};
use tenantry_domain::id::TenantId;
use thiserror::Error;

use super::{RuleSet, Rules, RulesError, read, uid, validate};

/// Most bytes of what a tenant writes.
const TEXT_BYTES_MAX: usize = 32 * 1024;
/// Most policies that a tenant writes: each is evaluated for each question about the tenant.
const POLICIES_MAX: usize = 32;

/// Why a tenant's own policies were not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OwnError {
    /// They are too many or too long.
    #[error("a tenant's policies may be {POLICIES_MAX} and have {TEXT_BYTES_MAX} bytes at most")]
    TooMuch,
    /// A policy's scope does not name the tenant.
    #[error(
        "policy `{name}` must say of what it speaks in its scope: `resource == Tenant::\"{tenant}\"` or `resource in Tenant::\"{tenant}\"`"
    )]
    Scope {
        /// The policy's name.
        name: String,
        /// Whose it is.
        tenant: TenantId,
    },
    /// A policy's scope does not name a role of the tenant.
    #[error("policy `{name}` must say of whom it speaks in its scope: `principal in Role::\"{tenant}/ROLE\"`")]
    Role {
        /// The policy's name.
        name: String,
        /// Whose it is.
        tenant: TenantId,
    },
    /// A template, which only the platform links.
    #[error("policy `{name}` has a slot (`?principal`, `?resource`), which only the platform's own may have")]
    Template {
        /// The policy's name.
        name: String,
    },
    /// A name that is none.
    #[error("`{name}` is no name of a policy: 1 to 63 of lower-case letters, digits, `-`, `_` and `.`")]
    Name {
        /// What was given.
        name: String,
    },
    /// They cannot be read or are not valid.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

/// A policy's name in a tenant's namespace.
pub(super) fn in_namespace(tenant: &TenantId, name: &str) -> String {
    format!("t/{tenant}/{name}")
}

impl Rules {
    /// A tenant's policies with those that the tenant wrote itself.
    ///
    /// # Errors
    /// [`OwnError`] says which of them is wrong; none is taken then.
    pub fn with_own(&self, tenant: &TenantId, text: &str) -> Result<RuleSet, OwnError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(OwnError::TooMuch);
        }
        let written = read(text)?;
        if written.num_of_policies() > POLICIES_MAX {
            return Err(OwnError::TooMuch);
        }
        if let Some(template) = written.templates().next() {
            let name = template.annotation("id").unwrap_or("without a name").to_owned();
            return Err(OwnError::Template { name });
        }
        let whole = uid(&self.types.tenant, tenant.as_str());
        let mut set = self.of_tenant(tenant)?;
        for (place, policy) in written.policies().enumerate() {
            let name = policy.annotation("id").ok_or(RulesError::Unnamed { number: place + 1 })?.to_owned();
            TenantId::new(name.as_str()).map_err(|_| OwnError::Name { name: name.clone() })?;
            if !speaks_of(policy, &whole) {
                return Err(OwnError::Scope { name, tenant: tenant.clone() });
            }
            if !self.speaks_to(policy, tenant) {
                return Err(OwnError::Role { name, tenant: tenant.clone() });
            }
            // Two slashes deep, where no role's link is.
            let id = PolicyId::new(in_namespace(tenant, &format!("own/{name}")));
            let put = set.policies.add(policy.new_id(id));
            put.map_err(|error| RulesError::Put { message: error.to_string() })?;
        }
        validate(&self.validator, &set.policies)?;
        Ok(set)
    }
}

/// Whether the policy's scope keeps it to the tenant.
fn speaks_of(policy: &Policy, tenant: &EntityUid) -> bool {
    match policy.resource_constraint() {
        ResourceConstraint::Eq(named) | ResourceConstraint::In(named) | ResourceConstraint::IsIn(_, named) => {
            named == *tenant
        }
        ResourceConstraint::Any | ResourceConstraint::Is(_) => false,
    }
}

impl Rules {
    /// Whether the policy's scope keeps it to those who have a role in the tenant, one of the tenant's own making
    /// included.
    fn speaks_to(&self, policy: &Policy, tenant: &TenantId) -> bool {
        match policy.principal_constraint() {
            PrincipalConstraint::In(role) | PrincipalConstraint::IsIn(_, role) => {
                let named = role.id().unescaped().split_once('/');
                *role.type_name() == self.types.role && named.is_some_and(|(owner, _)| owner == tenant.as_str())
            }
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) | PrincipalConstraint::Eq(_) => false,
        }
    }
}
