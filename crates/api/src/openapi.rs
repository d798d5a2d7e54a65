//! The OpenAPI document, made of the operations. It is checked in as `schema/openapi.json`.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use utoipa::ToSchema as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Deprecated, Header, Info, LicenseBuilder, ObjectBuilder, OpenApiBuilder,
    PathsBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
};

use crate::deprecated::{Deprecated as Outdated, Part};
use crate::guard::KEY_MAX;
use crate::operation::{Door, Operation, reference};
use crate::problem::{PROBLEM_JSON, Problem, ProblemDocument};
use crate::routes;

/// Name of the schema of one configuration document.
const DOCUMENT: &str = "ConfigurationFile";
/// Name of the security scheme.
const TOKEN: &str = "token";
/// Headers of answers of what will not do for ever.
const DEPRECATION_HEADERS: [(&str, &str); 3] = [
    ("deprecation", "Since when it, or what the request uses of it, is deprecated (RFC 9745)."),
    ("sunset", "When that is no longer answered (RFC 8594)."),
    ("link", "The page that says what to do in its place, as `rel=\"deprecation\"`."),
];
/// Types of which `fields` selects: none of their fields is always there.
const SELECTED: [&str; 2] = ["Tenant", "Workload"];

/// The schema of one configuration document.
pub(crate) fn document_schema() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(DOCUMENT))
}

/// The schema of many.
pub(crate) fn documents_schema() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name("ConfigurationFiles"))
}

/// The document as text.
pub(crate) fn document() -> String {
    let mut text = serde_json::to_string_pretty(&value()).unwrap_or_default();
    text.push('\n');
    text
}

fn value() -> Value {
    of(&routes::operations())
}

/// The document of these operations.
pub(crate) fn of(operations: &[Operation]) -> Value {
    let mut components = ComponentsBuilder::new();
    let named = [(ProblemDocument::name().into_owned(), <ProblemDocument as utoipa::PartialSchema>::schema())];
    let mut schemas: Vec<(String, RefOr<Schema>)> = named.into();
    ProblemDocument::schemas(&mut schemas);
    for operation in operations {
        schemas.extend(operation.schemas.iter().cloned());
    }
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API token, such as `tnt_…`; `tenantry up` prints the first one on its first start. Or a token of a declared \
             OpenID provider, or of a Kubernetes service account.",
        ));
    components = components.security_scheme(TOKEN, SecurityScheme::Http(scheme.build()));
    for status in operations.iter().flat_map(bad).collect::<BTreeSet<_>>() {
        components = components.response(problem_name(status), problem(status));
    }
    let mut paths = PathsBuilder::new();
    for operation in operations {
        let item = utoipa::openapi::PathItem::new(method(&operation.method), described(operation));
        paths = paths.path(operation.path, item);
    }
    let mut info = Info::new("Tenantry", "1");
    info.description = Some(
        "Declares what tenants get, and says how they are served. Every answer carries `x-request-id`; what goes wrong is \
         told as a problem document (RFC 9457) with a code whose page says what to do. What a caller may not see and what \
         is not there are answered alike."
            .to_owned(),
    );
    info.license = Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    let document = OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, [])]));
    let mut document = finished(serde_json::to_value(document.build()).unwrap_or_default());
    mark(operations, &mut document);
    document
}

/// Marks fields of bodies that will not do for ever.
fn mark(operations: &[Operation], document: &mut Value) {
    let fields = operations.iter().flat_map(|operation| operation.deprecated.iter().map(move |one| (operation, one)));
    for (operation, one) in fields {
        let (Part::Field(field), Some(RefOr::Ref(schema))) =
            (one.part, operation.body.as_ref().map(|body| &body.schema))
        else {
            continue;
        };
        let place = format!("{}/properties/{field}", schema.ref_location.trim_start_matches('#'));
        if let Some(Value::Object(field)) = document.pointer_mut(&place) {
            field.insert("deprecated".to_owned(), json!(true));
        }
    }
}

/// Adds the schema of documents, which the domain knows.
fn finished(mut document: Value) -> Value {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return document };
    for name in SELECTED {
        if let Some(Value::Object(schema)) = schemas.get_mut(name) {
            schema.remove("required");
        }
    }
    let mut file = tenantry_domain::config::schema().clone();
    let inner = file.as_object_mut().and_then(|file| {
        file.remove("$schema");
        file.remove("$defs")
    });
    for (name, mut schema) in inner.and_then(|inner| inner.as_object().cloned()).unwrap_or_default() {
        renamed(&mut schema);
        schemas.insert(format!("Config.{name}"), schema);
    }
    renamed(&mut file);
    schemas.insert(DOCUMENT.to_owned(), file);
    let item = json!({ "$ref": format!("#/components/schemas/{DOCUMENT}") });
    let many = json!({
        "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
        "properties": {
            "documents": { "type": "array", "minItems": 1, "maxItems": 1000, "items": item },
            "files": {
                "type": "array", "minItems": 1, "maxItems": 1000,
                "description": "In place of `documents`: the texts of files, so that what is wrong is told at its place.",
                "items": {
                    "type": "object", "required": ["name", "text"], "additionalProperties": false,
                    "properties": { "name": { "type": "string", "maxLength": 1000 }, "text": { "type": "string" } }
                }
            }
        }
    });
    schemas.insert("ConfigurationFiles".to_owned(), many);
    document.sort_all_objects();
    document
}

/// Leads references to where the schemas are in this document.
fn renamed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, inner) in fields.iter_mut() {
                match inner {
                    Value::String(to) if name == "$ref" => *to = to.replace("#/$defs/", "#/components/schemas/Config."),
                    inner => renamed(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(renamed),
        _ => {}
    }
}

const fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::PUT => HttpMethod::Put,
        Method::POST => HttpMethod::Post,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn described(operation: &Operation) -> utoipa::openapi::path::Operation {
    let mut builder = OperationBuilder::new()
        .operation_id(Some(operation.id))
        .tag(operation.tag)
        .summary(Some(operation.summary))
        .description(Some(spoken(operation)));
    if operation.deprecated.iter().any(|one| one.part == Part::Operation) {
        builder = builder.deprecated(Some(Deprecated::True));
    }
    if matches!(operation.door, Door::Open) {
        builder = builder.securities(Some(Vec::<SecurityRequirement>::new()));
    }
    for parameter in parameters(operation) {
        builder = builder.parameter(parameter);
    }
    if let Some(taken) = &operation.body {
        let mut body =
            RequestBodyBuilder::new().required(Some(if taken.required { Required::True } else { Required::False }));
        for media_type in taken.media_types {
            let content = ContentBuilder::new().schema(Some(taken.schema.clone())).example(Some(taken.example.clone()));
            body = body.content(*media_type, content.build());
        }
        builder = builder.request_body(Some(body.build()));
    }
    for good in &operation.good {
        let content = ContentBuilder::new().schema(Some(good.schema.clone())).example(Some(good.example.clone()));
        let mut response = ResponseBuilder::new().description(good.says).content(good.media_type, content.build());
        response = response.header("x-request-id", header("The request, as the server's log names it."));
        if good.tagged {
            response = response.header("etag", header("The revision of the document."));
        }
        for (name, says) in DEPRECATION_HEADERS.iter().filter(|_| !operation.deprecated.is_empty()) {
            response = response.header(*name, header(says));
        }
        if good.status == StatusCode::CREATED {
            response = response.header("location", header("Where it is."));
        }
        builder = builder.response(good.status.as_str(), response.build());
    }
    if operation.reads_tagged() {
        let same = ResponseBuilder::new().description("It is as the caller has it.");
        let same = same.header("x-request-id", header("The request, as the server's log names it."));
        builder = builder.response("304", same.header("etag", header("The revision of the document.")).build());
    }
    for status in bad(operation) {
        builder = builder.response(status.as_str(), Ref::from_response_name(problem_name(status)));
    }
    builder.build()
}

fn spoken(operation: &Operation) -> String {
    let needs = match &operation.door {
        Door::Open => "Needs no token.".to_owned(),
        Door::Known => "Needs a token.".to_owned(),
        door => door.action().map(|action| format!("Needs `{action}`.")).unwrap_or_default(),
    };
    [operation.says.as_str(), &needs].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn header(says: &str) -> Header {
    let mut header = Header::new(text());
    header.description = Some(says.to_owned());
    header
}

fn text() -> utoipa::openapi::Object {
    ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String).build()
}

/// What is said of the names in paths.
const PATH_PARTS: [(&str, &str, &str); 9] = [
    ("tenant", "The tenant's id.", "acme"),
    ("workload", "The tenant's name for the workload.", "api"),
    ("tier", "The tier's name.", "gold"),
    ("region", "The region's name.", "eu-west-1"),
    ("revision", "The number of the revision.", "3"),
    ("decision", "The number of the decision.", "1042"),
    ("entry", "The number of the entry in its log.", "41"),
    ("token", "The token's id.", "k3v9q0z7m2ab"),
    ("glass", "The id of the token that broken glass gave.", "k3v9q0z7m2ab"),
];

fn parameters(operation: &Operation) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for (name, says, example) in PATH_PARTS {
        if operation.path.contains(&format!("{{{name}}}")) {
            let is_number = matches!(name, "revision" | "decision" | "entry");
            let number = || ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::Integer).minimum(Some(0));
            let schema = if is_number { number().build() } else { text() };
            let example = if is_number { example.parse::<u64>().map_or(json!(0), Value::from) } else { json!(example) };
            let built = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
            parameters.push(built.description(Some(says)).schema(Some(schema)).example(Some(example)).build());
        }
    }
    parameters.extend(operation.parameters.iter().cloned().map(|mut parameter| {
        let is_old = |one: &&Outdated| matches!(one.part, Part::Parameter(name) if name == parameter.name);
        if operation.deprecated.iter().any(|one| is_old(&one)) {
            parameter.deprecated = Some(Deprecated::True);
        }
        parameter
    }));
    let optional = |name: &str, says: &str| {
        let built = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False);
        built.description(Some(says)).schema(Some(text())).build()
    };
    if operation.conditional {
        parameters.push(optional("if-match", "Only where the document is at this revision, such as `\"3\"`."));
        parameters.push(optional("if-none-match", "`*`: only where the document is not there."));
    }
    if operation.reads_tagged() {
        parameters.push(optional("if-none-match", "Not where the document is at this revision, such as `\"3\"`."));
    }
    if operation.writes() {
        let says = "A request that is sent again with the same key within 24 hours is done once, and answered alike.";
        let mut key = text();
        (key.min_length, key.max_length) = (Some(1), Some(KEY_MAX));
        let mut parameter = optional("idempotency-key", says);
        parameter.schema = Some(key.into());
        parameters.push(parameter);
    }
    if operation.streams {
        parameters.push(optional("last-event-id", "The `id` of the last event that the client has."));
    }
    parameters
}

/// Statuses of everything that may go wrong with an operation.
fn bad(operation: &Operation) -> BTreeSet<StatusCode> {
    let mut all: Vec<u16> = vec![400, 413, 500, 503];
    match operation.door {
        Door::Open => {}
        Door::Known => all.extend([401, 429]),
        _ => all.extend([401, 403, 429]),
    }
    if operation.writes() {
        all.extend([409, 422]);
    }
    if operation.path.contains('{') {
        all.push(404);
    }
    let common = all.into_iter().filter_map(|status| StatusCode::from_u16(status).ok());
    common.chain(operation.bad.iter().copied()).collect()
}

fn problem_name(status: StatusCode) -> String {
    format!("Problem{}", status.as_u16())
}

fn problem(status: StatusCode) -> utoipa::openapi::Response {
    let says: BTreeMap<u16, (&str, &str, &str)> = BTreeMap::from([
        (400, ("The request is malformed.", "T801", "the request is malformed")),
        (401, ("Who asks is not known.", "T701", "who asks is not known")),
        (403, ("The caller may not.", "T702", "not allowed")),
        (404, ("It is not there, or the caller may not see it.", "T802", "no such thing")),
        (409, ("It contradicts what is there.", "T105", "the document has changed meanwhile")),
        (412, ("A condition of the request does not hold.", "T105", "the document has changed meanwhile")),
        (413, ("The request is too large.", "T804", "the request is too large")),
        (415, ("The body's media type is not read here.", "T811", "the body's media type is not read here")),
        (422, ("What is sent cannot be.", "T101", "the configuration has problems")),
        (429, ("The caller asks too often.", "T806", "too many requests")),
        (500, ("A fault of ours.", "T810", "a fault of ours")),
        (503, ("The server or its store is busy, slow, or ending.", "T807", "the server is busy or ending")),
    ]);
    let (description, code, title) = says.get(&status.as_u16()).copied().unwrap_or(("A problem.", "T810", ""));
    let mut example = serde_json::to_value(&*Problem::coded(status, code, title, "what was wrong this time"))
        .unwrap_or_else(|_| Value::Object(Map::new()));
    if let Some(fields) = example.as_object_mut() {
        fields.insert("request_id".to_owned(), json!("5f0c1b7e9d2a4c38"));
        fields.insert("instance".to_owned(), json!("urn:tenantry:request:5f0c1b7e9d2a4c38"));
    }
    let content = ContentBuilder::new().schema(Some(reference::<ProblemDocument>())).example(Some(example)).build();
    let mut response = ResponseBuilder::new().description(description).content(PROBLEM_JSON, content);
    response = response.header("x-request-id", header("The request, as the server's log names it."));
    if matches!(status.as_u16(), 429 | 503) {
        response = response.header("retry-after", header("Seconds after which it may be tried again."));
    }
    if status == StatusCode::UNAUTHORIZED {
        response = response.header("www-authenticate", header("How to say who asks."));
    }
    response.build()
}

#[cfg(test)]
mod tests;
