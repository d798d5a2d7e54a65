//! A server and a witness, each a program of its own, over real sockets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::cli::declared;
use crate::tenantry::Tenantry;

/// A program that is killed when its test ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const NAME: &str = "example.net/w1";

pub(crate) struct Witness {
    _running: Running,
    pub(crate) address: String,
}

/// Starts a witness in the folder, over the key of the root log in `root.vkey`.
pub(crate) fn witness(tenantry: &Tenantry, state: &str) -> Witness {
    let line = format!("witness --name {NAME} --log-file root.vkey --listen 127.0.0.1:0 --state {state}");
    let mut command = tenantry.command();
    command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let mut said = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let (_, address) = said.trim().rsplit_once("http://").unwrap_or_else(|| panic!("{said}"));
    Witness { address: address.to_owned(), _running: running }
}

/// Posts a submission as it is; the status and the body.
fn post(address: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    if head.starts_with("HTTP/1.1 409") {
        assert!(head.contains("content-type: text/x.tlog.size"), "{head}");
    }
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The last signed checkpoint of the store's root log, by its export.
fn root(tenantry: &Tenantry) -> String {
    let export = tenantry.run("audit export --root");
    let text = String::from_utf8(export.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    last["checkpoint"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
}

pub(crate) fn keys(tenantry: &Tenantry) {
    assert!(tenantry.says("audit seal").ends_with("exit 0\n"));
    for (line, file) in [
        ("audit key --root", "root.vkey"),
        ("audit key", "audit.pub"),
        (&format!("witness --name {NAME} --print-key"), "w1.vkey"),
    ] {
        let said = tenantry.run(line);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        tenantry.write(file, &String::from_utf8(said.stdout).unwrap());
    }
}

#[test]
fn a_witness_speaks_the_protocol_and_remembers_over_its_end() {
    let tenantry = declared();
    keys(&tenantry);
    let first = witness(&tenantry, "w.json");
    let checkpoint = root(&tenantry);
    let (status, lines) = post(&first.address, &format!("old 0\n\n{checkpoint}"));
    assert_eq!(status, 200, "{lines}");
    assert!(lines.lines().count() == 2 && lines.lines().all(|line| line.starts_with(&format!("— {NAME} "))), "{lines}");
    let size: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
    // The same again; from a size that it has not; of another log; of another key; and what is none.
    assert_eq!(post(&first.address, &format!("old {size}\n\n{checkpoint}")).0, 200);
    assert_eq!(post(&first.address, &format!("old 0\n\n{checkpoint}")), (409, format!("{size}\n")));
    assert_eq!(post(&first.address, &format!("old {}\n\n{checkpoint}", size + 1)).0, 400);
    assert_eq!(post(&first.address, &format!("old 0\n\n{}", checkpoint.replace("tenantry/", "other/"))).0, 404);
    let forged = checkpoint.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
    assert_eq!(post(&first.address, &format!("old {size}\n\n{forged}")).0, 403);
    assert_eq!(post(&first.address, "nonsense").0, 400);
    assert_eq!(post(&first.address, &"x".repeat(100_000)).0, 413);
    // Killed and begun again, it knows what it has seen; on another's file it does not begin.
    drop(first);
    let again = witness(&tenantry, "w.json");
    assert_eq!(post(&again.address, &format!("old 0\n\n{checkpoint}")), (409, format!("{size}\n")));
    let second =
        tenantry.says(&format!("witness --name {NAME} --log-file root.vkey --listen 127.0.0.1:0 --state w.json"));
    assert!(second.contains("another witness holds it") && second.ends_with("exit 1\n"), "{second}");
    // More without a proof of it is not cosigned.
    tenantry.write("more.yaml", "tenant_config: { tenant: globex }\n");
    assert!(tenantry.says("config apply more.yaml -m more").ends_with("exit 0\n"));
    assert!(tenantry.says("audit seal").ends_with("exit 0\n"));
    let more = root(&tenantry);
    assert_eq!(post(&again.address, &format!("old {size}\n\n{more}")).0, 422);
}

#[test]
fn what_is_said_of_witnesses_is_read_or_refused() {
    let tenantry = declared();
    keys(&tenantry);
    let none = tenantry.says(&format!("witness --name {NAME}"));
    assert!(none.contains("no log is witnessed") && none.ends_with("exit 1\n"), "{none}");
    for wrong in ["nonsense", "a+b+c@http://127.0.0.1:1"] {
        let said = tenantry.says(&format!("up --no-api --witness {wrong}"));
        assert!(said.contains("NAME+ID+KEY@URL") && said.ends_with("exit 1\n"), "{said}");
    }
    // Demanded, and never asked.
    tenantry.says("audit export acme --out acme.jsonl");
    let unseen = tenantry.says("audit verify --file acme.jsonl --key audit.pub --witness-key w1.vkey");
    assert!(unseen.contains("has cosigned nothing of it") && unseen.ends_with("exit 3\n"), "{unseen}");
    let log = tenantry.says("audit verify --file acme.jsonl --key audit.pub");
    assert!(log.contains("entries are in the root log") && log.ends_with("exit 0\n"), "{log}");
}
