//! Who may do what.
//!
//! A [`Principal`] asks for an [`Action`] on a [`Resource`] under [`Circumstances`], and gets a [`Verdict`].

mod action;
mod principal;
mod resource;
mod verdict;

pub use action::{Action, ActionError, Kind};
pub use principal::{Binding, BindingError, Principal, Role, RoleError};
pub use resource::{Circumstances, Resource, Rewrite, Sizes, TenantFacts};
pub use verdict::Verdict;
