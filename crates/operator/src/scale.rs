//! Setting sizes, fenced by the API server itself.

use k8s_openapi::api::autoscaling::v1::Scale;
use kube::Error;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::Status;
use serde_json::json;
use tenantry_domain::spec::ScaleTarget;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::cluster::{ClusterError, ScaleRequest};

use crate::cluster::{name_of, resource};
use crate::connect::Connection;
use crate::events::Announcer;
use crate::failure::{failure, said};
use crate::objects::Sized;

/// Field managers of Tenantry begin so; the epoch follows.
const MANAGER: &str = "tenantry-";

/// How often a write is tried whose object changed meanwhile without changing its size.
const ATTEMPTS: usize = 4;

enum Attempt {
    Done,
    /// The object has another version by now; the server's words.
    Changed(String),
}

/// Reads and writes scale subresources.
pub(crate) struct Scaler {
    connection: Connection,
    announcer: Announcer,
}

impl Scaler {
    pub(crate) fn new(connection: Connection, announcer: Announcer) -> Self {
        Self { connection, announcer }
    }

    fn api(&self, target: &ScaleTarget) -> Api<DynamicObject> {
        Api::namespaced_with(self.connection.client.clone(), &target.namespace, &resource(target))
    }

    /// The size of an object whose kind is not watched.
    pub(crate) async fn read(&self, target: &ScaleTarget) -> Result<Sized, ClusterError> {
        let shown = target.to_string();
        let Some(name) = name_of(target) else {
            let message = "objects of this kind are found by `name` only, not by `selector`".to_owned();
            return Err(ClusterError::Refused { target: shown, message });
        };
        let scale = self.timed("read", &shown, self.api(target).get_scale(name)).await?;
        let spec = scale.spec.and_then(|spec| spec.replicas);
        Ok(Sized {
            name: name.to_owned(),
            uid: scale.metadata.uid.unwrap_or_default(),
            version: scale.metadata.resource_version.unwrap_or_default(),
            current: Replicas::saturating(i64::from(spec.unwrap_or(0))),
            reported: Replicas::saturating(i64::from(scale.status.map_or(0, |status| status.replicas))),
        })
    }

    /// Sets a size. The field is taken over from others, as the size that the plan was made from is checked; it is not
    /// taken from a newer epoch.
    pub(crate) async fn scale(&self, request: &ScaleRequest) -> Result<(), ClusterError> {
        let target = request.target.to_string();
        let mut version = request.version.clone();
        for _ in 0..ATTEMPTS {
            match self.attempt(request, &version).await? {
                Attempt::Done => {
                    self.announcer.announce(request);
                    return Ok(());
                }
                // Its status changes whenever a pod does. What counts is that its size is the one that was read.
                Attempt::Changed(message) => {
                    let asked = async { self.api(&request.target).get_scale(&request.name).await };
                    let found = self.timed("read", &target, asked).await?;
                    let size = found.spec.and_then(|spec| spec.replicas).map(i64::from);
                    if size == Some(request.to.as_i64()) {
                        return Ok(());
                    }
                    if size != Some(request.from.as_i64()) {
                        return Err(ClusterError::Conflict { target, message });
                    }
                    version = found.metadata.resource_version.unwrap_or_default();
                }
            }
        }
        Err(ClusterError::Conflict { target, message: "it changes faster than it can be read".to_owned() })
    }

    async fn attempt(&self, request: &ScaleRequest, version: &str) -> Result<Attempt, ClusterError> {
        let target = request.target.to_string();
        let answer = match self.apply(request, version, false).await {
            Err(Error::Api(status)) if is_owned(&status) => match overtaken(&status, request.generation.epoch) {
                Some(message) => return Err(ClusterError::Conflict { target, message }),
                None => self.apply(request, version, true).await,
            },
            other => other,
        };
        match answer {
            Ok(_) => Ok(Attempt::Done),
            Err(Error::Api(status)) if status.code == 409 => Ok(Attempt::Changed(said(&status))),
            Err(error) => Err(failure("scale", &target, &error)),
        }
    }

    async fn apply(&self, request: &ScaleRequest, version: &str, force: bool) -> Result<Scale, Error> {
        let patch = json!({
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {
                "name": request.name,
                "namespace": request.target.namespace,
                "resourceVersion": version,
            },
            "spec": { "replicas": request.to.get() },
        });
        let mut params = PatchParams::apply(&format!("{MANAGER}{}", request.generation.epoch));
        params.force = force;
        let asked =
            async { self.api(&request.target).patch_scale(&request.name, &params, &Patch::Apply(&patch)).await };
        match tokio::time::timeout(self.connection.timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Service("no answer came in time".into())),
        }
    }

    async fn timed<T>(
        &self,
        verb: &'static str,
        target: &str,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(self.connection.timeout, asked).await {
            Ok(answer) => answer.map_err(|error| failure(verb, target, &error)),
            Err(_) => {
                let message = "no answer came in time".to_owned();
                Err(ClusterError::Unknown { verb, target: target.to_owned(), message })
            }
        }
    }
}

/// Whether an apply was refused because others own the field, and not because the object changed.
fn is_owned(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 409 && causes.into_iter().any(|cause| cause.reason == "FieldManagerConflict")
}

/// The refusal's words when a newer epoch owns the field.
fn overtaken(status: &Status, epoch: u64) -> Option<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let newest = causes
        .filter_map(|cause| cause.message.split(MANAGER).nth(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok())
        .max()?;
    (newest > epoch).then(|| format!("epoch {newest} is in charge of it: {}", said(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(messages: &[&str]) -> Status {
        let causes: Vec<_> = messages
            .iter()
            .map(|message| json!({ "reason": "FieldManagerConflict", "message": message, "field": ".spec.replicas" }))
            .collect();
        serde_json::from_value(json!({ "code": 409, "reason": "Conflict", "details": { "causes": causes } })).unwrap()
    }

    #[test]
    fn only_a_newer_epoch_overtakes() {
        let by = |manager: &str| refusal(&[&format!("conflict with \"{manager}\" with subresource \"scale\"")]);
        assert!(overtaken(&by("tenantry-8"), 7).is_some());
        assert!(overtaken(&by("tenantry-7"), 7).is_none());
        assert!(overtaken(&by("tenantry-6"), 7).is_none());
        assert!(overtaken(&by("kubectl"), 7).is_none());
        assert!(is_owned(&by("kubectl")));
        let changed: Status = serde_json::from_value(json!({ "code": 409, "reason": "Conflict" })).unwrap();
        assert!(!is_owned(&changed));
    }
}
