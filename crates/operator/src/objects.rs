//! Objects with a scale subresource.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde_json::{Value, json};
use tenantry_domain::spec::{Pick, ScaleTarget};
use tenantry_domain::unit::Replicas;

/// Kinds whose own fields say what their scale subresource would: those of `apps/v1`.
pub(crate) fn is_watched(target: &ScaleTarget) -> bool {
    target.api_version == "apps/v1" && matches!(target.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet")
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sized {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: String,
    pub(crate) current: Replicas,
    pub(crate) reported: Replicas,
}

/// Takes away all but what [`of_watched`] reads.
pub(crate) fn trim(object: &mut DynamicObject) {
    object.metadata.managed_fields = None;
    object.metadata.annotations = None;
    let replicas = |part: &str| object.data.get(part).and_then(|part| part.get("replicas")).cloned();
    object.data = json!({ "spec": { "replicas": replicas("spec") }, "status": { "replicas": replicas("status") } });
}

fn count(value: Option<&Value>, absent: u32) -> Replicas {
    value.and_then(Value::as_i64).map_or(Replicas::new(absent), Replicas::saturating)
}

/// An object of `apps/v1`. One that names no size has one replica.
pub(crate) fn of_watched(object: &DynamicObject) -> Sized {
    let part = |part: &str| object.data.get(part).and_then(|part| part.get("replicas"));
    Sized {
        name: object.metadata.name.clone().unwrap_or_default(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        version: object.metadata.resource_version.clone().unwrap_or_default(),
        current: count(part("spec"), 1),
        reported: count(part("status"), 0),
    }
}

/// Whether an object is the one that is sought.
pub(crate) fn answers(pick: &Pick, name: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
    match pick {
        Pick::Name(wanted) => wanted == name,
        Pick::Labels(wanted) => {
            wanted.iter().all(|(key, value)| labels.is_some_and(|labels| labels.get(key) == Some(value)))
        }
    }
}
