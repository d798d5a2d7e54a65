//! What is said when something cannot be done: a problem document of RFC 9457.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tenantry_engine::access::masked;
use utoipa::ToSchema;

/// Media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Where the pages of the codes are.
const PAGES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/errors");

/// Something is wrong with a configuration document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigurationProblem {
    /// The document, as the caller named it.
    pub file: String,
    /// Line, from 1; 0 where there is none to name.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The field, such as `autoscaling.min_replicas`; empty for the document as a whole.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// The page that says what happened, why, and what to do.
    #[serde(rename = "type")]
    #[schema(format = "uri")]
    pub kind: String,
    /// The same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What was wrong this time.
    pub detail: String,
    /// This occurrence, by the request it belongs to.
    pub instance: String,
    /// The code, such as `T101`; it never changes its meaning.
    #[schema(pattern = "^T[0-9]{3,4}$")]
    pub code: String,
    /// The request, as the server's log names it.
    pub request_id: String,
    /// Seconds after which the same request may be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// What is wrong with configuration documents, each with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ConfigurationProblem>,
}

/// A problem on its way to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem(Box<ProblemDocument>);

impl std::ops::Deref for Problem {
    type Target = ProblemDocument;

    fn deref(&self) -> &ProblemDocument {
        &self.0
    }
}

impl std::ops::DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut ProblemDocument {
        &mut self.0
    }
}

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
}

const fn kind(status: StatusCode, code: &'static str, title: &'static str) -> Kind {
    Kind { status, code, title }
}

pub(crate) const UNAUTHENTICATED: Kind = kind(StatusCode::UNAUTHORIZED, "T701", "who asks is not known");
pub(crate) const FORBIDDEN: Kind = kind(StatusCode::FORBIDDEN, "T702", "not allowed");
pub(crate) const MALFORMED: Kind = kind(StatusCode::BAD_REQUEST, "T801", "the request is malformed");
pub(crate) const NOT_FOUND: Kind = kind(StatusCode::NOT_FOUND, "T802", "no such thing");
pub(crate) const METHOD: Kind = kind(StatusCode::METHOD_NOT_ALLOWED, "T803", "no such method here");
pub(crate) const TOO_LARGE: Kind = kind(StatusCode::PAYLOAD_TOO_LARGE, "T804", "the request is too large");
pub(crate) const TOO_SLOW: Kind = kind(StatusCode::SERVICE_UNAVAILABLE, "T805", "it took too long");
pub(crate) const TOO_MANY: Kind = kind(StatusCode::TOO_MANY_REQUESTS, "T806", "too many requests");
pub(crate) const OVERLOADED: Kind = kind(StatusCode::SERVICE_UNAVAILABLE, "T807", "the server is busy or ending");
pub(crate) const KEY_REUSED: Kind =
    kind(StatusCode::UNPROCESSABLE_ENTITY, "T808", "the key stands for another request");
pub(crate) const IN_PROGRESS: Kind = kind(StatusCode::CONFLICT, "T809", "the same request is under way");
pub(crate) const INTERNAL: Kind = kind(StatusCode::INTERNAL_SERVER_ERROR, "T810", "a fault of ours");
pub(crate) const MEDIA_TYPE: Kind =
    kind(StatusCode::UNSUPPORTED_MEDIA_TYPE, "T811", "the body's media type is not read here");
/// A condition of the request does not hold; the code is that of a change on an old base.
pub(crate) const CONDITION: Kind = kind(StatusCode::PRECONDITION_FAILED, "T105", "the document has changed meanwhile");

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self::coded(kind.status, kind.code, kind.title, detail)
    }

    pub(crate) fn coded(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemDocument {
            kind: format!("{PAGES}/{code}.md"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            instance: String::new(),
            code: code.to_owned(),
            request_id: String::new(),
            retry_after_seconds: None,
            problems: Vec::new(),
        }))
    }

    pub(crate) fn again_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// The one answer to what is not there and to what the caller may not know to be there.
    pub(crate) fn not_found() -> Self {
        Self::new(NOT_FOUND, "there is nothing here, or nothing that you may see")
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// As the answer to a request.
    pub(crate) fn about(mut self, request_id: &str) -> Response {
        request_id.clone_into(&mut self.request_id);
        self.instance = format!("urn:tenantry:request:{request_id}");
        // What was sent is shown again, and a token may have been sent where none belongs.
        self.detail = masked(&self.detail).into_owned();
        for problem in &mut self.problems {
            problem.message = masked(&problem.message).into_owned();
        }
        let status = self.status();
        // Plain data always has a form as JSON.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tenantry\""));
        }
        response
    }
}
