//! No secret in anything that is said: secrets are planted wherever the program takes one, it is made to talk as much as it
//! can, and all that comes out is looked through.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::folder::{NOBODY, until};
use crate::tenantry::Tenantry;

const KEY: &str = "5ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7";
const DATABASE: &str = "hush-database-password";
const BEARER: &str = "hush-prometheus-bearer";
const HEADER: &str = "hush-prometheus-header";
const USERINFO: &str = "hush-prometheus-userinfo";
const PASSWORD: &str = "hush-server-userinfo";
const QUERY: &str = "hush-webhook-query";
const WEBHOOK: &str = "aHVzaC1odXNoLWh1c2gtd2ViaG9vay1zZWNyZXQtaHVzaA";

/// All that was said, with where.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn note(&mut self, place: &str, said: impl Into<String>) {
        self.0.push((place.to_owned(), said.into()));
    }

    /// Fails with the places at which a secret was said, and not with the secret.
    fn holds_none_of(&self, secrets: &[(String, String)]) {
        let mut leaks = Vec::new();
        for (name, secret) in secrets {
            for (place, said) in &self.0 {
                if let Some(at) = said.find(secret.as_str()) {
                    let before: String = said[..at].chars().rev().take(120).collect();
                    leaks.push(format!("{name} in {place}, after: {}", before.chars().rev().collect::<String>()));
                }
            }
        }
        assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
    }
}

/// A server that logs all there is to log, into a file.
struct Talkative {
    child: Child,
    url: String,
}

impl Talkative {
    fn start(tenantry: &Tenantry, hook: &str) -> Self {
        let mut command = program(tenantry);
        command.args(["up", "--mode", "observe", "--kubeconfig", "kubeconfig", "--holder", "one", "--cycle", "1s"]);
        command.args(["--listen", "127.0.0.1:0", "--log", "trace", "--log-format", "json"]);
        command.args(["--prometheus", "http://127.0.0.1:9", "--prometheus-token-file", "bearer"]);
        command.args(["--prometheus-header", &format!("x-key={HEADER}")]);
        command.args(["--audit-to", &format!("{hook}?key={QUERY}"), "--audit-webhook-secret-file", "whsec"]);
        let said = |name: &str| File::create(tenantry.folder.path().join(name)).unwrap();
        let child = command.stdin(Stdio::null()).stdout(said("up.out")).stderr(said("up.log")).spawn().unwrap();
        let mut url = String::new();
        until("that the API is served", || {
            let log = read(tenantry, "up.log");
            let line = log.lines().find(|line| line.contains("the API is served"));
            let parsed = line.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            url = parsed.map_or_else(String::new, |line| line["fields"]["url"].as_str().unwrap().to_owned());
            !url.is_empty()
        });
        Self { child, url }
    }

    /// Asks, and takes all of the answer.
    fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{method} {path}: {answer}");
        answer
    }
}

impl Drop for Talkative {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(tenantry: &Tenantry) -> Command {
    let mut command = tenantry.command();
    command.env("TENANTRY_KEY_PROVIDER", "env").env("TENANTRY_KEY", KEY).env("RUST_BACKTRACE", "1");
    command
}

fn read(tenantry: &Tenantry, name: &str) -> String {
    let bytes = std::fs::read(tenantry.folder.path().join(name)).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a command says, on both outputs.
fn said(mut command: Command, line: &str) -> String {
    let output = command.args(line.split_whitespace()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A webhook that keeps the bodies that it is sent; its thread ends with the test's process.
fn hook() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let took: Arc<Mutex<String>> = Arc::default();
    let keeps = Arc::clone(&took);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut all = Vec::new();
            let mut buffer = [0; 65_536];
            // What comes in one piece is enough to look through; then it says that it has it.
            while let Ok(count) = stream.read(&mut buffer) {
                all.extend_from_slice(&buffer[..count]);
                if count == 0 || all.windows(4).any(|four| four == b"\r\n\r\n") {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&all).into_owned();
            keeps.lock().unwrap().push_str(text.split_once("\r\n").map_or("", |(_, rest)| rest));
            let _ = stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (url, took)
}

/// A token, and what of it is secret.
fn token(tenantry: &Tenantry, line: &str) -> (String, String) {
    let made: serde_json::Value =
        serde_json::from_str(&said(program(tenantry), &format!("token create {line} -o json"))).unwrap();
    let token = made["token"].as_str().unwrap().to_owned();
    let secret = token.rsplit('_').next().unwrap().to_owned();
    (token, secret)
}

/// Reads, writes, refusals and mistakes over the API.
fn over_the_api(up: &Talkative, heard: &mut Heard, tokens: &[&str], other: &str) {
    let document = r#"{"tenant_config":{"tenant":"acme","workloads":{"api":{}}}}"#;
    let requests: Vec<(&str, String, String)> = vec![
        ("GET", "/v1/whoami".into(), String::new()),
        ("GET", "/v1/tenants".into(), String::new()),
        ("GET", "/v1/status".into(), String::new()),
        ("GET", "/metrics".into(), String::new()),
        ("GET", "/v1/tokens".into(), String::new()),
        ("GET", "/v1/audit".into(), String::new()),
        ("GET", "/v1/config".into(), String::new()),
        ("GET", "/v1/openapi.json".into(), String::new()),
        ("GET", "/v1/tenants/nobody/config".into(), String::new()),
        ("PUT", "/v1/tenants/acme/config".into(), document.into()),
        ("PUT", "/v1/tenants/acme/config".into(), "{".into()),
        // Secrets where none belong.
        ("GET", format!("/v1/whoami?token={other}"), String::new()),
        ("GET", format!("/v1/workloads?cursor={other}"), String::new()),
        ("GET", format!("/v1/tenants/{other}"), String::new()),
        ("GET", format!("/{other}"), String::new()),
        ("DELETE", format!("/v1/tokens/{other}"), String::new()),
        ("POST", "/v1/can-i".into(), format!(r#"{{"action":"readConfig","tenant":"acme","token":"{other}"}}"#)),
        ("POST", "/v1/can-i".into(), format!(r#"{{"action":"{other}"}}"#)),
        ("POST", "/v1/tokens".into(), format!(r#"{{"name":"x","roles":"{other}"}}"#)),
        ("POST", "/v1/tokens".into(), format!(r#"{{"{other}":1}}"#)),
        ("PUT", "/v1/policies".into(), format!(r#"{{"text":"{other}"}}"#)),
    ];
    for token in tokens {
        for (method, path, body) in &requests {
            let answer = up.ask(method, path, token, body);
            heard.note(&format!("the answer to {method} {}", path.replace(other, "…")), answer);
        }
    }
}

/// The same on the command line, of a server and of the store.
fn on_the_command_line(tenantry: &Tenantry, up: &Talkative, heard: &mut Heard, tokens: &[&str], other: &str) {
    let lines = [
        "get tenants",
        "get tenants -o yaml",
        "status -o json",
        "token list --all -o json",
        "audit log --platform",
        "policy list",
        "break-glass list",
        "config export out --force",
        "can-i readConfig --tenant acme -o json",
        "explain acme/api",
        "config apply nowhere",
        "get nothing",
        "whoami",
    ];
    for line in lines {
        for token in tokens {
            let mut command = program(tenantry);
            command.env_remove("TENANTRY_STORE").env("TENANTRY_SERVER", &up.url).env("TENANTRY_TOKEN", token);
            heard.note(&format!("`{line}` of a server"), said(command, line));
        }
        let mut command = program(tenantry);
        command.env("TENANTRY_TOKEN", tokens[0]);
        heard.note(&format!("`{line}`"), said(command, line));
    }
    let more = [
        format!("can-i readConfig --tenant acme --token {other}"),
        format!("token revoke {other}"),
        format!("break-glass end {other}"),
        "audit seal".to_owned(),
        "audit export --platform -o json".to_owned(),
        "audit export acme".to_owned(),
        "keys list -o json".to_owned(),
        format!("status --store postgres://ada:{DATABASE}@127.0.0.1:9/x"),
        format!("up --store postgres://ada:{DATABASE}@127.0.0.1:9/x --log trace --kubeconfig kubeconfig"),
        format!("status --store postgres://ada:{DATABASE}@[/x"),
        format!("get tenants --server http://ada:{PASSWORD}@127.0.0.1:9"),
        format!("up --kubeconfig kubeconfig --prometheus ftp://ada:{USERINFO}@127.0.0.1:9"),
        format!("up --kubeconfig kubeconfig --log trace --prometheus http://ada:{USERINFO}@127.0.0.1:9"),
        format!("up --kubeconfig kubeconfig --prometheus http://127.0.0.1:9 --prometheus-header {HEADER}"),
        format!("up --kubeconfig kubeconfig --audit-to nowhere://x?key={QUERY}"),
    ];
    for (number, line) in more.iter().enumerate() {
        let name = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let mut command = program(tenantry);
        if line.contains("--server") {
            command.env_remove("TENANTRY_STORE").env("TENANTRY_TOKEN", other);
        }
        heard.note(&format!("`{name}` ({number})"), said(command, line));
    }
    for help in ["--help", "up --help", "can-i --help", "get --help"] {
        let mut command = program(tenantry);
        command.env("TENANTRY_TOKEN", other).env("TENANTRY_PROMETHEUS_HEADER", format!("x={HEADER}"));
        command.env("TENANTRY_STORE", format!("postgres://ada:{DATABASE}@127.0.0.1:9/x"));
        heard.note(&format!("`{help}`"), said(command, help));
    }
    // With a key that is none.
    let mut command = program(tenantry);
    command.env("TENANTRY_KEY", &KEY[1..]);
    heard.note("a key that is none", said(command, "status"));
}

#[test]
fn no_planted_secret_is_ever_said() {
    let tenantry = Tenantry::new();
    tenantry.write("kubeconfig", NOBODY);
    tenantry.write("bearer", BEARER);
    tenantry.write("whsec", &format!("whsec_{WEBHOOK}=="));
    let (admin, admin_secret) = token(&tenantry, "--role platform-admin --name root");
    let (viewer, viewer_secret) = token(&tenantry, "--role tenant-viewer --tenant acme --name viewer");
    let (ended, ended_secret) = token(&tenantry, "--role operator --name ended");
    said(program(&tenantry), &format!("token revoke {}", ended.split('_').nth(1).unwrap()));
    let wrong_secret = admin_secret.chars().rev().collect::<String>();
    let wrong = admin.replace(&admin_secret, &wrong_secret);

    let (url, took) = hook();
    let up = Talkative::start(&tenantry, &url);
    let mut heard = Heard::default();
    over_the_api(&up, &mut heard, &[&admin, &viewer, &ended, &wrong, "hush-nonsense-bearer"], &ended);
    on_the_command_line(&tenantry, &up, &mut heard, &[&admin, &viewer, &ended, &wrong], &ended);
    until("that the webhook did not take what it was told", || {
        !took.lock().unwrap().is_empty() && read(&tenantry, "up.log").contains("are not delivered")
    });
    let mut up = up;
    assert!(Command::new("kill").args(["-TERM", &up.child.id().to_string()]).status().unwrap().success());
    assert!(up.child.wait().unwrap().success());
    drop(up);

    heard.note("the standard output of the server", read(&tenantry, "up.out"));
    heard.note("the log of the server", read(&tenantry, "up.log"));
    heard.note("what the webhook was sent", took.lock().unwrap().clone());
    for entry in std::fs::read_dir(tenantry.folder.path()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if name.starts_with("store.db") {
            heard.note(&name, read(&tenantry, &name));
        }
    }
    assert!(heard.0.iter().any(|(_, said)| said.contains("T701")), "nothing was refused");
    assert!(read(&tenantry, "up.log").contains("\"TRACE\""), "it did not talk");
    let secrets = [
        ("an administrator's token", admin_secret),
        ("a viewer's token", viewer_secret),
        ("a token that was ended", ended_secret),
        ("a token that was never made", wrong_secret),
        ("what is no token", "hush-nonsense-bearer".to_owned()),
        ("the store's key", KEY[..32].to_owned()),
        ("the database's password", DATABASE.to_owned()),
        ("Prometheus' bearer token", BEARER.to_owned()),
        ("Prometheus' header", HEADER.to_owned()),
        ("Prometheus' password", USERINFO.to_owned()),
        ("a server's password", PASSWORD.to_owned()),
        ("the webhook's query", QUERY.to_owned()),
        ("the webhook's secret", WEBHOOK.to_owned()),
        ("the webhook's secret in plain", "hush-hush-hush-webhook-secret".to_owned()),
    ];
    heard.holds_none_of(&secrets.map(|(name, secret)| (name.to_owned(), secret)));
}
