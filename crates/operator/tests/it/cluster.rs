use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams, PostParams};
use serde_json::json;
use tenantry_domain::spec::Pick;
use tenantry_domain::unit::Milli;
use tenantry_engine::ports::cluster::{Cluster as _, ClusterError, Lease as _};
use tenantry_operator::KubernetesLease;

use crate::bed::{bed, settled, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_is_found_with_its_pods_by_name_and_by_label() {
    let Some(bed) = bed("found").await else { return };
    bed.deploy("web", 2, &[("team", "audio")]).await;
    bed.deploy("other", 1, &[("team", "video")]).await;
    let cluster = bed.cluster().await;
    let by_name = bed.sought(Pick::Name("web".into()));
    let state = settled(&cluster, &by_name, 2).await;
    assert_eq!(state.current.get(), 2);
    assert_eq!(state.pods[0].cpu_request, Some(Milli(100)));
    let started = state.pods[0].started_at.unwrap();
    assert!(state.pods[0].readiness.unwrap().changed_at >= started);
    let by_label = bed.sought(Pick::Labels([("team".into(), "audio".into())].into()));
    let answers = cluster
        .observe(&[
            by_label,
            bed.sought(Pick::Labels([("team".into(), "nobody".into())].into())),
            bed.sought(Pick::Labels([].into())),
            bed.sought(Pick::Name("missing".into())),
        ])
        .await;
    assert_eq!(answers[0].as_ref().unwrap().name, "web");
    assert!(matches!(answers[1], Err(ClusterError::NotFound { .. })));
    assert!(matches!(answers[2], Err(ClusterError::Ambiguous { found: 2, .. })));
    assert!(matches!(answers[3], Err(ClusterError::NotFound { .. })));
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_is_set_once_and_told_as_an_event() {
    let Some(bed) = bed("scaled").await else { return };
    bed.deploy("web", 2, &[]).await;
    let cluster = bed.cluster().await;
    let sought = bed.sought(Pick::Name("web".into()));
    let state = settled(&cluster, &sought, 2).await;
    let request = bed.request(&state, 5, 1);
    cluster.scale(&request).await.unwrap();
    assert_eq!(bed.replicas("web").await, 5);
    let grown = settled(&cluster, &sought, 5).await;
    // L3: the same request again changes nothing.
    cluster.scale(&request).await.unwrap();
    assert_eq!(bed.replicas("web").await, 5);
    // One that was planned from another size is refused.
    cluster.scale(&bed.request(&grown, 4, 1)).await.unwrap();
    let late = cluster.scale(&bed.request(&grown, 9, 1)).await;
    assert!(matches!(late, Err(ClusterError::Conflict { .. })), "{late:?}");
    assert_eq!(bed.replicas("web").await, 4);
    let events: Api<Event> = Api::namespaced(bed.client.clone(), &bed.namespace);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let found = events.list(&ListParams::default()).await.unwrap();
        let told = found.items.iter().any(|event| {
            event.reason.as_deref() == Some("ScaledUp")
                && event.note.as_deref() == Some("2 to 5 replicas: a test asks for it")
        });
        if told {
            break;
        }
        assert!(std::time::Instant::now() < end, "no event was written");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_refuses_an_older_epoch() {
    let Some(bed) = bed("fenced").await else { return };
    bed.deploy("web", 2, &[]).await;
    let cluster = bed.cluster().await;
    let sought = bed.sought(Pick::Name("web".into()));
    let first = settled(&cluster, &sought, 2).await;
    cluster.scale(&bed.request(&first, 3, 7)).await.unwrap();
    let second = settled(&cluster, &sought, 3).await;
    cluster.scale(&bed.request(&second, 4, 8)).await.unwrap();
    let third = settled(&cluster, &sought, 4).await;
    // It has read the newest version, and is refused all the same.
    let late = cluster.scale(&bed.request(&third, 9, 7)).await;
    assert!(matches!(&late, Err(ClusterError::Conflict { message, .. }) if message.contains("epoch 8")), "{late:?}");
    assert_eq!(bed.replicas("web").await, 4);
    cluster.scale(&bed.request(&third, 2, 8)).await.unwrap();
    assert_eq!(bed.replicas("web").await, 2);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_epoch_is_refused_also_after_a_person_has_taken_the_size_over() {
    let Some(bed) = bed("person").await else { return };
    bed.deploy("web", 2, &[]).await;
    let lease = |holder: &str| {
        let connection = bed.connect();
        let (namespace, holder) = (bed.namespace.clone(), holder.to_owned());
        async move { KubernetesLease::new(&connection.await, &namespace, "tenantry", &holder, Duration::from_secs(60)) }
    };
    let (one, two) = (lease("one").await, lease("two").await);
    let cluster = bed.cluster().await.fenced_by(one.fence());
    let sought = bed.sought(Pick::Name("web".into()));
    let first = one.hold().await.unwrap().unwrap();
    let state = settled(&cluster, &sought, 2).await;
    cluster.scale(&bed.request(&state, 3, first)).await.unwrap();
    one.release().await.unwrap();
    let second = two.hold().await.unwrap().unwrap();
    let state = settled(&cluster, &sought, 3).await;
    cluster.scale(&bed.request(&state, 4, second)).await.unwrap();
    // The person's write takes the field, and with it the newer epoch's mark, away.
    bed.set("web", 5).await;
    let state = settled(&cluster, &sought, 5).await;
    let late = cluster.scale(&bed.request(&state, 9, first)).await;
    assert!(matches!(&late, Err(ClusterError::Conflict { message, .. }) if message.contains("in charge")), "{late:?}");
    assert_eq!(bed.replicas("web").await, 5);
    cluster.scale(&bed.request(&state, 6, second)).await.unwrap();
    assert_eq!(bed.replicas("web").await, 6);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hpa_on_the_object_is_reported() {
    let Some(bed) = bed("hpa").await else { return };
    bed.deploy("web", 2, &[]).await;
    let hpa: HorizontalPodAutoscaler = serde_json::from_value(json!({
        "metadata": { "name": "web-hpa" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 50 } } }]
        }
    }))
    .unwrap();
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(bed.client.clone(), &bed.namespace);
    api.create(&PostParams::default(), &hpa).await.unwrap();
    let cluster = bed.cluster().await;
    let sought = bed.sought(Pick::Name("web".into()));
    let seen = until(&cluster, &sought, |seen| seen.as_ref().is_ok_and(|state| state.foreign_scaler.is_some())).await;
    assert_eq!(seen.unwrap().foreign_scaler.as_deref(), Some("HorizontalPodAutoscaler web-hpa"));
    bed.end().await;
}
