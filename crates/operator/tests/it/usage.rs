//! What pods use, from the real metrics-server.

use std::sync::atomic::Ordering;

use tenantry_domain::snapshot::PodSample;
use tenantry_domain::spec::Pick;
use tenantry_engine::ports::cluster::{Cluster as _, PodMetrics};
use tenantry_operator::KubernetesCluster;

use crate::bed::{bed, settled, until};
use crate::proxy::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn usage_comes_from_the_metrics_api_and_its_absence_is_told() {
    let Some(bed) = bed("usage").await else { return };
    bed.deploy_using("web", 2, "250m", "100Mi").await;
    let sought = bed.sought(Pick::Name("web".into()));
    let proxy = Proxy::start(bed.client.clone()).await;
    proxy.faults.unmeasured.store(true, Ordering::SeqCst);
    let unmeasured = KubernetesCluster::watch(proxy.connect().await, "test");
    let state = settled(&unmeasured, &sought, 2).await;
    let told = matches!(&state.metrics, PodMetrics::Missing(why) if why.contains("install metrics-server"));
    assert!(told, "{:?}", state.metrics);

    // It has to look twice, ten seconds apart, before it says how much cpu is used.
    let cluster = bed.cluster().await;
    let near = |samples: &[PodSample], expected: i64| {
        samples.len() == 2 && samples.iter().all(|sample| (sample.value.0 - expected).abs() <= expected / 5)
    };
    let measured = |metrics: &PodMetrics| match metrics {
        PodMetrics::Samples { cpu, memory } => near(cpu, 250) && near(memory, 100 * 1024 * 1024 * 1000),
        PodMetrics::Missing(_) => false,
    };
    let good =
        until(&cluster, &sought, |seen| seen.as_ref().is_ok_and(|state| measured(&state.metrics))).await.unwrap();
    assert_eq!(good.pods.len(), 2);
    assert_eq!(cluster.observe(&[]).await.len(), 0);
    bed.end().await;
}
