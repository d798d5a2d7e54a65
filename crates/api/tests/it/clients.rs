//! The generated clients: their types hold, and their examples do what they say on a server.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_generated_clients_hold_their_types_and_do_their_work() {
    let server = Server::start().await;
    server.declare(&["tenant_config: { tenant: acme }\n"]).await;
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/check");
    let mut command = Command::new(check);
    command.args(["run", &server.url, &server.admin().await]).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(3) {
        println!("skipped: {said}");
        assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none_or(|all| all != "1"), "the clients are required");
        return;
    }
    assert!(output.status.success(), "{said}");
    for line in [
        "tenant `typed-ts`: revision 1",
        "tenants: acme, typed-ts",
        "told of: tenant/typed-ts",
        "tenant `typed-py`: revision 1",
        "tenants: acme, typed-py, typed-ts",
        "refused: T101",
    ] {
        assert!(said.contains(line), "`{line}` is not in:\n{said}");
    }
}
