//! Callers and their tokens.

use serde::{Deserialize, Serialize};
use tenantry_engine::access::Binding;
use tenantry_engine::ports::store::TokenRecord;
use utoipa::ToSchema;

use super::{instant, page};

/// A role, and in which tenant it is held.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleHeld {
    /// `platform-admin`, `operator` or `auditor` on the whole platform; `tenant-admin`, `tenant-editor` or
    /// `tenant-viewer` in a tenant, or a role that is declared there or for all tenants.
    #[schema(max_length = 63)]
    pub(crate) role: String,
    /// The tenant, for a role in one.
    #[serde(default)]
    pub(crate) tenant: Option<String>,
}

impl From<&Binding> for RoleHeld {
    fn from(binding: &Binding) -> Self {
        Self { role: binding.role().to_string(), tenant: binding.tenant().map(ToString::to_string) }
    }
}

/// Who asks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WhoAmI {
    /// The name under which changes and refusals are recorded.
    pub(crate) principal: String,
    /// How they were known: by an API token, a token of an OpenID provider, a certificate, or a token of the cluster.
    #[schema(pattern = "^(token|oidc|certificate|kubernetes)$")]
    pub(crate) method: String,
    /// The tenant that they belong to; none for the platform's.
    pub(crate) tenant: Option<String>,
    /// The id of an API token; none for those who are known otherwise.
    pub(crate) token: Option<String>,
    /// Until when they are known by what they presented; none for without end.
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
    /// What it may be used as.
    pub(crate) roles: Vec<RoleHeld>,
}

/// An API token without what is secret of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Token {
    /// Its id, which is no secret.
    pub(crate) id: String,
    /// Whose it is; none for the platform's own.
    pub(crate) tenant: Option<String>,
    /// What it is for.
    pub(crate) name: String,
    /// What it may be used as.
    pub(crate) roles: Vec<RoleHeld>,
    /// Who made it.
    pub(crate) created_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When it ends by itself; none for never.
    #[schema(format = DateTime)]
    pub(crate) expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    pub(crate) last_used_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    pub(crate) revoked_at: Option<String>,
    /// Why glass was broken, for a token that was made so.
    pub(crate) break_glass: Option<String>,
}

page!(
    /// A page of tokens, newest first.
    TokenPage of Token
);

impl From<&TokenRecord> for Token {
    fn from(record: &TokenRecord) -> Self {
        let TokenRecord {
            id,
            tenant,
            name,
            bindings,
            hash: _,
            created_by,
            created_at,
            expires_at,
            last_used_at,
            revoked_at,
            glass,
        } = record;
        Self {
            id: id.to_string(),
            tenant: tenant.as_ref().map(ToString::to_string),
            name: name.clone(),
            roles: bindings.iter().map(RoleHeld::from).collect(),
            created_by: created_by.clone(),
            created_at: instant(*created_at),
            expires_at: expires_at.map(instant),
            last_used_at: last_used_at.map(instant),
            revoked_at: revoked_at.map(instant),
            break_glass: glass.clone(),
        }
    }
}

/// A token that was made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct IssuedToken {
    /// The token without its secret.
    pub(crate) token: Token,
    /// What is sent as `Authorization: Bearer SECRET`. Shown this once; none when the answer is repeated.
    pub(crate) secret: Option<String>,
    /// Whether it was only tried.
    pub(crate) dry_run: bool,
}
