//! Cases of policies, judged: each with what came of it, and which policies no case reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_engine::access::{
    Action, Binding, Circumstances, Principal, Reach, Resource, Rewrite, RoleName, RuleSet, Rules, Sizes, TenantFacts,
    Verdict,
};

/// Two o'clock in the afternoon of a Monday, unless a case says when.
const USUALLY_AT: Timestamp = Timestamp::from_millis(1_772_460_000_000);

/// A case of a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    #[serde(default)]
    name: Option<String>,
    who: Who,
    action: Action,
    on: String,
    #[serde(default)]
    when: When,
    #[serde(default)]
    about: About,
    expect: Expected,
    /// Policies that say so, by name or by id; where absent it does not matter which.
    #[serde(default)]
    by: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Who {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expected {
    Allow,
    Deny,
}

/// Circumstances.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct When {
    at: Option<String>,
    from: Option<IpAddr>,
    dry_run: bool,
    scale: Option<Scale>,
    touches: BTreeSet<String>,
    reaches: Vec<Reached>,
    raises: u32,
}

/// What a change reaches beyond the tenant, as it is written.
#[derive(Debug, Clone, Copy, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Reached {
    /// Objects in a namespace that is not the tenant's.
    Objects,
    /// Series of others.
    Series,
    /// Another isolation level.
    Apart,
}

impl From<Reached> for Reach {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Objects => Self::Objects,
            Reached::Series => Self::Series,
            Reached::Apart => Self::Apart,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    from: u32,
    to: u32,
}

/// What is known of the tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct About {
    tier: Option<String>,
    region: Option<String>,
    labels: BTreeMap<String, String>,
    suspended: bool,
    declared: bool,
}

impl Default for About {
    fn default() -> Self {
        Self { tier: None, region: None, labels: BTreeMap::new(), suspended: false, declared: true }
    }
}

/// A case with what came of it.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    pub(super) name: String,
    pub(super) expected: Expected,
    pub(super) got: Expected,
    /// The policies that decided.
    pub(super) by: Vec<String>,
    /// What is other than expected.
    pub(super) differs: Option<String>,
}

/// Judges a case by the sets of policies: of the tenant that the table is about, and of others and the platform.
pub(super) fn judge(
    rules: &Rules,
    set: impl Fn(Option<&TenantId>) -> Result<RuleSet, String>,
    case: &Case,
    home: Option<&TenantId>,
) -> Result<Judged, String> {
    let name = case.name.clone().unwrap_or_else(|| format!("{} {} {}", case.who(), case.action, case.on));
    let fault = |error: String| format!("case `{name}`: {error}");
    let resource = resource(case).map_err(fault)?;
    let roles = match &case.who {
        Who::One(one) => std::slice::from_ref(one),
        Who::Many(many) => many,
    };
    let home = resource.tenant().map(|tenant| &tenant.id).or(home);
    let bindings = roles.iter().map(|role| binding(role, home)).collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let principal = Principal { id: "somebody".to_owned(), bindings, glass: false };
    let set = set(resource.tenant().map(|tenant| &tenant.id)).map_err(fault)?;
    let verdict = rules.decide(&set, &principal, case.action, &resource, &case.circumstances().map_err(fault)?);
    let differs = differs(case, &verdict);
    let got = if verdict.allowed { Expected::Allow } else { Expected::Deny };
    Ok(Judged { name, expected: case.expect, got, by: verdict.policies, differs })
}

impl Case {
    fn who(&self) -> String {
        match &self.who {
            Who::One(one) => one.clone(),
            Who::Many(many) => many.join("+"),
        }
    }

    fn circumstances(&self) -> Result<Circumstances, String> {
        let When { at, from, dry_run, scale, touches, reaches, raises } = &self.when;
        let reaches = reaches.iter().copied().map(Reach::from).collect();
        let now = match at {
            None => USUALLY_AT,
            Some(text) => {
                let at: jiff::Timestamp = text.parse().map_err(|error| format!("`at`: {error}"))?;
                Timestamp::from_millis(at.as_millisecond())
            }
        };
        let sizes = |from: u32, to: u32| Sizes { from: Replicas::new(from), to: Replicas::new(to) };
        let ceilings = vec![sizes(100, 100_u32.saturating_add(*raises))];
        Ok(Circumstances {
            now,
            dry_run: *dry_run,
            from: *from,
            scale: scale.map(|scale| sizes(scale.from, scale.to)),
            rewrite: Some(Rewrite { touches: touches.clone(), ceilings, reaches }),
        })
    }
}

/// `platform`, `TENANT` or `TENANT/WORKLOAD`.
fn resource(case: &Case) -> Result<Resource, String> {
    let facts = |id: TenantId| {
        let About { tier, region, labels, suspended, declared } = case.about.clone();
        TenantFacts { id, declared, tier, region, labels, suspended }
    };
    if case.on == "platform" {
        return Ok(Resource::Platform);
    }
    if case.on.contains('/') {
        let key: WorkloadKey = case.on.parse().map_err(|error| format!("`on`: {error}"))?;
        return Ok(Resource::Workload { name: key.workload, tenant: facts(key.tenant) });
    }
    TenantId::new(case.on.as_str()).map(|id| Resource::Tenant(facts(id))).map_err(|error| format!("`on`: {error}"))
}

fn binding(text: &str, home: Option<&TenantId>) -> Result<Binding, String> {
    let (role, tenant) = text.split_once('@').map_or((text, None), |(role, tenant)| (role, Some(tenant)));
    let role: RoleName = role.parse().map_err(|error| format!("`who`: {error}"))?;
    let tenant = match tenant {
        Some(tenant) => Some(TenantId::new(tenant).map_err(|error| format!("`who`: {error}"))?),
        None => home.filter(|_| role.is_of_tenant()).cloned(),
    };
    Binding::new(role, tenant).map_err(|error| format!("`who`: {error}"))
}

fn differs(case: &Case, verdict: &Verdict) -> Option<String> {
    if !verdict.errors.is_empty() {
        return Some(verdict.errors.join("; "));
    }
    let said =
        if verdict.policies.is_empty() { "no policy permits it".to_owned() } else { verdict.policies.join(", ") };
    match (case.expect, verdict.allowed) {
        (Expected::Allow, false) => return Some(format!("expected allow, got deny: {said}")),
        (Expected::Deny, true) => return Some(format!("expected deny, got allow: {said}")),
        _ => {}
    }
    let wanted = case.by.as_ref()?;
    let is = |id: &str, name: &str| id == name || id.rsplit('/').next() == Some(name);
    let all = wanted.iter().all(|name| verdict.policies.iter().any(|id| is(id, name)));
    let only = verdict.policies.iter().all(|id| wanted.iter().any(|name| is(id, name)));
    let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
    (!all || !only).then(|| format!("expected it to be said by {}, and it is by {said}", names.join(", ")))
}
