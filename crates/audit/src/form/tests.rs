use std::collections::BTreeMap;

use super::*;
use crate::entry::Outcome;
use crate::entry::tests::entry;

fn told(action: &str, outcome: Outcome) -> Told {
    let detail = Detail::new(BTreeMap::from([("document".to_owned(), "a: 1".to_owned())])).unwrap();
    let entry = Entry {
        action: action.into(),
        outcome,
        detail: Some(detail.commitment()),
        request: Some("0193f0c2".into()),
        before: Some("0f".into()),
        ..entry(7)
    };
    Told { origin: "example.org/audit/tenant/acme".into(), entry, hash: "00".repeat(32), detail: Some(detail) }
}

/// Holds a value against what the schema has of a class or an object.
fn check(schema: &Value, attributes: &Value, at_least_one: &Value, value: &Value, place: &str) {
    let fields = value.as_object().unwrap_or_else(|| panic!("{place} is an object"));
    for (name, attribute) in attributes.as_object().unwrap() {
        assert!(attribute["required"] != true || fields.contains_key(name), "{place}.{name} is required");
    }
    let one = at_least_one.as_array().unwrap();
    assert!(one.is_empty() || one.iter().any(|name| fields.contains_key(name.as_str().unwrap())), "{place}: {one:?}");
    for (name, value) in fields {
        let attribute = attributes.get(name).unwrap_or_else(|| panic!("the schema has no {place}.{name}"));
        let within = format!("{place}.{name}");
        match attribute["type"].as_str().unwrap() {
            "object_t" if attribute["object"] == "object" => assert!(value.is_object(), "{within}"),
            "object_t" => {
                let object = &schema["objects"][attribute["object"].as_str().unwrap()];
                check(schema, &object["attributes"], &object["at_least_one"], value, &within);
            }
            "integer_t" | "long_t" | "timestamp_t" => assert!(value.is_i64() || value.is_u64(), "{within}"),
            "boolean_t" => assert!(value.is_boolean(), "{within}"),
            _ => assert!(value.is_string(), "{within}: {value}"),
        }
        if let Some(allowed) = attribute["enum"].as_array() {
            assert!(allowed.contains(&json!(value.to_string().trim_matches('"'))), "{within}: {value}");
        }
    }
}

#[test]
fn events_are_as_the_published_schema_of_ocsf_has_them() {
    let schema: Value = serde_json::from_str(include_str!("ocsf-1.8.0.json")).unwrap();
    assert_eq!(schema["version"], OCSF_VERSION);
    for (action, outcome, class, activity) in [
        ("config.revise", Outcome::Done, "entity_management", 3),
        ("token.create", Outcome::Done, "entity_management", 1),
        ("token.revoke", Outcome::Done, "entity_management", 4),
        ("workload.decide", Outcome::Failed, "entity_management", 3),
        ("tenant.read", Outcome::Done, "api_activity", 2),
        ("access.refuse", Outcome::Refused, "api_activity", 99),
        ("something.else", Outcome::Done, "api_activity", 99),
    ] {
        let event = Form::Ocsf.of(&told(action, outcome));
        let of = &schema["classes"][class];
        check(&schema, &of["attributes"], &of["at_least_one"], &event, class);
        let uid = of["uid"].as_u64().unwrap();
        assert_eq!((&event["class_uid"], &event["category_uid"]), (&of["uid"], &json!(uid / 1000)), "{action}");
        assert_eq!((&event["type_uid"], &event["activity_id"]), (&json!(uid * 100 + activity), &json!(activity)));
    }
    let event = Form::Ocsf.of(&told("config.revise", Outcome::Done));
    assert_eq!((&event["metadata"]["tenant_uid"], &event["src_endpoint"]["ip"]), (&json!("acme"), &json!("127.0.0.1")));
    assert_eq!(event["unmapped"]["detail"]["document"], "a: 1");
}

#[test]
fn a_cloud_event_has_what_it_must_and_is_the_same_each_time() {
    let event = Form::CloudEvents.of(&told("config.revise", Outcome::Done));
    let expected = [
        ("specversion", "1.0"),
        ("id", "7"),
        ("source", "example.org/audit/tenant/acme"),
        ("type", "io.tenantry.audit.config.revise"),
        ("subject", "tenant/acme"),
        ("datacontenttype", "application/json"),
        ("tenantid", "acme"),
    ];
    for (name, value) in expected {
        assert_eq!(event[name], value);
    }
    assert!(event["time"].as_str().unwrap().ends_with('Z'));
    // Names of attributes are of small letters and digits.
    let name = |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    assert!(event.as_object().unwrap().keys().all(name));
    assert_eq!(event["data"]["entry"]["action"], "config.revise");
    // What was erased is not told.
    let erased = Told { detail: None, ..told("config.revise", Outcome::Done) };
    assert!(Form::Json.of(&erased).get("detail").is_none());
}

#[test]
fn frames_of_syslog_have_their_length_and_webhooks_their_signature() {
    let told = told("access.refuse", Outcome::Refused);
    let frame = octet_counted(&told, "host a", &json!({"é": 1}));
    let (length, message) = frame.split_once(' ').unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), message.len());
    assert!(message.starts_with("<108>1 2027-01-15T08:00:00Z hosta tenantry - access.refuse - {"), "{message}");
    // The example of the specification's libraries.
    let secret = BASE64_STANDARD_DECODED;
    let signature =
        webhook_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(webhook_id(std::slice::from_ref(&told)), webhook_id(std::slice::from_ref(&told)));
    assert_ne!(webhook_id(std::slice::from_ref(&told)), webhook_id(&[]));
}

/// `MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`, decoded.
const BASE64_STANDARD_DECODED: &[u8] =
    &[49, 242, 144, 246, 191, 6, 41, 138, 171, 79, 8, 212, 60, 63, 8, 44, 246, 72, 163, 98, 218, 45, 164, 176];
