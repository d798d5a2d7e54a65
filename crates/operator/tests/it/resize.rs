//! Requests of running pods, changed through the real API server.

use std::sync::atomic::Ordering;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tenantry_domain::spec::Pick;
use tenantry_domain::unit::Milli;
use tenantry_domain::vertical::Resources;
use tenantry_engine::ports::Retry;
use tenantry_engine::ports::cluster::{Cluster as _, ClusterError, ObjectState};
use tenantry_operator::KubernetesCluster;

use crate::bed::{Bed, bed, settled, until};
use crate::proxy::Proxy;

/// What the first container of a pod requests, as the API server has it, with the pod's uid.
async fn requests(bed: &Bed, pod: &str) -> (String, String, String) {
    let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.namespace);
    let pod = pods.get(pod).await.unwrap();
    let named = pod.spec.unwrap().containers.remove(0).resources.unwrap().requests.unwrap();
    (pod.metadata.uid.unwrap(), named["cpu"].0.clone(), named["memory"].0.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pods_requests_are_changed_in_place_and_an_older_epoch_is_refused() {
    let Some(bed) = bed("resized").await else { return };
    bed.deploy("web", 2, &[]).await;
    let cluster = bed.cluster().await;
    let sought = bed.sought(Pick::Name("web".into()));
    let state = settled(&cluster, &sought, 2).await;
    let pod = state.sizes[0].clone();
    let before = requests(&bed, &pod.pod).await;
    assert_eq!((before.1.as_str(), before.2.as_str()), ("100m", "64Mi"));

    let memory = Some(Milli::units(128 << 20));
    let first = bed.resize(&pod, 7, |to| to.requests = Resources { cpu: Some(Milli(250)), memory });
    cluster.resize(&first).await.unwrap();
    // The same pod, with other requests.
    assert_eq!(requests(&bed, &pod.pod).await, (before.0.clone(), "250m".into(), "128Mi".into()));
    // L3: again it changes nothing.
    cluster.resize(&first).await.unwrap();
    let changed = |state: &ObjectState| state.sizes[0].containers[0].sizes.requests.cpu == Some(Milli(250));
    let state = until(&cluster, &sought, |seen| seen.as_ref().is_ok_and(changed)).await.unwrap();
    let pod = state.sizes[0].clone();
    assert_eq!(state.pods[0].cpu_request, Some(Milli(250)));

    // A later epoch takes it; the older one has read the newest version and is refused all the same.
    cluster.resize(&bed.resize(&pod, 8, |to| to.requests.cpu = Some(Milli(300)))).await.unwrap();
    let is =
        |cores: i64| move |state: &ObjectState| state.sizes[0].containers[0].sizes.requests.cpu == Some(Milli(cores));
    let state = until(&cluster, &sought, |seen| seen.as_ref().is_ok_and(is(300))).await.unwrap();
    let late = cluster.resize(&bed.resize(&state.sizes[0], 7, |to| to.requests.cpu = Some(Milli(900)))).await;
    assert!(matches!(&late, Err(ClusterError::Conflict { message, .. }) if message.contains("epoch 8")), "{late:?}");
    // One that was planned from other sizes is refused.
    let stale = cluster.resize(&bed.resize(&pod, 8, |to| to.requests.cpu = Some(Milli(900)))).await.unwrap_err();
    assert!(matches!(stale, ClusterError::Conflict { .. }) && stale.retry() == Retry::AfterChange, "{stale}");
    assert_eq!(requests(&bed, &pod.pod).await, (before.0, "300m".into(), "128Mi".into()));
    assert_eq!(requests(&bed, &state.sizes[1].pod).await.1, "100m", "the other pod is as it was");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_refuses_is_told_in_its_words() {
    let Some(bed) = bed("unresized").await else { return };
    bed.deploy("web", 1, &[]).await;
    let proxy = Proxy::start(bed.client.clone()).await;
    let cluster = KubernetesCluster::watch(proxy.connect().await, "test");
    let state = settled(&cluster, &bed.sought(Pick::Name("web".into())), 1).await;
    let pod = state.sizes[0].clone();

    // Limits equal to the requests would change the pod's class of service.
    let class = cluster.resize(&bed.resize(&pod, 1, |to| to.limits = to.requests)).await.unwrap_err();
    assert!(matches!(&class, ClusterError::Refused { .. }) && class.to_string().contains("QOS"), "{class}");
    assert_eq!(class.retry(), Retry::Never);

    let mut gone = bed.resize(&pod, 1, |to| to.requests.cpu = Some(Milli(200)));
    gone.resize.pod = "web-gone".to_owned();
    let gone = cluster.resize(&gone).await;
    assert!(matches!(gone, Err(ClusterError::NotFound { .. })), "{gone:?}");

    let request = bed.resize(&pod, 1, |to| to.requests.cpu = Some(Milli(200)));
    proxy.faults.unresizable.store(true, Ordering::SeqCst);
    let old = cluster.resize(&request).await.unwrap_err();
    assert!(matches!(&old, ClusterError::Refused { message, .. } if message.contains("1.33")), "{old}");
    proxy.faults.unresizable.store(false, Ordering::SeqCst);

    // Its answer is lost; the change is made, and made again changes nothing.
    proxy.faults.lost.store(1, Ordering::SeqCst);
    let lost = cluster.resize(&request).await;
    assert!(matches!(lost, Err(ClusterError::Unknown { .. })), "{lost:?}");
    cluster.resize(&request).await.unwrap();
    assert_eq!(requests(&bed, &pod.pod).await.1, "200m");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn use_and_kills_are_seen_for_each_container() {
    let Some(bed) = bed("contained").await else { return };
    bed.deploy_using("web", 1, "250m", "100Mi").await;
    let cluster = bed.cluster().await;
    let sought = bed.sought(Pick::Name("web".into()));
    let measured = |state: &ObjectState| {
        let used = state.sizes.first().map(|pod| pod.containers[0].used);
        used.is_some_and(|used| used.cpu.is_some_and(|cores| cores.0 > 200) && used.memory.is_some())
    };
    let state = until(&cluster, &sought, |seen| seen.as_ref().is_ok_and(measured)).await.unwrap();
    let pod = &state.sizes[0];
    assert!(pod.used_at.is_some() && pod.containers[0].oom_at.is_none(), "{pod:?}");

    let pods: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.namespace);
    let killed = json!({ "status": { "containerStatuses": [{
        "name": "main", "image": "none", "imageID": "", "ready": true, "restartCount": 1,
        "state": { "running": { "startedAt": "2026-01-01T00:05:00Z" } },
        "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:04:00Z" } }
    }] } });
    pods.patch_status(&pod.pod, &PatchParams::default(), &Patch::Strategic(&killed)).await.unwrap();
    let told = |state: &ObjectState| state.sizes[0].containers[0].oom_at.is_some();
    let state = until(&cluster, &sought, |seen| seen.as_ref().is_ok_and(told)).await.unwrap();
    assert_eq!(state.sizes[0].containers[0].oom_at.unwrap().to_string(), "2026-01-01T00:04:00Z");
    bed.end().await;
}
