//! Other autoscalers that point at objects: HPAs, and KEDA's ScaledObjects, whose HPA is not there while they rest at zero.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DynamicObject, GroupVersionKind};
use kube::runtime::watcher;
use serde_json::json;
use tokio::sync::Mutex;
use tracing::debug;

use crate::cluster::dynamic;
use crate::connect::Connection;
use crate::kinds::Kinds;
use crate::watch::Watch;

/// Whether KEDA was installed meanwhile is asked this often.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// Namespace, kind and name of an object.
pub(crate) type Pointed = (String, String, String);

pub(crate) fn controller(owners: Option<&[OwnerReference]>) -> Option<&OwnerReference> {
    owners?.iter().find(|owner| owner.controller == Some(true))
}

/// What an HPA points at, and what to call it. KEDA makes an HPA of each ScaledObject and owns it.
pub(crate) fn pointed_at(scaler: &HorizontalPodAutoscaler) -> Option<(Pointed, String)> {
    let target = &scaler.spec.scale_target_ref;
    let owner = controller(scaler.metadata.owner_references.as_deref());
    let called = match owner {
        Some(owner) if owner.kind == "ScaledObject" => format!("ScaledObject {}", owner.name),
        _ => format!("HorizontalPodAutoscaler {}", scaler.metadata.name.as_deref().unwrap_or_default()),
    };
    Some(((scaler.metadata.namespace.clone()?, target.kind.clone(), target.name.clone()), called))
}

enum Known {
    /// Not asked yet.
    Nothing,
    /// The cluster had no such kind.
    Absent(Instant),
    Watched(Arc<Watch<DynamicObject>>),
}

/// KEDA's ScaledObjects, where KEDA is installed.
pub(crate) struct ScaledObjects {
    connection: Connection,
    kinds: Arc<Kinds>,
    known: Mutex<Known>,
}

impl ScaledObjects {
    pub(crate) fn new(connection: Connection, kinds: Arc<Kinds>) -> Self {
        Self { connection, kinds, known: Mutex::new(Known::Nothing) }
    }

    async fn watch(&self) -> Option<Arc<Watch<DynamicObject>>> {
        let mut known = self.known.lock().await;
        match &*known {
            Known::Watched(watch) => return Some(Arc::clone(watch)),
            Known::Absent(since) if since.elapsed() < ASK_EVERY => return None,
            Known::Absent(_) | Known::Nothing => {}
        }
        let kind = GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject");
        let Some(resource) = self.kinds.optional(&kind).await else {
            *known = Known::Absent(Instant::now());
            return None;
        };
        let events = watcher::watcher(dynamic(&self.connection, &resource), watcher::Config::default());
        let watch = Arc::new(Watch::start(events, resource, trim));
        *known = Known::Watched(Arc::clone(&watch));
        Some(watch)
    }

    /// What each points at. What cannot be seen is left out: an HPA made of it is still seen.
    pub(crate) async fn now(&self, limit: Duration) -> Vec<(Pointed, String)> {
        let Some(watch) = self.watch().await else { return Vec::new() };
        watch.settled(limit).await;
        match watch.now() {
            Ok(found) => found.iter().filter_map(|object| scaled(object)).collect(),
            Err(why) => {
                debug!(why, "ScaledObjects cannot be seen");
                Vec::new()
            }
        }
    }
}

fn trim(object: &mut DynamicObject) {
    object.metadata.managed_fields = None;
    object.metadata.annotations = None;
    let target = object.data.pointer("/spec/scaleTargetRef").cloned();
    object.data = json!({ "spec": { "scaleTargetRef": target } });
}

fn scaled(object: &DynamicObject) -> Option<(Pointed, String)> {
    let target = object.data.pointer("/spec/scaleTargetRef")?;
    let text = |key: &str| target.get(key).and_then(serde_json::Value::as_str);
    let kind = text("kind").unwrap_or("Deployment").to_owned();
    let called = format!("ScaledObject {}", object.metadata.name.as_deref().unwrap_or_default());
    Some(((object.metadata.namespace.clone()?, kind, text("name")?.to_owned()), called))
}
