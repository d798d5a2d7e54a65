//! Changing what a running pod's containers request, through the pod's `resize` subresource (Kubernetes 1.33).

use k8s_openapi::api::core::v1::Pod;
use kube::Error;
use kube::api::{Api, Patch, PatchParams};
use kube::core::Status;
use serde_json::{Value, json};
use tenantry_domain::vertical::{PodResize, Resource, Resources, Sizes};
use tenantry_engine::ports::cluster::{ClusterError, ResizeRequest};

use super::{ATTEMPTS, Scaler, is_owned, manager, overtaken};
use crate::failure::{failure, said};
use crate::pods::sizes_of;

const RESIZE: &str = "resize";

/// How a pod stands to a change.
enum Found {
    /// As the plan was made from.
    Before,
    /// As it is to be.
    After,
    /// Otherwise.
    Other,
}

impl Scaler {
    /// Changes a pod. The fields are taken over from whoever made the pod, as the sizes that the plan was made from are
    /// checked; they are not taken from a newer epoch.
    pub(crate) async fn resize(&self, request: &ResizeRequest) -> Result<(), ClusterError> {
        let resize = &request.resize;
        let target = format!("Pod {}/{}", request.target.namespace, resize.pod);
        let api: Api<Pod> = Api::namespaced(self.connection.client.clone(), &request.target.namespace);
        for _ in 0..ATTEMPTS {
            let read = self.in_time(api.get_subresource(RESIZE, &resize.pod)).await;
            let pod = read.map_err(|error| unserved("read", &target, &error))?;
            match stands(&pod, resize) {
                Found::After => return Ok(()),
                Found::Before => {}
                Found::Other => {
                    let message = "its containers request something else by now".to_owned();
                    return Err(ClusterError::Conflict { target, message });
                }
            }
            let patch = patch(&pod, resize);
            let epoch = request.generation.epoch;
            let answer = match self.apply_sizes(&api, resize, epoch, &patch, false).await {
                Err(Error::Api(status)) if is_owned(&status) => match overtaken(&status, epoch) {
                    Some(message) => return Err(ClusterError::Conflict { target, message }),
                    None => {
                        self.check_lease(epoch, &target).await?;
                        self.apply_sizes(&api, resize, epoch, &patch, true).await
                    }
                },
                other => other,
            };
            match answer {
                Ok(_) => return Ok(()),
                // Its status changes often. What counts are its sizes, which are read again.
                Err(Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(unserved("resize", &target, &error)),
            }
        }
        Err(ClusterError::Conflict { target, message: "it changes faster than it can be read".to_owned() })
    }

    async fn apply_sizes(
        &self,
        api: &Api<Pod>,
        resize: &PodResize,
        epoch: u64,
        patch: &Value,
        force: bool,
    ) -> Result<Pod, Error> {
        let mut params = PatchParams::apply(&manager(epoch));
        params.force = force;
        self.in_time(api.patch_subresource(RESIZE, &resize.pod, &params, &Patch::Apply(patch))).await
    }
}

fn stands(pod: &Pod, resize: &PodResize) -> Found {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let all = |wanted: fn(&tenantry_domain::vertical::ContainerResize) -> &Sizes| {
        resize
            .containers
            .iter()
            .all(|change| containers.iter().any(|one| one.name == change.container && sizes_of(one) == *wanted(change)))
    };
    if all(|change| &change.to) {
        Found::After
    } else if all(|change| &change.from) {
        Found::Before
    } else {
        Found::Other
    }
}

/// The sizes of every container, as what is applied once and left out later would be taken away.
fn patch(pod: &Pod, resize: &PodResize) -> Value {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let container = |container: &k8s_openapi::api::core::v1::Container| {
        let change = resize.containers.iter().find(|change| change.container == container.name);
        let sizes = change.map_or_else(|| sizes_of(container), |change| change.to);
        let mut resources = serde_json::Map::new();
        for (name, values) in [("requests", written(&sizes.requests)), ("limits", written(&sizes.limits))] {
            if !values.is_empty() {
                resources.insert(name.to_owned(), Value::Object(values));
            }
        }
        json!({ "name": container.name, "resources": resources })
    };
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": resize.pod, "resourceVersion": pod.metadata.resource_version },
        "spec": { "containers": containers.iter().map(container).collect::<Vec<_>>() },
    })
}

fn written(resources: &Resources) -> serde_json::Map<String, Value> {
    let value = |resource: Resource| Some((resource.to_string(), Value::from(resource.show(resources.get(resource)?))));
    Resource::ALL.into_iter().filter_map(value).collect()
}

/// The error of a request, with what an older API server's own words do not say.
fn unserved(verb: &'static str, target: &str, error: &Error) -> ClusterError {
    // A pod that is gone is named in the details; a path that is not served is not.
    let unknown = |status: &Status| status.details.as_ref().is_none_or(|details| details.name.is_empty());
    match error {
        Error::Api(status) if status.code == 404 && unknown(status) => ClusterError::Refused {
            target: target.to_owned(),
            message: format!(
                "the cluster cannot resize pods in place, which takes Kubernetes 1.33 or newer ({}); set `vertical.mode` to off",
                said(status)
            ),
        },
        error => failure(verb, target, error),
    }
}
