//! An API server that is slow, throttles, forgets, or is away.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tenantry_domain::spec::Pick;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::Retry;
use tenantry_engine::ports::cluster::{Cluster as _, ClusterError};
use tenantry_operator::KubernetesCluster;

use crate::bed::{bed, settled, until};
use crate::proxy::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn throttled_and_lost_writes_are_told_apart_and_repeated_safely() {
    let Some(bed) = bed("throttled").await else { return };
    bed.deploy("web", 2, &[]).await;
    let proxy = Proxy::start(bed.client.clone()).await;
    let cluster = KubernetesCluster::watch(proxy.connect().await, "test");
    let sought = bed.sought(Pick::Name("web".into()));
    let state = settled(&cluster, &sought, 2).await;
    let request = bed.request(&state, 4, 1);

    proxy.faults.throttled.store(1, Ordering::SeqCst);
    let refused = cluster.scale(&request).await.unwrap_err();
    assert!(matches!(refused, ClusterError::Throttled) && refused.retry() == Retry::Later, "{refused}");
    assert_eq!(bed.replicas("web").await, 2, "what was refused was not done");

    proxy.faults.lost.store(1, Ordering::SeqCst);
    let unknown = cluster.scale(&request).await.unwrap_err();
    assert!(matches!(unknown, ClusterError::Unknown { .. }) && unknown.retry() == Retry::Later, "{unknown}");
    assert_eq!(bed.replicas("web").await, 4, "it was done, and nobody heard of it");
    cluster.scale(&request).await.unwrap();
    assert_eq!(bed.replicas("web").await, 4);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_gone_is_begun_anew_and_what_it_missed_is_seen() {
    let Some(bed) = bed("gone").await else { return };
    bed.deploy("web", 2, &[]).await;
    let proxy = Proxy::start(bed.client.clone()).await;
    let cluster = KubernetesCluster::watch(proxy.connect().await, "test");
    let sought = bed.sought(Pick::Name("web".into()));
    settled(&cluster, &sought, 2).await;

    // While it is away the object changes, and when it is back the versions it knew are too old (410).
    proxy.faults.down.store(true, Ordering::SeqCst);
    proxy.cut();
    let size = json!({ "spec": { "replicas": 5 } });
    let api: Api<Deployment> = Api::namespaced(bed.client.clone(), &bed.namespace);
    api.patch("web", &PatchParams::default(), &Patch::Merge(&size)).await.unwrap();
    let away = Instant::now();
    let blind = until(&cluster, &sought, Result::is_err).await.unwrap_err();
    assert!(matches!(blind, ClusterError::Unknown { verb: "watch", .. }), "{blind}");
    assert!(away.elapsed() < Duration::from_secs(30), "what was seen last passed for the present");
    proxy.faults.gone.store(8, Ordering::SeqCst);
    proxy.faults.down.store(false, Ordering::SeqCst);
    let seen = settled(&cluster, &sought, 5).await;
    assert_eq!(seen.current, Replicas::new(5));
    assert!(proxy.faults.gone.load(Ordering::SeqCst) < 8, "no watch was told that it is gone");
    bed.end().await;
}
