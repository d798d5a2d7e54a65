//! Which roles somebody has, by what is known of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tenantry_domain::time::Timestamp;
use tenantry_policy::access::{Binding, Principal};

use super::Method;

/// Somebody who is known from elsewhere, before their roles are.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// How they were known.
    pub method: Method,
    /// A name that nobody else has: `oidc:dex:ada@example.org`.
    pub id: String,
    /// The name as rules have it: `ada@example.org`.
    pub name: String,
    /// Groups; of a certificate its organisations.
    pub groups: Vec<String>,
    /// Names of a certificate that are addresses, such as `spiffe://example.org/ci`.
    pub uris: Vec<String>,
    /// All that a token claims.
    pub claims: Map<String, Value>,
    /// Until when they are known without being asked again; none where that is not known.
    pub until: Option<Timestamp>,
}

impl Person {
    /// As who asks, with the roles that the rules give.
    #[must_use]
    pub fn principal(&self, rules: &[Rule]) -> Principal {
        let given = rules.iter().filter(|rule| rule.who.is(self));
        let mut bindings: Vec<Binding> = given.map(|rule| rule.binding.clone()).collect();
        bindings.sort();
        bindings.dedup();
        Principal { id: self.id.clone(), bindings, glass: false }
    }
}

/// Who is meant: whoever fits all that is said. INVARIANT(somebody): at least one thing is said, as the document is
/// refused otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Who {
    /// Of this name.
    pub name: Option<String>,
    /// In this group.
    pub group: Option<String>,
    /// With this address among the names of a certificate.
    pub uri: Option<String>,
    /// With these claims: equal to the value, or, for a list, one of whose entries is.
    pub claims: BTreeMap<String, Value>,
}

impl Who {
    /// Whether nothing is said, which would mean everybody.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.name.is_none() && self.group.is_none() && self.uri.is_none() && self.claims.is_empty()
    }

    /// Whether somebody is meant.
    #[must_use]
    pub fn is(&self, person: &Person) -> bool {
        !self.is_everybody()
            && self.name.as_ref().is_none_or(|name| *name == person.name)
            && self.group.as_ref().is_none_or(|group| person.groups.contains(group))
            && self.uri.as_ref().is_none_or(|uri| person.uris.contains(uri))
            && self.claims.iter().all(|(name, wanted)| claims(&person.claims, name, wanted))
    }
}

/// Whether a claim has a value, or is a list with it.
pub(super) fn claims(claims: &Map<String, Value>, name: &str, wanted: &Value) -> bool {
    match claims.get(name) {
        Some(Value::Array(given)) => given.contains(wanted),
        Some(given) => given == wanted,
        None => false,
    }
}

/// A role and who has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Who.
    pub who: Who,
    /// As what, and where.
    pub binding: Binding,
}
