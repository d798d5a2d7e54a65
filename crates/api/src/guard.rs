//! What every request goes through before anything is done for it: who asks, may they, how often, how much.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use sha2::{Digest as _, Sha256};
use tenantry_audit::Outcome;
use tenantry_domain::id::TenantId;
use tenantry_domain::unit::{Replicas, Span};
use tenantry_engine::access::{AccessError, Action, Admission, Caller, Circumstances, Rewrite, Sizes, Target};
use tenantry_engine::ports::answers::{Keyed, Turn};
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::ports::store::audit::Deed;
use tracing::{info, warn};

use crate::answer::Answer;
use crate::api::Api;
use crate::asked::{Asked, under_glass};
use crate::deprecated;
use crate::known;
use crate::operation::{Door, Operation};
use crate::outer::{Peer, PeerCertificate, RequestId};
use crate::problem::{FORBIDDEN, IN_PROGRESS, KEY_REUSED, MALFORMED, Problem, TOO_LARGE, TOO_MANY, UNAUTHENTICATED};
use crate::reads::Read;
use crate::seats::Seat;
use crate::upkeep::ANSWERS_KEPT;

/// By which a request that is sent twice is known as one.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key.
pub(crate) const KEY_MAX: usize = 255;
/// A request that was never answered, because the server was killed, is given up after so long.
const GIVEN_UP_AFTER: Span = Span::from_secs(120);

/// Answers a request for an operation.
pub(crate) async fn pass(
    State((api, operation)): State<(Api, Arc<Operation>)>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Response {
    // A path that is no text names nothing, and so finds nothing.
    let path =
        path.iter().flat_map(RawPathParams::iter).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (parts, body) = request.into_parts();
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    // Mostly nothing is deprecated, and nothing is kept to be told then.
    let query = parts.uri.query().filter(|_| !operation.deprecated.is_empty()).unwrap_or_default().to_owned();
    let mut fields = Vec::new();
    let mut response = match answered(&api, &operation, path, parts, body, &mut fields).await {
        Ok(answer) => answer.into_response(),
        Err(problem) => problem.about(&request_id),
    };
    deprecated::tell(&operation, &query, &fields, response.headers_mut());
    response
}

async fn answered(
    api: &Api,
    operation: &Operation,
    path: Vec<(String, String)>,
    parts: Parts,
    body: Body,
    fields: &mut Vec<String>,
) -> Result<Answer, Problem> {
    let now = api.clock.now();
    let from = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    let certificate = parts.extensions.get::<PeerCertificate>().cloned();
    let Parts { method, uri, headers, .. } = parts;
    let (presented, caller) = match operation.door {
        Door::Open => (None, None),
        _ => {
            let (presented, caller) = known::caller(api, &headers, certificate, from).await?;
            (Some(presented), Some(caller))
        }
    };
    let _seat = caller.as_ref().map(|caller| seat(api, caller)).transpose()?;
    let query = uri.query().unwrap_or_default().to_owned();
    if !query.is_empty() && !operation.takes_query {
        return Err(Problem::new(MALFORMED, "no parameters are taken here"));
    }
    // Where none is taken none is waited for: it would hold a place that others need.
    let body = match operation.body {
        Some(_) => taken(body, api.limits.body_bytes.saturating_mul(operation.body_share)).await?,
        None => Bytes::new(),
    };
    *fields = deprecated::fields(operation, &body);
    // A body may take long to come, and what was allowed before it may not be any more.
    let caller = if body.is_empty() { caller.map(Caller::at_once) } else { caller };
    let api = api.clone();
    let mut asked = Asked {
        api,
        method,
        path,
        query,
        headers,
        body,
        now,
        caller,
        presented,
        admissions: Vec::new(),
        from,
        documents: std::sync::OnceLock::new(),
        judged: std::sync::Mutex::default(),
    };
    admit(operation, &mut asked).await?;
    told(operation, &asked).await?;
    if operation.writes() {
        return once(operation, &asked).await;
    }
    let answer = (operation.does)(&asked).await?;
    looked(operation, &asked).await?;
    Ok(answer.unless_known(&asked.headers))
}

/// Writes down who looks at a tenant's data and is not of that tenant, before they get it.
async fn looked(operation: &Operation, asked: &Asked) -> Result<(), Problem> {
    let Door::One(_, target) = &operation.door else { return Ok(()) };
    // What is done under broken glass is told already.
    let Some(caller) = asked.caller.as_ref().filter(|caller| caller.glass().is_none()) else { return Ok(()) };
    let Some(tenant) = target(asked)?.tenant().cloned() else { return Ok(()) };
    if caller.owner().is_some() {
        return Ok(());
    }
    seen(asked, vec![read(operation.id, asked, caller, tenant, asked.resource())]).await
}

/// The same of a list that holds whole documents of tenants: each is a look at its tenant.
pub(crate) async fn looked_at(
    asked: &Asked,
    operation: &'static str,
    tenants: impl Iterator<Item = TenantId>,
) -> Result<(), Problem> {
    let Some(caller) = asked.caller.as_ref().filter(|one| one.glass().is_none() && one.owner().is_none()) else {
        return Ok(());
    };
    let reads = tenants.map(|tenant| {
        let resource = format!("tenant/{tenant}");
        read(operation, asked, caller, tenant, resource)
    });
    seen(asked, reads.collect()).await
}

fn read(operation: &'static str, asked: &Asked, caller: &Caller, tenant: TenantId, resource: String) -> Read {
    let (actor, from) = (caller.principal().id.clone(), asked.from.map(|from| from.to_string()));
    Read { actor, tenant, operation, resource, from }
}

async fn seen(asked: &Asked, reads: Vec<Read>) -> Result<(), Problem> {
    let deeds: Vec<Deed> = reads.iter().flat_map(|read| asked.api.reads.of(read, asked.now)).collect();
    let noted = asked.api.store.note(&deeds).await;
    if noted.is_err() {
        reads.iter().for_each(|read| asked.api.reads.forget(read));
    }
    Ok(noted?)
}

/// Writes a refusal into the log of whose token it is: never into that of a tenant that was asked for, which may not be
/// there.
async fn noted(api: &Api, asked: &Asked, caller: &Caller, operation: &str, target: Option<&Target>) {
    let resource = match target {
        None | Some(Target::Platform) => "platform".to_owned(),
        Some(Target::Tenant(tenant)) => format!("tenant/{tenant}"),
        Some(Target::Workload(key)) => format!("workload/{key}"),
    };
    let reason = under_glass(caller, operation);
    let by = Authorship { author: caller.principal().id.clone(), at: asked.now, reason };
    let deed = Deed {
        action: "access.refuse",
        outcome: Outcome::Refused,
        from: asked.from.map(|from| from.to_string()),
        ..Deed::done(caller.owner().cloned(), &by, resource)
    };
    if let Err(error) = api.store.note(&[deed]).await {
        warn!(%error, "a refusal was not written down");
    }
}

/// Writes down every request that is let through under broken glass, reading ones among them, before it is answered: what
/// cannot be told is not done.
async fn told(operation: &Operation, asked: &Asked) -> Result<(), Problem> {
    let Some(caller) = asked.caller.as_ref().filter(|caller| caller.glass().is_some()) else { return Ok(()) };
    let reason = under_glass(caller, operation.id);
    let by = Authorship { author: caller.principal().id.clone(), at: asked.now, reason };
    let deed = Deed {
        action: "break-glass.use",
        from: asked.from.map(|from| from.to_string()),
        ..Deed::done(caller.owner().cloned(), &by, asked.resource())
    };
    Ok(asked.api.store.note(&[deed]).await?)
}

/// A place among the requests under way of a caller's tenant, so that slow ones of one tenant keep nobody else waiting.
fn seat(api: &Api, caller: &Caller) -> Result<Seat, Problem> {
    let whose = caller.owner().map_or_else(|| caller.principal().id.clone(), |tenant| format!("tenant {tenant}"));
    let taken = api.under_way.take(&whose, api.limits.requests_each);
    taken.ok_or_else(|| {
        Problem::new(TOO_MANY, "you have as many requests under way as your share allows").again_after(1)
    })
}

async fn taken(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(TOO_LARGE, format!("a body may have {bytes_max} bytes here")))
        }
        Err(_) => Err(Problem::new(MALFORMED, "the body broke off")),
    }
}

async fn admit(operation: &Operation, asked: &mut Asked) -> Result<(), Problem> {
    let api = asked.api.clone();
    let Some(caller) = asked.caller.clone() else { return Ok(()) };
    let wanted = match &operation.door {
        Door::Open | Door::Known => return Ok(()),
        Door::Anywhere(action) => {
            let circumstances = asked.circumstances();
            let admitted = api.gate.admit_anywhere(&caller, *action, &circumstances).await;
            asked.admissions = match admitted {
                Ok(admissions) => admissions,
                Err(error) => {
                    noted(&api, asked, &caller, operation.id, None).await;
                    return Err(refused(&api, error, &caller, None));
                }
            };
            api.metrics.verdict("admitted");
            return Ok(());
        }
        Door::One(action, target) => vec![(*action, target(asked)?)],
        Door::All(_, wanted) => wanted(asked)?,
    };
    // Of what a caller's roles do not reach nothing is read: neither answer nor time tells whether it is there.
    for (_, target) in &wanted {
        if target.tenant().is_some_and(|tenant| !caller.principal().reaches(tenant)) {
            api.metrics.verdict("hidden");
            info!(principal = caller.principal().id, operation = operation.id, "asked beyond their reach");
            noted(&api, asked, &caller, operation.id, Some(target)).await;
            return Err(Problem::not_found());
        }
    }
    for (action, target) in wanted {
        let told = match &operation.circumstances {
            None => Ok(asked.circumstances()),
            Some(told) => told(asked, &target).await,
        };
        // What is wrong with a request is told to those who may make it.
        let circumstances = told.as_ref().map_or_else(|_| harmless(asked), Circumstances::clone);
        match admitted(&api, &caller, action, &target, &circumstances).await {
            Ok(admission) => asked.admissions.push(admission),
            Err(problem) => {
                noted(&api, asked, &caller, operation.id, Some(&target)).await;
                return Err(problem);
            }
        }
        told?;
    }
    api.metrics.verdict("admitted");
    Ok(())
}

/// A change that changes nothing.
fn harmless(asked: &Asked) -> Circumstances {
    let none = Replicas::new(0);
    let scale = Some(Sizes { from: none, to: none });
    Circumstances { scale, rewrite: Some(Rewrite::default()), ..asked.circumstances() }
}

/// Whether a caller may do one thing more, which came to light on the way; a refusal is written down as any other.
pub(crate) async fn admitted_too(
    asked: &Asked,
    operation: &'static str,
    action: Action,
    target: &Target,
) -> Result<(), Problem> {
    let caller = asked.caller.as_ref().ok_or_else(Problem::not_found)?;
    let admission = admitted(&asked.api, caller, action, target, &asked.circumstances()).await;
    if admission.is_err() {
        noted(&asked.api, asked, caller, operation, Some(target)).await;
    }
    admission.map(drop)
}

async fn admitted(
    api: &Api,
    caller: &Caller,
    action: Action,
    target: &Target,
    circumstances: &Circumstances,
) -> Result<Admission, Problem> {
    let admission = api.gate.admit(caller, action, target, circumstances).await;
    admission.map_err(|error| refused(api, error, caller, Some(target)))
}

fn refused(api: &Api, error: AccessError, caller: &Caller, target: Option<&Target>) -> Problem {
    match error {
        AccessError::Store(error) => {
            api.metrics.verdict("failed");
            error.into()
        }
        AccessError::Unauthenticated => Problem::new(UNAUTHENTICATED, AccessError::Unauthenticated.to_string()),
        refused @ AccessError::Refused { .. } => {
            let hidden = target.and_then(Target::tenant).is_some_and(|tenant| !caller.principal().reaches(tenant));
            api.metrics.verdict(if hidden { "hidden" } else { "refused" });
            info!(error = %refused, "refused");
            if hidden { Problem::not_found() } else { Problem::new(FORBIDDEN, refused.to_string()) }
        }
    }
}

/// Does a write, and with a key only once.
async fn once(operation: &Operation, asked: &Asked) -> Result<Answer, Problem> {
    let Some(key) = asked.header(&IDEMPOTENCY_KEY)? else { return (operation.does)(asked).await };
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(Problem::new(MALFORMED, format!("an idempotency key has 1 to {KEY_MAX} characters")));
    }
    let keyed = Keyed {
        tenant: asked.caller.as_ref().and_then(|caller| caller.owner().cloned()),
        caller: asked.principal(),
        key: key.to_owned(),
        digest: digest(operation, asked),
        at: asked.now,
    };
    let store = &asked.api.store;
    match store.take_turn(&keyed, asked.now - ANSWERS_KEPT, asked.now - GIVEN_UP_AFTER).await? {
        Turn::Yours => {}
        Turn::UnderWay => {
            let detail = "wait for the first request with this key to be answered";
            return Err(Problem::new(IN_PROGRESS, detail).again_after(1));
        }
        Turn::Done(given) => return Ok(Answer::given_before(given)),
        Turn::Another => {
            return Err(Problem::new(
                KEY_REUSED,
                "this idempotency key was used for a request that says something else",
            ));
        }
    }
    let answer = (operation.does)(asked).await;
    // What was refused changed nothing, and may be sent again with the same key once it is mended.
    let given = answer.as_ref().ok().and_then(Answer::kept);
    if let Err(error) = store.end_turn(&keyed, given.as_ref()).await {
        warn!(%error, "the answer to a request with a key was not kept");
    }
    answer
}

/// Digest of all that the request says.
fn digest(operation: &Operation, asked: &Asked) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    part(operation.id.as_bytes());
    for (name, value) in &asked.path {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(asked.query.as_bytes());
    for name in [http::header::IF_MATCH, http::header::IF_NONE_MATCH] {
        part(asked.headers.get(name).map_or(&[][..], http::HeaderValue::as_bytes));
    }
    part(&asked.body);
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
