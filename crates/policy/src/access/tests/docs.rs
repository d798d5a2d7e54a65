//! Every policy that `docs/policies.md` shows, evaluated on both sides of its condition.

use super::*;

const DOCS: &str = include_str!("../../../../../docs/policies.md");

fn shown() -> String {
    DOCS.split("```cedar\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Whether a case is allowed, and whether the policy had a say.
fn case(role: Role, action: Action, facts: TenantFacts, circumstances: &Circumstances) -> (bool, Vec<String>) {
    let own = Written { policies: shown(), ..Written::default() };
    let shared = RULES.shared(&Written::default()).unwrap();
    let set = RULES.set_of(&shared, &id("acme"), &own).unwrap();
    let resource = if action == Action::WriteConfig {
        Resource::Tenant(facts)
    } else {
        Resource::Workload { name: WorkloadName::new("api").unwrap(), tenant: facts }
    };
    let verdict = RULES.decide(&set, &somebody(role, "acme"), action, &resource, circumstances);
    assert_eq!(verdict.errors, Vec::<String>::new());
    (verdict.allowed, verdict.policies)
}

fn at(text: &str) -> Circumstances {
    let at: jiff::Timestamp = text.parse().unwrap();
    Circumstances { now: Timestamp::from_millis(at.as_millisecond()), ..harmless() }
}

#[test]
fn each_example_does_what_it_says() {
    let of = |change: &dyn Fn(&mut TenantFacts)| {
        let mut facts = facts("acme");
        change(&mut facts);
        facts
    };
    let tier = |tier: Option<&str>| of(&|facts| facts.tier = tier.map(str::to_owned));
    let region = |region: Option<&str>| of(&|facts| facts.region = region.map(str::to_owned));
    let env = |env: &str| of(&|facts| drop(facts.labels.insert("env".to_owned(), env.to_owned())));
    let raises = |to: u32| Circumstances { rewrite: Some(rewrite(&["autoscaling"], &[sizes(10, to)])), ..harmless() };
    let scales = |to: u32| Circumstances { scale: Some(sizes(4, to)), ..harmless() };
    let (viewer, editor, admin) = (Role::TenantViewer, Role::TenantEditor, Role::TenantAdmin);
    let (scale, pause, write) = (Action::ScaleWorkload, Action::PauseWorkload, Action::WriteConfig);
    let cases = [
        ("by-tier", editor, scale, tier(Some("gold")), harmless(), true),
        ("by-tier", editor, scale, tier(Some("bronze")), harmless(), false),
        ("by-tier", editor, scale, tier(None), harmless(), false),
        ("by-region", editor, pause, region(Some("eu-west-1")), harmless(), true),
        ("by-region", editor, pause, region(Some("eu-north-1")), harmless(), false),
        ("by-region", editor, pause, region(None), harmless(), false),
        ("by-label", viewer, pause, env("test"), harmless(), true),
        ("", viewer, pause, env("prod"), harmless(), false),
        // A Monday in summer, whose hours in Berlin are two ahead.
        ("office-hours", editor, write, facts("acme"), at("2026-07-13T06:00:00Z"), true),
        ("office-hours", editor, write, facts("acme"), at("2026-07-13T05:59:59Z"), false),
        ("office-hours", editor, write, facts("acme"), at("2026-07-13T16:00:00Z"), false),
        ("office-hours", editor, write, facts("acme"), at("2026-07-12T10:00:00Z"), false),
        ("small-steps", admin, write, facts("acme"), raises(20), true),
        ("small-steps", admin, write, facts("acme"), raises(21), false),
        ("no-doubling", admin, scale, facts("acme"), scales(7), true),
        ("no-doubling", admin, scale, facts("acme"), scales(8), false),
    ];
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for (number, (name, role, action, facts, circumstances, allowed)) in cases.into_iter().enumerate() {
        let (got, by) = case(role, action, facts, &circumstances);
        assert_eq!(got, allowed, "case {number}, {name}: {by:?}");
        // What forbids, or lets in, is named; where another permits, the one that forbids only had no say.
        let says = by.iter().any(|id| *id == format!("t/acme/own/{name}"));
        assert_eq!(says, !name.is_empty() && (!allowed || name == "by-label"), "case {number}, {name}: {by:?}");
        named.insert(name);
    }
    for listed in RULES.list(&shown(), Some(&id("acme"))).unwrap() {
        assert!(named.contains(listed.name.as_str()), "no case for {}", listed.name);
    }
}
