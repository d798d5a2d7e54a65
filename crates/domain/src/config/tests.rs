use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;

use super::*;
use crate::almanac::Effect;
use crate::spec::{Capacity, Strategy as Way, Target};
use crate::unit::{Milli, PerMille, Replicas, Span};

/// The document of the design, with not a character changed.
const DESIGN: &str = r#"tenant_config:
  autoscaling:
    enabled: true
    strategy: "predictive"        # reactive | predictive | scheduled | fixed
    min_replicas: 2
    max_replicas: 50
    metrics:
      cpu_threshold: 70           # percent of request
      memory_threshold: 80
      latency_threshold: 500ms    # at the objective's quantile, default p95
  monitoring:
    real_time: true
    metrics_retention: "30d"
    alert_channels: ["slack", "email", "webhook"]
  security:
    encryption: "AES-256"
    isolation_level: "strict"
    audit_logging: true
  performance:
    cache_ttl: 3600               # seconds; also "1h"
    connection_pool: 100
    circuit_breaker: true
"#;

const FULL: &str = r#"tenant_config:
  tenant: acme
  tier: gold
  region: eu
  labels: { team: audio, cost-center: "42" }
  autoscaling:
    max_replicas: 30
    signals:
      jobs:
        query: sum(queue_jobs)
        per_replica: 25
        measures_at_zero: true
    behavior:
      scale_down:
        stabilization_window: 10m
        policies: [{ type: percent, value: 10, period: 60s }]
    schedules:
      mornings: { time_zone: Europe/Paris, days: [mon, tue, wed, thu, fri], from: "07:30", until: "10:00", min_replicas: 8, except_calendar: holidays }
      launch: { start: 2026-11-27T00:00:00Z, end: 2026-11-28T00:00:00Z, min_replicas: 20 }
    time_zone: Europe/Paris
    holidays: holidays
    events:
      broadcast: { start: 2026-12-01T20:00:00+01:00, end: 2026-12-01T22:00:00+01:00, load_factor: 4, confidence: 80 }
      queue: { start: 2026-12-02T20:00:00Z, end: 2026-12-02T21:00:00Z, added_load: { jobs: 500 }, lead_time: 10m }
  calendars:
    holidays: [2026-12-25, 2027-01-01]
  freeze_windows:
    release: { days: [fri], from: "18:00", until: "06:00" }
  objective: { availability: 99.5 }
  budget: { replica_hour_usd: 0.05, hourly_usd: 3 }
  quota: { max_replicas: 60 }
  workloads:
    api: {}
    worker:
      kind: StatefulSet
      namespace: acme-jobs
      selector: { app: worker }
      autoscaling: { strategy: reactive, min_replicas: 0, metrics: { cpu_threshold: 60 } }
"#;

const GOLD: &str = "tier_config:\n  name: gold\n  autoscaling:\n    min_replicas: 3\n    strategy: predictive\n";
const EU: &str = "region_config:\n  name: eu\n  autoscaling:\n    metrics: { cpu_threshold: 65 }\n";

fn parse(text: &str) -> Result<Document, Problems> {
    Document::parse("acme.yaml", text, Some("acme"))
}

fn layers() -> Layers {
    let mut layers = Layers::default();
    layers.insert(Document::parse("tiers/gold.yaml", GOLD, Some("gold")).unwrap());
    layers.insert(Document::parse("regions/eu.yaml", EU, Some("eu")).unwrap());
    layers
}

#[test]
fn the_document_of_the_design_is_accepted_as_written() {
    let document = parse(DESIGN).unwrap();
    assert_eq!(document.key().to_string(), "tenant `acme`");
    let effective = Layers::default().resolve(&document).unwrap();
    assert_eq!(effective.workloads(), []);

    let with_workload = format!("{DESIGN}  workloads:\n    api: {{}}\n");
    let effective = Layers::default().resolve(&parse(&with_workload).unwrap()).unwrap();
    let [api] = &effective.workloads()[..] else { panic!("one workload") };
    assert_eq!((api.strategy, api.bounds.floor().get(), api.bounds.ceiling().get()), (Way::Predictive, 2, 50));
    let signals: Vec<String> = api.signals.iter().map(|signal| format!("{} {}", signal.name, signal.target)).collect();
    assert_eq!(signals, ["cpu 70%", "memory 80%"]);
    assert_eq!(api.target.to_string(), "Deployment acme/api");
    expect!["acme/api: latency_threshold 500ms is not acted on until latency_query says how to measure it"]
        .assert_eq(&effective.notes().join("\n"));
}

#[test]
fn layers_are_laid_over_each_other_field_by_field() {
    let effective = layers().resolve(&parse(FULL).unwrap()).unwrap();
    let [api, worker] = &effective.workloads()[..] else { panic!("two workloads") };
    assert_eq!((api.bounds.floor().get(), api.bounds.ceiling().get()), (3, 30));
    assert_eq!((worker.bounds.floor().get(), worker.bounds.ceiling().get()), (0, 30));
    assert_eq!((api.strategy, worker.strategy), (Way::Predictive, Way::Reactive));
    let cpu = |spec: &crate::spec::WorkloadSpec| {
        spec.signals.iter().find(|signal| signal.name.as_str() == "cpu").unwrap().target
    };
    assert_eq!((cpu(api), cpu(worker)), (Target::Utilization(65), Target::Utilization(60)));
    let jobs = api.signals.iter().find(|signal| signal.name.as_str() == "jobs").unwrap();
    assert_eq!((jobs.target, jobs.measures_at_zero), (Target::PerReplica(Milli::units(25)), true));
    assert_eq!(worker.target.to_string(), "StatefulSet acme-jobs/[app=worker]");
    assert_eq!(api.behavior.as_ref().unwrap().down.stabilization, Span::from_secs(600));
    assert_eq!(api.quota, Some(Replicas::new(60)));
    assert_eq!(api.spending.unwrap().hour_max.0, 1_500_000);
    assert_eq!(api.objective.availability.0, 995);
    assert_eq!((api.schedules.len(), api.freezes.len()), (2, 1));
    let [broadcast, queue] = &api.almanac.events[..] else { panic!("two events") };
    assert_eq!((broadcast.confidence, broadcast.lead), (PerMille(800), Span::from_secs(300)));
    assert_eq!(
        (broadcast.from.to_string().as_str(), &broadcast.effect),
        ("2026-12-01T19:00:00Z", &Effect::Factor(Milli(4000)))
    );
    assert_eq!(
        (queue.lead, &queue.effect),
        (Span::from_secs(600), &Effect::Added(vec![(jobs.name.clone(), Milli::units(500))]))
    );
    assert_eq!((api.almanac.time_zone.as_deref(), api.almanac.holidays.len()), (Some("Europe/Paris"), 2));
}

#[test]
fn a_suspended_tenant_is_not_scaled_and_null_is_the_built_in_default_again() {
    let suspended = FULL.replace("  tier: gold\n", "  tier: gold\n  lifecycle: suspended\n");
    assert_eq!(layers().resolve(&parse(&suspended).unwrap()).unwrap().workloads(), []);
    let reset = "tenant_config:\n  tier: gold\n  autoscaling: { min_replicas: null }\n  workloads: { api: {} }\n";
    let specs = layers().resolve(&parse(reset).unwrap()).unwrap().workloads();
    assert_eq!(specs[0].bounds.floor().get(), 1);
}

#[test]
fn each_value_names_the_layer_file_and_line_that_set_it() {
    let explained = layers().explain(&parse(FULL).unwrap(), Some("autoscaling")).unwrap();
    let lines: Vec<String> = explained
        .iter()
        .filter(|one| !["schedules", "behavior", "events"].iter().any(|group| one.field.contains(group)))
        .map(|one| {
            let place = one.file.as_ref().map(|file| format!(" {file}:{}", one.line.unwrap_or(0)));
            format!("{} = {} [{}{}]", one.field, one.value, one.layer, place.unwrap_or_default())
        })
        .collect();
    expect![[r#"
        autoscaling.enabled = true [built-in]
        autoscaling.holidays = holidays [tenant acme acme.yaml:21]
        autoscaling.max_replicas = 30 [tenant acme acme.yaml:7]
        autoscaling.metrics.cpu_threshold = 65 [region eu regions/eu.yaml:4]
        autoscaling.min_replicas = 3 [tier gold tiers/gold.yaml:4]
        autoscaling.signals.jobs.measures_at_zero = true [tenant acme acme.yaml:12]
        autoscaling.signals.jobs.per_replica = 25 [tenant acme acme.yaml:11]
        autoscaling.signals.jobs.query = sum(queue_jobs) [tenant acme acme.yaml:10]
        autoscaling.stale_after = 2m [built-in]
        autoscaling.strategy = predictive [tier gold tiers/gold.yaml:5]
        autoscaling.take_over = false [built-in]
        autoscaling.time_zone = Europe/Paris [tenant acme acme.yaml:20]
        autoscaling.vertical.cpu.max = 4 [built-in]
        autoscaling.vertical.cpu.min = 10m [built-in]
        autoscaling.vertical.memory.max = 8Gi [built-in]
        autoscaling.vertical.memory.min = 16Mi [built-in]
        autoscaling.vertical.mode = off [built-in]"#]]
    .assert_eq(&lines.join("\n"));
    let bare = parse("tenant_config:\n  workloads: { api: {} }\n").unwrap();
    let cpu = layers().explain(&bare, Some("autoscaling.metrics")).unwrap();
    assert_eq!((cpu.len(), &*cpu[0].field, &*cpu[0].value), (1, "autoscaling.metrics.cpu_threshold", "80"));
    let unknown = layers().explain(&parse(FULL).unwrap(), Some("autoscaling.min_replica")).unwrap_err();
    expect!["acme.yaml: autoscaling.min_replica: it is not set by any layer, and has no built-in value\n   help: did you mean `autoscaling.min_replicas`?"]
        .assert_eq(&unknown.to_string());
}

/// A workload's values, with where they were set.
fn of_workload(document: &str, workload: &str, field: Option<&str>) -> String {
    let (document, workload) = (parse(document).unwrap(), crate::id::WorkloadName::new(workload).unwrap());
    let rows = layers().explain_workload(&document, &workload, field).unwrap().unwrap();
    let place = |one: &Explained| one.file.as_ref().map(|file| format!(" {file}:{}", one.line.unwrap_or(0)));
    let row =
        |one: &Explained| format!("{} = {} [{}{}]\n", one.field, one.value, one.layer, place(one).unwrap_or_default());
    rows.iter().filter(|one| !one.field.contains("schedules")).map(row).collect()
}

#[test]
fn a_workloads_own_values_are_told_over_the_tenants() {
    expect![[r#"
        api_version = apps/v1 [built-in]
        autoscaling.behavior.scale_down.policies = [{"period":"60s","type":"percent","value":10}] [tenant acme acme.yaml:16]
        autoscaling.behavior.scale_down.select_policy = max [built-in]
        autoscaling.behavior.scale_down.stabilization_window = 10m [tenant acme acme.yaml:15]
        autoscaling.behavior.scale_down.tolerance = 10 [built-in]
        autoscaling.behavior.scale_up.policies = [{"period":"15s","type":"pods","value":4},{"period":"15s","type":"percent","value":100}] [built-in]
        autoscaling.behavior.scale_up.select_policy = max [built-in]
        autoscaling.behavior.scale_up.stabilization_window = 0s [built-in]
        autoscaling.behavior.scale_up.tolerance = 10 [built-in]
        autoscaling.enabled = true [built-in]
        autoscaling.events.broadcast.confidence = 80 [tenant acme acme.yaml:23]
        autoscaling.events.broadcast.end = 2026-12-01T22:00:00+01:00 [tenant acme acme.yaml:23]
        autoscaling.events.broadcast.load_factor = 4 [tenant acme acme.yaml:23]
        autoscaling.events.broadcast.start = 2026-12-01T20:00:00+01:00 [tenant acme acme.yaml:23]
        autoscaling.events.queue.added_load.jobs = 500 [tenant acme acme.yaml:24]
        autoscaling.events.queue.end = 2026-12-02T21:00:00Z [tenant acme acme.yaml:24]
        autoscaling.events.queue.lead_time = 10m [tenant acme acme.yaml:24]
        autoscaling.events.queue.start = 2026-12-02T20:00:00Z [tenant acme acme.yaml:24]
        autoscaling.holidays = holidays [tenant acme acme.yaml:21]
        autoscaling.max_replicas = 30 [tenant acme acme.yaml:7]
        autoscaling.metrics.cpu_threshold = 60 [tenant acme acme.yaml:38]
        autoscaling.min_replicas = 0 [tenant acme acme.yaml:38]
        autoscaling.signals.jobs.measures_at_zero = true [tenant acme acme.yaml:12]
        autoscaling.signals.jobs.per_replica = 25 [tenant acme acme.yaml:11]
        autoscaling.signals.jobs.query = sum(queue_jobs) [tenant acme acme.yaml:10]
        autoscaling.stale_after = 2m [built-in]
        autoscaling.strategy = reactive [tenant acme acme.yaml:38]
        autoscaling.take_over = false [built-in]
        autoscaling.time_zone = Europe/Paris [tenant acme acme.yaml:20]
        autoscaling.vertical.cpu.max = 4 [built-in]
        autoscaling.vertical.cpu.min = 10m [built-in]
        autoscaling.vertical.memory.max = 8Gi [built-in]
        autoscaling.vertical.memory.min = 16Mi [built-in]
        autoscaling.vertical.mode = off [built-in]
        kind = StatefulSet [tenant acme acme.yaml:35]
        namespace = acme-jobs [tenant acme acme.yaml:36]
        selector.app = worker [tenant acme acme.yaml:37]
    "#]].assert_eq(&of_workload(FULL, "worker", None));
    let bare = "tenant_config:\n  workloads: { api: {} }\n";
    expect![[r#"
        api_version = apps/v1 [built-in]
        autoscaling.behavior.scale_down.stabilization_window = 5m [built-in]
        autoscaling.behavior.scale_down.tolerance = 10 [built-in]
        autoscaling.behavior.scale_up.policies = at once to the double, or to 4 [built-in]
        autoscaling.behavior.scale_up.tolerance = 10 [built-in]
        autoscaling.enabled = true [built-in]
        autoscaling.max_replicas = 10 [built-in]
        autoscaling.metrics.cpu_threshold = 80 [built-in]
        autoscaling.min_replicas = 1 [built-in]
        autoscaling.stale_after = 2m [built-in]
        autoscaling.strategy = reactive [built-in]
        autoscaling.take_over = false [built-in]
        autoscaling.vertical.cpu.max = 4 [built-in]
        autoscaling.vertical.cpu.min = 10m [built-in]
        autoscaling.vertical.memory.max = 8Gi [built-in]
        autoscaling.vertical.memory.min = 16Mi [built-in]
        autoscaling.vertical.mode = off [built-in]
        kind = Deployment [built-in]
        name = api [built-in]
        namespace = acme [built-in]
    "#]]
    .assert_eq(&of_workload(bare, "api", None));
    let document = parse(FULL).unwrap();
    let none = layers().explain_workload(&document, &crate::id::WorkloadName::new("web").unwrap(), None).unwrap();
    assert_eq!(none, None);
}

fn wrong(text: &str, expected: &Expect) {
    let problems = match parse(text) {
        Err(problems) => problems,
        Ok(document) => layers().resolve(&document).unwrap_err(),
    };
    expected.assert_eq(&problems.to_string());
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    wrong(
        "tenant_config:\n  autoscaling:\n    enabled: yes\n    stratgy: reactive\n    strategy: predictiv\n    min_replicas: \"2\"\n    max_replicas: -1\n    startup_delay: 5 minutes\n",
        &expect![[r#"
            acme.yaml:3:14: autoscaling.enabled: expected true or false, found text
             3 |     enabled: yes
               |              ^
               help: write `true`
            acme.yaml:4:5: autoscaling.stratgy: unknown key `stratgy`
             4 |     stratgy: reactive
               |     ^
               help: did you mean `strategy`?
            acme.yaml:5:15: autoscaling.strategy: `predictiv` is not known here; it is one of `reactive`, `predictive`, `scheduled`, `fixed`
             5 |     strategy: predictiv
               |               ^
               help: did you mean `predictive`?
            acme.yaml:6:19: autoscaling.min_replicas: expected a whole number, found text
             6 |     min_replicas: "2"
               |                   ^
               help: leave the quotes away: 2
            acme.yaml:7:19: autoscaling.max_replicas: -1 is out of range: it must be from 0 to 100000
             7 |     max_replicas: -1
               |                   ^
            acme.yaml:8:20: autoscaling.startup_delay: `5 minutes` is not a length of time: write a number and a unit, such as `500ms`, `30s`, `5m`, `1h` or `30d`
             8 |     startup_delay: 5 minutes
               |                    ^"#]],
    );
}

#[test]
fn a_wrong_field_hides_nothing_else_and_causes_no_complaint_of_its_own() {
    let mut draft = Draft::read(
        "acme.yaml",
        "tenant_config:\n  tier: silver\n  calendars: { holidays: [christmas, 2027-01-01] }\n  autoscaling:\n    stratgy: reactive\n    min_replicas: 9\n    max_replicas: 4\n    metrics: { request_rate_threshold: 10, request_rate_query: 'sum(' }\n    schedules:\n      early: { form: '07:00', until: '08:00', min_replicas: 4, calendar: holidays }\n",
        Some("acme"),
    );
    draft.hold_against(&layers(), true);
    expect![[r#"
        acme.yaml:2:3: tier: there is no tier `silver`
         2 |   tier: silver
           |   ^
           help: declare it in a document with `tier_config`
        acme.yaml:3:27: calendars.holidays[0]: `christmas` is no day; write it as `2026-12-25`
         3 |   calendars: { holidays: [christmas, 2027-01-01] }
           |                           ^
        acme.yaml:5:5: autoscaling.stratgy: unknown key `stratgy`
         5 |     stratgy: reactive
           |     ^
           help: did you mean `strategy`?
        acme.yaml:6:5: autoscaling.min_replicas: the minimum 9 is above the maximum 4
         6 |     min_replicas: 9
           |     ^
        acme.yaml:8:64: autoscaling.metrics.request_rate_query: not PromQL: unclosed left parenthesis
         8 |     metrics: { request_rate_threshold: 10, request_rate_query: 'sum(' }
           |                                                                ^
        acme.yaml:10:16: autoscaling.schedules.early.form: unknown key `form`
         10 |       early: { form: '07:00', until: '08:00', min_replicas: 4, calendar: holidays }
            |                ^
           help: did you mean `from`?"#]]
    .assert_eq(&draft.problems().clone().sorted().to_string());
}

#[test]
fn what_is_no_document_is_told_from_what_is_wrong_in_one() {
    wrong("", &expect!["acme.yaml:1:1: the file is empty"]);
    wrong(
        "tenant_confg: {}\n",
        &expect![[r#"
            acme.yaml:1:1: tenant_confg: unknown key `tenant_confg`
             1 | tenant_confg: {}
               | ^
               help: did you mean `tenant_config`?"#]],
    );
    wrong(
        "tenant_config:\n  labels: { a: b }\n  labels: { c: d }\n",
        &expect![[r#"
            acme.yaml:3:3: `labels` stands here a second time; the first is on line 2
             3 |   labels: { c: d }
               |   ^"#]],
    );
    wrong(
        "tenant_config: &x\n  tier: gold\n",
        &expect![[r#"
            acme.yaml:1:16: anchors (`&name`) and tags (`!name`) are not allowed
             1 | tenant_config: &x
               |                ^"#]],
    );
    wrong(
        "tenant_config: {}\n---\ntier_config: {}\n",
        &expect![[r#"
            acme.yaml:2:1: a second document begins here; put each into a file of its own
             2 | ---
               | ^"#]],
    );
    wrong(
        "tenant_config: {}\ntier_config: { name: gold }\n",
        &expect![[r#"
            acme.yaml:1:1: a file holds exactly one of default_config, tier_config, region_config, tenant_config
             1 | tenant_config: {}
               | ^"#]],
    );
    wrong(
        "tenant_config:\n  tenant: Acme Inc\n",
        &expect![[r#"
            acme.yaml:2:11: tenant: name `Acme Inc` may hold lower-case letters, digits, `-`, `_` and `.`, and must begin and end with a letter or digit
             2 |   tenant: Acme Inc
               |           ^"#]],
    );
}

#[test]
fn values_that_contradict_each_other_are_named() {
    wrong(
        "tenant_config:\n  tier: silver\n  region: eu\n",
        &expect![[r#"
            acme.yaml:2:3: tier: there is no tier `silver`
             2 |   tier: silver
               |   ^
               help: declare it in a document with `tier_config`"#]],
    );
    // The tier's minimum against the tenant's own maximum: only the layers together are wrong.
    wrong(
        "tenant_config:\n  tier: gold\n  autoscaling:\n    max_replicas: 2\n",
        &expect![
            "tiers/gold.yaml:4:5: autoscaling.min_replicas: the minimum 3 is above the maximum 2\n 4 |     min_replicas: 3\n   |     ^"
        ],
    );
    wrong(
        "tenant_config:\n  autoscaling:\n    metrics: { latency_threshold: 0 }\n",
        &expect![[r#"
        acme.yaml:3:16: autoscaling.metrics.latency_threshold: no answer takes no time; it must be 1ms or more
         3 |     metrics: { latency_threshold: 0 }
           |                ^"#]],
    );
    wrong(
        "tenant_config:\n  autoscaling:\n    signals:\n      cpu: { type: cpu, utilization: 80, capacity: 70 }\n      lag: { query: up, value: 5, capacity: 9 }\n",
        &expect![[r#"
            acme.yaml:4:42: autoscaling.signals.cpu.capacity: 70 is under the target 80; a replica carries at least that
             4 |       cpu: { type: cpu, utilization: 80, capacity: 70 }
               |                                          ^
            acme.yaml:5:35: autoscaling.signals.lag.capacity: it goes with `utilization` or `per_replica`
             5 |       lag: { query: up, value: 5, capacity: 9 }
               |                                   ^"#]],
    );
    wrong(
        "tenant_config:\n  autoscaling:\n    signals:\n      a: { query: up, per_replica: 80, capacity: { prior: 70 } }\n      b: { query: up, value: 5, capacity: auto }\n      c: { type: memory, utilization: 70, capacity: auto }\n      d: { query: up, per_replica: 5, capacity: auto, scales: false }\n",
        &expect![[r#"
            acme.yaml:4:40: autoscaling.signals.a.capacity: 70 is under the target 80; a replica carries at least that
             4 |       a: { query: up, per_replica: 80, capacity: { prior: 70 } }
               |                                        ^
            acme.yaml:5:33: autoscaling.signals.b.capacity: it goes with `utilization` or `per_replica`
             5 |       b: { query: up, value: 5, capacity: auto }
               |                                 ^
            acme.yaml:6:43: autoscaling.signals.c.capacity: memory does not tell what a replica carries; it is learned of load or cpu
             6 |       c: { type: memory, utilization: 70, capacity: auto }
               |                                           ^
            acme.yaml:7:39: autoscaling.signals.d.capacity: it has no use on a signal that does not move the size (`scales: false`)
             7 |       d: { query: up, per_replica: 5, capacity: auto, scales: false }
               |                                       ^"#]],
    );
    wrong(
        "tenant_config:\n  autoscaling:\n    signals:\n      a: { query: up, per_replica: 80, capacity: automatic }\n      b: { query: up, per_replica: 80, capacity: { prior: 0 } }\n      c: { query: up, per_replica: 80, capacity: { before: 9 } }\n      d: { query: up, per_replica: 80, capacity: [9] }\n      e: { query: up, per_replica: 80, capacity: 0 }\n      f: { query: up, per_replica: 80, capacity: '100' }\n",
        &expect![[r#"
            acme.yaml:4:50: autoscaling.signals.a.capacity: `automatic` is no capacity; write a number, `auto`, or `{ prior: 100 }`
             4 |       a: { query: up, per_replica: 80, capacity: automatic }
               |                                                  ^
            acme.yaml:5:59: autoscaling.signals.b.capacity.prior: 0 is out of range: it must be from 0.001 to 1000000000000000
             5 |       b: { query: up, per_replica: 80, capacity: { prior: 0 } }
               |                                                           ^
            acme.yaml:6:50: autoscaling.signals.c.capacity: `prior` is missing
             6 |       c: { query: up, per_replica: 80, capacity: { before: 9 } }
               |                                                  ^
            acme.yaml:6:52: autoscaling.signals.c.capacity.before: unknown key `before`
             6 |       c: { query: up, per_replica: 80, capacity: { before: 9 } }
               |                                                    ^
               help: known here: prior
            acme.yaml:7:50: autoscaling.signals.d.capacity: expected a number or text or a group of fields, found a list
             7 |       d: { query: up, per_replica: 80, capacity: [9] }
               |                                                  ^
            acme.yaml:8:50: autoscaling.signals.e.capacity: 0 is out of range: it must be from 0.001 to 1000000000000000
             8 |       e: { query: up, per_replica: 80, capacity: 0 }
               |                                                  ^
            acme.yaml:9:50: autoscaling.signals.f.capacity: `100` is no capacity; write a number, `auto`, or `{ prior: 100 }`
             9 |       f: { query: up, per_replica: 80, capacity: '100' }
               |                                                  ^"#]],
    );
    // One by one the minimums fit the quota, together they do not; what is not scaled does not count.
    wrong(
        "tenant_config:\n  autoscaling: { min_replicas: 3 }\n  quota: { max_replicas: 7 }\n  workloads:\n    api: {}\n    web: {}\n    jobs: { autoscaling: { min_replicas: 2 } }\n    old: { autoscaling: { enabled: false } }\n",
        &expect![[r#"
            acme.yaml:3:12: quota.max_replicas: the minimums of 3 workloads come to 8, more than the quota of 7 for all together
             3 |   quota: { max_replicas: 7 }
               |            ^"#]],
    );
    wrong(
        "tenant_config:\n  autoscaling:\n    min_replicas: 5\n    signals:\n      jobs: { query: 'sum(', per_replica: 1, value: 2 }\n  quota: { max_replicas: 4 }\n",
        &expect![[r#"
            acme.yaml:3:5: autoscaling.min_replicas: the minimum 5 is above the quota of 4 for all workloads together
             3 |     min_replicas: 5
               |     ^
            acme.yaml:5:22: autoscaling.signals.jobs.query: not PromQL: unclosed left parenthesis
             5 |       jobs: { query: 'sum(', per_replica: 1, value: 2 }
               |                      ^"#]],
    );
    wrong(
        "tenant_config:\n  autoscaling:\n    min_replicas: 5\n    signals:\n      jobs: { query: 'sum(a)', per_replica: 1, value: 2 }\n    schedules:\n      day: { from: '08:00', until: '18:00', min_replicas: 9 }\n      lunch: { from: '12:00', until: '13:00', max_replicas: 6, calendar: nowhere }\n      noon: { from: '12:00', until: '13:00', max_replicas: 6 }\n  quota: { max_replicas: 4 }\n",
        &expect![[r#"
            acme.yaml:3:5: autoscaling.min_replicas: the minimum 5 is above the quota of 4 for all workloads together
             3 |     min_replicas: 5
               |     ^
            acme.yaml:5:7: autoscaling.signals.jobs: it needs exactly one of `utilization`, `per_replica` and `value`
             5 |       jobs: { query: 'sum(a)', per_replica: 1, value: 2 }
               |       ^
            acme.yaml:8:7: autoscaling.schedules.lunch: there is no calendar `nowhere`
             8 |       lunch: { from: '12:00', until: '13:00', max_replicas: 6, calendar: nowhere }
               |       ^
            acme.yaml:9:7: autoscaling.schedules.noon: it overlaps `day`, and the minimum of one is above the maximum of the other
             9 |       noon: { from: '12:00', until: '13:00', max_replicas: 6 }
               |       ^"#]],
    );
}

#[test]
fn what_comes_to_nothing_is_noted() {
    let text = "tenant_config:\n  autoscaling: { min_replicas: 2 }\n  workloads:\n    a: { autoscaling: { strategy: fixed } }\n    b: { autoscaling: { strategy: scheduled } }\n    c: { autoscaling: { min_replicas: 0 } }\n    d: { autoscaling: { strategy: fixed, replicas: 3 } }\n    e: { autoscaling: { strategy: fixed, enabled: false } }\n    f: { autoscaling: { strategy: reactive, signals: { cpu: { type: cpu, utilization: 70, capacity: 90 } } } }\n    g: { autoscaling: { strategy: predictive, signals: { cpu: { type: cpu, utilization: 70, capacity: auto } } } }\n    h: { autoscaling: { strategy: predictive, signals: { cpu: { type: cpu, utilization: 70, capacity: auto }, slow: { type: latency, query: up, value: 0.25, scales: false } } } }\n    i: { autoscaling: { signals: { cpu: { type: cpu, utilization: 70, scales: false } } } }\n";
    let effective = Layers::default().resolve(&parse(text).unwrap()).unwrap();
    expect![[r#"
        acme/a: strategy fixed without `replicas` keeps the minimum of 2
        acme/b: strategy scheduled without `schedules` keeps the minimum of 2
        acme/c: min_replicas 0 is never reached, as no signal is measured with no replica running; set `measures_at_zero` on one that is
        acme/f: `capacity` is for the predictive strategy; the reactive one keeps to the target
        acme/g: the capacity of signal cpu cannot be learned: cpu does not tell how much of it a replica bears; declare a signal of type latency with a `value` (and `scales: false` if it is only to be learned from), or a number
        acme/i: no signal moves the size, as each has `scales: false`; it stays where it is"#]]
    .assert_eq(&effective.notes().join("\n"));
}

#[test]
fn a_capacity_is_a_number_auto_or_a_prior_and_layers_replace_one_by_another() {
    let capacity = |under: &str, over: &str| {
        let signal = |capacity: &str| {
            format!("    signals: {{ load: {{ query: up, per_replica: 70, capacity: {capacity} }} }}\n")
        };
        let defaults = format!("default_config:\n  autoscaling:\n    strategy: predictive\n{}", signal(under));
        let tenant = format!("tenant_config:\n  autoscaling:\n{}  workloads: {{ api: {{}} }}\n", signal(over));
        let mut layers = Layers::default();
        layers.insert(Document::parse("defaults.yaml", &defaults, None).unwrap());
        let effective = layers.resolve(&parse(&tenant).unwrap()).unwrap();
        assert_eq!(effective.notes(), Vec::<String>::new());
        effective.workloads()[0].signals[0].capacity.unwrap()
    };
    let prior = |prior: Option<i64>| Capacity::Learned { prior: prior.map(Milli::units) };
    assert_eq!(capacity("auto", "100"), Capacity::Declared(Milli::units(100)));
    assert_eq!(capacity("100", "auto"), prior(None));
    assert_eq!(capacity("{ prior: 80 }", "{ prior: 90 }"), prior(Some(90)));
    assert_eq!(capacity("{ prior: 80 }", "auto"), prior(None));
    // Records of before hold a bare number, and know nothing of signals that only watch.
    for (capacity, text) in
        [(Capacity::Declared(Milli(5)), "5"), (prior(None), r#"{"prior":null}"#), (prior(Some(1)), r#"{"prior":1000}"#)]
    {
        assert_eq!(serde_json::to_string(&capacity).unwrap(), text);
        assert_eq!(serde_json::from_str::<Capacity>(text).unwrap(), capacity);
    }
    let before = r#"{"name":"a","kind":"promql","query":"up","target":{"per_replica":70000},"capacity":null,"measures_at_zero":false}"#;
    let before: crate::spec::SignalSpec = serde_json::from_str(before).unwrap();
    assert!(before.scales && before.capacity.is_none());
}

#[test]
fn a_signal_that_only_watches_does_not_take_the_place_of_one_that_scales() {
    let text = "tenant_config:\n  autoscaling:\n    signals: { slow: { type: latency, query: up, value: 0.25, scales: false } }\n  workloads: { api: {} }\n";
    let effective = Layers::default().resolve(&parse(text).unwrap()).unwrap();
    let names: Vec<String> =
        effective.workloads()[0].signals.iter().map(|signal| format!("{} {}", signal.name, signal.scales)).collect();
    assert_eq!(names, ["cpu true", "slow false"]);
}

#[test]
fn differences_are_named_by_field() {
    let before = parse("tenant_config:\n  tier: gold\n  autoscaling: { min_replicas: 2 }\n").unwrap();
    let after = parse("tenant_config:\n  autoscaling: { min_replicas: 3, max_replicas: 9 }\n").unwrap();
    let lines: Vec<String> = diff(Some(before.body()), Some(after.body()))
        .iter()
        .map(|change| format!("{}: {:?} -> {:?}", change.field, change.before, change.after))
        .collect();
    expect![[r#"
        autoscaling.max_replicas: None -> Some("9")
        autoscaling.min_replicas: Some("2") -> Some("3")
        tier: Some("gold") -> None"#]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(diff(Some(after.body()), Some(after.body())), []);
}

#[test]
fn the_schema_is_checked_in() {
    let schema = serde_json::to_string_pretty(schema()).unwrap() + "\n";
    expect_file!["../../../../schema/tenant-config.schema.json"].assert_eq(&schema);
}

#[test]
fn a_document_survives_the_store_and_export() {
    for text in [DESIGN, FULL, GOLD, EU] {
        let document = parse(text).unwrap();
        let stored = Document::from_stored(document.key().clone(), &document.to_stored()).unwrap();
        assert_eq!((stored.body(), stored.digest()), (document.body(), document.digest()));
        let exported = Document::parse("export.yaml", &document.to_yaml(), None).unwrap();
        assert_eq!((exported.key(), exported.body()), (document.key(), document.body()));
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\n\t]{0,200}") {
        let _ = Document::parse("any.yaml", &text, Some("any"));
    }

    #[test]
    fn no_mangled_document_panics(cut in 0_usize..1200, insert in "[ -~\n]{0,6}") {
        let mut text: String = FULL.to_owned();
        let cut = cut % text.len();
        text.insert_str(cut, &insert);
        if let Ok(document) = parse(&text) {
            let _ = layers().resolve(&document).map(|effective| effective.workloads());
        }
    }

    #[test]
    fn what_is_accepted_keeps_its_bounds(least in 0_u32..20, most in 0_u32..20, quota in prop::option::of(0_u32..30)) {
        let quota = quota.map_or(String::new(), |quota| format!("  quota: {{ max_replicas: {quota} }}\n"));
        let text = format!("tenant_config:\n  autoscaling: {{ min_replicas: {least}, max_replicas: {most} }}\n{quota}  workloads: {{ api: {{}} }}\n");
        match parse(&text) {
            Ok(document) => {
                let specs = Layers::default().resolve(&document).unwrap().workloads();
                prop_assert_eq!((specs[0].bounds.floor().get(), specs[0].bounds.ceiling().get()), (least, most));
            }
            Err(_) => prop_assert!(least > most || !quota.is_empty()),
        }
    }
}

#[test]
fn vertical_rules_are_layered_and_leave_alone_what_drives_the_number_of_replicas() {
    use crate::vertical::{Resource, VerticalMode};
    let text = "tenant_config:\n  autoscaling:\n    vertical: { mode: in_place, cpu: { max: 2 }, memory: { min: 64Mi } }\n  \
                budget: { core_hour_usd: 0.04 }\n  workloads:\n    api: {}\n    jobs: { autoscaling: { strategy: fixed, vertical: { mode: off, cpu: { max: 250m } } } }\n";
    let effective = layers().resolve(&parse(text).unwrap()).unwrap();
    let [api, jobs] = &effective.workloads()[..] else { panic!("two workloads") };
    assert_eq!((api.vertical.mode, jobs.vertical.mode), (VerticalMode::InPlace, VerticalMode::Off));
    assert_eq!((api.vertical.cpu.max, jobs.vertical.cpu.max), (Milli(2000), Milli(250)));
    assert!(api.vertical.cpu.max_declared && !api.vertical.memory.max_declared);
    assert_eq!(api.vertical.memory.min, Milli::units(64 << 20));
    assert_eq!(api.vertical.prices.core_hour.unwrap().0, 40_000);
    // Cpu at 80 percent of request is the built-in signal.
    let controlled = |spec: &crate::spec::WorkloadSpec| Resource::ALL.map(|one| spec.vertical.rules(one).controlled);
    assert_eq!((controlled(api), controlled(jobs)), ([false, true], [true, true]));
    expect![[r#"
        acme/api: vertical sizing leaves cpu alone, as the number of replicas follows the percent of it that is requested
        acme/jobs: strategy fixed without `replicas` keeps the minimum of 1"#]]
        .assert_eq(&effective.notes().join("\n"));
    assert_eq!(api.vertical, serde_json::from_str(&serde_json::to_string(&api.vertical).unwrap()).unwrap());
}

#[test]
fn one_resource_is_never_driven_both_ways_and_every_fault_has_its_place() {
    wrong(
        "tenant_config:\n  autoscaling:\n    metrics: { cpu_threshold: 70 }\n    vertical:\n      mode: auto\n      controlled: [cpu, gpu]\n      cpu: { min: 2x, max: 0 }\n",
        &expect![[r#"
            acme.yaml:5:13: autoscaling.vertical.mode: `auto` is not known here; it is one of `off`, `initial`, `in_place`
             5 |       mode: auto
               |             ^
            acme.yaml:6:25: autoscaling.vertical.controlled[1]: `gpu` is not known here; it is one of `cpu`, `memory`
             6 |       controlled: [cpu, gpu]
               |                         ^
               help: did you mean `cpu`?
            acme.yaml:7:19: autoscaling.vertical.cpu.min: `2x` is no quantity above nothing; write it as `250m`, `2` or `128Mi`
             7 |       cpu: { min: 2x, max: 0 }
               |                   ^
            acme.yaml:7:28: autoscaling.vertical.cpu.max: 0 is out of range: it must be at least 0.001
             7 |       cpu: { min: 2x, max: 0 }
               |                            ^"#]],
    );
    wrong(
        "tenant_config:\n  autoscaling:\n    metrics: { cpu_threshold: 70 }\n    vertical:\n      mode: in_place\n      controlled: [cpu]\n      memory: { min: 2Gi, max: 1Gi }\n",
        &expect![[r#"
            acme.yaml:6:7: autoscaling.vertical.controlled: cpu cannot be sized both ways: the number of replicas follows the percent of requested cpu, which a changed request changes
             6 |       controlled: [cpu]
               |       ^
               help: leave cpu out of `controlled`, or scale by a signal that is no percent of requested cpu, such as requests per second
            acme.yaml:7:17: autoscaling.vertical.memory.min: the minimum 2Gi is above the maximum 1Gi
             7 |       memory: { min: 2Gi, max: 1Gi }
               |                 ^"#]],
    );
    // The built-in signal is cpu at 80 percent of request: known only once all layers are.
    let text = "tenant_config:\n  autoscaling: { vertical: { mode: initial, controlled: [cpu, memory] } }\n  workloads:\n    api: {}\n    jobs: { autoscaling: { strategy: fixed } }\n";
    let refused = layers().resolve(&parse(text).unwrap()).unwrap_err();
    expect![[r#"
        acme.yaml:2:45: autoscaling.vertical.controlled: cpu cannot be sized both ways: the number of replicas follows the percent of requested cpu, which a changed request changes (workload `api`)
         2 |   autoscaling: { vertical: { mode: initial, controlled: [cpu, memory] } }
           |                                             ^
           help: leave cpu out of `controlled`, or scale by a signal that is no percent of requested cpu, such as requests per second"#]].assert_eq(&refused.to_string());
}

#[test]
fn events_that_contradict_themselves_are_told_with_their_places() {
    let text = "tenant_config:\n  calendars: { holidays: [2026-12-25] }\n  autoscaling:\n    strategy: predictive\n    holidays: holiday\n    signals: { jobs: { query: 'sum(a)', per_replica: 1 } }\n    events:\n      a: { start: 2026-12-01T20:00:00Z, end: 2026-12-01T20:00:00Z, load_factor: 4 }\n      b: { start: 2026-12-01T20:00:00Z, end: 2026-12-01T21:00:00Z }\n      c: { start: 2026-12-01T20:00:00Z, end: 2026-12-01T21:00:00Z, added_load: { jobs: -1 }, lead_time: 2d }\n";
    let problems = parse(text).unwrap_err();
    let lines: Vec<String> = problems
        .0
        .iter()
        .map(|one| format!("{}:{}: {} {}", one.line, one.field, one.message, one.help.clone().unwrap_or_default()))
        .collect();
    expect![[r#"
        5:autoscaling.holidays: there is no calendar `holiday` did you mean `holidays`?
        8:autoscaling.events.a.end: it ends at 2026-12-01T20:00:00Z, which is not after its start 2026-12-01T20:00:00Z 
        9:autoscaling.events.b: it needs exactly one of `load_factor` and `added_load` 
        10:autoscaling.events.c.added_load.jobs: -1 is out of range: it must be from 0 to 1000000000000000 
        10:autoscaling.events.c.lead_time: it can be at most 1d "#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn events_that_come_to_nothing_are_noted() {
    let text = "tenant_config:\n  autoscaling:\n    events:\n      a: { start: 2026-12-01T20:00:00Z, end: 2026-12-01T21:00:00Z, load_factor: 4 }\n      b: { start: 2026-12-01T20:00:00Z, end: 2026-12-01T21:00:00Z, added_load: { jobs: 5 } }\n  workloads:\n    api: {}\n    web: { autoscaling: { strategy: predictive } }\n";
    let effective = Layers::default().resolve(&parse(text).unwrap()).unwrap();
    expect![[r#"
        acme/api: event `a` is for the predictive strategy; with the reactive one a schedule can hold a minimum
        acme/api: event `b` is for the predictive strategy; with the reactive one a schedule can hold a minimum
        acme/web: event `b` adds to jobs, and no signal of that name sizes this workload by its load"#]]
    .assert_eq(&effective.notes().join("\n"));
}

#[test]
fn a_digest_is_that_of_the_sorted_fields() {
    let one = Document::parse(
        "a",
        "tenant_config: { tier: gold, labels: { b: '1', a: 'x' }, autoscaling: { min_replicas: 5 } }",
        Some("acme"),
    );
    let other = Document::parse(
        "b",
        "tenant_config: { autoscaling: { min_replicas: 5 }, labels: { a: x, b: '1' }, tier: gold }",
        Some("acme"),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.digest(), other.digest());
    let sorted = r#"{"autoscaling":{"min_replicas":5},"labels":{"a":"x","b":"1"},"tier":"gold"}"#;
    use sha2::Digest as _;
    let expected: String = sha2::Sha256::digest(sorted.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(one.digest(), expected, "stores hold digests of this form");
}

#[test]
fn a_tenant_declares_no_more_than_it_may() {
    let layers = |tier: &str| {
        let mut layers = Layers::default();
        layers.insert(Document::parse("gold.yaml", tier, Some("gold")).unwrap());
        layers
    };
    let tenant = |body: &str| {
        let text = format!("tenant_config:\n  tier: gold\n{body}");
        Document::parse("acme.yaml", &text, Some("acme"))
    };
    let workloads = |count: usize| {
        let each = (0..count).map(|place| format!("    w{place}: {{}}\n"));
        format!("  workloads:\n{}", each.collect::<String>())
    };
    let queries = |count: usize| {
        let each = (0..count).map(|place| format!("      s{place}: {{ query: 'q{place}', per_replica: 1 }}\n"));
        format!("  autoscaling:\n    signals:\n{}", each.collect::<String>())
    };
    let told = |tier: &str, body: &str| {
        let told = tenant(body).and_then(|tenant| layers(tier).resolve(&tenant).map(|_| ()));
        told.err().map(|problems| problems.0.iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("; "))
    };
    let (none, raised) = ("tier_config: {}\n", "tier_config: { quota: { max_workloads: 1001, max_queries: 101 } }\n");
    assert_eq!(told(none, &workloads(1_000)), None);
    assert_eq!(told(none, &workloads(1_001)).unwrap(), "1001 workloads are declared, and the quota is 1000");
    assert_eq!(told(raised, &workloads(1_001)), None);
    assert_eq!(told(none, &queries(100)), None);
    assert_eq!(told(none, &queries(101)).unwrap(), "101 different queries are declared, and the quota is 100");
    assert_eq!(told(raised, &queries(101)), None);
    assert!(told(raised, &queries(102)).is_some());
    // One query counts once, wherever it is used.
    let same = queries(90).replace("'q89'", "'q0'");
    assert_eq!(told("tier_config: { quota: { max_queries: 89 } }\n", &same), None);
    let labels = |count: usize| (0..count).map(|place| format!("    l{place}: x\n")).collect::<String>();
    assert_eq!(told(none, &format!("  labels:\n{}", labels(64))), None);
    assert_eq!(told(none, &format!("  labels:\n{}", labels(65))).unwrap(), "these are 1 more labels than 64");
    let long = |length: usize| format!("  labels:\n    env: {}\n", "x".repeat(length));
    assert_eq!(told(none, &long(256)), None);
    assert!(told(none, &long(257)).unwrap().contains("may have 256 bytes, and one has more (257)"));
}

#[test]
fn each_way_of_keeping_a_tenant_apart_has_a_name() {
    for (text, level) in [
        ("shared", IsolationLevel::Shared),
        ("strict", IsolationLevel::Strict),
        ("dedicated", IsolationLevel::Dedicated),
    ] {
        let text =
            format!("tenant_config: {{ security: {{ isolation_level: {text} }}, workloads: {{ api: {{}} }} }}\n");
        let effective = Layers::default().resolve(&Document::parse("acme.yaml", &text, Some("acme")).unwrap()).unwrap();
        assert_eq!(effective.isolation(), level);
        assert!(effective.workloads().iter().all(|spec| spec.apart == (level != IsolationLevel::Shared)));
    }
}
