//! One controller at a time, by a `coordination.k8s.io` Lease. Its count of transitions is the epoch.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use k8s_openapi::api::coordination::v1::{Lease as Object, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff;
use kube::api::{Api, ObjectMeta, PostParams};
use tenantry_engine::ports::cluster::{Lease, LeaseError};
use tokio::sync::Mutex;

use crate::connect::Connection;

/// A Lease object.
pub struct KubernetesLease {
    api: Api<Object>,
    name: String,
    holder: String,
    term: Duration,
    timeout: Duration,
    /// The version seen last, and since when by our own clock: another's clock is not trusted.
    seen: Mutex<Option<(String, Instant)>>,
}

impl std::fmt::Debug for KubernetesLease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesLease")
            .field("name", &self.name)
            .field("holder", &self.holder)
            .finish_non_exhaustive()
    }
}

/// What says which epoch is in charge, for objects that bear no epoch's mark.
#[derive(Clone)]
pub struct Fence {
    api: Api<Object>,
    name: String,
    timeout: Duration,
}

impl std::fmt::Debug for Fence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fence").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Fence {
    /// The epoch of the last holder; none when nobody ever held it.
    pub(crate) async fn epoch(&self) -> Result<Option<u64>, kube::Error> {
        let found = tokio::time::timeout(self.timeout, self.api.get_opt(&self.name)).await;
        let late = || kube::Error::Service("no answer came in time".into());
        Ok(found.map_err(|_| late())??.as_ref().and_then(epoch))
    }
}

enum Failed {
    /// Another was faster.
    Overtaken,
    Other(String),
}

impl KubernetesLease {
    /// The Lease `namespace/name`, to be held by `holder` for `term` after each renewal.
    #[must_use]
    pub fn new(connection: &Connection, namespace: &str, name: &str, holder: &str, term: Duration) -> Self {
        Self {
            api: Api::namespaced(connection.client.clone(), namespace),
            name: name.to_owned(),
            holder: holder.to_owned(),
            term,
            timeout: connection.timeout.min(term / 2),
            seen: Mutex::new(None),
        }
    }

    /// What lets a cluster refuse epochs that are over, where objects do not say so themselves.
    #[must_use]
    pub fn fence(&self) -> Fence {
        Fence { api: self.api.clone(), name: self.name.clone(), timeout: self.timeout }
    }

    fn error(&self, message: impl Into<String>) -> LeaseError {
        LeaseError { lease: self.name.clone(), message: message.into() }
    }

    async fn timed<T>(&self, asked: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failed> {
        match tokio::time::timeout(self.timeout, asked).await {
            Err(_) => Err(Failed::Other("no answer came in time".to_owned())),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(Failed::Overtaken),
            Ok(Err(error)) => Err(Failed::Other(error.to_string())),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn spec(&self, before: Option<&LeaseSpec>, transitions: i32) -> LeaseSpec {
        let now = MicroTime(jiff::Timestamp::now());
        let ours = before.and_then(|spec| spec.holder_identity.as_deref()) == Some(self.holder.as_str());
        let since = before.and_then(|spec| spec.acquire_time.clone()).filter(|_| ours);
        LeaseSpec {
            holder_identity: Some(self.holder.clone()),
            lease_duration_seconds: Some(i32::try_from(self.term.as_secs().max(1)).unwrap_or(i32::MAX)),
            acquire_time: Some(since.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    async fn take(&self) -> Result<Option<u64>, Failed> {
        let found = self.timed(self.api.get_opt(&self.name)).await?;
        let Some(mut object) = found else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let object = Object { metadata, spec: Some(self.spec(None, 1)) };
            let made = self.timed(self.api.create(&PostParams::default(), &object)).await?;
            return Ok(epoch(&made));
        };
        let spec = object.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty());
        let ours = holder == Some(self.holder.as_str());
        if !ours && holder.is_some() && !self.has_run_out(&object, &spec).await {
            return Ok(None);
        }
        let before = spec.lease_transitions.unwrap_or(0);
        let transitions = if ours { before.max(1) } else { before.saturating_add(1) };
        object.spec = Some(self.spec(Some(&spec), transitions));
        // The version that was read goes along: of two that take it at once, one is refused.
        let taken = self.timed(self.api.replace(&self.name, &PostParams::default(), &object)).await?;
        Ok(epoch(&taken))
    }

    /// Whether nothing was renewed for the whole term, as far as we have seen ourselves.
    async fn has_run_out(&self, object: &Object, spec: &LeaseSpec) -> bool {
        let version = object.metadata.resource_version.clone().unwrap_or_default();
        let term = Duration::from_secs(u64::try_from(spec.lease_duration_seconds.unwrap_or(15)).unwrap_or(15));
        let mut seen = self.seen.lock().await;
        match &*seen {
            Some((known, since)) if *known == version => since.elapsed() > term,
            _ => {
                *seen = Some((version, Instant::now()));
                false
            }
        }
    }
}

fn epoch(object: &Object) -> Option<u64> {
    let transitions = object.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or(1);
    u64::try_from(transitions).ok()
}

#[async_trait]
impl Lease for KubernetesLease {
    async fn hold(&self) -> Result<Option<u64>, LeaseError> {
        match self.take().await {
            Ok(epoch) => Ok(epoch),
            Err(Failed::Overtaken) => Ok(None),
            Err(Failed::Other(message)) => Err(self.error(message)),
        }
    }

    async fn release(&self) -> Result<(), LeaseError> {
        let told = |failed: Failed| match failed {
            Failed::Overtaken => self.error("another controller took it meanwhile"),
            Failed::Other(message) => self.error(message),
        };
        let Some(mut object) = self.timed(self.api.get_opt(&self.name)).await.map_err(told)? else { return Ok(()) };
        let Some(spec) = &mut object.spec else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(self.holder.as_str()) {
            return Ok(());
        }
        // The count of transitions stays, so that the next holder has a higher epoch.
        spec.holder_identity = None;
        self.timed(self.api.replace(&self.name, &PostParams::default(), &object)).await.map_err(told)?;
        Ok(())
    }
}
