//! A server that is watched by a witness and tells a webhook, all of them programs or sockets of their own; and then it is
//! killed.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::api::Up;
use crate::cli::declared;
use crate::folder::{NOBODY, until};
use crate::tenantry::Tenantry;
use crate::witness;

/// A receiver of webhooks that answers, or does not: its thread ends with the test's process.
struct Hook {
    url: String,
    takes: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    /// Log and place of each event that was acknowledged.
    took: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Hook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let hook = Self { url, takes: Arc::default(), asked: Arc::default(), took: Arc::default() };
        let (takes, asked, took) = (hook.takes.clone(), hook.asked.clone(), hook.took.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(body) = body(&mut stream) else { continue };
                asked.fetch_add(1, Ordering::SeqCst);
                if !takes.load(Ordering::SeqCst) {
                    // By turns it says that it cannot, and dies without a word.
                    if asked.load(Ordering::SeqCst).is_multiple_of(2) {
                        let _ = stream.write_all(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    }
                    continue;
                }
                let events: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
                let of = |event: &serde_json::Value| {
                    (event["source"].as_str().unwrap().to_owned(), event["id"].as_str().unwrap().parse().unwrap())
                };
                took.lock().unwrap().extend(events.iter().map(of));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        hook
    }

    fn has(&self) -> BTreeSet<(String, u64)> {
        self.took.lock().unwrap().iter().cloned().collect()
    }
}

fn body(stream: &mut std::net::TcpStream) -> Option<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        all.extend_from_slice(&buffer[..count]);
        let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
        while all.len() < end + 4 + length {
            let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
            all.extend_from_slice(&buffer[..count]);
        }
        return Some(all.split_off(end + 4));
    }
}

/// Every entry that the logs have.
fn written(tenantry: &Tenantry) -> BTreeSet<(String, u64)> {
    let listed = tenantry.json("audit list");
    let logs = listed["logs"].as_array().unwrap().clone();
    let of = |log: serde_json::Value| {
        let (name, entries) = (log["log"].as_str().unwrap().to_owned(), log["entries"].as_u64().unwrap());
        (0..entries).map(move |entry| (name.clone(), entry))
    };
    logs.into_iter().flat_map(of).collect()
}

fn apply(tenantry: &Tenantry, max: u32) {
    tenantry
        .write("acme.yaml", &format!("tenant_config: {{ tenant: acme, autoscaling: {{ max_replicas: {max} }} }}\n"));
    let said = tenantry.says("config apply acme.yaml -m more");
    assert!(said.ends_with("exit 0\n"), "{said}");
}

#[test]
fn nothing_is_lost_to_a_receiver_that_is_away_or_a_server_that_is_killed() {
    let tenantry = declared();
    let hook = Hook::start();
    tenantry.write("hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let flags =
        ["--audit-to", &hook.url, "--audit-to", "file:audit.jsonl", "--audit-webhook-secret-file", "hook.secret"];
    // Away: it is asked, and keeps the server from nothing.
    let up = Up::start_with(&tenantry, &flags);
    until("the webhook is asked", || hook.asked.load(Ordering::SeqCst) >= 2);
    apply(&tenantry, 41);
    let lines = || std::fs::read_to_string(tenantry.folder.path().join("audit.jsonl")).unwrap_or_default();
    until("the file has it", || lines().lines().count() == written(&tenantry).len());
    assert!(hook.has().is_empty());
    // Killed while it waits, and begun again with a receiver that is back.
    drop(up);
    apply(&tenantry, 42);
    hook.takes.store(true, Ordering::SeqCst);
    let up = Up::start_with(&tenantry, &flags);
    until("everything has come", || hook.has() == written(&tenantry));
    // Killed again and again in the midst of it.
    for max in 43..46 {
        apply(&tenantry, max);
        drop(Up::start_with(&tenantry, &["--audit-to", "file:other.jsonl"]));
    }
    drop(up);
    let _up = Up::start_with(&tenantry, &flags);
    until("everything has come", || hook.has() == written(&tenantry));
    // For each log what came first came in order.
    let mut next = std::collections::BTreeMap::new();
    for (log, seq) in hook.took.lock().unwrap().iter() {
        let expected = next.entry(log.clone()).or_insert(0);
        assert!(*seq <= *expected, "{log}: {seq} came before {expected}");
        *expected = (*expected).max(seq + 1);
    }
}

#[test]
fn a_server_is_witnessed_and_its_exports_say_so_until_its_store_is_put_back() {
    let tenantry = declared();
    witness::keys(&tenantry);
    let witness = witness::witness(&tenantry, "w.json");
    let key = std::fs::read_to_string(tenantry.folder.path().join("w1.vkey")).unwrap();
    let flag = format!("{}@http://{}", key.lines().next().unwrap(), witness.address);
    let verify = "audit verify acme --witness-key w1.vkey";
    let store = |name: &str| tenantry.folder.path().join(name);
    {
        let _up = Up::start_with(&tenantry, &["--witness", &flag]);
        until("it is witnessed", || tenantry.says(verify).ends_with("exit 0\n"));
    }
    for name in ["store.db", "store.db-wal"] {
        if store(name).exists() {
            std::fs::copy(store(name), store(&format!("{name}.kept"))).unwrap();
        }
    }
    {
        let _up = Up::start_with(&tenantry, &["--witness", &flag]);
        apply(&tenantry, 43);
        let seen = || tenantry.json("audit verify acme")["logs"][0]["rooted"].as_u64();
        until("more is in the root log", || seen() == Some(2));
        until("more is witnessed", || {
            let said = tenantry.json(verify);
            said["logs"][0]["witnessed"][0]["entries"].as_u64() == Some(2)
        });
    }
    assert_eq!(tenantry.run("audit export acme --out acme.jsonl").status.code(), Some(0));
    let offline = tenantry.says("audit verify --file acme.jsonl --key audit.pub --witness-key w1.vkey");
    assert!(offline.contains("has seen 2 of it") && offline.ends_with("exit 0\n"), "{offline}");
    // Put back to what it was: the server that is begun on it is told so by the witness.
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = std::fs::remove_file(store(name));
        if store(&format!("{name}.kept")).exists() {
            std::fs::copy(store(&format!("{name}.kept")), store(name)).unwrap();
        }
    }
    let _up = Up::start_with(&tenantry, &["--witness", &flag]);
    until("it is told", || tenantry.says("status").contains("has seen another root log"));
}

#[test]
fn a_webhook_that_others_could_listen_to_is_refused() {
    let tenantry = Tenantry::new();
    tenantry.write("hook.secret", &format!("whsec_{}", "QUJD".repeat(12)));
    tenantry.write("kubeconfig", NOBODY);
    let said = tenantry.says(
        "up --mode observe --kubeconfig kubeconfig --listen 127.0.0.1:0 --log error \
         --audit-to http://user:hidden@siem.example.net/hook --audit-webhook-secret-file hook.secret",
    );
    assert!(said.contains("neither by https nor on loopback") && said.ends_with("exit 1\n"), "{said}");
    assert!(!said.contains("hidden"), "{said}");
}
