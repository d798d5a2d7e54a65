use expect_test::expect_file;

use super::*;

#[test]
fn the_document_is_checked_in() {
    expect_file!["../../../../schema/openapi.json"].assert_eq(&document());
}

#[test]
fn every_operation_says_who_may_and_has_examples() {
    let document = value();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}: its id is another's");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{place}");
            assert!(operation["description"].as_str().unwrap().contains("Needs"), "{place}");
            let open = operation.get("security").is_some_and(|security| security.as_array().unwrap().is_empty());
            assert_eq!(open, operation["responses"].get("401").is_none(), "{place}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let shared = response.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
                let response = shared.map_or(response, |place| document.pointer(place).unwrap());
                for (kind, content) in response["content"].as_object().into_iter().flatten() {
                    assert!(content.get("example").is_some(), "{place} {status} {kind} has no example");
                }
            }
            if let Some(body) = operation.get("requestBody") {
                for content in body["content"].as_object().unwrap().values() {
                    assert!(content.get("example").is_some(), "{place} has no example of its body");
                }
            }
        }
    }
}

#[test]
fn every_part_of_a_path_is_described() {
    for (path, item) in value()["paths"].as_object().unwrap() {
        let named = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
        for (name, (method, operation)) in
            named.flat_map(|name| item.as_object().unwrap().iter().map(move |it| (name, it)))
        {
            let described = operation["parameters"].as_array().is_some_and(|all| {
                all.iter().any(|one| one["in"] == "path" && one["name"] == name && one["required"] == true)
            });
            assert!(described, "{method} {path}: `{name}`");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    match inner {
                        Value::String(to) if name == "$ref" => found.push(to.clone()),
                        inner => references(inner, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = value();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for to in found {
        let place = to.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{to} leads nowhere");
    }
}

#[test]
fn what_is_open_to_everybody_is_known() {
    let open: Vec<&str> =
        routes::operations().iter().filter(|one| matches!(one.door, Door::Open)).map(|one| one.path).collect();
    assert_eq!(open, ["/healthz", "/readyz", "/v1/openapi.json"]);
}
