//! Who may do what, in tables; the traps of the engine; and what must hold whatever is asked.

mod conditions;
mod docs;
mod matrix;
mod own;
mod table;
mod traps;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use tenantry_domain::id::{TenantId, WorkloadName};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;

use super::*;

/// The built-in policies, read once.
static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().unwrap());

fn id(text: &str) -> TenantId {
    TenantId::new(text).unwrap()
}

/// A declared tenant in good standing.
fn facts(tenant: &str) -> TenantFacts {
    let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    let (tier, region) = (Some("gold".to_owned()), Some("eu-west-1".to_owned()));
    TenantFacts { id: id(tenant), declared: true, tier, region, labels, suspended: false }
}

fn tenant(name: &str) -> Resource {
    Resource::Tenant(facts(name))
}

fn workload(name: &str) -> Resource {
    Resource::Workload { name: WorkloadName::new("api").unwrap(), tenant: facts(name) }
}

/// A resource of a tenant for each kind that an action can be done to.
fn resources(action: Action, of: &str) -> Vec<Resource> {
    let kinds = action.kinds().iter();
    let of = |kind: &Kind| match kind {
        Kind::Platform => None,
        Kind::Tenant => Some(tenant(of)),
        Kind::Workload => Some(workload(of)),
    };
    kinds.filter_map(of).collect()
}

/// Somebody with a role, in a tenant where it is a tenant's.
fn somebody(role: Role, of: &str) -> Principal {
    let tenant = role.is_of_tenant().then(|| id(of));
    Principal { id: format!("token:{role}"), bindings: vec![Binding::new(role, tenant).unwrap()], glass: false }
}

fn nobody() -> Principal {
    Principal { id: "token:nobody".to_owned(), bindings: Vec::new(), glass: false }
}

fn sizes(from: u32, to: u32) -> Sizes {
    Sizes { from: Replicas::new(from), to: Replicas::new(to) }
}

fn rewrite(touches: &[&str], ceilings: &[Sizes]) -> Rewrite {
    let touches: BTreeSet<String> = touches.iter().map(|field| (*field).to_owned()).collect();
    Rewrite { touches, ceilings: ceilings.to_vec(), reaches: BTreeSet::new() }
}

/// On a Wednesday, with every circumstance said and none that hinders.
fn harmless() -> Circumstances {
    Circumstances {
        from: Some("192.0.2.7".parse().unwrap()),
        scale: Some(sizes(4, 6)),
        rewrite: Some(rewrite(&["autoscaling"], &[sizes(10, 15)])),
        ..Circumstances::at(Timestamp::from_millis(1_795_600_000_123))
    }
}

/// The set of policies that speaks of a resource.
fn set_for(rules: &Rules, resource: &Resource) -> RuleSet {
    resource.tenant().map_or_else(|| rules.platform().clone(), |tenant| rules.of_tenant(&tenant.id).unwrap())
}

fn ask(principal: &Principal, action: Action, resource: &Resource, circumstances: &Circumstances) -> Verdict {
    RULES.decide(&set_for(&RULES, resource), principal, action, resource, circumstances)
}
