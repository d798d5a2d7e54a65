//! What happens, as it happens: server-sent events, resumed where they broke off.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use http::header::HeaderName;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tenantry_domain::config::DocumentKey;
use tenantry_domain::id::TenantId;
use tenantry_engine::access::{Action, Circumstances};
use tenantry_engine::ports::events::{Changed, Decided, Noted, Position, Revised};
use tenantry_engine::ports::store::StoreError;
use tenantry_engine::scope::Scope;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};

use crate::answer::Answer;
use crate::api::Api;
use crate::asked::Asked;
use crate::known::{self, Presented};
use crate::metrics::UnderWay;
use crate::operation::{Door, Good, Operation, reference};
use crate::problem::{MALFORMED, OVERLOADED, Problem, TOO_MANY, UNAUTHENTICATED};
use crate::seats::Seat;
use crate::wire::decision::Decision;
use crate::wire::workload::Intervention;
use crate::wire::{instant, owner};

/// The id of the last event that a client has.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A sign of life while nothing happens; access is asked for anew as often.
const BEATS_EVERY: Duration = Duration::from_secs(15);
/// Events read at once.
const READ_MAX: u32 = 200;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only those of this tenant, and of what all tenants share.
    tenant: Option<String>,
    /// As the header `Last-Event-ID`, for clients that cannot set it.
    last_event_id: Option<String>,
}

/// A revision that was made.
#[derive(Debug, Serialize, ToSchema)]
struct RevisionEvent {
    /// Which document, such as `tenant/acme`, `tier/gold` or `defaults`.
    document: String,
    /// Its new revision.
    revision: u64,
    /// Who may write it.
    owner: String,
    /// Who made it.
    author: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Why.
    reason: String,
    /// Whether it removed the document.
    removed: bool,
}

/// What a person asks of a workload from here on.
#[derive(Debug, Serialize, ToSchema)]
struct InterventionEvent {
    /// The tenant.
    tenant: String,
    /// The workload.
    workload: String,
    /// What is asked.
    asked: Intervention,
}

/// What the `data` of an event holds, by the kind that its `event` names: `revision`, `intervention` or `decision`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Event {
    /// `event: revision`
    Revision(RevisionEvent),
    /// `event: intervention`
    Intervention(InterventionEvent),
    /// `event: decision`
    Decision(Decision),
}

pub(crate) fn operations() -> Vec<Operation> {
    let says = "Server-sent events: `revision`, `intervention` and `decision`, each with JSON as its data, in the order \
                in which they were made. A client that comes back with the last `id` it has, as `Last-Event-ID`, misses \
                nothing; without one it is told what happens from now on.";
    let example = "id: 42.1042\nevent: revision\ndata: {\"document\":\"tenant/acme\",\"revision\":4,\"owner\":\"api\",\
                   \"author\":\"token:k3v9q0z7m2ab\",\"at\":\"2026-03-01T09:30:00Z\",\"reason\":\"more for the \
                   launch\",\"removed\":false}\n\n";
    let mut operation =
        Operation::new(Method::GET, "/v1/events", "followEvents", Door::Anywhere(Action::ReadEvents), |asked| {
            Box::pin(follow(asked))
        })
        .says("events", "What happens, as it happens", says)
        .query::<Which>()
        .gives_other(Good {
            status: StatusCode::OK,
            says: "Events, until either side ends.",
            media_type: "text/event-stream",
            schema: utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String).into(),
            example: json!(example),
            tagged: false,
        })
        .refuses(&[404])
        .streams();
    operation.schemas.push((Event::name().into_owned(), <Event as utoipa::PartialSchema>::schema()));
    Event::schemas(&mut operation.schemas);
    debug_assert!(matches!(reference::<Event>(), utoipa::openapi::RefOr::Ref(_)));
    vec![operation]
}

/// Where a follower stands.
struct Follower {
    api: Api,
    presented: Presented,
    tenant: Option<TenantId>,
    at: Position,
    news: watch::Receiver<Position>,
    ready: VecDeque<Bytes>,
    behind: bool,
    _held: (OwnedSemaphorePermit, Seat, UnderWay),
}

async fn follow(asked: &Asked) -> Result<Answer, Problem> {
    let Which { tenant, last_event_id } = asked.query()?;
    let tenant = tenant.map(TenantId::new).transpose().map_err(|_| Problem::not_found())?;
    if tenant.as_ref().is_some_and(|tenant| !asked.sees(tenant)) {
        return Err(Problem::not_found());
    }
    let api = &asked.api;
    let last = asked.header(&LAST_EVENT_ID)?.map(str::to_owned).or(last_event_id);
    let news = api.feed.news();
    let now = api.store.position().await?;
    let at = match last.as_deref().filter(|last| !last.is_empty()) {
        None => now,
        Some(last) => {
            let read = position(last).ok_or_else(|| Problem::new(MALFORMED, "the last event's id is none of ours"))?;
            // A store that was put back has not come as far as the client.
            Position { change: read.change.min(now.change), decision: read.decision.min(now.decision) }
        }
    };
    let seat = api.following.take(&asked.principal(), api.limits.streams_each);
    let seat = seat.ok_or_else(|| {
        Problem::new(TOO_MANY, "you follow as many event streams as one caller may; end one").again_after(5)
    })?;
    let place = std::sync::Arc::clone(&api.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::new(OVERLOADED, "the server bears no more event streams").again_after(5))?;
    let presented = asked.presented.clone().ok_or_else(|| Problem::new(UNAUTHENTICATED, "nobody asks"))?;
    let held = (place, seat, api.metrics.stream());
    let ready = VecDeque::from([Bytes::from_static(b"retry: 2000\n\n")]);
    let follower = Follower { api: api.clone(), presented, tenant, at, news, ready, behind: true, _held: held };
    let events = stream::unfold(follower, |mut follower| async {
        let next = follower.next().await?;
        Some((Ok::<Bytes, std::convert::Infallible>(next), follower))
    });
    Ok(Answer::stream("text/event-stream", Body::from_stream(events)))
}

impl Follower {
    /// The next bytes; none when it ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if !self.behind {
                let ending = self.api.ending.clone();
                tokio::select! {
                    biased;
                    () = ending.cancelled() => return None,
                    changed = self.news.changed() => {
                        changed.ok()?;
                    }
                    () = tokio::time::sleep(BEATS_EVERY) => self.ready.push_back(Bytes::from_static(b": still here\n\n")),
                }
            }
            // A token that was revoked, or a role that was taken away, ends the stream.
            let scopes = self.scopes().await?;
            let (before, waiting) = (self.at, self.ready.len());
            self.behind = self.read(&scopes).await.ok()?;
            // What was read may have happened after that was asked, and after the token was revoked.
            if self.ready.len() > waiting && self.scopes().await? != scopes {
                self.ready.truncate(waiting);
                (self.at, self.behind) = (before, true);
            }
        }
    }

    async fn scopes(&self) -> Option<Vec<Scope>> {
        let now = self.api.clock.now();
        let caller = known::again(&self.api, &self.presented, now).await.ok()?;
        let admitted = self.api.gate.admit_anywhere(&caller, Action::ReadEvents, &Circumstances::at(now)).await.ok()?;
        let scopes: Vec<Scope> = admitted.iter().map(|admission| admission.scope().clone()).collect();
        let Some(tenant) = &self.tenant else { return Some(scopes) };
        let sees = scopes.iter().any(|scope| scope.only().is_none_or(|only| only == tenant));
        // Narrower than what was admitted.
        sees.then(|| vec![Scope::tenant(tenant.clone())])
    }

    /// Reads on; whether there is more.
    async fn read(&mut self, scopes: &[Scope]) -> Result<bool, StoreError> {
        let now = self.api.store.position().await?;
        let (mut changes, mut decisions) = (Vec::new(), Vec::new());
        for scope in scopes {
            changes.extend(self.api.store.changes_after(scope, self.at.change, READ_MAX).await?);
            decisions.extend(self.api.store.decisions_after(scope, self.at.decision, READ_MAX).await?);
        }
        // What tenants share is in the scope of each.
        changes.sort_by_key(|noted: &Noted| noted.change);
        changes.dedup_by_key(|noted| noted.change);
        decisions.sort_by_key(|decided: &Decided| decided.id);
        let whole = usize::try_from(READ_MAX).unwrap_or(usize::MAX);
        let more = changes.len() >= whole || decisions.len() >= whole;
        // Of several scopes one may have been read farther than another: no farther than all of them.
        changes.truncate(whole);
        decisions.truncate(whole);
        for noted in &changes {
            self.at.change = noted.change;
            self.tell(&changed(noted));
        }
        for decided in &decisions {
            self.at.decision = decided.id;
            self.tell(&("decision", Event::Decision(Decision::from(decided))));
        }
        if !more {
            // What lies in no scope of theirs need not be looked through again.
            self.at.change = self.at.change.max(now.change);
            self.at.decision = self.at.decision.max(now.decision);
        }
        Ok(more)
    }

    fn tell(&mut self, (kind, event): &(&str, Event)) {
        let Position { change, decision } = self.at;
        // Plain data always has a form as JSON, and JSON has no line breaks.
        let data = serde_json::to_string(event).unwrap_or_default();
        self.ready.push_back(Bytes::from(format!("id: {change}.{decision}\nevent: {kind}\ndata: {data}\n\n")));
    }
}

fn changed(noted: &Noted) -> (&'static str, Event) {
    match &noted.what {
        Changed::Document(Revised { key, number, owner: by, author, at, reason, removed }) => {
            let revised = RevisionEvent {
                document: name(key),
                revision: *number,
                owner: owner(by),
                author: author.clone(),
                at: instant(*at),
                reason: reason.clone(),
                removed: *removed,
            };
            ("revision", Event::Revision(revised))
        }
        Changed::Intervention { key, asked } => {
            let (tenant, workload) = (key.tenant.to_string(), key.workload.to_string());
            let asked = Intervention::from(asked);
            ("intervention", Event::Intervention(InterventionEvent { tenant, workload, asked }))
        }
    }
}

fn name(key: &DocumentKey) -> String {
    match key {
        DocumentKey::Defaults => "defaults".to_owned(),
        DocumentKey::Tier(name) => format!("tier/{name}"),
        DocumentKey::Region(name) => format!("region/{name}"),
        DocumentKey::Tenant(id) => format!("tenant/{id}"),
    }
}

fn position(id: &str) -> Option<Position> {
    let (change, decision) = id.split_once('.')?;
    Some(Position { change: change.parse().ok()?, decision: decision.parse().ok()? })
}
