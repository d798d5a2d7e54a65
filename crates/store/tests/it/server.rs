//! A PostgreSQL server of the tests' own, from the Debian package's programs: on a socket in a folder of its own, so
//! that there is no port to collide on, and gone with its folder when the test process ends, however it ends.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::sync::Mutex;

use crate::again;

/// Makes the cluster, starts it, says so, and stays until its input ends: then the test process is gone.
const KEEPER: &str = r#"
trap '' INT TERM HUP
bin=$1; dir=$2
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-sync >"$dir/log" 2>&1 &&
printf "unix_socket_directories = '%s'\nlisten_addresses = ''\nmax_connections = 200\n" "$dir" \
    >>"$dir/data/postgresql.conf" &&
"$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" start >>"$dir/log" 2>&1 &&
"$bin/createuser" -h "$dir" -U postgres tenantry >>"$dir/log" 2>&1 &&
echo ready || { cat "$dir/log"; echo failed; }
cat >/dev/null
"$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
rm -rf "$dir"
"#;

#[derive(Debug)]
pub(crate) struct Server {
    /// Programs of the installed version.
    pub(crate) bin: PathBuf,
    /// Holds the socket and, under `data`, the cluster.
    pub(crate) dir: PathBuf,
    /// Command and arguments that run a program as the cluster's user.
    pub(crate) run_as: Vec<String>,
    /// Its input is open as long as this process lives.
    _keeper: Child,
}

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(1);
static CREATING: Mutex<()> = Mutex::const_new(());

/// The address of a new, empty database; none where PostgreSQL is not installed.
pub(crate) async fn database() -> Option<String> {
    Some(shared().await?.create().await)
}

/// The server that tests share; none where PostgreSQL is not installed.
pub(crate) async fn shared() -> Option<&'static Server> {
    tokio::task::spawn_blocking(|| SERVER.get_or_init(|| start("shared")).as_ref()).await.unwrap()
}

impl Server {
    pub(crate) async fn create(&self) -> String {
        let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        // Two at once would find the template in use.
        let guard = CREATING.lock().await;
        let mut connection = PgConnection::connect(&self.admin_url("postgres")).await.unwrap();
        connection
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} OWNER tenantry TEMPLATE template0")))
            .await
            .unwrap();
        connection.close().await.unwrap();
        drop(guard);
        self.url(&name)
    }

    /// For one whom row-level security does not hold.
    pub(crate) fn admin_url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.dir.display())
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=tenantry&password=hush", self.dir.display())
    }

    /// Runs `pg_ctl` on the cluster.
    pub(crate) fn control(&self, arguments: &[&str]) {
        let mut command = as_user(&self.run_as, &self.bin.join("pg_ctl"));
        let log = self.dir.join("log");
        command.arg("-D").arg(self.dir.join("data")).arg("-w").arg("-l").arg(log).args(arguments);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "pg_ctl {arguments:?}: {status}");
    }
}

/// A server, or none where PostgreSQL is not installed; that is said, and fails where everything is required.
pub(crate) fn start(name: &str) -> Option<Server> {
    let Some(bin) = installed() else {
        println!("skipped: PostgreSQL is not installed (apt-get install postgresql)");
        assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none_or(|all| all != "1"), "PostgreSQL is required");
        return None;
    };
    let dir = tempfile::Builder::new().prefix(&format!("tenantry-pg-{name}-")).tempdir().unwrap().keep();
    let run_as = own_user(&dir);
    let mut command = as_user(&run_as, Path::new("sh"));
    command.args(["-c", KEEPER, "keeper"]).arg(&bin).arg(&dir);
    let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    let mut output = BufReader::new(keeper.stdout.take().unwrap());
    while !said.ends_with("ready\n") {
        let read = output.read_line(&mut said).unwrap();
        assert!(read > 0 && !said.ends_with("failed\n"), "PostgreSQL did not start:\n{said}");
    }
    Some(Server { bin, dir, run_as, _keeper: keeper })
}

/// The programs of the newest installed version.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").exists().then_some((version, bin))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

/// PostgreSQL refuses to run as root: the folder then goes to another user, who runs it.
fn own_user(dir: &Path) -> Vec<String> {
    if !again::is_root() {
        return Vec::new();
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let mut fields = users.lines().find_map(|line| line.strip_prefix(&format!("{name}:x:")))?.split(':');
        Some((fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?))
    };
    let (user, group) = ids("postgres").or_else(|| ids("nobody")).expect("a user other than root");
    std::os::unix::fs::chown(dir, Some(user), Some(group)).unwrap();
    ["setpriv".to_owned(), format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()].into()
}

fn as_user(run_as: &[String], program: &Path) -> Command {
    match run_as {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    }
}
