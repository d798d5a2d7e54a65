//! The gate itself.

use std::sync::Arc;

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_policy::access::{Action, Circumstances, Principal, Verdict};
use tracing::warn;

use super::{AccessError, Presented, Target};
use crate::ports::store::{AccessStore, KeyId, TokenRecord};
use crate::scope::Scope;

/// A use is noted when the last one noted is as old as this; each would cost a write.
const TOUCHED_EVERY: Span = Span::from_secs(60);

/// Somebody whom the gate knows. Only [`Gate::authenticate`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    principal: Principal,
    token: KeyId,
    owner: Option<TenantId>,
}

impl Caller {
    /// Who it is, and as what.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The token's id.
    #[must_use]
    pub const fn token(&self) -> &KeyId {
        &self.token
    }

    /// Whose token it is; none for the platform's.
    #[must_use]
    pub const fn owner(&self) -> Option<&TenantId> {
        self.owner.as_ref()
    }
}

/// A request that was let through: the scope in which it may touch the store, and who said so. Only the gate makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    scope: Scope,
    action: Action,
    verdict: Verdict,
}

impl Admission {
    /// What of the store it may touch.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// For what.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Ids of the policies that permit it.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.verdict.policies
    }
}

/// Says who a caller is and whether they may.
#[derive(Clone)]
pub struct Gate {
    store: Arc<dyn AccessStore>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Gate {
    /// Over a store.
    #[must_use]
    pub fn new(store: Arc<dyn AccessStore>) -> Self {
        Self { store }
    }

    /// Who presents this token. Asked of the store each time, so that a token which was ended opens nothing more.
    ///
    /// # Errors
    /// [`AccessError::Unauthenticated`], the same for a token that is unknown, expired, revoked or misspelt.
    pub async fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Caller, AccessError> {
        let presented = Presented::read(presented).ok_or(AccessError::Unauthenticated)?;
        let known = self.store.tokens_by_id(presented.id()).await?;
        let record = known.into_iter().find(|record| presented.opens(&record.hash));
        let record = record.filter(|record| record.is_live(now)).ok_or(AccessError::Unauthenticated)?;
        self.touch(&record, now).await;
        Ok(Caller {
            principal: Principal { id: format!("token:{}", record.id), bindings: record.bindings },
            token: record.id,
            owner: record.tenant,
        })
    }

    /// Notes the use. That it could not be noted keeps nobody out.
    async fn touch(&self, record: &TokenRecord, now: Timestamp) {
        if record.last_used_at.is_some_and(|last| now.since(last) < TOUCHED_EVERY) {
            return;
        }
        if let Err(error) = self.store.touch_token(record.tenant.as_ref(), &record.id, now).await {
            warn!(token = %record.id, %error, "the use of a token was not noted");
        }
    }

    /// Whether a caller may do something.
    ///
    /// # Errors
    /// [`AccessError::Refused`] when not.
    #[expect(clippy::unused_async, reason = "what policies know of the target will be read from the store")]
    pub async fn admit(
        &self,
        caller: &Caller,
        action: Action,
        on: &Target,
        circumstances: &Circumstances,
    ) -> Result<Admission, AccessError> {
        let _ = circumstances;
        Err(AccessError::Refused {
            principal: caller.principal.id.clone(),
            action,
            target: on.clone(),
            policies: Vec::new(),
        })
    }

    /// Where a caller may do something that asks about many at once: on the whole platform, or else in each of the
    /// tenants in which they have a role.
    ///
    /// # Errors
    /// [`AccessError::Refused`] when nowhere.
    pub async fn admit_anywhere(
        &self,
        caller: &Caller,
        action: Action,
        circumstances: &Circumstances,
    ) -> Result<Vec<Admission>, AccessError> {
        let refused = match self.admit(caller, action, &Target::Platform, circumstances).await {
            Ok(admission) => return Ok(vec![admission]),
            Err(refused @ AccessError::Refused { .. }) => refused,
            Err(other) => return Err(other),
        };
        let mut admissions = Vec::new();
        for tenant in caller.principal.tenants() {
            match self.admit(caller, action, &Target::Tenant(tenant.clone()), circumstances).await {
                Ok(admission) => admissions.push(admission),
                Err(AccessError::Refused { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        if admissions.is_empty() { Err(refused) } else { Ok(admissions) }
    }
}
