//! Setting sizes, fenced by the API server itself.

mod resize;

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v1::Scale;
use kube::Error;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{Selector, Status};
use serde_json::json;
use tenantry_domain::spec::ScaleTarget;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::cluster::{ClusterError, ScaleRequest};

use crate::connect::Connection;
use crate::events::Announcer;
use crate::failure::{failure, said};
use crate::kinds::Kinds;
use crate::lease::Fence;
use crate::objects::{self, Sized};
use crate::selector;

/// Field managers of Tenantry begin so; the epoch follows.
const MANAGER: &str = "tenantry-";

/// How often a write is tried whose object changed meanwhile without changing its size.
const ATTEMPTS: usize = 4;

enum Attempt {
    Done,
    /// The object has another version by now; the server's words.
    Changed(String),
}

/// What a scale subresource says.
pub(crate) struct Read {
    pub(crate) sized: Sized,
    /// Which pods are its, where it says so.
    pub(crate) selector: Option<Selector>,
}

/// Reads and writes scale subresources, and pods' resize subresource.
pub(crate) struct Scaler {
    connection: Connection,
    kinds: Arc<Kinds>,
    announcer: Announcer,
    pub(crate) fence: Option<Fence>,
}

impl Scaler {
    pub(crate) fn new(connection: Connection, kinds: Arc<Kinds>, announcer: Announcer) -> Self {
        Self { connection, kinds, announcer, fence: None }
    }

    async fn api(&self, target: &ScaleTarget) -> Result<Api<DynamicObject>, ClusterError> {
        let resource = self.kinds.resource(target).await?;
        Ok(Api::namespaced_with(self.connection.client.clone(), &target.namespace, &resource))
    }

    /// The size of an object whose kind's own fields do not tell it.
    pub(crate) async fn read(&self, target: &ScaleTarget, name: &str) -> Result<Read, ClusterError> {
        let api = self.api(target).await?;
        let scale = self.timed("read", &target.to_string(), api.get_scale(name)).await?;
        let spec = scale.spec.and_then(|spec| spec.replicas);
        let status = scale.status.unwrap_or_default();
        let sized = Sized {
            name: name.to_owned(),
            uid: scale.metadata.uid.unwrap_or_default(),
            version: scale.metadata.resource_version.unwrap_or_default(),
            current: Replicas::saturating(i64::from(spec.unwrap_or(0))),
            reported: Replicas::saturating(i64::from(status.replicas)),
        };
        Ok(Read { sized, selector: status.selector.as_deref().and_then(selector::parse) })
    }

    /// Sets a size. The field is taken over from others, as the size that the plan was made from is checked; it is not
    /// taken from a newer epoch.
    pub(crate) async fn scale(&self, request: &ScaleRequest) -> Result<(), ClusterError> {
        let target = request.target.to_string();
        let api = self.api(&request.target).await?;
        let mut version = request.version.clone();
        for _ in 0..ATTEMPTS {
            let attempt = if objects::is_watched(&request.target) {
                self.attempt(&api, request, &version).await?
            } else {
                self.compared(&api, request, &version).await?
            };
            match attempt {
                Attempt::Done => {
                    self.announcer.announce(request);
                    return Ok(());
                }
                // Its status changes whenever a pod does. What counts is that its size is the one that was read.
                Attempt::Changed(message) => {
                    let found = self.timed("read", &target, api.get_scale(&request.name)).await?;
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

    async fn attempt(
        &self,
        api: &Api<DynamicObject>,
        request: &ScaleRequest,
        version: &str,
    ) -> Result<Attempt, ClusterError> {
        let target = request.target.to_string();
        let answer = match self.apply(api, request, version, false).await {
            Err(Error::Api(status)) if is_owned(&status) => match overtaken(&status, request.generation.epoch) {
                Some(message) => return Err(ClusterError::Conflict { target, message }),
                None => {
                    self.check_lease(request.generation.epoch, &target).await?;
                    self.apply(api, request, version, true).await
                }
            },
            other => other,
        };
        attempted(answer, &target)
    }

    async fn apply(
        &self,
        api: &Api<DynamicObject>,
        request: &ScaleRequest,
        version: &str,
        force: bool,
    ) -> Result<Scale, Error> {
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
        let mut params = PatchParams::apply(&manager(request.generation.epoch));
        params.force = force;
        self.in_time(api.patch_scale(&request.name, &params, &Patch::Apply(&patch))).await
    }

    /// For kinds that know no server-side apply on their scale: the epoch that set the size last is compared at a
    /// version, and the API server refuses to write at any other.
    async fn compared(
        &self,
        api: &Api<DynamicObject>,
        request: &ScaleRequest,
        version: &str,
    ) -> Result<Attempt, ClusterError> {
        let target = request.target.to_string();
        let found = self.timed("read", &target, api.get_metadata(&request.name)).await?;
        let managers = found.metadata.managed_fields.unwrap_or_default();
        let newest = managers.iter().filter_map(|entry| epoch_of(entry.manager.as_deref()?)).max();
        if let Some(newest) = newest.filter(|newest| *newest > request.generation.epoch) {
            return Err(ClusterError::Conflict { target, message: format!("epoch {newest} is in charge of it") });
        }
        if newest.is_none() {
            self.check_lease(request.generation.epoch, &target).await?;
        }
        if found.metadata.resource_version.as_deref() != Some(version) {
            return Ok(Attempt::Changed("it has another version by now".to_owned()));
        }
        let patch = json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": request.to.get() } });
        let params = PatchParams { field_manager: Some(manager(request.generation.epoch)), ..PatchParams::default() };
        let patch = Patch::Merge(&patch);
        let asked = api.patch_scale(&request.name, &params, &patch);
        attempted(self.in_time(asked).await, &target)
    }

    /// An object without an epoch's mark does not say that a request's epoch is over; the lease does. A holder that comes
    /// after this question has not written yet, and will be refused at the version that this request is about to end.
    async fn check_lease(&self, epoch: u64, target: &str) -> Result<(), ClusterError> {
        let Some(fence) = &self.fence else { return Ok(()) };
        match fence.epoch().await {
            Ok(Some(newest)) if newest > epoch => {
                let (target, message) = (target.to_owned(), format!("epoch {newest} is in charge"));
                Err(ClusterError::Conflict { target, message })
            }
            Ok(_) => Ok(()),
            Err(error) => Err(failure("read the lease of", target, &error)),
        }
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
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
        self.in_time(asked).await.map_err(|error| failure(verb, target, &error))
    }
}

fn manager(epoch: u64) -> String {
    format!("{MANAGER}{epoch}")
}

fn epoch_of(manager: &str) -> Option<u64> {
    manager.strip_prefix(MANAGER)?.parse().ok()
}

fn attempted(answer: Result<Scale, Error>, target: &str) -> Result<Attempt, ClusterError> {
    match answer {
        Ok(_) => Ok(Attempt::Done),
        Err(Error::Api(status)) if status.code == 409 => Ok(Attempt::Changed(said(&status))),
        Err(error) => Err(failure("scale", target, &error)),
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
