//! Breaking glass.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::id::TenantId;
use tenantry_domain::unit::Span;
use tenantry_engine::access::{Action, Breaking, GlassError, Target};
use tenantry_engine::ports::store::KeyId;
use utoipa::ToSchema;

use super::{Trying, named};
use crate::answer::Answer;
use crate::asked::Asked;
use crate::operation::{Door, Operation};
use crate::page;
use crate::problem::{MALFORMED, Problem};
use crate::wire::written::{BrokeGlass, BrokenGlass, BrokenGlassPage};

const TAG: &str = "access";

/// Glass to be broken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewGlass {
    /// In which tenant, as its administrator; the whole platform, as its administrator, unless told.
    #[serde(default)]
    tenant: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// For how long, such as `1h`.
    lasts: String,
}

fn example() -> Value {
    json!({
        "id": "k3v9q0z7m2ab", "tenant": "acme", "reason": "incident 42", "by": "token:9f3m0q2x8c1d",
        "at": "2026-03-01T09:30:00Z", "ends_at": "2026-03-01T10:30:00Z"
    })
}

pub(crate) fn operations() -> Vec<Operation> {
    let (path, one) = ("/v1/break-glass", "/v1/break-glass/{glass}");
    vec![
        Operation::new(Method::GET, path, "listBrokenGlass", Door::Anywhere(Action::ReadStatus), |asked| {
            Box::pin(list(asked))
        })
        .says(TAG, "Broken glass", "All that is broken now, newest first. Whoever sees a tenant's status sees the tenant's.")
        .gives::<BrokenGlassPage>(StatusCode::OK, "All of it.", json!({ "items": [example()], "next": null })),
        Operation::new(Method::POST, path, "breakGlass", Door::All(Action::BreakGlass, whose), |asked| {
            Box::pin(begin(asked))
        })
        .says(
            TAG,
            "Break glass",
            "Gives a token that opens more than the caller's, for a short while. It is told in the audit logs of the tenant \
             and of the platform, and everything that is done with it is told with its id and reason.",
        )
        .query::<Trying>()
        .takes::<NewGlass>(json!({ "tenant": "acme", "reason": "incident 42", "lasts": "1h" }))
        .gives::<BrokeGlass>(
            StatusCode::CREATED,
            "The token.",
            json!({ "glass": example(), "secret": "tnt_k3v9q0z7m2ab_…", "dry_run": false }),
        )
        .gives::<BrokeGlass>(
            StatusCode::OK,
            "What would be, in a dry run.",
            json!({ "glass": example(), "secret": null, "dry_run": true }),
        )
        .refuses(&[404, 409, 413, 415, 422]),
        Operation::new(Method::DELETE, one, "mendGlass", Door::Anywhere(Action::BreakGlass), |asked| {
            Box::pin(end(asked))
        })
        .says(TAG, "End broken glass", "Before its time, from the next request on.")
        .gives::<BrokenGlass>(StatusCode::OK, "What it was.", example())
        .refuses(&[404]),
    ]
}

impl From<GlassError> for Problem {
    fn from(error: GlassError) -> Self {
        let code = error.code();
        match error {
            GlassError::Unfit { .. } => {
                Self::coded(StatusCode::UNPROCESSABLE_ENTITY, code, "no glass was broken", error.to_string())
            }
            GlassError::None { .. } => Self::not_found(),
            GlassError::Token(error) => error.into(),
            GlassError::Store(error) => error.into(),
        }
    }
}

fn whose(asked: &Asked) -> Result<Vec<(Action, Target)>, Problem> {
    let new: NewGlass = asked.json()?;
    Ok(vec![(Action::BreakGlass, named(new.tenant)?)])
}

async fn list(asked: &Asked) -> Result<Answer, Problem> {
    let mut found = Vec::new();
    for scope in asked.scopes() {
        found.extend(asked.api.glass.list(scope, asked.now).await?);
    }
    let items = found.iter().map(|record| page::selected(&BrokenGlass::from(record), None));
    Answer::ok(&BrokenGlassPage { items: items.collect::<Result<_, _>>()?, next: None })
}

async fn begin(asked: &Asked) -> Result<Answer, Problem> {
    let Trying { dry_run } = asked.query()?;
    let NewGlass { tenant, reason, lasts } = asked.json()?;
    let tenant = tenant.map(TenantId::new).transpose().map_err(|_| Problem::not_found())?;
    let lives = lasts.parse::<Span>().map_err(|error| Problem::new(MALFORMED, format!("`lasts`: {error}")))?;
    let breaking = Breaking { tenant, reason, lives };
    if dry_run {
        asked.api.glass.check(&breaking)?;
        let Breaking { tenant, reason, lives } = breaking;
        let glass = BrokenGlass {
            id: String::new(),
            tenant: tenant.map(String::from),
            reason,
            by: asked.principal(),
            at: crate::wire::instant(asked.now),
            ends_at: Some(crate::wire::instant(asked.now + lives)),
        };
        return Answer::ok(&BrokeGlass { glass, secret: None, dry_run });
    }
    let issued = asked.api.glass.begin(breaking, &asked.principal(), asked.now).await?;
    asked.api.alarms.told(&asked.api, &issued.record);
    let glass = BrokenGlass::from(&issued.record);
    let location = format!("/v1/break-glass/{}", glass.id);
    let kept = BrokeGlass { glass: glass.clone(), secret: None, dry_run };
    let shown = BrokeGlass { glass, secret: Some(issued.token.reveal()), dry_run };
    Answer::json(StatusCode::CREATED, &shown)?.at(location).kept_as(&kept)
}

async fn end(asked: &Asked) -> Result<Answer, Problem> {
    let id = KeyId::new(asked.text("glass")?).map_err(|_| Problem::not_found())?;
    let by = asked.by(None, "ended through the API")?;
    for scope in asked.scopes() {
        match asked.api.glass.end(scope, &id, &by).await {
            Ok(record) => return Answer::ok(&BrokenGlass::from(&record)),
            Err(GlassError::None { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::not_found())
}
