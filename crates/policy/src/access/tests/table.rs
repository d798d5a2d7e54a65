use std::fmt::Write as _;

use cedar_policy::Schema;
use expect_test::expect_file;
use proptest::prelude::*;

use super::super::slice::Question;
use super::super::zones::Zones;
use super::*;

/// What every role may do, on everything: the whole of the built-in policies at a glance. A new action is not in the
/// table until somebody has said who may.
#[test]
fn every_role_and_action() {
    let mut table = String::new();
    let resources = [
        ("own tenant", tenant("acme")),
        ("other tenant", tenant("bolt")),
        ("own workload", workload("acme")),
        ("other workload", workload("bolt")),
        ("platform", Resource::Platform),
        ("own, suspended", Resource::Tenant(TenantFacts { suspended: true, ..facts("acme") })),
        ("own, undeclared", Resource::Tenant(TenantFacts::unknown(id("acme")))),
    ];
    for role in Role::ALL {
        let principal = somebody(role, "acme");
        writeln!(table, "{role}").unwrap();
        for (name, resource) in &resources {
            let allowed = |action: &&Action| ask(&principal, **action, resource, &harmless()).allowed;
            let allowed: Vec<&str> = Action::ALL.iter().filter(allowed).map(|action| action.as_str()).collect();
            let possible = Action::ALL.iter().filter(|action| action.applies_to(resource.kind())).count();
            let what = match allowed.len() {
                0 => "-".to_owned(),
                all if all == possible => "everything".to_owned(),
                _ => allowed.join(" "),
            };
            writeln!(table, "  {name:<16} {what}").unwrap();
        }
    }
    expect_file!["table.txt"].assert_eq(&table);
}

#[test]
fn who_has_no_role_may_do_nothing() {
    for action in Action::ALL {
        for resource in resources(*action, "acme").into_iter().chain([Resource::Platform]) {
            assert!(!ask(&nobody(), *action, &resource, &harmless()).allowed, "{action}");
        }
    }
}

#[test]
fn verdicts_name_the_policies_that_gave_them() {
    let verdict = ask(&somebody(Role::TenantViewer, "acme"), Action::ReadStatus, &workload("acme"), &harmless());
    assert_eq!((verdict.allowed, verdict.policies), (true, vec!["t/acme/tenant-viewer".to_owned()]));
    let verdict = ask(&somebody(Role::TenantViewer, "bolt"), Action::ReadStatus, &workload("acme"), &harmless());
    assert_eq!((verdict.allowed, verdict.policies), (false, vec!["wall.tenant".to_owned()]));
    // Nothing permits it, and nothing forbids it either.
    let verdict = ask(&somebody(Role::TenantViewer, "acme"), Action::ScaleWorkload, &workload("acme"), &harmless());
    assert_eq!((verdict.allowed, verdict.policies), (false, Vec::new()));
    let set = RULES.of_tenant(&id("acme")).unwrap();
    for policy in set.policies.policies() {
        let name = policy.id().to_string();
        assert!(set.says(&name).is_some_and(|words| !words.is_empty()), "{name} does not say what it says");
    }
}

#[test]
fn the_schema_has_the_actions_that_the_program_has() {
    let schema: Schema = Rules::schema().parse().unwrap();
    let mut there: Vec<String> = schema.actions().map(|action| action.id().unescaped().to_owned()).collect();
    there.sort();
    let mut ours: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let groups = ["administer", "change", "edit", "operate", "read", "view"];
    ours.extend(groups);
    ours.sort_unstable();
    assert_eq!(there, ours);
    for action in Action::ALL {
        let entity = RULES.actions.get(action).unwrap().uid();
        let mut kinds: Vec<String> =
            schema.resources_for_action(&entity).unwrap().map(|kind| kind.to_string().to_lowercase()).collect();
        kinds.sort();
        let mut ours: Vec<String> = action.kinds().iter().map(ToString::to_string).collect();
        ours.sort();
        assert_eq!(kinds, ours, "{action}");
        let reads = format!("{:?}", RULES.actions.get(action).unwrap()).contains("\"read\"");
        assert_eq!(reads, action.reads(), "{action} reads or changes");
    }
}

#[test]
fn names_read_back() {
    for action in Action::ALL {
        assert_eq!(action.as_str().parse::<Action>().unwrap(), *action);
    }
    for role in Role::ALL {
        assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
    }
    assert!("readtenant".parse::<Action>().unwrap_err().to_string().contains("readTenant"));
    let binding = Binding::new(Role::TenantEditor, Some(id("acme"))).unwrap();
    let text = serde_json::to_string(&binding).unwrap();
    assert_eq!(text, r#"{"role":"tenant-editor","tenant":"acme"}"#);
    assert_eq!(serde_json::from_str::<Binding>(&text).unwrap(), binding);
    for bad in [r#"{"role":"tenant-editor"}"#, r#"{"role":"operator","tenant":"acme"}"#] {
        assert!(serde_json::from_str::<Binding>(bad).is_err(), "{bad}");
    }
}

fn principals() -> impl Strategy<Value = Principal> {
    let binding = (0..Role::ALL.len(), 0..3_usize).prop_map(|(role, tenant)| {
        let role = Role::ALL[role];
        let tenant = role.is_of_tenant().then(|| id(["acme", "bolt", "cube"][tenant]));
        Binding::new(role, tenant).unwrap()
    });
    prop::collection::vec(binding, 0..5).prop_map(|bindings| Principal {
        id: "user:\"ada\"\\@\n\u{1f600}".to_owned(),
        bindings,
        glass: false,
    })
}

fn facts_of(tenant: &'static str) -> impl Strategy<Value = TenantFacts> {
    let text = prop::option::of("\\PC{0,12}");
    let labels = prop::collection::btree_map("\\PC{0,6}", "\\PC{0,6}", 0..3);
    (any::<bool>(), any::<bool>(), text.clone(), text, labels).prop_map(
        move |(declared, suspended, tier, region, labels)| TenantFacts {
            id: id(tenant),
            declared,
            tier,
            region,
            labels,
            suspended,
        },
    )
}

fn resources_of(tenant: &'static str) -> impl Strategy<Value = Resource> {
    (facts_of(tenant), 0..3).prop_map(|(tenant, kind)| match kind {
        0 => Resource::Platform,
        1 => Resource::Tenant(tenant),
        _ => Resource::Workload { name: WorkloadName::new("api").unwrap(), tenant },
    })
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    let size = (any::<u32>(), any::<u32>()).prop_map(|(from, to)| sizes(from, to));
    let fields = prop::collection::btree_set("tier|autoscaling|budget|quota|security|\\PC{0,6}", 0..4);
    let reaches = prop::sample::subsequence(vec![Reach::Objects, Reach::Series, Reach::Apart], 0..=3);
    let rewrite = (fields, prop::collection::vec(size.clone(), 0..4), reaches);
    let rewrite = rewrite.prop_map(|(touches, ceilings, reaches)| {
        let reaches = reaches.into_iter().collect();
        Rewrite { touches, ceilings, reaches }
    });
    // Instants of years 1 to 9999.
    let now = -62_135_596_800_000_i64..253_402_300_799_000;
    let from = prop::option::of(any::<std::net::IpAddr>());
    (now, any::<bool>(), from, prop::option::of(size), prop::option::of(rewrite)).prop_map(
        |(now, dry_run, from, scale, rewrite)| Circumstances {
            now: Timestamp::from_millis(now),
            dry_run,
            from,
            scale,
            rewrite,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Questions are not checked against the schema when they are asked; they fit it by the way they are made.
    #[test]
    fn every_question_fits_the_schema_and_errs_nowhere(
        principal in principals(), resource in resources_of("acme"), circumstances in circumstances(),
    ) {
        let schema: Schema = Rules::schema().parse().unwrap();
        for action in Action::ALL.iter().filter(|action| action.applies_to(resource.kind())) {
            let question = Question::put(&RULES, &principal, *action, &resource, &circumstances, &Zones::default(), Some(&schema));
            prop_assert!(question.is_ok(), "{}", question.err().unwrap());
            let verdict = ask(&principal, *action, &resource, &circumstances);
            prop_assert_eq!(&verdict.errors, &Vec::<String>::new());
            let whole = RULES.answer(&set_for(&RULES, &resource), &question.unwrap());
            prop_assert_eq!(&verdict, &whole, "a lean question and a whole one differ");
        }
    }

    /// What somebody is elsewhere says nothing about what they may do here.
    #[test]
    fn roles_in_other_tenants_change_nothing(
        mut principal in principals(), resource in resources_of("acme"), circumstances in circumstances(),
    ) {
        let with: Vec<Verdict> =
            Action::ALL.iter().map(|action| ask(&principal, *action, &resource, &circumstances)).collect();
        let here = |binding: &Binding| binding.tenant().is_none_or(|tenant| tenant.as_str() == "acme");
        principal.bindings.retain(here);
        for (action, with) in Action::ALL.iter().zip(with) {
            prop_assert_eq!(with, ask(&principal, *action, &resource, &circumstances), "{}", action);
        }
    }

    /// Whoever none of whose roles reaches a tenant gets one answer about it, whatever there is to know of it.
    #[test]
    fn what_is_beyond_reach_answers_alike(
        principal in principals(), tenant in facts_of("dune"), circumstances in circumstances(),
    ) {
        prop_assume!(!principal.reaches(&tenant.id));
        let unknown = Resource::Tenant(TenantFacts::unknown(tenant.id.clone()));
        let known = Resource::Tenant(tenant);
        for action in Action::ALL {
            let verdict = ask(&principal, *action, &known, &circumstances);
            prop_assert!(!verdict.allowed);
            let other = ask(&principal, *action, &unknown, &circumstances);
            prop_assert!(!other.allowed && other.errors == verdict.errors);
        }
    }
}
