//! The policies: read, validated, and put together for a tenant.
//!
//! Each tenant has a set of its own: the base policies (walls, the platform's roles), the tenant's roles as links of
//! templates, and what the tenant wrote. There is no set of all tenants: evaluation is linear in policies. Who holds
//! which role is no policy but part of the question, so that a changed role counts at once and rebuilds nothing.
//!
//! INVARIANT(valid): a set holds only policies that passed strict validation, because a policy that errs while it is
//! evaluated is passed over, a forbidding one included.

mod written;

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use cedar_policy_core::ast::Name;
use tenantry_domain::id::TenantId;
use thiserror::Error;

use super::zones::Zones;
use super::{Action, Role};

pub use written::{Listed, POLICIES_MAX, POLICY_BYTES_MAX, Shared, Written, WrittenError};

const SCHEMA: &str = include_str!("schema.cedarschema");
const BASE: &str = include_str!("base.cedar");

/// Policies may follow at most so many references from principal, resource or context: what they can ask about is then
/// in the few entities that a question brings.
const LEVELS_MAX: u32 = 2;

/// The templates of the tenants' roles.
const TEMPLATES: [(Role, &str); 4] = [
    (Role::TenantViewer, "tenant-viewer"),
    (Role::TenantEditor, "tenant-editor"),
    (Role::TenantEditor, "tenant-editor.writes"),
    (Role::TenantAdmin, "tenant-admin"),
];

/// Why policies were not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RulesError {
    /// The schema cannot be read.
    #[error("the schema of policies cannot be read: {message}")]
    Schema {
        /// What is wrong.
        message: String,
    },
    /// Policies cannot be read.
    #[error("policies cannot be read: {message}")]
    Text {
        /// What is wrong.
        message: String,
    },
    /// A policy has no name.
    #[error("policy {number} has no name; write `@id(\"NAME\")` before it")]
    Unnamed {
        /// Counted from 1.
        number: usize,
    },
    /// Policies do not fit the schema.
    #[error("policies are not valid: {}", .messages.join("; "))]
    Invalid {
        /// Every reason.
        messages: Vec<String>,
    },
    /// Policies cannot be put together.
    #[error("policies cannot be put together: {message}")]
    Put {
        /// What is wrong.
        message: String,
    },
}

/// What names policies use.
#[derive(Debug, Clone)]
pub(super) struct Types {
    pub(super) platform: EntityUid,
    pub(super) clock: EntityUid,
    pub(super) tenant: EntityTypeName,
    pub(super) workload: EntityTypeName,
    pub(super) role: EntityTypeName,
    pub(super) principal: EntityTypeName,
    pub(super) datetime: Name,
    pub(super) ip: Name,
}

impl Types {
    fn new() -> Result<Self, RulesError> {
        let name = |text: &str| {
            EntityTypeName::from_str(text).map_err(|error| RulesError::Schema { message: error.to_string() })
        };
        let function =
            |text: &str| Name::from_str(text).map_err(|error| RulesError::Schema { message: error.to_string() });
        Ok(Self {
            platform: uid(&name("Platform")?, "platform"),
            clock: uid(&name("Clock")?, "clock"),
            tenant: name("Tenant")?,
            workload: name("Workload")?,
            role: name("Role")?,
            principal: name("Principal")?,
            datetime: function("datetime")?,
            ip: function("ip")?,
        })
    }
}

pub(super) fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

/// The policies of one tenant, or of the platform itself.
#[derive(Debug, Clone)]
pub struct RuleSet {
    pub(super) tenant: Option<TenantId>,
    pub(super) policies: PolicySet,
    /// Time zones that they ask about.
    pub(super) zones: Zones,
    /// Why whoever has a role in the tenant is refused, where what the tenant wrote cannot be read.
    pub(super) closed: Option<String>,
}

impl RuleSet {
    /// Whose; none for the platform itself.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// What a policy of the set says, in words for people.
    #[must_use]
    pub fn says(&self, id: &str) -> Option<&str> {
        self.policies.annotation(&PolicyId::new(id), "says")
    }
}

/// The base policies, from which each tenant's set is made.
#[derive(Debug)]
pub struct Rules {
    pub(super) types: Types,
    pub(super) actions: BTreeMap<Action, Entity>,
    pub(super) authorizer: Authorizer,
    validator: Validator,
    platform: RuleSet,
}

impl Rules {
    /// Those that come with the program.
    ///
    /// # Errors
    /// [`RulesError`]; a test holds that there is none.
    pub fn built_in() -> Result<Self, RulesError> {
        Self::of(SCHEMA, BASE)
    }

    pub(super) fn of(schema: &str, base: &str) -> Result<Self, RulesError> {
        let schema_error = |message: String| RulesError::Schema { message };
        let schema = Schema::from_str(schema).map_err(|error| schema_error(error.to_string()))?;
        let known = schema.action_entities().map_err(|error| schema_error(error.to_string()))?;
        let kind = EntityTypeName::from_str("Action").map_err(|error| schema_error(error.to_string()))?;
        let mut actions = BTreeMap::new();
        for action in Action::ALL {
            let found = known.get(&uid(&kind, action.as_str()));
            let entity = found.ok_or_else(|| schema_error(format!("it lacks the action {action}")))?;
            actions.insert(*action, entity.clone());
        }
        let validator = Validator::new(schema);
        let policies = named(&read(base)?)?;
        validate(&validator, &policies)?;
        let platform = RuleSet { tenant: None, policies, zones: Zones::default(), closed: None };
        Ok(Self { types: Types::new()?, actions, authorizer: Authorizer::new(), validator, platform })
    }

    /// The schema that policies are validated against, as text.
    #[must_use]
    pub const fn schema() -> &'static str {
        SCHEMA
    }

    /// The base policies, as text.
    #[must_use]
    pub const fn base() -> &'static str {
        BASE
    }

    /// The policies of the platform itself: no tenant's roles.
    #[must_use]
    pub const fn platform(&self) -> &RuleSet {
        &self.platform
    }
}

/// A policy's name in a tenant's namespace.
fn in_namespace(tenant: &TenantId, name: &str) -> String {
    format!("t/{tenant}/{name}")
}

/// A tenant's role, as policies name it. Names of tenants hold no slash.
pub(super) fn role_in(tenant: &TenantId, role: &str) -> String {
    format!("{tenant}/{role}")
}

fn read(text: &str) -> Result<PolicySet, RulesError> {
    PolicySet::from_str(text).map_err(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        RulesError::Text { message: messages.join("; ") }
    })
}

/// The same policies under the names that their `@id` gives them.
fn named(read: &PolicySet) -> Result<PolicySet, RulesError> {
    let put = |error: cedar_policy::PolicySetError| RulesError::Put { message: error.to_string() };
    let mut set = PolicySet::new();
    for (place, policy) in read.policies().enumerate() {
        let name = policy.annotation("id").ok_or(RulesError::Unnamed { number: place + 1 })?;
        set.add(policy.new_id(PolicyId::new(name))).map_err(put)?;
    }
    for (place, template) in read.templates().enumerate() {
        let name = template.annotation("id").ok_or(RulesError::Unnamed { number: place + 1 })?;
        set.add_template(template.new_id(PolicyId::new(name))).map_err(put)?;
    }
    Ok(set)
}

fn validate(validator: &Validator, policies: &PolicySet) -> Result<(), RulesError> {
    let result = validator.validate_with_level(policies, ValidationMode::Strict, LEVELS_MAX);
    // A warning, of a policy that can never apply say, is a mistake just as well.
    let errors = result.validation_errors().map(ToString::to_string);
    let messages: Vec<String> = errors.chain(result.validation_warnings().map(ToString::to_string)).collect();
    if messages.is_empty() { Ok(()) } else { Err(RulesError::Invalid { messages }) }
}
