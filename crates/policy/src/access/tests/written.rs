//! What the platform and tenants write: roles, policies for all tenants, and what happens where it cannot be read.

use super::*;

fn written(policies: &str, roles: &str) -> Written {
    let roles = if roles.is_empty() { "{}" } else { roles };
    Written { policies: policies.to_owned(), roles: serde_json::from_str(&format!(r#"{{"roles":{roles}}}"#)).unwrap() }
}

fn shared(policies: &str, roles: &str) -> Result<Shared, WrittenError> {
    RULES.shared(&written(policies, roles))
}

fn acme(shared: &Shared, policies: &str, roles: &str) -> Result<RuleSet, WrittenError> {
    RULES.set_of(shared, &id("acme"), &written(policies, roles))
}

/// Somebody with a declared role.
fn holder(role: &str, of: &str) -> Principal {
    let binding = Binding::new(DeclaredName::new(role).unwrap(), Some(id(of))).unwrap();
    Principal { id: format!("token:{role}"), bindings: vec![binding], glass: false }
}

/// All that somebody may do in `acme`.
fn may(set: &RuleSet, principal: &Principal) -> Vec<&'static str> {
    let allowed = |action: &&Action| {
        let mut about = resources(**action, "acme").into_iter();
        about.any(|resource| RULES.decide(set, principal, **action, &resource, &harmless()).allowed)
    };
    Action::ALL.iter().filter(allowed).map(|action| action.as_str()).collect()
}

#[test]
fn a_declared_role_does_what_it_says_where_it_is_declared() {
    let shared = shared("", r#"{"watcher":{"says":"sees sizes","actions":["readStatus"]}}"#).unwrap();
    let own = r#"{
        "deployer": {"actions":["pauseWorkload","resumeWorkload"],"roles":["watcher"]},
        "lead": {"roles":["deployer","tenant-editor"]}
    }"#;
    let set = acme(&shared, "", own).unwrap();
    assert_eq!(may(&set, &holder("watcher", "acme")), ["readStatus"]);
    assert_eq!(may(&set, &holder("deployer", "acme")), ["readStatus", "pauseWorkload", "resumeWorkload"]);
    // What it has of an editor it has under the editor's conditions.
    let lead = holder("lead", "acme");
    assert!(may(&set, &lead).contains(&"writeConfig"));
    let steep = Circumstances { rewrite: Some(rewrite(&["autoscaling"], &[sizes(10, 16)])), ..harmless() };
    assert!(!RULES.decide(&set, &lead, Action::WriteConfig, &tenant("acme"), &steep).allowed);
    let verdict =
        RULES.decide(&set, &holder("deployer", "acme"), Action::PauseWorkload, &workload("acme"), &harmless());
    assert_eq!(verdict.policies, ["t/acme/role/deployer"]);
    // Elsewhere it is nothing: not where it is not declared, and not in another tenant.
    assert!(may(&RULES.of_tenant(&id("acme")).unwrap(), &lead).is_empty());
    for role in ["watcher", "deployer", "lead"] {
        assert!(may(&set, &holder(role, "bolt")).is_empty(), "{role}");
    }
    // A tenant's own role stands before the platform's of the same name.
    let set = acme(&shared, "", r#"{"watcher":{"actions":["readAudit"]}}"#).unwrap();
    assert_eq!(may(&set, &holder("watcher", "acme")), ["readAudit"]);
}

#[test]
fn a_declared_role_holds_no_more_than_an_administrator() {
    let everything: Vec<String> = Action::ALL
        .iter()
        .filter(|action| action.is_of_tenant())
        .map(|action| format!("{:?}", action.as_str()))
        .collect();
    let set =
        acme(&shared("", "").unwrap(), "", &format!(r#"{{"all":{{"actions":[{}]}}}}"#, everything.join(","))).unwrap();
    let admin = somebody(Role::TenantAdmin, "acme");
    assert_eq!(may(&set, &holder("all", "acme")), may(&set, &admin));
    // Neither by name nor by way of a role of the platform's.
    let refused = |roles: &str| acme(&shared("", "").unwrap(), "", roles).unwrap_err().to_string();
    for action in Action::ALL.iter().filter(|action| !action.is_of_tenant()) {
        let said = refused(&format!(r#"{{"x":{{"actions":["{action}"]}}}}"#));
        assert!(said.contains("no more than a tenant's administrator"), "{said}");
        assert!(!may(&set, &admin).contains(&action.as_str()), "{action}");
    }
    for role in Role::ALL.into_iter().filter(|role| !role.is_of_tenant()) {
        assert!(refused(&format!(r#"{{"x":{{"roles":["{role}"]}}}}"#)).contains("no more than"), "{role}");
    }
    assert!(refused(r#"{"x":{"roles":["y"]}}"#).contains("names the role `y`, which is not declared"));
    assert!(refused(r#"{"x":{"roles":["y"]},"y":{"roles":["x"]}}"#).contains("names itself"));
    assert!(refused(r#"{"x":{}}"#).contains("has no actions"));
    let many: Vec<String> = (0..33).map(|one| format!(r#""x{one}":{{"actions":["readStatus"]}}"#)).collect();
    assert!(refused(&format!("{{{}}}", many.join(","))).contains("32"));
    for name in ["tenant-admin", "platform-admin", "A", "a/b", "", "a\\\"b"] {
        let text = format!(r#"{{"roles":{{"{name}":{{"actions":["readStatus"]}}}}}}"#);
        assert!(serde_json::from_str::<DeclaredRoles>(&text).is_err(), "{name}");
    }
}

#[test]
fn what_the_platform_writes_stands_in_every_set_and_lifts_no_wall() {
    let text = r#"
        @id("all") permit (principal, action, resource);
        @id("no-gold") @says("nothing of gold is paused by hand")
        forbid (principal, action == Action::"pauseWorkload", resource is Workload)
        when { resource.tenant has tier && resource.tenant.tier == "gold" };
    "#;
    let shared = shared(text, "").unwrap();
    let set = acme(&shared, "", "").unwrap();
    let admin = somebody(Role::PlatformAdmin, "");
    let verdict = RULES.decide(&set, &admin, Action::PauseWorkload, &workload("acme"), &harmless());
    assert_eq!((verdict.allowed, verdict.policies), (false, vec!["p/no-gold".to_owned()]));
    assert_eq!(set.says("p/no-gold"), Some("nothing of gold is paused by hand"));
    // Everybody is let in, and the walls stand: strangers, auditors, who asks for the tenant's tier, who broke glass.
    for action in Action::ALL {
        for resource in resources(*action, "acme") {
            for stranger in [nobody(), somebody(Role::TenantAdmin, "bolt"), holder("any", "bolt")] {
                assert!(!RULES.decide(&set, &stranger, *action, &resource, &harmless()).allowed, "{action}");
            }
            let verdict = RULES.decide(&set, &somebody(Role::Auditor, ""), *action, &resource, &harmless());
            assert_eq!(verdict.allowed, action.reads(), "{action}");
        }
    }
    let promotes = Circumstances { rewrite: Some(rewrite(&["tier"], &[])), ..harmless() };
    let own_admin = somebody(Role::TenantAdmin, "acme");
    assert!(!RULES.decide(&set, &own_admin, Action::WriteConfig, &tenant("acme"), &promotes).allowed);
    assert!(!RULES.decide(&set, &own_admin, Action::BreakGlass, &tenant("acme"), &harmless()).allowed);
    assert!(shared.set().says("p/no-gold").is_some());
}

#[test]
fn who_broke_glass_makes_nothing_that_outlives_it() {
    let set = acme(&shared(r#"@id("all") permit (principal, action, resource);"#, "").unwrap(), "", "").unwrap();
    for role in Role::ALL {
        let plain = somebody(role, "acme");
        let broke = Principal { glass: true, ..plain.clone() };
        for action in [Action::CreateToken, Action::BreakGlass] {
            assert!(!RULES.decide(&set, &broke, action, &tenant("acme"), &harmless()).allowed, "{role} {action}");
        }
        let with = RULES.decide(&set, &broke, Action::ReadConfig, &tenant("acme"), &harmless());
        assert_eq!(with, RULES.decide(&set, &plain, Action::ReadConfig, &tenant("acme"), &harmless()), "{role}");
    }
}

/// What cannot be read may have forbidden something to those of whom a tenant may write, and to nobody else.
#[test]
fn a_set_that_cannot_be_read_refuses_whoever_it_may_speak_of() {
    let set = RULES.closed_set_of(&shared("", "").unwrap(), &id("acme"), "unexpected end").unwrap();
    for role in Role::ALL {
        let verdict = RULES.decide(&set, &somebody(role, "acme"), Action::ReadStatus, &tenant("acme"), &harmless());
        assert_eq!(verdict.allowed, !role.is_of_tenant(), "{role}");
        assert_eq!(verdict.errors.is_empty(), !role.is_of_tenant(), "{role}");
    }
    let mut both = somebody(Role::PlatformAdmin, "");
    both.bindings.extend(holder("any", "acme").bindings);
    let verdict = RULES.decide(&set, &both, Action::ReadStatus, &tenant("acme"), &harmless());
    assert!(!verdict.allowed && verdict.errors[0].contains("unexpected end"));
}

#[test]
fn the_time_is_that_of_the_zone_that_a_policy_names() {
    let text = r#"
        @id("office") forbid (principal in Role::"acme/tenant-admin", action == Action::"scaleWorkload",
            resource in Tenant::"acme")
        unless { context.clock.hasTag("Europe/Berlin") && context.clock.getTag("Europe/Berlin").hour >= 8 &&
            context.clock.getTag("Europe/Berlin").hour < 18 && context.clock.getTag("Europe/Berlin").weekday <= 5 };
    "#;
    let set = acme(&shared("", "").unwrap(), text, "").unwrap();
    let may = |at: &str| {
        let at: jiff::Timestamp = at.parse().unwrap();
        let circumstances = Circumstances { now: Timestamp::from_millis(at.as_millisecond()), ..harmless() };
        let admin = somebody(Role::TenantAdmin, "acme");
        let verdict = RULES.decide(&set, &admin, Action::ScaleWorkload, &workload("acme"), &circumstances);
        assert_eq!(verdict.errors, Vec::<String>::new());
        verdict.allowed
    };
    // A Wednesday in winter and one in summer, in which the clocks are put forward, and a Saturday.
    assert!(may("2026-01-14T07:00:00Z") && !may("2026-01-14T06:59:00Z") && !may("2026-01-14T17:00:00Z"));
    assert!(may("2026-07-15T06:00:00Z") && !may("2026-07-15T05:59:00Z") && !may("2026-07-15T16:00:00Z"));
    assert!(!may("2026-07-18T10:00:00Z"));
    let refused = |zone: &str| acme(&shared("", "").unwrap(), &text.replace("Europe/Berlin", zone), "").unwrap_err();
    assert!(refused("Europe/Berlim").to_string().contains("there is no such time zone"));
    // A tag that is not looked for first could be missing, and the policy would err.
    let careless = text.replace(r#"context.clock.hasTag("Europe/Berlin") &&"#, "");
    assert!(acme(&shared("", "").unwrap(), &careless, "").is_err());
}
