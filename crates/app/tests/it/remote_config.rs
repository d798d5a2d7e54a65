//! All of the configuration at once over a running server's API: in part, with what is not named removed, and as files.

use crate::remote::{ACME, GOLD, Said, World};

fn world() -> (World, String) {
    let world = World::new();
    let admin = world.token("platform-admin", "");
    world.tenantry.write("all/gold.yaml", GOLD);
    world.tenantry.write("all/acme.yaml", ACME);
    world.tenantry.write("all/bolt.yaml", "tenant_config: { tenant: bolt }\n");
    world.done(&admin, "config apply all");
    (world, admin)
}

#[test]
fn the_good_ones_are_applied_and_the_others_told() {
    let (world, admin) = world();
    world.tenantry.write("part/acme.yaml", &ACME.replace("min_replicas: 2", "min_replicas: 3"));
    world.tenantry.write("part/bolt.yaml", "tenant_config: { tenant: bolt, tier: silver }\n");
    world.tenantry.write("part/nonsense.yaml", "tenant_config: [\n");
    let Said(said, code) = world.run(&admin, "config apply part");
    assert!(code == 1 && said.contains("part/nonsense.yaml:2:1"), "{said}");
    let Said(dry, code) = world.run(&admin, "config apply part --partial --dry-run");
    assert!(code == 3 && dry.contains("nothing was changed; it would be: 0 created, 1 changed"), "{dry}");
    let past = |document: &str| world.json(&admin, &format!("config history {document}")).as_array().unwrap().len();
    assert_eq!((past("acme"), past("bolt")), (1, 1), "a dry run changes nothing");
    let Said(said, code) = world.run(&admin, "config apply part --partial");
    assert!(code == 3 && said.contains("0 created, 1 changed, 0 unchanged, 2 skipped"), "{said}");
    assert!(said.contains("skipped    tenant `bolt` part/bolt.yaml") && said.contains("silver"), "{said}");
    assert!(said.contains("autoscaling.min_replicas: 2 → 3"), "{said}");
    // As the store tells it.
    let here = String::from_utf8_lossy(&world.tenantry.run("config apply part --partial").stdout).into_owned();
    let there = world.run(&admin, "config apply part --partial").0;
    assert_eq!(there, here);
    // Nothing of it can be read, and so nothing is done for anybody.
    world.tenantry.write("none/nonsense.yaml", "tenant_config: [\n");
    assert!(world.run(&admin, "config apply none --partial").0.contains("T101"));
}

#[test]
fn a_part_is_no_way_round_what_policies_say() {
    let (world, _) = world();
    let editor = world.token("tenant-editor", "acme");
    let more =
        |replicas: u32| ACME.replace("min_replicas: 2", &format!("min_replicas: 2\n    max_replicas: {replicas}"));
    // An editor raises by half at most, whatever stands beside it.
    world.tenantry.write("raise/1.yaml", &format!("{ACME}  nonsense: 1\n"));
    world.tenantry.write("raise/2.yaml", &more(400));
    world.tenantry.write("raise/3.yaml", &more(41));
    for line in ["config apply raise", "config apply raise --partial", "config apply raise/2.yaml --partial"] {
        let Said(said, code) = world.run(&editor, line);
        assert!(code == 1 && (said.contains("T702") || said.contains("T101")), "{line}: {said}");
    }
    assert!(world.run(&editor, "config apply raise --partial").0.contains("T702"));
    let Said(said, code) = world.run(&editor, "config apply raise/1.yaml raise/3.yaml --partial");
    assert!(code == 3 && said.contains("1 changed, 0 unchanged, 1 skipped"), "{said}");
    // Others' documents among them are not there for who may not write them.
    for tenant in ["bolt", "nobody"] {
        world.tenantry.write("others/x.yaml", &format!("tenant_config: {{ tenant: {tenant} }}\n"));
        world.tenantry.write("others/acme.yaml", &more(42));
        let Said(said, code) = world.run(&editor, "config apply others --partial");
        assert!(code == 1 && said.contains("T802"), "{said}");
    }
}

#[test]
fn what_is_not_named_is_removed_by_who_may() {
    let (world, admin) = world();
    world.tenantry.write("rest/acme.yaml", ACME);
    world.tenantry.write("rest/gold.yaml", GOLD);
    let Said(said, code) = world.run(&admin, "config apply rest --prune --dry-run");
    assert!(code == 0 && said.contains("removed    tenant `bolt`") && said.contains("1 removed"), "{said}");
    assert_eq!(world.json(&admin, "get tenants").as_array().unwrap().len(), 2, "a dry run removes nothing");
    // Who may not remove the platform's tenants removes none, not even by leaving them out.
    for role in [("tenant-admin", "acme"), ("tenant-editor", "acme"), ("operator", ""), ("auditor", "")] {
        let token = world.token(role.0, role.1);
        for more in ["", " --dry-run", " --partial"] {
            let Said(said, code) = world.run(&token, &format!("config apply rest/acme.yaml --prune{more}"));
            assert!(code == 1 && said.contains("T702") && !said.contains("bolt"), "{role:?}: {said}");
        }
    }
    assert_eq!(world.json(&admin, "get tenants").as_array().unwrap().len(), 2);
    let said = world.done(&admin, "config apply rest --prune -m smaller");
    assert!(said.contains("removed    tenant `bolt`") && said.contains("2 unchanged, 1 removed"), "{said}");
    assert_eq!(world.json(&admin, "get tenants").as_array().unwrap().len(), 1);
    // A layer that tenants name does not go.
    let Said(said, code) = world.run(&admin, "config apply rest/acme.yaml --prune");
    assert!(code == 1 && said.contains("gold"), "{said}");
}

#[test]
fn what_is_exported_can_be_applied_elsewhere() {
    let (world, admin) = world();
    assert!(world.done(&admin, "config export out --dry-run").contains("3 documents would be written"));
    assert!(!world.tenantry.folder.path().join("out").exists());
    assert!(world.done(&admin, "config export out").contains("3 documents written to out"));
    assert!(String::from_utf8_lossy(&world.tenantry.run("config export here").stdout).contains("3 documents"));
    for file in ["tiers/gold.yaml", "tenants/acme.yaml", "tenants/bolt.yaml"] {
        let read =
            |folder: &str| std::fs::read_to_string(world.tenantry.folder.path().join(folder).join(file)).unwrap();
        assert_eq!(read("out"), read("here"), "{file}");
    }
    let Said(said, code) = world.run(&admin, "config export out");
    assert!(code == 1 && said.contains("is there already"), "{said}");
    assert!(world.done(&admin, "config apply out --prune").contains("0 created, 0 changed, 3 unchanged"));
    // A tenant's people export what is theirs.
    let own = world.token("tenant-viewer", "acme");
    assert!(world.done(&own, "config export own").contains("1 document written to own"));
    assert!(world.tenantry.folder.path().join("own/tenants/acme.yaml").exists());
    // Who looks at all of a tenant's document is in the tenant's log.
    world.tenantry.run("audit seal");
    assert!(world.done(&world.token("tenant-admin", "acme"), "audit log acme").contains("exportConfig"));
}

#[test]
fn where_a_value_was_set_names_the_file() {
    let (world, admin) = world();
    let said = world.done(&admin, "config explain acme autoscaling.min_replicas");
    assert!(said.contains("all/acme.yaml:5"), "{said}");
}

#[test]
fn what_is_seen_of_all_is_shown_of_a_server_too() {
    let (world, admin) = world();
    let said = world.done(&admin, "recommend acme");
    assert!(said.contains("acme/api: nothing is recommended: it has not been looked at yet"), "{said}");
    assert_eq!(world.json(&admin, "recommend acme"), world.tenantry.json("recommend acme"));
    let own = world.token("tenant-viewer", "acme");
    assert!(world.done(&own, "recommend acme --workload api").contains("acme/api"));
    let [there, absent] = ["bolt", "nobody"].map(|tenant| world.run(&own, &format!("recommend {tenant}")));
    assert!(there.1 == 1 && there.0.contains("T802") && there.0 == absent.0, "{} {}", there.0, absent.0);
    let said = world.done(&admin, "top --once");
    assert!(said.contains("in charge") || said.contains("no controller is in charge"), "{said}");
    let said = world.done(&own, "top --once --tenant acme");
    assert!(said.contains("controllers are told to who sees the whole platform"), "{said}");
}
