//! Who may do what, 10,000 tenants: `cargo run --release -p tenantry-policy --example access`
//!
//! A decision is the whole of it: the question is put together from a principal and a tenant's facts, and answered by
//! that tenant's set of policies.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program at the edge: it makes its own input, times itself and prints"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use tenantry_domain::id::{TenantId, WorkloadName};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_policy::access::{
    Action, Binding, Circumstances, Principal, Resource, Rewrite, Role, RuleSet, Rules, Sizes, TenantFacts,
};

const TENANTS: usize = 10_000;
const DECISIONS: usize = 200_000;

fn id(number: usize) -> TenantId {
    TenantId::new(format!("tenant-{number}")).unwrap()
}

fn facts(number: usize) -> TenantFacts {
    let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned()), ("team".to_owned(), format!("team-{number}"))]);
    TenantFacts {
        id: id(number),
        declared: true,
        tier: Some("gold".to_owned()),
        region: Some("eu-west-1".to_owned()),
        labels,
        suspended: false,
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// A dice without a library; the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % sides
    }
}

fn say(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!("{name:<34} p50 {:6.1} us   p99 {:6.1} us", at(50), at(99));
}

fn main() {
    let rules = Rules::built_in().unwrap();
    let before = resident_mib();
    let begun = Instant::now();
    let sets: Vec<RuleSet> = (0..TENANTS).map(|number| rules.of_tenant(&id(number)).unwrap()).collect();
    println!(
        "{:<34} {:6.2} s, {:.1} KiB each",
        "10,000 tenants' sets",
        begun.elapsed().as_secs_f64(),
        (resident_mib() - before) * 1024.0 / 10_000.0
    );

    let tenants: Vec<TenantFacts> = (0..TENANTS).map(facts).collect();
    let circumstances = Circumstances {
        from: Some("192.0.2.7".parse().unwrap()),
        scale: Some(Sizes { from: Replicas::new(4), to: Replicas::new(6) }),
        rewrite: Some(Rewrite { touches: BTreeSet::from(["autoscaling".to_owned()]), ..Rewrite::default() }),
        ..Circumstances::at(Timestamp::from_millis(1_795_600_000_000))
    };
    let mut dice = Dice(0x5eed);
    let mut times = Vec::with_capacity(DECISIONS);
    let mut allowed = 0_usize;
    for _ in 0..DECISIONS {
        let number = dice.below(TENANTS);
        let role = Role::ALL[dice.below(Role::ALL.len())];
        // One in ten asks about another's.
        let home = if dice.below(10) == 0 { dice.below(TENANTS) } else { number };
        let binding = Binding::new(role, role.is_of_tenant().then(|| id(home))).unwrap();
        let principal = Principal { id: format!("token:{number}"), bindings: vec![binding], glass: false };
        let tenant = tenants[number].clone();
        let action = Action::ALL[dice.below(Action::ALL.len())];
        let resource = match action.kinds().last() {
            Some(tenantry_policy::access::Kind::Workload) => {
                Resource::Workload { name: WorkloadName::new("api").unwrap(), tenant }
            }
            Some(tenantry_policy::access::Kind::Tenant) => Resource::Tenant(tenant),
            _ => Resource::Platform,
        };
        let set = if resource.tenant().is_some() { &sets[number] } else { rules.platform() };
        let begun = Instant::now();
        let verdict = black_box(rules.decide(set, black_box(&principal), action, black_box(&resource), &circumstances));
        times.push(begun.elapsed());
        assert!(verdict.errors.is_empty(), "{verdict:?}");
        allowed += usize::from(verdict.allowed);
    }
    say("a decision", times);
    println!("{:<34} {allowed} of {DECISIONS}", "allowed");

    let times = (0..2_000).map(|number| {
        let tenant = id(number);
        let begun = Instant::now();
        black_box(rules.of_tenant(black_box(&tenant)).unwrap());
        begun.elapsed()
    });
    say("one tenant's set made anew", times.collect());

    // A role that is given or taken is part of the question: the very next one is answered by it, with the set as it is.
    let (set, resource) = (&sets[0], Resource::Tenant(tenants[0].clone()));
    let mut times = Vec::new();
    for round in 0..10_000 {
        let has = round % 2 == 0;
        let bindings = if has { vec![Binding::new(Role::TenantViewer, Some(id(0))).unwrap()] } else { Vec::new() };
        let principal = Principal { id: "token:x".to_owned(), bindings, glass: false };
        let begun = Instant::now();
        let verdict = rules.decide(set, &principal, Action::ReadConfig, &resource, &circumstances);
        times.push(begun.elapsed());
        assert_eq!(verdict.allowed, has);
    }
    say("a role changed, until it counts", times);
}
