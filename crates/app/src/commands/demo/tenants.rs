//! The dozen tenants of the demo: real documents, applied as a user would.

use std::sync::Arc;

use tenantry_domain::spec::WorkloadSpec;
use tenantry_engine::driver::Declared as _;
use tenantry_engine::ports::store::{Authorship, Owner};
use tenantry_engine::tenants::{Applying, File, Tenants};
use tenantry_store::Store;

use crate::time;

/// Tenants with tier and region.
const TENANTS: [(&str, &str, &str); 12] = [
    ("aria-labs", "enterprise", "eu-west"),
    ("beatsmith", "pro", "us-east"),
    ("cadence-fm", "enterprise", "us-east"),
    ("chordless", "free", "eu-west"),
    ("drumline", "pro", "eu-west"),
    ("echo-chamber", "free", "us-east"),
    ("fermata", "pro", "us-east"),
    ("harmonia", "enterprise", "eu-west"),
    ("lofi-garden", "free", "eu-west"),
    ("opus-nine", "pro", "eu-west"),
    ("tempo-tap", "free", "us-east"),
    ("vinyl-ai", "pro", "us-east"),
];

/// Tenants that leave what a replica can serve to be learned.
const LEARNS: [&str; 2] = ["fermata", "vinyl-ai"];
const LEARNT: &str = "  autoscaling:
    signals:
      requests:
        type: request_rate
        query: sum by (tenant, workload) (rate(http_requests_total[1m]))
        per_replica: 70
        capacity: auto      # learned from the pods' cpu
        measures_at_zero: true
";

const SHARED: [(&str, &str); 6] = [
    (
        "defaults",
        "default_config:
  autoscaling:
    strategy: predictive
    signals:
      requests:
        type: request_rate
        query: sum by (tenant, workload) (rate(http_requests_total[1m]))
        per_replica: 70     # what HPA aims at
        capacity: 100       # what a replica can serve
        measures_at_zero: true
  budget: { replica_hour_usd: 0.08 }
",
    ),
    (
        "enterprise",
        "tier_config:\n  autoscaling: { min_replicas: 4, max_replicas: 80 }\n  objective: { availability: 99.9 }\n",
    ),
    ("pro", "tier_config:\n  autoscaling: { min_replicas: 2, max_replicas: 40 }\n  objective: { availability: 99 }\n"),
    ("free", "tier_config:\n  autoscaling: { min_replicas: 1, max_replicas: 15 }\n  objective: { availability: 95 }\n"),
    ("eu-west", "region_config: {}\n"),
    ("us-east", "region_config:\n  budget: { replica_hour_usd: 0.07 }\n"),
];

/// Declares the tenants and gives their workloads back.
pub(super) async fn declare(store: &Arc<Store>) -> anyhow::Result<Vec<WorkloadSpec>> {
    let file =
        |name: &str, text: String| File { source: format!("demo/{name}.yaml"), stem: Some(name.to_owned()), text };
    let mut files: Vec<File> = SHARED.iter().map(|(name, text)| file(name, (*text).to_owned())).collect();
    files.extend(TENANTS.iter().map(|(name, tier, region)| {
        let own = if LEARNS.contains(name) { LEARNT } else { "" };
        file(name, format!("tenant_config:\n  tier: {tier}\n  region: {region}\n  workloads: {{ api: {{}} }}\n{own}"))
    }));
    let tenants = Tenants::new(store.clone());
    let by = Authorship { author: "demo".to_owned(), at: time::now(), reason: "the demo's tenants".to_owned() };
    let how = Applying {
        owner: Owner::Api,
        by,
        dry_run: false,
        partial: false,
        removes: Default::default(),
        based_on: None,
        judged: Default::default(),
    };
    tenants.apply(&files, &how).await?;
    Ok(tenants.workloads().await?)
}
