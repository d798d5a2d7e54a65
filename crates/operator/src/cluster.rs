//! Looking at workloads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher;
use tenantry_domain::snapshot::PodState;
use tenantry_domain::spec::{Pick, ScaleTarget};
use tenantry_engine::ports::cluster::{Cluster, ClusterError, ObjectState, PodMetrics, ScaleRequest, Sought};
use tokio::sync::Mutex;

use crate::connect::Connection;
use crate::events::Announcer;
use crate::objects::{self, Sized};
use crate::pods;
use crate::scale::Scaler;
use crate::usage::{Usage, UsageSource};
use crate::watch::Watch;

/// Scale subresources read at once, of kinds that are not watched.
const READS_AT_ONCE: usize = 16;

type ObjectWatch = Arc<Watch<DynamicObject>>;

/// A Kubernetes cluster.
pub struct KubernetesCluster {
    connection: Connection,
    pods: Watch<Pod>,
    replica_sets: Watch<PartialObjectMeta<ReplicaSet>>,
    scalers: Watch<HorizontalPodAutoscaler>,
    /// Watched kinds, each since it was first sought.
    kinds: Mutex<BTreeMap<String, ObjectWatch>>,
    usage: UsageSource,
    scaler: Scaler,
}

impl std::fmt::Debug for KubernetesCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesCluster").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// An API of one namespace or of all.
fn scoped<K>(connection: &Connection) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    let client = connection.client.clone();
    match &connection.namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    }
}

fn dynamic(connection: &Connection, resource: &ApiResource) -> Api<DynamicObject> {
    let client = connection.client.clone();
    match &connection.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    }
}

/// The resource of a kind. Kubernetes' own kinds have regular plurals, and others are asked for.
pub(crate) fn resource(target: &ScaleTarget) -> ApiResource {
    let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &target.kind))
}

impl KubernetesCluster {
    /// Begins to watch the cluster. Events are written under the name `tenantry`.
    #[must_use]
    pub fn watch(connection: Connection, holder: &str) -> Self {
        let config = watcher::Config::default();
        let pods = Watch::start(watcher::watcher(scoped(&connection), config.clone()), (), pods::trim);
        let replica_sets = Watch::start(
            watcher::watcher(scoped::<PartialObjectMeta<ReplicaSet>>(&connection), config.clone()),
            (),
            |object: &mut PartialObjectMeta<ReplicaSet>| {
                object.metadata.managed_fields = None;
                object.metadata.annotations = None;
            },
        );
        let scalers =
            Watch::start(watcher::watcher(scoped(&connection), config), (), |object: &mut HorizontalPodAutoscaler| {
                object.metadata.managed_fields = None;
                object.status = None;
            });
        let scaler = Scaler::new(connection.clone(), Announcer::new(&connection.client, holder));
        let (kinds, usage) = (Mutex::new(BTreeMap::new()), UsageSource::default());
        Self { connection, pods, replica_sets, scalers, kinds, usage, scaler }
    }

    /// The watch of a kind, begun when it is sought for the first time.
    async fn kind(&self, target: &ScaleTarget) -> ObjectWatch {
        let name = format!("{} {}", target.api_version, target.kind);
        let mut kinds = self.kinds.lock().await;
        let known = kinds.entry(name).or_insert_with(|| {
            let resource = resource(target);
            let events = watcher::watcher(dynamic(&self.connection, &resource), watcher::Config::default());
            Arc::new(Watch::start(events, resource, objects::trim))
        });
        Arc::clone(known)
    }

    async fn picture(&self, sought: &[Sought]) -> Result<Picture, String> {
        let limit = self.connection.timeout;
        let mut kinds: BTreeMap<String, ObjectWatch> = BTreeMap::new();
        for target in sought.iter().map(|sought| &sought.target).filter(|target| objects::is_watched(target)) {
            if !kinds.contains_key(&target.kind) {
                kinds.insert(target.kind.clone(), self.kind(target).await);
            }
        }
        let first_lists = kinds.values().map(|watch| watch.settled(limit));
        futures::join!(
            futures::future::join_all(first_lists),
            self.pods.settled(limit),
            self.replica_sets.settled(limit),
            self.scalers.settled(limit)
        );
        let mut objects = BTreeMap::new();
        for (kind, watch) in &kinds {
            for object in watch.now()? {
                let namespace = object.metadata.namespace.clone().unwrap_or_default();
                objects.entry((kind.clone(), namespace)).or_insert_with(Vec::new).push(object);
            }
        }
        let parents: HashMap<String, String> = self
            .replica_sets
            .now()?
            .iter()
            .filter_map(|set| {
                Some((set.metadata.uid.clone()?, controller(set.metadata.owner_references.as_deref())?.uid.clone()))
            })
            .collect();
        let mut pods: HashMap<String, Vec<Arc<Pod>>> = HashMap::new();
        for pod in self.pods.now()? {
            let Some(owner) = controller(pod.metadata.owner_references.as_deref()) else { continue };
            // A pod counts for its own controller and for that one's.
            if let Some(parent) = parents.get(&owner.uid) {
                pods.entry(parent.clone()).or_default().push(Arc::clone(&pod));
            }
            pods.entry(owner.uid.clone()).or_default().push(pod);
        }
        Ok(Picture {
            objects,
            pods,
            scalers: self.scalers.now()?.iter().filter_map(|scaler| pointed_at(scaler)).collect(),
        })
    }

    /// One workload; a kind that is not watched is read through its scale subresource.
    async fn state(&self, sought: &Sought, picture: &Picture, usage: &Usage) -> Result<ObjectState, ClusterError> {
        let sized = if objects::is_watched(&sought.target) {
            picture.find(&sought.target)?
        } else {
            self.scaler.read(&sought.target).await?
        };
        Ok(picture.state(&sought.target, sized, usage))
    }
}

/// Everything at one instant, indexed.
struct Picture {
    objects: BTreeMap<(String, String), Vec<Arc<DynamicObject>>>,
    pods: HashMap<String, Vec<Arc<Pod>>>,
    /// Autoscalers by namespace, kind and name of what they point at.
    scalers: BTreeMap<(String, String, String), String>,
}

fn controller(owners: Option<&[OwnerReference]>) -> Option<&OwnerReference> {
    owners?.iter().find(|owner| owner.controller == Some(true))
}

/// What an HPA points at, and what to call it. KEDA makes an HPA of each ScaledObject and owns it.
fn pointed_at(scaler: &HorizontalPodAutoscaler) -> Option<((String, String, String), String)> {
    let target = &scaler.spec.scale_target_ref;
    let owner = controller(scaler.metadata.owner_references.as_deref());
    let called = match owner {
        Some(owner) if owner.kind == "ScaledObject" => format!("ScaledObject {}", owner.name),
        _ => format!("HorizontalPodAutoscaler {}", scaler.metadata.name.as_deref().unwrap_or_default()),
    };
    Some(((scaler.metadata.namespace.clone()?, target.kind.clone(), target.name.clone()), called))
}

impl Picture {
    fn find(&self, target: &ScaleTarget) -> Result<Sized, ClusterError> {
        let key = (target.kind.clone(), target.namespace.clone());
        let matches: Vec<&Arc<DynamicObject>> = self
            .objects
            .get(&key)
            .into_iter()
            .flatten()
            .filter(|object| {
                let name = object.metadata.name.as_deref().unwrap_or_default();
                objects::answers(&target.pick, name, object.metadata.labels.as_ref())
            })
            .collect();
        match matches.as_slice() {
            [object] => Ok(objects::of_watched(object)),
            [] => Err(ClusterError::NotFound { target: target.to_string() }),
            several => Err(ClusterError::Ambiguous { target: target.to_string(), found: several.len() }),
        }
    }

    fn state(&self, target: &ScaleTarget, sized: Sized, usage: &Usage) -> ObjectState {
        let own = self.pods.get(&sized.uid).map(Vec::as_slice).unwrap_or_default();
        let mut pods: Vec<PodState> = own.iter().map(|pod| pods::state(pod)).collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        let metrics = match usage {
            Err(why) => PodMetrics::Missing(why.clone()),
            Ok(usage) => {
                let of = |pod: &PodState| usage.get(&(target.namespace.clone(), pod.name.clone()));
                let found: Vec<_> = pods.iter().filter_map(of).collect();
                PodMetrics::Samples {
                    cpu: found.iter().filter_map(|used| used.cpu.clone()).collect(),
                    memory: found.iter().filter_map(|used| used.memory.clone()).collect(),
                }
            }
        };
        let scaler = self.scalers.get(&(target.namespace.clone(), target.kind.clone(), sized.name.clone()));
        ObjectState {
            name: sized.name,
            version: sized.version,
            current: sized.current,
            reported: sized.reported,
            pods,
            metrics,
            foreign_scaler: scaler.cloned(),
        }
    }
}

#[async_trait]
impl Cluster for KubernetesCluster {
    async fn observe(&self, sought: &[Sought]) -> Vec<Result<ObjectState, ClusterError>> {
        let namespace = self.connection.namespace.as_deref();
        let usage = self.usage.now(&self.connection.client, namespace, self.connection.timeout);
        let (picture, usage) = futures::join!(self.picture(sought), usage);
        let picture = match picture {
            Ok(picture) => picture,
            Err(message) => {
                let unknown = |sought: &Sought| ClusterError::Unknown {
                    verb: "watch",
                    target: sought.target.to_string(),
                    message: message.clone(),
                };
                return sought.iter().map(|sought| Err(unknown(sought))).collect();
            }
        };
        let mut states = Vec::with_capacity(sought.len());
        for asked in sought.chunks(READS_AT_ONCE) {
            let each = asked.iter().map(|sought| self.state(sought, &picture, &usage));
            states.extend(futures::future::join_all(each).await);
        }
        states
    }

    async fn scale(&self, request: &ScaleRequest) -> Result<(), ClusterError> {
        self.scaler.scale(request).await
    }
}

/// The name of the object, where it is known without looking.
pub(crate) fn name_of(target: &ScaleTarget) -> Option<&str> {
    match &target.pick {
        Pick::Name(name) => Some(name),
        Pick::Labels(_) => None,
    }
}
