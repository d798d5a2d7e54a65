//! The audit logs as a user meets them.

use std::os::unix::fs::PermissionsExt as _;

use crate::cli::declared;
use crate::tenantry::Tenantry;

fn exit(answer: &str) -> &str {
    answer.lines().last().unwrap_or_default()
}

#[test]
fn what_was_done_is_listed_handed_out_and_verified() {
    let tenantry = declared();
    let early = tenantry.says("audit key");
    assert!(early.contains("there is no key in") && exit(&early) == "exit 1", "{early}");
    let sealed = tenantry.says("audit seal");
    assert!(sealed.contains("2 entries were signed"), "{sealed}");
    let listed = tenantry.says("audit list");
    assert!(listed.contains("the platform  1") && listed.contains("acme          1"), "{listed}");
    let log = tenantry.says("audit log acme");
    assert!(log.contains("config.revise") && log.contains("tenant/acme@1") && log.contains("first"), "{log}");
    assert!(!tenantry.says("audit log acme --action workload").contains("config.revise"));
    let whole = tenantry.says("audit verify");
    assert!(whole.contains("/audit/tenant/acme: whole; 1 of 1 entries signed") && exit(&whole) == "exit 0", "{whole}");

    assert_eq!(exit(&tenantry.says("audit export acme --out acme.jsonl")), "exit 0");
    let key = tenantry.run("audit key").stdout;
    tenantry.write("audit.pub", &String::from_utf8(key).unwrap());
    let apart = tenantry.says("audit verify --file acme.jsonl --key audit.pub");
    assert!(apart.contains("whole") && exit(&apart) == "exit 0", "{apart}");
    let export = std::fs::read_to_string(tenantry.folder.path().join("acme.jsonl")).unwrap();
    tenantry.write("acme.jsonl", &export.replace("first", "other"));
    let altered = tenantry.says("audit verify --file acme.jsonl --key audit.pub");
    assert!(altered.contains("entry 0 was altered") && exit(&altered) == "exit 3", "{altered}");
    // An end that was cut off is known to who kept a checkpoint.
    let checkpoint = export.lines().rfind(|line| line.starts_with("{\"checkpoint\"")).unwrap();
    let checkpoint: serde_json::Value = serde_json::from_str(checkpoint).unwrap();
    tenantry.write("kept.txt", checkpoint["checkpoint"].as_str().unwrap());
    tenantry.write("acme.jsonl", export.lines().next().unwrap());
    let cut_off = tenantry.says("audit verify --file acme.jsonl --key audit.pub --checkpoint kept.txt");
    assert!(cut_off.contains("the end is cut off") && exit(&cut_off) == "exit 3", "{cut_off}");
}

#[test]
fn the_key_is_its_owners_alone_and_a_broken_one_is_said() {
    let tenantry = declared();
    assert_eq!(exit(&tenantry.says("audit seal --audit-key logs.key")), "exit 0");
    let path = tenantry.folder.path().join("logs.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let open = tenantry.says("audit list --audit-key logs.key");
    assert!(open.contains("chmod 600") && exit(&open) == "exit 1", "{open}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "no key").unwrap();
    let broken = tenantry.says("audit list --audit-key logs.key");
    assert!(broken.contains("holds no key") && exit(&broken) == "exit 1", "{broken}");
    let other = declared();
    other.says("audit seal");
    let missing = other.says("audit log nobody");
    assert!(missing.contains("T903") && exit(&missing) == "exit 1", "{missing}");
}

#[test]
fn two_keys_do_not_sign_one_store_in_turn() {
    let tenantry = declared();
    assert_eq!(exit(&tenantry.says("audit seal")), "exit 0");
    let other = tenantry.says("audit seal --audit-key other.key");
    assert!(other.contains("signed with another key") && other.contains("T902"), "{other}");
    // An export is verified by its public key alone.
    tenantry.says("audit export acme --out acme.jsonl");
    let apart = tenantry.says("audit verify --file acme.jsonl --audit-key other.key");
    assert!(apart.contains("whole") && exit(&apart) == "exit 0", "{apart}");
}

#[test]
fn what_is_wrong_is_told_apart_from_what_is_altered() {
    let tenantry = Tenantry::new();
    tenantry.says("audit seal");
    let none = tenantry.says("audit verify");
    assert!(none.contains("there are no audit logs yet") && exit(&none) == "exit 0", "{none}");
    for line in ["audit verify --file nothing.jsonl", "audit verify --key nothing.pub"] {
        let answer = tenantry.says(line);
        assert!(answer.contains("could not read nothing") && exit(&answer) == "exit 1", "{answer}");
    }
}

#[test]
fn a_log_is_pruned_with_proof_and_not_while_it_is_held() {
    let tenantry = declared();
    tenantry.says("audit seal");
    tenantry.write("audit.pub", &String::from_utf8(tenantry.run("audit key").stdout).unwrap());
    let held = tenantry.says("audit hold acme --reason case");
    assert!(held.contains("is held") && exit(&held) == "exit 0", "{held}");
    let missing = tenantry.says("audit hold nobody --reason case --dry-run");
    assert!(missing.contains("T903") && exit(&missing) == "exit 1", "{missing}");
    let prune = "audit prune acme --older-than 0s --reason old";
    assert!(tenantry.says(prune).contains("nothing; it is held: case"));
    assert!(tenantry.says("audit list").contains("held: case"));
    assert_eq!(exit(&tenantry.says("audit release acme --reason closed")), "exit 0");
    tenantry.says("audit seal");
    let export = String::from_utf8(tenantry.run("audit export acme").stdout).unwrap();
    let kept = export.lines().find(|line| line.starts_with("{\"checkpoint\"")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(kept).unwrap();
    tenantry.write("kept.txt", kept["checkpoint"].as_str().unwrap());
    let dry = tenantry.says(&format!("{prune} --dry-run"));
    assert!(dry.contains("entries 0 to 2 would be pruned"), "{dry}");
    let pruned = tenantry.says(prune);
    assert!(pruned.contains("entries 0 to 2 were pruned, and stay provable") && exit(&pruned) == "exit 0", "{pruned}");
    tenantry.says("audit seal");
    tenantry.says("audit export acme --since kept.txt --out acme.jsonl");
    let verified = tenantry.says("audit verify --file acme.jsonl --key audit.pub --checkpoint kept.txt");
    assert!(verified.contains("entries 0 to 2 were pruned at") && exit(&verified) == "exit 0", "{verified}");
    let whole = tenantry.says("audit verify");
    assert!(whole.contains("/audit/root: whole") && exit(&whole) == "exit 0", "{whole}");
}

#[test]
fn exports_have_the_forms_of_others_and_others_verify_them() {
    let tenantry = declared();
    tenantry.says("audit seal");
    tenantry.write("audit.pub", &String::from_utf8(tenantry.run("audit key").stdout).unwrap());
    let one = |line: &str| -> serde_json::Value {
        let said = String::from_utf8(tenantry.run(line).stdout).unwrap();
        serde_json::from_str(said.lines().next().unwrap_or_else(|| panic!("{line}"))).unwrap()
    };
    assert_eq!(one("audit export acme --format ocsf")["class_uid"], 3004);
    assert_eq!(one("audit export acme --format cloudevents")["specversion"], "1.0");
    // A page of Python, where there is Python with what it needs.
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/verify-audit");
    let verify = |file: &str| {
        let mut python = std::process::Command::new("python3");
        let path = |name: &str| tenantry.folder.path().join(name);
        let output = python.arg(&script).arg(path(file)).arg(path("audit.pub")).output().ok()?;
        let unable = String::from_utf8_lossy(&output.stderr).contains("ModuleNotFoundError");
        (!unable).then(|| (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    tenantry.says("audit prune acme --older-than 0s --reason old");
    tenantry.says("audit seal");
    for (which, name) in [("acme", "acme.jsonl"), ("--platform", "platform.jsonl"), ("--root", "root.jsonl")] {
        tenantry.says(&format!("audit export {which} --out {name}"));
        let Some((code, said)) = verify(name) else {
            println!("not run: python3 with `cryptography` is not installed");
            return;
        };
        assert!(code == Some(0) && said.contains("whole"), "{which}: {said}");
        // What one finds, so does the other.
        let export = std::fs::read_to_string(tenantry.folder.path().join(name)).unwrap();
        let last = export.lines().count() - 1;
        let without = |left_out: usize| {
            let kept = export.lines().enumerate().filter(|(place, _)| *place != left_out).map(|(_, line)| line);
            kept.collect::<Vec<_>>().join("\n")
        };
        let altered = [export.replacen("\"seq\":0", "\"seq\":1", 1), export.replacen("\"hash\":\"", "\"hash\":\"0", 1)];
        for (number, text) in altered.into_iter().chain([without(1)]).enumerate() {
            if text == export || (number == 2 && last < 2) {
                continue;
            }
            tenantry.write("altered.jsonl", &text);
            let ours = tenantry.says("audit verify --file altered.jsonl --key audit.pub");
            let (code, said) = verify("altered.jsonl").unwrap();
            assert!(code != Some(0) && exit(&ours) == "exit 3", "{which} {number}: {said}{ours}");
        }
    }
}
