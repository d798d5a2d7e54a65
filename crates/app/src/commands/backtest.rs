//! `tenantry backtest`: what each way of scaling would have cost on recorded load, before anything is switched on.

mod html;
pub(super) mod load;
mod plot;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use tenantry_domain::config::{Document, Layers};
use tenantry_domain::unit::Span;
use tenantry_sim::backtest::{Between, LeftOut, PolicyName, Replayed, Report, Trace, World, replay};

use super::recorded;
use crate::cli::Common;
use crate::output::{self, Format};
use crate::{parallel, terminal};

/// What to replay, in which world.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tenantry backtest --trace load.csv
  tenantry backtest --trace traces/ --error-budget 0.5% -o json > report.json
  tenantry backtest --trace traces/ -o html > report.html
  tenantry backtest --prometheus http://localhost:9090 --query 'sum(rate(http_requests_total[1m]))' \\
      --from 2026-10-01T00:00:00Z --to 2026-10-15T00:00:00Z
  tenantry backtest --trace load.csv --config tenants/acme.yaml --replica-capacity 70 --policy hpa,tenantry,oracle

A trace is CSV with a column `timestamp` (RFC 3339, or seconds or milliseconds since 1970) and one of values; the first
value column is the load. The second half is scored. Every assumption is told in the report. Ends with 0 when at least
one trace was replayed.")]
pub(crate) struct Backtest {
    /// Recorded load: CSV files, or folders of them
    #[arg(long, value_name = "FILE|DIR", num_args = 1.., required_unless_present = "prometheus")]
    trace: Vec<PathBuf>,
    /// Take the load from a server of Prometheus' query API
    #[arg(long, value_name = "URL", requires_all = ["query", "from", "to"])]
    prometheus: Option<String>,
    /// What to ask it; each series of the answer is a trace
    #[arg(long, value_name = "PROMQL", requires = "prometheus")]
    query: Option<String>,
    /// From when
    #[arg(long, value_name = "TIME", requires = "prometheus")]
    from: Option<jiff::Timestamp>,
    /// Until when
    #[arg(long, value_name = "TIME", requires = "prometheus")]
    to: Option<jiff::Timestamp>,
    /// Resolution of what is asked from Prometheus
    #[arg(long, value_name = "SPAN", default_value = "1m", requires = "prometheus")]
    step: Span,
    /// A tenant's document: its limits hold, and its cpu threshold is HPA's target
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which policies, by comma: fixed, hpa, hpa-tuned, hpa-hindsight, keda, scheduled, aws-predictive, tenantry, oracle [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = policy)]
    policy: Vec<PolicyName>,
    /// How long a started replica takes to serve
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    startup_delay: Span,
    /// How long it takes until what is measured is seen
    #[arg(long, value_name = "SPAN", default_value = "15s")]
    scrape_delay: Span,
    /// What one measurement is the mean of: Kubernetes' own metrics have 15s, `rate(...[1m])` 60s
    #[arg(long, value_name = "SPAN", default_value = "15s")]
    metric_window: Span,
    /// Load that a ready replica carries at the service level; `auto` has 30 replicas carry the 99.9 % quantile
    #[arg(long, value_name = "LOAD|auto", default_value = "auto", value_parser = capacity)]
    replica_capacity: Capacity,
    /// Share of requests that may be outside the objective, such as `1%` or `0.005`
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = share)]
    error_budget: f64,
    /// What a replica takes for a request that does not wait
    #[arg(long, value_name = "SPAN", default_value = "50ms")]
    service_time: Span,
    /// What a request may take: so many service times, or a span such as `500ms`; then those are outside the objective that
    /// take longer by the formula for queues, in place of all requests of an overloaded step
    #[arg(long, value_name = "TIMES|SPAN", value_parser = objective)]
    latency_objective: Option<Objective>,
    /// How load goes between samples: `line`, or `hold` for steps
    #[arg(long, value_name = "HOW", default_value = "line", value_parser = between)]
    between: Between,
    /// Fluctuation between samples, one standard deviation relative to the load
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = share)]
    fluctuation: f64,
    /// Seed of the fluctuation
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Load that a replica carries, where it is declared.
#[derive(Debug, Clone, Copy)]
struct Capacity(Option<f64>);

fn capacity(text: &str) -> Result<Capacity, String> {
    if text == "auto" {
        return Ok(Capacity(None));
    }
    match text.parse::<f64>() {
        Ok(load) if load > 0.0 && load.is_finite() => Ok(Capacity(Some(load))),
        _ => Err("it is `auto`, or a load above zero".to_owned()),
    }
}

/// What a request may take.
#[derive(Debug, Clone, Copy)]
enum Objective {
    /// So many service times.
    Times(f64),
    /// So long.
    Span(Span),
}

fn objective(text: &str) -> Result<Objective, String> {
    let said = "it is a number of service times above 0 such as `8`, or a span such as `500ms`";
    match (text.parse::<f64>(), text.parse::<Span>()) {
        (Ok(times), _) if times > 0.0 && times.is_finite() => Ok(Objective::Times(times)),
        (Err(_), Ok(span)) if span.as_millis() > 0 => Ok(Objective::Span(span)),
        _ => Err(said.to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 0.01));
    match number.trim().parse::<f64>() {
        Ok(share) if (0.0..1.0).contains(&(share * unit)) => Ok(share * unit),
        _ => Err("it is a share such as `1%` or `0.01`, from 0 to under 1".to_owned()),
    }
}

fn between(text: &str) -> Result<Between, String> {
    match text {
        "line" => Ok(Between::Line),
        "hold" => Ok(Between::Hold),
        _ => Err("it is `line` or `hold`".to_owned()),
    }
}

fn policy(text: &str) -> Result<PolicyName, String> {
    let known = || PolicyName::ALL.map(PolicyName::as_str).join(", ");
    PolicyName::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| format!("there are {}", known()))
}

/// Replays every trace; a folder goes on without those that cannot be.
pub(crate) async fn run(common: &Common, asked: Backtest) -> anyhow::Result<ExitCode> {
    let world = world(&asked)?;
    let mut policies = if asked.policy.is_empty() { PolicyName::ALL.to_vec() } else { asked.policy.clone() };
    policies.sort_unstable();
    policies.dedup();
    let (traces, unread) = match &asked.prometheus {
        Some(url) => (load::ask(url, &asked).await?, Vec::new()),
        None => load::read(&asked.trace)?,
    };
    let (replayed, refused) = replay_all(&traces, &world, &policies);
    let left_out: Vec<LeftOut> = unread.into_iter().chain(refused).collect();
    if replayed.is_empty() {
        return Err(recorded::nothing("replayed", &left_out));
    }
    let report = Report::new(&replayed, left_out, &world);
    if common.output == Format::Html {
        terminal::say(&html::of(&report, &replayed, &world));
    } else {
        output::say(common.output, &report, show::table)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A span of the world in seconds; none of them is longer than an hour.
fn seconds(flag: &str, span: Span) -> anyhow::Result<u32> {
    let seconds = u32::try_from(span.as_millis().div_ceil(1000)).ok().filter(|seconds| *seconds <= 3600);
    seconds.with_context(|| format!("{flag} is {span}: it must be an hour or less"))
}

fn world(asked: &Backtest) -> anyhow::Result<World> {
    let mut world = World {
        startup_delay_secs: seconds("--startup-delay", asked.startup_delay)?,
        scrape_delay_secs: seconds("--scrape-delay", asked.scrape_delay)?,
        metric_window_secs: seconds("--metric-window", asked.metric_window)?,
        replica_capacity: asked.replica_capacity.0,
        error_budget: asked.error_budget,
        between: asked.between,
        fluctuation: asked.fluctuation,
        seed: asked.seed,
        service_time_ms: match u32::try_from(asked.service_time.as_millis()) {
            Ok(millis @ 1..) => millis,
            _ => bail!("--service-time {} is not from 1ms to 49 days", asked.service_time),
        },
        latency_objective: asked.latency_objective.map(|objective| match objective {
            Objective::Times(times) => times,
            Objective::Span(span) => span.as_duration().as_secs_f64() / asked.service_time.as_duration().as_secs_f64(),
        }),
        ..World::default()
    };
    if let Some(path) = &asked.config {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
        let document = Document::parse(&shown, &text, path.file_stem().and_then(|stem| stem.to_str()))?;
        let effective = Layers::default().resolve(&document)?;
        let number = |path: &str| effective.value().pointer(path).and_then(serde_json::Value::as_u64);
        let replicas = |path: &str| number(path).and_then(|number| u32::try_from(number).ok());
        world.min_replicas = replicas("/autoscaling/min_replicas").unwrap_or(world.min_replicas).max(1);
        world.max_replicas = replicas("/autoscaling/max_replicas").unwrap_or(world.max_replicas);
        if let Some(percent) = replicas("/autoscaling/metrics/cpu_threshold") {
            world.hpa_target = f64::from(percent.clamp(1, 100)) / 100.0;
        }
    }
    Ok(world)
}

/// All traces, with their progress.
fn replay_all(traces: &[Trace], world: &World, policies: &[PolicyName]) -> (Vec<Replayed>, Vec<LeftOut>) {
    let found = parallel::each(
        traces,
        |trace| replay(trace, world, policies),
        |done, trace| terminal::progress(&format!("backtest: {done} of {} traces, {}", traces.len(), trace.name)),
    );
    terminal::progress_ends();
    let (mut all, mut left_out) = (Vec::new(), Vec::new());
    for (trace, result) in traces.iter().zip(found) {
        match result {
            Ok(replayed) => all.push(replayed),
            Err(refused) => left_out.push(LeftOut { trace: trace.name.clone(), reason: refused.to_string() }),
        }
    }
    (all, left_out)
}
