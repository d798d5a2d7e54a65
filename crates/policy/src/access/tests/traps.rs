//! What goes wrong with Cedar where one does not know it.

use cedar_policy::{Decision, Entities, Entity, Policy, PolicyId, PolicySet, Schema};

use super::super::slice::Question;
use super::super::zones::Zones;
use super::*;

fn unchecked(tenant_of: &str, policies: &str) -> RuleSet {
    RuleSet { tenant: Some(id(tenant_of)), policies: policies.parse().unwrap(), zones: Zones::default(), closed: None }
}

fn question(principal: &Principal, resource: &Resource) -> Question {
    Question::put(&RULES, principal, Action::ReadStatus, resource, &harmless(), &Zones::default(), None).unwrap()
}

/// First: a policy that errs is passed over, also one that forbids.
#[test]
fn a_forbid_that_errs_refuses_and_alarms() {
    let text = r#"
        @id("open") permit (principal, action, resource);
        @id("shut") forbid (principal, action, resource) when { context.too == "late" };
    "#;
    let (asker, resource) = (somebody(Role::TenantViewer, "acme"), tenant("acme"));
    let set = unchecked("acme", text);
    let put = question(&asker, &resource);
    let cedar = RULES.authorizer.is_authorized(&put.request, &set.policies, &put.entities);
    assert_eq!(cedar.decision(), Decision::Allow, "Cedar has changed; the rule may go");
    let verdict = RULES.decide(&set, &asker, Action::ReadStatus, &resource, &harmless());
    assert!(!verdict.allowed);
    assert_eq!(verdict.errors.len(), 1);
    assert!(verdict.errors[0].contains("too"), "{verdict:?}");
    // And it is not taken in the first place.
    let refused = Rules::of(Rules::schema(), &format!("{}{text}", Rules::base())).unwrap_err();
    assert!(matches!(&refused, RulesError::Invalid { messages } if messages[0].contains("too")), "{refused}");
}

/// Second: a wall that forbids *when* something is known lets through whom nothing is known of.
#[test]
fn an_unknown_principal_meets_the_wall() {
    let naive = r#"
        permit (principal, action, resource);
        forbid (principal, action, resource)
        when { principal has tenants && !(resource in principal.tenants) };
    "#;
    let resource = tenant("acme");
    let put = question(&nobody(), &resource);
    let kept: Vec<Entity> =
        put.entities.iter().filter(|entity| entity.uid().type_name() != &RULES.types.principal).cloned().collect();
    let put = Question { request: put.request, entities: Entities::from_entities(kept, None).unwrap() };
    let cedar = |policies: &PolicySet| RULES.authorizer.is_authorized(&put.request, policies, &put.entities).decision();
    assert_eq!(cedar(&naive.parse().unwrap()), Decision::Allow, "Cedar has changed; the rule may go");
    let mut set = RULES.of_tenant(&id("acme")).unwrap();
    let open = Policy::parse(Some(PolicyId::new("open")), "permit (principal, action, resource);").unwrap();
    set.policies.add(open).unwrap();
    assert_eq!(cedar(&set.policies), Decision::Deny);
    assert!(!RULES.answer(&set, &put).allowed);
}

/// As the second: whatever a wall needs to know and is not told, forbids.
#[test]
fn what_is_unsaid_forbids() {
    let unsaid = Circumstances { rewrite: None, ..harmless() };
    for role in [Role::TenantEditor, Role::TenantAdmin] {
        assert!(!ask(&somebody(role, "acme"), Action::WriteConfig, &tenant("acme"), &unsaid).allowed, "{role}");
    }
    let put = Question::put(
        &RULES,
        &somebody(Role::TenantAdmin, "acme"),
        Action::WriteConfig,
        &tenant("acme"),
        &harmless(),
        &Zones::default(),
        None,
    );
    let put = put.unwrap();
    let set = RULES.of_tenant(&id("acme")).unwrap();
    assert!(RULES.answer(&set, &put).allowed);
    let kept: Vec<Entity> =
        put.entities.iter().filter(|entity| entity.uid().type_name() != &RULES.types.tenant).cloned().collect();
    let entities = Entities::from_entities(kept, None).unwrap();
    assert!(!RULES.answer(&set, &Question { request: put.request, entities }).allowed, "the tenant is not known");
}

/// Third: every policy of a set is evaluated, so that a set of all tenants would cost what all tenants cost.
#[test]
fn a_set_is_as_large_as_one_tenant() {
    let sets: Vec<RuleSet> = (0..50).map(|one| RULES.of_tenant(&id(&format!("t{one}"))).unwrap()).collect();
    for set in &sets {
        assert_eq!(set.policies.policies().count(), 13);
    }
    // And it answers for its own tenant only.
    let admin = somebody(Role::PlatformAdmin, "");
    let verdict = RULES.decide(&sets[0], &admin, Action::ReadTenant, &tenant("t1"), &harmless());
    assert!(!verdict.allowed && !verdict.errors.is_empty());
    let verdict = RULES.decide(RULES.platform(), &admin, Action::ReadTenant, &tenant("t1"), &harmless());
    assert!(!verdict.allowed && !verdict.errors.is_empty());
}

/// Fourth: a store of all entities is dear to change: a question brings the few that it needs, and policies that would look
/// farther are not taken.
#[test]
fn a_question_brings_few_entities_and_policies_look_no_farther() {
    let mut busy = somebody(Role::TenantViewer, "acme");
    busy.bindings.extend((0..30).flat_map(|one| somebody(Role::TenantAdmin, &format!("t{one}")).bindings));
    for resource in [Resource::Platform, tenant("acme"), workload("acme")] {
        assert!(question(&busy, &resource).entities.len() <= 4);
    }
    let schema = Rules::schema().replace("tier?: String,", "tier?: String, parent?: Tenant,");
    let far = r#"
        @id("far") forbid (principal, action, resource is Workload)
        when { resource.tenant has parent && resource.tenant.parent has parent && resource.tenant.parent.parent.suspended };
    "#;
    let _: Schema = schema.parse().unwrap();
    assert!(Rules::of(&schema, Rules::base()).is_ok());
    let refused = Rules::of(&schema, &format!("{}{far}", Rules::base())).unwrap_err();
    assert!(matches!(&refused, RulesError::Invalid { messages } if messages[0].contains("level")), "{refused}");
}
