//! A witness over HTTP: `POST /add-checkpoint` of C2SP's tlog-witness.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tenantry_audit::WitnessRefusal;
use tenantry_engine::audit::witness::{Cosigner, NotCosigned};
use tenantry_engine::ports::Clock;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::serve::{self, Limits, Listening};

/// Bytes of a submission: 63 hashes and a checkpoint with its signatures.
const BYTES_MAX: usize = 64 * 1024;
/// What the size of the last checkpoint is answered as.
const SIZE: &str = "text/x.tlog.size";
const TEXT: &str = "text/plain; charset=utf-8";

/// What is witnessed, by whom.
#[derive(Clone)]
struct Witness {
    cosigner: Arc<Cosigner>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// Its keys, for people.
    about: Arc<str>,
}

/// Serves a witness until `ended`. `about` is what `GET /` says: its keys.
pub async fn serve_witness(
    listening: Listening,
    cosigner: Cosigner,
    about: String,
    clock: Arc<dyn Clock>,
    ended: CancellationToken,
) {
    let limits = Limits::default();
    let witness = Witness { cosigner: Arc::new(cosigner), clock, limits, about: about.into() };
    let router = Router::new()
        .route("/add-checkpoint", post(add))
        .route("/", get(async |State(witness): State<Witness>| text(StatusCode::OK, TEXT, witness.about.to_string())))
        .with_state(witness);
    serve::serve(listening, router, limits, Arc::new(Metrics::new()), ended).await;
}

async fn add(State(witness): State<Witness>, request: Request<Body>) -> Response {
    let body = Limited::new(request.into_body(), BYTES_MAX).collect();
    let read = match tokio::time::timeout(witness.limits.request_time, body).await {
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, TEXT, "the submission did not end in time\n".to_owned()),
        Ok(Err(_)) => {
            let says = format!("a submission has at most {BYTES_MAX} bytes\n");
            return text(StatusCode::PAYLOAD_TOO_LARGE, TEXT, says);
        }
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    let Ok(submission) = String::from_utf8(read.to_vec()) else {
        return text(StatusCode::BAD_REQUEST, TEXT, "a submission is text\n".to_owned());
    };
    let now = witness.clock.now();
    // It waits for the disk, and so on a thread that may.
    let cosigned = tokio::task::spawn_blocking(move || witness.cosigner.cosign(&submission, now)).await;
    match cosigned {
        Ok(Ok(lines)) => {
            info!("a checkpoint was cosigned");
            text(StatusCode::OK, TEXT, lines)
        }
        Ok(Err(NotCosigned::Refused(refusal))) => {
            warn!(error = %refusal, "a checkpoint was not cosigned");
            refused(&refusal)
        }
        Ok(Err(error)) => {
            warn!(%error, "a checkpoint was not cosigned");
            text(StatusCode::SERVICE_UNAVAILABLE, TEXT, "it could not be cosigned; try again\n".to_owned())
        }
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "it could not be cosigned\n".to_owned()),
    }
}

fn refused(refusal: &WitnessRefusal) -> Response {
    let (status, size) = match refusal {
        WitnessRefusal::Malformed { .. } => (StatusCode::BAD_REQUEST, None),
        WitnessRefusal::UnknownLog { .. } => (StatusCode::NOT_FOUND, None),
        WitnessRefusal::Unsigned { .. } => (StatusCode::FORBIDDEN, None),
        WitnessRefusal::Stale { size } | WitnessRefusal::Split { size } => (StatusCode::CONFLICT, Some(*size)),
        WitnessRefusal::Unproved { .. } => (StatusCode::UNPROCESSABLE_ENTITY, None),
    };
    match size {
        Some(size) => text(status, SIZE, format!("{size}\n")),
        None => text(status, TEXT, format!("{refusal}\n")),
    }
}

fn text(status: StatusCode, media_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
