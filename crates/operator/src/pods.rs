//! Pods as the planner sees them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::jiff;
use tenantry_domain::quantity;
use tenantry_domain::snapshot::{PodPhase, PodState, Readiness};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Milli;
use tenantry_domain::vertical::{ContainerState, PodSizes, Resources, Sizes};

use crate::usage::Used;

/// Labels by which controllers tell what template a pod was made from: Deployments, then StatefulSets and DaemonSets.
const TEMPLATE_LABELS: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

/// Takes away what is not needed to size a workload: most of a pod.
pub(crate) fn trim(pod: &mut Pod) {
    pod.metadata.managed_fields = None;
    pod.metadata.annotations = None;
    if let Some(spec) = &mut pod.spec {
        let containers = std::mem::take(&mut spec.containers).into_iter().map(bare).collect();
        let init = spec.init_containers.take().map(|init| init.into_iter().map(bare).collect());
        *spec = k8s_openapi::api::core::v1::PodSpec { containers, init_containers: init, ..Default::default() };
    }
    if let Some(status) = &mut pod.status {
        status.container_statuses = status.container_statuses.take().map(|all| all.into_iter().map(ended).collect());
        status.init_container_statuses = None;
        status.ephemeral_container_statuses = None;
        status.pod_ips = None;
        status.host_ips = None;
    }
}

/// Only how it ended before, if it did.
fn ended(status: ContainerStatus) -> ContainerStatus {
    ContainerStatus { name: status.name, state: status.state, last_state: status.last_state, ..Default::default() }
}

fn bare(container: Container) -> Container {
    Container {
        name: container.name,
        resources: container.resources,
        restart_policy: container.restart_policy,
        ..Container::default()
    }
}

/// A pod's state.
pub(crate) fn state(pod: &Pod) -> PodState {
    let status = pod.status.as_ref();
    let phase = match status.and_then(|status| status.phase.as_deref()) {
        Some("Running") => PodPhase::Running,
        Some("Succeeded" | "Failed") => PodPhase::Terminal,
        _ => PodPhase::Pending,
    };
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let readiness = conditions.into_iter().find(|condition| condition.type_ == "Ready").map(|condition| Readiness {
        ready: condition.status == "True",
        changed_at: condition.last_transition_time.as_ref().map_or(Timestamp::default(), |time| instant(time.0)),
    });
    PodState {
        name: pod.metadata.name.clone().unwrap_or_default(),
        phase,
        deleted: pod.metadata.deletion_timestamp.is_some(),
        readiness,
        started_at: status.and_then(|status| status.start_time.as_ref()).map(|time| instant(time.0)),
        template: TEMPLATE_LABELS.iter().find_map(|name| pod.metadata.labels.as_ref()?.get(*name)).cloned(),
        cpu_request: requested(pod, "cpu"),
        memory_request: requested(pod, "memory"),
    }
}

/// What a pod's containers request and use. Sidecars among its init containers are left out.
pub(crate) fn sizes(pod: &Pod, used: Option<&Used>) -> PodSizes {
    let status = pod.status.as_ref();
    let container = |container: &Container| {
        let ended = status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten();
        let ended = ended.filter(|status| status.name == container.name);
        ContainerState {
            name: container.name.clone(),
            sizes: sizes_of(container),
            used: used.and_then(|used| used.containers.get(&container.name)).copied().unwrap_or_default(),
            oom_at: ended.filter_map(oom_at).max(),
        }
    };
    let spec = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    PodSizes {
        pod: pod.metadata.name.clone().unwrap_or_default(),
        version: pod.metadata.resource_version.clone().unwrap_or_default(),
        used_at: used.map(|used| used.at),
        pending: status.and_then(pending),
        containers: spec.iter().map(container).collect(),
    }
}

/// A container's requests and limits.
pub(crate) fn sizes_of(container: &Container) -> Sizes {
    let resources = container.resources.as_ref();
    let of = |named: Option<&BTreeMap<String, Quantity>>| {
        let value = |resource: &str| quantity::parse(&named?.get(resource)?.0);
        Resources { cpu: value("cpu"), memory: value("memory") }
    };
    Sizes {
        requests: of(resources.and_then(|resources| resources.requests.as_ref())),
        limits: of(resources.and_then(|resources| resources.limits.as_ref())),
    }
}

/// When it was last killed for want of memory.
fn oom_at(status: &ContainerStatus) -> Option<Timestamp> {
    let states = [status.state.as_ref(), status.last_state.as_ref()];
    let ended = states.into_iter().flatten().filter_map(|state| state.terminated.as_ref());
    let killed = ended.filter(|ended| ended.reason.as_deref() == Some("OOMKilled"));
    killed.filter_map(|ended| Some(instant(ended.finished_at.as_ref()?.0))).max()
}

/// A change of sizes that the pod's node has not made yet.
fn pending(status: &PodStatus) -> Option<String> {
    let waits = |condition: &&PodCondition| {
        condition.status == "True" && matches!(condition.type_.as_str(), "PodResizePending" | "PodResizeInProgress")
    };
    let condition = status.conditions.iter().flatten().find(waits)?;
    let reason = condition.reason.as_deref().unwrap_or(&condition.type_);
    Some(match condition.message.as_deref() {
        Some(message) if !message.is_empty() => format!("{reason}: {message}"),
        _ => reason.to_owned(),
    })
}

pub(crate) fn instant(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millisecond())
}

/// The sum over its containers, and over init containers that run on; none when one of them names no request.
fn requested(pod: &Pod, resource: &str) -> Option<Milli> {
    let spec = pod.spec.as_ref()?;
    let stays = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = spec.init_containers.iter().flatten().filter(stays);
    spec.containers.iter().chain(sidecars).try_fold(Milli::ZERO, |sum, container| {
        let requests = container.resources.as_ref()?.requests.as_ref()?;
        let request = quantity::parse(&requests.get(resource)?.0)?;
        Some(Milli(sum.0.saturating_add(request.0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_read_with_its_requests_and_readiness() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "web-1", "annotations": { "a": "b" }, "labels": { "pod-template-hash": "7d9" } },
            "spec": {
                "containers": [
                    { "name": "a", "image": "x", "resources": { "requests": { "cpu": "250m", "memory": "64Mi" } } },
                    { "name": "b", "image": "x", "resources": { "requests": { "cpu": "1" } } }
                ],
                "initContainers": [
                    { "name": "once", "image": "x", "resources": { "requests": { "cpu": "8" } } },
                    { "name": "sidecar", "image": "x", "restartPolicy": "Always", "resources": { "requests": { "cpu": "50m" } } }
                ]
            },
            "status": {
                "phase": "Running",
                "startTime": "2026-01-01T00:00:00Z",
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:30Z" }]
            }
        }))
        .unwrap();
        let mut trimmed = pod.clone();
        trim(&mut trimmed);
        let seen = state(&trimmed);
        assert_eq!(seen, state(&pod));
        assert_eq!(seen.cpu_request, Some(Milli(1300)));
        assert_eq!(seen.template.as_deref(), Some("7d9"));
        // One container names no memory: the whole is unknown, as HPA has it.
        assert_eq!(seen.memory_request, None);
        let readiness = seen.readiness.unwrap();
        assert!(readiness.ready);
        assert_eq!(readiness.changed_at.since(seen.started_at.unwrap()).as_millis(), 30_000);
    }
    #[test]
    fn containers_are_read_with_their_sizes_their_use_and_how_they_ended() {
        let mut pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "web-1", "resourceVersion": "7" },
            "spec": { "containers": [
                { "name": "a", "image": "x", "resources": { "requests": { "cpu": "250m", "memory": "64Mi" }, "limits": { "memory": "128Mi" } } },
                { "name": "b", "image": "x" }
            ] },
            "status": {
                "containerStatuses": [
                    { "name": "a", "image": "x", "imageID": "", "ready": true, "restartCount": 2,
                      "state": { "running": { "startedAt": "2026-01-01T00:05:00Z" } },
                      "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:04:00Z" } } },
                    { "name": "b", "image": "x", "imageID": "", "ready": true, "restartCount": 1,
                      "lastState": { "terminated": { "exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T00:04:00Z" } } }
                ],
                "conditions": [
                    { "type": "PodResizePending", "status": "True", "reason": "Deferred", "message": "node is full" }
                ]
            }
        }))
        .unwrap();
        trim(&mut pod);
        let used = Resources { cpu: Some(Milli(90)), memory: None };
        let used =
            Used { cpu: None, memory: None, at: Timestamp::from_millis(5), containers: [("a".into(), used)].into() };
        let seen = sizes(&pod, Some(&used));
        assert_eq!((seen.version.as_str(), seen.used_at), ("7", Some(Timestamp::from_millis(5))));
        assert_eq!(seen.pending.as_deref(), Some("Deferred: node is full"));
        let [a, b] = &seen.containers[..] else { panic!("{seen:?}") };
        assert_eq!((a.sizes.requests.cpu, a.sizes.limits.cpu), (Some(Milli(250)), None));
        assert_eq!(a.sizes.limits.memory, Some(Milli::units(128 << 20)));
        assert_eq!((a.used.cpu, a.used.memory), (Some(Milli(90)), None));
        assert_eq!(a.oom_at.unwrap().to_string(), "2026-01-01T00:04:00Z");
        assert_eq!((b.sizes, b.oom_at), (Sizes::default(), None));
    }
}
