//! OCSF: a change of something that is managed is Entity Management, all else API Activity.

use serde_json::{Map, Value, json};

use super::Told;
use crate::entry::{Entry, Outcome};

/// The version of the schema that events are of.
pub const OCSF_VERSION: &str = "1.8.0";

const API_ACTIVITY: u32 = 6003;
const ENTITY_MANAGEMENT: u32 = 3004;

/// Activities, by the last word of an action.
fn activity(entry: &Entry) -> (u32, &'static str) {
    if entry.outcome == Outcome::Refused {
        return (99, "Other");
    }
    match entry.action.rsplit('.').next().unwrap_or_default() {
        "create" | "begin" => (1, "Create"),
        "read" | "use" => (2, "Read"),
        "revise" | "ask" | "decide" | "rotate" | "write" | "hold" => (3, "Update"),
        "remove" | "erase" | "revoke" | "shred" | "clear" | "end" | "prune" | "release" => (4, "Delete"),
        _ => (99, "Other"),
    }
}

/// What it is about: `tenant/acme@3` is the tenant acme.
fn entity(resource: &str) -> Value {
    let (kind, name) = resource.split_once('/').unwrap_or(("platform", resource));
    json!({ "type": kind, "name": name, "uid": resource })
}

pub(super) fn event(told: &Told) -> Value {
    let entry = &told.entry;
    let ((activity_id, activity), refused) = (activity(entry), entry.outcome != Outcome::Done);
    let reads = matches!(activity_id, 2 | 99);
    let (class_uid, class, category_uid, category) = if reads {
        (API_ACTIVITY, "API Activity", 6, "Application Activity")
    } else {
        (ENTITY_MANAGEMENT, "Entity Management", 3, "Identity & Access Management")
    };
    let at = entry.at.as_millis();
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
    set("activity_id", json!(activity_id));
    set("activity_name", json!(activity));
    set("actor", json!({ "user": { "uid": entry.actor, "name": entry.actor } }));
    set("category_name", json!(category));
    set("category_uid", json!(category_uid));
    set("class_name", json!(class));
    set("class_uid", json!(class_uid));
    set("type_uid", json!(u64::from(class_uid) * 100 + u64::from(activity_id)));
    set("type_name", json!(format!("{class}: {activity}")));
    set("metadata", metadata(told));
    set("severity_id", json!(if refused { 3 } else { 1 }));
    set("severity", json!(if refused { "Medium" } else { "Informational" }));
    set("status_id", json!(if refused { 2 } else { 1 }));
    set("status", json!(if refused { "Failure" } else { "Success" }));
    set("time", json!(at));
    set("message", json!(format!("{} {}", entry.action, entry.resource)));
    if !entry.reason.is_empty() {
        set("status_detail", json!(entry.reason));
    }
    // An address where it is one; what was done on the machine itself has none.
    let from = match entry.from.as_deref() {
        Some(from) if from.parse::<std::net::IpAddr>().is_ok() => json!({ "ip": from }),
        other => json!({ "name": other.unwrap_or("unknown") }),
    };
    set("src_endpoint", from);
    if reads {
        set("api", api(entry));
    } else {
        set("entity", entity(&entry.resource));
    }
    set("unmapped", unmapped(told));
    Value::Object(event)
}

fn metadata(told: &Told) -> Value {
    let entry = &told.entry;
    let mut metadata = json!({
        "version": OCSF_VERSION,
        "product": { "name": "Tenantry", "vendor_name": "Tenantry", "version": env!("CARGO_PKG_VERSION") },
        "log_name": told.origin,
        "uid": format!("{}#{}", told.origin, entry.seq),
        "sequence": entry.seq,
        "event_code": entry.action,
        "original_time": entry.at.to_string(),
    });
    if let Value::Object(metadata) = &mut metadata {
        if let Some(tenant) = &entry.tenant {
            metadata.insert("tenant_uid".to_owned(), json!(tenant.to_string()));
        }
        if let Some(request) = &entry.request {
            metadata.insert("correlation_uid".to_owned(), json!(request));
        }
    }
    metadata
}

fn api(entry: &Entry) -> Value {
    let mut api = json!({ "operation": entry.action, "service": { "name": "tenantry" } });
    if let (Some(request), Value::Object(api)) = (&entry.request, &mut api) {
        api.insert("request".to_owned(), json!({ "uid": request }));
    }
    if let (Outcome::Refused | Outcome::Failed, Value::Object(api)) = (entry.outcome, &mut api) {
        api.insert("response".to_owned(), json!({ "error": outcome(entry.outcome) }));
    }
    api
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
    }
}

/// What the schema has no place for, with what leads back to the log.
fn unmapped(told: &Told) -> Value {
    let Entry { after, before, detail, outcome: ended, policies, resource, .. } = &told.entry;
    let mut unmapped = Map::new();
    let mut set = |name: &str, value: Value| unmapped.insert(name.to_owned(), value);
    set("leaf_hash", json!(told.hash));
    set("outcome", json!(outcome(*ended)));
    set("resource", json!(resource));
    if !policies.is_empty() {
        set("policies", json!(policies));
    }
    for (name, value) in [("after", after), ("before", before), ("detail_commitment", detail)] {
        if let Some(value) = value {
            set(name, json!(value));
        }
    }
    if let Some(detail) = &told.detail {
        set("detail", json!(detail.fields()));
    }
    Value::Object(unmapped)
}
