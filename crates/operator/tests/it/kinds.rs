//! Kinds beyond `apps/v1`, and KEDA's objects.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tenantry_domain::spec::{Pick, ScaleTarget};
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::cluster::{Cluster as _, ClusterError, ObjectState, ScaleRequest, Sought};

use crate::bed::{Bed, bed, settled, until};

/// A definition of a kind, and waits until the API server serves it.
async fn define(bed: &Bed, group: &str, version: &str, kind: &str, plural: &str, scale: Option<Value>) -> ApiResource {
    let subresources = scale.map(|scale| json!({ "status": {}, "scale": scale }));
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase() },
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": subresources,
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } }
            }]
        }
    });
    let api: Api<CustomResourceDefinition> = Api::all(bed.client.clone());
    let name = format!("{plural}.{group}");
    api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&definition)).await.unwrap();
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let objects: Api<DynamicObject> = Api::namespaced_with(bed.client.clone(), &bed.namespace, &resource);
    while objects.list(&Default::default()).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    resource
}

async fn create(bed: &Bed, resource: &ApiResource, object: Value) {
    let api: Api<DynamicObject> = Api::namespaced_with(bed.client.clone(), &bed.namespace, resource);
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_kind_is_found_by_labels_sized_and_fenced() {
    let Some(bed) = bed("kinds").await else { return };
    let scale = json!({
        "specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size", "labelSelectorPath": ".status.selector"
    });
    // A plural that no rule would guess.
    let resource = define(&bed, "fleet.example", "v1", "Flock", "flockz", Some(scale)).await;
    create(
        &bed,
        &resource,
        json!({
            "apiVersion": "fleet.example/v1", "kind": "Flock",
            "metadata": { "name": "geese", "labels": { "team": "audio" } },
            "spec": { "size": 2 }
        }),
    )
    .await;
    let api: Api<DynamicObject> = Api::namespaced_with(bed.client.clone(), &bed.namespace, &resource);
    let status = json!({ "status": { "size": 2, "selector": "app in (geese), !old" } });
    api.patch_status("geese", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    for (name, label) in [("one", json!({ "app": "geese" })), ("two", json!({ "app": "geese", "old": "yes" }))] {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": name, "labels": label },
            "spec": { "containers": [{ "name": "main", "image": "none" }] }
        }))
        .unwrap();
        Api::<Pod>::namespaced(bed.client.clone(), &bed.namespace).create(&PostParams::default(), &pod).await.unwrap();
    }
    let cluster = bed.cluster().await;
    let sought = |kind: &str, pick: Pick| {
        let target = ScaleTarget {
            api_version: "fleet.example/v1".into(),
            kind: kind.into(),
            namespace: bed.namespace.clone(),
            pick,
        };
        Sought { target, ..bed.sought(Pick::Name("geese".into())) }
    };
    let flock = sought("Flock", Pick::Labels([("team".into(), "audio".into())].into()));
    let request = |state: &ObjectState, to: u32, epoch: u64| ScaleRequest {
        target: flock.target.clone(),
        ..bed.request(state, to, epoch)
    };
    let one_pod = |seen: &Result<ObjectState, ClusterError>| seen.as_ref().is_ok_and(|state| state.pods.len() == 1);
    let state = until(&cluster, &flock, one_pod).await.unwrap();
    assert_eq!((state.name.as_str(), state.current, state.reported), ("geese", Replicas::new(2), Replicas::new(2)));
    assert_eq!(state.pods[0].name, "one");

    cluster.scale(&request(&state, 3, 7)).await.unwrap();
    let sized = |size: u32| {
        move |seen: &Result<ObjectState, ClusterError>| {
            seen.as_ref().is_ok_and(|state| state.current == Replicas::new(size))
        }
    };
    let third = until(&cluster, &flock, sized(3)).await.unwrap();
    cluster.scale(&request(&third, 4, 8)).await.unwrap();
    // Planned from another size, and then from the newest state by an older epoch: both are refused.
    let late = cluster.scale(&request(&third, 9, 8)).await;
    assert!(matches!(&late, Err(ClusterError::Conflict { .. })), "{late:?}");
    let fourth = until(&cluster, &flock, sized(4)).await.unwrap();
    let old = cluster.scale(&request(&fourth, 9, 7)).await;
    assert!(matches!(&old, Err(ClusterError::Conflict { message, .. }) if message.contains("epoch 8")), "{old:?}");
    assert_eq!(api.get("geese").await.unwrap().data["spec"]["size"], 4);

    // What cannot be sized is told to the workload that asks for it, and to no other.
    define(&bed, "fleet.example", "v1", "Rock", "rocks", None).await;
    let answers = cluster
        .observe(&[sought("Rock", Pick::Name("a".into())), sought("Duck", Pick::Labels([].into())), flock.clone()])
        .await;
    assert!(matches!(&answers[0], Err(error) if error.to_string().contains("no scale subresource")), "{answers:?}");
    assert!(matches!(&answers[1], Err(error) if error.to_string().contains("no kind `Duck`")), "{answers:?}");
    assert!(answers[2].is_ok(), "{answers:?}");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scaled_object_is_reported_also_while_it_has_no_hpa() {
    let Some(bed) = bed("keda").await else { return };
    bed.deploy("web", 1, &[]).await;
    // KEDA itself does not run here: its kind alone, as it would stand there with its workload at zero.
    let resource = define(&bed, "keda.sh", "v1alpha1", "ScaledObject", "scaledobjects", None).await;
    create(
        &bed,
        &resource,
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": { "name": "web-scaler" },
            "spec": { "scaleTargetRef": { "name": "web" }, "minReplicaCount": 0, "triggers": [] }
        }),
    )
    .await;
    let cluster = bed.cluster().await;
    let sought = bed.sought(Pick::Name("web".into()));
    settled(&cluster, &sought, 1).await;
    let seen = until(&cluster, &sought, |seen| seen.as_ref().is_ok_and(|state| state.foreign_scaler.is_some())).await;
    assert_eq!(seen.unwrap().foreign_scaler.as_deref(), Some("ScaledObject web-scaler"));
    bed.end().await;
}
