//! What is declared, as it is listed and explained.

use expect_test::expect;

use crate::cli::{check, declared};

#[test]
fn a_workload_is_explained_with_its_own_settings_over_the_tenants() {
    let tenantry = declared();
    let own = "tenant_config:\n  tier: gold\n  autoscaling: { max_replicas: 50 }\n  workloads:\n    api: { name: web, autoscaling: { max_replicas: 9 } }\n";
    tenantry.write("tenants/acme.yaml", own);
    tenantry.says("config apply tenants -m own");
    check(
        &tenantry,
        "config explain acme --workload api",
        &expect![[r#"
            FIELD                                                 VALUE                           LAYER        SET IN
            api_version                                           apps/v1                         built-in
            autoscaling.behavior.scale_down.stabilization_window  5m                              built-in
            autoscaling.behavior.scale_down.tolerance             10                              built-in
            autoscaling.behavior.scale_up.policies                at once to the double, or to 4  built-in
            autoscaling.behavior.scale_up.tolerance               10                              built-in
            autoscaling.enabled                                   true                            built-in
            autoscaling.max_replicas                              9                               tenant acme  tenants/acme.yaml:5
            autoscaling.metrics.cpu_threshold                     80                              built-in
            autoscaling.min_replicas                              3                               tier gold    tenants/gold.yaml:2
            autoscaling.stale_after                               2m                              built-in
            autoscaling.strategy                                  reactive                        built-in
            autoscaling.take_over                                 false                           built-in
            autoscaling.vertical.cpu.max                          4                               built-in
            autoscaling.vertical.cpu.min                          10m                             built-in
            autoscaling.vertical.memory.max                       8Gi                             built-in
            autoscaling.vertical.memory.min                       16Mi                            built-in
            autoscaling.vertical.mode                             off                             built-in
            kind                                                  Deployment                      built-in
            name                                                  web                             tenant acme  tenants/acme.yaml:5
            namespace                                             acme                            built-in
            exit 0
        "#]],
    );
    check(
        &tenantry,
        "config explain acme autoscaling.behavior",
        &expect![[r#"
        FIELD                                                 VALUE                           LAYER     SET IN
        autoscaling.behavior.scale_down.stabilization_window  5m                              built-in
        autoscaling.behavior.scale_down.tolerance             10                              built-in
        autoscaling.behavior.scale_up.policies                at once to the double, or to 4  built-in
        autoscaling.behavior.scale_up.tolerance               10                              built-in
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config explain acme --workload web",
        &expect![[r#"
        error: tenant `acme` declares no workload `web`: acme/api
          T106: `tenantry errors T106` says what to do
        exit 1
    "#]],
    );
}

#[test]
fn a_change_of_a_tier_is_tried_with_what_it_comes_to_for_its_tenants() {
    let tenantry = declared();
    tenantry.write("tenants/own.yaml", "tenant_config:\n  tier: gold\n  autoscaling: { min_replicas: 1 }\n");
    tenantry.says("config apply tenants -m more");
    tenantry.write("tenants/gold.yaml", "tier_config:\n  autoscaling: { min_replicas: 4 }\n");
    check(
        &tenantry,
        "config apply tenants --dry-run",
        &expect![[r#"
        changed    tier `gold` tenants/gold.yaml
                     autoscaling.min_replicas: 3 → 4
                   what it comes to for 1 tenant
                     acme: autoscaling.min_replicas: 3 → 4
        nothing was changed; it would be: 0 created, 1 changed, 2 unchanged
        exit 0
    "#]],
    );
    for number in 0..12 {
        tenantry.write(&format!("tenants/more{number}.yaml"), "tenant_config:\n  tier: gold\n");
    }
    tenantry.says("config apply tenants -m more");
    tenantry.write("tenants/gold.yaml", "tier_config:\n  autoscaling: { min_replicas: 5 }\n");
    let said = tenantry.says("config apply tenants/gold.yaml --dry-run");
    assert!(said.contains("what it comes to for 13 tenants") && said.contains("and 3 more\n"), "{said}");
    assert!(!tenantry.says("config apply tenants/gold.yaml -m more").contains("comes to"));
}

#[test]
fn tiers_and_regions_are_listed_with_their_tenants() {
    let tenantry = declared();
    check(
        &tenantry,
        "get tiers",
        &expect![[r#"
        TIER  REVISION  TENANTS  OWNER                     CHANGED
        gold  1         1        the command line and API  (an instant)        
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "get regions",
        &expect![[r#"
        no region is declared; one is a document with `region_config`
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config history tier/glod",
        &expect![[r#"
        error: tier `glod` is not declared; `tenantry get tiers` lists those that are
          T103: `tenantry errors T103` says what to do
        exit 1
    "#]],
    );
    check(
        &tenantry,
        "config history region/eu",
        &expect![[r#"
        error: region `eu` is not declared; `tenantry get regions` lists those that are
          T103: `tenantry errors T103` says what to do
        exit 1
    "#]],
    );
    check(
        &tenantry,
        "config history defaults",
        &expect![[r#"
        error: defaults is not declared; `tenantry config apply` declares what has `default_config`
          T103: `tenantry errors T103` says what to do
        exit 1
    "#]],
    );
    let tiers = tenantry.json("get tiers");
    assert_eq!((&tiers[0]["name"], &tiers[0]["tenants"]), (&"gold".into(), &1.into()));
}
