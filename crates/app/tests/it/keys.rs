//! The keys of a store as a user meets them.

use std::os::unix::fs::PermissionsExt as _;

use crate::cli::declared;
use crate::tenantry::Tenantry;

const KEY: &str = "a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4";

fn exit(answer: &str) -> &str {
    answer.lines().last().unwrap_or_default()
}

#[test]
fn a_file_of_keys_is_made_beside_the_store_and_needed_from_then_on() {
    let tenantry = Tenantry::new();
    tenantry.says("get tenants");
    let keys = tenantry.folder.path().join("store.keys");
    assert!(!keys.exists(), "whoever looks makes no key");
    let tenantry = declared();
    let keys = tenantry.folder.path().join("store.keys");
    assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    let listed = tenantry.says("keys list");
    assert!(listed.contains("tenant/acme") && listed.contains("all rows are sealed with keys in use"), "{listed}");
    assert_eq!(tenantry.json("keys list acme")["rows_to_seal"], 0);
    let away = keys.with_extension("away");
    std::fs::rename(&keys, &away).unwrap();
    for line in ["get tenants", "config apply tenants/ -m again", "up --mode observe --no-api", "keys rotate"] {
        let missing = tenantry.says(line);
        assert!(missing.contains("its keys are not in store.keys") && missing.contains("T1001"), "{line}: {missing}");
        assert_eq!(exit(&missing), "exit 1");
    }
    assert!(!keys.exists(), "a key that is missing is not made anew");
    let named = tenantry.says("get tenants --key-file store.away");
    assert!(named.contains("acme") && exit(&named) == "exit 0", "{named}");
    std::fs::set_permissions(&away, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = tenantry.says("get tenants --key-file store.away");
    assert!(open.contains("chmod 600 store.away") && open.contains("T1003"), "{open}");
    std::fs::set_permissions(&away, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&away, "tenant/acme 1 nothing\n").unwrap();
    let broken = tenantry.says("get tenants --key-file store.away");
    assert!(broken.contains("line 1") && broken.contains("T1004") && !broken.contains("nothing"), "{broken}");
}

#[test]
fn keys_from_the_environment_are_replaced_one_after_another() {
    let tenantry = Tenantry::new();
    tenantry.write("acme.yaml", "tenant_config:\n  tenant: acme\n");
    let says = |key: &str, line: &str| {
        let mut command = tenantry.command();
        command.env("TENANTRY_KEY_PROVIDER", "env").env("TENANTRY_KEY", key).args(line.split_whitespace());
        let output = command.output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let unset = tenantry.says("config apply acme.yaml -m first --key-provider env");
    assert!(unset.contains("TENANTRY_KEY, which is not set"), "{unset}");
    let short = says("a1b2", "get tenants");
    assert!(short.contains("key 1 is not of 64 hexadecimal digits") && !short.contains("a1b2"), "{short}");
    assert!(says(KEY, "config apply acme.yaml -m first").contains("1 created"));
    assert!(!tenantry.folder.path().join("store.keys").exists());
    let newer = KEY.chars().rev().collect::<String>();
    assert!(says(&newer, "get tenants").contains("T1002"));
    let both = format!("{newer},{KEY}");
    assert!(says(&both, "get tenants").contains("acme"));
    let rotated = says(&both, "keys rotate --kek");
    assert!(rotated.contains("data keys sealed anew: 3"), "{rotated}");
    assert!(says(&newer, "get tenants").contains("acme"));
    assert!(says(KEY, "get tenants").contains("T1002"), "the old one opens nothing any more");
}

#[test]
fn a_tenant_is_shredded_when_it_is_suspended_and_not_before() {
    let tenantry = declared();
    for (from, to) in [("store.db", "copy.db"), ("store.db-wal", "copy.db-wal")] {
        // A log is there where the last program left one.
        std::fs::copy(tenantry.folder.path().join(from), tenantry.folder.path().join(to)).unwrap_or_default();
    }
    let history = "--store copy.db --key-file store.keys config history acme";
    assert!(tenantry.says(history).contains("first"));
    let active = tenantry.says("keys shred acme --yes --reason x");
    assert!(active.contains("`acme` is active") && active.contains("T1008"), "{active}");
    let unknown = tenantry.says("keys shred nobody --yes --reason x");
    assert!(unknown.contains("never was") && unknown.contains("T1008"), "{unknown}");
    tenantry.write("suspended.yaml", "tenant_config:\n  tenant: acme\n  lifecycle: suspended\n");
    assert_eq!(exit(&tenantry.says("config apply suspended.yaml -m suspend")), "exit 0");
    let unsure = tenantry.says("keys shred acme --reason x");
    assert!(unsure.contains("--yes") && exit(&unsure) == "exit 1", "{unsure}");
    let dry = tenantry.says("keys shred acme --dry-run --reason x");
    assert!(dry.contains("would be destroyed") && exit(&dry) == "exit 0", "{dry}");
    assert!(tenantry.says("get tenants").contains("acme"));
    let shredded = tenantry.says("keys shred acme --yes --reason ticket-4711");
    assert!(shredded.contains("is destroyed") && shredded.contains("no copy of the database"), "{shredded}");
    assert!(!tenantry.says("get tenants").contains("acme"));
    tenantry.says("audit seal");
    let log = tenantry.says("audit log acme");
    assert!(log.contains("keys.shred") && log.contains("ticket-4711"), "{log}");
    let whole = tenantry.says("audit verify");
    assert!(whole.contains("/audit/tenant/acme: whole") && exit(&whole) == "exit 0", "{whole}");
    // A copy from before, with all keys that are left.
    let copy = tenantry.says(history);
    assert!(!copy.contains("first") && exit(&copy) == "exit 1", "{copy}");
}

#[test]
fn data_keys_are_renewed_and_no_document_is_in_the_file() {
    let tenantry = declared();
    let rotated = tenantry.says("keys rotate");
    assert!(rotated.contains("new data keys: ") && exit(&rotated) == "exit 0", "{rotated}");
    let keys = tenantry.json("keys list");
    for key in keys["keys"].as_array().unwrap() {
        assert_eq!((&key["version"], &key["state"]), (&2.into(), &"in use".into()), "{key}");
    }
    let kek = tenantry.says("keys rotate --kek --destroy-old --reason leaked");
    assert!(kek.contains("new key-encryption keys: ") && exit(&kek) == "exit 0", "{kek}");
    assert!(std::fs::read_to_string(tenantry.folder.path().join("store.keys")).unwrap().contains("1 destroyed---"));
    assert!(tenantry.says("config explain acme autoscaling").contains("exit 0"));
    tenantry.says("audit seal");
    let log = tenantry.says("audit log --platform --action keys");
    assert!(log.contains("keys.rotate") && log.contains("leaked"), "{log}");
    for name in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(tenantry.folder.path().join(name)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("min_replicas"), "{name}");
    }
}
