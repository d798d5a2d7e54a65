//! Which resource a kind is. Kubernetes' own need no asking; of any other the API server is asked once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kube::api::{ApiResource, GroupVersionKind};
use kube::discovery::Scope;
use kube::error::DiscoveryError;
use kube::{Client, Error, discovery};
use tenantry_domain::spec::ScaleTarget;
use tenantry_engine::ports::cluster::ClusterError;
use tokio::sync::Mutex;

use crate::failure::failure;
use crate::objects;

/// A kind that the cluster does not have is asked for again after so long.
const ABSENT_MAX: Duration = Duration::from_secs(30);
/// Kinds remembered; beyond it all are forgotten and asked for again. Configuration names a handful.
const KNOWN_MAX: usize = 256;

enum Known {
    Resource(ApiResource),
    /// Why it cannot be used, and since when that is known.
    Useless(Instant, String),
}

/// The kinds that have been asked for.
pub(crate) struct Kinds {
    client: Client,
    limit: Duration,
    known: Mutex<BTreeMap<(String, String), Known>>,
}

impl Kinds {
    pub(crate) fn new(client: Client, limit: Duration) -> Self {
        Self { client, limit, known: Mutex::new(BTreeMap::new()) }
    }

    /// The resource of a target.
    ///
    /// # Errors
    /// [`ClusterError`], also when the kind is not there or its size cannot be set.
    pub(crate) async fn resource(&self, target: &ScaleTarget) -> Result<ApiResource, ClusterError> {
        let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
        let kind = GroupVersionKind::gvk(group, version, &target.kind);
        if objects::is_watched(target) {
            return Ok(ApiResource::from_gvk(&kind));
        }
        let refused = |why: &str| ClusterError::Refused { target: target.to_string(), message: why.to_owned() };
        // Held while asking, so that a thousand workloads of one kind ask once.
        let mut known = self.known.lock().await;
        let key = (target.api_version.clone(), target.kind.clone());
        match known.get(&key) {
            Some(Known::Resource(resource)) => return Ok(resource.clone()),
            Some(Known::Useless(since, why)) if since.elapsed() < ABSENT_MAX => return Err(refused(why)),
            _ => {}
        }
        let found = self.ask(target, &kind).await?;
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let answer = match &found {
            Known::Resource(resource) => Ok(resource.clone()),
            Known::Useless(_, why) => Err(refused(why)),
        };
        known.insert(key, found);
        answer
    }

    async fn ask(&self, target: &ScaleTarget, kind: &GroupVersionKind) -> Result<Known, ClusterError> {
        let shown = target.to_string();
        let asked = tokio::time::timeout(self.limit, discovery::pinned_kind(&self.client, kind)).await;
        let useless = |why: String| Ok(Known::Useless(Instant::now(), why));
        let absent = || format!("the cluster has no kind `{}` in `{}`", target.kind, target.api_version);
        match asked {
            Err(_) => {
                let message = "no answer came in time".to_owned();
                Err(ClusterError::Unknown { verb: "discover", target: shown, message })
            }
            Ok(Err(Error::Api(status))) if status.code == 404 => useless(absent()),
            Ok(Err(Error::Discovery(DiscoveryError::MissingKind(_)))) => useless(absent()),
            Ok(Err(error)) => Err(failure("discover", &shown, &error)),
            Ok(Ok((resource, can))) => {
                let scales = can.subresources.iter().any(|(part, _)| is_scale(&part.plural));
                if !scales {
                    useless(format!("a `{}` has no scale subresource", target.kind))
                } else if can.scope != Scope::Namespaced {
                    useless(format!("a `{}` is in no namespace", target.kind))
                } else {
                    Ok(Known::Resource(resource))
                }
            }
        }
    }

    /// The resource of a kind that the cluster may have, whatever it can do; none when it did not say.
    pub(crate) async fn optional(&self, kind: &GroupVersionKind) -> Option<ApiResource> {
        let asked = tokio::time::timeout(self.limit, discovery::pinned_kind(&self.client, kind)).await;
        asked.ok()?.ok().map(|(resource, _)| resource)
    }
}

fn is_scale(plural: &str) -> bool {
    plural == "scale" || plural.ends_with("/scale")
}
