//! Who a caller is, by others' word: OpenID providers, certificates, a Kubernetes cluster.
//!
//! INVARIANT(prefix): those who are known so are named by how they are known, `oidc:ISSUER:NAME`, `certificate:...` or
//! `kubernetes:...`, so that none has the name of a token or of somebody whom another knows.
//! INVARIANT(no role, no right): being known gives nothing; only a declared binding does.

mod certificate;
mod claims;
mod declared;
mod jwt;
mod keys;
mod reviews;
mod rule;

use std::fmt;
use std::sync::Arc;

use serde_json::Map;
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_policy::access::Principal;
use tracing::{info, warn};

pub use certificate::CertificateFacts;
pub use claims::{SKEW, person};
pub use declared::{Cluster, Declared, Issuer};
pub use jwt::{ALGORITHMS, KeySet, Proof, TOKEN_BYTES_MAX, Unproven};
pub use rule::{Person, Rule, Who};

use super::{AccessError, Caller};
use crate::ports::identity::{KeySource, Reviewed, TokenReviewer};
use keys::Keys;
use reviews::Reviews;

/// How a caller was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// By an API token.
    Token,
    /// By a token of an OpenID provider.
    Oidc,
    /// By a certificate.
    Certificate,
    /// By a token of a Kubernetes cluster.
    Kubernetes,
}

impl Method {
    /// The name: `oidc`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Oidc => "oidc",
            Self::Certificate => "certificate",
            Self::Kubernetes => "kubernetes",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who can say whose a presented text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// An issuer, by its keys, or what is remembered of the cluster's word: nothing outside is asked for each token.
    Known(Method),
    /// The cluster, which must be asked.
    Asked,
    /// Nobody.
    Nobody,
}

/// Those who are known by others' word.
pub struct Identities {
    declared: Declared,
    keys: Vec<Keys>,
    source: Option<Arc<dyn KeySource>>,
    reviewer: Option<Arc<dyn TokenReviewer>>,
    reviews: Reviews,
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities").field("declared", &self.declared).finish_non_exhaustive()
    }
}

impl Identities {
    /// Nobody is.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Declared::default(), None, None)
    }

    /// Those of a document. Without a source of keys no issuer's tokens are taken, and without a reviewer no cluster's.
    #[must_use]
    pub fn new(
        declared: Declared,
        source: Option<Arc<dyn KeySource>>,
        reviewer: Option<Arc<dyn TokenReviewer>>,
    ) -> Self {
        let keys = declared.issuers.iter().map(|_| Keys::default()).collect();
        Self { declared, keys, source, reviewer, reviews: Reviews::default() }
    }

    fn issuer(&self, url: &str) -> Option<(&Issuer, &Keys)> {
        self.declared.issuers.iter().zip(&self.keys).find(|(issuer, _)| issuer.url == url)
    }

    /// Who can say whose this is. Strangers make the cluster be asked no more often than they may try.
    #[must_use]
    pub fn who_says(&self, presented: &str, now: Timestamp) -> Says {
        if presented.len() > TOKEN_BYTES_MAX {
            return Says::Nobody;
        }
        if Unproven::read(presented).is_some_and(|token| self.issuer(token.issuer()).is_some()) {
            return Says::Known(Method::Oidc);
        }
        if self.declared.kubernetes.is_none() || self.reviewer.is_none() {
            return Says::Nobody;
        }
        if self.reviews.of(presented, now).is_some() { Says::Known(Method::Kubernetes) } else { Says::Asked }
    }

    /// Who presents a bearer token that is not one of ours.
    ///
    /// # Errors
    /// [`AccessError::Unauthenticated`]; the log says why.
    pub async fn bearer(&self, presented: &str, now: Timestamp) -> Result<Caller, AccessError> {
        if presented.len() > TOKEN_BYTES_MAX {
            return Err(AccessError::Unauthenticated);
        }
        if let Some(token) = Unproven::read(presented)
            && let Some((issuer, keys)) = self.issuer(token.issuer())
        {
            return self.of_issuer(issuer, keys, &token, now).await.map_err(|why| {
                info!(issuer = issuer.name, why, "a provider's token was refused");
                AccessError::Unauthenticated
            });
        }
        self.of_cluster(presented, now).await
    }

    async fn of_issuer(
        &self,
        issuer: &Issuer,
        keys: &Keys,
        token: &Unproven<'_>,
        now: Timestamp,
    ) -> Result<Caller, String> {
        let source = self.source.as_deref().ok_or("nothing fetches its issuer's keys")?;
        let claims = match keys.prove(source, issuer, token, now).await {
            Proof::Proven(claims) => claims,
            Proof::UnknownKey => return Err("its issuer has no such key".to_owned()),
            Proof::Refused(why) => return Err(why),
        };
        Ok(caller(&claims::person(issuer, claims, now)?, &issuer.rules))
    }

    async fn of_cluster(&self, presented: &str, now: Timestamp) -> Result<Caller, AccessError> {
        let (Some(cluster), Some(reviewer)) = (&self.declared.kubernetes, &self.reviewer) else {
            return Err(AccessError::Unauthenticated);
        };
        let reviewed = match self.reviews.of(presented, now) {
            Some(reviewed) => reviewed,
            None => match reviewer.review(presented, &cluster.audiences).await {
                Ok(reviewed) => {
                    self.reviews.keep(presented, reviewed.clone(), now);
                    reviewed
                }
                Err(error) => {
                    warn!(%error, "the cluster did not say whose a token is, and it was refused");
                    return Err(AccessError::Unauthenticated);
                }
            },
        };
        let reviewed = reviewed.ok_or(AccessError::Unauthenticated)?;
        // A cluster that knows nothing of audiences says none, and means its own.
        if !reviewed.audiences.iter().any(|audience| cluster.audiences.contains(audience)) {
            info!(why = "it is for another audience", "a cluster's token was refused");
            return Err(AccessError::Unauthenticated);
        }
        let person = of_cluster(reviewed, presented).map_err(|why| {
            info!(why, "a cluster's token was refused");
            AccessError::Unauthenticated
        })?;
        Ok(caller(&person, &cluster.rules))
    }

    /// Who presents a certificate, which TLS has found to be of a trusted authority.
    ///
    /// # Errors
    /// [`AccessError::Unauthenticated`]; the log says why.
    pub fn certificate(&self, facts: &CertificateFacts, now: Timestamp) -> Result<Caller, AccessError> {
        let person = certificate::person(facts, now).map_err(|why| {
            info!(why, "a certificate was refused");
            AccessError::Unauthenticated
        })?;
        Ok(caller(&person, &self.declared.certificates))
    }

    /// Fetches keys that are old. To be called from time to time.
    pub async fn refresh(&self, now: Timestamp) {
        let Some(source) = self.source.as_deref() else { return };
        let each = self.declared.issuers.iter().zip(&self.keys).map(|(issuer, keys)| keys.refresh(source, issuer, now));
        futures::future::join_all(each).await;
    }

    /// How many providers' keys could not be fetched when they were last asked for.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.keys.iter().filter(|keys| keys.failing()).count()
    }
}

fn of_cluster(reviewed: Reviewed, token: &str) -> Result<Person, String> {
    let Reviewed { username, groups, audiences: _ } = reviewed;
    claims::fit(&username)?;
    // The cluster has checked it; only its end is read.
    let until = jwt::end(token);
    Ok(Person {
        method: Method::Kubernetes,
        id: format!("kubernetes:{username}"),
        name: username,
        groups,
        uris: Vec::new(),
        claims: Map::new(),
        until,
    })
}

fn caller(person: &Person, rules: &[Rule]) -> Caller {
    let principal = person.principal(rules);
    let owner = owner(&principal);
    Caller::known(principal, person.method, owner, person.until)
}

/// Whose share of requests is used, and in whose log refusals stand: the one tenant in which somebody has a role.
fn owner(principal: &Principal) -> Option<TenantId> {
    let tenants = principal.tenants();
    let only = tenants.first().filter(|_| tenants.len() == 1 && !principal.is_of_platform());
    only.map(|tenant| (*tenant).clone())
}

#[cfg(test)]
mod tests;
