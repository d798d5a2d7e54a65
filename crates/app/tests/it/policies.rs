//! Policies, roles and broken glass on the command line.

use expect_test::expect;

use crate::cli::{check, declared};

const POLICY: &str = r#"@id("quiet") @says("editors pause nothing")
forbid (principal in Role::"acme/tenant-editor", action == Action::"pauseWorkload", resource in Tenant::"acme");
"#;

const CASES: &str = r"
tenant: acme
policies: acme.cedar
cases:
- name: editors do not pause
  who: tenant-editor
  action: pauseWorkload
  on: acme/api
  expect: deny
  by: [quiet]
- name: editors scale
  who: [tenant-editor]
  action: scaleWorkload
  on: acme/api
  expect: allow
- name: strangers stay out
  who: tenant-admin@bolt
  action: readConfig
  on: acme
  expect: deny
  by: [wall.tenant]
";

#[test]
fn policies_are_checked_written_read_and_rolled_back() {
    let tenantry = declared();
    tenantry.write("acme.cedar", POLICY);
    tenantry.write("bad.cedar", &POLICY.replace("acme", "bolt"));
    check(
        &tenantry,
        "policy validate acme.cedar --tenant acme",
        &expect![[r#"
            acme.cedar: 1 policies, valid
            exit 0
        "#]],
    );
    let said = tenantry.says("policy validate bad.cedar --tenant acme");
    assert!(said.contains("must say of what it speaks") && said.ends_with("exit 3\n"), "{said}");
    let said = tenantry.says("policy apply bad.cedar --tenant acme");
    assert!(said.contains("T706") && said.ends_with("exit 1\n"), "{said}");
    let said = tenantry.says("policy apply acme.cedar --tenant acme --dry-run");
    assert!(said.contains("would change"), "{said}");
    let can = "can-i pauseWorkload --tenant acme --workload api --role tenant-editor";
    assert!(tenantry.says(can).starts_with("yes: "));
    check(
        &tenantry,
        "policy apply acme.cedar --tenant acme -m quiet",
        &expect![[r#"
            the policies of the tenant `acme` are at revision 1
            exit 0
        "#]],
    );
    let said = tenantry.says(can);
    assert!(said.starts_with("no: ") && said.contains("t/acme/own/quiet  editors pause nothing"), "{said}");
    check(
        &tenantry,
        "policy list",
        &expect![[r#"
            TENANT  ID                EFFECT  SAYS
            acme    t/acme/own/quiet  forbid  editors pause nothing
            exit 0
        "#]],
    );
    assert!(tenantry.says("policy get --tenant acme").starts_with("@id(\"quiet\")"));
    assert!(tenantry.says("policy rm --tenant acme -m enough").contains("at revision 2"));
    assert!(tenantry.says(can).starts_with("yes: "));
    assert!(tenantry.says("policy rollback --tenant acme --to 1").contains("at revision 3"));
    assert!(tenantry.says(can).starts_with("no: "));
    let past = tenantry.json("policy history --tenant acme");
    assert_eq!((past[1]["removed"].as_bool(), past[2]["reason"].as_str()), (Some(true), Some("quiet")));
    let said = tenantry.says("policy rollback --tenant acme --to 2");
    assert!(said.contains("T707") && said.ends_with("exit 1\n"), "{said}");
}

#[test]
fn a_table_of_cases_is_run_and_says_what_it_misses() {
    let tenantry = declared();
    tenantry.write("acme.cedar", POLICY);
    tenantry.write("cases.yaml", CASES);
    check(
        &tenantry,
        "policy test cases.yaml",
        &expect![[r#"
            ok       editors do not pause
            ok       editors scale
            ok       strangers stay out
            3 cases, 0 failed, 0 policies missed
            exit 0
        "#]],
    );
    // What the table says is what is held against it: the same with a policy that lets through, and with one more.
    tenantry.write("other.cedar", &POLICY.replace("pauseWorkload", "resumeWorkload"));
    let said = tenantry.says("policy test cases.yaml --policies other.cedar");
    for part in [
        "FAILED   editors do not pause",
        "expected deny, got allow: t/acme/tenant-editor",
        "missed   t/acme/own/quiet: no case reaches this policy",
        "3 cases, 1 failed, 1 policies missed",
        "exit 3",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn roles_are_declared_given_and_kept_while_they_are_held() {
    let tenantry = declared();
    tenantry.write("roles.yaml", "roles:\n  pauser:\n    says: stops scaling\n    actions: [pauseWorkload]\n");
    let said = tenantry.says("token create --role pauser --tenant acme --name night");
    assert!(said.contains("the tenant `acme` has no role `pauser`"), "{said}");
    assert!(tenantry.says("role apply roles.yaml --tenant acme").contains("at revision 1"));
    check(
        &tenantry,
        "role list",
        &expect![[r#"
            TENANT  ROLE    MAY            SAYS
            acme    pauser  pauseWorkload  stops scaling
            exit 0
        "#]],
    );
    let token = tenantry.json("token create --role pauser --tenant acme --name night");
    let id = token["id"].as_str().unwrap();
    assert!(
        tenantry.says(&format!("can-i pauseWorkload --tenant acme --workload api --token {id}")).starts_with("yes: ")
    );
    assert!(
        tenantry.says("can-i pauseWorkload --tenant acme --workload api --role pauser").contains("t/acme/role/pauser")
    );
    assert!(tenantry.says("can-i readConfig --tenant acme --role pauser").starts_with("no: "));
    let said = tenantry.says("role rm --tenant acme");
    assert!(said.contains(id) && said.contains("T709") && said.ends_with("exit 1\n"), "{said}");
    tenantry.says(&format!("token revoke {id}"));
    assert!(tenantry.says("role rm --tenant acme").contains("at revision 2"));
}

#[test]
fn glass_is_broken_shown_and_mended() {
    let tenantry = declared();
    let said = tenantry.says("break-glass acme --for 1h");
    assert!(said.contains("--reason") && said.ends_with("exit 2\n"), "{said}");
    let said = tenantry.says("break-glass acme --reason x --for 5h");
    assert!(said.contains("T711") && said.ends_with("exit 1\n"), "{said}");
    let broke = tenantry.json("break-glass acme --reason incident --for 1h --by bob");
    let id = broke["id"].as_str().unwrap();
    assert!(broke["token"].as_str().unwrap().starts_with(&format!("tnt_{id}_")));
    let said = tenantry.says("break-glass list");
    assert!(said.contains(id) && said.contains("incident") && said.contains("bob"), "{said}");
    let status = tenantry.says("status");
    assert!(status.contains("alarm        glass is broken in acme until "), "{status}");
    let can = format!("can-i writePolicies --tenant acme --token {id}");
    assert!(tenantry.says(&can).starts_with("yes: break-glass:"));
    assert!(tenantry.says(&can.replace("writePolicies", "createToken")).contains("wall.glass"));
    tenantry.says("audit seal");
    for log in ["audit log acme", "audit log --platform"] {
        assert!(tenantry.says(log).contains("break-glass.begin"), "{log}");
    }
    assert!(tenantry.says(&format!("break-glass end {id}")).contains("opens nothing any more"));
    assert!(tenantry.says("break-glass list").contains("no glass is broken"));
    let said = tenantry.says(&format!("break-glass end {id}"));
    assert!(said.contains("T712") && said.ends_with("exit 1\n"), "{said}");
}
