//! Layers laid over each other: built-in, defaults, tier, region, tenant; later wins, field by field.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::Value;

use super::body::{Body, IsolationLevel, Lifecycle, Monitoring, Performance, Security};
use super::counts;
use super::cross::cross_check;
use super::problem::{Problems, nearest};
use super::vertical;
use super::workloads::{own_autoscaling, specs};
use super::{Document, DocumentKey};
use crate::id::{RegionName, TenantId, TierName};
use crate::spec::WorkloadSpec;

/// The documents that many tenants share.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// What every tenant gets.
    pub defaults: Option<Document>,
    /// What tenants of a tier get.
    pub tiers: BTreeMap<TierName, Document>,
    /// What tenants in a region get.
    pub regions: BTreeMap<RegionName, Document>,
}

/// A tenant's configuration with every layer resolved.
#[derive(Debug, Clone)]
pub struct Effective {
    /// Whose.
    pub tenant: TenantId,
    pub(super) value: Value,
    pub(super) body: Body,
}

/// Lays `over` over `under`: what it sets wins, and what it sets to nothing is built-in again.
pub(crate) fn merge(under: Value, over: &Value) -> Value {
    match (under, over) {
        (Value::Object(mut fields), Value::Object(over)) => {
            for (key, value) in over {
                match fields.get_mut(key) {
                    Some(known) if known.is_object() && value.is_object() => {
                        let before = known.take();
                        *known = merge(before, value);
                    }
                    _ => {
                        fields.insert(key.clone(), value.clone());
                    }
                }
            }
            Value::Object(fields)
        }
        (_, over) => over.clone(),
    }
}

impl Layers {
    /// Takes a shared document in; a tenant's is left aside.
    pub fn insert(&mut self, document: Document) {
        match document.key().clone() {
            DocumentKey::Defaults => self.defaults = Some(document),
            DocumentKey::Tier(name) => {
                self.tiers.insert(name, document);
            }
            DocumentKey::Region(name) => {
                self.regions.insert(name, document);
            }
            DocumentKey::Tenant(_) => {}
        }
    }

    /// Takes a shared document out.
    pub fn remove(&mut self, key: &DocumentKey) {
        match key {
            DocumentKey::Defaults => self.defaults = None,
            DocumentKey::Tier(name) => {
                self.tiers.remove(name);
            }
            DocumentKey::Region(name) => {
                self.regions.remove(name);
            }
            DocumentKey::Tenant(_) => {}
        }
    }

    /// A tenant's configuration.
    ///
    /// # Errors
    /// A tier or region that is not declared, and whatever the layers together contradict.
    pub fn resolve(&self, tenant: &Document) -> Result<Effective, Problems> {
        let stack = self.stack(tenant)?;
        let mut value = Value::Object(serde_json::Map::new());
        for (_, document) in &stack {
            value = merge(value, document.body());
        }
        let locate = |field: &str| {
            let setter = stack.iter().rev().find(|(_, document)| document.line(field).is_some());
            setter.map_or(tenant, |(_, document)| *document).locate(field)
        };
        let body = Body::deserialize(&value).map_err(|error| {
            let mut problem = tenant.locate("");
            problem.message = error.to_string();
            Problems(vec![problem])
        })?;
        cross_check(&body, &value, &locate).into_result()?;
        counts::check(&body, &value, true, &locate).into_result()?;
        let DocumentKey::Tenant(id) = tenant.key() else {
            let mut problem = tenant.locate("");
            problem.message = "it is no tenant's document".to_owned();
            return Err(Problems(vec![problem]));
        };
        if vertical::is_declared(&body) {
            let (specs, _) = specs(id, &body, &value);
            vertical::conflicts(&body, &specs, |name| own_autoscaling(&body, &value, name), &locate)?;
        }
        Ok(Effective { tenant: id.clone(), value, body })
    }

    /// The tier and region that a tenant names and that are not declared.
    ///
    /// # Errors
    /// Those.
    pub fn names_known(&self, tenant: &Document) -> Result<(), Problems> {
        self.stack(tenant).map(|_| ())
    }

    /// The layers of a tenant, weakest first.
    pub(super) fn stack<'a>(&'a self, tenant: &'a Document) -> Result<Vec<(String, &'a Document)>, Problems> {
        let named = |field: &str| tenant.body().get(field).and_then(Value::as_str);
        let mut stack: Vec<(String, &Document)> = Vec::with_capacity(4);
        let mut problems = Vec::new();
        stack.extend(self.defaults.iter().map(|document| ("defaults".to_owned(), document)));
        let mut miss = |field: &str, name: &str, known: Vec<&str>| {
            let mut problem = tenant.locate(field);
            problem.message = format!("there is no {field} `{name}`");
            problem.help = Some(nearest(name, known.iter().copied()).map_or_else(
                || format!("declare it in a document with `{field}_config`"),
                |name| format!("did you mean `{name}`?"),
            ));
            problems.push(problem);
        };
        if let Some(name) = named("tier") {
            match self.tiers.iter().find(|(tier, _)| tier.as_str() == name) {
                Some((_, document)) => stack.push((format!("tier {name}"), document)),
                None => miss("tier", name, self.tiers.keys().map(TierName::as_str).collect()),
            }
        }
        if let Some(name) = named("region") {
            match self.regions.iter().find(|(region, _)| region.as_str() == name) {
                Some((_, document)) => stack.push((format!("region {name}"), document)),
                None => miss("region", name, self.regions.keys().map(RegionName::as_str).collect()),
            }
        }
        stack.push((tenant.key().to_string().replace('`', ""), tenant));
        if problems.is_empty() { Ok(stack) } else { Err(Problems(problems)) }
    }
}

impl Effective {
    /// Every value that a layer set, merged.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The tenant's tier.
    #[must_use]
    pub fn tier(&self) -> Option<&str> {
        self.body.tier.as_deref()
    }

    /// The tenant's region.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.body.region.as_deref()
    }

    /// Where the tenant stands in its life.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.body.lifecycle.unwrap_or_default()
    }

    /// The tenant's labels.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.body.labels.clone().unwrap_or_default()
    }

    /// How the tenant is watched.
    #[must_use]
    pub fn monitoring(&self) -> Monitoring {
        self.body.monitoring.clone().unwrap_or_default()
    }

    /// How the tenant is kept apart.
    #[must_use]
    pub fn security(&self) -> Security {
        self.body.security.clone().unwrap_or_default()
    }

    /// How far apart the tenant is kept.
    #[must_use]
    pub fn isolation(&self) -> IsolationLevel {
        self.body.security.as_ref().and_then(|security| security.isolation_level).unwrap_or_default()
    }

    /// How fast the tenant is.
    #[must_use]
    pub fn performance(&self) -> Performance {
        self.body.performance.clone().unwrap_or_default()
    }

    /// What is asked for each of the tenant's workloads, ordered by name; nothing for a tenant that is not active.
    #[must_use]
    pub fn workloads(&self) -> Vec<WorkloadSpec> {
        if self.lifecycle() == Lifecycle::Active { self.specs() } else { Vec::new() }
    }

    /// As [`Effective::workloads`], whatever the tenant's life.
    pub(super) fn specs(&self) -> Vec<WorkloadSpec> {
        specs(&self.tenant, &self.body, &self.value).0
    }

    /// What was declared and cannot be done as it stands, for a person.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        specs(&self.tenant, &self.body, &self.value).1
    }
}
