//! The gate itself.

use std::sync::Arc;

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_policy::access::{
    Action, Circumstances, Principal, Resource, RuleSet, Rules, RulesError, TenantFacts, Verdict,
};
use tracing::{error, warn};

use super::identity::Method;
use super::known::Known;
use super::remembered::Remembered;
use super::sets::Sets;
use super::{AccessError, Presented, Target};
use crate::ports::store::{AccessStore, KeyId, StoreError, TokenRecord, Versions};
use crate::scope::Scope;

/// How the names of built-in walls begin. Nothing that is written over them is named so.
const WALLS: &str = "wall.";

/// The use of a token is noted to the minute: each note is a write.
const NOTED_MS: i64 = 60_000;

/// Somebody who is known. Only [`Gate::authenticate`] and [`Identities`](super::identity::Identities) make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    principal: Principal,
    method: Method,
    token: Option<KeyId>,
    owner: Option<TenantId>,
    until: Option<Timestamp>,
    glass: Option<String>,
    /// As of what they were known.
    as_of: Option<Versions>,
    /// Whether they are admitted as of that too.
    at_once: bool,
}

impl Caller {
    /// Somebody who is known by others' word.
    pub(super) const fn known(
        principal: Principal,
        method: Method,
        owner: Option<TenantId>,
        until: Option<Timestamp>,
    ) -> Self {
        Self { principal, method, token: None, owner, until, glass: None, as_of: None, at_once: false }
    }

    /// Has them admitted as of the moment at which they were known, without asking the store again whether anything has
    /// changed: for a request that is decided on at once.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }

    /// Why they broke glass, where they did.
    #[must_use]
    pub fn glass(&self) -> Option<&str> {
        self.glass.as_deref()
    }

    /// Who it is, and as what.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// How they were known.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The id of an API token; none where they were known otherwise.
    #[must_use]
    pub const fn token(&self) -> Option<&KeyId> {
        self.token.as_ref()
    }

    /// Until when they are known by what they presented; none for without end.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// To which tenant they belong; none for the platform.
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

/// A verdict in words, for [`Gate::explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The verdict.
    pub verdict: Verdict,
    /// What each policy that decided says, in their order.
    pub says: Vec<String>,
}

/// Says who a caller is and whether they may.
#[derive(Clone)]
pub struct Gate {
    store: Arc<dyn AccessStore>,
    rules: Arc<Rules>,
    sets: Arc<Sets>,
    known: Arc<Known>,
    remembered: Arc<Remembered>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Gate {
    /// Over a store, with the policies that come with the program.
    ///
    /// # Errors
    /// [`RulesError`] when those are not valid, which tests rule out.
    pub fn new(store: Arc<dyn AccessStore>) -> Result<Self, RulesError> {
        let rules = Arc::new(Rules::built_in()?);
        Ok(Self { store, rules, sets: Arc::default(), known: Arc::default(), remembered: Arc::default() })
    }

    /// The rules that it decides by.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules)
    }

    /// Who presents this token. Whether any was ended is asked of the store each time, so that such a one opens nothing
    /// more.
    ///
    /// # Errors
    /// [`AccessError::Unauthenticated`], the same for a token that is unknown, expired, revoked or misspelt.
    pub async fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Caller, AccessError> {
        let presented = Presented::read(presented).ok_or(AccessError::Unauthenticated)?;
        let versions = self.store.versions().await?;
        let known = self.remembered.by_id(self.store.as_ref(), presented.id(), versions.tokens).await?;
        let record = known.into_iter().find(|record| presented.opens(&record.hash));
        let record = record.filter(|record| record.is_live(now)).ok_or(AccessError::Unauthenticated)?;
        self.note_use(&record, now).await;
        Ok(Caller {
            principal: record.principal(),
            method: Method::Token,
            until: record.expires_at,
            token: Some(record.id),
            owner: record.tenant,
            glass: record.glass,
            as_of: Some(versions),
            at_once: false,
        })
    }

    /// That a use could not be noted keeps nobody out.
    async fn note_use(&self, record: &TokenRecord, now: Timestamp) {
        let minute = Timestamp::from_millis(now.as_millis() - now.as_millis().rem_euclid(NOTED_MS));
        if record.last_used_at.is_some_and(|last| minute <= last) {
            return;
        }
        self.remembered.forget(&record.id);
        if let Err(error) = self.store.touch_token(record.tenant.as_ref(), &record.id, minute).await {
            warn!(token = %record.id, %error, "the use of a token was not noted");
        }
    }

    /// Whether a caller may do something.
    ///
    /// # Errors
    /// [`AccessError::Refused`] when not.
    pub async fn admit(
        &self,
        caller: &Caller,
        action: Action,
        on: &Target,
        circumstances: &Circumstances,
    ) -> Result<Admission, AccessError> {
        let principal = &caller.principal;
        let as_of = caller.as_of.filter(|_| caller.at_once);
        let Explained { verdict, says } = self.judge(principal, action, on, circumstances, as_of).await?;
        if verdict.allowed {
            let scope = on.tenant().map_or_else(Scope::platform, |tenant| Scope::tenant(tenant.clone()));
            return Ok(Admission { scope, action, verdict });
        }
        // Which wall it was says nothing that the caller does not know, but where they do not reach not even that.
        let reaches = on.tenant().is_none_or(|tenant| principal.reaches(tenant));
        let policies = if reaches { verdict.policies } else { Vec::new() };
        let says = policies.iter().zip(says).filter(|(id, _)| id.starts_with(WALLS)).map(|(_, says)| says).collect();
        Err(AccessError::Refused { principal: principal.id.clone(), action, target: on.clone(), policies, says })
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

    /// What the verdict would be for anybody, with what the policies say: for whoever is trusted with the answer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain(
        &self,
        principal: &Principal,
        action: Action,
        on: &Target,
        circumstances: &Circumstances,
    ) -> Result<Explained, StoreError> {
        self.judge(principal, action, on, circumstances, None).await
    }

    async fn judge(
        &self,
        principal: &Principal,
        action: Action,
        on: &Target,
        circumstances: &Circumstances,
        as_of: Option<Versions>,
    ) -> Result<Explained, StoreError> {
        let (resource, set) = match on.tenant() {
            // INVARIANT(no oracle): nothing is read of a tenant that the principal does not reach.
            Some(tenant) if !principal.reaches(tenant) => {
                let set = self.rules.of_tenant(tenant).map(Arc::new).map_err(|error| error.to_string());
                (about(on, TenantFacts::unknown(tenant.clone())), set)
            }
            tenant => {
                // Asked before all else: what changes in between is then read again, never missed.
                let versions = match as_of {
                    Some(versions) => versions,
                    None => self.store.versions().await?,
                };
                let set = self.sets.of(self.store.as_ref(), &self.rules, tenant, versions.written).await?;
                let resource = match tenant {
                    None => Resource::Platform,
                    Some(tenant) => about(on, self.known.facts(self.store.as_ref(), tenant, versions.config).await?),
                };
                (resource, set)
            }
        };
        let set: Arc<RuleSet> = match set {
            Ok(set) => set,
            Err(error) => return Ok(alarmed(action, vec![error])),
        };
        let verdict = self.rules.decide(&set, principal, action, &resource, circumstances);
        if !verdict.errors.is_empty() {
            return Ok(alarmed(action, verdict.errors));
        }
        let says = verdict.policies.iter().map(|id| set.says(id).unwrap_or_default().to_owned()).collect();
        Ok(Explained { verdict, says })
    }
}

/// What a request names, with what is known of the tenant.
fn about(on: &Target, facts: TenantFacts) -> Resource {
    match on {
        Target::Platform => Resource::Platform,
        Target::Tenant(_) => Resource::Tenant(facts),
        Target::Workload(key) => Resource::Workload { name: key.workload.clone(), tenant: facts },
    }
}

/// INVARIANT(closed): policies that could not be evaluated refuse, and somebody must look.
fn alarmed(action: Action, errors: Vec<String>) -> Explained {
    error!(%action, errors = errors.join("; "), "policies could not be evaluated, and the request was refused");
    Explained { verdict: Verdict { allowed: false, policies: Vec::new(), errors }, says: Vec::new() }
}
