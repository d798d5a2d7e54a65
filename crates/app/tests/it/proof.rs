//! The whole path with nothing faked: a recorded load is served to a real Prometheus, Tenantry scales a real
//! Deployment on a real API server, KWOK makes its pods ready after a delay; and then things are killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::bed::{Exporter, TestBed};
use crate::tenantry::Tenantry;

/// The document of the design, with not a character changed.
const DESIGN: &str = r#"tenant_config:
  autoscaling:
    enabled: true
    strategy: "predictive"        # reactive | predictive | scheduled | fixed
    min_replicas: 2
    max_replicas: 50
    metrics:
      cpu_threshold: 70           # percent of request
      memory_threshold: 80
      latency_threshold: 500ms    # at the objective's quantile, default p95
  monitoring:
    real_time: true
    metrics_retention: "30d"
    alert_channels: ["slack", "email", "webhook"]
  security:
    encryption: "AES-256"
    isolation_level: "strict"
    audit_logging: true
  performance:
    cache_ttl: 3600               # seconds; also "1h"
    connection_pool: 100
    circuit_breaker: true
"#;

/// A workload with the query that measures its load. A day passes in a minute, so its rules are quicker than HPA's; what
/// metrics-server says is up to half a minute old.
const WORKLOAD: &str = "  workloads:
    api:
      autoscaling:
        metrics:
          request_rate_threshold: 10
          request_rate_query: sum by (tenant, workload) (rate(http_requests_total[5s]))
        stale_after: 45s
        behavior:
          scale_up: { policies: [{ type: percent, value: 100, period: 2s }] }
          scale_down: { stabilization_window: 5s }
";

/// A day of the trace in so long: five minutes of it pass in a quarter of a second.
const DAY: Duration = Duration::from_secs(72);
/// Requests per second at the trace's mean.
const MEAN: f64 = 150.0;

/// A recorded load with a mean of 1, and whether it is one: where none was fetched a wave stands in.
fn trace() -> (Vec<f64>, &'static str) {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let file = cache.map(|cache| cache.join("tenantry/traces/alibaba2018.csv"));
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    let column = |text: String| -> Vec<f64> {
        text.lines().skip(1).filter_map(|line| line.split(',').next()?.parse().ok()).collect()
    };
    match text.map(column).filter(|values| values.len() > 1000) {
        Some(values) => {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (values.iter().map(|value| value / mean).collect(), "Alibaba 2018, cpu of the cluster")
        }
        None => {
            let wave = |step: usize| 1.0 + 0.6 * (step as f64 / 288.0 * std::f64::consts::TAU).sin();
            ((0..2880).map(wave).collect(), "a made-up wave: no recorded trace is in the cache")
        }
    }
}

struct Load {
    values: Vec<f64>,
    began: Instant,
}

impl Load {
    fn step(&self) -> f64 {
        self.began.elapsed().as_secs_f64() / DAY.as_secs_f64() * 288.0
    }

    fn rate(&self) -> f64 {
        self.values[self.step() as usize % self.values.len()] * MEAN
    }

    /// Requests since the beginning.
    fn count(&self) -> f64 {
        let (whole, part) = (self.step() as usize, self.step().fract());
        let secs = DAY.as_secs_f64() / 288.0;
        let past: f64 = (0..whole).map(|step| self.values[step % self.values.len()]).sum();
        (past + part * self.values[whole % self.values.len()]) * secs * MEAN
    }
}

struct Up {
    child: Child,
}

impl Up {
    fn start(tenantry: &Tenantry, bed: &TestBed, holder: &str) -> Self {
        let log =
            std::fs::File::options().create(true).append(true).open(tenantry.folder.path().join("up.log")).unwrap();
        let child = tenantry
            .command()
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
                holder,
            ])
            .args(["--forecast-step", "500ms", "--season", "2m24s"])
            .args(["--prometheus", &bed.text("prometheus"), "--kubeconfig", &bed.text("kubeconfig")])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Cluster {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Cluster {
    fn connect(kubeconfig: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let client = runtime.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig).unwrap();
            let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
            Client::try_from(config).unwrap()
        });
        Self { client, runtime }
    }

    fn deploy(&self) {
        self.runtime.block_on(async {
            let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": "acme" } })).unwrap();
            Api::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
            let deployment: Deployment = serde_json::from_value(json!({
                "metadata": { "name": "api" },
                "spec": {
                    "replicas": 2,
                    "selector": { "matchLabels": { "app": "api" } },
                    "template": {
                        "metadata": {
                            "labels": { "app": "api" },
                            // Under the thresholds, so that the size follows the requests.
                            "annotations": {
                                "testbed.tenantry.dev/usage-cpu": "10m",
                                "testbed.tenantry.dev/usage-memory": "8Mi"
                            }
                        },
                        "spec": { "containers": [{
                            "name": "main",
                            "image": "none",
                            "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } }
                        }] }
                    }
                }
            }))
            .unwrap();
            let api: Api<Deployment> = Api::namespaced(self.client.clone(), "acme");
            api.create(&PostParams::default(), &deployment).await.unwrap();
        });
    }

    /// Replicas asked for and ready, when the API server answers.
    fn size(&self) -> Option<(u32, u32)> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), "acme");
        let asked = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), api.get("api")).await });
        let found = asked.ok()?.ok()?;
        let ready = found.status.and_then(|status| status.ready_replicas).unwrap_or(0);
        Some((u32::try_from(found.spec?.replicas?).unwrap(), u32::try_from(ready).unwrap()))
    }
}

/// Waits for something, and says what was seen when it never comes.
fn until<T>(what: &str, limit: u64, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + Duration::from_secs(limit);
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < end, "{what} never came: {seen}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A signal of the only workload as it stands.
fn signal(tenantry: &Tenantry, name: &str) -> Value {
    let seen = tenantry.json("get workloads");
    let signals = seen[0]["signals"].as_array().cloned().unwrap_or_default();
    signals.into_iter().find(|signal| signal["name"] == name).unwrap_or_default()
}

#[test]
fn replicas_follow_a_recorded_load_and_kills_break_no_law() {
    let Some(bed) = TestBed::start("the proof") else { return };
    let (values, said) = trace();
    eprintln!("load: {said}, a day in {} s", DAY.as_secs());
    let load = Arc::new(Load { values, began: Instant::now() });
    let exporter = Exporter::start({
        let load = Arc::clone(&load);
        move || format!("http_requests_total{{tenant=\"acme\",workload=\"api\"}} {}\n", load.count())
    });
    let targets = PathBuf::from(bed.text("prometheus_targets_dir")).join("load.json");
    std::fs::write(targets, json!([{ "targets": [exporter.address] }]).to_string()).unwrap();
    let cluster = Cluster::connect(&bed.text("kubeconfig"));
    cluster.deploy();
    let tenantry = Tenantry::new();
    tenantry.write("tenants/acme.yaml", &format!("{DESIGN}{WORKLOAD}"));
    let up = Up::start(&tenantry, &bed, "one");

    let wanted = |load: &Load| (load.rate() / 10.0).clamp(2.0, 50.0);
    let follows = |limit: u64| {
        until("a size that serves the load", limit, || {
            let (size, ready) = cluster.size().ok_or("no answer")?;
            let need = wanted(&load);
            let fits = f64::from(ready) >= need * 0.8 && f64::from(size) <= (need * 2.5).max(need + 6.0);
            assert!((2..=50).contains(&size), "outside its limits: {size}");
            if fits { Ok(()) } else { Err(format!("{size} asked for, {ready} ready, {need:.1} needed")) }
        });
    };
    follows(60);
    let mut sizes = BTreeMap::new();
    let watched = Instant::now();
    while watched.elapsed() < Duration::from_secs(25) {
        let (size, _) = cluster.size().unwrap();
        assert!((2..=50).contains(&size));
        *sizes.entry(size).or_insert(0) += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(sizes.len() > 1, "the size never moved: {sizes:?}");
    for usage in ["cpu", "memory"] {
        until("what the pods use", 60, || {
            let now = signal(&tenantry, usage);
            if now["now"].is_number() { Ok(()) } else { Err(format!("{usage}: {now}")) }
        });
    }

    // Prometheus dies: nothing shrinks while nothing is seen (L2), and all goes on when it is back.
    bed.order("kill", "prometheus");
    until("the loss of the request rate", 40, || {
        let now = signal(&tenantry, "request_rate");
        if now["missing"].is_string() { Ok(()) } else { Err(now.to_string()) }
    });
    let (blind_from, _) = cluster.size().unwrap();
    std::thread::sleep(Duration::from_secs(6));
    assert!(cluster.size().unwrap().0 >= blind_from, "it shrank while nothing was seen");
    bed.order("start", "prometheus");
    follows(60);

    // The API server dies in the middle.
    bed.order("kill", "kube-apiserver");
    std::thread::sleep(Duration::from_secs(8));
    bed.order("start", "kube-apiserver");
    follows(60);

    // Tenantry itself is killed, and another takes its place with a higher epoch.
    up.kill();
    let up = Up::start(&tenantry, &bed, "two");
    until("a change by the second controller", 120, || {
        let last = tenantry.json("explain acme/api --changes");
        match epoch(&last[0]) {
            Some(epoch) if epoch > 1 => Ok(()),
            other => Err(format!("the last change is of epoch {other:?}")),
        }
    });
    follows(60);

    check_records(&tenantry);
    let explained = tenantry.says("explain acme/api --changes");
    for word in ["saw", "considered", "did", "request_rate"] {
        assert!(explained.contains(word), "{explained}");
    }
    let log = std::fs::read_to_string(tenantry.folder.path().join("up.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    drop(up);
}

/// Under which epoch a decision was made.
fn epoch(explained: &Value) -> Option<u64> {
    explained["decision"]["generation"].as_str()?.split_once('.')?.0.parse().ok()
}

/// Every change is recorded, settled, and replays from its inputs; each one goes on from where the last one ended.
fn check_records(tenantry: &Tenantry) {
    let decisions = tenantry.json("explain acme/api --changes --last 1000");
    let decisions: Vec<&Value> = decisions.as_array().unwrap().iter().rev().collect();
    assert!(decisions.len() > 3, "only {} changes", decisions.len());
    let mut epochs = Vec::new();
    for decision in &decisions {
        assert_eq!(decision["replays"], true, "decision {} does not replay", decision["decision"]["id"]);
        epochs.push(epoch(decision).unwrap());
    }
    assert!(epochs.is_sorted());
    assert!(epochs.last() > epochs.first(), "the second controller has no higher epoch: {epochs:?}");
    let open = decisions.iter().rev().skip(1).filter(|decision| decision["decision"]["outcome"] == "pending");
    assert_eq!(open.count(), 0, "decisions stay open");
}
