//! Policies and roles that are written.

use serde::{Deserialize, Serialize};
use tenantry_engine::access::cases::{Expected, Judged};
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

/// A policy, and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OnePolicy {
    /// The tenant; none for the platform's.
    pub(crate) tenant: Option<String>,
    /// Its id, as verdicts name it.
    pub(crate) id: String,
    /// `permit` or `forbid`.
    pub(crate) effect: &'static str,
    /// What it says of itself.
    pub(crate) says: String,
    /// The revision of the policies among which it is.
    pub(crate) revision: u64,
}

impl OnePolicy {
    pub(crate) fn of(row: &WrittenRevision, listed: Listed) -> Self {
        let Policy { id, effect, says } = listed.into();
        Self { tenant: row.key.tenant.as_ref().map(ToString::to_string), id, effect, says, revision: row.number }
    }
}

page!(
    /// A page of policies, the platform's first.
    OnePolicyPage of OnePolicy
);

/// A declared role, and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OneRole {
    /// The tenant; none for one of all tenants.
    pub(crate) tenant: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) says: String,
    /// What it may do.
    pub(crate) actions: Vec<String>,
    /// Whose actions it has besides.
    pub(crate) roles: Vec<String>,
    /// The revision of the roles among which it is.
    pub(crate) revision: u64,
}

impl OneRole {
    pub(crate) fn of(row: &WrittenRevision, name: String, role: Role) -> Self {
        let Role { says, actions, roles } = role;
        let tenant = row.key.tenant.as_ref().map(ToString::to_string);
        Self { tenant, name, says, actions, roles, revision: row.number }
    }
}

page!(
    /// A page of declared roles, those for all tenants first.
    OneRolePage of OneRole
);

/// A policy that decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicySaid {
    /// Its id.
    pub(crate) id: String,
    /// What it says.
    pub(crate) says: String,
}

/// A verdict as it would be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WouldBe {
    /// Whether they may.
    pub(crate) allowed: bool,
    /// Who.
    pub(crate) principal: String,
    /// As what.
    pub(crate) roles: Vec<super::token::RoleHeld>,
    /// What.
    pub(crate) action: String,
    /// On what, in words.
    pub(crate) target: String,
    /// The policies that decided.
    pub(crate) policies: Vec<PolicySaid>,
    /// Policies that could not be evaluated, which refuses.
    pub(crate) errors: Vec<String>,
    /// Built-in roles that may, where this one may not.
    pub(crate) roles_that_may: Vec<String>,
}

/// What policies are asked, and what they are to say.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyCase {
    /// What it is called in the answer.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Roles, such as `tenant-editor`, or `tenant-editor@acme`.
    pub(crate) who: Vec<String>,
    /// What they do, such as `scaleWorkload`.
    pub(crate) action: String,
    /// A tenant, `TENANT/WORKLOAD`, or `platform`.
    pub(crate) on: String,
    /// Circumstances.
    #[serde(default)]
    pub(crate) when: CaseWhen,
    /// What is known of the tenant.
    #[serde(default)]
    pub(crate) about: CaseAbout,
    /// `allow` or `deny`.
    #[schema(pattern = "^(allow|deny)$")]
    pub(crate) expect: String,
    /// Policies that are to say so, by name or by id; it does not matter which where absent.
    #[serde(default)]
    pub(crate) by: Option<Vec<String>>,
}

/// Circumstances of a case.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CaseWhen {
    /// When; at two in the afternoon of a Monday unless told.
    #[schema(format = DateTime)]
    pub(crate) at: Option<String>,
    /// From which address.
    pub(crate) from: Option<String>,
    /// Whether it is only tried.
    pub(crate) dry_run: bool,
    /// `scaleWorkload`: from how many replicas to how many.
    pub(crate) scale: Option<CaseScale>,
    /// `writeConfig`: the fields that change.
    pub(crate) touches: Vec<String>,
    /// `writeConfig`: what it reaches beyond the tenant: `objects`, `series`, `apart`.
    pub(crate) reaches: Vec<String>,
    /// `writeConfig`: by how many percent a `max_replicas` rises.
    pub(crate) raises: u32,
}

/// A change of size.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseScale {
    /// Replicas before.
    pub(crate) from: u32,
    /// Replicas after.
    pub(crate) to: u32,
}

/// What is known of the tenant of a case.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CaseAbout {
    /// Its tier.
    pub(crate) tier: Option<String>,
    /// Its region.
    pub(crate) region: Option<String>,
    /// Its labels.
    pub(crate) labels: std::collections::BTreeMap<String, String>,
    /// Whether it is suspended.
    pub(crate) suspended: bool,
    /// Whether it is declared; it is unless told.
    pub(crate) declared: bool,
}

impl Default for CaseAbout {
    fn default() -> Self {
        let labels = std::collections::BTreeMap::new();
        Self { tier: None, region: None, labels, suspended: false, declared: true }
    }
}

/// A case with what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JudgedCase {
    /// Its name, or what it asks.
    pub(crate) name: String,
    /// What it says: `allow` or `deny`.
    pub(crate) expected: &'static str,
    /// What is so.
    pub(crate) got: &'static str,
    /// The policies that decided.
    pub(crate) by: Vec<String>,
    /// What is other than expected.
    pub(crate) differs: Option<String>,
}

impl From<Judged> for JudgedCase {
    fn from(judged: Judged) -> Self {
        let Judged { name, expected, got, by, differs } = judged;
        let word = |expected| match expected {
            Expected::Allow => "allow",
            Expected::Deny => "deny",
        };
        Self { name, expected: word(expected), got: word(got), by, differs }
    }
}

/// What came of a table of cases.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CasesReport {
    /// Each of them, in their order.
    pub(crate) cases: Vec<JudgedCase>,
    /// How many came out otherwise.
    pub(crate) failed: usize,
    /// Policies that no case reaches.
    pub(crate) unreached: Vec<String>,
}
