//! Who may do what.
//!
//! A [`Principal`] asks for an [`Action`] on a [`Resource`] under [`Circumstances`]; [`Rules::decide`] gives the
//! [`Verdict`], by the [`RuleSet`] of the tenant that is asked about.

mod action;
mod decide;
mod principal;
mod resource;
mod rules;
mod slice;
mod verdict;

pub use action::{Action, ActionError, Kind};
pub use principal::{Binding, BindingError, Principal, Role, RoleError};
pub use resource::{Circumstances, Resource, Rewrite, Sizes, TenantFacts};
pub use rules::{OwnError, RuleSet, Rules, RulesError};
pub use verdict::Verdict;

#[cfg(test)]
mod tests;
