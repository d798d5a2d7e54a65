//! A namespace of its own for each test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::plan::Generation;
use tenantry_domain::spec::{Pick, ScaleTarget};
use tenantry_domain::unit::Replicas;
use tenantry_domain::vertical::{ContainerResize, PodResize, PodSizes, Sizes};
use tenantry_engine::ports::cluster::{Cluster as _, ClusterError, ObjectState, ResizeRequest, ScaleRequest, Sought};
use tenantry_operator::{Connection, KubernetesCluster, Options};

pub(crate) struct Bed {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

/// The test bed, or none where there is none; then the test says so and passes, unless everything is required.
pub(crate) async fn bed(test: &str) -> Option<Bed> {
    let Some(kubeconfig) = std::env::var_os("TENANTRY_TESTBED_KUBECONFIG").map(PathBuf::from) else {
        assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none(), "no test bed, and TENANTRY_REQUIRE_ALL is set");
        eprintln!("skipped: {test} needs the test bed (`make test` starts it where Go is installed)");
        return None;
    };
    let file = Kubeconfig::read_from(&kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();
    let namespace = format!("test-{}-{}", test.replace('_', "-"), std::process::id());
    let namespace: String = namespace.chars().take(63).collect();
    let object: Namespace = serde_json::from_value(json!({ "metadata": { "name": namespace } })).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
    Some(Bed { kubeconfig, client, namespace })
}

impl Bed {
    pub(crate) async fn end(self) {
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.delete(&self.namespace, &DeleteParams::background()).await.unwrap();
    }

    pub(crate) async fn connect(&self) -> Connection {
        let options = Options { kubeconfig: Some(self.kubeconfig.clone()), ..Options::default() };
        Connection::open(&options).await.unwrap()
    }

    pub(crate) async fn cluster(&self) -> KubernetesCluster {
        KubernetesCluster::watch(self.connect().await, "test")
    }

    pub(crate) async fn deploy(&self, name: &str, replicas: u32, labels: &[(&str, &str)]) {
        self.create(name, replicas, labels, json!({})).await;
    }

    /// Pods that use so much, as far as their kubelet tells.
    pub(crate) async fn deploy_using(&self, name: &str, replicas: u32, cpu: &str, memory: &str) {
        let used = json!({ "testbed.tenantry.dev/usage-cpu": cpu, "testbed.tenantry.dev/usage-memory": memory });
        self.create(name, replicas, &[], used).await;
    }

    async fn create(&self, name: &str, replicas: u32, labels: &[(&str, &str)], annotations: Value) {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        let object: Deployment = serde_json::from_value(json!({
            "metadata": { "name": name, "namespace": self.namespace, "labels": labels },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": { "app": name } },
                "template": {
                    "metadata": { "labels": { "app": name }, "annotations": annotations },
                    "spec": { "containers": [{ "name": "main", "image": "none", "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } } }] }
                }
            }
        }))
        .unwrap();
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    pub(crate) async fn replicas(&self, name: &str) -> i32 {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        api.get(name).await.unwrap().spec.unwrap().replicas.unwrap()
    }

    /// Sets a size as a person does.
    pub(crate) async fn set(&self, name: &str, replicas: u32) {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let size = json!({ "spec": { "replicas": replicas } });
        api.patch_scale(name, &PatchParams::default(), &Patch::Merge(&size)).await.unwrap();
    }

    pub(crate) fn sought(&self, pick: Pick) -> Sought {
        let target = ScaleTarget {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: self.namespace.clone(),
            pick,
        };
        let key = WorkloadKey { tenant: TenantId::new("acme").unwrap(), workload: WorkloadName::new("web").unwrap() };
        Sought { key, target }
    }

    /// A change of a pod's first container.
    pub(crate) fn resize(&self, pod: &PodSizes, epoch: u64, change: impl Fn(&mut Sizes)) -> ResizeRequest {
        let Sought { key, target } = self.sought(Pick::Name("web".into()));
        let container = &pod.containers[0];
        let mut to = container.sizes;
        change(&mut to);
        let change = ContainerResize { container: container.name.clone(), from: container.sizes, to };
        let (pod, version) = (pod.pod.clone(), pod.version.clone());
        let resize = PodResize { pod, version, containers: vec![change] };
        ResizeRequest { key, target, resize, generation: Generation { epoch, cycle: 1 } }
    }

    pub(crate) fn request(&self, state: &ObjectState, to: u32, epoch: u64) -> ScaleRequest {
        let Sought { key, target } = self.sought(Pick::Name(state.name.clone()));
        ScaleRequest {
            key,
            target,
            name: state.name.clone(),
            version: state.version.clone(),
            from: state.current,
            to: Replicas::new(to),
            generation: Generation { epoch, cycle: 1 },
            reason: "a test asks for it".into(),
        }
    }
}

/// Looks until what is seen is as it should be.
pub(crate) async fn until(
    cluster: &KubernetesCluster,
    sought: &Sought,
    good: impl Fn(&Result<ObjectState, ClusterError>) -> bool,
) -> Result<ObjectState, ClusterError> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = cluster.observe(std::slice::from_ref(sought)).await.remove(0);
        if good(&seen) {
            return seen;
        }
        assert!(Instant::now() < end, "never came to be; last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn settled(cluster: &KubernetesCluster, sought: &Sought, ready: usize) -> ObjectState {
    let is_ready = |state: &ObjectState| {
        let serving = state.pods.iter().filter(|pod| pod.readiness.is_some_and(|condition| condition.ready));
        serving.count() == ready && state.pods.len() == ready && state.reported.get() as usize == ready
    };
    until(cluster, sought, |seen| seen.as_ref().is_ok_and(is_ready)).await.unwrap()
}
