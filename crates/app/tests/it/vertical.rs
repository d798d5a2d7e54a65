//! Requests of a real Deployment's pods, recommended from what metrics-server says and changed in place on a real API
//! server.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::bed::TestBed;
use crate::tenantry::Tenantry;

const TENANT: &str = "tenant_config:
  autoscaling:
    strategy: fixed
    replicas: 2
    vertical:
      mode: in_place
      cpu: { max: 2 }
  budget: { core_hour_usd: 0.04, gib_hour_usd: 0.005 }
  workloads: { api: {} }
";

struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn up(tenantry: &Tenantry, bed: &TestBed) -> Up {
    let log = std::fs::File::create(tenantry.folder.path().join("up.log")).unwrap();
    let mut command = tenantry.command();
    command
        .args([
            "up",
            "--listen",
            "127.0.0.1:0",
            "--config",
            "tenants",
            "--cycle",
            "1s",
            "--lease-namespace",
            "default",
            "--holder",
            "one",
        ])
        .args(["--prometheus", &bed.text("prometheus"), "--kubeconfig", &bed.text("kubeconfig")]);
    Up(command.stdin(Stdio::null()).stderr(log).spawn().unwrap())
}

async fn deploy(client: &Client) {
    let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": "acme" } })).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let used = json!({ "testbed.tenantry.dev/usage-cpu": "1", "testbed.tenantry.dev/usage-memory": "40Mi" });
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": { "name": "api" },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app": "api" } },
            "template": {
                "metadata": { "labels": { "app": "api" }, "annotations": used },
                "spec": { "containers": [{
                    "name": "main",
                    "image": "none",
                    "resources": { "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "memory": "64Mi" } }
                }] }
            }
        }
    }))
    .unwrap();
    let api: Api<Deployment> = Api::namespaced(client.clone(), "acme");
    api.create(&PostParams::default(), &deployment).await.unwrap();
}

/// A pod's name, its uid, and what its container requests and is limited to.
type Seen = (String, String, Value);

/// Each pod, by name.
async fn pods(client: &Client) -> Vec<Seen> {
    let api: Api<Pod> = Api::namespaced(client.clone(), "acme");
    let Ok(found) = api.list(&ListParams::default()).await else { return Vec::new() };
    let one = |pod: Pod| {
        let resources = serde_json::to_value(&pod.spec.unwrap().containers[0].resources).unwrap();
        (pod.metadata.name.unwrap(), pod.metadata.uid.unwrap(), resources)
    };
    let mut pods: Vec<_> = found.items.into_iter().map(one).collect();
    pods.sort_by(|a, b| a.0.cmp(&b.0));
    pods
}

/// Cpu in thousandths of a core and memory in mebibytes, as the test reads them.
fn requests(resources: &Value) -> (i64, i64) {
    let cpu = resources["requests"]["cpu"].as_str().unwrap_or("0");
    let cpu =
        cpu.strip_suffix('m').map_or_else(|| cpu.parse::<i64>().unwrap() * 1000, |millis| millis.parse().unwrap());
    let memory = resources["requests"]["memory"].as_str().unwrap_or("0Mi");
    (cpu, memory.strip_suffix("Mi").unwrap_or("0").parse().unwrap())
}

#[test]
fn requests_are_recommended_and_changed_in_place_on_a_real_api_server() {
    let Some(bed) = TestBed::start("vertical sizes") else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async {
        let file = Kubeconfig::read_from(bed.text("kubeconfig")).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    });
    runtime.block_on(deploy(&client));
    let tenantry = Tenantry::new();
    tenantry.write("tenants/acme.yaml", TENANT);
    let _up = up(&tenantry, &bed);
    let until = |what: &str, good: &dyn Fn(&[Seen]) -> bool| {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let found = runtime.block_on(pods(&client));
            if good(&found) {
                return found;
            }
            let log = || std::fs::read_to_string(tenantry.folder.path().join("up.log")).unwrap_or_default();
            assert!(Instant::now() < end, "{what} never came: {found:?}\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    let began = until("two pods", &|pods| pods.len() == 2);

    // A core is used where a tenth is requested: both pods get what they need, and are the same pods.
    let grown = until("cpu", &|pods| pods.len() == 2 && pods.iter().all(|(_, _, one)| requests(one).0 > 1000));
    let uids = |pods: &[Seen]| pods.iter().map(|(_, uid, _)| uid.clone()).collect::<Vec<_>>();
    assert_eq!(uids(&grown), uids(&began), "no pod was restarted");
    assert!(grown.iter().all(|(_, _, one)| (1000..=2000).contains(&requests(one).0)), "{grown:?}");

    // One is killed for want of memory: both get a hundred mebibytes more, and the limit, which equals the request, too.
    let killed = json!({ "status": { "containerStatuses": [{
        "name": "main", "image": "none", "imageID": "", "ready": true, "restartCount": 1,
        "resources": grown[0].2, "state": { "running": { "startedAt": k8s_openapi::jiff::Timestamp::now().to_string() } },
        "lastState": { "terminated": {
            "exitCode": 137, "reason": "OOMKilled", "finishedAt": k8s_openapi::jiff::Timestamp::now().to_string()
        } }
    }] } });
    let api: Api<Pod> = Api::namespaced(client.clone(), "acme");
    let patch = Patch::Strategic(&killed);
    runtime.block_on(api.patch_status(&grown[0].0, &PatchParams::default(), &patch)).unwrap();
    let safe = until("memory", &|pods| pods.len() == 2 && pods.iter().all(|(_, _, one)| requests(one).1 >= 164));
    assert!(safe.iter().all(|(_, _, one)| one["limits"]["memory"] == one["requests"]["memory"]), "{safe:?}");
    assert_eq!(uids(&safe), uids(&began), "no pod was restarted");

    check_shown(&tenantry);
}

fn check_shown(tenantry: &Tenantry) {
    let shown = |answer: &Value| {
        let rows = answer["recommendations"].as_array().cloned().unwrap_or_default();
        rows.len() == 2 && rows.iter().all(|row| row["why"] == "a change would save or protect too little")
    };
    let end = Instant::now() + Duration::from_secs(60);
    let answer = loop {
        let answer = tenantry.json("recommend acme");
        if shown(&answer) {
            break answer;
        }
        assert!(Instant::now() < end, "{answer}");
        std::thread::sleep(Duration::from_millis(200));
    };
    let rows = answer["recommendations"].as_array().unwrap();
    let [cpu, memory] = &rows[..] else { panic!("{answer}") };
    assert_eq!((&cpu["resource"], &cpu["mode"]), (&json!("cpu"), &json!("in_place")));
    assert_eq!((&memory["resource"], &memory["oom_kills"]), (&json!("memory"), &json!(1)));
    let table = tenantry.says("recommend acme --workload api");
    assert!(table.contains("RECOMMENDED") && table.contains("acme/api  main"), "{table}");
    let missing = tenantry.says("recommend acme --workload web");
    assert!(missing.contains("T106") && missing.ends_with("exit 1\n"), "{missing}");

    let decisions = tenantry.json("explain acme/api --changes --last 100");
    let decisions = decisions.as_array().unwrap();
    let resized = |decision: &&Value| !decision["planned"]["plan"]["action"]["resize"].is_null();
    let applied =
        decisions.iter().filter(resized).filter(|decision| decision["decision"]["outcome"] == "applied").count();
    assert!(applied >= 4, "{applied} changes of pods were recorded as applied");
    assert!(decisions.iter().all(|decision| decision["replays"] == true));
    let told = tenantry.says("explain acme/api --changes");
    assert!(told.contains("requests   main memory") && told.contains("did        resize api-"), "{told}");
}
