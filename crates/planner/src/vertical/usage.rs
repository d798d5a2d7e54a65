//! What is remembered of a workload's containers.
//!
//! INVARIANT(small): at most [`CONTAINERS_MAX`] containers, each in at most 2 KiB; nothing grows with the number of pods
//! but when each was last measured, which is not kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, PerMille, Span};
use tenantry_domain::vertical::{ContainerAdvice, ContainerState, PodSizes, Resource, ResourceAdvice};
use thiserror::Error;

use super::advice::{Estimate, Known, Standing};
use super::histogram::Histogram;
use super::peaks::Peaks;

/// Containers that are learned from; a pod with more is a mistake.
const CONTAINERS_MAX: usize = 32;
/// How far ahead a sample may be dated.
const SKEW_MAX: Span = Span::from_secs(30);
/// Cpu from this share of the limit on is taken to be cut off by it.
const CUT_OFF: f64 = 0.95;
/// What is taken to have been needed where it was cut off, in limits: enough to find out, and found out again should it
/// still be cut off at the limit that comes of it.
const BEYOND: f64 = 1.25;
/// More cores than this are a mistake of whoever measured.
const CORES_MAX: Milli = Milli::units(1000);
/// More bytes than this are a mistake of whoever measured.
const BYTES_MAX: Milli = Milli::units(64 << 40);
/// Between samples that are further apart something was not seen, and what lies between is no history.
const GAP: Span = Span::from_secs(600);
/// A container that was not seen for so long is forgotten.
const FORGOTTEN_AFTER: Span = Span::from_secs(8 * 86_400);
const VERSION: u8 = 1;

/// Why kept usage cannot be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageError {
    /// It was written by another version.
    #[error("the usage is of version {found}, and this is {VERSION}; it is learned anew")]
    Version {
        /// The version found.
        found: u8,
    },
    /// It is not what was written.
    #[error("the usage is damaged: {0}; it is learned anew")]
    Damaged(String),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Container {
    cpu: Histogram,
    memory: Peaks,
    history: Span,
    seen_at: Option<Timestamp>,
    /// What is recommended for cpu and memory.
    standing: [Option<Standing>; 2],
}

/// Usage of a workload's containers, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    containers: BTreeMap<String, Container>,
    /// When each pod was measured last, so that a measurement that is read twice counts once.
    #[serde(skip)]
    read: BTreeMap<String, Timestamp>,
}

impl Usage {
    /// Learns from the pods as they are now. What is older than `stale_after`, dated ahead or impossible is left out.
    pub fn learn(&mut self, pods: &[PodSizes], now: Timestamp, stale_after: Span) {
        for pod in pods {
            for container in &pod.containers {
                self.learn_kill(container, now);
            }
        }
        let fresh: Vec<(&PodSizes, Timestamp)> = pods
            .iter()
            .filter_map(|pod| Some((pod, pod.used_at?)))
            .filter(|(pod, at)| {
                let unread = self.read.get(&pod.pod).is_none_or(|last| last < at);
                unread && *at <= now + SKEW_MAX && now.since(*at) <= stale_after
            })
            .collect();
        self.read.retain(|name, _| pods.iter().any(|pod| pod.pod == *name));
        let mut count: BTreeMap<&str, u32> = BTreeMap::new();
        for container in fresh.iter().flat_map(|(pod, _)| &pod.containers) {
            *count.entry(&container.name).or_default() += 1;
        }
        for (pod, at) in fresh {
            self.read.insert(pod.pod.clone(), at);
            for container in &pod.containers {
                let weight = 1.0 / f64::from(count.get(container.name.as_str()).copied().unwrap_or(1).max(1));
                self.learn_use(container, at, weight);
            }
        }
        let known = |container: &Container| container.seen_at.is_none_or(|at| now.since(at) < FORGOTTEN_AFTER);
        self.containers.retain(|_, container| known(container));
        self.settle(now);
    }

    fn entry(&mut self, name: &str) -> Option<&mut Container> {
        if !self.containers.contains_key(name) && self.containers.len() >= CONTAINERS_MAX {
            return None;
        }
        Some(self.containers.entry(name.to_owned()).or_default())
    }

    fn learn_kill(&mut self, container: &ContainerState, now: Timestamp) {
        let Some(at) = container.oom_at.filter(|at| *at <= now + SKEW_MAX && now.since(*at) < FORGOTTEN_AFTER) else {
            return;
        };
        let sizes = &container.sizes;
        // It was killed at its limit where it has one.
        let allowed = sizes.requests.memory.max(sizes.limits.memory).unwrap_or_default();
        if let Some(known) = self.entry(&container.name) {
            known.seen_at.get_or_insert(at);
            known.memory.kill(allowed.min(BYTES_MAX), at);
        }
    }

    fn learn_use(&mut self, container: &ContainerState, at: Timestamp, weight: f64) {
        let possible = |value: &Milli, most: Milli| (Milli::ZERO..=most).contains(value);
        let cpu = container.used.cpu.filter(|cores| possible(cores, CORES_MAX));
        let memory = container.used.memory.filter(|bytes| possible(bytes, BYTES_MAX));
        let limit = container.sizes.limits.cpu.filter(|limit| *limit > Milli::ZERO);
        let Some(known) = (cpu.is_some() || memory.is_some()).then(|| self.entry(&container.name)).flatten() else {
            return;
        };
        if let Some(cores) = cpu {
            let cut_off = limit.filter(|limit| cores.as_f64() >= limit.as_f64() * CUT_OFF);
            let needed = cut_off.map_or(cores.as_f64(), |limit| cores.as_f64().max(limit.as_f64() * BEYOND));
            known.cpu.add(needed, weight, at.as_millis(), cut_off.is_some());
        }
        if let Some(bytes) = memory {
            known.memory.see(bytes, at);
        }
        let since = known.seen_at.map_or(Span::default(), |last| at.since(last));
        if since <= GAP {
            known.history = Span::from_millis(known.history.as_millis().saturating_add(since.as_millis()));
        }
        known.seen_at = Some(known.seen_at.map_or(at, |last| last.max(at)));
    }

    /// Lets recommendations move where a move is worth it.
    fn settle(&mut self, now: Timestamp) {
        for container in self.containers.values_mut() {
            for (place, resource) in Resource::ALL.into_iter().enumerate() {
                let Some(fresh) = container.estimate(resource) else { continue };
                let known = Known::new(container.history);
                if let Some(standing) = container.standing.get_mut(place) {
                    *standing = Some(Standing::after(*standing, &fresh, (known, resource), now));
                }
            }
        }
    }

    /// What each container should request.
    #[must_use]
    pub fn advice(&self) -> Vec<ContainerAdvice> {
        let advice = |(name, container): (&String, &Container)| {
            let [cpu, memory] = Resource::ALL.map(|resource| container.advice(resource));
            let known = Known::new(container.history);
            let (history, confidence) = (known.0, known.confidence());
            ContainerAdvice { container: name.clone(), history, confidence, cpu, memory }
        };
        self.containers.iter().map(advice).collect()
    }

    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// To be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        // Writing to memory does not fail; an empty state would be refused when read.
        bytes.extend(postcard::to_allocvec(self).unwrap_or_default());
        bytes
    }

    /// Kept usage.
    ///
    /// # Errors
    /// [`UsageError`] when it is of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UsageError> {
        let (version, rest) = bytes.split_first().ok_or_else(|| UsageError::Damaged("it is empty".to_owned()))?;
        if *version != VERSION {
            return Err(UsageError::Version { found: *version });
        }
        let usage: Self = postcard::from_bytes(rest).map_err(|error| UsageError::Damaged(error.to_string()))?;
        let sound = |container: &Container| container.cpu.is_sound() && container.memory.is_sound();
        if usage.containers.len() > CONTAINERS_MAX || !usage.containers.values().all(sound) {
            return Err(UsageError::Damaged("it holds what no usage can".to_owned()));
        }
        Ok(usage)
    }
}

/// What quantiles of use come to.
struct Quantiles {
    of: [f64; 3],
    least: f64,
    needed: f64,
}

impl Container {
    fn quantiles(&self, resource: Resource) -> Option<Quantiles> {
        match resource {
            Resource::Cpu => {
                let [median, high, top] = [0.5, 0.9, 0.95].map(|quantile| self.cpu.quantile(quantile));
                Some(Quantiles { of: [median?, high?, top?], least: 0.0, needed: 0.0 })
            }
            Resource::Memory => {
                let [median, high, top] = [0.5, 0.9, 0.95].map(|quantile| self.memory.quantile(quantile));
                let of = [median?, high?, top?].map(Milli::as_f64);
                let (least, needed) = (self.memory.largest().as_f64(), self.memory.recent().as_f64());
                Some(Quantiles { of, least, needed })
            }
        }
    }

    fn estimate(&self, resource: Resource) -> Option<Estimate> {
        let Quantiles { of, least, needed } = self.quantiles(resource)?;
        Some(Estimate::of(of, Known::new(self.history), (least, needed), resource))
    }

    fn advice(&self, resource: Resource) -> Option<ResourceAdvice> {
        let quantiles = self.quantiles(resource)?;
        let [median, high, _] = quantiles.of;
        let fresh = self.estimate(resource)?;
        let (standing, throttled, oom_kills) = match (resource, &self.standing) {
            (Resource::Cpu, [cpu, _]) => (cpu, self.cpu.cut_off(), 0),
            (Resource::Memory, [_, memory]) => (memory, 0.0, self.memory.kills()),
        };
        let target = standing.map_or(fresh.target, |standing| standing.target);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share times a thousand")]
        let throttled = PerMille((throttled * 1000.0).clamp(0.0, 1000.0) as u16);
        Some(ResourceAdvice {
            target,
            lower: fresh.lower.min(target),
            upper: fresh.upper.max(target),
            median: Milli::from_f64(median)?,
            high: Milli::from_f64(high)?,
            throttled,
            oom_kills,
        })
    }
}
