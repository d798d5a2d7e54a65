//! What a token may make of other tokens.
//!
//! INVARIANT(no more than one's own): a token that was made ends no later than the one that made it, opens nothing that its
//! maker may not give, and ends with its maker where that is ended before its time.

use std::collections::BTreeSet;

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_policy::access::{DeclaredName, Role, RoleName};

use super::issue::{Asked, Tokens, TokensError};
use super::sets::read_roles;
use super::{Caller, Principal};
use crate::ports::store::{Authorship, KeyId, TokenRecord, WrittenKind};
use crate::scope::Scope;

/// How long a token lives that is made by another and does not say.
pub const LIVES_USUALLY: Span = Span::from_secs(90 * 24 * 3600);
/// Makers that are asked about at once.
const MAKERS_MAX: usize = 200;

/// When a token is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// After the usual time, or with its maker.
    Usually,
    /// After so long.
    After(Span),
    /// When it is ended.
    Never,
}

impl Tokens {
    /// What a caller asks for, within what they may give.
    ///
    /// # Errors
    /// [`TokensError::Unfit`] when it is more.
    pub fn within(asked: Asked, ends: Ends, maker: &Caller, now: Timestamp) -> Result<Asked, TokensError> {
        let unfit = |why: String| Err(TokensError::Unfit { why });
        if let Some(beyond) = asked.bindings.iter().find(|binding| !gives(maker.principal(), binding)) {
            return unfit(format!("you may not give {beyond}: you do not have it, and are no administrator"));
        }
        let rest = maker.until().map(|end| end.since(now));
        let too_long = || {
            let end = maker.until().map(|end| end.to_string()).unwrap_or_default();
            unfit(format!("it would outlive you who make it, and you are known until {end}; ask for less"))
        };
        let lives = match (ends, rest) {
            (Ends::Usually, None) => Some(LIVES_USUALLY),
            (Ends::Usually, Some(rest)) => Some(LIVES_USUALLY.min(rest)),
            (Ends::After(span), Some(rest)) if span > rest => return too_long(),
            (Ends::After(span), _) => Some(span),
            (Ends::Never, Some(_)) => return too_long(),
            (Ends::Never, None) => None,
        };
        Ok(Asked { lives, ..asked })
    }

    /// Holds that each declared role of a token is declared where the token has it: in the tenant, or for all.
    ///
    /// # Errors
    /// [`TokensError::Unfit`] names those that are.
    pub async fn check_roles(&self, asked: &Asked) -> Result<(), TokensError> {
        for binding in &asked.bindings {
            let (RoleName::Declared(name), Some(tenant)) = (binding.role(), binding.tenant()) else { continue };
            let mut known: BTreeSet<DeclaredName> = BTreeSet::new();
            for row in self.store.written_about(Some(tenant)).await? {
                let (WrittenKind::Roles, Some(body)) = (row.key.kind, &row.body) else { continue };
                known.extend(read_roles(body).unwrap_or_default().roles.into_keys());
            }
            if !known.contains(name) {
                let built_in = Role::ALL.into_iter().filter(|role| role.is_of_tenant()).map(|role| role.to_string());
                let names: Vec<String> = built_in.chain(known.iter().map(ToString::to_string)).collect();
                return Err(TokensError::Unfit {
                    why: format!("the tenant `{tenant}` has no role `{name}`; it has {}", names.join(", ")),
                });
            }
        }
        Ok(())
    }

    /// Tokens that are live and were made by one, or by one that it made, ended ones included.
    ///
    /// # Errors
    /// [`TokensError`].
    pub async fn made_by(&self, scope: &Scope, id: &KeyId, now: Timestamp) -> Result<Vec<TokenRecord>, TokensError> {
        let (mut found, mut makers) = (Vec::<TokenRecord>::new(), vec![id.clone()]);
        while !makers.is_empty() {
            let asked: Vec<String> =
                makers.drain(..makers.len().min(MAKERS_MAX)).map(|maker| format!("token:{maker}")).collect();
            for record in self.store.tokens_made_by(scope, &asked).await? {
                if record.id != *id && found.iter().all(|known| known.id != record.id) {
                    makers.push(record.id.clone());
                    found.push(record);
                }
            }
        }
        found.retain(|record| record.is_live(now));
        Ok(found)
    }

    /// Ends what a token made, after the token itself was ended: what leaked with it opens nothing either.
    ///
    /// # Errors
    /// [`TokensError`]; asked again it goes on.
    pub async fn end_made_by(&self, scope: &Scope, id: &KeyId, by: &Authorship) -> Result<Vec<KeyId>, TokensError> {
        let mut ended = Vec::new();
        loop {
            // Again until there is none: one of them may have made another meanwhile.
            let made = self.made_by(scope, id, by.at).await?;
            if made.is_empty() {
                return Ok(ended);
            }
            for record in made {
                self.store.revoke_token(scope, &record.id, by).await?;
                ended.push(record.id);
            }
        }
    }
}

/// Whether somebody may give a role: an administrator of where it is held any, others their own.
fn gives(maker: &Principal, given: &super::Binding) -> bool {
    maker.bindings.iter().any(|held| {
        *held == *given
            || *held.role() == Role::PlatformAdmin
            || (*held.role() == Role::TenantAdmin && held.tenant() == given.tenant())
    })
}
