//! Pods as the planner sees them.

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff;
use tenantry_domain::quantity;
use tenantry_domain::snapshot::{PodPhase, PodState, Readiness};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Milli;

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
        status.container_statuses = None;
        status.init_container_statuses = None;
        status.ephemeral_container_statuses = None;
        status.pod_ips = None;
        status.host_ips = None;
    }
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
}
