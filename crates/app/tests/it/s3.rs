//! versitygw, a real S3 server, for one test: a bucket in a folder, on loopback.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const BUCKET: &str = "backups";
const USER: &str = "tenantry";
pub(crate) const SECRET: &str = "hush-hush-hush";

pub(crate) struct S3 {
    child: Child,
    endpoint: String,
    pub(crate) folder: tempfile::TempDir,
}

impl S3 {
    /// Starts it; none where Go is missing, which the test then says.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbed/run");
        let check = Command::new(&script).arg("check").output().unwrap();
        let missing = String::from_utf8_lossy(&check.stdout).into_owned();
        if missing.lines().any(|line| line.starts_with("go:")) {
            assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none(), "missing: {missing}");
            println!("skipped: {test} needs Go, to build an S3 server");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [&format!("data/{BUCKET}"), "side"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        // Another may take the port before it does.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let address = format!("127.0.0.1:{port}");
            let mut command = Command::new(&script);
            command.args(["s3", "--access", USER, "--secret", SECRET, "--port", &address, "posix", "--sidecar"]);
            command.arg(at("side")).arg(at("data"));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            // The first start builds it.
            let end = Instant::now() + Duration::from_secs(600);
            while Instant::now() < end && child.try_wait().unwrap().is_none() {
                if std::net::TcpStream::connect(&address).is_ok() {
                    return Some(Self { child, endpoint: format!("http://{address}"), folder });
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("the S3 server did not start")
    }

    /// How to log in, for a program's environment.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ACCESS_KEY_ID", USER.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", self.endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
