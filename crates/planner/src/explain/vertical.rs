//! Vertical sizes in plain words.

use tenantry_domain::snapshot::Snapshot;
use tenantry_domain::unit::Milli;
use tenantry_domain::vertical::{
    ContainerResize, PodResize, Resource, ResourceAdvice, Resources, Standing, Verdict, VerticalSight,
};

/// One line for each verdict of a plan.
pub(super) fn verdicts<'a>(snapshot: &'a Snapshot, verdicts: &'a [Verdict]) -> impl Iterator<Item = String> + 'a {
    verdicts.iter().filter_map(|verdict| {
        let sight = snapshot.vertical.as_ref()?;
        let advice = sight.advice.iter().find(|advice| advice.container == verdict.container)?;
        let one = advice.of(verdict.resource)?;
        let resource = verdict.resource;
        Some(format!(
            "{} {resource} {} where {} is recommended ({} to {}, after {} of history{}): {}",
            verdict.container,
            requested(sight, verdict),
            resource.show(verdict.target),
            resource.show(one.lower),
            resource.show(one.upper),
            advice.history,
            evidence(one),
            standing(&verdict.standing)
        ))
    })
}

fn requested(sight: &VerticalSight, verdict: &Verdict) -> String {
    let of = sight.pods.iter().flat_map(|pod| &pod.containers).filter(|one| one.name == verdict.container);
    let mut found: Vec<Milli> = of.filter_map(|one| one.sizes.requests.get(verdict.resource)).collect();
    found.sort_unstable();
    let show = |value: &Milli| verdict.resource.show(*value);
    match (found.first(), found.last()) {
        (Some(least), Some(most)) if least == most => show(least),
        (Some(least), Some(most)) => format!("{} to {}", show(least), show(most)),
        _ => "without a request".to_owned(),
    }
}

fn evidence(advice: &ResourceAdvice) -> String {
    match (advice.throttled.0, advice.oom_kills) {
        (0, 0) => String::new(),
        (0, 1) => ", killed once for want of memory".to_owned(),
        (0, kills) => format!(", killed {kills} times for want of memory"),
        (throttled, _) => format!(", at its limit {:.1} % of the time", f64::from(throttled) / 10.0),
    }
}

/// How a request stands to what is recommended, for a person.
#[must_use]
pub fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Right => "a change would save or protect too little".to_owned(),
        Standing::Changes => "it changes now".to_owned(),
        Standing::Off => "not changed: `vertical.mode` is off".to_owned(),
        Standing::OnlyNewPods => {
            "pods that run are left as they are: `vertical.mode` is initial, which changes new ones".to_owned()
        }
        Standing::HorizontalDrives => {
            "not changed: the number of replicas follows the percent of it that is requested".to_owned()
        }
        Standing::NotControlled => "not changed: `vertical.controlled` leaves it out".to_owned(),
        Standing::NoRequest => {
            "not changed: the container names none, and a running pod cannot be given one; name one in its template"
                .to_owned()
        }
        Standing::TooYoung => "not lowered before a day of history is known".to_owned(),
        Standing::InUse => "not lowered while more than that is used".to_owned(),
        Standing::Unseen => "not lowered while its use cannot be seen".to_owned(),
        Standing::Frozen(name) => format!("not changed during freeze `{name}`"),
        Standing::InTurn(None) => "other pods come first".to_owned(),
        Standing::InTurn(Some(why)) => {
            format!("waits for a node that has not made an earlier change yet: {why}")
        }
    }
}

/// What a change of pods does, in a line.
#[must_use]
pub fn resized(pods: &[PodResize]) -> String {
    let pod = |resize: &PodResize| {
        let containers: Vec<String> = resize.containers.iter().map(container).collect();
        format!("{}: {}", resize.pod, containers.join("; "))
    };
    pods.iter().map(pod).collect::<Vec<_>>().join(", ")
}

fn container(resize: &ContainerResize) -> String {
    let moves = |what: &str, from: &Resources, to: &Resources| {
        let one = |resource: Resource| {
            let (from, to) = (from.get(resource), to.get(resource)?);
            let before = from.map_or_else(|| "none".to_owned(), |from| resource.show(from));
            (from != Some(to)).then(|| format!("{what} of {resource} from {before} to {}", resource.show(to)))
        };
        Resource::ALL.into_iter().filter_map(one).collect::<Vec<_>>()
    };
    let mut parts = moves("request", &resize.from.requests, &resize.to.requests);
    parts.extend(moves("limit", &resize.from.limits, &resize.to.limits));
    format!("{} {}", resize.container, parts.join(", "))
}
