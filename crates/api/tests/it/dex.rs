//! Dex, a real OpenID provider, for one test: people with passwords, kept in memory, on loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "password";
/// Of [`PASSWORD`], by bcrypt.
const HASH: &str = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W";

pub(crate) struct Dex {
    child: Child,
    /// The issuer.
    pub(crate) url: String,
    settings: PathBuf,
    _folder: tempfile::TempDir,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbed/run")
}

impl Dex {
    /// Starts it, with tokens that live so long; none where Go is missing, which the test then says.
    pub(crate) fn start(test: &str, lives: &str) -> Option<Self> {
        let check = Command::new(script()).arg("check").output().unwrap();
        let missing = String::from_utf8_lossy(&check.stdout).into_owned();
        if missing.lines().any(|line| line.starts_with("go:")) {
            assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none(), "missing: {missing}");
            println!("skipped: {test} needs Go, to build Dex");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("dex.yaml");
        // Another may take the port before Dex does.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            std::fs::write(&settings, form(port, lives)).unwrap();
            let url = format!("http://127.0.0.1:{port}/dex");
            if let Some(child) = launch(&settings, &url) {
                return Some(Self { child, url, settings, _folder: folder });
            }
        }
        panic!("Dex did not start")
    }

    pub(crate) fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it and starts it again: what was in memory is gone, its keys with it.
    pub(crate) fn start_anew(&mut self) {
        self.end();
        self.child = launch(&self.settings, &self.url).unwrap();
    }
}

impl Drop for Dex {
    fn drop(&mut self) {
        self.end();
    }
}

fn launch(settings: &Path, url: &str) -> Option<Child> {
    let mut command = Command::new(script());
    command.args(["dex", "serve"]).arg(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // The first start builds it.
    let end = Instant::now() + Duration::from_secs(600);
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/dex")).unwrap();
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if std::net::TcpStream::connect(address).is_ok() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

// A refresh token may be used again: when this Dex rotates one, its memory waits for itself for ever.
fn form(port: u16, lives: &str) -> String {
    let person = |name: &str, group: &str| {
        format!(
            "  - {{ email: {name}@example.org, username: {name}, userID: {name}-1, emailVerified: true, groups: [{group}], \
             hash: '{HASH}' }}\n"
        )
    };
    format!(
        "issuer: http://127.0.0.1:{port}/dex
storage: {{ type: memory }}
web: {{ http: '127.0.0.1:{port}' }}
oauth2: {{ skipApprovalScreen: true, passwordConnector: local }}
expiry: {{ idTokens: {lives}, refreshTokens: {{ reuseInterval: 1h }} }}
enablePasswordDB: true
staticClients:
  - {{ id: tenantry, name: Tenantry, public: true }}
  - {{ id: another, name: Another, public: true }}
staticPasswords:
{}{}{}",
        person("ada", "platform"),
        person("eve", "acme-editors"),
        person("nina", "nobodies")
    )
}
