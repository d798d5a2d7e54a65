//! What containers request: learned from each reading, shown in the status, and settled after a change.

use std::collections::BTreeMap;

use tenantry_domain::plan::Outcome;
use tenantry_domain::snapshot::Snapshot;
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{MicroUsd, Milli};
use tenantry_domain::vertical::{PodResize, Resource, Resources, Verdict, VerticalSight};
use tenantry_planner::vertical::judge;
use tenantry_workflow::patience::Ending;

use crate::fleet::Entry;
use crate::ports::cluster::ObjectState;
use crate::status::{ContainerStatus, ResourceStatus};

/// Hours of a month, as budgets have it.
const MONTH_HOURS: i128 = 730;

/// Learns what the containers use, and says what they should request; nothing while nothing was ever measured.
pub(crate) fn look(entry: &mut Entry, object: Option<&ObjectState>, now: Timestamp) -> Option<VerticalSight> {
    let object = object?;
    entry.usage.learn(&object.sizes, now, entry.spec.stale_after);
    let advice = entry.usage.advice();
    (!advice.is_empty()).then(|| VerticalSight { advice, pods: object.sizes.clone() })
}

/// Whether a pod has what it was to have.
fn has(object: &ObjectState, resize: &PodResize) -> bool {
    object.sizes.iter().filter(|pod| pod.pod == resize.pod).any(|pod| {
        let has = |wanted: &tenantry_domain::vertical::ContainerResize| {
            pod.containers.iter().any(|one| one.name == wanted.container && one.sizes == wanted.to)
        };
        resize.containers.iter().all(has)
    })
}

/// What a reading says of pods that were resized and whose answer was lost.
pub(crate) fn settle(entry: &mut Entry, object: &ObjectState) -> Option<(u64, Outcome)> {
    let (record, resizes) = entry.unsettled_resize.take()?;
    let done = resizes.iter().filter(|resize| has(object, resize)).count();
    if done == resizes.len() {
        return Some((record, Outcome::Applied));
    }
    let text = format!("{done} of {} pods have what was asked for: the change was not made", resizes.len());
    Some((record, Outcome::Refused(text)))
}

/// How the containers stand, by the plan's verdicts or, where it has none, by such as it would come to.
pub(crate) fn status(
    spec: &WorkloadSpec,
    snapshot: &Snapshot,
    sight: &VerticalSight,
    planned: &[Verdict],
) -> Vec<ContainerStatus> {
    let own = planned.is_empty().then(|| judge(spec, snapshot.now, &snapshot.pods, sight).verdicts);
    let mut of: BTreeMap<&str, Vec<&Verdict>> = BTreeMap::new();
    for verdict in own.as_deref().unwrap_or(planned) {
        of.entry(&verdict.container).or_default().push(verdict);
    }
    let container = |advice: &tenantry_domain::vertical::ContainerAdvice| {
        let verdicts = of.get(advice.container.as_str()).into_iter().flatten();
        let resources = verdicts.filter_map(|verdict| {
            let requests = requests(sight, verdict);
            let each = requests.iter().map(|request| request.0.saturating_sub(verdict.target.0));
            let saving = Milli(each.fold(0, i64::saturating_add));
            Some(ResourceStatus {
                resource: verdict.resource,
                request_min: requests.iter().min().copied(),
                request_max: requests.iter().max().copied(),
                target: verdict.target,
                advice: *advice.of(verdict.resource)?,
                standing: verdict.standing.clone(),
                saving,
                month: month(spec, verdict.resource, saving),
            })
        });
        let (name, resources) = (advice.container.clone(), resources.collect());
        ContainerStatus { name, history: advice.history, confidence: advice.confidence, resources }
    };
    sight.advice.iter().map(container).collect()
}

fn requests(sight: &VerticalSight, verdict: &Verdict) -> Vec<Milli> {
    let of = sight.pods.iter().flat_map(|pod| &pod.containers).filter(|one| one.name == verdict.container);
    let request = |sizes: &Resources| sizes.get(verdict.resource);
    of.filter_map(|one| request(&one.sizes.requests)).collect()
}

/// What a saving comes to in a month.
fn month(spec: &WorkloadSpec, resource: Resource, saving: Milli) -> Option<MicroUsd> {
    let prices = spec.vertical.prices;
    let (price, unit) = match resource {
        Resource::Cpu => (prices.core_hour?, 1000),
        Resource::Memory => (prices.gib_hour?, 1000_i128 << 30),
    };
    let month = i128::from(saving.0) * i128::from(price.0) * MONTH_HOURS / unit;
    Some(MicroUsd(i64::try_from(month).unwrap_or(if month < 0 { i64::MIN } else { i64::MAX })))
}

/// Learns what became of pods that were asked to change, and says it of the whole.
pub(crate) fn answered(
    entry: &mut Entry,
    record: u64,
    resizes: Vec<PodResize>,
    answers: &[Result<(), crate::ports::cluster::ClusterError>],
    at: Timestamp,
) -> Outcome {
    use crate::ports::Retry;
    use crate::ports::cluster::ClusterError;
    let failed = answers.iter().filter_map(|answer| answer.as_ref().err());
    let Some(error) = failed.clone().next() else {
        if answers.len() < resizes.len() {
            let sent = answers.len();
            return Outcome::Refused(format!("the lease ran out after {sent} of {} pods were changed", resizes.len()));
        }
        entry.resize_patience.learn(at, Ending::Accepted);
        return Outcome::Applied;
    };
    let ending = match error.retry() {
        Retry::AfterChange => Ending::Overtaken,
        Retry::Later | Retry::Never => Ending::Failed,
    };
    entry.resize_patience.learn(at, ending);
    let said = format!("{} of {} pods: {error} ({})", failed.clone().count(), resizes.len(), error.code());
    if failed.into_iter().any(|error| matches!(error, ClusterError::Unknown { .. })) {
        entry.unsettled_resize = Some((record, resizes));
        return Outcome::Unknown(said);
    }
    Outcome::Refused(said)
}
