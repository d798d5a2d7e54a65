//! What replicas request and use, and changes of it in place.

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Milli;
use tenantry_domain::vertical::{ContainerState, PodResize, PodSizes, Resources, Sizes};

use super::App;

/// The one container of each replica.
const CONTAINER: &str = "main";
/// Bytes that an idle replica uses.
const IDLE: i64 = 100 << 20;
/// Bytes that a replica uses beside at its full rate.
const BUSY: i64 = 200 << 20;

/// What a replica requests when it begins.
pub(super) fn requested(cores: f64) -> Sizes {
    let requests = Resources { cpu: Milli::from_f64(cores), memory: Some(Milli::units(1 << 30)) };
    Sizes { requests, limits: Resources::default() }
}

impl App {
    /// What replicas request, and what those that serve used at an instant.
    pub(crate) fn sizes(&self, at: Timestamp) -> Vec<PodSizes> {
        let each = self.cpu(at);
        let pod = |pod: &super::Pod| {
            let cpu = each.iter().find(|sample| sample.pod == pod.name).map(|sample| sample.value);
            let share = cpu.map_or(0.0, |cores| cores.as_f64() / self.spec.cores.max(f64::MIN_POSITIVE));
            let busy = Milli::from_f64(share * Milli::units(BUSY).as_f64()).unwrap_or_default();
            let memory = cpu.map(|_| Milli(Milli::units(IDLE).0.saturating_add(busy.0)));
            let container = ContainerState {
                name: CONTAINER.to_owned(),
                sizes: pod.sizes,
                used: Resources { cpu, memory },
                oom_at: None,
            };
            PodSizes {
                pod: pod.name.clone(),
                version: pod.version.to_string(),
                used_at: cpu.map(|_| at),
                pending: None,
                containers: vec![container],
            }
        };
        self.pods.iter().map(pod).collect()
    }

    /// Changes a replica's requests. The version that stands instead, where the plan was made from another.
    pub(crate) fn resize_pod(&mut self, resize: &PodResize) -> Result<(), Option<u64>> {
        let pod = self.pods.iter_mut().find(|pod| pod.name == resize.pod).ok_or(None)?;
        if pod.version.to_string() != resize.version {
            return Err(Some(pod.version));
        }
        for change in resize.containers.iter().filter(|change| change.container == CONTAINER) {
            pod.sizes = change.to;
        }
        pod.version += 1;
        Ok(())
    }
}
