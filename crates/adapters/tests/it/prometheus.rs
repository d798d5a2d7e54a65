//! Against a real Prometheus that scrapes an exporter of the test.

use std::path::Path;
use std::time::Duration;

use tenantry_adapters::metrics::prometheus::{Prometheus, Settings};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::metrics::{MetricsSource, SourceError};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::server::{Server, response};

/// A counter that is reset after five scrapes, values that are no numbers, a series that ends after two scrapes, and one
/// whose exporter goes on telling what it measured last.
fn exposition(scrape: usize, began: i64) -> String {
    let count = if scrape < 5 { 1000 + scrape * 10 } else { (scrape - 5) * 10 };
    let ends = if scrape < 2 { "ends 1\n" } else { "" };
    format!(
        "# TYPE requests_total counter\nrequests_total{{tenant=\"acme\",workload=\"web\"}} {count}\n\
         nothing NaN\nendless +Inf\nscrapes {scrape}\n{ends}stopped 1000 {}\n",
        began + i64::try_from(scrape.min(4)).unwrap() * 200
    )
}

/// Starts Prometheus on a free port, and reads from its log which one.
async fn start(folder: &Path, exporter: &Server) -> (Child, String) {
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs: [{{job_name: test, static_configs: [{{targets: ['{}']}}]}}]\n",
        exporter.address
    );
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let mut child = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut address = None;
    while let Some(line) = lines.next_line().await.unwrap() {
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["msg"] == "Listening on"
            && let Some(said) = entry["address"].as_str()
        {
            address = Some(said.to_owned());
        }
        if entry["msg"] == "Server is ready to receive web requests." {
            break;
        }
    }
    // Its log must go on being read, or it blocks; the task ends with the log.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, address.expect("Prometheus says where it listens"))
}

fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
}

/// The first value of `query` once `want` holds for it.
async fn until(source: &Prometheus, query: &str, want: impl Fn(Option<f64>) -> bool) -> Option<f64> {
    for _ in 0..300 {
        let value = source.instant(query, now()).await.unwrap().samples.first().map(|sample| sample.value);
        if want(value) {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("`{query}` did not come to what is wanted");
}

#[tokio::test]
async fn a_real_prometheus_answers() {
    if std::process::Command::new("prometheus").arg("--version").output().is_err() {
        assert!(std::env::var_os("TENANTRY_REQUIRE_ALL").is_none_or(|all| all != "1"), "prometheus is not installed");
        println!("skipped: prometheus is not installed (apt-get install prometheus)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = "content-type: text/plain; version=0.0.4\r\n";
    let at = now().as_millis();
    let exporter = Server::start(move |scrape, _| Some(response("200 OK", text, &exposition(scrape, at)))).await;
    let (mut child, address) = start(folder.path(), &exporter).await;
    let began = now();
    let source = Prometheus::new(Settings::new("real", format!("http://{address}"))).unwrap();

    until(&source, "scrapes", |value| value >= Some(8.0)).await;
    let counter = source.instant("rate(requests_total[1m])", now()).await.unwrap();
    assert_eq!(counter.samples[0].labels["tenant"], "acme");
    assert!(counter.samples[0].value >= 0.0, "a reset is no negative rate: {:?}", counter.samples);
    assert!(until(&source, "nothing", |value| value.is_some()).await.unwrap().is_nan());
    assert_eq!(until(&source, "endless", |value| value.is_some()).await, Some(f64::INFINITY));
    until(&source, "ends", |value| value.is_none()).await;
    // A source that is no longer scraped leaves no sign of its end when its samples have times of their own.
    let brief = Settings { age_max: Some(Span::from_secs(2)), ..Settings::new("brief", format!("http://{address}")) };
    let brief = Prometheus::new(brief).unwrap();
    let forever = Settings { age_max: None, ..Settings::new("forever", format!("http://{address}")) };
    let forever = Prometheus::new(forever).unwrap();
    until(&brief, "stopped", |value| value.is_none()).await;
    assert_eq!(forever.instant("stopped", now()).await.unwrap().samples[0].value, 1000.0);
    assert!(brief.instant("rate(stopped[5m])", now()).await.unwrap().samples.is_empty());
    assert_eq!(brief.instant("sum(scrapes)", now()).await.unwrap().samples.len(), 1);
    assert_eq!(source.instant("1 + 1", now()).await.unwrap().samples[0].value, 2.0);
    let series = source.range("scrapes", began, now(), Span::from_millis(100)).await.unwrap();
    assert!(series[0].points.len() > 2 && series[0].points.is_sorted_by(|a, b| a.0 < b.0));
    let long =
        source.range("vector(1)", Timestamp::from_millis(0), Timestamp::from_millis(25_000_000), Span::from_secs(1));
    assert_eq!(long.await.unwrap()[0].points.len(), 25_001, "cut into questions the server accepts, and joined");
    let error = source.instant("rate(", now()).await.unwrap_err();
    assert!(matches!(error, SourceError::Refused { status: 400, .. }), "{error}");

    child.kill().await.unwrap();
    let alone = Settings { retries: 0, ..Settings::new("real", format!("http://{address}")) };
    let error = Prometheus::new(alone).unwrap().instant("up", now()).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
}
