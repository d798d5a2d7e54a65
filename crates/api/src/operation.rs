//! What can be asked of the server. An operation is declared once: its route, who may use it, what it takes and
//! answers, and what does it. The router and the OpenAPI document are both made of these declarations.
//!
//! INVARIANT(no open door): an [`Operation`] has a [`Door`]; there is no other way to add a route.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::{Method, StatusCode};
use serde_json::Value;
use tenantry_engine::access::{Action, Circumstances, Target};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::deprecated::Deprecated;
use crate::problem::Problem;

/// What an operation does.
pub(crate) type Does = Arc<dyn for<'a> Fn(&'a Asked) -> BoxFuture<'a, Result<Answer, Problem>> + Send + Sync>;
/// What policies are told of the moment, for one of the things that are asked for.
pub(crate) type Told =
    Arc<dyn for<'a> Fn(&'a Asked, &'a Target) -> BoxFuture<'a, Result<Circumstances, Problem>> + Send + Sync>;

/// Everything that a request asks to be allowed.
pub(crate) type Wanted = Vec<(Action, Target)>;

/// Who gets in.
#[derive(Clone)]
pub(crate) enum Door {
    /// Everybody: says nothing that is anybody's.
    Open,
    /// Whoever is known, as it is about themselves.
    Known,
    /// Who may do this to the one thing that the request names.
    One(Action, fn(&Asked) -> Result<Target, Problem>),
    /// Who may do this to any tenant; the answer is about those.
    Anywhere(Action),
    /// Who may do all of this, which the body says.
    All(Action, fn(&Asked) -> Result<Wanted, Problem>),
}

impl Door {
    /// What is asked for, where it is one thing.
    pub(crate) const fn action(&self) -> Option<Action> {
        match self {
            Self::Open | Self::Known => None,
            Self::One(action, _) | Self::Anywhere(action) | Self::All(action, _) => Some(*action),
        }
    }
}

/// A body that is taken.
#[derive(Clone)]
pub(crate) struct Taken {
    pub(crate) media_types: &'static [&'static str],
    pub(crate) schema: RefOr<Schema>,
    pub(crate) example: Value,
    pub(crate) required: bool,
}

/// A good answer.
#[derive(Clone)]
pub(crate) struct Good {
    pub(crate) status: StatusCode,
    pub(crate) says: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) schema: RefOr<Schema>,
    pub(crate) example: Value,
    pub(crate) tagged: bool,
}

/// Schemas that are named in the document.
pub(crate) type Named = Vec<(String, RefOr<Schema>)>;

/// Something that can be asked of the server.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) says: String,
    pub(crate) door: Door,
    pub(crate) circumstances: Option<Told>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) takes_query: bool,
    pub(crate) conditional: bool,
    pub(crate) body: Option<Taken>,
    /// How many times the usual size a body may have.
    pub(crate) body_share: usize,
    pub(crate) good: Vec<Good>,
    pub(crate) bad: Vec<StatusCode>,
    pub(crate) schemas: Named,
    /// An answer that goes on until it is broken off.
    pub(crate) streams: bool,
    /// What of it will not do for ever.
    pub(crate) deprecated: Vec<Deprecated>,
    pub(crate) does: Does,
}

impl Operation {
    /// An operation that does something for who gets through the door.
    pub(crate) fn new<F>(method: Method, path: &'static str, id: &'static str, door: Door, does: F) -> Self
    where
        F: for<'a> Fn(&'a Asked) -> BoxFuture<'a, Result<Answer, Problem>> + Send + Sync + 'static,
    {
        Self {
            method,
            path,
            id,
            tag: "",
            summary: "",
            says: String::new(),
            door,
            circumstances: None,
            parameters: Vec::new(),
            takes_query: false,
            conditional: false,
            body: None,
            body_share: 1,
            good: Vec::new(),
            bad: Vec::new(),
            schemas: Vec::new(),
            streams: false,
            deprecated: Vec::new(),
            does: Arc::new(does),
        }
    }

    pub(crate) fn says(mut self, tag: &'static str, summary: &'static str, says: impl Into<String>) -> Self {
        (self.tag, self.summary, self.says) = (tag, summary, says.into());
        self
    }

    pub(crate) fn query<T: IntoParams>(mut self) -> Self {
        self.parameters.extend(T::into_params(|| Some(utoipa::openapi::path::ParameterIn::Query)));
        self.takes_query = true;
        self
    }

    /// Takes `If-Match` and `If-None-Match`.
    pub(crate) const fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }

    pub(crate) fn takes<T: ToSchema>(mut self, example: Value) -> Self {
        self.name::<T>();
        let schema = reference::<T>();
        self.body = Some(Taken { media_types: &["application/json"], schema, example, required: true });
        self
    }

    pub(crate) fn takes_documents(mut self, schema: RefOr<Schema>, example: Value) -> Self {
        let media_types = &["application/yaml", "application/json"];
        self.body = Some(Taken { media_types, schema, example, required: true });
        self
    }

    pub(crate) const fn up_to(mut self, share: usize) -> Self {
        self.body_share = share;
        self
    }

    pub(crate) fn gives<T: ToSchema>(mut self, status: StatusCode, says: &'static str, example: Value) -> Self {
        self.name::<T>();
        let schema = reference::<T>();
        self.good.push(Good { status, says, media_type: "application/json", schema, example, tagged: false });
        self
    }

    pub(crate) fn gives_other(mut self, good: Good) -> Self {
        self.good.push(good);
        self
    }

    /// Answers carry the revision as `ETag`.
    pub(crate) fn tagged(mut self) -> Self {
        self.good.iter_mut().for_each(|good| good.tagged = true);
        self
    }

    /// Statuses of what may go wrong, beside those of every operation.
    pub(crate) fn refuses(mut self, statuses: &[u16]) -> Self {
        self.bad.extend(statuses.iter().filter_map(|status| StatusCode::from_u16(*status).ok()));
        self
    }

    pub(crate) const fn streams(mut self) -> Self {
        self.streams = true;
        self
    }

    /// Says that it, or a part of it, will not do for ever.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing of the API is deprecated yet, but in a test"))]
    pub(crate) fn deprecated(mut self, deprecated: Deprecated) -> Self {
        self.deprecated.push(deprecated);
        self
    }

    /// What policies are told of the moment, from what is there.
    pub(crate) fn under<F>(mut self, circumstances: F) -> Self
    where
        F: for<'a> Fn(&'a Asked, &'a Target) -> BoxFuture<'a, Result<Circumstances, Problem>> + Send + Sync + 'static,
    {
        self.circumstances = Some(Arc::new(circumstances));
        self
    }

    /// Whether it changes something.
    pub(crate) fn writes(&self) -> bool {
        self.method != Method::GET
    }

    /// Whether it reads something that has an entity tag.
    pub(crate) fn reads_tagged(&self) -> bool {
        !self.writes() && self.good.iter().any(|good| good.tagged)
    }

    fn name<T: ToSchema>(&mut self) {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
    }
}

/// A schema by its name.
pub(crate) fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(T::name()))
}
