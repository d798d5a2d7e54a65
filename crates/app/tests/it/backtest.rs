//! `tenantry backtest` on recorded load.

use crate::tenantry::Tenantry;

#[test]
fn response_times_are_told_and_an_objective_is_a_number_of_service_times_or_a_span() {
    let tenantry = Tenantry::new();
    let row = |step: i64| format!("{},{}\n", 1_700_000_000 + 300 * step, 100 + step % 50);
    tenantry.write("load.csv", &format!("timestamp,value\n{}", (0..1000).map(row).collect::<String>()));
    let run = |more: &str| tenantry.json(&format!("backtest --trace load.csv --policy hpa {more}"));
    let (plain, times, span) =
        (run(""), run("--latency-objective 4"), run("--service-time 100ms --latency-objective 400ms"));
    let figure = |report: &serde_json::Value, name: &str| report["results"][0][name].as_f64().unwrap();
    assert!(figure(&plain, "latency_mean") >= 1.0 && figure(&plain, "latency_p95") > 2.9, "{plain}");
    let violating = |report| figure(report, "violating_request_share");
    assert_eq!(violating(&plain), figure(&plain, "overloaded_request_share"));
    // Exponential service times: one in 55 takes four of them, even where nothing waits.
    assert!(violating(&times) > 0.018 && violating(&times) < 0.1, "{times}");
    assert!((violating(&times) - violating(&span)).abs() < 1e-3, "{} {}", violating(&times), violating(&span));
    assert!(times["assumptions"].to_string().contains("Erlang"));
    let refused = tenantry.says("backtest --trace load.csv --latency-objective 0");
    assert!(refused.contains("such as `8`, or a span such as `500ms`"), "{refused}");
}
