//! What reading and resolving a tenant's configuration takes:
//! `cargo run --release -p tenantry-domain --example resolve`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program at the edge: it times itself and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use tenantry_domain::config::{Document, Layers, Problems};

const ROUNDS: u32 = 20_000;

fn main() -> Result<(), Problems> {
    let mut layers = Layers::default();
    let shared = [
        ("defaults.yaml", "default_config:\n  autoscaling: { stale_after: 90s, metrics: { cpu_threshold: 75 } }\n"),
        ("gold.yaml", "tier_config:\n  autoscaling: { min_replicas: 3, strategy: predictive }\n"),
        ("eu.yaml", "region_config:\n  budget: { replica_hour_usd: 0.05 }\n"),
    ];
    for (file, text) in shared {
        layers.insert(Document::parse(file, text, file.strip_suffix(".yaml"))?);
    }
    let text = "tenant_config:\n  tenant: acme\n  tier: gold\n  region: eu\n  autoscaling:\n    enabled: true\n    \
        max_replicas: 50\n    metrics: { cpu_threshold: 70, memory_threshold: 80 }\n  monitoring: { real_time: true, \
        metrics_retention: 30d, alert_channels: [slack, email, webhook] }\n  security: { encryption: AES-256, \
        isolation_level: strict, audit_logging: true }\n  performance: { cache_ttl: 3600, connection_pool: 100, \
        circuit_breaker: true }\n  workloads: { api: {} }\n";
    let each = |clock: Instant| clock.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
    let clock = Instant::now();
    for _ in 0..ROUNDS {
        black_box(Document::parse("acme.yaml", black_box(text), None)?);
    }
    println!("read and check a document      {:>7.1} us", each(clock));
    let tenant = Document::parse("acme.yaml", text, None)?;
    let clock = Instant::now();
    for _ in 0..ROUNDS {
        black_box(layers.resolve(black_box(&tenant))?);
    }
    println!("resolve four layers            {:>7.1} us", each(clock));
    let effective = layers.resolve(&tenant)?;
    let clock = Instant::now();
    for _ in 0..ROUNDS {
        black_box(black_box(&effective).workloads());
    }
    println!("make the workloads' specs      {:>7.1} us", each(clock));
    Ok(())
}
