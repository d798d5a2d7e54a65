//! Objects that the real autoscaler sizes, with pods that are ready when it is said, and a record of every look it took.
//!
//! An object is of a kind of our own with a scale subresource, and its pods are bound to no node: so nothing but the
//! autoscaler and this moves them, and what was seen at a step is known to the last pod.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::case::{Case, Kind};

const NAMESPACE: &str = "default";
/// After an answer, the time in which the autoscaler writes its size; then the pods follow it.
const WRITES: Duration = Duration::from_millis(250);
/// The time in which the autoscaler hears of changed pods.
const HEARS: Duration = Duration::from_millis(200);

/// A pod, in whole seconds as the API has them.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) started: i64,
    pub(crate) ready: bool,
    pub(crate) changed: i64,
    born: usize,
}

/// What the autoscaler saw when it looked.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) size: u32,
    /// The total of each metric, in its own unit's thousandths.
    pub(crate) loads: Vec<i64>,
    pub(crate) pods: Vec<Member>,
    /// What each measured pod uses, in thousandths, and when that was measured, in whole seconds.
    pub(crate) usage: Vec<(String, i64)>,
    pub(crate) measured: i64,
}

#[derive(Default)]
struct State {
    looks: Vec<Look>,
    pods: Vec<Member>,
    made: usize,
    /// The size that everything was brought to, and when that was done.
    settled: Option<(u32, Instant)>,
    busy: bool,
}

struct Sized {
    case: Case,
    state: Mutex<State>,
}

/// All of them.
pub(crate) struct World {
    client: Client,
    sized: Vec<Sized>,
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("testbed.tenantry.dev", "v1", "Sized"), "sizeds")
}

/// The kind of the objects.
pub(crate) async fn define(client: &Client) {
    let count = json!({ "type": "object", "properties": { "replicas": { "type": "integer" } } });
    let status = json!({ "type": "object", "properties": { "replicas": { "type": "integer" }, "selector": { "type": "string" } } });
    let definition: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": { "name": "sizeds.testbed.tenantry.dev" },
        "spec": {
            "group": "testbed.tenantry.dev", "scope": "Namespaced",
            "names": { "kind": "Sized", "plural": "sizeds", "singular": "sized" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": count, "status": status } } },
                "subresources": { "status": {}, "scale": { "specReplicasPath": ".spec.replicas",
                    "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector" } }
            }]
        }
    }))
    .unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &definition).await.unwrap();
}

impl World {
    pub(crate) fn new(client: Client, cases: Vec<Case>) -> Arc<Self> {
        let sized = cases.into_iter().map(|case| Sized { case, state: Mutex::default() }).collect();
        Arc::new(Self { client, sized })
    }

    fn objects(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), NAMESPACE, &resource())
    }

    /// Makes the objects with their pods, and then the autoscalers.
    pub(crate) async fn populate(&self) {
        let autoscaler = ApiResource::erase::<k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler>(&());
        let autoscalers: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), NAMESPACE, &autoscaler);
        for (place, sized) in self.sized.iter().enumerate() {
            let object = json!({ "apiVersion": "testbed.tenantry.dev/v1", "kind": "Sized",
                "metadata": { "name": sized.case.name }, "spec": { "replicas": sized.case.first } });
            // The new kind is served a moment after it was made.
            let end = Instant::now() + Duration::from_secs(30);
            while let Err(error) =
                self.objects().create(&PostParams::default(), &serde_json::from_value(object.clone()).unwrap()).await
            {
                assert!(Instant::now() < end, "{error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.settle(place).await;
        }
        for sized in &self.sized {
            let object = serde_json::from_value(sized.case.object()).unwrap();
            autoscalers.create(&PostParams::default(), &object).await.unwrap();
        }
    }

    /// Brings pods and status to the size that is asked for.
    async fn settle(&self, place: usize) {
        let Sized { case, state } = &self.sized[place];
        let object = self.objects().get(&case.name).await.unwrap();
        let size = u32::try_from(object.data["spec"]["replicas"].as_u64().unwrap()).unwrap();
        let mut state = state.lock().await;
        if case.kind != Kind::External {
            self.fill(case, &mut state, size as usize).await;
        }
        let status = json!({ "status": { "replicas": size, "selector": format!("case={}", case.name) } });
        self.objects().patch_status(&case.name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
        state.settled = Some((size, Instant::now()));
        state.busy = false;
    }

    async fn fill(&self, case: &Case, state: &mut State, size: usize) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let step = state.looks.len();
        while state.pods.len() > size {
            // The youngest goes first.
            let gone = state.pods.pop().unwrap();
            pods.delete(&gone.name, &DeleteParams::default().grace_period(0)).await.unwrap();
        }
        while state.pods.len() < size {
            let name = format!("{}-{}", case.name, state.made);
            let pod: Pod = serde_json::from_value(json!({
                "metadata": { "name": name, "labels": { "case": case.name } },
                // Nobody schedules it.
                "spec": { "schedulerName": "nobody", "automountServiceAccountToken": false,
                    "containers": [{ "name": "main", "image": "none", "resources": { "requests": { "cpu": "1" } } }] }
            }))
            .unwrap();
            pods.create(&PostParams::default(), &pod).await.unwrap();
            let now = now_ms() / 1000;
            // The first ones have long been ready.
            let old = state.looks.is_empty();
            let started = if old { now - 3600 } else { now };
            let member = Member { name, started, ready: old, changed: started, born: step };
            self.tell(&pods, &member).await;
            state.made += 1;
            state.pods.push(member);
        }
        for member in &mut state.pods {
            if !member.ready && step - member.born >= case.delay {
                (member.ready, member.changed) = (true, now_ms() / 1000);
                self.tell(&pods, member).await;
            }
        }
    }

    async fn tell(&self, pods: &Api<Pod>, member: &Member) {
        let at = |secs| jiff::Timestamp::from_second(secs).unwrap().to_string();
        let status = json!({ "status": { "phase": "Running", "startTime": at(member.started), "conditions": [{
            "type": "Ready", "status": if member.ready { "True" } else { "False" }, "lastTransitionTime": at(member.changed) }] } });
        pods.patch_status(&member.name, &PatchParams::default(), &Patch::Strategic(&status)).await.unwrap();
    }

    /// What the metric API says to a path.
    pub(crate) async fn answer(self: Arc<Self>, asked: String) -> Option<Value> {
        let listed = |group: &str| json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": [] });
        let path = asked.split('?').next().unwrap_or_default();
        match path.trim_start_matches("/apis/").split('/').collect::<Vec<_>>().as_slice() {
            [group, "v1beta1"] => Some(listed(&format!("{group}/v1beta1"))),
            ["external.metrics.k8s.io", _, "namespaces", _, metric] => {
                let (name, metric) = metric.rsplit_once('.')?;
                let metric: usize = metric.parse().ok()?;
                let look = self.look(name, metric == 0).await?;
                let value = format!("{}m", look.loads[metric]);
                let item = json!({ "metricName": asked, "metricLabels": {}, "timestamp": instant(look.measured), "value": value });
                Some(
                    json!({ "kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "metadata": {}, "items": [item] }),
                )
            }
            ["metrics.k8s.io", _, "namespaces", _, "pods"] => {
                let name = asked.split("case%3D").nth(1)?.split('&').next()?;
                let look = self.look(name, true).await?;
                let items: Vec<Value> = look
                    .usage
                    .iter()
                    .map(|(pod, used)| {
                        let usage = json!({ "cpu": format!("{used}m"), "memory": "1Mi" });
                        json!({ "metadata": { "name": pod, "namespace": NAMESPACE, "labels": { "case": name } },
                            "timestamp": instant(look.measured), "window": "1s", "containers": [{ "name": "main", "usage": usage }] })
                    })
                    .collect();
                Some(
                    json!({ "kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items }),
                )
            }
            _ => None,
        }
    }

    /// What the autoscaler of an object sees now; a new step, or the one that it already looks at. None while its pods
    /// do not follow yet: then it knows nothing, and looks again.
    async fn look(self: &Arc<Self>, name: &str, new: bool) -> Option<Look> {
        let place = self.sized.iter().position(|sized| sized.case.name == name)?;
        let Sized { case, state } = &self.sized[place];
        if !new {
            return state.lock().await.looks.last().cloned();
        }
        let object = self.objects().get(name).await.ok()?;
        let size = u32::try_from(object.data["spec"]["replicas"].as_u64()?).ok()?;
        let mut state = state.lock().await;
        let follows = state.settled.is_some_and(|(settled, at)| settled == size && at.elapsed() >= HEARS);
        let look = (follows && !state.busy).then(|| see(case, &state, size));
        state.looks.extend(look.clone());
        if !state.busy {
            state.busy = true;
            let this = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(WRITES).await;
                this.settle(place).await;
            });
        }
        look
    }

    /// Every look of every autoscaler.
    pub(crate) async fn looks(&self) -> Vec<(Case, Vec<Look>)> {
        let mut all = Vec::new();
        for sized in &self.sized {
            all.push((sized.case.clone(), sized.state.lock().await.looks.clone()));
        }
        all
    }
}

fn instant(secs: i64) -> String {
    jiff::Timestamp::from_second(secs).unwrap().to_string()
}

/// The load of this step, shared among the pods that serve; one that starts is busy with that.
fn see(case: &Case, state: &State, size: u32) -> Look {
    let step = state.looks.len();
    let at = now_ms();
    let loads: Vec<i64> = (0..case.targets.len()).map(|metric| case.load(metric, step, size)).collect();
    let serving = i64::try_from(state.pods.iter().filter(|pod| pod.ready).count().max(1)).unwrap();
    let mut rest = loads[0] % serving;
    let mut usage = Vec::new();
    for pod in &state.pods {
        if pod.ready {
            usage.push((pod.name.clone(), loads[0] / serving + i64::from(rest > 0)));
            rest -= 1;
        } else if case.measured {
            usage.push((pod.name.clone(), 950));
        }
    }
    Look { at, size, loads, pods: state.pods.clone(), usage, measured: at / 1000 }
}
