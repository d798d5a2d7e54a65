//! Every scenario of the repository comes out as it expects, and the same each time.

use futures::executor::block_on;
use tenantry_sim::scenario::{Report, Scenario};

fn run(text: &str) -> Report {
    block_on(Scenario::parse("a scenario", text).unwrap_or_else(|error| panic!("{error}")).run())
}

#[test]
fn every_scenario_comes_out_as_it_expects() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let report = run(&text);
        assert!(report.broken.is_empty(), "cargo run -- simulate {}: {report:#?}", path.display());
        assert!(report.workloads.iter().any(|line| line.changes > 0), "nothing happened in {}", path.display());
        count += 1;
    }
    assert!(count >= 7, "only {count} scenarios were found");
}

const SMALL: &str = r#"
about = "steady load"
duration = "1h"
[[document]]
id = "acme"
text = """
tenant_config:
  autoscaling:
    signals: { requests: { type: request_rate, query: "sum by (tenant, workload) (rate(http_requests_total[1m]))", per_replica: 7 } }
  workloads: { api: {} }
"""
[[workload]]
key = "acme/api"
capacity = 10.0
initial = 1
load = { steps = [["0s", 35.0]] }
[[expect]]
key = "acme/api"
ends = [9, 9]
size = [2, 3]
short_share = 0.0
replica_hours = 0.1
changes = 0
no_shrinking = [["0s", "1h"]]
"#;

#[test]
fn what_is_expected_and_does_not_come_is_told() {
    let report = run(SMALL);
    assert_eq!(report.broken.len(), 5, "{report:#?}");
    assert_eq!(report.workloads[0].ends, 5);
    assert_eq!(run(SMALL), report);
}

#[test]
fn a_scenario_that_cannot_be_run_says_where_and_why() {
    for (find, replace, expected) in [
        ("duration = \"1h\"", "duration = \"1y\"", "duration"),
        ("duration = \"1h\"", "lasts = \"1h\"", "lasts"),
        ("duration = \"1h\"", "duration = \"90d\"", "at most"),
        ("per_replica", "per_replicas", "per_replica"),
        ("key = \"acme/api\"\ncapacity", "key = \"acme/web\"\ncapacity", "no workload of any document"),
        ("key = \"acme/api\"\nends", "key = \"acme/web\"\nends", "no [[workload]]"),
        ("capacity = 10.0", "capacity = 0.0", "above 0"),
        ("[\"0s\", 35.0]", "[\"1m\", 35.0]", "begin at `0s`"),
    ] {
        let text = SMALL.replacen(find, replace, 1);
        assert_ne!(text, SMALL, "{find}");
        let error = Scenario::parse("mine.toml", &text).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("mine.toml"), "{error}");
    }
}
