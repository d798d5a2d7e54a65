//! The command line over a running server's API: what it does on a store it does there, as whoever has the token.

use serde_json::Value;

use crate::api::Up;
use crate::tenantry::Tenantry;

pub(crate) const GOLD: &str = "tier_config: { name: gold, autoscaling: { max_replicas: 40 } }\n";
pub(crate) const ACME: &str =
    "tenant_config:\n  tenant: acme\n  tier: gold\n  autoscaling:\n    min_replicas: 2\n  workloads: { api: {} }\n";

/// A server, and whoever asks it by a token.
pub(crate) struct World {
    pub(crate) tenantry: Tenantry,
    pub(crate) up: Up,
}

/// What a command says, with how it ends.
pub(crate) struct Said(pub(crate) String, pub(crate) i32);

impl World {
    pub(crate) fn new() -> Self {
        let tenantry = Tenantry::new();
        let up = Up::start(&tenantry);
        Self { tenantry, up }
    }

    pub(crate) fn token(&self, role: &str, tenant: &str) -> String {
        let whose = if tenant.is_empty() { String::new() } else { format!("--tenant {tenant}") };
        let made = self.tenantry.json(&format!("token create --role {role} {whose} --name test"));
        made["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, token: &str, line: &str) -> Said {
        let mut command = self.tenantry.command();
        command.env_remove("TENANTRY_STORE").env("TENANTRY_SERVER", &self.up.url).env("TENANTRY_TOKEN", token);
        let output = command.args(line.split_whitespace()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said(text(&output.stdout) + &text(&output.stderr), output.status.code().unwrap_or(-1))
    }

    pub(crate) fn done(&self, token: &str, line: &str) -> String {
        let Said(said, code) = self.run(token, line);
        assert_eq!(code, 0, "{line}: {said}");
        said
    }

    pub(crate) fn json(&self, token: &str, line: &str) -> Value {
        serde_json::from_str(&self.done(token, &format!("{line} -o json"))).unwrap()
    }
}

#[test]
fn configuration_goes_over_the_api() {
    let world = World::new();
    let admin = world.token("platform-admin", "");
    world.tenantry.write("all/gold.yaml", GOLD);
    world.tenantry.write("all/acme.yaml", ACME);
    let said = world.done(&admin, "config apply all --dry-run");
    assert!(said.contains("nothing was changed; it would be: 2 created"), "{said}");
    assert!(world.done(&admin, "config validate all").contains("2 documents are right"));
    let said = world.done(&admin, "config apply all -m first");
    assert!(
        said.contains("created    tenant `acme` all/acme.yaml (revision 1)") && said.contains("2 created"),
        "{said}"
    );
    // The server knows who it was.
    let by = world.json(&admin, "config history acme")[0]["author"].as_str().unwrap().to_owned();
    assert!(by.starts_with("token:"), "{by}");
    assert!(world.run(&admin, "config apply all --author eve").0.contains("the server knows who you are"));

    world.tenantry.write("acme.yaml", &ACME.replace("min_replicas: 2", "min_replicas: 3"));
    let said = world.done(&admin, "config apply acme.yaml --based-on 1");
    assert!(said.contains("autoscaling.min_replicas: 2 → 3"), "{said}");
    let Said(said, code) = world.run(&admin, "config apply all/acme.yaml --based-on 1");
    assert!(code == 1 && said.contains("T105"), "{said}");
    let Said(said, code) = world.run(&admin, "config diff acme");
    assert!(code == 3 && said.contains("autoscaling.min_replicas: 2 → 3"), "{said}");
    let said = world.done(&admin, "config explain acme autoscaling.max_replicas");
    assert!(said.contains("40") && said.contains("tier gold"), "{said}");
    let said = world.done(&admin, "config rollback acme 1 -m back");
    assert!(said.contains("is at revision 3, a copy of revision 1"), "{said}");

    // What is wrong is told at its place in the file, whether it is found here or there.
    world.tenantry.write("bad/here.yaml", "tenant_config:\n  tenant: bolt\n  teir: gold\n");
    let Said(said, code) = world.run(&admin, "config apply bad");
    assert!(code == 1 && said.contains("bad/here.yaml:3") && said.contains("T101"), "{said}");
    world.tenantry.write("bad/here.yaml", "tenant_config:\n  tenant: bolt\n  tier: silver\n");
    let Said(said, code) = world.run(&admin, "config validate bad");
    assert!(code == 3 && said.contains("bad/here.yaml:3") && said.contains("silver"), "{said}");

    // As JSON a server and a store answer alike.
    for line in ["get tenants", "get tiers", "get regions", "get workloads", "get decisions"] {
        assert_eq!(world.json(&admin, line), world.tenantry.json(line), "{line}");
    }
    let listed = world.json(&admin, "get tenants");
    assert_eq!((listed[0]["id"].as_str(), listed[0]["revision"].as_u64()), (Some("acme"), Some(3)));
    assert!(world.done(&admin, "get tenants").contains("gold"));
    assert!(world.done(&admin, "get tiers").lines().any(|line| line.starts_with("gold") && line.contains(" 1 ")));
}

#[test]
fn a_tenants_people_see_and_do_their_own() {
    let world = World::new();
    let admin = world.token("platform-admin", "");
    world.tenantry.write("all/acme.yaml", &ACME.replace("  tier: gold\n", ""));
    world.tenantry.write("all/bolt.yaml", "tenant_config: { tenant: bolt }\n");
    world.done(&admin, "config apply all");
    let own = world.token("tenant-admin", "acme");
    let listed = world.json(&own, "get tenants");
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let Said(said, code) = world.run(&own, "config explain bolt");
    assert!(code == 1 && said.contains("T802"), "{said}");
    let Said(said, code) = world.run("tnt_wrong", "get tenants");
    assert!(code == 1 && said.contains("T701"), "{said}");

    let said = world.done(&own, "scale acme/api 5 --for 2h --reason launch --dry-run");
    assert!(said.contains("acme/api would be held at 5 replicas"), "{said}");
    assert!(world.done(&own, "pause acme/api --reason migration").contains("paused until `tenantry resume`"));
    let Said(said, _) = world.run(&own, "explain acme/api");
    assert!(said.contains("T503"), "nothing was decided yet: {said}");
    assert!(world.done(&own, "resume acme/api --reason done").contains("scaled again"));

    let made = world.json(&own, "token create --role tenant-viewer --tenant acme --name reports --expires 1h");
    let (id, secret) = (made["token"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!(world.json(secret, "get workloads"), Value::Array(Vec::new()));
    assert!(world.done(&own, "token list").contains("reports"));
    assert!(world.done(&own, &format!("token revoke {secret} --dry-run")).contains("would be ended"));
    assert!(world.done(&own, &format!("token revoke {id}")).contains("opens nothing since"));
    assert_eq!(world.run(secret, "get tenants").1, 1);
    let said = world.done(&own, "audit log acme --action token");
    assert!(said.contains("token.create") && said.contains("token.revoke"), "{said}");
    let Said(said, code) = world.run(&own, "status");
    assert!(code == 0 || code == 3, "{said}");
}

#[test]
fn of_a_store_and_a_server_one_is_meant() {
    let world = World::new();
    let admin = world.token("platform-admin", "");
    let with = |environment: &[(&str, &str)], line: &str| {
        let mut command = world.tenantry.command();
        command.env_remove("TENANTRY_STORE").env("TENANTRY_TOKEN", &admin).envs(environment.iter().copied());
        let output = command.args(line.split_whitespace()).output().unwrap();
        (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
    };
    let server = world.up.url.as_str();
    let both = [("TENANTRY_STORE", "store.db"), ("TENANTRY_SERVER", server)];
    let (said, code) = with(&both, "get tenants");
    assert!(code == Some(1) && said.contains("say which one is meant"), "{said}");
    // What is said on the command line stands over the environment.
    assert_eq!(with(&[("TENANTRY_STORE", "/nowhere/store.db")], &format!("get tenants --server {server}")).1, Some(0));
    let nobody = [("TENANTRY_SERVER", "http://127.0.0.1:9")];
    assert_eq!(with(&nobody, "get tenants --store store.db").1, Some(0));
    let (said, code) = with(&nobody, "get tenants");
    assert!(code == Some(1) && said.contains("did not answer"), "{said}");
    // What needs a store says so, and what needs neither is done.
    let (said, code) = with(&nobody, "keys list");
    assert!(code == Some(1) && said.contains("works on the store itself"), "{said}");
    assert_eq!(with(&nobody, "errors T101").1, Some(0));
    let clear = [("TENANTRY_SERVER", "http://tenantry.example.org")];
    let (said, code) = with(&clear, "get tenants");
    assert!(code == Some(1) && said.contains("a token is not sent"), "{said}");
}
