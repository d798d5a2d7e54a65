//! What handlers give back.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use tenantry_engine::ports::answers::Given;

use crate::problem::{INTERNAL, Problem};

/// Says that an answer was given before, to the same request under the same key.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    media_type: &'static str,
    body: Content,
    tag: Option<String>,
    location: Option<String>,
    /// What is kept for a repeated request, where the whole may not be.
    kept: Option<Vec<u8>>,
    replayed: bool,
}

#[derive(Debug)]
enum Content {
    Whole(Vec<u8>),
    Stream(Body),
}

/// The entity tag of a revision.
pub(crate) fn tag_of(revision: u64) -> String {
    format!("\"{revision}\"")
}

impl Answer {
    /// A value as JSON.
    pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Self, Problem> {
        Ok(Self::of(status, "application/json", Content::Whole(written(value)?)))
    }

    pub(crate) fn ok<T: Serialize>(value: &T) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, value)
    }

    pub(crate) fn text(media_type: &'static str, text: String) -> Self {
        Self::of(StatusCode::OK, media_type, Content::Whole(text.into_bytes()))
    }

    pub(crate) fn stream(media_type: &'static str, body: Body) -> Self {
        Self::of(StatusCode::OK, media_type, Content::Stream(body))
    }

    pub(crate) fn given_before(given: Given) -> Self {
        let status = StatusCode::from_u16(given.status).unwrap_or(StatusCode::OK);
        let mut answer = Self::of(status, "application/json", Content::Whole(given.body));
        (answer.tag, answer.replayed) = (given.tag, true);
        answer
    }

    const fn of(status: StatusCode, media_type: &'static str, body: Content) -> Self {
        Self { status, media_type, body, tag: None, location: None, kept: None, replayed: false }
    }

    /// With the revision as its entity tag.
    pub(crate) fn tagged(mut self, revision: Option<u64>) -> Self {
        self.tag = revision.map(tag_of);
        self
    }

    /// Nothing but its tag, where the caller has it already: `If-None-Match` of a reading (RFC 9110, 13.1.2).
    pub(crate) fn unless_known(self, headers: &HeaderMap) -> Self {
        let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut known = given.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
        let Some(tag) = self.tag.clone().filter(|own| known.any(|tag| tag == "*" || tag == own)) else { return self };
        Self { tag: Some(tag), ..Self::of(StatusCode::NOT_MODIFIED, self.media_type, Content::Whole(Vec::new())) }
    }

    pub(crate) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// With another body to be kept than is given: secrets are shown once.
    pub(crate) fn kept_as<T: Serialize>(mut self, value: &T) -> Result<Self, Problem> {
        self.kept = Some(written(value)?);
        Ok(self)
    }

    /// What is kept of it; none of a stream.
    pub(crate) fn kept(&self) -> Option<Given> {
        let Content::Whole(body) = &self.body else { return None };
        let body = self.kept.as_ref().unwrap_or(body).clone();
        Some(Given { status: self.status.as_u16(), tag: self.tag.clone(), body })
    }

    pub(crate) fn into_response(self) -> Response {
        let body = match self.body {
            Content::Whole(bytes) => Body::from(Bytes::from(bytes)),
            Content::Stream(body) => body,
        };
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        if self.status != StatusCode::NOT_MODIFIED {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        let set = [(ETAG, self.tag), (LOCATION, self.location)];
        for (name, value) in set.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

fn written<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer has no form as JSON");
        Problem::new(INTERNAL, "the answer could not be written")
    })
}
