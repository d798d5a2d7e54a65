//! Policies and roles that are written over the built-in ones: by the platform for all tenants, and by a tenant for itself.
//!
//! INVARIANT(own): each of a tenant's policies names the tenant and one of the tenant's roles in its scope, so that it
//! speaks of nobody and nothing else, neither lets strangers in nor locks the platform's own out; and its name lies in the
//! tenant's namespace, so that it takes no other's place. What is written, by whomever, still has to pass the walls.

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, ResourceConstraint, SlotId, Template,
};
use tenantry_domain::id::TenantId;
use thiserror::Error;

use super::{RuleSet, Rules, RulesError, TEMPLATES, in_namespace, read, role_in, uid, validate};
use crate::access::declared::Resolved;
use crate::access::zones::{ZONES_MAX, ZoneError};
use crate::access::{DeclaredError, DeclaredName, DeclaredRoles};

/// Most bytes of what a tenant, or the platform, writes.
pub const POLICY_BYTES_MAX: usize = 32 * 1024;
/// Most policies that a tenant, or the platform, writes: each is evaluated for each question about the tenant.
pub const POLICIES_MAX: usize = 32;

/// What somebody wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Policies, as Cedar's text.
    pub policies: String,
    /// Roles.
    pub roles: DeclaredRoles,
}

/// A policy that was written, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, as its `@id` gives it.
    pub name: String,
    /// Its id, as verdicts name it.
    pub id: String,
    /// Whether it permits; else it forbids.
    pub permits: bool,
    /// What it says of itself.
    pub says: String,
}

/// Why what was written was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WrittenError {
    /// They are too many or too long.
    #[error("policies may be {POLICIES_MAX} and have {POLICY_BYTES_MAX} bytes at most")]
    TooMuch,
    /// A policy's scope does not name the tenant.
    #[error(
        "policy `{name}` must say of what it speaks in its scope: `resource == Tenant::\"{tenant}\"` or `resource in Tenant::\"{tenant}\"`"
    )]
    Scope {
        /// The policy's name.
        name: String,
        /// Whose it is.
        tenant: TenantId,
    },
    /// A policy's scope does not name a role of the tenant.
    #[error("policy `{name}` must say of whom it speaks in its scope: `principal in Role::\"{tenant}/ROLE\"`")]
    Role {
        /// The policy's name.
        name: String,
        /// Whose it is.
        tenant: TenantId,
    },
    /// A template, which only the program links.
    #[error("policy `{name}` has a slot (`?principal`, `?resource`), which only built-in ones may have")]
    Template {
        /// The policy's name.
        name: String,
    },
    /// A name that is none.
    #[error("`{name}` is no name of a policy: 1 to 63 of lower-case letters, digits, `-`, `_` and `.`")]
    Name {
        /// What was given.
        name: String,
    },
    /// Two policies have one name.
    #[error("two policies have the name `{name}`")]
    Twice {
        /// What was given.
        name: String,
    },
    /// A time zone that there is not.
    #[error(
        "policy `{name}` asks for the time in `{zone}`, and there is no such time zone; try `Europe/Berlin` or `UTC`"
    )]
    Zone {
        /// The policy's name.
        name: String,
        /// What it asks for.
        zone: String,
    },
    /// Too many time zones.
    #[error("policies may ask for the time in {ZONES_MAX} zones at most")]
    Zones,
    /// Roles are not valid.
    #[error(transparent)]
    Declared(#[from] DeclaredError),
    /// They cannot be read or are not valid.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

/// What stands in every tenant's set: the built-in policies, and what the platform wrote.
#[derive(Debug, Clone)]
pub struct Shared {
    set: RuleSet,
    roles: DeclaredRoles,
}

impl Shared {
    /// The policies of the platform itself.
    #[must_use]
    pub const fn set(&self) -> &RuleSet {
        &self.set
    }

    /// The roles that the platform declares for all tenants.
    #[must_use]
    pub const fn roles(&self) -> &DeclaredRoles {
        &self.roles
    }
}

impl Rules {
    /// What stands in every tenant's set, with what the platform wrote.
    ///
    /// # Errors
    /// [`WrittenError`] says what is wrong; nothing is taken then.
    pub fn shared(&self, written: &Written) -> Result<Shared, WrittenError> {
        written.roles.check(&DeclaredRoles::default())?;
        let mut set = self.platform().clone();
        self.add_policies(&mut set, &written.policies, None)?;
        let mut made = PolicySet::new();
        for name in written.roles.roles.keys() {
            let resolved = written.roles.resolve(&DeclaredRoles::default(), name)?;
            let Some(text) = role_text(&resolved, "?principal", "?resource") else { continue };
            let template =
                Template::parse(Some(PolicyId::new(shared_role(name))), text).map_err(|error| unread(&error))?;
            made.add_template(template.clone()).map_err(|error| unput(&error))?;
            set.policies.add_template(template).map_err(|error| unput(&error))?;
        }
        validate(&self.validator, &made)?;
        Ok(Shared { set, roles: written.roles.clone() })
    }

    /// A tenant's policies: what stands in every set, the tenant's roles, and what the tenant wrote itself.
    ///
    /// # Errors
    /// [`WrittenError`] says what is wrong; nothing is taken then.
    pub fn set_of(&self, shared: &Shared, tenant: &TenantId, own: &Written) -> Result<RuleSet, WrittenError> {
        own.roles.check(&shared.roles)?;
        let mut set = shared.set.clone();
        set.tenant = Some(tenant.clone());
        for (role, template) in TEMPLATES {
            self.link(&mut set.policies, template, tenant, role.as_str(), &in_namespace(tenant, template))?;
        }
        for name in shared.roles.roles.keys().filter(|name| !own.roles.roles.contains_key(*name)) {
            let resolved = shared.roles.resolve(&DeclaredRoles::default(), name)?;
            if !resolved.actions.is_empty() {
                let id = in_namespace(tenant, &format!("role/{name}"));
                self.link(&mut set.policies, &shared_role(name), tenant, name.as_str(), &id)?;
            }
            self.link_built_in(&mut set.policies, tenant, name, &resolved)?;
        }
        for name in own.roles.roles.keys() {
            let resolved = own.roles.resolve(&shared.roles, name)?;
            let role = format!("Role::\"{}\"", role_in(tenant, name.as_str()));
            if let Some(text) = role_text(&resolved, &role, &format!("Tenant::\"{tenant}\"")) {
                let id = PolicyId::new(in_namespace(tenant, &format!("role/{name}")));
                let policy = Policy::parse(Some(id), text).map_err(|error| unread(&error))?;
                let mut alone = PolicySet::new();
                alone.add(policy.clone()).map_err(|error| unput(&error))?;
                validate(&self.validator, &alone)?;
                set.policies.add(policy).map_err(|error| unput(&error))?;
            }
            self.link_built_in(&mut set.policies, tenant, name, &resolved)?;
        }
        self.add_policies(&mut set, &own.policies, Some(tenant))?;
        Ok(set)
    }

    /// A tenant's policies where what the tenant wrote cannot be read. It may have forbidden something to whoever has a
    /// role in the tenant, so that those are refused; it cannot speak of others.
    ///
    /// # Errors
    /// [`WrittenError`] when they cannot be put together all the same.
    pub fn closed_set_of(&self, shared: &Shared, tenant: &TenantId, why: &str) -> Result<RuleSet, WrittenError> {
        let set = self.set_of(shared, tenant, &Written::default())?;
        Ok(RuleSet { closed: Some(format!("the policies of the tenant `{tenant}` cannot be read: {why}")), ..set })
    }

    /// A tenant's policies where nothing was written.
    ///
    /// # Errors
    /// [`RulesError::Put`] when a template is missing.
    pub fn of_tenant(&self, tenant: &TenantId) -> Result<RuleSet, RulesError> {
        let shared = Shared { set: self.platform().clone(), roles: DeclaredRoles::default() };
        self.set_of(&shared, tenant, &Written::default()).map_err(|error| match error {
            WrittenError::Rules(error) => error,
            other => RulesError::Put { message: other.to_string() },
        })
    }

    /// The policies of a text that is valid, in its order.
    ///
    /// # Errors
    /// [`RulesError`] when it cannot be read.
    pub fn list(&self, text: &str, of: Option<&TenantId>) -> Result<Vec<Listed>, RulesError> {
        let written = read(text)?;
        let mut listed: Vec<(usize, Listed)> = Vec::new();
        for policy in written.policies() {
            let name = policy.annotation("id").unwrap_or_default().to_owned();
            let one = Listed {
                id: id_of(of, &name),
                permits: policy.effect() == Effect::Permit,
                says: policy.annotation("says").unwrap_or_default().to_owned(),
                name,
            };
            // Cedar names policies `policy0`, `policy1` and so on, in the order of the text.
            let place = policy.id().to_string().trim_start_matches("policy").parse().unwrap_or(usize::MAX);
            listed.push((place, one));
        }
        listed.sort_by_key(|(place, _)| *place);
        Ok(listed.into_iter().map(|(_, one)| one).collect())
    }

    fn link(
        &self,
        policies: &mut PolicySet,
        template: &str,
        tenant: &TenantId,
        role: &str,
        id: &str,
    ) -> Result<(), RulesError> {
        let slots = [
            (SlotId::principal(), uid(&self.types.role, &role_in(tenant, role))),
            (SlotId::resource(), uid(&self.types.tenant, tenant.as_str())),
        ];
        let linked = policies.link(PolicyId::new(template), PolicyId::new(id), slots.into_iter().collect());
        linked.map_err(|error| unput(&error))
    }

    /// What a declared role has of built-in ones, under their conditions.
    fn link_built_in(
        &self,
        policies: &mut PolicySet,
        tenant: &TenantId,
        name: &DeclaredName,
        resolved: &Resolved,
    ) -> Result<(), RulesError> {
        for (_, template) in TEMPLATES.iter().filter(|(role, _)| resolved.built_in.contains(role)) {
            let id = in_namespace(tenant, &format!("role/{name}/{template}"));
            self.link(policies, template, tenant, name.as_str(), &id)?;
        }
        Ok(())
    }

    /// Adds what was written; of a tenant's, only what keeps to the tenant.
    fn add_policies(&self, set: &mut RuleSet, text: &str, of: Option<&TenantId>) -> Result<(), WrittenError> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(WrittenError::TooMuch);
        }
        if text.trim().is_empty() {
            return Ok(());
        }
        let written = read(text)?;
        if written.num_of_policies() > POLICIES_MAX {
            return Err(WrittenError::TooMuch);
        }
        if let Some(template) = written.templates().next() {
            let name = template.annotation("id").unwrap_or("without a name").to_owned();
            return Err(WrittenError::Template { name });
        }
        let mut made = PolicySet::new();
        for (place, policy) in written.policies().enumerate() {
            let name = policy.annotation("id").ok_or(RulesError::Unnamed { number: place + 1 })?.to_owned();
            TenantId::new(name.as_str()).map_err(|_| WrittenError::Name { name: name.clone() })?;
            if let Some(tenant) = of {
                if !speaks_of(policy, &uid(&self.types.tenant, tenant.as_str())) {
                    return Err(WrittenError::Scope { name, tenant: tenant.clone() });
                }
                if !self.speaks_to(policy, tenant) {
                    return Err(WrittenError::Role { name, tenant: tenant.clone() });
                }
            }
            set.zones.add(policy).map_err(|error| match error {
                ZoneError::Unknown(zone) => WrittenError::Zone { name: name.clone(), zone },
                ZoneError::TooMany => WrittenError::Zones,
            })?;
            let policy = policy.new_id(PolicyId::new(id_of(of, &name)));
            made.add(policy.clone()).map_err(|_| WrittenError::Twice { name: name.clone() })?;
            set.policies.add(policy).map_err(|error| unput(&error))?;
        }
        validate(&self.validator, &made)?;
        Ok(())
    }

    /// Whether the policy's scope keeps it to those who have a role in the tenant, one of the tenant's own making
    /// included.
    fn speaks_to(&self, policy: &Policy, tenant: &TenantId) -> bool {
        match policy.principal_constraint() {
            PrincipalConstraint::In(role) | PrincipalConstraint::IsIn(_, role) => {
                let named = role.id().unescaped().split_once('/');
                *role.type_name() == self.types.role && named.is_some_and(|(owner, _)| owner == tenant.as_str())
            }
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) | PrincipalConstraint::Eq(_) => false,
        }
    }
}

/// Whether the policy's scope keeps it to the tenant.
fn speaks_of(policy: &Policy, tenant: &EntityUid) -> bool {
    match policy.resource_constraint() {
        ResourceConstraint::Eq(named) | ResourceConstraint::In(named) | ResourceConstraint::IsIn(_, named) => {
            named == *tenant
        }
        ResourceConstraint::Any | ResourceConstraint::Is(_) => false,
    }
}

/// The id of a policy that was written. Two slashes deep in a tenant's namespace, where no role's link is.
fn id_of(of: Option<&TenantId>, name: &str) -> String {
    of.map_or_else(|| format!("p/{name}"), |tenant| in_namespace(tenant, &format!("own/{name}")))
}

/// The id of the template of a role that the platform declares.
fn shared_role(name: &DeclaredName) -> String {
    format!("p/role/{name}")
}

/// The policy that permits a declared role's own actions; none where it has none.
fn role_text(resolved: &Resolved, principal: &str, resource: &str) -> Option<String> {
    if resolved.actions.is_empty() {
        return None;
    }
    let actions: Vec<String> = resolved.actions.iter().map(|action| format!("Action::\"{action}\"")).collect();
    let says = "a declared role's actions";
    Some(format!(
        "@says(\"{says}\") permit (principal in {principal}, action in [{}], resource in {resource});",
        actions.join(", ")
    ))
}

fn unread(error: &cedar_policy::ParseErrors) -> RulesError {
    RulesError::Text { message: error.to_string() }
}

fn unput(error: &cedar_policy::PolicySetError) -> RulesError {
    RulesError::Put { message: error.to_string() }
}
