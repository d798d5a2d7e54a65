use super::*;
use serde_json::{Value, json};

/// What is found among members with their dependencies, and strangers with theirs. A dependency is normal, or of a kind
/// or for a target that is written behind its name.
fn check(members: &[(&str, &[&str])], strangers: &[(&str, &[&str])]) -> Vec<String> {
    let all = || members.iter().chain(strangers);
    let dep = |text: &&str| {
        let (name, behind) = text.split_once(' ').unwrap_or((text, ""));
        let kind = match behind {
            "" => json!({ "kind": null, "target": null }),
            "dev" | "build" => json!({ "kind": behind, "target": null }),
            target => json!({ "kind": null, "target": target }),
        };
        json!({ "pkg": name, "dep_kinds": [kind] })
    };
    let node = |(name, deps): &(&str, &[&str])| json!({ "id": name, "deps": deps.iter().map(dep).collect::<Vec<_>>() });
    let metadata = json!({
        "packages": all().map(|(name, _)| json!({ "id": name, "name": name })).collect::<Vec<Value>>(),
        "workspace_members": members.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "resolve": { "nodes": all().map(node).collect::<Vec<Value>>() }
    });
    judge(&Graph::of(serde_json::from_value(metadata).unwrap()))
}

#[test]
fn arrows_point_down_and_siblings_do_not_see_each_other() {
    let sound: &[(&str, &[&str])] = &[
        ("tenantry-domain", &[]),
        ("tenantry-forecast", &[]),
        ("tenantry-planner", &["tenantry-domain", "tenantry-forecast"]),
        ("tenantry-store", &["tenantry-domain"]),
    ];
    assert_eq!(check(sound, &[]), Vec::<String>::new());
    let up = check(&[("tenantry-domain", &["tenantry-planner"]), ("tenantry-planner", &[])], &[]);
    assert_eq!(up, ["tenantry-domain: may not depend on tenantry-planner"]);
    let siblings = check(&[("tenantry-store", &["tenantry-operator"]), ("tenantry-operator", &[])], &[]);
    assert_eq!(siblings, ["tenantry-store: may not depend on tenantry-operator"]);
    let for_tests = check(&[("tenantry-store", &["tenantry-sim dev"]), ("tenantry-sim", &[])], &[]);
    assert_eq!(for_tests, Vec::<String>::new());
}

#[test]
fn a_pure_crate_reaches_nothing_outside_at_any_distance() {
    let strangers: &[(&str, &[&str])] = &[("a", &["b"]), ("b", &["tokio"]), ("tokio", &[])];
    let found = check(&[("tenantry-domain", &["a"]), ("tenantry-store", &["a"])], strangers);
    assert_eq!(found, ["tenantry-domain: is pure and may not reach tokio"]);
    assert_eq!(check(&[("tenantry-domain", &["a dev", "b build"])], strangers), Vec::<String>::new());
    let elsewhere: &[(&str, &[&str])] = &[("a", &["getrandom cfg(target_family = \"wasm\")"]), ("getrandom", &[])];
    assert_eq!(check(&[("tenantry-domain", &["a"])], elsewhere), Vec::<String>::new());
}

#[test]
fn a_new_crate_is_asked_for_its_place() {
    let found = check(&[("tenantry-new", &[])], &[]);
    assert_eq!(found, ["tenantry-new: a new crate needs a decision record and its line in xtask/src/layers.rs"]);
}
