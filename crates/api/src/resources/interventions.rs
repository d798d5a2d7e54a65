//! What people ask of workloads: a size by hand, a stop.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::snapshot::{Override, Pause};
use tenantry_domain::unit::{Replicas, Span};
use tenantry_engine::access::{Action, Circumstances, Sizes, Target};
use tenantry_engine::ports::store::Intervention;
use tenantry_engine::view;
use utoipa::ToSchema;

use super::{Trying, workload};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::problem::{MALFORMED, Problem};
use crate::wire::workload::{Intervened, Intervention as Shown};

const TAG: &str = "interventions";
/// A size by hand ends by itself after so long unless told.
const LASTS: Span = Span::from_secs(3600);
/// Most replicas that can be asked for.
const REPLICAS_MAX: u32 = 100_000;

/// A size to be set by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScaleTo {
    /// Replicas; limits still hold.
    #[schema(maximum = 100_000)]
    replicas: u32,
    /// How long, such as `30m` or `2h`; then it ends by itself. 1h unless told.
    #[serde(default, rename = "for")]
    lasts: Option<String>,
    /// Why, for those who look later.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// A stop of scaling.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PauseFor {
    /// How long, such as `30m`; until it is resumed unless told.
    #[serde(default, rename = "for")]
    lasts: Option<String>,
    /// Why, for those who look later.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

fn example() -> Value {
    json!({
        "tenant": "acme", "workload": "api",
        "asked": {
            "manual": {
                "replicas": 12, "author": "token:k3v9q0z7m2ab", "reason": "launch at noon",
                "expires_at": "2026-03-01T11:30:00Z"
            },
            "pause": null
        },
        "before": { "manual": null, "pause": null }, "notes": [], "dry_run": false
    })
}

pub(crate) fn operations() -> Vec<Operation> {
    let (scaling, pausing) = ("/v1/tenants/{tenant}/workloads/{workload}/scale", Action::PauseWorkload);
    let manual = || Door::One(Action::ScaleWorkload, workload);
    let done = "What is asked from here on.";
    vec![
        Operation::new(Method::PUT, scaling, "scaleWorkload", manual(), |asked| Box::pin(scale(asked)))
            .says(TAG, "Set a size by hand", "For a while, inside all limits.")
            .query::<Trying>()
            .takes::<ScaleTo>(json!({ "replicas": 12, "for": "2h", "reason": "launch at noon" }))
            .under(|asked, target| Box::pin(scaled(asked, target)))
            .gives::<Intervened>(StatusCode::OK, done, example())
            .refuses(&[404, 413, 415, 422]),
        Operation::new(Method::DELETE, scaling, "clearScale", manual(), |asked| Box::pin(clear(asked)))
            .says(TAG, "End a size set by hand", "")
            .query::<Trying>()
            .under(|asked, target| Box::pin(cleared(asked, target)))
            .gives::<Intervened>(StatusCode::OK, done, example())
            .refuses(&[404]),
        Operation::new(
            Method::POST,
            "/v1/tenants/{tenant}/workloads/{workload}/pause",
            "pauseWorkload",
            Door::One(pausing, workload),
            |asked| Box::pin(pause(asked)),
        )
        .says(TAG, "Stop scaling a workload", "")
        .query::<Trying>()
        .takes::<PauseFor>(json!({ "for": "1h", "reason": "migration" }))
        .gives::<Intervened>(StatusCode::OK, done, example())
        .refuses(&[404, 413, 415, 422]),
        Operation::new(
            Method::POST,
            "/v1/tenants/{tenant}/workloads/{workload}/resume",
            "resumeWorkload",
            Door::One(Action::ResumeWorkload, workload),
            |asked| Box::pin(resume(asked)),
        )
        .says(TAG, "Scale a paused workload again", "")
        .query::<Trying>()
        .gives::<Intervened>(StatusCode::OK, done, example())
        .refuses(&[404]),
    ]
}

/// The size now and the one that is asked for, for policies.
async fn scaled(asked: &Asked, target: &Target) -> Result<Circumstances, Problem> {
    let ScaleTo { replicas, .. } = asked.json()?;
    let from = size(asked, target).await?;
    Ok(Circumstances { scale: Some(Sizes { from, to: Replicas::new(replicas) }), ..asked.circumstances() })
}

/// Ending a size by hand leaves the size to the plan.
async fn cleared(asked: &Asked, target: &Target) -> Result<Circumstances, Problem> {
    let from = size(asked, target).await?;
    Ok(Circumstances { scale: Some(Sizes { from, to: from }), ..asked.circumstances() })
}

/// The size now; where nobody has looked yet, the least that is declared.
async fn size(asked: &Asked, target: &Target) -> Result<Replicas, Problem> {
    let Target::Workload(key) = target else { return Err(Problem::not_found()) };
    let scope = tenantry_engine::scope::Scope::tenant(key.tenant.clone());
    let statuses = view::workloads(asked.api.store.as_ref(), &scope).await?;
    if let Some(current) = statuses.iter().find(|status| status.key == *key).and_then(|status| status.current) {
        return Ok(current);
    }
    Ok(asked.api.tenants.spec_of(key).await?.bounds.floor())
}

async fn asked_before(asked: &Asked, key: &WorkloadKey) -> Result<Intervention, Problem> {
    let all = asked.api.store.interventions(asked.scope()?).await?;
    Ok(all.into_iter().find(|(other, _)| other == key).map(|(_, before)| before).unwrap_or_default())
}

async fn end(
    asked: &Asked,
    key: WorkloadKey,
    before: &Intervention,
    after: &Intervention,
    notes: Vec<String>,
) -> Result<Answer, Problem> {
    let Trying { dry_run } = asked.query()?;
    if !dry_run && before != after {
        let manual = after.manual.as_ref().filter(|_| after.manual != before.manual).map(|manual| &manual.reason);
        let pause = after.pause.as_ref().filter(|_| after.pause != before.pause).map(|pause| &pause.reason);
        let by = asked.by(manual.or(pause).map(String::as_str), "taken back")?;
        asked.api.store.intervene(&key, after, &by).await?;
    }
    Answer::ok(&Intervened {
        tenant: key.tenant.to_string(),
        workload: key.workload.to_string(),
        asked: Shown::from(after),
        before: Shown::from(before),
        notes,
        dry_run,
    })
}

fn span(text: Option<String>) -> Result<Option<Span>, Problem> {
    let read = |text: String| {
        let span = text.parse::<Span>().map_err(|error| Problem::new(MALFORMED, format!("`for`: {error}")))?;
        if span.as_millis() == 0 {
            return Err(Problem::new(MALFORMED, "`for` is more than nothing, such as `30m`"));
        }
        Ok(span)
    };
    text.map(read).transpose()
}

async fn scale(asked: &Asked) -> Result<Answer, Problem> {
    let key = asked.workload()?;
    let ScaleTo { replicas, lasts, reason } = asked.json()?;
    let (lasts, by) = (span(lasts)?.unwrap_or(LASTS), reasoned(asked, &reason)?);
    if replicas > REPLICAS_MAX {
        return Err(Problem::new(MALFORMED, format!("`replicas` is at most {REPLICAS_MAX}")));
    }
    let bounds = asked.tenants().spec_of(&key).await?.bounds;
    let mut notes = Vec::new();
    if !bounds.admits(Replicas::new(replicas)) {
        let (floor, ceiling) = (bounds.floor(), bounds.ceiling());
        notes.push(format!("{replicas} is outside the declared {floor} to {ceiling}: the limit will bind"));
    }
    let before = asked_before(asked, &key).await?;
    let expires_at = asked.now + lasts;
    let manual = Override { replicas: Replicas::new(replicas), author: by, reason, expires_at };
    let after = Intervention { manual: Some(manual), ..before.clone() };
    end(asked, key, &before, &after, notes).await
}

/// Who asks, when the reason can be kept.
fn reasoned(asked: &Asked, reason: &str) -> Result<String, Problem> {
    if reason.trim().is_empty() {
        return Err(Problem::new(MALFORMED, "say why in `reason`, for those who look later"));
    }
    Ok(asked.by(Some(reason), reason)?.author)
}

async fn clear(asked: &Asked) -> Result<Answer, Problem> {
    let key = asked.workload()?;
    asked.tenants().spec_of(&key).await?;
    let before = asked_before(asked, &key).await?;
    let after = Intervention { manual: None, ..before.clone() };
    end(asked, key, &before, &after, Vec::new()).await
}

async fn pause(asked: &Asked) -> Result<Answer, Problem> {
    let key = asked.workload()?;
    let PauseFor { lasts, reason } = asked.json()?;
    let (lasts, author) = (span(lasts)?, reasoned(asked, &reason)?);
    asked.tenants().spec_of(&key).await?;
    let before = asked_before(asked, &key).await?;
    let pause = Pause { author, reason, expires_at: lasts.map(|lasts| asked.now + lasts) };
    let after = Intervention { pause: Some(pause), ..before.clone() };
    end(asked, key, &before, &after, Vec::new()).await
}

async fn resume(asked: &Asked) -> Result<Answer, Problem> {
    let key = asked.workload()?;
    asked.tenants().spec_of(&key).await?;
    let before = asked_before(asked, &key).await?;
    let after = Intervention { pause: None, ..before.clone() };
    end(asked, key, &before, &after, Vec::new()).await
}
