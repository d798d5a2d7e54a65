//! Errors of the use cases as problem documents. What a caller may read is apart from what stands in the log.

use http::StatusCode;
use tenantry_domain::config::Problems;
use tenantry_engine::audit::AuditError;
use tenantry_engine::ports::store::StoreError;
use tenantry_engine::record::RecordError;
use tenantry_engine::tenants::TenantsError;
use tracing::{error, warn};

use crate::problem::{ConfigurationProblem, Problem};

/// After a store that did not answer, seconds until it is worth asking again.
const STORE_RETRY_SECONDS: u64 = 2;

fn listed(problems: Problems) -> Vec<ConfigurationProblem> {
    let one = |problem: tenantry_domain::config::Problem| {
        let tenantry_domain::config::Problem { file, line, column, field, message, excerpt: _, help } = problem;
        ConfigurationProblem { file, line, column, field, message, help }
    };
    problems.0.into_iter().map(one).collect()
}

impl From<TenantsError> for Problem {
    fn from(error: TenantsError) -> Self {
        let code = error.code();
        let (status, title) = match &error {
            TenantsError::Problems { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "the configuration has problems"),
            TenantsError::NoField { .. } => (StatusCode::NOT_FOUND, "the configuration has no such field"),
            TenantsError::NotOwner { .. } => (StatusCode::CONFLICT, "the document is written from somewhere else"),
            // One that was never there reads as one that may not be seen.
            TenantsError::NoDocument { .. } => return Self::not_found(),
            TenantsError::NoWorkload { .. } => (StatusCode::NOT_FOUND, "the tenant has no such workload"),
            TenantsError::NoRevision { .. } => (StatusCode::NOT_FOUND, "the document has no such revision"),
            TenantsError::Stale { .. } => (StatusCode::CONFLICT, "the document has changed meanwhile"),
            TenantsError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, ""),
        };
        match error {
            TenantsError::Store(error) => error.into(),
            TenantsError::Problems { problems } | TenantsError::NoField { problems } => {
                let count = problems.0.len();
                let found = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
                let detail = format!("{found} found; nothing was changed");
                let mut problem = Self::coded(status, code, title, detail);
                problem.problems = listed(problems);
                problem
            }
            other => Self::coded(status, code, title, other.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(failed: StoreError) -> Self {
        let code = failed.code();
        match &failed {
            StoreError::Stale { .. } => {
                Self::coded(StatusCode::CONFLICT, code, "the document has changed meanwhile", failed.to_string())
            }
            StoreError::Owned { .. } => Self::coded(
                StatusCode::CONFLICT,
                code,
                "the document is written from somewhere else",
                failed.to_string(),
            ),
            StoreError::Full { .. } | StoreError::Unavailable { .. } | StoreError::Keys { passes: true, .. } => {
                warn!(error = &failed as &dyn std::error::Error, "the store did not do it");
                let detail = "nothing was changed; it may be tried again";
                Self::coded(StatusCode::SERVICE_UNAVAILABLE, code, "the store did not answer", detail)
                    .again_after(STORE_RETRY_SECONDS)
            }
            StoreError::Refused { .. } => {
                warn!(error = &failed as &dyn std::error::Error, "the store refused");
                let detail = "the store does not take it; texts may hold no zero character";
                Self::coded(StatusCode::UNPROCESSABLE_ENTITY, code, "the store refused it", detail)
            }
            StoreError::TooNew { .. }
            | StoreError::Open { .. }
            | StoreError::NotEmpty { .. }
            | StoreError::Keys { .. }
            | StoreError::Corrupt { .. } => {
                error!(error = &failed as &dyn std::error::Error, "the store cannot be read");
                let detail = "what the store holds cannot be read; the server's log says more";
                Self::coded(StatusCode::INTERNAL_SERVER_ERROR, code, "the store cannot be read", detail)
            }
        }
    }
}

impl From<RecordError> for Problem {
    fn from(failed: RecordError) -> Self {
        error!(error = &failed as &dyn std::error::Error, "a record does not hold");
        let detail = "the record does not hold; the server's log says more";
        Self::coded(StatusCode::INTERNAL_SERVER_ERROR, failed.code(), "the record cannot be read", detail)
    }
}

impl From<AuditError> for Problem {
    fn from(failed: AuditError) -> Self {
        match failed {
            AuditError::Store(error) => error.into(),
            AuditError::NoLog { .. } | AuditError::NoEntry { .. } => Self::not_found(),
            AuditError::Broken { .. }
            | AuditError::RolledBack { .. }
            | AuditError::Unreadable { .. }
            | AuditError::Index { .. }
            | AuditError::Garbled { .. }
            | AuditError::Signing(_)
            | AuditError::OtherKey { .. } => {
                error!(error = &failed as &dyn std::error::Error, "an audit log is not what it was");
                let detail = "the log is not what it was; the server's log says more";
                Self::coded(StatusCode::INTERNAL_SERVER_ERROR, failed.code(), "the audit log cannot be read", detail)
            }
        }
    }
}
