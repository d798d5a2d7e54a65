//! Cases of policies, judged: each with what came of it, and which policies no case reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use thiserror::Error;

use super::{
    Action, Binding, Circumstances, Principal, Reach, Resource, Rewrite, RoleName, RuleSet, Rules, Sizes, TenantFacts,
    Verdict, Written, WrittenError,
};

/// Most cases that are judged at once.
pub const CASES_MAX: usize = 1000;

/// Two o'clock in the afternoon of a Monday, unless a case says when.
const USUALLY_AT: Timestamp = Timestamp::from_millis(1_772_460_000_000);

/// A case of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
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

/// Roles, of which one may stand alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "OneOrMany")]
struct Who(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Who {
    fn from(read: OneOrMany) -> Self {
        match read {
            OneOrMany::One(one) => Self(vec![one]),
            OneOrMany::Many(many) => Self(many),
        }
    }
}

/// How a case is to come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// They may.
    Allow,
    /// They may not.
    Deny,
}

/// Circumstances.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct When {
    at: Option<String>,
    from: Option<IpAddr>,
    dry_run: bool,
    scale: Option<Scale>,
    touches: BTreeSet<String>,
    reaches: BTreeSet<Reach>,
    raises: u32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    from: u32,
    to: u32,
}

/// What is known of the tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name, or what it asks.
    pub name: String,
    /// What it says.
    pub expected: Expected,
    /// What is so.
    pub got: Expected,
    /// The policies that decided.
    pub by: Vec<String>,
    /// What is other than expected.
    pub differs: Option<String>,
}

/// What came of a table of cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Each of them, in their order.
    pub cases: Vec<Judged>,
    /// How many came out otherwise.
    pub failed: usize,
    /// Policies that no case reaches.
    pub unreached: Vec<String>,
}

/// Why cases were not judged.
#[derive(Debug, Error)]
pub enum CasesError {
    /// A case does not say what it asks.
    #[error("case `{name}`: {why}")]
    Case {
        /// Which.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There are too many at once, or none.
    #[error("there are {0} cases, and 1 to {CASES_MAX} are judged at once")]
    Count(usize),
    /// What is tested is not valid.
    #[error(transparent)]
    Written(#[from] WrittenError),
}

/// Judges cases by what is written of one tenant, or of the platform where there is none, and by what the platform wrote
/// for all. Other tenants are taken as if they had written nothing.
///
/// # Errors
/// [`CasesError`].
pub fn judged(
    rules: &Rules,
    tenant: Option<&TenantId>,
    (shared, own): (&Written, &Written),
    cases: &[Case],
) -> Result<Report, CasesError> {
    if !(1..=CASES_MAX).contains(&cases.len()) {
        return Err(CasesError::Count(cases.len()));
    }
    let text = if tenant.is_some() { &own.policies } else { &shared.policies };
    let tested = rules.list(text, tenant).map_err(WrittenError::from)?;
    let shared = rules.shared(shared)?;
    let own_set = tenant.map(|tenant| rules.set_of(&shared, tenant, own)).transpose()?;
    let set = |asked: Option<&TenantId>| match (asked, &own_set) {
        (None, _) => Ok(shared.set().clone()),
        (Some(asked), Some(set)) if Some(asked) == tenant => Ok(set.clone()),
        (Some(asked), _) => rules.set_of(&shared, asked, &Written::default()).map_err(|error| error.to_string()),
    };
    let mut reached: BTreeMap<String, bool> = tested.into_iter().map(|one| (one.id, false)).collect();
    let mut all = Vec::with_capacity(cases.len());
    for case in cases {
        let judged = judge(rules, set, case, tenant).map_err(|why| CasesError::Case { name: case.name(), why })?;
        for id in &judged.by {
            if let Some(is) = reached.get_mut(id) {
                *is = true;
            }
        }
        all.push(judged);
    }
    let failed = all.iter().filter(|judged| judged.differs.is_some()).count();
    let unreached = reached.into_iter().filter(|(_, is)| !is).map(|(id, _)| id).collect();
    Ok(Report { cases: all, failed, unreached })
}

fn judge(
    rules: &Rules,
    set: impl Fn(Option<&TenantId>) -> Result<RuleSet, String>,
    case: &Case,
    home: Option<&TenantId>,
) -> Result<Judged, String> {
    let resource = resource(case)?;
    let home = resource.tenant().map(|tenant| &tenant.id).or(home);
    let bindings = case.who.0.iter().map(|role| binding(role, home)).collect::<Result<Vec<_>, _>>()?;
    let principal = Principal { id: "somebody".to_owned(), bindings, glass: false };
    let set = set(resource.tenant().map(|tenant| &tenant.id))?;
    let verdict = rules.decide(&set, &principal, case.action, &resource, &case.circumstances()?);
    let differs = differs(case, &verdict);
    let got = if verdict.allowed { Expected::Allow } else { Expected::Deny };
    Ok(Judged { name: case.name(), expected: case.expect, got, by: verdict.policies, differs })
}

impl Case {
    /// Its name, or what it asks.
    fn name(&self) -> String {
        let asks = || format!("{} {} {}", self.who.0.join("+"), self.action, self.on);
        self.name.clone().unwrap_or_else(asks)
    }

    fn circumstances(&self) -> Result<Circumstances, String> {
        let When { at, from, dry_run, scale, touches, reaches, raises } = &self.when;
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
            rewrite: Some(Rewrite { touches: touches.clone(), ceilings, reaches: reaches.clone() }),
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
