//! `tenantry up --config DIR`: a folder that is the source of truth, while no cluster answers.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::tenantry::Tenantry;

pub(crate) const NOBODY: &str = "apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'http://127.0.0.1:9' } }]
users: [{ name: u, user: {} }]
contexts: [{ name: c, context: { cluster: c, user: u } }]
current-context: c
";

const REFUSED: &str = "error: tenant `one` is written by the folder tenants: change it there, or remove it there first
  T102: `tenantry errors T102` says what to do
exit 1
";

struct Up(Child);

impl Up {
    fn start(tenantry: &Tenantry) -> Self {
        tenantry.write("kubeconfig", NOBODY);
        let mut command = tenantry.command();
        command.args([
            "up",
            "--listen",
            "127.0.0.1:0",
            "--config",
            "tenants",
            "--kubeconfig",
            "kubeconfig",
            "--holder",
            "one",
        ]);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "{what} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_watched_folder_owns_its_documents_and_takes_changes_whole() {
    let tenantry = Tenantry::new();
    let max = |replicas: u32| format!("tenant_config:\n  autoscaling: {{ max_replicas: {replicas} }}\n");
    tenantry.write("tenants/one.yaml", &max(5));
    let _up = Up::start(&tenantry);
    let ids = || tenantry.run("get tenants -o json").stdout;
    let names = || String::from_utf8_lossy(&ids()).matches("\"id\":").count();
    until("the folder", || names() == 1);

    tenantry.write("other.yaml", &max(9).replace("tenant_config:\n", "tenant_config:\n  tenant: one\n"));
    for line in ["config apply other.yaml", "config rollback one 1"] {
        assert_eq!(tenantry.says(line), REFUSED, "{line}");
    }
    // Whether a document is right does not depend on who owns it.
    tenantry.write("wrong/one.yaml", &max(5));
    tenantry.write("wrong/two.yaml", "tenant_config:\n  workload: { api: {} }\n");
    expect![[r#"
        wrong/two.yaml:2:3: workload: unknown key `workload`
         2 |   workload: { api: {} }
           |   ^
           help: did you mean `workloads`?
        1 problem in 2 files
        exit 3
    "#]]
    .assert_eq(&tenantry.says("config validate wrong"));

    // A bad document keeps the whole folder as it was; when it is mended all of it is taken.
    tenantry.write("tenants/two.yaml", "tenant_config:\n  workload: { api: {} }\n");
    tenantry.write("tenants/one.yaml", &max(6));
    std::thread::sleep(Duration::from_secs(1));
    let broken = || tenantry.says("status").contains("unknown key `workload`");
    until("the broken folder", broken);
    let said = tenantry.says("status");
    let excerpt = "              2 |   workload: { api: {} }\n";
    assert!(said.contains(excerpt) && said.contains("\n             mend it; it is read again by itself"), "{said}");
    assert_eq!((names(), tenantry.json("config history one").as_array().unwrap().len()), (1, 1));
    tenantry.write("tenants/two.yaml", &max(7));
    until("the mended folder", || names() == 2);
    until("the end of the notice", || !broken());
    assert_eq!(tenantry.json("config history one")[0]["fields"]["autoscaling"]["max_replicas"], 6);
    std::fs::remove_file(tenantry.folder.path().join("tenants/two.yaml")).unwrap();
    until("the end of a tenant", || names() == 1);

    // A server that waits for its cluster is not taken for none.
    let told = || tenantry.says("status");
    until("what it waits for", || told().contains("did not answer"));
    let said = told();
    assert!(said.contains("controller one") && !said.contains("no server"), "{said}");
}
