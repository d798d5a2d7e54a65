//! What the API server's answers mean to the engine.

use kube::Error;
use kube::core::Status;
use tenantry_domain::failure::with_causes;
use tenantry_engine::ports::cluster::ClusterError;

/// The cluster's error for a failed request on a target.
pub(crate) fn failure(verb: &'static str, target: &str, error: &Error) -> ClusterError {
    let target = target.to_owned();
    let Error::Api(status) = error else {
        return ClusterError::Unknown { verb, target, message: with_causes(error) };
    };
    let message = said(status);
    match status.code {
        401 | 403 => ClusterError::Forbidden { verb, target, message },
        404 => ClusterError::NotFound { target },
        409 => ClusterError::Conflict { target, message },
        429 => ClusterError::Throttled,
        code if code >= 500 => ClusterError::Unknown { verb, target, message },
        _ => ClusterError::Refused { target, message },
    }
}

/// The server's words, or at least its code.
pub(crate) fn said(status: &Status) -> String {
    if status.message.is_empty() { format!("status {}", status.code) } else { status.message.clone() }
}
