//! What containers should request, over a server's API.

use std::process::ExitCode;

use serde::Deserialize;
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_engine::recommend::{Recommendation, Recommended};

use crate::cli::{Common, Recommend};
use crate::commands::recommend;
use crate::server::{Server, read};

pub(super) async fn recommend(common: &Common, server: &Server, asked: Recommend) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct One {
        tenant: TenantId,
        workload: WorkloadName,
        recommendations: Vec<Recommendation>,
        unmeasured: Option<String>,
    }
    let query = [("tenant", asked.tenant.map(String::from)), ("workload", asked.workload.map(|name| name.to_string()))];
    let mut all = Vec::new();
    for one in server.list("/v1/recommendations", &query, None).await? {
        let One { tenant, workload, recommendations: rows, unmeasured } = read(one)?;
        all.push(Recommended { key: WorkloadKey { tenant, workload }, rows, unmeasured });
    }
    recommend::told(common, all)
}
