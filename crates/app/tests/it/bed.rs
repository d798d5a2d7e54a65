//! A test bed of the test's own, as it breaks things in it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) struct TestBed {
    child: Child,
    pub(crate) info: Value,
    folder: tempfile::TempDir,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbed/run")
}

impl TestBed {
    /// Starts it; none where Go or Prometheus is missing, which the test then says.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &["postgresql"], &["--metrics", "--startup-delay=2s"])
    }

    /// Starts it with these settings, of all but what is not needed.
    pub(crate) fn start_with(test: &str, spared: &[&str], settings: &[&str]) -> Option<Self> {
        let check = Command::new(script()).arg("check").output().unwrap();
        let missing = String::from_utf8_lossy(&check.stdout).into_owned();
        let needed: Vec<&str> =
            missing.lines().filter(|line| !spared.iter().any(|spared| line.starts_with(spared))).collect();
        if !needed.is_empty() {
            assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none(), "missing: {missing}");
            eprintln!("skipped: {test} needs {}", needed.join("; "));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(script())
            .args(["up", "--until-eof", "--postgres=false"])
            .args(settings)
            .arg("--dir")
            .arg(folder.path().join("bed"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let info = serde_json::from_str(&line).unwrap_or_else(|error| panic!("the test bed did not start: {error}"));
        Some(Self { child, info, folder })
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.info[key].as_str().unwrap().to_owned()
    }

    /// Gives an order such as `kill kube-apiserver`.
    pub(crate) fn order(&self, verb: &str, component: &str) {
        let dir = self.folder.path().join("bed");
        let status = Command::new(script()).args([verb, component, "--dir"]).arg(dir).status().unwrap();
        assert!(status.success(), "{verb} {component}");
    }
}

impl Drop for TestBed {
    fn drop(&mut self) {
        // The end of its standard input ends it.
        drop(self.child.stdin.take());
        let end = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves a page of metrics that `make` writes anew for each scrape.
pub(crate) struct Exporter {
    pub(crate) address: String,
    ended: Arc<AtomicBool>,
}

impl Exporter {
    pub(crate) fn start(make: impl Fn() -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let mut request = [0_u8; 2048];
                let _ = stream.read(&mut request);
                let body = make();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
                let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { address, ended }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = std::net::TcpStream::connect(&self.address);
    }
}
