//! Roles that are declared: named sets of actions, beside the roles that come with the program.
//!
//! INVARIANT(no more than an administrator): a declared role is one in a tenant, and holds only what is a tenant's own to
//! do. The walls stand over it as over every other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tenantry_domain::id::TenantId;
use thiserror::Error;

use super::{Action, Role};

/// Most roles that a tenant, or the platform, declares.
pub const ROLES_MAX: usize = 32;
/// Longest name of a declared role, in characters.
const NAME_LENGTH_MAX: usize = 63;
/// Most characters of what a role says of itself.
const SAYS_LENGTH_MAX: usize = 200;

/// The name of a declared role: lower-case letters, digits, `-`, `_` and `.`; none of the built-in roles' names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeclaredName(String);

/// Why a text is no name of a role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "there is no role `{text}`; there are {}, and in a tenant those that are declared, whose names have 1 to \
     {NAME_LENGTH_MAX} of lower-case letters, digits, `-`, `_` and `.`",
    Role::ALL.map(Role::as_str).join(", ")
)]
pub struct RoleNameError {
    /// What was given.
    pub text: String,
}

impl DeclaredName {
    /// Checks `text` and makes the name.
    ///
    /// # Errors
    /// [`RoleNameError`] when it has another form, or is a built-in role's.
    pub fn new(text: impl Into<String>) -> Result<Self, RoleNameError> {
        let text = text.into();
        // Names of tenants have the same form.
        if TenantId::new(text.as_str()).is_err() || text.parse::<Role>().is_ok() {
            return Err(RoleNameError { text });
        }
        Ok(Self(text))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeclaredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for DeclaredName {
    type Error = RoleNameError;

    fn try_from(text: String) -> Result<Self, RoleNameError> {
        Self::new(text)
    }
}

impl From<DeclaredName> for String {
    fn from(name: DeclaredName) -> Self {
        name.0
    }
}

/// A role by its name: one that comes with the program, or one that is declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RoleName {
    /// Comes with the program.
    BuiltIn(Role),
    /// Declared, in a tenant or by the platform for all tenants. Opens nothing where it is not declared.
    Declared(DeclaredName),
}

impl RoleName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.as_str(),
            Self::Declared(name) => name.as_str(),
        }
    }

    /// Whether it is one in a tenant, and not on the platform.
    #[must_use]
    pub const fn is_of_tenant(&self) -> bool {
        match self {
            Self::BuiltIn(role) => role.is_of_tenant(),
            Self::Declared(_) => true,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        Self::BuiltIn(role)
    }
}

impl From<DeclaredName> for RoleName {
    fn from(name: DeclaredName) -> Self {
        Self::Declared(name)
    }
}

impl PartialEq<Role> for RoleName {
    fn eq(&self, other: &Role) -> bool {
        matches!(self, Self::BuiltIn(role) if role == other)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RoleName {
    type Err = RoleNameError;

    fn from_str(text: &str) -> Result<Self, RoleNameError> {
        text.parse::<Role>().map(Self::BuiltIn).or_else(|_| DeclaredName::new(text).map(Self::Declared))
    }
}

impl TryFrom<String> for RoleName {
    type Error = RoleNameError;

    fn try_from(text: String) -> Result<Self, RoleNameError> {
        text.parse()
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> Self {
        name.to_string()
    }
}

/// What a declared role may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredRole {
    /// What it is for, in its maker's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
    /// What it may do.
    #[serde(default)]
    pub actions: BTreeSet<Action>,
    /// Whose actions it has besides, under the conditions under which those have them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<RoleName>,
}

/// The roles that a tenant declares for itself, or the platform for all tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredRoles {
    /// By name.
    pub roles: BTreeMap<DeclaredName, DeclaredRole>,
}

/// Why roles were not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeclaredError {
    /// They are too many.
    #[error("there may be {ROLES_MAX} declared roles at most")]
    TooMany,
    /// One is for nothing.
    #[error("role `{name}` has no actions: give it `actions`, or `roles` whose actions it has")]
    Empty {
        /// Which.
        name: DeclaredName,
    },
    /// One says too much of itself.
    #[error("role `{name}`: `says` has {SAYS_LENGTH_MAX} characters at most, and no control characters")]
    Says {
        /// Which.
        name: DeclaredName,
    },
    /// One would hold what no tenant's administrator may.
    #[error("role `{name}` cannot have {action}: a declared role holds no more than a tenant's administrator may")]
    Beyond {
        /// Which.
        name: DeclaredName,
        /// What it asks for.
        action: Action,
    },
    /// One names a role of the platform's.
    #[error("role `{name}` cannot be {role}: a declared role holds no more than a tenant's administrator may")]
    Platform {
        /// Which.
        name: DeclaredName,
        /// What it asks for.
        role: Role,
    },
    /// One names a role that there is not.
    #[error("role `{name}` names the role `{missing}`, which is not declared")]
    Missing {
        /// Which.
        name: DeclaredName,
        /// What it names.
        missing: DeclaredName,
    },
    /// One names itself, by way of others or not.
    #[error("role `{name}` names itself by way of the roles that it has")]
    Circle {
        /// Which.
        name: DeclaredName,
    },
}

/// All that a role comes to: actions of its own and of other declared roles, and built-in roles.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) actions: BTreeSet<Action>,
    pub(super) built_in: BTreeSet<Role>,
}

impl DeclaredRoles {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// Checks the roles; `shared` are those that the platform declares for all tenants, which they may name.
    ///
    /// # Errors
    /// [`DeclaredError`] says which of them is wrong.
    pub fn check(&self, shared: &Self) -> Result<(), DeclaredError> {
        if self.roles.len() > ROLES_MAX {
            return Err(DeclaredError::TooMany);
        }
        for (name, role) in &self.roles {
            let name = || name.clone();
            if role.says.chars().count() > SAYS_LENGTH_MAX || role.says.chars().any(char::is_control) {
                return Err(DeclaredError::Says { name: name() });
            }
            if let Some(action) = role.actions.iter().find(|action| !action.is_of_tenant()) {
                return Err(DeclaredError::Beyond { name: name(), action: *action });
            }
            let platform = role.roles.iter().find_map(|named| match named {
                RoleName::BuiltIn(role) if !role.is_of_tenant() => Some(*role),
                _ => None,
            });
            if let Some(role) = platform {
                return Err(DeclaredError::Platform { name: name(), role });
            }
            if role.actions.is_empty() && role.roles.is_empty() {
                return Err(DeclaredError::Empty { name: name() });
            }
        }
        self.roles.keys().try_for_each(|name| self.resolve(shared, name).map(|_| ()))
    }

    /// What a role comes to. A tenant's own role stands before the platform's of the same name.
    pub(super) fn resolve(&self, shared: &Self, name: &DeclaredName) -> Result<Resolved, DeclaredError> {
        let mut resolved = Resolved::default();
        self.gather(shared, name, &mut Vec::new(), &mut resolved)?;
        Ok(resolved)
    }

    fn gather<'a>(
        &'a self,
        shared: &'a Self,
        name: &'a DeclaredName,
        above: &mut Vec<&'a DeclaredName>,
        into: &mut Resolved,
    ) -> Result<(), DeclaredError> {
        // As deep as there are roles at most, as none comes twice on the way.
        if above.contains(&name) {
            return Err(DeclaredError::Circle { name: name.clone() });
        }
        let Some(role) = self.roles.get(name).or_else(|| shared.roles.get(name)) else {
            let by = above.last().copied().unwrap_or(name).clone();
            return Err(DeclaredError::Missing { name: by, missing: name.clone() });
        };
        above.push(name);
        into.actions.extend(&role.actions);
        for named in &role.roles {
            match named {
                RoleName::BuiltIn(role) => drop(into.built_in.insert(*role)),
                RoleName::Declared(name) => self.gather(shared, name, above, into)?,
            }
        }
        above.pop();
        Ok(())
    }
}
