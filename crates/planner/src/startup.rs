//! How long a started replica takes until it serves, learned from the pods themselves.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use tenantry_domain::snapshot::PodState;
use tenantry_domain::unit::Span;

/// Taken until the first pod was seen to start.
const UNKNOWN: Span = Span::from_secs(60);
/// Starts that are remembered.
const KEPT: usize = 16;
/// A pod that took longer had another trouble than starting.
const LONGEST_MS: u64 = 30 * 60 * 1000;

/// The startup delay of one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Startup {
    delays_ms: VecDeque<u64>,
    /// Pods that were learned from and still exist: a later loss of readiness is no start.
    known: BTreeSet<String>,
}

impl Startup {
    /// Learns from the pods that exist now.
    pub fn learn(&mut self, pods: &[PodState]) {
        self.known.retain(|name| pods.iter().any(|pod| pod.name == *name));
        for pod in pods.iter().filter(|pod| !pod.deleted) {
            let (Some(readiness), Some(started_at)) = (pod.readiness, pod.started_at) else { continue };
            if !readiness.ready || !self.known.insert(pod.name.clone()) {
                continue;
            }
            let took = readiness.changed_at.since(started_at).as_millis();
            if took <= LONGEST_MS {
                self.delays_ms.push_back(took);
                if self.delays_ms.len() > KEPT {
                    self.delays_ms.pop_front();
                }
            }
        }
    }

    /// The delay that four of five starts kept; a minute while none was seen.
    #[must_use]
    pub fn estimate(&self) -> Span {
        let mut sorted: Vec<u64> = self.delays_ms.iter().copied().collect();
        sorted.sort_unstable();
        let place = (sorted.len() * 4).div_ceil(5).saturating_sub(1);
        sorted.get(place).map_or(UNKNOWN, |millis| Span::from_millis(*millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, pod};
    use tenantry_domain::snapshot::Readiness;

    fn started(number: usize, took_secs: u64) -> PodState {
        let started_at = NOW - Span::from_secs(1000);
        let readiness = Readiness { ready: true, changed_at: started_at + Span::from_secs(took_secs) };
        PodState { readiness: Some(readiness), started_at: Some(started_at), ..pod(number) }
    }

    #[test]
    fn it_is_what_four_of_five_starts_kept_and_each_pod_counts_once() {
        let mut startup = Startup::default();
        assert_eq!(startup.estimate(), UNKNOWN);
        let mut pods: Vec<PodState> = (0..5).map(|number| started(number, 10 + number as u64)).collect();
        startup.learn(&pods);
        assert_eq!(startup.estimate(), Span::from_secs(13));
        // It lost readiness and got it back: no start.
        pods[0] = started(0, 900);
        startup.learn(&pods);
        assert_eq!(startup.estimate(), Span::from_secs(13));
        startup.learn(&[started(7, 4000)]);
        assert_eq!(startup.estimate(), Span::from_secs(13));
    }
}
