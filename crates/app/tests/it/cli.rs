use expect_test::{Expect, expect};

use crate::tenantry::Tenantry;

const ACME: &str = "tenant_config:
  tier: gold
  autoscaling:
    strategy: predictive
    max_replicas: 50
    metrics: { cpu_threshold: 70 }
  workloads: { api: {} }
";
const GOLD: &str = "tier_config:\n  autoscaling: { min_replicas: 3 }\n";

pub(crate) fn check(tenantry: &Tenantry, line: &str, expected: &Expect) {
    expected.assert_eq(&tenantry.says(line));
}

pub(crate) fn declared() -> Tenantry {
    let tenantry = Tenantry::new();
    tenantry.write("tenants/acme.yaml", ACME);
    tenantry.write("tenants/gold.yaml", GOLD);
    assert!(tenantry.run("config apply tenants -m first").status.success());
    tenantry
}

#[test]
fn documents_are_applied_as_revisions_compared_and_rolled_back() {
    let tenantry = Tenantry::new();
    tenantry.write("tenants/acme.yaml", ACME);
    tenantry.write("tenants/gold.yaml", GOLD);
    check(
        &tenantry,
        "config validate tenants",
        &expect![[r#"
        2 documents are right
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config apply tenants -m first --dry-run",
        &expect![[r#"
            created    tenant `acme` tenants/acme.yaml
            created    tier `gold` tenants/gold.yaml
            nothing was changed; it would be: 2 created, 0 changed, 0 unchanged
            exit 0
        "#]],
    );
    check(
        &tenantry,
        "config apply tenants -m first",
        &expect![[r#"
        created    tenant `acme` tenants/acme.yaml (revision 1)
        created    tier `gold` tenants/gold.yaml (revision 1)
        2 created, 0 changed, 0 unchanged
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config apply tenants -m again",
        &expect![[r#"
        0 created, 0 changed, 2 unchanged
        exit 0
    "#]],
    );
    tenantry.write("tenants/acme.yaml", &ACME.replace("50", "80"));
    check(
        &tenantry,
        "config apply tenants/acme.yaml -m larger",
        &expect![[r#"
        changed    tenant `acme` tenants/acme.yaml (revision 2)
                     autoscaling.max_replicas: 50 → 80
        0 created, 1 changed, 0 unchanged
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config history acme",
        &expect![[r#"
        REVISION  WHEN                  AUTHOR  REASON
        2         (an instant)          ada     larger
        1         (an instant)          ada     first
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config diff acme",
        &expect![[r#"
        tenant `acme`, revision 1 to 2
          autoscaling.max_replicas: 50 → 80
        exit 3
    "#]],
    );
    check(
        &tenantry,
        "config explain acme autoscaling.max_replicas",
        &expect![[r#"
        FIELD                     VALUE  LAYER        SET IN
        autoscaling.max_replicas  80     tenant acme  tenants/acme.yaml:5
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config rollback acme 1 -m back",
        &expect![[r#"
        tenant `acme` is at revision 3, a copy of revision 1
          autoscaling.max_replicas: 80 → 50
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config apply tenants/acme.yaml --based-on 1",
        &expect![[r#"
            error: tenant `acme` is at revision 3, and the change was based on 1; look at it again and repeat
              T105: `tenantry errors T105` says what to do
            exit 1
        "#]],
    );
    check(
        &tenantry,
        "get tenants",
        &expect![[r#"
        TENANT  TIER  REGION  REVISION  WORKLOADS  REPLICAS  OWNER                     CHANGED
        acme    gold  -       3         1          0         the command line and API  (an instant)        
        exit 0
    "#]],
    );
}

#[test]
fn a_bad_document_changes_nothing_not_even_among_good_ones() {
    let tenantry = declared();
    tenantry.write("tenants/acme.yaml", &ACME.replace("50", "60"));
    tenantry.write("tenants/other.yaml", "tenant_config:\n  tier: glod\n  autoscaling: { min_replicas: many }\n");
    check(
        &tenantry,
        "config apply tenants -m second",
        &expect![[r#"
            error: tenants/other.yaml:2:3: tier: there is no tier `glod`
             2 |   tier: glod
               |   ^
               help: did you mean `gold`?
            tenants/other.yaml:3:32: autoscaling.min_replicas: expected a whole number, found text
             3 |   autoscaling: { min_replicas: many }
               |                                ^
            2 problems found; nothing was changed
              T101: `tenantry errors T101` says what to do
            exit 1
        "#]],
    );
    check(
        &tenantry,
        "config history acme",
        &expect![[r#"
        REVISION  WHEN                  AUTHOR  REASON
        1         (an instant)          ada     first
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "config apply tenants -m second --partial",
        &expect![[r#"
            skipped    tenant `other` tenants/other.yaml
                         note: tenants/other.yaml:2:3: tier: there is no tier `glod`
                          2 |   tier: glod
                            |   ^
                            help: did you mean `gold`?
                         note: tenants/other.yaml:3:32: autoscaling.min_replicas: expected a whole number, found text
                          3 |   autoscaling: { min_replicas: many }
                            |                                ^
            changed    tenant `acme` tenants/acme.yaml (revision 2)
                         autoscaling.max_replicas: 50 → 60
            0 created, 1 changed, 1 unchanged, 1 skipped
            exit 3
        "#]],
    );
    check(
        &tenantry,
        "config explain acme autoscaling.max_replicas",
        &expect![[r#"
        FIELD                     VALUE  LAYER        SET IN
        autoscaling.max_replicas  60     tenant acme  tenants/acme.yaml:5
        exit 0
    "#]],
    );
}

#[test]
fn what_is_bad_is_left_as_it_was_also_when_the_rest_is_pruned() {
    let tenantry = Tenantry::new();
    let good = "tenant_config:\n  labels: { team: audio }\n";
    for name in ["one", "two", "three"] {
        tenantry.write(&format!("tenants/{name}.yaml"), good);
    }
    tenantry.says("config apply tenants -m first");
    tenantry.write("tenants/two.yaml", "tenant_config:\n  labls: { team: audio }\n");
    tenantry.write("tenants/again/one.yaml", good);
    std::fs::remove_file(tenantry.folder.path().join("tenants/three.yaml")).unwrap();
    check(
        &tenantry,
        "config apply tenants -m second --partial --prune",
        &expect![[r#"
            skipped    tenant `two` tenants/two.yaml
                         note: tenants/two.yaml:2:3: labls: unknown key `labls`
                          2 |   labls: { team: audio }
                            |   ^
                            help: did you mean `labels`?
            skipped    repeated tenants/one.yaml
                         note: tenants/one.yaml:1:1: tenant `one` is declared in tenants/again/one.yaml already
                            help: keep one of the two
            removed    tenant `three` (revision 2)
            0 created, 0 changed, 1 unchanged, 1 removed, 2 skipped
            exit 3
        "#]],
    );
    // What cannot be read at all may be any of those that are declared: none is taken for gone.
    tenantry.write("tenants/two.yaml", "tenant_config: { labels: [ }\n");
    std::fs::remove_dir_all(tenantry.folder.path().join("tenants/again")).unwrap();
    assert!(tenantry.says("config apply tenants -m third --partial --prune").contains("1 unchanged, 1 skipped"));
    check(
        &tenantry,
        "config apply tenants/one.yaml tenants/two.yaml --based-on 1",
        &expect![[r#"
            error: --based-on is about one document, and 2 are named; apply it alone
            exit 1
        "#]],
    );
}

#[test]
fn an_object_has_one_workload() {
    let tenantry = Tenantry::new();
    tenantry.write("tenants/one.yaml", "tenant_config:\n  workloads:\n    api: {}\n");
    tenantry.says("config apply tenants -m first");
    tenantry.write(
        "tenants/two.yaml",
        "tenant_config:\n  workloads:\n    web: {}\n    api: { namespace: one }\n    jobs: { name: web }\n",
    );
    check(
        &tenantry,
        "config apply tenants -m second",
        &expect![[r#"
            error: tenants/two.yaml:3:5: workloads.web: Deployment two/web is sized by the workload two/jobs already
             3 |     web: {}
               |     ^
               help: remove one of the two, or set `enabled: false` under its autoscaling
            tenants/two.yaml:4:5: workloads.api: Deployment one/api is sized by the workload one/api already
             4 |     api: { namespace: one }
               |     ^
               help: remove one of the two, or set `enabled: false` under its autoscaling
            2 problems found; nothing was changed
              T101: `tenantry errors T101` says what to do
            exit 1
        "#]],
    );
    let alone = tenantry.says("config validate --alone tenants");
    assert!(alone.contains("2 problems in 2 files") && alone.contains("one/api already"), "{alone}");
    tenantry.write(
        "tenants/two.yaml",
        "tenant_config:\n  workloads:\n    api: { namespace: one, autoscaling: { enabled: false } }\n",
    );
    assert!(tenantry.says("config apply tenants -m third").contains("1 created, 0 changed, 1 unchanged"));
    // Kinds of one name in two groups are two kinds of object, and versions of one group are one.
    let other = |version: &str| {
        let kind = format!("{{ namespace: one, api_version: {version} }}");
        tenantry.write("tenants/three.yaml", &format!("tenant_config:\n  workloads:\n    api: {kind}\n"));
        tenantry.says("config apply tenants -m fourth --dry-run")
    };
    assert!(other("example.com/v1").contains("1 created"));
    assert!(other("apps/v1beta1").contains("is sized by the workload one/api already"));
}

#[test]
fn every_problem_of_every_document_is_told_at_once() {
    let tenantry = declared();
    tenantry.write("new/silver.yaml", "tier_config:\n  autoscaling: { min_replica: 2 }\n");
    tenantry.write("new/one.yaml", "tenant_config:\n  tier: silver\n  region: eu\n");
    tenantry.write(
        "new/two.yaml",
        "tenant_config:\n  tier: glod\n  autoscaling: { startegy: fixed, min_replicas: 9, max_replicas: 4 }\n",
    );
    tenantry.write("new/three.yaml", "tenant_config:\n  tier: gold\n  autoscaling: { max_replicas: 2 }\n");
    check(
        &tenantry,
        "config apply new",
        &expect![[r#"
            error: new/one.yaml:3:3: region: there is no region `eu`
             3 |   region: eu
               |   ^
               help: declare it in a document with `region_config`
            new/silver.yaml:2:18: autoscaling.min_replica: unknown key `min_replica`
             2 |   autoscaling: { min_replica: 2 }
               |                  ^
               help: did you mean `min_replicas`?
            new/two.yaml:2:3: tier: there is no tier `glod`
             2 |   tier: glod
               |   ^
               help: did you mean `gold`?
            new/two.yaml:3:18: autoscaling.startegy: unknown key `startegy`
             3 |   autoscaling: { startegy: fixed, min_replicas: 9, max_replicas: 4 }
               |                  ^
               help: did you mean `strategy`?
            new/two.yaml:3:35: autoscaling.min_replicas: the minimum 9 is above the maximum 4
             3 |   autoscaling: { startegy: fixed, min_replicas: 9, max_replicas: 4 }
               |                                   ^
            tenants/gold.yaml:2:18: autoscaling.min_replicas: the minimum 3 is above the maximum 2, for tenant `three`
            6 problems found; nothing was changed
              T101: `tenantry errors T101` says what to do
            exit 1
        "#]],
    );
}

#[test]
fn a_tier_that_breaks_its_tenants_is_refused() {
    let tenantry = declared();
    tenantry.write("gold.yaml", "tier_config:\n  autoscaling: { min_replicas: 90 }\n");
    check(
        &tenantry,
        "config apply gold.yaml",
        &expect![[r#"
            error: gold.yaml:2:18: autoscaling.min_replicas: the minimum 90 is above the maximum 50, for tenant `acme`
             2 |   autoscaling: { min_replicas: 90 }
               |                  ^
            1 problem found; nothing was changed
              T101: `tenantry errors T101` says what to do
            exit 1
        "#]],
    );
}

#[test]
fn a_change_of_a_tier_is_shown_with_what_it_comes_to_for_its_tenants() {
    let tenantry = declared();
    tenantry.write("tenants/own.yaml", "tenant_config:\n  tier: gold\n  autoscaling: { min_replicas: 1 }\n");
    tenantry.write("tenants/gold.yaml", "tier_config:\n  autoscaling: { min_replicas: 4 }\n");
    assert!(tenantry.run("config apply tenants -m more").status.success());
    check(
        &tenantry,
        "config diff tier/gold",
        &expect![[r#"
        tier `gold`, revision 1 to 2
          autoscaling.min_replicas: 3 → 4
        what it comes to for 1 tenant
          acme: autoscaling.min_replicas: 3 → 4
        exit 3
    "#]],
    );
    check(
        &tenantry,
        "config rollback tier/gold 1 --dry-run",
        &expect![[r#"
        nothing was changed; tier `gold` would get a copy of revision 1
          autoscaling.min_replicas: 4 → 3
        what it comes to for 1 tenant
          acme: autoscaling.min_replicas: 4 → 3
        exit 0
    "#]],
    );
    let history = tenantry.json("config history tier/gold");
    assert_eq!(history[0]["fields"]["autoscaling"]["min_replicas"], 4);
    assert_eq!((&history[0]["author"], &history[1]["reason"]), (&"ada".into(), &"first".into()));
}

#[test]
fn export_and_import_carry_everything_over() {
    let tenantry = declared();
    check(
        &tenantry,
        "config export out --dry-run",
        &expect![[r#"
            2 documents would be written to out
            exit 0
        "#]],
    );
    assert!(!tenantry.folder.path().join("out").exists());
    check(
        &tenantry,
        "config export out",
        &expect![[r#"
            2 documents written to out
            exit 0
        "#]],
    );
    check(
        &tenantry,
        "config export out",
        &expect![[r#"
            error: out/tiers/gold.yaml is there already; nothing was written: name an empty folder, or use --force
            exit 1
        "#]],
    );
    let other = Tenantry::new();
    let output = other.command().args(["config", "import"]).arg(tenantry.folder.path().join("out")).output().unwrap();
    assert!(output.status.success());
    let (one, two) = (tenantry.json("config explain acme"), other.json("config explain acme"));
    let values = |explained: &serde_json::Value| -> Vec<(String, String)> {
        let rows = explained.as_array().unwrap();
        rows.iter().map(|row| (row["field"].to_string(), row["value"].to_string())).collect()
    };
    assert_eq!(values(&one), values(&two));
}

#[test]
fn a_size_set_by_hand_and_a_pause_are_told_and_checked() {
    let tenantry = declared();
    check(
        &tenantry,
        "scale acme/web 5 --reason launch",
        &expect![[r#"
            error: tenant `acme` declares no workload `web`: acme/api
              T106: `tenantry errors T106` says what to do
            exit 1
        "#]],
    );
    check(
        &tenantry,
        "scale acme/api 99 --reason launch --for 2h --dry-run",
        &expect![[r#"
        acme/api would be held at 99 replicas until (an instant)         (ada: launch)
        note: 99 is outside the declared 3 to 50: the limit will bind, and `tenantry explain` will say so
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "pause acme/api --reason incident",
        &expect![[r#"
        acme/api paused until `tenantry resume` (ada: incident)
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "resume acme/api --reason over",
        &expect![[r#"
        acme/api scaled again
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "resume acme/api --reason over",
        &expect![[r#"
        acme/api: nothing was asked of it, and nothing changes
        exit 0
    "#]],
    );
}

#[test]
fn what_is_not_there_yet_is_told_with_what_to_do() {
    let tenantry = Tenantry::new();
    check(
        &tenantry,
        "get tenants",
        &expect![[r#"
        no tenant is declared; see `tenantry config apply --help`
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "get workloads",
        &expect![[r#"
        no workload has been looked at yet; `tenantry up` looks
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "get decisions",
        &expect![[r#"
        no such decision is recorded
        exit 0
    "#]],
    );
    check(
        &tenantry,
        "explain acme/api",
        &expect![[r#"
            error: tenant `acme` is not declared; `tenantry get tenants` lists those that are
              T103: `tenantry errors T103` says what to do
            exit 1
        "#]],
    );
    check(
        &tenantry,
        "config explain acme",
        &expect![[r#"
            error: tenant `acme` is not declared; `tenantry get tenants` lists those that are
              T103: `tenantry errors T103` says what to do
            exit 1
        "#]],
    );
    check(
        &tenantry,
        "top --once",
        &expect![[r#"
            tenantry  (an instant)          0 workloads  0 replicas  $0.00 an hour
            no controller is in charge; start one with `tenantry up`
            no workload has been looked at yet
            exit 0
        "#]],
    );
    check(
        &tenantry,
        "config validate nowhere",
        &expect![[r#"
        error: nowhere cannot be read
          because: No such file or directory (os error 2)
        exit 1
    "#]],
    );
    check(
        &tenantry,
        "status",
        &expect![[r#"
        store        SQLite at store.db (0.2 MiB)
        workloads    0
        problem      server: no server runs on this store
                     start one: `tenantry up`
        exit 3
    "#]],
    );
}

/// Subcommands as a command's help lists them.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let listed = listed.split("\n\n").next().unwrap_or_default().lines();
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_help_with_an_example_and_what_changes_something_can_be_tried_first() {
    let tenantry = Tenantry::new();
    let (mut left, mut seen, mut tried) = (vec![String::new()], Vec::new(), Vec::new());
    while let Some(line) = left.pop() {
        // The short form lists one command in a line, the long one has the examples.
        let short = tenantry.run(&format!("{line} -h"));
        let output = tenantry.run(&format!("{line} --help"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}");
        assert!(text.contains("Example") || text.contains("First steps"), "`{line}` shows no example");
        left.extend(subcommands(&String::from_utf8_lossy(&short.stdout)).iter().map(|name| format!("{line} {name}")));
        if text.contains("--dry-run") {
            tried.push(line.clone());
        }
        seen.push(line);
    }
    assert!(seen.len() > 25, "{seen:?}");
    tried.sort();
    let changing = "audit hold, audit prune, audit release, backup prune, config apply, config export, config import, config rollback, \
                    keys shred, pause, policy apply, policy rm, policy rollback, restore, resume, role apply, role rm, \
                    role rollback, scale, token create, token revoke";
    assert_eq!(tried.join(",").trim_start(), changing);
}

#[test]
fn completions_man_and_schema_are_printed() {
    let tenantry = Tenantry::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(String::from_utf8_lossy(&tenantry.run(&format!("completions {shell}")).stdout).contains("tenantry"));
    }
    let page = |line: &str| String::from_utf8_lossy(&tenantry.run(line).stdout).into_owned();
    assert!(page("man").contains(".TH tenantry 1"));
    let apply = page("man config apply");
    assert!(apply.contains(".TH tenantry-config-apply 1") && apply.contains("partial"), "{apply}");
    let unknown = tenantry.says("man config aply");
    assert!(unknown.contains("has no command `aply`: validate, apply,") && unknown.ends_with("exit 1\n"), "{unknown}");
    let schema: serde_json::Value = serde_json::from_slice(&tenantry.run("config schema").stdout).unwrap();
    assert!(schema["properties"]["tenant_config"].is_object());
}

#[test]
fn a_page_for_a_browser_is_offered_by_the_one_command_that_has_one() {
    let tenantry = declared();
    assert!(tenantry.says("backtest --help").contains("html:"));
    assert!(!tenantry.says("status --help").contains("html"));
    assert!(tenantry.says("get tenants -o html").contains("only `tenantry backtest`"));
    let row = |step: i64| format!("{},{}\n", 1_700_000_000 + 300 * step, 100 + step % 50);
    tenantry.write("load.csv", &format!("timestamp,value\n{}", (0..1000).map(row).collect::<String>()));
    for line in ["backtest -o html", "-o html backtest"] {
        let page = tenantry.says(&format!("{line} --trace load.csv --policy fixed,hpa"));
        assert!(page.to_lowercase().starts_with("<!doctype html>"), "{line}: {page}");
    }
}

#[test]
fn yaml_and_json_say_the_same() {
    let tenantry = declared();
    let yaml = String::from_utf8(tenantry.run("config explain acme -o yaml").stdout).unwrap();
    let from_yaml: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(from_yaml, tenantry.json("config explain acme"));
}
