//! What surrounds every request, known or not: its id, its place among those under way, its time, and what is said when
//! it fails altogether.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt as _;
use http::header::{CACHE_CONTROL, STRICT_TRANSPORT_SECURITY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use tenantry_engine::access::identity::CertificateFacts;
use tracing::{Instrument as _, debug, error, info_span};

use crate::api::Api;
use crate::problem::{INTERNAL, METHOD, OVERLOADED, Problem, TOO_SLOW};

/// Names a request in answers and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that a caller may give.
const REQUEST_ID_MAX: usize = 64;
/// A caller that was turned away comes again after so many seconds.
const COME_AGAIN_SECONDS: u64 = 1;

/// The id of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What the certificate at the other end says; absent where none was presented.
#[derive(Debug, Clone)]
pub(crate) struct PeerCertificate(pub(crate) Arc<CertificateFacts>);

/// Surrounds a request.
pub(crate) async fn surround(State(api): State<Api>, mut request: Request<Body>, next: Next) -> Response {
    let began = Instant::now();
    let id = id_of(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().and_then(|path| known(path.as_str()));
    let route = route.unwrap_or("unknown");
    let span = info_span!("request", id, %method, route);
    let mut response = bounded(&api, request, next, &id).instrument(span.clone()).await;
    let _entered = span.enter();
    dress(response.headers_mut(), &id);
    let took = began.elapsed();
    api.metrics.answered(route, &method, response.status(), took);
    debug!(status = response.status().as_u16(), millis = took.as_secs_f64() * 1e3, "answered");
    response
}

/// In its place among the others, within its time, and whatever happens.
async fn bounded(api: &Api, request: Request<Body>, next: Next, id: &str) -> Response {
    let _under_way = api.metrics.request();
    let Ok(_place) = Arc::clone(&api.requests).try_acquire_owned() else {
        let busy = Problem::new(OVERLOADED, "as many requests are under way as the server bears");
        return busy.again_after(COME_AGAIN_SECONDS).about(id);
    };
    if api.ending.is_cancelled() {
        return Problem::new(OVERLOADED, "the server is ending").again_after(COME_AGAIN_SECONDS).about(id);
    }
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(api.limits.request_time, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            error!(said, "a fault of ours");
            Problem::new(INTERNAL, "the server's log says more under this request's id").about(id)
        }
        Err(_) => {
            let detail = "it was given up; whether a change was made can be seen by reading";
            Problem::new(TOO_SLOW, detail).again_after(COME_AGAIN_SECONDS).about(id)
        }
    }
}

/// What nobody answers.
pub(crate) async fn nowhere(request: Request<Body>) -> Response {
    Problem::not_found().about(&given(&request))
}

/// A method that a route does not have.
pub(crate) async fn no_method(method: Method, request: Request<Body>) -> Response {
    Problem::new(METHOD, format!("`{}` is not done here", shown(&method))).about(&given(&request))
}

fn given(request: &Request<Body>) -> String {
    request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

fn shown(method: &Method) -> String {
    method.as_str().chars().take(16).collect()
}

/// The caller's id where it is plain, and a new one where not.
fn id_of(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !id.is_empty() && id.len() <= REQUEST_ID_MAX && id.bytes().all(sound)
    };
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)), str::to_owned)
}

fn dress(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    let always = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in always {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A route as it is declared, for labels that live as long as the program.
fn known(path: &str) -> Option<&'static str> {
    crate::routes::paths().iter().copied().find(|known| *known == path)
}
