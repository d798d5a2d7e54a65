use super::*;

fn writes(role: Role, resource: &Resource, rewrite: Rewrite) -> Verdict {
    let circumstances = Circumstances { rewrite: Some(rewrite), ..harmless() };
    ask(&somebody(role, "acme"), Action::WriteConfig, resource, &circumstances)
}

#[test]
fn an_editor_raises_the_most_replicas_by_half_at_most() {
    let cases = [
        (10, 15, true),
        (10, 16, false),
        // Half of three is one and a half.
        (3, 4, true),
        (3, 5, false),
        (10, 1, true),
        (0, 0, true),
        (0, 1, false),
        (u32::MAX, u32::MAX, true),
        (1, u32::MAX, false),
    ];
    for (from, to, allowed) in cases {
        let verdict = writes(Role::TenantEditor, &tenant("acme"), rewrite(&["autoscaling"], &[sizes(from, to)]));
        assert_eq!(verdict.allowed, allowed, "{from} to {to}");
        // One that stays within hides none that does not.
        let two = [sizes(10, 10), sizes(from, to), sizes(10, 5)];
        assert_eq!(writes(Role::TenantEditor, &tenant("acme"), rewrite(&["workloads"], &two)).allowed, allowed);
        assert!(writes(Role::TenantAdmin, &tenant("acme"), rewrite(&["autoscaling"], &[sizes(from, to)])).allowed);
    }
}

#[test]
fn what_is_the_platforms_to_say_is_not_the_tenants() {
    for field in ["tier", "region", "lifecycle", "quota"] {
        let change = || rewrite(&["autoscaling", field], &[]);
        for role in [Role::TenantEditor, Role::TenantAdmin] {
            let verdict = writes(role, &tenant("acme"), change());
            assert_eq!((verdict.allowed, verdict.policies), (false, vec!["wall.terms".to_owned()]), "{role} {field}");
        }
        assert!(writes(Role::PlatformAdmin, &tenant("acme"), change()).allowed, "{field}");
    }
    for field in ["budget", "security"] {
        assert!(!writes(Role::TenantEditor, &tenant("acme"), rewrite(&[field], &[])).allowed, "{field}");
        assert!(writes(Role::TenantAdmin, &tenant("acme"), rewrite(&[field], &[])).allowed, "{field}");
    }
}

#[test]
fn what_is_beyond_a_tenant_is_the_platforms_to_give() {
    for reach in [Reach::Objects, Reach::Series, Reach::Apart] {
        let change = || Rewrite { reaches: BTreeSet::from([reach]), ..rewrite(&["workloads"], &[]) };
        for role in [Role::TenantEditor, Role::TenantAdmin] {
            let verdict = writes(role, &tenant("acme"), change());
            assert_eq!((verdict.allowed, verdict.policies), (false, vec!["wall.reach".to_owned()]), "{role} {reach:?}");
        }
        assert!(writes(Role::PlatformAdmin, &tenant("acme"), change()).allowed, "{reach:?}");
    }
}

#[test]
fn a_suspended_tenant_is_read_only_but_for_the_platforms_administrator() {
    let suspended = Resource::Tenant(TenantFacts { suspended: true, ..facts("acme") });
    for role in Role::ALL {
        let verdict = writes(role, &suspended, rewrite(&["autoscaling"], &[]));
        assert_eq!(verdict.allowed, role == Role::PlatformAdmin, "{role}");
        assert!(ask(&somebody(role, "acme"), Action::ReadConfig, &suspended, &harmless()).allowed, "{role}");
    }
}

#[test]
fn an_auditor_changes_nothing_whatever_else_they_are() {
    for other in Role::ALL {
        let mut both = somebody(Role::Auditor, "acme");
        both.bindings.extend(somebody(other, "acme").bindings);
        for action in Action::ALL.iter() {
            for resource in resources(*action, "acme") {
                let verdict = ask(&both, *action, &resource, &harmless());
                assert_eq!(verdict.allowed, action.reads(), "{other} {action}");
            }
        }
    }
}
