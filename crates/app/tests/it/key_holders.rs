//! Stores whose keys others hold, as a user meets them: a real Vault, and a fake of AWS KMS.

use crate::fake_aws::{self, FakeAws};
use crate::shapes::Mood;
use crate::tenantry::Tenantry;
use crate::vault::Vault;

/// A store whose keys somebody else holds.
struct Held {
    tenantry: Tenantry,
    environment: Vec<(&'static str, String)>,
}

impl Held {
    fn by(environment: Vec<(&'static str, String)>) -> Self {
        let tenantry = Tenantry::new();
        tenantry.write("tenants/acme.yaml", "tenant_config:\n  tenant: acme\n  lifecycle: suspended\n");
        tenantry.write("tenants/globex.yaml", "tenant_config:\n  tenant: globex\n");
        Self { tenantry, environment }
    }

    /// What it says, all of it.
    fn says(&self, line: &str) -> String {
        let mut command = self.tenantry.command();
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).args(line.split_whitespace());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    }

    fn contains(&self, line: &str, wanted: &[&str]) {
        let said = self.says(line);
        assert!(wanted.iter().all(|text| said.contains(text)), "`{line}` should say {wanted:?}:\n{said}");
    }
}

#[test]
fn a_store_with_its_keys_in_aws_is_used_rotated_and_shredded() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let fake = runtime.block_on(FakeAws::start());
    let mut environment = fake.environment().to_vec();
    environment.push(("TENANTRY_KEY_PROVIDER", "aws".to_owned()));
    let mut held = Held::by(environment);
    held.contains("get tenants", &["--key-name", "TENANTRY_KEY_NAME"]);
    held.environment.push(("TENANTRY_KEY_NAME", fake_aws::KEY.to_owned()));
    held.contains("config apply tenants/ -m first", &["2 created"]);
    assert!(!held.tenantry.folder.path().join("store.keys").exists());
    held.contains("keys list", &["tenant/acme", "AWS KMS, `arn:aws:kms:eu-central-1:"]);
    held.contains("keys rotate --kek --destroy-old", &["one seals for all", "T1011"]);
    held.contains("keys rotate --kek", &["new key-encryption keys: "]);
    held.contains("keys rotate --kek", &["new key-encryption keys: "]);
    held.contains("get tenants", &["acme", "globex"]);
    held.contains("keys shred acme --yes --reason x", &["is destroyed", "as long as the key in AWS KMS"]);
    assert!(!held.says("get tenants").contains("acme"));
    // What is wrong with the service is told, and nothing is written meanwhile.
    let mood = |mood: Mood| fake.state.lock().unwrap().mood = mood;
    held.tenantry.write("more.yaml", "tenant_config:\n  tenant: initech\n");
    mood(Mood::Denying);
    held.contains("config apply more.yaml -m more", &["AccessDeniedException", "T1009"]);
    mood(Mood::Busy(1000));
    held.contains("config apply more.yaml -m more", &["ThrottlingException", "T1006"]);
    mood(Mood::Busy(2));
    held.contains("get tenants", &["globex"]);
    assert!(!held.says("get tenants").contains("initech"));
    fake.state.lock().unwrap().disabled = true;
    held.contains("get tenants", &["T1010"]);
    fake.state.lock().unwrap().disabled = false;
    drop(fake);
    held.contains("get tenants", &["could not be asked for", "T1006"]);
}

#[test]
fn a_store_with_its_keys_in_vault_is_used_rotated_and_shredded() {
    let Some(vault) = Vault::start("a_store_with_its_keys_in_vault_is_used_rotated_and_shredded") else { return };
    let mut held = Held::by(vec![
        ("TENANTRY_KEY_PROVIDER", "vault".to_owned()),
        ("TENANTRY_KEY_NAME", "transit/tenantry".to_owned()),
        ("VAULT_ADDR", vault.address.clone()),
        ("VAULT_TOKEN", vault.token.clone()),
    ]);
    held.contains("config apply tenants/ -m first", &["2 created"]);
    held.contains("keys list", &["tenant/acme", "Vault, `transit/tenantry`"]);
    let folder = held.tenantry.folder.path();
    std::fs::copy(folder.join("store.db"), folder.join("copy.db")).unwrap();
    held.contains("--store copy.db config history acme", &["first"]);
    held.contains("keys rotate --kek --reason x", &["new key-encryption keys: 3"]);
    held.contains("--store copy.db config history acme", &["first"]);
    held.contains("keys shred acme --yes --reason x", &["is destroyed", "no copy of the database can be read"]);
    held.contains("--store copy.db config history acme", &["T1005"]);
    held.contains("--store copy.db config history globex", &["first"]);
    assert!(!held.says("get tenants").contains("acme"));
    // Whoever comes again is somebody new.
    held.contains("config apply tenants/acme.yaml -m again", &["1 created"]);
    held.contains("config history acme", &["again"]);
    held.contains("keys rotate --kek --destroy-old --reason leaked", &["data keys sealed anew: "]);
    held.contains("get tenants", &["acme", "globex"]);
    held.contains("--store copy.db config history globex", &["T1005"]);
    held.environment[1].1 = "transit/another".to_owned();
    held.contains("get tenants", &["its keys are not in Vault, `transit/another`", "T1001"]);
    held.environment[3].1 = "hvs.nobody".to_owned();
    held.contains("get tenants", &["permission denied", "T1009"]);
}
