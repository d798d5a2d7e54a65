//! A real Vault for one test, in memory and on loopback.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

pub(crate) struct Vault {
    child: Child,
    /// It runs until this is closed.
    _alive: Option<ChildStdin>,
    pub(crate) address: String,
    pub(crate) token: String,
}

impl Vault {
    /// Starts it; none where Go is missing, which the test then says.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbed/run");
        let check = Command::new(&script).arg("check").output().unwrap();
        let missing = String::from_utf8_lossy(&check.stdout).into_owned();
        if missing.lines().any(|line| line.starts_with("go:")) {
            assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none(), "missing: {missing}");
            println!("skipped: {test} needs Go, to build Vault");
            return None;
        }
        let mut command = Command::new(&script);
        command.arg("vault").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        // The first start builds it.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        Some(Self { _alive: child.stdin.take(), child, address: text("address"), token: text("token") })
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
