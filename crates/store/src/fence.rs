//! The second fence on PostgreSQL: each transaction says whose rows it is about, and row-level security holds it to that
//! even where a statement forgets to ask for one tenant only.
//!
//! INVARIANT(closed): what is not said reaches nothing. What is said ends with its transaction, so that whoever gets the
//! connection next begins with nothing.

use tenantry_domain::id::TenantId;
use tenantry_engine::ports::store::StoreError;
use tenantry_engine::scope::Scope;

use crate::place::{Place, refused};

/// The setting that migration 5 asks. `*` is everybody's rows: no tenant is called that.
pub(crate) const SETTING: &str = "tenantry.reach";
pub(crate) const EVERYBODY: &str = "*";

/// Whose rows a transaction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach<'a> {
    Everybody,
    Only(&'a TenantId),
}

impl<'a> Reach<'a> {
    pub(crate) fn of(scope: &'a Scope) -> Self {
        scope.only().map_or(Self::Everybody, Self::Only)
    }

    /// Of a row that is a tenant's, or the platform's own.
    pub(crate) fn owned_by(tenant: Option<&'a TenantId>) -> Self {
        tenant.map_or(Self::Everybody, Self::Only)
    }

    /// Of several rows: one tenant where all are theirs.
    pub(crate) fn of_all(owners: impl IntoIterator<Item = Option<&'a TenantId>>) -> Self {
        let mut owners = owners.into_iter();
        match owners.next() {
            Some(Some(first)) if owners.all(|owner| owner == Some(first)) => Self::Only(first),
            _ => Self::Everybody,
        }
    }

    /// What begins a transaction with this reach, in one round trip.
    pub(crate) fn begin(self, begin: &str) -> String {
        let reach = match self {
            Self::Everybody => EVERYBODY,
            Self::Only(tenant) => tenant.as_str(),
        };
        format!("{begin}; SET LOCAL {SETTING} TO '{}'", reach.replace('\'', "''"))
    }
}

/// Refuses a role that row-level security does not hold.
pub(crate) fn check_role(place: &Place, role: &str, passes: bool) -> Result<(), StoreError> {
    if !passes {
        return Ok(());
    }
    let message = format!(
        "the role `{role}` is a superuser or has BYPASSRLS, so that row-level security does not keep tenants apart; make one \
         for Tenantry: CREATE ROLE tenantry LOGIN PASSWORD '…'; CREATE DATABASE tenantry OWNER tenantry"
    );
    Err(refused(&place.to_string(), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_tenant_reach_no_further_than_that_tenant() {
        let (acme, globex) = (TenantId::new("acme").unwrap(), TenantId::new("globex").unwrap());
        assert_eq!(Reach::of_all([Some(&acme), Some(&acme)]), Reach::Only(&acme));
        assert_eq!(Reach::of_all([Some(&acme), Some(&globex)]), Reach::Everybody);
        assert_eq!(Reach::of_all([Some(&acme), None]), Reach::Everybody);
        assert_eq!(Reach::of_all([]), Reach::Everybody);
        assert_eq!(Reach::Only(&acme).begin("BEGIN"), "BEGIN; SET LOCAL tenantry.reach TO 'acme'");
    }

    #[test]
    fn no_tenant_is_called_as_everybody_is() {
        assert!(TenantId::new(EVERYBODY).is_err());
        assert!(TenantId::new("").is_err());
        assert!(TenantId::new("a'b").is_err());
    }
}
