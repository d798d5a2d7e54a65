//! Policies, roles, verdicts and broken glass over a running server's API.

use crate::remote::{ACME, GOLD, Said, World};

const POLICY: &str = r#"@id("quiet") @says("editors pause nothing")
forbid (principal in Role::"acme/tenant-editor", action == Action::"pauseWorkload", resource in Tenant::"acme");
"#;

fn world() -> World {
    let world = World::new();
    world.tenantry.write("all/gold.yaml", GOLD);
    world.tenantry.write("all/acme.yaml", ACME);
    world.tenantry.write("all/bolt.yaml", "tenant_config: { tenant: bolt }\n");
    world.done(&world.token("platform-admin", ""), "config apply all");
    world.tenantry.write("acme.cedar", POLICY);
    world
}

#[test]
fn policies_are_written_read_tested_and_rolled_back() {
    let world = world();
    let (admin, own, editor) =
        (world.token("platform-admin", ""), world.token("tenant-admin", "acme"), world.token("tenant-editor", "acme"));
    assert!(world.done(&own, "policy validate acme.cedar --tenant acme").contains("1 policies, valid"));
    assert!(world.done(&own, "policy apply acme.cedar --tenant acme --dry-run").contains("would change"));
    let said = world.done(&own, "policy apply acme.cedar --tenant acme -m quiet --based-on 0");
    assert_eq!(said, "the policies of the tenant `acme` are at revision 1\n");
    // It counts at once, for who asks about themselves and for who asks about others.
    let Said(said, code) = world.run(&editor, "can-i pauseWorkload --tenant acme --workload api");
    assert!(code == 3 && said.contains("t/acme/own/quiet  editors pause nothing"), "{said}");
    assert!(world.done(&own, "can-i pauseWorkload --tenant acme --workload api").starts_with("yes: token:"));
    assert_eq!(world.run(&own, "can-i pauseWorkload --tenant acme --workload api --role tenant-editor").1, 3);

    // What is listed and read is told as from the store.
    for (line, told) in [
        ("policy list", "acme    t/acme/own/quiet  forbid  editors pause nothing"),
        ("policy get --tenant acme", "@id(\"quiet\")"),
        ("policy history --tenant acme", "quiet"),
    ] {
        let said = world.done(&own, line);
        assert!(said.contains(told), "{line}: {said}");
        assert_eq!(world.json(&admin, line), world.tenantry.json(line), "{line}");
    }
    assert!(world.done(&own, "policy list --tenant bolt").contains("nothing is written"));

    world.tenantry.write(
        "cases.yaml",
        "tenant: acme\ncases:\n- { who: tenant-editor, action: pauseWorkload, on: acme/api, expect: deny, by: [quiet] }\n",
    );
    assert!(world.done(&own, "policy test cases.yaml").contains("1 cases, 0 failed, 0 policies missed"));
    world.tenantry.write("other.cedar", &POLICY.replace("pauseWorkload", "resumeWorkload"));
    let Said(said, code) = world.run(&own, "policy test cases.yaml --policies other.cedar");
    assert!(code == 3 && said.contains("expected deny, got allow"), "{said}");
    world.tenantry.write(
        "cases.yaml",
        "tenant: acme\ncases:\n- { who: tenant-admin, action: readConfig, on: A!, expect: deny }\n",
    );
    let Said(said, code) = world.run(&own, "policy test cases.yaml");
    assert!(code == 1 && said.contains("`on`") && said.contains("T801"), "{said}");

    assert!(world.done(&own, "policy rm --tenant acme -m enough").contains("at revision 2"));
    assert!(world.done(&own, "policy rollback --tenant acme --to 1").contains("at revision 3"));
    let Said(said, code) = world.run(&own, "policy apply acme.cedar --tenant acme --based-on 1");
    assert!(code == 1 && said.contains("another revision"), "{said}");
    let Said(said, code) = world.run(&own, "policy apply acme.cedar --tenant acme --author eve");
    assert!(code == 1 && said.contains("the server knows who you are"), "{said}");
    world.tenantry.write("bad.cedar", &POLICY.replace("acme", "bolt"));
    let Said(said, code) = world.run(&own, "policy apply bad.cedar --tenant acme");
    assert!(code == 1 && said.contains("T706"), "{said}");
    // Who may only look changes nothing, and another tenant's is not there.
    assert_eq!(world.run(&editor, "policy rm --tenant acme").1, 1);
    let [there, absent] = ["bolt", "nobody"].map(|tenant| world.run(&own, &format!("policy get --tenant {tenant}")));
    assert!(there.1 == 1 && there.0 == absent.0, "{} {}", there.0, absent.0);
    for tenant in ["bolt", "nobody"] {
        let cases = format!(
            "tenant: {tenant}\ncases:\n- {{ who: tenant-admin, action: readConfig, on: {tenant}, expect: allow }}\n"
        );
        world.tenantry.write("cases.yaml", &cases);
        assert!(world.run(&own, "policy test cases.yaml").0.contains("T802"), "{tenant}");
    }
}

#[test]
fn roles_are_declared_listed_and_removed() {
    let world = world();
    let own = world.token("tenant-admin", "acme");
    world.tenantry.write("roles.yaml", "roles: { pauser: { says: stops scaling, actions: [pauseWorkload] } }\n");
    assert!(world.done(&own, "role apply roles.yaml --tenant acme -m nights").contains("at revision 1"));
    assert!(world.done(&own, "role list").contains("acme    pauser  pauseWorkload  stops scaling"));
    let admin = world.token("platform-admin", "");
    for line in ["role list", "role get --tenant acme", "role history --tenant acme"] {
        assert_eq!(world.json(&admin, line), world.tenantry.json(line), "{line}");
    }
    let made = world.json(&own, "token create --role pauser --tenant acme --name night");
    let (id, secret) = (made["token"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(world.done(secret, "can-i pauseWorkload --tenant acme --workload api").contains("t/acme/role/pauser"));
    let Said(said, code) = world.run(&own, "role rm --tenant acme");
    assert!(code == 1 && said.contains("T709") && said.contains(id), "{said}");
    world.done(&own, &format!("token revoke {id}"));
    assert!(world.done(&own, "role rm --tenant acme -m done").contains("at revision 2"));
    assert!(world.done(&own, "role list").contains("nothing is written"));
}

#[test]
fn a_verdict_is_told_to_whom_it_concerns() {
    let world = world();
    let (admin, own, viewer) =
        (world.token("platform-admin", ""), world.token("tenant-admin", "acme"), world.token("tenant-viewer", "acme"));
    // The same as from the store.
    for line in [
        "can-i readConfig --tenant acme --role tenant-viewer",
        "can-i writeConfig --tenant acme --role tenant-editor --touches autoscaling --raises 51",
        "can-i writeConfig --tenant acme --role tenant-admin --touches tier",
        "can-i writeLayer --role operator",
        "can-i readConfig --tenant bolt --role tenant-admin@acme",
    ] {
        let (there, here) = (world.run(&admin, line), world.tenantry.run(line));
        assert_eq!(there.0, String::from_utf8_lossy(&here.stdout), "{line}");
        assert_eq!(Some(there.1), here.status.code(), "{line}");
        let mut json = world.tenantry.command();
        let here = json.args(line.split_whitespace()).args(["-o", "json"]).output().unwrap();
        let there = world.run(&admin, &format!("{line} -o json")).0;
        assert_eq!(there, String::from_utf8_lossy(&here.stdout), "{line}");
    }
    // Of others only who reads policies is told.
    let Said(said, code) = world.run(&viewer, "can-i readConfig --tenant acme --role tenant-admin");
    assert!(code == 1 && said.contains("T702"), "{said}");
    // Where nobody reaches nobody is told anything, also not about themselves.
    for who in [&own, &viewer] {
        for about in ["", "--role tenant-admin"] {
            let [there, absent] =
                ["bolt", "nobody"].map(|tenant| world.run(who, &format!("can-i readConfig --tenant {tenant} {about}")));
            assert!(there.1 == 1 && there.0.contains("T802") && there.0 == absent.0, "{} {}", there.0, absent.0);
        }
    }
    // A token is told of to who may see it.
    let id =
        |tenant: &str| world.tenantry.json(&format!("token create --role tenant-viewer --tenant {tenant} --name x"));
    let (ours, theirs) = (id("acme"), id("bolt"));
    let ask = |who: &str, token: &serde_json::Value, tenant: &str| {
        let token = token["id"].as_str().unwrap();
        world.run(who, &format!("can-i readConfig --tenant {tenant} --token {token}"))
    };
    assert!(ask(&own, &ours, "acme").0.starts_with("yes: token:"));
    assert!(ask(&admin, &theirs, "bolt").0.starts_with("yes: token:"));
    assert_eq!(ask(&admin, &ours, "bolt").1, 3);
    let Said(said, code) = ask(&own, &theirs, "acme");
    assert!(code == 1 && said.contains("T802"), "{said}");
    assert_eq!(ask(&viewer, &ours, "acme").1, 1);
}

#[test]
fn glass_is_broken_told_and_mended() {
    let world = world();
    let (operator, admin) = (world.token("operator", ""), world.token("platform-admin", ""));
    let broke = world.json(&operator, "break-glass acme --reason incident --for 30m");
    let (id, secret) = (broke["id"].as_str().unwrap(), broke["token"].as_str().unwrap());
    assert!(secret.starts_with(&format!("tnt_{id}_")), "{broke}");
    assert!(world.done(secret, "can-i writePolicies --tenant acme").starts_with("yes: break-glass:"));
    assert!(world.done(&admin, "break-glass list").contains("incident"));
    assert_eq!(world.json(&admin, "break-glass list"), world.tenantry.json("break-glass list"));
    let Said(said, code) = world.run(&operator, "break-glass acme --reason incident --for 90h");
    assert!(code == 1 && said.contains("T711"), "{said}");
    let Said(said, code) = world.run(&operator, "break-glass acme --reason incident --by eve");
    assert!(code == 1 && said.contains("the server knows who you are"), "{said}");
    assert_eq!(world.run(&world.token("tenant-admin", "acme"), "break-glass acme --reason x").1, 1);
    assert!(world.done(&operator, &format!("break-glass end {id}")).contains("opens nothing any more"));
    assert_eq!(world.run(secret, "whoami").1, 1);
    assert!(world.done(&admin, "break-glass list").contains("no glass is broken"));
}
