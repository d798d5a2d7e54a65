//! Policies and roles that are written.

use serde::{Deserialize, Serialize};
use tenantry_engine::access::{DeclaredRoles, Listed};
use tenantry_engine::ports::store::{TokenRecord, WrittenRevision};
use utoipa::ToSchema;

use super::{instant, page};

/// Policies to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPolicies {
    /// Cedar's text, each policy with a name, such as `@id("office-hours")`.
    #[schema(max_length = 32768)]
    pub(crate) text: String,
}

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Policy {
    /// Its id, as verdicts name it.
    pub(crate) id: String,
    /// `permit` or `forbid`.
    pub(crate) effect: &'static str,
    /// What it says of itself.
    pub(crate) says: String,
}

impl From<Listed> for Policy {
    fn from(listed: Listed) -> Self {
        let Listed { name: _, id, permits, says } = listed;
        Self { id, effect: if permits { "permit" } else { "forbid" }, says }
    }
}

/// Policies as they are written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WrittenPolicies)]
pub(crate) struct Policies {
    /// Which revision it is.
    pub(crate) revision: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// By whom.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
    /// Cedar's text; none when this revision removed it.
    pub(crate) text: Option<String>,
    /// The policies of the text.
    pub(crate) policies: Vec<Policy>,
}

impl Policies {
    pub(crate) fn of(revision: WrittenRevision, policies: Vec<Listed>) -> Self {
        let WrittenRevision { key: _, number, author, at, reason, body } = revision;
        let policies = policies.into_iter().map(Policy::from).collect();
        Self { revision: number, at: instant(at), author, reason, text: body, policies }
    }
}

page!(
    /// A page of revisions of policies, newest first.
    PoliciesPage of Policies
);

/// A role that is declared.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Role {
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub(crate) says: String,
    /// What it may do, such as `readStatus`.
    #[serde(default)]
    pub(crate) actions: Vec<String>,
    /// Whose actions it has besides: built-in roles of a tenant, or other declared ones.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

/// Roles to be declared, by name.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoles {
    /// By name; at most 32.
    pub(crate) roles: std::collections::BTreeMap<String, Role>,
}

impl From<&DeclaredRoles> for NewRoles {
    fn from(declared: &DeclaredRoles) -> Self {
        let roles = declared.roles.iter().map(|(name, role)| {
            let role = Role {
                says: role.says.clone(),
                actions: role.actions.iter().map(ToString::to_string).collect(),
                roles: role.roles.iter().map(ToString::to_string).collect(),
            };
            (name.to_string(), role)
        });
        Self { roles: roles.collect() }
    }
}

/// Roles as they are declared.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WrittenRoles)]
pub(crate) struct Roles {
    /// Which revision it is.
    pub(crate) revision: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// By whom.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
    /// By name; none when this revision removed them.
    pub(crate) roles: Option<std::collections::BTreeMap<String, Role>>,
}

impl Roles {
    pub(crate) fn of(revision: WrittenRevision, declared: Option<&DeclaredRoles>) -> Self {
        let WrittenRevision { key: _, number, author, at, reason, body: _ } = revision;
        let roles = declared.map(|declared| NewRoles::from(declared).roles);
        Self { revision: number, at: instant(at), author, reason, roles }
    }
}

page!(
    /// A page of revisions of roles, newest first.
    RolesPage of Roles
);

/// What came of a change of policies or roles.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Wrote {
    /// The revision that holds now; none in a dry run that would make one.
    pub(crate) revision: Option<u64>,
    /// Whether anything is other than before.
    pub(crate) changed: bool,
    /// Whether it was only tried.
    pub(crate) dry_run: bool,
}

/// Glass that is broken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BrokenGlass {
    /// Its id, under which what is done with it stands in the audit logs as `break-glass:ID`.
    pub(crate) id: String,
    /// In which tenant, as its administrator; none for the whole platform, as its administrator.
    pub(crate) tenant: Option<String>,
    /// Why.
    pub(crate) reason: String,
    /// By whom.
    pub(crate) by: String,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    pub(crate) ends_at: Option<String>,
}

impl From<&TokenRecord> for BrokenGlass {
    fn from(record: &TokenRecord) -> Self {
        Self {
            id: record.id.to_string(),
            tenant: record.tenant.as_ref().map(ToString::to_string),
            reason: record.glass.clone().unwrap_or_default(),
            by: record.created_by.clone(),
            at: instant(record.created_at),
            ends_at: record.expires_at.map(instant),
        }
    }
}

page!(
    /// All glass that is broken, newest first.
    BrokenGlassPage of BrokenGlass
);

/// Glass that was broken just now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BrokeGlass {
    /// What it is.
    pub(crate) glass: BrokenGlass,
    /// What is sent as `Authorization: Bearer SECRET`. Shown this once; none when the answer is repeated.
    pub(crate) secret: Option<String>,
    /// Whether it was only tried.
    pub(crate) dry_run: bool,
}
