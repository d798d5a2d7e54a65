use super::*;
use tenantry_domain::spec::Pick;

fn key(text: &str) -> WorkloadKey {
    text.parse().unwrap()
}

fn target(api_version: &str, kind: &str, namespace: &str) -> ScaleTarget {
    ScaleTarget {
        api_version: api_version.into(),
        kind: kind.into(),
        namespace: namespace.into(),
        pick: Pick::Labels(BTreeMap::from([("app".into(), "api".into())])),
    }
}

/// A workload, its object's group, kind and namespace, the object's name when it was read, and its rival before.
type Row<'a> = (&'a str, (&'a str, &'a str, &'a str), Option<&'a str>, Option<&'a str>);

fn check(rows: &[Row<'_>], off: &[&str], expected: &[(&str, &str)]) {
    let owned: Vec<_> = rows
        .iter()
        .map(|(name, (group, kind, namespace), read, before)| {
            (key(name), target(group, kind, namespace), *read, before.map(key))
        })
        .collect();
    let reached: Vec<Reach<'_>> = owned
        .iter()
        .map(|(key, target, name, before)| Reach {
            key,
            target,
            name: *name,
            enabled: !off.contains(&key.to_string().as_str()),
            before: before.as_ref(),
        })
        .collect();
    let expected = expected.iter().map(|(one, other)| (key(one), key(other))).collect();
    assert_eq!(rivals(&reached), expected);
}

const WEB: (&str, &str, &str) = ("apps/v1", "Deployment", "acme");

#[test]
fn one_object_reached_twice_has_two_rivals() {
    let both = [("acme/api", WEB, Some("api"), None), ("other/api", WEB, Some("api"), None)];
    check(&both, &[], &[("acme/api", "other/api"), ("other/api", "acme/api")]);
    check(&both, &["other/api"], &[]);
    let three = [both[0], both[1], ("third/api", WEB, Some("api"), None)];
    check(&three, &[], &[("acme/api", "other/api"), ("other/api", "acme/api"), ("third/api", "acme/api")]);
}

#[test]
fn versions_of_a_group_are_one_object_and_groups_are_not() {
    let other = |place| [("acme/api", WEB, Some("api"), None), ("other/api", place, Some("api"), None)];
    check(&other(("apps/v1beta1", "Deployment", "acme")), &[], &[("acme/api", "other/api"), ("other/api", "acme/api")]);
    check(&other(("example.com/v1", "Deployment", "acme")), &[], &[]);
    check(&other(("apps/v1", "StatefulSet", "acme")), &[], &[]);
    check(&other(("apps/v1", "Deployment", "elsewhere")), &[], &[]);
    check(&[("acme/api", WEB, Some("api"), None), ("other/api", WEB, Some("web"), None)], &[], &[]);
}

#[test]
fn a_rival_that_cannot_be_read_is_no_less_one() {
    let (a, b) = (Some("acme/api"), Some("other/api"));
    let blind = [("acme/api", WEB, None, b), ("other/api", WEB, Some("api"), a)];
    check(&blind, &[], &[("acme/api", "other/api"), ("other/api", "acme/api")]);
    let parted = [("acme/api", WEB, Some("web"), b), ("other/api", WEB, Some("api"), a)];
    check(&parted, &[], &[]);
    check(&blind[1..], &[], &[]);
    check(&blind, &["acme/api"], &[]);
    check(&[("acme/api", WEB, None, None), ("other/api", WEB, None, None)], &[], &[]);
}
