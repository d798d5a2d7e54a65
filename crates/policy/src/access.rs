//! Who may do what.
//!
//! A [`Principal`] asks for an [`Action`] on a [`Resource`] under [`Circumstances`]; [`Rules::decide`] gives the
//! [`Verdict`], by the [`RuleSet`] of the tenant that is asked about.

mod action;
pub mod cases;
mod decide;
mod declared;
mod principal;
mod resource;
mod rules;
mod slice;
mod verdict;
mod zones;

pub use action::{Action, ActionError, Kind};
pub use declared::{DeclaredError, DeclaredName, DeclaredRole, DeclaredRoles, ROLES_MAX, RoleName, RoleNameError};
pub use principal::{Binding, BindingError, Principal, Role, RoleError};
pub use resource::{Circumstances, Reach, Resource, Rewrite, Sizes, TenantFacts};
pub use rules::{Listed, POLICIES_MAX, POLICY_BYTES_MAX, RuleSet, Rules, RulesError, Shared, Written, WrittenError};
pub use verdict::Verdict;

#[cfg(test)]
mod tests;
