//! Tokens, and who may do what.

use expect_test::expect;

use crate::cli::{check, declared};
use crate::tenantry::Tenantry;

/// Makes a token and returns its id and the whole of it.
fn token(tenantry: &Tenantry, line: &str) -> (String, String) {
    let made = tenantry.json(&format!("token create {line}"));
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

#[test]
fn tokens_are_made_listed_and_ended() {
    let tenantry = declared();
    let list = "token list";
    check(
        &tenantry,
        list,
        &expect![[r#"
            there is no such token; `tenantry token create` makes one
            exit 0
        "#]],
    );
    let dry = tenantry.says("token create --role tenant-editor --tenant acme --name ci --dry-run");
    assert!(dry.starts_with("a token would be made for ci: tenant-editor of acme, until "), "{dry}");
    assert!(!dry.contains("tnt_"), "{dry}");
    assert!(tenantry.says(list).contains("no such token"), "a dry run made one");

    let (id, secret) = token(&tenantry, "--role tenant-editor --tenant acme --name ci");
    let (forever, _) = token(&tenantry, "--role auditor --name audit --expires never");
    assert!(secret.starts_with(&format!("tnt_{id}_")), "{secret}");
    let said = tenantry.says(list).replace(&id, "FIRST").replace(&forever, "SECOND");
    let rows: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "NAME", "ROLES", "STATE", "EXPIRES", "LAST", "USED", "BY"]);
    assert_eq!(rows[1], ["SECOND", "audit", "auditor", "live", "never", "-", "ada"]);
    assert_eq!(rows[2], ["FIRST", "ci", "tenant-editor", "of", "acme", "live", "(an", "instant)", "-", "ada"]);
    let secret_part = secret.rsplit('_').next().unwrap();
    for answer in [tenantry.says(list), tenantry.says("token list --all -o json"), tenantry.says("token list -o yaml")]
    {
        assert!(!answer.contains(secret_part) && !answer.contains("hash"), "{answer}");
    }
    assert_eq!(tenantry.json("token list --tenant acme").as_array().unwrap().len(), 1);
    assert_eq!(tenantry.json("token list --tenant bolt").as_array().unwrap().len(), 0);
    assert_eq!(tenantry.json("token list --last 1").as_array().unwrap().len(), 1);

    let said = tenantry.says(&format!("token revoke {id} --dry-run"));
    assert_eq!(said, format!("{id} (ci) would be ended; nothing was changed\nexit 0\n"));
    assert!(tenantry.says(&format!("can-i readConfig --tenant acme --token {secret}")).starts_with("yes: "));
    let said = tenantry.says(&format!("token revoke {id}"));
    assert!(said.starts_with(&format!("{id} (ci) opens nothing since ")) && said.ends_with("exit 0\n"), "{said}");
    for token in [&secret, &id] {
        let said = tenantry.says(&format!("can-i readConfig --tenant acme --token {token}"));
        assert!(said.contains("T701") && said.ends_with("exit 1\n"), "{said}");
    }
    assert!(!tenantry.says(list).contains(&id));
    assert!(tenantry.says("token list --all").contains("revoked"));
    check(
        &tenantry,
        "token revoke 000000000000",
        &expect![[r#"
            error: there is no token `000000000000`; `tenantry token list` lists those that are
              T704: `tenantry errors T704` says what to do
            exit 1
        "#]],
    );
}

#[test]
fn a_token_that_does_not_fit_is_not_made() {
    let tenantry = declared();
    let cases = [
        ("--role tenant-editor --name ci", "`tenant-editor` is a role in a tenant: say in which"),
        ("--role operator@acme --name ci", "`operator` is a role on the whole platform"),
        ("--role operator --tenant acme --name ci", "a token of the tenant `acme` cannot be operator"),
        ("--role tenant-viewer@bolt --tenant acme --name ci", "cannot be tenant-viewer of bolt"),
        ("--role operator --name ci --expires 0s", "it would end before its first use"),
    ];
    for (line, wanted) in cases {
        for dry in ["", " --dry-run"] {
            let said = tenantry.says(&format!("token create {line}{dry}"));
            assert!(said.contains(wanted) && said.ends_with("exit 1\n"), "{line}: {said}");
        }
    }
    let said = tenantry.says("token create --role king --name ci");
    assert!(
        said.contains("there is no role `king`; there are platform-admin, ") && said.ends_with("exit 1\n"),
        "{said}"
    );
    assert!(tenantry.json("token list --all").as_array().unwrap().is_empty());
    let said = tenantry.says("token create --role tenant-viewer --tenant nobody --name ci");
    assert!(said.contains("note: no tenant `nobody` is declared yet"), "{said}");
}

#[test]
fn a_verdict_says_who_gave_it() {
    let tenantry = declared();
    check(
        &tenantry,
        "can-i readConfig --tenant acme --role tenant-viewer",
        &expect![[r#"
            yes: somebody (tenant-viewer of acme) may readConfig on tenant `acme`
              t/acme/tenant-viewer  a tenant's viewer sees the tenant
            exit 0
        "#]],
    );
    check(
        &tenantry,
        "can-i scaleWorkload --tenant acme --workload api --role tenant-viewer",
        &expect![[r#"
            no: somebody (tenant-viewer of acme) may not scaleWorkload on workload `acme/api`
              no policy permits it
              who may: platform-admin, operator, tenant-admin, tenant-editor
            exit 3
        "#]],
    );
    check(
        &tenantry,
        "can-i readConfig --tenant bolt --role tenant-admin@acme",
        &expect![[r#"
            no: somebody (tenant-admin of acme) may not readConfig on tenant `bolt`
              wall.tenant  only the platform's own reach beyond the tenants in which they have a role
              who may: platform-admin, operator, auditor, tenant-admin, tenant-editor, tenant-viewer
            exit 3
        "#]],
    );
    check(
        &tenantry,
        "can-i writeConfig --tenant acme --role tenant-editor --touches autoscaling --raises 51",
        &expect![[r#"
            no: somebody (tenant-editor of acme) may not writeConfig on tenant `acme`
              no policy permits it
              who may: platform-admin, tenant-admin
            exit 3
        "#]],
    );
    check(
        &tenantry,
        "can-i writeConfig --tenant acme --role tenant-admin --touches tier",
        &expect![[r#"
            no: somebody (tenant-admin of acme) may not writeConfig on tenant `acme`
              wall.terms  a tenant's tier, region, lifecycle and quota are the platform's administrators' to say
              who may: platform-admin
            exit 3
        "#]],
    );
    check(
        &tenantry,
        "can-i writeLayer --role operator -o json",
        &expect![[r#"
            {
              "allowed": false,
              "principal": "somebody",
              "roles": [
                {
                  "role": "operator"
                }
              ],
              "action": "writeLayer",
              "target": "the platform",
              "policies": [],
              "errors": [],
              "roles_that_may": [
                "platform-admin"
              ]
            }
            exit 3
        "#]],
    );
    let said = tenantry.says("can-i scaleWorkload --tenant acme --role operator");
    assert!(said.contains("scaleWorkload cannot be done to a tenant") && said.ends_with("exit 3\n"), "{said}");
    let said = tenantry.says("can-i readconfig --tenant acme --role operator");
    assert!(said.contains("there is no action `readconfig`") && said.ends_with("exit 2\n"), "{said}");
}

#[test]
fn what_is_declared_counts_in_verdicts() {
    let tenantry = declared();
    let line = "can-i writeConfig --tenant acme --role tenant-admin";
    assert!(tenantry.says(line).ends_with("exit 0\n"));
    tenantry.write("tenants/gold.yaml", "tier_config:\n  lifecycle: suspended\n");
    assert!(tenantry.run("config apply tenants -m late").status.success());
    let said = tenantry.says(line);
    assert!(said.contains("wall.standing") && said.ends_with("exit 3\n"), "{said}");
    // The token of the environment is not shown, and roles that are said go before it.
    let (id, secret) = token(&tenantry, "--role platform-admin --name root");
    let with_token =
        |arguments: &[&str]| tenantry.command().args(arguments).env("TENANTRY_TOKEN", &secret).output().unwrap();
    let output = with_token(&["can-i", "writeConfig", "--tenant", "acme"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with(&format!("yes: token:{id} (platform-admin) may writeConfig")), "{said}");
    let help = with_token(&["can-i", "--help"]);
    assert!(!String::from_utf8_lossy(&help.stdout).contains(&secret));
}
