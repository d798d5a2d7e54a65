//! Backups as a user meets them.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::api::Up;
use crate::cli::declared;
use crate::folder::until;
use crate::s3::{BUCKET, S3, SECRET};
use crate::tenantry::Tenantry;

/// Something that must stand nowhere in an archive.
const PLANTED: &str = "correct-horse-battery";

fn exit(answer: &str) -> &str {
    answer.lines().last().unwrap_or_default()
}

/// All files under a folder.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a store has, as far as a user can see it.
fn seen(tenantry: &Tenantry, store: &str) -> (Value, Value) {
    let of = |line: &str| tenantry.json(&format!("{line} --store {store} --key-file store.keys"));
    (of("get tenants"), of("config history acme"))
}

#[test]
fn a_store_is_backed_up_verified_and_restored() {
    let tenantry = declared();
    let note = format!("tenant_config:\n  tenant: acme\n  workloads: {{ api: {{}} }}\n# {PLANTED}\n");
    tenantry.write("next.yaml", &note);
    assert_eq!(exit(&tenantry.says(&format!("config apply next.yaml -m {PLANTED}"))), "exit 0");
    tenantry.says("audit seal");
    let before = seen(&tenantry, "store.db");
    let first = tenantry.json("backup --to archive");
    assert!(first["pieces_new"].as_u64().unwrap() > 3 && first["pieces_reused"] == 0, "{first}");
    tenantry.write("globex.yaml", "tenant_config:\n  tenant: globex\n");
    tenantry.says("config apply globex.yaml -m later");
    let second = tenantry.json("backup --to archive");
    assert!(second["pieces_reused"].as_u64().unwrap() > 0, "{second}");
    let listed = tenantry.says("backup list --to archive");
    assert!(listed.contains(second["name"].as_str().unwrap()) && listed.contains("complete"), "{listed}");

    let verified = tenantry.says("backup verify --from archive --restore");
    assert!(verified.contains("was restored: the same") && exit(&verified) == "exit 0", "{verified}");
    assert!(verified.contains("3 documents, 2 audit logs"), "{verified}");

    // As it was then, and as it was at last; into a new file each.
    let name = first["name"].as_str().unwrap();
    let at = first["at"].as_str().unwrap();
    let at = format!("restore --from archive --key-file store.keys --at {at} --store then.db");
    let dry = tenantry.says(&format!("{at} --dry-run"));
    assert!(dry.contains("would be restored") && !tenantry.folder.path().join("then.db").exists(), "{dry}");
    let one = format!("restore --from archive --key-file store.keys --backup {name} --store then.db");
    let restored = tenantry.says(&one);
    assert!(
        restored.contains(name) && restored.contains("tokens that were ended") && exit(&restored) == "exit 0",
        "{restored}"
    );
    assert_eq!(seen(&tenantry, "then.db"), before);
    assert_eq!(exit(&tenantry.says("restore --from archive --key-file store.keys --store last.db")), "exit 0");
    assert_eq!(seen(&tenantry, "last.db"), seen(&tenantry, "store.db"));
    let log = tenantry.says("audit log --platform --store last.db --key-file store.keys --audit-key store.audit-key");
    assert!(log.contains("backup.restore") && log.contains("backup.create"), "{log}");
    let audit = |what: &str| {
        tenantry.says(&format!("audit {what} --store last.db --key-file store.keys --audit-key store.audit-key"))
    };
    assert_eq!(exit(&audit("seal")), "exit 0");
    let log = audit("verify");
    assert!(log.contains("/audit/tenant/globex: whole; 1 of 1") && exit(&log) == "exit 0", "{log}");

    // Over something it is not restored, nor with other keys, nor from where nothing is.
    let over = tenantry.says("restore --from archive --key-file store.keys --store last.db");
    assert!(over.contains("holds something already") && over.contains("T1108") && exit(&over) == "exit 1", "{over}");
    let keyless = tenantry.says("restore --from archive --store keyless.db");
    assert!(keyless.contains("cannot be opened with the keys given") && keyless.contains("T1103"), "{keyless}");
    let nothing = tenantry.says("backup list --to elsewhere");
    assert!(nothing.contains("no such folder") && nothing.contains("T1101"), "{nothing}");
    let early =
        tenantry.says("restore --from archive --key-file store.keys --at 2020-01-01T00:00:00Z --store early.db");
    assert!(early.contains("no backup at archive is from") && early.contains("T1102"), "{early}");
    for file in ["keyless.db", "early.db"] {
        assert!(!tenantry.folder.path().join(file).exists(), "{file}");
    }
    let status = tenantry.says("status");
    assert!(status.contains(&format!("backup       {}", second["name"].as_str().unwrap())), "{status}");

    for path in files(tenantry.folder.path().join("archive")) {
        let bytes = std::fs::read(&path).unwrap();
        for word in [PLANTED, "globex", "acme", "revisions"] {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found && !path.to_string_lossy().contains(word), "{word} in {}", path.display());
        }
    }
}

#[test]
fn damage_is_named_and_mended_and_old_backups_are_dropped() {
    let tenantry = declared();
    for _ in 0..3 {
        assert_eq!(exit(&tenantry.says("backup --to archive")), "exit 0");
    }
    let chunks = files(tenantry.folder.path().join("archive/chunks"));
    let largest = chunks.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    std::fs::write(largest, b"nothing").unwrap();
    let found = tenantry.says("backup verify --to archive");
    let name = largest.file_name().unwrap().to_string_lossy().into_owned();
    assert!(found.contains("DAMAGED") && found.contains(&name) && exit(&found) == "exit 3", "{found}");
    std::fs::remove_file(&chunks[0]).unwrap();
    let gone = tenantry.says("backup verify --to archive --remove-damaged");
    assert!(gone.contains("it is gone") && exit(&gone) == "exit 3", "{gone}");
    tenantry.says("backup --to archive");
    let newest = tenantry.json("backup list --to archive")["backups"][3]["name"].as_str().unwrap().to_owned();
    let whole = tenantry.says(&format!("backup verify {newest} --to archive --restore"));
    assert!(whole.contains("the same") && exit(&whole) == "exit 0", "{whole}");

    let dry = tenantry.says("backup prune --to archive --keep last=2 --dry-run");
    assert!(dry.contains("2 kept, 2 would drop") && exit(&dry) == "exit 0", "{dry}");
    let pruned = tenantry.json("backup prune --to archive --keep last=2");
    assert!(pruned["dropped"].as_array().unwrap().len() == 2 && pruned["kept"][1] == newest.as_str(), "{pruned}");
    let wrong = tenantry.says("backup prune --to archive --keep weakly=2");
    assert!(wrong.contains("does not say which backups to keep") && exit(&wrong) == "exit 2", "{wrong}");
    let kept = tenantry.json("backup --to archive --keep last=1");
    assert_eq!(kept["dropped"].as_array().unwrap().len(), 2, "{kept}");
    // One that cannot be read keeps others from being dropped, and not the next from being taken.
    let manifest = &files(tenantry.folder.path().join("archive/snapshots"))[0];
    std::fs::write(manifest, b"nothing").unwrap();
    let stays = tenantry.says("backup --to archive --keep last=1");
    assert!(stays.contains("none was dropped") && stays.contains("--drop") && exit(&stays) == "exit 3", "{stays}");
    tenantry.says("audit seal");
    let log = tenantry.says("audit log --platform --action backup");
    assert!(log.contains("backup.drop") && log.contains("backup.create"), "{log}");
}

#[test]
fn without_keys_a_backup_is_in_the_clear_only_when_that_is_said() {
    let tenantry = Tenantry::new();
    tenantry.says("get tenants");
    let refused = tenantry.says("backup --to archive");
    assert!(
        refused.contains("no keys in store.keys") && refused.contains("T1103") && exit(&refused) == "exit 1",
        "{refused}"
    );
    let status = tenantry.json("status");
    assert_eq!(status["backups"]["failed"]["times"], 1, "{status}");
    let tenantry = declared();
    assert_eq!(exit(&tenantry.says("backup --to archive --unencrypted")), "exit 0");
    let read = tenantry.says("backup verify --to archive");
    assert!(read.contains("not encrypted") && read.contains("T1103"), "{read}");
    let read = tenantry.says("backup verify --to archive --unencrypted --restore");
    assert!(read.contains("the same") && exit(&read) == "exit 0", "{read}");
}

/// Kills of one backup after another into the same archive.
const KILLS: u64 = 12;

#[test]
fn a_killed_backup_harms_nothing() {
    let tenantry = declared();
    let mut many = String::new();
    for number in 0..300 {
        many.push_str(&format!("---\ntenant_config:\n  tenant: t{number}\n  workloads: {{ api: {{}}, web: {{}} }}\n"));
    }
    for (number, document) in many.split("---\n").skip(1).enumerate() {
        tenantry.write(&format!("many/t{number}.yaml"), document);
    }
    assert_eq!(exit(&tenantry.says("config apply many -m many")), "exit 0");
    let first = tenantry.json("backup --to archive")["name"].as_str().unwrap().to_owned();
    let mut killed = 0;
    for round in 0..KILLS {
        tenantry.write("many/t7.yaml", &format!("tenant_config:\n  tenant: t7\n  workloads: {{ w{round}: {{}} }}\n"));
        tenantry.says("config apply many/t7.yaml -m again");
        let mut command = tenantry.command();
        command.args(["backup", "--to", "archive"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Not to wait for anything: to strike somewhere inside of it.
        std::thread::sleep(Duration::from_millis(5 + round * 17 % 120));
        child.kill().unwrap();
        killed += u64::from(!child.wait().unwrap().success());
        let verified = tenantry.says("backup verify --to archive");
        assert!(verified.contains(&first) && exit(&verified) == "exit 0", "round {round}: {verified}");
    }
    assert!(killed > 0, "none was struck in time");
    // The dead hold nobody up: what they left goes, and the next is whole.
    let pruned = tenantry.says("backup prune --to archive");
    assert_eq!(exit(&pruned), "exit 0", "{pruned}");
    assert_eq!(exit(&tenantry.says("backup --to archive")), "exit 0");
    let whole = tenantry.says("backup verify --to archive --restore");
    assert!(whole.contains("the same") && exit(&whole) == "exit 0", "{whole}");
}

#[test]
fn backups_go_to_a_real_s3_server_and_come_back() {
    let Some(s3) = S3::start("backups_go_to_a_real_s3_server") else { return };
    let tenantry = declared();
    let place = format!("s3://{BUCKET}/under/here");
    let says_as = |line: &str, secret: &str| {
        let mut command = tenantry.command();
        command.envs(s3.environment()).env("AWS_SECRET_ACCESS_KEY", secret);
        let output = command.args(line.split_whitespace()).env("TENANTRY_BACKUP_TO", &place).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        format!("{}exit {}", String::from_utf8(text).unwrap(), output.status.code().unwrap())
    };
    let says = |line: &str| says_as(line, SECRET);
    let refused = says_as("backup", "another");
    assert!(refused.contains("SignatureDoesNotMatch") && refused.contains("T1101"), "{refused}");
    assert!(!refused.contains(SECRET) && refused.len() < 900, "{refused}");
    let none = says("backup list");
    assert!(none.contains("there are no backups") && none.contains("T1102"), "{none}");
    for _ in 0..3 {
        assert_eq!(exit(&says("backup")), "exit 0");
    }
    let verified = says("backup verify --restore");
    assert!(verified.contains("was restored: the same") && exit(&verified) == "exit 0", "{verified}");
    let pruned = says("backup prune --keep last=1");
    assert!(pruned.contains("1 kept, 2 dropped") && exit(&pruned) == "exit 0", "{pruned}");
    assert_eq!(exit(&says("restore --store new.db --key-file store.keys")), "exit 0");
    assert_eq!(seen(&tenantry, "new.db"), seen(&tenantry, "store.db"));
    // What the server has can be damaged there, and is found.
    let data = s3.folder.path().join(format!("data/{BUCKET}/under/here/chunks"));
    std::fs::write(&files(data)[0], b"nothing").unwrap();
    let damaged = says("backup verify");
    assert!(damaged.contains("DAMAGED") && exit(&damaged) == "exit 3", "{damaged}");
}

#[test]
fn the_server_takes_backups_and_tells_how_they_stand() {
    let tenantry = declared();
    let up = Up::start_with(&tenantry, &["--backup-to", "archive", "--backup-every", "1h", "--backup-keep", "last=2"]);
    let backups = || tenantry.json("status")["backups"].clone();
    until("the first backup", || !backups()["last"].is_null());
    assert_eq!(backups()["every"], "1h");
    let verified = tenantry.says("backup verify --to archive --restore");
    assert!(verified.contains("the same") && exit(&verified) == "exit 0", "{verified}");
    let token = tenantry.run("token create --role platform-admin --name metrics -o json").stdout;
    let token: Value = serde_json::from_slice(&token).unwrap();
    let metrics = up.get("/metrics", token["token"].as_str().unwrap());
    let age = metrics.lines().find_map(|line| line.strip_prefix("tenantry_backup_age_seconds ")).unwrap();
    assert!(age.trim().parse::<i64>().unwrap() >= 0, "{metrics}");
    assert!(metrics.contains("tenantry_backups_failing 0"), "{metrics}");
    drop(up);
    // Where it cannot be taken, that is a problem until it can.
    let archive = tenantry.folder.path().join("archive");
    std::fs::remove_dir_all(&archive).unwrap();
    std::fs::write(&archive, b"no folder").unwrap();
    let wrong = tenantry.says("up --mode observe --no-api --backup-to archive");
    assert!(wrong.contains("T1101") && exit(&wrong) == "exit 1", "{wrong}");
    let wrong = tenantry.says("up --mode observe --no-api --backup-every 1h");
    assert!(wrong.contains("--backup-to") && exit(&wrong) == "exit 1", "{wrong}");
}

#[test]
fn a_command_that_has_ended_leaves_all_in_the_file_itself() {
    let tenantry = declared();
    for line in ["config history acme", "audit seal", "status", "nonsense"] {
        tenantry.says(line);
        let left = |ending: &str| tenantry.folder.path().join(format!("store.db{ending}")).exists();
        assert!(!left("-wal") && !left("-shm"), "{line}");
    }
    std::fs::copy(tenantry.folder.path().join("store.db"), tenantry.folder.path().join("copy.db")).unwrap();
    let copy = tenantry.says("get tenants --store copy.db --key-file store.keys");
    assert!(copy.contains("acme"), "{copy}");
    let mut file = std::fs::File::open(tenantry.folder.path().join("store.db")).unwrap();
    let mut head = [0; 16];
    file.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"SQLite format 3\0");
}
