//! Every case of one tenant's people asking about another tenant's things.

use cedar_policy::{Policy, PolicyId};

use super::*;

/// All that somebody of `acme` could ask about `bolt`, in circumstances that hinder nothing: action, kind and verdict.
fn across(rules: &Rules, mut set: RuleSet) -> Vec<(Action, Kind, bool)> {
    // As if the other tenant, or a fault of ours, had let everybody in. It skips the checks that would refuse it.
    let hostile = Policy::parse(Some(PolicyId::new("hostile")), "permit (principal, action, resource);").unwrap();
    set.policies.add(hostile).unwrap();
    let roles = Role::ALL.into_iter().filter(|role| role.is_of_tenant());
    let mut people: Vec<Principal> = roles.map(|role| somebody(role, "acme")).collect();
    let all = people.iter().flat_map(|one| one.bindings.clone()).collect();
    people.push(Principal { id: "token:all".to_owned(), bindings: all, glass: false });
    // The same name as one who has a role there.
    people.push(Principal { id: "token:tenant-admin".to_owned(), bindings: Vec::new(), glass: false });
    let mut cases = Vec::new();
    for action in Action::ALL {
        for resource in resources(*action, "bolt") {
            for principal in &people {
                let verdict = rules.decide(&set, principal, *action, &resource, &harmless());
                assert_eq!(verdict.errors, Vec::<String>::new());
                cases.push((*action, resource.kind(), verdict.allowed));
            }
        }
    }
    cases
}

/// The base policies without some.
fn without(walls: &[&str]) -> Rules {
    let mut base = Rules::base().to_owned();
    for wall in walls {
        let begin = base.find(&format!("@id(\"{wall}\")")).unwrap();
        let end = begin + base[begin..].find("};\n").unwrap() + 3;
        base.replace_range(begin..end, "");
    }
    Rules::of(Rules::schema(), &base).unwrap()
}

#[test]
fn nobody_gets_across_even_where_everybody_is_let_in() {
    let cases = across(&RULES, RULES.of_tenant(&id("bolt")).unwrap());
    assert!(cases.len() >= 80, "{}", cases.len());
    let through: Vec<_> = cases.iter().filter(|(.., allowed)| *allowed).collect();
    assert_eq!(through, Vec::<&(Action, Kind, bool)>::new());
}

/// The mutant: without the wall the same matrix lets everything through, so that the test above has teeth. Only the
/// removal of a tenant and the breaking of glass meet a second wall.
#[test]
fn without_the_wall_everybody_gets_across() {
    let rules = without(&["wall.tenant"]);
    for (action, kind, allowed) in across(&rules, rules.of_tenant(&id("bolt")).unwrap()) {
        assert_eq!(allowed, !matches!(action, Action::RemoveTenant | Action::BreakGlass), "{action} on {kind}");
    }
    let rules = without(&["wall.tenant", "wall.standing", "wall.glass"]);
    assert!(across(&rules, rules.of_tenant(&id("bolt")).unwrap()).iter().all(|(.., allowed)| *allowed));
}

/// Each other wall holds something that nothing else holds.
#[test]
fn every_wall_is_needed() {
    let open = |rules: &Rules, principal: &Principal, resource: &Resource, circumstances: &Circumstances, action| {
        rules.decide(&set_for(rules, resource), principal, action, resource, circumstances).allowed
    };
    let mut both = somebody(Role::Auditor, "acme");
    both.bindings.extend(somebody(Role::PlatformAdmin, "acme").bindings);
    let suspended = Resource::Tenant(TenantFacts { suspended: true, ..facts("acme") });
    let promotes = Circumstances { rewrite: Some(rewrite(&["tier"], &[])), ..harmless() };
    let abroad = Rewrite { reaches: BTreeSet::from([Reach::Series]), ..rewrite(&["workloads"], &[]) };
    let abroad = Circumstances { rewrite: Some(abroad), ..harmless() };
    let cases = [
        ("wall.auditor", both, tenant("acme"), harmless(), Action::WriteConfig),
        ("wall.standing", somebody(Role::TenantAdmin, "acme"), suspended, harmless(), Action::WriteConfig),
        ("wall.terms", somebody(Role::TenantAdmin, "acme"), tenant("acme"), promotes, Action::WriteConfig),
        ("wall.reach", somebody(Role::TenantAdmin, "acme"), tenant("acme"), abroad, Action::WriteConfig),
    ];
    for (wall, principal, resource, circumstances, action) in cases {
        assert!(!open(&RULES, &principal, &resource, &circumstances, action), "{wall}");
        assert!(open(&without(&[wall]), &principal, &resource, &circumstances, action), "{wall} holds nothing");
    }
}
