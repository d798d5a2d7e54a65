//! Vertical sizes: what each container of a workload's pods requests, what it should, and by which rules that is changed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity;
use crate::time::Timestamp;
use crate::unit::{MicroUsd, Milli, PerMille, Span};

/// What a container requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Processor time, cores.
    Cpu,
    /// Working set, bytes.
    Memory,
}

impl Resource {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    /// A value of it as Kubernetes writes it.
    #[must_use]
    pub fn show(self, value: Milli) -> String {
        match self {
            Self::Cpu => quantity::cores(value),
            Self::Memory => quantity::bytes(value),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        })
    }
}

/// A value for each resource, in thousandths of a core or of a byte; none where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Of cpu.
    pub cpu: Option<Milli>,
    /// Of memory.
    pub memory: Option<Milli>,
}

impl Resources {
    /// The value of one resource.
    #[must_use]
    pub const fn get(&self, resource: Resource) -> Option<Milli> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }

    /// Sets the value of one resource.
    pub const fn set(&mut self, resource: Resource, value: Milli) {
        match resource {
            Resource::Cpu => self.cpu = Some(value),
            Resource::Memory => self.memory = Some(value),
        }
    }
}

/// When requests are changed. Recommendations are made whichever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerticalMode {
    /// Never.
    #[default]
    Off,
    /// Of pods in their first minutes; those that have run longer are left as they are.
    Initial,
    /// Of running pods, a few at a time, without a restart.
    InPlace,
}

impl fmt::Display for VerticalMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::Initial => "initial",
            Self::InPlace => "in_place",
        })
    }
}

/// The rules for one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRules {
    /// Whether its request is changed where the mode allows it.
    pub controlled: bool,
    /// A request is never set under this.
    pub min: Milli,
    /// A request is never set above this.
    pub max: Milli,
    /// Whether `max` was declared: one that is built in is no reason to lower what a container has.
    pub max_declared: bool,
}

/// What a resource costs in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// A core.
    pub core_hour: Option<MicroUsd>,
    /// A gibibyte.
    pub gib_hour: Option<MicroUsd>,
}

/// The rules of vertical sizing of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vertical {
    /// When requests are changed.
    pub mode: VerticalMode,
    /// The rules for cpu.
    pub cpu: ResourceRules,
    /// The rules for memory.
    pub memory: ResourceRules,
    /// What is saved by smaller requests.
    pub prices: Prices,
}

impl Vertical {
    /// The rules for one resource.
    #[must_use]
    pub const fn rules(&self, resource: Resource) -> &ResourceRules {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.memory,
        }
    }
}

impl Default for Vertical {
    /// Nothing is changed. More than four cores or 8 GiB is never given unasked.
    fn default() -> Self {
        let rules = |min, max| ResourceRules { controlled: true, min, max, max_declared: false };
        Self {
            mode: VerticalMode::Off,
            cpu: rules(Milli(10), Milli::units(4)),
            memory: rules(Milli::units(16 << 20), Milli::units(8 << 30)),
            prices: Prices { core_hour: None, gib_hour: None },
        }
    }
}

/// What a container asks for and may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// What is kept for it.
    pub requests: Resources,
    /// What it may use at most.
    pub limits: Resources,
}

/// A container of a pod as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    /// Its name.
    pub name: String,
    /// Its requests and limits.
    pub sizes: Sizes,
    /// What it uses.
    pub used: Resources,
    /// When it was last killed for want of memory.
    pub oom_at: Option<Timestamp>,
}

/// A pod's containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodSizes {
    /// The pod's name.
    pub pod: String,
    /// The version it was read at; a write is refused when the pod has another by then.
    pub version: String,
    /// When its use was measured; none when it was not.
    pub used_at: Option<Timestamp>,
    /// An earlier change of its sizes that its node has not made yet, in the node's words.
    pub pending: Option<String>,
    /// Its containers, without those that run once before the others.
    pub containers: Vec<ContainerState>,
}

/// What one resource of a container should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceAdvice {
    /// The request that is recommended; moves only for a change that is worth it.
    pub target: Milli,
    /// A request under this is too little.
    pub lower: Milli,
    /// A request above this is too much. Comes nearer as history grows.
    pub upper: Milli,
    /// The median of what was used; of memory, of each day's peak.
    pub median: Milli,
    /// The 90 % quantile of the same, on which the target rests.
    pub high: Milli,
    /// Share of cpu samples that were cut off at the limit; more was needed then than could be measured.
    pub throttled: PerMille,
    /// Times that containers were killed for want of memory, in the days that are remembered.
    pub oom_kills: u32,
}

/// What a container should request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerAdvice {
    /// The container's name.
    pub container: String,
    /// How much history it rests on; gaps do not count.
    pub history: Span,
    /// From 0, nothing known, towards 1: `history / (history + 1 day)`.
    pub confidence: PerMille,
    /// Of cpu; none when none was measured.
    pub cpu: Option<ResourceAdvice>,
    /// Of memory; none when none was measured.
    pub memory: Option<ResourceAdvice>,
}

impl ContainerAdvice {
    /// What one resource should be.
    #[must_use]
    pub const fn of(&self, resource: Resource) -> Option<&ResourceAdvice> {
        match resource {
            Resource::Cpu => self.cpu.as_ref(),
            Resource::Memory => self.memory.as_ref(),
        }
    }
}

/// What was seen of a workload's containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerticalSight {
    /// What they should request, by container name.
    pub advice: Vec<ContainerAdvice>,
    /// What they request and use now, by pod name.
    pub pods: Vec<PodSizes>,
}

/// A container's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerResize {
    /// Its name.
    pub container: String,
    /// What it has.
    pub from: Sizes,
    /// What it is to have.
    pub to: Sizes,
}

/// A pod's change, made in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodResize {
    /// The pod's name.
    pub pod: String,
    /// The version the plan was made from.
    pub version: String,
    /// Its containers that change.
    pub containers: Vec<ContainerResize>,
}

/// How a container's request stands to what is recommended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A change would save or protect too little.
    Right,
    /// It is to change.
    Changes,
    /// It would change if the mode allowed it.
    Off,
    /// It would change; of a pod that has run for longer, only the mode `in_place` changes it.
    OnlyNewPods,
    /// The horizontal size follows this resource's percent of request.
    HorizontalDrives,
    /// `controlled` leaves it out.
    NotControlled,
    /// It names no request, and one cannot be given to a running pod.
    NoRequest,
    /// It may only be lowered after a day of history.
    TooYoung,
    /// It uses more than that now.
    InUse,
    /// Its use cannot be seen now.
    Unseen,
    /// A freeze holds.
    Frozen(String),
    /// Other pods of the workload come first; the words of a node that has not made its change yet, if one has not.
    InTurn(Option<String>),
}

/// How one resource of a container stands over all pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The container's name.
    pub container: String,
    /// The resource.
    pub resource: Resource,
    /// The recommendation inside the limits that are declared.
    pub target: Milli,
    /// How it stands.
    pub standing: Standing,
}
