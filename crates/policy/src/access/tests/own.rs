use super::*;

fn taken(text: &str) -> Result<RuleSet, WrittenError> {
    let shared = RULES.shared(&Written::default()).unwrap();
    let own = Written { policies: text.to_owned(), ..Written::default() };
    RULES.set_of(&shared, &id("acme"), &own)
}

fn check(text: &str, expected: &str) {
    let message = taken(text).map(|_| "taken".to_owned()).unwrap_or_else(|error| error.to_string());
    assert!(message.contains(expected), "{text}\ngave: {message}\ninstead of: {expected}");
}

#[test]
fn a_tenant_writes_about_itself_only() {
    let role = r#"principal in Role::"acme/tenant-viewer""#;
    let own = r#"resource in Tenant::"acme""#;
    check(&format!(r#"@id("night") permit ({role}, action == Action::"pauseWorkload", {own});"#), "taken");
    check(&format!(r#"@id("x") permit ({role}, action, resource == Tenant::"acme");"#), "taken");
    check(&format!(r#"@id("x") permit ({role}, action, resource is Workload in Tenant::"acme");"#), "taken");
    for other in
        ["resource", r#"resource in Tenant::"bolt""#, "resource is Workload", r#"resource == Platform::"platform""#]
    {
        check(&format!(r#"@id("x") permit ({role}, action, {other});"#), "must say of what");
    }
    // A condition is no scope.
    let condition = r#"when { resource in Tenant::"acme" }"#;
    check(&format!(r#"@id("x") permit ({role}, action, resource) {condition};"#), "must say of what");
    for other in [
        "principal",
        r#"principal in Role::"bolt/tenant-viewer""#,
        r#"principal in Role::"platform-admin""#,
        r#"principal == Principal::"token:x""#,
        "principal is Principal",
    ] {
        for effect in ["permit", "forbid"] {
            check(&format!(r#"@id("x") {effect} ({other}, action, {own});"#), "must say of whom");
        }
    }
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_taken() {
    let scope = r#"(principal in Role::"acme/tenant-viewer", action, resource in Tenant::"acme")"#;
    check(&format!("permit {scope};"), "has no name");
    check(&format!(r#"@id("a/b") permit {scope};"#), "no name of a policy");
    check(&format!(r#"@id("x") permit {scope} when {{ context.tooo }};"#), "tooo");
    check(&format!(r#"@id("x") permit {scope}; @id("x") forbid {scope};"#), "two policies have the name `x`");
    check(r#"@id("x") permit (principal in ?principal, action, resource in Tenant::"acme");"#, "has a slot");
    check(&format!(r#"@id("x") permit {scope}"#), "cannot be read");
    check(&" ".repeat(40_000), "bytes at most");
    let many: Vec<String> = (0..33).map(|one| format!(r#"@id("x{one}") permit {scope};"#)).collect();
    check(&many.join("\n"), "may be 32");
}

#[test]
fn what_a_tenant_permits_passes_the_walls() {
    let text = r#"
        @id("all") permit (principal in Role::"acme/tenant-viewer", action, resource in Tenant::"acme");
        @id("office-hours")
        @says("workloads are scaled by hand in office hours")
        forbid (principal in Role::"acme/tenant-admin", action == Action::"scaleWorkload", resource in Tenant::"acme")
        unless { context.now.toTime() >= duration("10h") && context.now.toTime() < duration("18h") };
        @id("prod") forbid (principal in Role::"acme/tenant-editor", action == Action::"pauseWorkload",
            resource is Workload in Tenant::"acme")
        when { resource.tenant.hasTag("env") && resource.tenant.getTag("env") == "prod" };
    "#;
    let set = taken(text).unwrap();
    let decide =
        |role, action, resource: &Resource| RULES.decide(&set, &somebody(role, "acme"), action, resource, &harmless());
    // Permitted, and walled all the same.
    assert!(decide(Role::TenantViewer, Action::WriteConfig, &tenant("acme")).allowed);
    assert!(!decide(Role::TenantViewer, Action::RemoveTenant, &tenant("acme")).allowed);
    let suspended = Resource::Tenant(TenantFacts { suspended: true, ..facts("acme") });
    assert!(!decide(Role::TenantViewer, Action::WriteConfig, &suspended).allowed);
    // It is 9:46 by the clock of the question.
    let verdict = decide(Role::TenantAdmin, Action::ScaleWorkload, &workload("acme"));
    assert_eq!((verdict.allowed, verdict.policies), (false, vec!["t/acme/own/office-hours".to_owned()]));
    assert_eq!(set.says("t/acme/own/office-hours"), Some("workloads are scaled by hand in office hours"));
    assert_eq!(decide(Role::TenantEditor, Action::PauseWorkload, &workload("acme")).policies, ["t/acme/own/prod"]);
    // Strangers are strangers.
    let stranger = somebody(Role::TenantViewer, "bolt");
    for action in Action::ALL {
        for resource in resources(*action, "acme") {
            assert!(!RULES.decide(&set, &stranger, *action, &resource, &harmless()).allowed, "{action}");
        }
    }
}
