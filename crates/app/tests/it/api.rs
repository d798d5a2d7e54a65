//! `tenantry up` serves the API while no cluster answers yet.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::folder::{NOBODY, until};
use crate::tenantry::Tenantry;

pub(crate) struct Up {
    child: Child,
    pub(crate) url: String,
    /// What it said on the standard output until it served.
    said: String,
}

impl Up {
    pub(crate) fn start(tenantry: &Tenantry) -> Self {
        Self::start_with(tenantry, &[])
    }

    pub(crate) fn start_with(tenantry: &Tenantry, more: &[&str]) -> Self {
        tenantry.write("kubeconfig", NOBODY);
        let mut command = tenantry.command();
        command.args(["up", "--mode", "observe", "--kubeconfig", "kubeconfig", "--holder", "one"]);
        command.args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        // It says where after it has said the token.
        let line =
            log.find(|line| line.as_ref().is_ok_and(|line| line.contains("the API is served"))).unwrap().unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        std::thread::spawn(move || log.for_each(drop));
        let url = line["fields"]["url"].as_str().unwrap().to_owned();
        Self { child, url, said: String::new() }
    }

    /// Ends it as a service manager does, and hears how.
    fn end(mut self) -> String {
        let ended = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(ended.success());
        self.child.stdout.take().unwrap().read_to_string(&mut self.said).unwrap();
        assert!(self.child.wait().unwrap().success());
        std::mem::take(&mut self.said)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_start_shows_a_token_once_that_opens_the_api() {
    let tenantry = Tenantry::new();
    let said = Up::start(&tenantry).end();
    let token = said.lines().find_map(|line| line.trim().strip_prefix("TENANTRY_TOKEN=")).unwrap().to_owned();
    assert!(said.contains("/v1/whoami"), "{said}");
    let up = Up::start(&tenantry);
    assert!(up.get("/v1/whoami", &token).contains("\"platform-admin\""));
    assert!(up.get("/v1/whoami", "nothing").starts_with("HTTP/1.1 401"));
    until("that no cluster answers", || up.get("/v1/status", &token).contains("it waits"));
    assert_eq!(up.end(), "", "a token is shown once");
}

#[test]
fn an_address_that_cannot_be_had_is_told_with_what_to_do() {
    let tenantry = Tenantry::new();
    tenantry.write("kubeconfig", NOBODY);
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let up = |more: &str| tenantry.says(&format!("up --mode observe --kubeconfig kubeconfig --log error {more}"));
    let taken = up(&format!("--listen {address}"));
    assert!(taken.contains("is taken by another program") && taken.contains("T812"), "{taken}");
    let clear = up("--listen 0.0.0.0:0");
    assert!(clear.contains("--tls-cert") && clear.contains("T813"), "{clear}");
    let half = up("--tls-cert api.pem");
    assert!(half.contains("come together"), "{half}");
}
