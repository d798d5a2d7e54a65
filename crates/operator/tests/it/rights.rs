//! The shipped role: everything works with it, and nothing else does.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::authorization::v1::SelfSubjectRulesReview;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tenantry_domain::spec::Pick;
use tenantry_domain::unit::Milli;
use tenantry_engine::ports::cluster::{Cluster as _, ClusterError, Lease as _};
use tenantry_engine::ports::identity::TokenReviewer as _;
use tenantry_operator::{ClusterReviewer, Connection, KubernetesCluster, KubernetesLease, Options, permissions};

use crate::bed::{Bed, bed, settled};

const SHIPPED: &str = include_str!("../../../../deploy/kubernetes/rbac.yaml");

/// What is shipped for those who let requests be changed.
const RESIZE: &str = include_str!("../../../../deploy/kubernetes/rbac-resize.yaml");

/// What is shipped for those who let service accounts call.
const TOKENS: &str = include_str!("../../../../deploy/kubernetes/rbac-tokens.yaml");

/// Applies a shipped file as an operator would.
async fn install(bed: &Bed, file: &str) {
    for text in file.split("\n---\n") {
        let object: Value = serde_saphyr::from_str(text).unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let patch = Patch::Apply(&object);
        let client = bed.client.clone();
        let applied = match object["kind"].as_str().unwrap() {
            "Namespace" => apply(&Api::<Namespace>::all(client), &name, &patch).await,
            "ServiceAccount" => apply(&Api::<ServiceAccount>::namespaced(client, "tenantry"), &name, &patch).await,
            "ClusterRole" => apply(&Api::<ClusterRole>::all(client), &name, &patch).await,
            "ClusterRoleBinding" => apply(&Api::<ClusterRoleBinding>::all(client), &name, &patch).await,
            "Role" => apply(&Api::<Role>::namespaced(client, "tenantry"), &name, &patch).await,
            "RoleBinding" => apply(&Api::<RoleBinding>::namespaced(client, "tenantry"), &name, &patch).await,
            other => panic!("{other} is not expected in the shipped file"),
        };
        applied.unwrap();
    }
}

async fn apply<K>(api: &Api<K>, name: &str, patch: &Patch<&Value>) -> Result<(), kube::Error>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.patch(name, &PatchParams::apply("test").force(), patch).await.map(|_| ())
}

/// A kubeconfig of the service account, and a client of it.
async fn as_tenantry(bed: &Bed) -> (tempfile::TempDir, Connection, Client) {
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), "tenantry");
    let asked: TokenRequest = serde_json::from_value(json!({ "metadata": {}, "spec": { "audiences": [] } })).unwrap();
    let token = accounts.create_token_request("tenantry", &PostParams::default(), &asked).await.unwrap();
    let mut file = Kubeconfig::read_from(&bed.kubeconfig).unwrap();
    let user = json!([{ "name": "u", "user": { "token": token.status.unwrap().token } }]);
    file.auth_infos = serde_json::from_value(user).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let cluster = serde_json::to_value(&file).unwrap();
    std::fs::write(&path, cluster.to_string()).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    let options = Options { kubeconfig: Some(path), ..Options::default() };
    (folder, Connection::open(&options).await.unwrap(), Client::try_from(config).unwrap())
}

fn is_forbidden<T: std::fmt::Debug>(answer: Result<T, kube::Error>) {
    match answer {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 403, "{status:?}"),
        other => panic!("it was not forbidden: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_role_is_enough_and_no_more() {
    let Some(bed) = bed("rights").await else { return };
    install(&bed, SHIPPED).await;
    bed.deploy("web", 2, &[]).await;
    let (folder, connection, client) = as_tenantry(&bed).await;

    let lease =
        KubernetesLease::new(&connection, "tenantry", "tenantry-rights", "test", std::time::Duration::from_secs(5));
    let epoch = lease.hold().await.unwrap().unwrap();
    let cluster = KubernetesCluster::watch(connection.clone(), "test");
    let state = settled(&cluster, &bed.sought(Pick::Name("web".into())), 2).await;
    cluster.scale(&bed.request(&state, 3, epoch)).await.unwrap();
    assert_eq!(bed.replicas("web").await, 3);
    lease.release().await.unwrap();
    for permission in permissions(&connection, "tenantry").await.unwrap() {
        assert!(permission.allowed, "{permission:?}");
    }
    let elsewhere = permissions(&connection, &bed.namespace).await.unwrap();
    assert!(elsewhere.iter().any(|permission| permission.what == "update leases" && !permission.allowed));

    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &bed.namespace);
    is_forbidden(deployments.delete("web", &DeleteParams::default()).await);
    let image = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "main", "image": "evil" }] } } } });
    is_forbidden(deployments.patch("web", &PatchParams::default(), &Patch::Strategic(&image)).await);
    is_forbidden(Api::<Secret>::all(client.clone()).list(&ListParams::default()).await);
    is_forbidden(Api::<ConfigMap>::all(client.clone()).list(&ListParams::default()).await);
    let pods: Api<Pod> = Api::namespaced(client.clone(), &bed.namespace);
    is_forbidden(pods.delete("any", &DeleteParams::default()).await);
    assert_eq!(all_rights(&client, &bed.namespace).await, RIGHTS);
    let own = all_rights(&client, "tenantry").await;
    let more: Vec<&str> = own.lines().filter(|line| !RIGHTS.contains(line)).collect();
    assert_eq!(more, ["coordination.k8s.io/leases: create get update"]);

    // Requests are changed by those alone whom the second file lets.
    let pod = state.sizes[0].clone();
    let resize = bed.resize(&pod, epoch, |to| to.requests.cpu = Some(Milli(150)));
    let refused = cluster.resize(&resize).await;
    assert!(matches!(refused, Err(ClusterError::Forbidden { .. })), "{refused:?}");
    install(&bed, RESIZE).await;
    assert_eq!(more_rights(&client, &bed.namespace, "pods/").await, ["pods/resize: get patch"]);
    cluster.resize(&resize).await.unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(bed.client.clone());
    bindings.delete("tenantry-resize", &DeleteParams::default()).await.unwrap();

    // Of others' tokens those alone may ask whom the third file lets.
    crate::review::account(&bed, "caller").await;
    let token = crate::review::token(&bed, "caller", &["tenantry"]).await;
    let options = Options { kubeconfig: Some(folder.path().join("kubeconfig")), ..Options::default() };
    let reviewer = ClusterReviewer::new(&options).await.unwrap();
    let audiences = ["tenantry".to_owned()];
    let refused = reviewer.review(&token, &audiences).await.unwrap_err();
    assert!(refused.message.contains("forbidden") && !refused.message.contains(&token), "{refused}");
    install(&bed, TOKENS).await;
    let more = more_rights(&client, &bed.namespace, "authentication").await;
    // What was taken away above may be seen for a moment yet.
    let more = more.iter().filter(|line| !line.starts_with("pods/resize"));
    assert_eq!(more.collect::<Vec<_>>(), ["authentication.k8s.io/tokenreviews: create"]);
    assert!(reviewer.review(&token, &audiences).await.unwrap().is_some());
    bindings.delete("tenantry-tokens", &DeleteParams::default()).await.unwrap();
    bed.end().await;
}

/// What is allowed beyond the shipped role, once the API server has seen what was installed: a right that begins so.
async fn more_rights(client: &Client, namespace: &str, begins: &str) -> Vec<String> {
    for _ in 0..600 {
        let all = all_rights(client, namespace).await;
        let more: Vec<String> = all.lines().filter(|line| !RIGHTS.contains(line)).map(str::to_owned).collect();
        if more.iter().any(|line| line.starts_with(begins)) {
            return more;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Vec::new()
}

/// All that the shipped role allows in any namespace; what Kubernetes allows everyone about themselves is left out.
const RIGHTS: &str = "\
apps/deployments/scale: get patch
apps/deployments: list watch
apps/replicasets/scale: get patch
apps/replicasets: list watch
apps/statefulsets/scale: get patch
apps/statefulsets: list watch
autoscaling/horizontalpodautoscalers: list watch
events.k8s.io/events: create patch
keda.sh/scaledobjects: list watch
metrics.k8s.io/pods: list
pods: list watch";

/// Every right in a namespace, as the API server itself adds them up.
async fn all_rights(client: &Client, namespace: &str) -> String {
    let asked = json!({ "spec": { "namespace": namespace } });
    let asked: SelfSubjectRulesReview = serde_json::from_value(asked).unwrap();
    let told = Api::all(client.clone()).create(&PostParams::default(), &asked).await.unwrap().status.unwrap();
    assert!(!told.incomplete, "{told:?}");
    let mut rights: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in told.resource_rules {
        for group in rule.api_groups.into_iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                let name = if group.is_empty() { resource.clone() } else { format!("{group}/{resource}") };
                rights.entry(name).or_default().extend(rule.verbs.iter().cloned());
            }
        }
    }
    rights.retain(|name, _| {
        !name.starts_with("authorization.k8s.io/self") && !name.starts_with("authentication.k8s.io/self")
    });
    let line = |(name, verbs): (String, BTreeSet<String>)| {
        format!("{name}: {}", verbs.into_iter().collect::<Vec<_>>().join(" "))
    };
    let mut lines: Vec<String> = rights.into_iter().map(line).collect();
    lines.sort();
    lines.join("\n")
}
