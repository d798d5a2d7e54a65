//! What is known of all tenants at once is what reading all of them anew would tell, whatever was changed, by whomever.

use std::sync::Arc;

use tenantry_engine::ports::store::{ConfigStore as _, Owner};
use tenantry_engine::tenants::{Applying, Did, File, Tenants, TenantsError};
use tenantry_store::Store;

use crate::chance::Chance;
use crate::given::*;

on_both![
    what_changed_is_told_by_name,
    lists_follow_every_change,
    an_object_has_one_workload_however_the_other_came_to_it,
    of_many_who_want_an_object_one_gets_it,
    who_is_dedicated_is_alone_and_who_is_strict_has_a_key,
];

fn applying(partial: bool) -> Applying {
    Applying {
        owner: Owner::Api,
        by: ann(),
        dry_run: false,
        partial,
        removes: Default::default(),
        based_on: None,
        judged: Default::default(),
    }
}

fn file(text: impl Into<String>) -> File {
    File { source: "test.yaml".into(), stem: None, text: text.into() }
}

async fn what_changed_is_told_by_name(store: &Arc<Store>) {
    assert_eq!(store.changed_since(0, 9).await.unwrap(), Some(Vec::new()));
    store.revise(&[change(tenant("a"), 0, "1"), change(tier("gold"), 0, "1")], &ann()).await.unwrap();
    let before = store.config_version().await.unwrap();
    store.revise(&[change(tenant("a"), 1, "2"), change(tenant("b"), 0, "1")], &ann()).await.unwrap();
    store.revise(&[removal(tenant("a"), 2)], &ann()).await.unwrap();
    let changed = vec![tenant("a"), tenant("b")];
    assert_eq!(store.changed_since(before, 3).await.unwrap(), Some(changed), "each once");
    assert_eq!(store.changed_since(before, 2).await.unwrap(), None, "there were three changes");
    assert_eq!(store.changed_since(before + 3, 3).await.unwrap(), Some(Vec::new()));
}

/// A document that chance wrote: one tenant's, or one that all share.
fn written(chance: &mut Chance) -> String {
    let number = chance.under(6);
    match chance.under(8) {
        0 => format!("tier_config: {{ name: gold, autoscaling: {{ max_replicas: {} }} }}\n", 5 + number),
        1 => format!("region_config: {{ name: north, labels: {{ at: n{number} }} }}\n"),
        _ => {
            let tier = if chance.under(2) == 0 { "tier: gold, " } else { "" };
            let region = if chance.under(2) == 0 { "region: north, " } else { "" };
            let (who, object) = (chance.under(6), chance.under(9));
            format!(
                "tenant_config: {{ tenant: t{who}, {tier}{region}labels: {{ v: v{number} }}, \
                 workloads: {{ api: {{ name: o{object}, namespace: shared }} }} }}\n"
            )
        }
    }
}

async fn lists_follow_every_change(store: &Arc<Store>) {
    let (known, others) = (Tenants::new(store.clone()), Tenants::new(store.clone()));
    let mut chance = Chance::new(28);
    for step in 0..120 {
        // Through itself, or through another that it is not told of.
        let through = if chance.under(3) == 0 { &others } else { &known };
        if chance.under(6) == 0 {
            let key = tenant(&format!("t{}", chance.under(6)));
            match through.remove(&key, None, &ann(), false).await {
                Ok(_) | Err(TenantsError::NoDocument { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        } else {
            let files: Vec<File> = (0..=chance.under(2)).map(|_| file(written(&mut chance))).collect();
            match through.apply(&files, &applying(false)).await {
                Ok(_) | Err(TenantsError::Problems { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        if chance.under(3) > 0 {
            let anew = Tenants::new(store.clone());
            assert_eq!(known.list().await.unwrap(), anew.list().await.unwrap(), "after step {step}");
            assert_eq!(known.tiers().await.unwrap(), anew.tiers().await.unwrap(), "after step {step}");
            assert_eq!(known.regions().await.unwrap(), anew.regions().await.unwrap(), "after step {step}");
        }
    }
    let listed = known.list().await.unwrap();
    assert!(listed.len() > 2, "chance has declared some");
    for one in listed {
        assert_eq!(known.one(&one.id).await.unwrap().as_ref(), Some(one.as_ref()));
    }
}

fn sizing(who: &str, object: &str) -> String {
    format!("tenant_config: {{ tenant: {who}, workloads: {{ api: {{ name: {object}, namespace: shared }} }} }}\n")
}

/// What is refused because another sizes the object, in words.
fn refused<T: std::fmt::Debug>(done: Result<T, TenantsError>) -> String {
    match done {
        Err(TenantsError::Problems { problems }) => problems.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn an_object_has_one_workload_however_the_other_came_to_it(store: &Arc<Store>) {
    let (tenants, others) = (Tenants::new(store.clone()), Tenants::new(store.clone()));
    let apply =
        async |through: &Tenants, who, object| through.apply(&[file(sizing(who, object))], &applying(false)).await;
    apply(&tenants, "a", "one").await.unwrap();
    apply(&others, "b", "two").await.unwrap();
    let said = refused(apply(&tenants, "a", "two").await);
    assert!(said.contains("Deployment shared/two is sized by the workload b/api already"), "{said}");
    // One who leaves it, leaves it to others; what they had before cannot be gone back to then.
    apply(&others, "b", "three").await.unwrap();
    apply(&tenants, "a", "two").await.unwrap();
    apply(&others, "c", "one").await.unwrap();
    let said = refused(tenants.rollback(&tenant("a"), 1, &ann(), (None, false)).await);
    assert!(said.contains("Deployment shared/one is sized by the workload c/api already"), "{said}");
    others.remove(&tenant("c"), None, &ann(), false).await.unwrap();
    tenants.rollback(&tenant("a"), 1, &ann(), (None, false)).await.unwrap();
    // Taken in part, the one in the way is left out.
    let both = [file(sizing("d", "four")), file(sizing("e", "three"))];
    let done: Vec<Did> = tenants.apply(&both, &applying(true)).await.unwrap().iter().map(|one| one.did).collect();
    assert_eq!(done, [Did::Created, Did::Skipped]);
    // One who may not see the other is not told who it is.
    let own = tenants.within([&only("d")]);
    let said = refused(apply(&own, "d", "three").await);
    assert!(said.contains("is sized by a workload of another tenant already"), "{said}");
    assert!(!said.contains("b/api"), "{said}");
}

async fn of_many_who_want_an_object_one_gets_it(store: &Arc<Store>) {
    let tenants = Tenants::new(store.clone());
    let wanting = (0..8).map(|number| {
        let tenants = tenants.clone();
        tokio::spawn(async move {
            tenants.apply(&[file(sizing(&format!("t{number}"), "one"))], &applying(false)).await.is_ok()
        })
    });
    let mut got = 0;
    for one in wanting.collect::<Vec<_>>() {
        got += usize::from(one.await.unwrap());
    }
    assert_eq!(got, 1);
    assert_eq!(tenants.list().await.unwrap().len(), 1);
    assert!(matches!(tenants.list().await.unwrap()[0].id.to_string().as_str(), id if id.starts_with('t')));
}

/// How far apart a tenant is kept is no word alone.
async fn who_is_dedicated_is_alone_and_who_is_strict_has_a_key(store: &Arc<Store>) {
    let (tenants, others) = (Tenants::new(store.clone()), Tenants::new(store.clone()));
    let is = |who: &str, level: &str| {
        file(format!(
            "tenant_config: {{ tenant: {who}, security: {{ isolation_level: {level} }}, workloads: {{ api: {{}} }} }}\n"
        ))
    };
    let apply = async |through: &Tenants, files: &[File]| through.apply(files, &applying(false)).await;
    if !store.keys_of_their_own() {
        for level in ["strict", "dedicated"] {
            let said = refused(apply(&tenants, &[is("a", level)]).await);
            assert!(said.contains("security.isolation_level") && said.contains("has one for all"), "{said}");
        }
        apply(&tenants, &[is("a", "shared")]).await.unwrap();
        return;
    }
    apply(&tenants, &[is("a", "strict"), is("b", "shared")]).await.unwrap();
    for files in [vec![is("a", "dedicated")], vec![is("c", "dedicated")]] {
        let said = refused(apply(&tenants, &files).await);
        assert!(said.contains("this one holds others"), "{said}");
    }
    // By a layer too.
    let tier = |level: &str| file(format!("tier_config: {{ name: gold, security: {{ isolation_level: {level} }} }}\n"));
    let gold = file("tenant_config: { tenant: b, tier: gold }\n");
    apply(&tenants, &[tier("shared"), gold]).await.unwrap();
    let said = refused(apply(&tenants, &[tier("dedicated")]).await);
    assert!(said.contains("this one holds others"), "{said}");
    // Who has been alone stays so, whoever of the two comes.
    tenants.remove(&tenant("b"), None, &ann(), false).await.unwrap();
    apply(&others, &[is("a", "dedicated")]).await.unwrap();
    for (through, level) in [(&tenants, "shared"), (&others, "strict"), (&tenants, "dedicated")] {
        let said = refused(apply(through, &[is("d", level)]).await);
        assert!(said.contains("store"), "{said}");
    }
    let said = refused(tenants.rollback(&tenant("b"), 2, &ann(), (None, false)).await);
    assert!(said.contains("is a dedicated tenant's"), "{said}");
    apply(&tenants, &[is("a", "strict")]).await.unwrap();
    apply(&others, &[is("d", "shared")]).await.unwrap();
}
