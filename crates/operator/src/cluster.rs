//! Looking at workloads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, PartialObjectMeta};
use kube::core::SelectorExt as _;
use kube::runtime::watcher;
use tenantry_domain::snapshot::PodState;
use tenantry_domain::spec::{Pick, ScaleTarget};
use tenantry_engine::ports::cluster::{
    Cluster, ClusterError, ObjectState, PodMetrics, ResizeRequest, ScaleRequest, Sought,
};
use tokio::sync::Mutex;

use crate::connect::Connection;
use crate::events::Announcer;
use crate::foreign::{self, ScaledObjects, controller};
use crate::kinds::Kinds;
use crate::lease::Fence;
use crate::objects::{self, Sized};
use crate::pods;
use crate::scale::{Read, Scaler};
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
    scaled_objects: ScaledObjects,
    /// Watched kinds, each since it was first sought.
    watched: Mutex<BTreeMap<String, ObjectWatch>>,
    kinds: Arc<Kinds>,
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

pub(crate) fn dynamic(connection: &Connection, resource: &ApiResource) -> Api<DynamicObject> {
    let client = connection.client.clone();
    match &connection.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    }
}

/// How a kind is called in indexes: kinds of two groups may share a name.
fn called(target: &ScaleTarget) -> String {
    format!("{} {}", target.api_version, target.kind)
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
        let kinds = Arc::new(Kinds::new(connection.client.clone(), connection.timeout));
        let announcer = Announcer::new(&connection.client, holder);
        let scaler = Scaler::new(connection.clone(), Arc::clone(&kinds), announcer);
        let scaled_objects = ScaledObjects::new(connection.clone(), Arc::clone(&kinds));
        let (watched, usage) = (Mutex::new(BTreeMap::new()), UsageSource::default());
        Self { connection, pods, replica_sets, scalers, scaled_objects, watched, kinds, usage, scaler }
    }

    /// The same cluster, which refuses epochs that a lease says are over.
    #[must_use]
    pub fn fenced_by(mut self, fence: Fence) -> Self {
        self.scaler.fence = Some(fence);
        self
    }

    /// The watch of a kind, begun when it is sought for the first time.
    async fn kind(&self, target: &ScaleTarget) -> Result<ObjectWatch, ClusterError> {
        let resource = self.kinds.resource(target).await?;
        let mut watched = self.watched.lock().await;
        let known = watched.entry(called(target)).or_insert_with(|| {
            let events = watcher::watcher(dynamic(&self.connection, &resource), watcher::Config::default());
            Arc::new(Watch::start(events, resource, objects::trim))
        });
        Ok(Arc::clone(known))
    }

    /// The watches that these need; others are asked for by name.
    async fn watches(&self, sought: &[Sought]) -> BTreeMap<String, ObjectWatch> {
        let mut watches = BTreeMap::new();
        let needs_watch = |target: &&ScaleTarget| objects::is_watched(target) || name_of(target).is_none();
        for target in sought.iter().map(|sought| &sought.target).filter(needs_watch) {
            // A kind that is not there is told to those who seek it.
            if !watches.contains_key(&called(target))
                && let Ok(watch) = self.kind(target).await
            {
                watches.insert(called(target), watch);
            }
        }
        watches
    }

    async fn picture(&self, sought: &[Sought]) -> Result<Picture, String> {
        let limit = self.connection.timeout;
        let kinds = self.watches(sought).await;
        let first_lists = kinds.values().map(|watch| watch.settled(limit));
        let (_, _, _, _, scaled_objects) = futures::join!(
            futures::future::join_all(first_lists),
            self.pods.settled(limit),
            self.replica_sets.settled(limit),
            self.scalers.settled(limit),
            self.scaled_objects.now(limit)
        );
        let (mut objects, mut unseen) = (BTreeMap::new(), BTreeMap::new());
        for (kind, watch) in &kinds {
            match watch.now() {
                Ok(found) => {
                    for object in found {
                        let namespace = object.metadata.namespace.clone().unwrap_or_default();
                        objects.entry((kind.clone(), namespace)).or_insert_with(Vec::new).push(object);
                    }
                }
                Err(why) => {
                    unseen.insert(kind.clone(), why);
                }
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
        let mut by_namespace: HashMap<String, Vec<Arc<Pod>>> = HashMap::new();
        let by_labels = sought.iter().any(|sought| !objects::is_watched(&sought.target));
        for pod in self.pods.now()? {
            if by_labels {
                let namespace = pod.metadata.namespace.clone().unwrap_or_default();
                by_namespace.entry(namespace).or_default().push(Arc::clone(&pod));
            }
            let Some(owner) = controller(pod.metadata.owner_references.as_deref()) else { continue };
            // A pod counts for its own controller and for that one's.
            if let Some(parent) = parents.get(&owner.uid) {
                pods.entry(parent.clone()).or_default().push(Arc::clone(&pod));
            }
            pods.entry(owner.uid.clone()).or_default().push(pod);
        }
        let hpas = self.scalers.now()?;
        let scalers = scaled_objects.into_iter().chain(hpas.iter().filter_map(|hpa| foreign::pointed_at(hpa)));
        Ok(Picture { objects, unseen, pods, by_namespace, scalers: scalers.collect() })
    }

    /// One workload. Where the size of other kinds stands only their scale subresource knows.
    async fn state(&self, sought: &Sought, picture: &Picture, usage: &Usage) -> Result<ObjectState, ClusterError> {
        let target = &sought.target;
        if objects::is_watched(target) {
            let sized = objects::of_watched(picture.find(target)?);
            let pods = picture.pods.get(&sized.uid).map(Vec::as_slice).unwrap_or_default();
            return Ok(picture.state(target, sized, pods, usage));
        }
        self.kinds.resource(target).await?;
        let name = match name_of(target) {
            Some(name) => name.to_owned(),
            None => picture.find(target)?.metadata.name.clone().unwrap_or_default(),
        };
        let Read { sized, selector } = self.scaler.read(target, &name).await?;
        let owned = picture.pods.get(&sized.uid).map(Vec::as_slice).unwrap_or_default();
        // As HPA does it: the pods are those that the scale's own selector picks.
        let picked: Vec<Arc<Pod>> = match selector {
            Some(selector) => {
                let near = picture.by_namespace.get(&target.namespace).map(Vec::as_slice).unwrap_or_default();
                let none = BTreeMap::new();
                let fits = |pod: &&Arc<Pod>| selector.matches(pod.metadata.labels.as_ref().unwrap_or(&none));
                near.iter().filter(fits).cloned().collect()
            }
            None => owned.to_vec(),
        };
        Ok(picture.state(target, sized, &picked, usage))
    }
}

/// Everything at one instant, indexed.
struct Picture {
    objects: BTreeMap<(String, String), Vec<Arc<DynamicObject>>>,
    /// Kinds that cannot be seen now, and why.
    unseen: BTreeMap<String, String>,
    /// By the uid of a controller above them.
    pods: HashMap<String, Vec<Arc<Pod>>>,
    /// Filled where pods are sought by labels.
    by_namespace: HashMap<String, Vec<Arc<Pod>>>,
    /// Autoscalers by namespace, kind and name of what they point at.
    scalers: BTreeMap<foreign::Pointed, String>,
}

impl Picture {
    fn find(&self, target: &ScaleTarget) -> Result<&DynamicObject, ClusterError> {
        let kind = called(target);
        if let Some(why) = self.unseen.get(&kind) {
            let (target, message) = (target.to_string(), why.clone());
            return Err(ClusterError::Unknown { verb: "watch", target, message });
        }
        let matches: Vec<&Arc<DynamicObject>> = self
            .objects
            .get(&(kind, target.namespace.clone()))
            .into_iter()
            .flatten()
            .filter(|object| {
                let name = object.metadata.name.as_deref().unwrap_or_default();
                objects::answers(&target.pick, name, object.metadata.labels.as_ref())
            })
            .collect();
        match matches.as_slice() {
            [object] => Ok(object),
            [] => Err(ClusterError::NotFound { target: target.to_string() }),
            several => Err(ClusterError::Ambiguous { target: target.to_string(), found: several.len() }),
        }
    }

    fn state(&self, target: &ScaleTarget, sized: Sized, own: &[Arc<Pod>], usage: &Usage) -> ObjectState {
        let mut own: Vec<&Arc<Pod>> = own.iter().collect();
        own.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let pods: Vec<PodState> = own.iter().map(|pod| pods::state(pod)).collect();
        let used = |pod: &Pod| {
            let name = pod.metadata.name.clone().unwrap_or_default();
            usage.as_ref().ok()?.get(&(target.namespace.clone(), name))
        };
        let sizes = own.iter().map(|pod| pods::sizes(pod, used(pod))).collect();
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
            sizes,
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

    async fn resize(&self, request: &ResizeRequest) -> Result<(), ClusterError> {
        self.scaler.resize(request).await
    }
}

/// The name of the object, where it is known without looking.
fn name_of(target: &ScaleTarget) -> Option<&str> {
    match &target.pick {
        Pick::Name(name) => Some(name),
        Pick::Labels(_) => None,
    }
}
