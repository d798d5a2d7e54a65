//! What the screen shows of a picture, key by key.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tenantry_domain::time::Timestamp;

use super::*;

const AT: i64 = 1_800_000_000_000;

fn workload(tenant: &str, name: &str, size: u32, decided: u32, other: &Value) -> Value {
    let mut status = json!({
        "key": { "tenant": tenant, "workload": name }, "at": AT, "target": format!("Deployment {tenant}/{name}"),
        "strategy": "predictive", "bounds": [2, 50], "current": size, "ready": size - 1,
        "wanted": decided, "decided": decided, "hold": null,
        "signals": [{
            "name": "request_rate", "target": { "per_replica": 70_000 }, "now": { "Ok": 410_500 },
            "expected": 600_000, "trusted": size > 5,
        }],
        "startup_delay": "45s", "hour_cost": 80_000 * i64::from(size), "blind_since": null, "trouble": null,
    });
    for (field, value) in other.as_object().unwrap() {
        status[field] = value.clone();
    }
    status
}

fn screen() -> Screen {
    let workloads = json!([
        workload("acme", "api", 6, 9, &json!({})),
        workload("acme", "web", 4, 4, &json!({ "hold": "steady" })),
        workload("beta", "jobs", 3, 3, &json!({ "hold": "blind", "blind_since": AT, "hour_cost": null })),
        workload("zeta", "api", 9, 9, &json!({ "hold": "waiting", "trouble": "the API server refused it" })),
    ]);
    let controllers = json!([{
        "holder": "one", "at": AT, "started_at": AT, "leading": true, "acts": true, "period": "10s",
        "generation": { "epoch": 1, "cycle": 7 }, "took": "12ms", "workloads": 4, "failed_queries": [], "troubles": [],
    }]);
    let mut screen = Screen::default();
    screen.show(Picture {
        now: Timestamp::from_millis(AT + 2000),
        workloads: serde_json::from_value(workloads).unwrap(),
        controllers: Some(serde_json::from_value(controllers).unwrap()),
        decisions: vec!["2027-01-15T08:00:00Z  2s ago".into(), "  saw        6 replicas asked for, 5 ready".into()],
        banner: vec![],
    });
    screen
}

fn check(keys: &str, expected: &Expect) {
    let mut screen = screen();
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '<' => KeyCode::Esc,
            'v' => KeyCode::Down,
            other => KeyCode::Char(other),
        };
        screen.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    let mut terminal = Terminal::new(TestBackend::new(126, 12)).unwrap();
    terminal.draw(|frame| draw::draw(frame, &mut screen)).unwrap();
    let text = terminal.backend().to_string();
    let lines: Vec<&str> = text.lines().map(|line| line.trim_matches('"').trim_end()).collect();
    expected.assert_eq(&(lines.join("\n").trim_end().to_owned() + "\n"));
}

#[test]
fn workloads_are_shown_with_load_expectation_cost_and_alerts() {
    check(
        "",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        WORKLOAD                        STRATEGY   SIZE     READY  RANGE    STATE            SIGNAL        NOW      EXPECTED  COST/H
        acme/api                        predictive 6→9      5      2-50     scaling          request_rate  410      600       $0.48
        acme/web                        predictive 4        3      2-50     steady           request_rate  410      (600)     $0.32
        beta/jobs                       predictive 3        2      2-50     blind            request_rate  410      (600)     -
        zeta/api                        predictive 9        8      2-50     waiting          request_rate  410      600       $0.72



        ↑↓ move  Enter open  t tenants  s sort (name)  / filter  q quit
    "#]],
    );
}

#[test]
fn rows_are_sorted_and_filtered_by_keys() {
    check(
        "ss",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        WORKLOAD                        STRATEGY   SIZE     READY  RANGE    STATE            SIGNAL        NOW      EXPECTED  COST/H
        zeta/api                        predictive 9        8      2-50     waiting          request_rate  410      600       $0.72
        acme/api                        predictive 6→9      5      2-50     scaling          request_rate  410      600       $0.48
        acme/web                        predictive 4        3      2-50     steady           request_rate  410      (600)     $0.32
        beta/jobs                       predictive 3        2      2-50     blind            request_rate  410      (600)     -



        ↑↓ move  Enter open  t tenants  s sort (cost)  / filter  q quit
    "#]],
    );
    check(
        "/api\n",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        WORKLOAD                        STRATEGY   SIZE     READY  RANGE    STATE            SIGNAL        NOW      EXPECTED  COST/H
        acme/api                        predictive 6→9      5      2-50     scaling          request_rate  410      600       $0.48
        zeta/api                        predictive 9        8      2-50     waiting          request_rate  410      600       $0.72





        ↑↓ move  Enter open  t tenants  s sort (name)  / filter  filter `api`  q quit
    "#]],
    );
    check(
        "/nothing\n",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        nothing passes the filter







        ↑↓ move  Enter open  t tenants  s sort (name)  / filter  filter `nothing`  q quit
    "#]],
    );
}

#[test]
fn tenants_are_added_up_and_open_as_their_workloads() {
    check(
        "t",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        TENANT                                                           WORKLOADS  SIZE         READY    HELD     TROUBLE  COST/H
        acme                                                             2          10→13        8        0        0        $0.80
        beta                                                             1          3            2        1        1        -
        zeta                                                             1          9            8        1        1        $0.72




        ↑↓ move  Enter open  t workloads  s sort (name)  / filter  q quit
    "#]],
    );
    check(
        "t\n",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        WORKLOAD                        STRATEGY   SIZE     READY  RANGE    STATE            SIGNAL        NOW      EXPECTED  COST/H
        acme/api                        predictive 6→9      5      2-50     scaling          request_rate  410      600       $0.48
        acme/web                        predictive 4        3      2-50     steady           request_rate  410      (600)     $0.32





        ↑↓ move  Enter open  t tenants  s sort (name)  / filter  filter `acme/`  q quit
    "#]],
    );
}

#[test]
fn a_workload_opens_with_its_decisions_and_closes_again() {
    check(
        "v\n",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        acme/web
        Deployment acme/web  predictive  2-50 replicas  a replica takes 45s to start
        request_rate: 410 now, 600 expected, without a say, target 70/replica

        2027-01-15T08:00:00Z  2s ago
          saw        6 replicas asked for, 5 ready


        ↑↓ scroll  Esc back  q quit
    "#]],
    );
    check(
        "v\n<",
        &expect![[r#"
        tenantry  2027-01-15T08:00:02Z  4 workloads  22 replicas  $1.52 an hour  2 in trouble
        one in charge  cycle 1.7 took 12ms of 10s  heard of 2s ago
        ! beta/jobs: blind  and 1 more: `tenantry status` says what to do
        WORKLOAD                        STRATEGY   SIZE     READY  RANGE    STATE            SIGNAL        NOW      EXPECTED  COST/H
        acme/api                        predictive 6→9      5      2-50     scaling          request_rate  410      600       $0.48
        acme/web                        predictive 4        3      2-50     steady           request_rate  410      (600)     $0.32
        beta/jobs                       predictive 3        2      2-50     blind            request_rate  410      (600)     -
        zeta/api                        predictive 9        8      2-50     waiting          request_rate  410      600       $0.72



        ↑↓ move  Enter open  t tenants  s sort (name)  / filter  q quit
    "#]],
    );
}

#[test]
fn q_ends_it_and_no_other_letter_while_typing() {
    let press = |screen: &mut Screen, letter| screen.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
    let mut screen = screen();
    assert_eq!(press(&mut screen, '/'), Wish::Redraw);
    assert_eq!(press(&mut screen, 'q'), Wish::Redraw);
    screen.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
    assert_eq!(press(&mut screen, 'q'), Wish::Quit);
}
