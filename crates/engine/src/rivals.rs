//! Objects that several workloads reach. Declaring one twice by the same name or labels is refused; one by name and one
//! by labels, or by different labels, shows only once the objects are read.
//!
//! INVARIANT(one voice): an object that two enabled workloads reach is moved by neither. Which of them is right cannot
//! be known here, and taking the first would let one tenant take another's object by its name alone.

use std::collections::BTreeMap;

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::spec::ScaleTarget;

/// A workload with the object that it reached in this cycle.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    pub(crate) key: &'a WorkloadKey,
    pub(crate) target: &'a ScaleTarget,
    /// Name of the object; none when it was not read.
    pub(crate) name: Option<&'a str>,
    pub(crate) enabled: bool,
    /// The rival it had in the cycle before.
    pub(crate) before: Option<&'a WorkloadKey>,
}

/// The other workload that reaches the same object, for each that has one.
pub(crate) fn rivals(reached: &[Reach<'_>]) -> BTreeMap<WorkloadKey, WorkloadKey> {
    let mut by_object: BTreeMap<_, Vec<&Reach<'_>>> = BTreeMap::new();
    let mut seen: BTreeMap<&WorkloadKey, bool> = BTreeMap::new();
    for reach in reached.iter().filter(|reach| reach.enabled) {
        seen.insert(reach.key, reach.name.is_some());
        if let Some(name) = reach.name {
            let object = (group(reach.target), &reach.target.kind, &reach.target.namespace, name);
            by_object.entry(object).or_default().push(reach);
        }
    }
    let mut rivals = BTreeMap::new();
    for sharing in by_object.values() {
        for reach in sharing {
            let other = sharing.iter().find(|other| other.key != reach.key);
            rivals.extend(other.map(|other| (reach.key.clone(), other.key.clone())));
        }
    }
    // A rival whose object cannot be read for a while is no less one: else the two would move it in turns.
    for reach in reached.iter().filter(|reach| reach.enabled) {
        let unseen = |rival: &WorkloadKey| seen.get(rival).is_some_and(|read| !read || reach.name.is_none());
        if let Some(rival) = reach.before.filter(|rival| unseen(rival)) {
            rivals.entry(reach.key.clone()).or_insert_with(|| rival.clone());
        }
    }
    rivals
}

/// The group of a group and version; versions of one group show the same objects.
pub(crate) fn group(target: &ScaleTarget) -> &str {
    target.api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests;
