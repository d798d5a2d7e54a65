//! Whether somebody may do something, for whoever asks about it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_policy::access::{Action, Binding, Circumstances, Principal, Reach, Rewrite, Role, Sizes};

use super::{Explained, Gate, Target};
use crate::ports::store::StoreError;

/// A ceiling that is supposed to be raised.
const CEILING: u32 = 100;

/// What the verdict would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The verdict, in words.
    pub explained: Explained,
    /// Which built-in roles may, where this one may not.
    pub roles_that_may: Vec<Role>,
}

/// The moment as it is supposed to be: from where, and for a change of configuration which fields it touches, what it
/// reaches beyond the tenant, and by how many percent it raises a `max_replicas`.
#[must_use]
pub fn supposed(
    now: Timestamp,
    from: Option<IpAddr>,
    (touches, reaches): (BTreeSet<String>, BTreeSet<Reach>),
    raises: u32,
) -> Circumstances {
    let ceiling = Sizes { from: Replicas::new(CEILING), to: Replicas::new(CEILING.saturating_add(raises)) };
    let rewrite = Rewrite { touches, ceilings: vec![ceiling], reaches };
    Circumstances { from, rewrite: Some(rewrite), ..Circumstances::at(now) }
}

impl Gate {
    /// What the verdict would be for anybody, and who else would be let through: for whoever is trusted with the answer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer(
        &self,
        principal: &Principal,
        action: Action,
        on: &Target,
        circumstances: &Circumstances,
    ) -> Result<Answered, StoreError> {
        let explained = self.explain(principal, action, on, circumstances).await?;
        let mut roles_that_may = Vec::new();
        for role in Role::ALL.into_iter().filter(|_| !explained.verdict.allowed) {
            let tenant = on.tenant().cloned().filter(|_| role.is_of_tenant());
            let Ok(binding) = Binding::new(role, tenant) else { continue };
            let other = Principal { id: format!("role:{role}"), bindings: vec![binding], glass: false };
            if self.explain(&other, action, on, circumstances).await?.verdict.allowed {
                roles_that_may.push(role);
            }
        }
        Ok(Answered { explained, roles_that_may })
    }
}
