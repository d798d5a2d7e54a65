//! Whether Tenantry may do what it needs to.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use serde::Serialize;

use crate::connect::{ConnectError, Connection};

/// Something that must be allowed: group, resource with its subresource, verbs, what it is for.
const NEEDED: [(&str, &str, &[&str], &str); 7] = [
    ("", "pods", &["list", "watch"], "see which replicas serve"),
    ("apps", "deployments", &["list", "watch"], "see workloads"),
    ("apps", "replicasets", &["list", "watch"], "tell whose a pod is"),
    ("apps", "deployments/scale", &["patch"], "set sizes"),
    ("autoscaling", "horizontalpodautoscalers", &["list", "watch"], "leave workloads of other autoscalers alone"),
    ("coordination.k8s.io", "leases", &["get", "create", "update"], "be the only controller that acts"),
    ("events.k8s.io", "events", &["create"], "tell what was done"),
];

/// A permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// Such as `patch deployments/scale`.
    pub what: String,
    /// What it is needed for.
    pub purpose: String,
    /// Whether it is granted.
    pub allowed: bool,
}

/// Asks the API server for each permission that Tenantry needs, with its lease in `lease_namespace`.
///
/// # Errors
/// [`ConnectError::Unreachable`].
pub async fn permissions(connection: &Connection, lease_namespace: &str) -> Result<Vec<Permission>, ConnectError> {
    let api: Api<SelfSubjectAccessReview> = Api::all(connection.client.clone());
    let mut found = Vec::new();
    for (group, resource, verbs, purpose) in NEEDED {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        for verb in verbs {
            let attributes = ResourceAttributes {
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: (!subresource.is_empty()).then(|| subresource.to_owned()),
                verb: Some((*verb).to_owned()),
                namespace: if resource == "leases" {
                    Some(lease_namespace.to_owned())
                } else {
                    connection.namespace.clone()
                },
                ..ResourceAttributes::default()
            };
            let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
            let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
            let answer = api.create(&PostParams::default(), &review).await.map_err(|error| {
                ConnectError::Unreachable { url: connection.url.clone(), message: error.to_string() }
            })?;
            let slash = if subresource.is_empty() { "" } else { "/" };
            found.push(Permission {
                what: format!("{verb} {resource}{slash}{subresource}"),
                purpose: purpose.to_owned(),
                allowed: answer.status.is_some_and(|status| status.allowed),
            });
        }
    }
    Ok(found)
}
