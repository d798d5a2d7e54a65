//! Writing policies and roles over the built-in ones: checked before they are stored, kept in revisions.
//!
//! INVARIANT(checked): what is stored was put together with all else that speaks of the same tenant, and was valid. What
//! the program later finds unreadable all the same, the gate refuses.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_policy::access::{DeclaredRoles, Listed, RoleName, Rules, RulesError, Written, WrittenError};
use thiserror::Error;

use super::sets::{read_roles, written};
use crate::ports::Retry;
use crate::ports::store::{
    AccessStore, Authorship, StoreError, TokenRecord, WrittenChange, WrittenKey, WrittenKind, WrittenRevision, Wrote,
};
use crate::scope::Scope;

/// Holders of a role that an error names; the rest are counted.
const HOLDERS_NAMED: usize = 10;

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Policies, as Cedar's text.
    Policies(String),
    /// Roles.
    Roles(DeclaredRoles),
}

impl Body {
    /// Reads what is stored.
    fn read(kind: WrittenKind, body: &str) -> Result<Self, WritingError> {
        match kind {
            WrittenKind::Policies => Ok(Self::Policies(body.to_owned())),
            WrittenKind::Roles => read_roles(body).map(Self::Roles).map_err(|why| WritingError::Unreadable { why }),
        }
    }

    fn store(&self) -> Result<String, WritingError> {
        match self {
            Self::Policies(text) => Ok(text.clone()),
            Self::Roles(roles) => {
                serde_json::to_string(roles).map_err(|error| WritingError::Unreadable { why: error.to_string() })
            }
        }
    }
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The revision that holds now; none in a dry run that would make one.
    pub revision: Option<u64>,
    /// Whether anything is other than before.
    pub changed: bool,
}

/// Why policies or roles were not written or read.
#[derive(Debug, Error)]
pub enum WritingError {
    /// They are not valid.
    #[error("nothing was written: {0}")]
    Unfit(#[from] WrittenError),
    /// Nothing is written there.
    #[error("{key}: nothing is written")]
    Nothing {
        /// Where.
        key: WrittenKey,
    },
    /// There is no such revision.
    #[error("{key} have no revision {number}, or it removed them; `history` lists those that are")]
    NoRevision {
        /// Where.
        key: WrittenKey,
        /// Which.
        number: u64,
    },
    /// Somebody else was first.
    #[error(
        "{key} are at revision {found}, and the change was based on revision {based_on}; read them again and repeat"
    )]
    Stale {
        /// Where.
        key: WrittenKey,
        /// What the change was based on.
        based_on: u64,
        /// What they are at.
        found: u64,
    },
    /// A role that would go is held, or is part of another.
    #[error("nothing was written: {what}; take the role from them first")]
    InUse {
        /// By whom.
        what: String,
    },
    /// What is stored is not what was written.
    #[error("what is stored cannot be read: {why}; roll back to a revision that can")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WritingError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unfit(_) => "T706",
            Self::Nothing { .. } | Self::NoRevision { .. } => "T707",
            Self::Stale { .. } => "T708",
            Self::InUse { .. } => "T709",
            Self::Unreadable { .. } => "T710",
            Self::Store(error) => error.code(),
        }
    }

    /// Whether to try again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Stale { .. } => Retry::AfterChange,
            Self::Store(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}

/// The use cases of policies and roles. The scope says whose may be touched; whether the asker may at all is the gate's to
/// say.
#[derive(Clone)]
pub struct Writing {
    store: Arc<dyn AccessStore>,
    rules: Arc<Rules>,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing").finish_non_exhaustive()
    }
}

impl Writing {
    /// Over a store.
    ///
    /// # Errors
    /// [`RulesError`] when the built-in policies are not valid, which tests rule out.
    pub fn new(store: Arc<dyn AccessStore>) -> Result<Self, RulesError> {
        Ok(Self::over(store, Arc::new(Rules::built_in()?)))
    }

    /// Over a store, by rules that are there.
    #[must_use]
    pub fn over(store: Arc<dyn AccessStore>, rules: Arc<Rules>) -> Self {
        Self { store, rules }
    }

    /// Writes policies or roles in place of those that are there; nothing where they are the same. `based_on` is the
    /// revision that the change was made from, where that is to be held.
    ///
    /// # Errors
    /// [`WritingError`].
    pub async fn apply(
        &self,
        scope: &Scope,
        tenant: Option<&TenantId>,
        body: &Body,
        by: &Authorship,
        how: (Option<u64>, bool),
    ) -> Result<Applied, WritingError> {
        let kind = match body {
            Body::Policies(_) => WrittenKind::Policies,
            Body::Roles(_) => WrittenKind::Roles,
        };
        self.replace(scope, WrittenKey { tenant: tenant.cloned(), kind }, Some(body), by, how).await
    }

    /// Removes policies or roles.
    ///
    /// # Errors
    /// [`WritingError`].
    pub async fn remove(
        &self,
        scope: &Scope,
        key: &WrittenKey,
        by: &Authorship,
        how: (Option<u64>, bool),
    ) -> Result<Applied, WritingError> {
        self.head(scope, key).await?;
        self.replace(scope, key.clone(), None, by, how).await
    }

    /// Writes again what a revision had.
    ///
    /// # Errors
    /// [`WritingError`]; what is not valid any more is not written.
    pub async fn rollback(
        &self,
        scope: &Scope,
        key: &WrittenKey,
        to: u64,
        by: &Authorship,
        how: (Option<u64>, bool),
    ) -> Result<Applied, WritingError> {
        let body = self.at(scope, key, to).await?.body.unwrap_or_default();
        self.replace(scope, key.clone(), Some(&Body::read(key.kind, &body)?), by, how).await
    }

    async fn replace(
        &self,
        scope: &Scope,
        key: WrittenKey,
        body: Option<&Body>,
        by: &Authorship,
        (based_on, dry_run): (Option<u64>, bool),
    ) -> Result<Applied, WritingError> {
        if !key.is_in(scope) {
            return Err(WritingError::Nothing { key });
        }
        let rows = self.store.written_about(key.tenant.as_ref()).await?;
        let head = rows.iter().find(|row| row.key == key);
        let found = head.map_or(0, |row| row.number);
        if let Some(based_on) = based_on.filter(|based_on| *based_on != found) {
            return Err(WritingError::Stale { key, based_on, found });
        }
        let text = body.map(Body::store).transpose()?;
        self.check(&key, body, &rows, by.at).await?;
        if head.and_then(|row| row.body.as_ref()) == text.as_ref() {
            return Ok(Applied { revision: Some(found), changed: false });
        }
        if dry_run {
            return Ok(Applied { revision: None, changed: true });
        }
        let change = WrittenChange { key: key.clone(), based_on: found, body: text };
        match self.store.write(&change, by).await? {
            Wrote::Made(revision) => Ok(Applied { revision: Some(revision.number), changed: true }),
            Wrote::Stale(now) => Err(WritingError::Stale { key, based_on: found, found: now }),
        }
    }

    /// Puts what would be written together with all else that speaks of the same tenant.
    async fn check(
        &self,
        key: &WrittenKey,
        body: Option<&Body>,
        rows: &[WrittenRevision],
        now: Timestamp,
    ) -> Result<(), WritingError> {
        let standing = |tenant: Option<&TenantId>| {
            let readable: Vec<WrittenRevision> = rows.iter().filter(|row| row.key != *key).cloned().collect();
            written(&readable, tenant).map_err(|why| WritingError::Unreadable { why })
        };
        let mut next = standing(key.tenant.as_ref())?;
        match body {
            Some(Body::Policies(text)) => next.policies.clone_from(text),
            Some(Body::Roles(roles)) => next.roles = roles.clone(),
            None => {}
        }
        let shared = match &key.tenant {
            None => self.rules.shared(&next)?,
            Some(tenant) => {
                let shared = self.rules.shared(&standing(None)?)?;
                self.rules.set_of(&shared, tenant, &next)?;
                shared
            }
        };
        if key.kind == WrittenKind::Roles {
            // What is there and cannot be read held nothing.
            let before = rows.iter().find(|row| row.key == *key).and_then(|row| row.body.as_deref());
            let before = before.and_then(|body| read_roles(body).ok()).unwrap_or_default();
            let falls_back = if key.tenant.is_some() { shared.roles().clone() } else { DeclaredRoles::default() };
            let stays = |name: &&str| {
                let is = |roles: &DeclaredRoles| roles.roles.keys().any(|other| other.as_str() == *name);
                is(&next.roles) || is(&falls_back)
            };
            let gone: Vec<&str> =
                before.roles.keys().map(super::DeclaredName::as_str).filter(|name| !stays(name)).collect();
            if !gone.is_empty() {
                self.unused(key.tenant.as_ref(), &gone, now).await?;
            }
        }
        Ok(())
    }

    /// Holds that nobody has any of these roles, and that no tenant's own role has one.
    async fn unused(&self, tenant: Option<&TenantId>, gone: &[&str], now: Timestamp) -> Result<(), WritingError> {
        let mut own = BTreeSet::new();
        if tenant.is_none() {
            for row in self.store.all_written(&Scope::platform()).await? {
                let (Some(tenant), WrittenKind::Roles, Some(body)) = (&row.key.tenant, row.key.kind, &row.body) else {
                    continue;
                };
                let Ok(roles) = read_roles(body) else { continue };
                own.extend(roles.roles.keys().map(|name| (tenant.clone(), name.to_string())));
                let names = |role: &RoleName| gone.contains(&role.as_str()) && matches!(role, RoleName::Declared(_));
                let using = roles.roles.iter().find(|(_, role)| role.roles.iter().any(names));
                if let Some((name, _)) = using {
                    return Err(WritingError::InUse {
                        what: format!("the role `{name}` of the tenant `{tenant}` has a role that would go"),
                    });
                }
            }
        }
        let mut holders = self.store.holders(tenant, gone, now).await?;
        // Who holds a tenant's own role of the same name keeps that one.
        holders.retain(|record| {
            record.bindings.iter().any(|binding| {
                let name = binding.role().as_str();
                binding.tenant().is_some_and(|of| !own.contains(&(of.clone(), name.to_owned()))) && gone.contains(&name)
            })
        });
        if holders.is_empty() { Ok(()) } else { Err(WritingError::InUse { what: held_by(tenant, &holders) }) }
    }

    /// What holds now.
    ///
    /// # Errors
    /// [`WritingError::Nothing`] when nothing does.
    pub async fn head(&self, scope: &Scope, key: &WrittenKey) -> Result<WrittenRevision, WritingError> {
        let head = self.store.written_history(scope, key, None, 1).await?.into_iter().next();
        head.filter(|row| row.body.is_some()).ok_or_else(|| WritingError::Nothing { key: key.clone() })
    }

    /// A revision that is none of a removal.
    ///
    /// # Errors
    /// [`WritingError::NoRevision`].
    pub async fn at(&self, scope: &Scope, key: &WrittenKey, number: u64) -> Result<WrittenRevision, WritingError> {
        let found = self.store.written_history(scope, key, number.checked_add(1), 1).await?.into_iter().next();
        let found = found.filter(|row| row.number == number && row.body.is_some());
        found.ok_or_else(|| WritingError::NoRevision { key: key.clone(), number })
    }

    /// Revisions, newest first, those under `before` when given, at most `count`; removals are among them.
    ///
    /// # Errors
    /// [`WritingError`].
    pub async fn history(
        &self,
        scope: &Scope,
        key: &WrittenKey,
        before: Option<u64>,
        count: u32,
    ) -> Result<Vec<WrittenRevision>, WritingError> {
        Ok(self.store.written_history(scope, key, before, count).await?)
    }

    /// All that is written in scope, the platform's first.
    ///
    /// # Errors
    /// [`WritingError`].
    pub async fn all(&self, scope: &Scope) -> Result<Vec<WrittenRevision>, WritingError> {
        Ok(self.store.all_written(scope).await?)
    }

    /// The policies of a text, one by one.
    ///
    /// # Errors
    /// [`WritingError::Unfit`] when it cannot be read.
    pub fn list(&self, text: &str, of: Option<&TenantId>) -> Result<Vec<Listed>, WritingError> {
        Ok(self.rules.list(text, of).map_err(WrittenError::from)?)
    }

    /// What is written of a tenant, or of the platform, and what the platform wrote for all.
    ///
    /// # Errors
    /// [`WritingError::Unreadable`] where it cannot be read.
    pub async fn standing(&self, tenant: Option<&TenantId>) -> Result<(Written, Written), WritingError> {
        let rows = self.store.written_about(tenant).await?;
        let read = |tenant| written(&rows, tenant).map_err(|why| WritingError::Unreadable { why });
        Ok((read(None)?, if tenant.is_some() { read(tenant)? } else { Written::default() }))
    }

    /// The rules that all is checked against.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// Who holds a role, in words; in a tenant, of the platform's tokens only how many.
fn held_by(tenant: Option<&TenantId>, holders: &[TokenRecord]) -> String {
    let (own, others): (Vec<_>, Vec<_>) =
        holders.iter().partition(|record| tenant.is_none() || record.tenant.as_ref() == tenant);
    let named: Vec<String> =
        own.iter().take(HOLDERS_NAMED).map(|record| format!("`{}` ({})", record.id, record.name)).collect();
    let mut parts = Vec::new();
    if !named.is_empty() {
        let more = own.len().saturating_sub(named.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        parts.push(format!("the tokens {}{more}", named.join(", ")));
    }
    if !others.is_empty() {
        parts.push(format!("{} tokens of the platform's", others.len()));
    }
    format!("a role that would go is held by {}", parts.join(" and "))
}
