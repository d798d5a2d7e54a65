//! What pods use, from `metrics.k8s.io`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::jiff;
use kube::Client;
use serde::Deserialize;
use tenantry_domain::quantity;
use tenantry_domain::snapshot::PodSample;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, Span};
use tenantry_domain::vertical::Resources;
use tokio::sync::Mutex;

use crate::pods;

/// The metrics server itself looks no more often than this.
const AGE_MAX: Duration = Duration::from_secs(5);
/// A cluster without the API is asked again after so long.
const ABSENT_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<PodMetricsItem>,
}

#[derive(Debug, Deserialize)]
struct PodMetricsItem {
    metadata: Metadata,
    timestamp: jiff::Timestamp,
    window: String,
    containers: Vec<ContainerUsage>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    namespace: String,
}

#[derive(Debug, Deserialize)]
struct ContainerUsage {
    #[serde(default)]
    name: String,
    usage: BTreeMap<String, String>,
}

/// Cpu and memory of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) cpu: Option<PodSample>,
    pub(crate) memory: Option<PodSample>,
    /// When it was measured.
    pub(crate) at: Timestamp,
    /// Each container's own part, by name.
    pub(crate) containers: BTreeMap<String, Resources>,
}

/// Usage by namespace and pod, or why there is none.
pub(crate) type Usage = Result<BTreeMap<(String, String), Used>, String>;

/// Asks for usage, and remembers the answer for a moment.
#[derive(Debug, Default)]
pub(crate) struct UsageSource(Mutex<Option<(Instant, std::sync::Arc<Usage>)>>);

impl UsageSource {
    pub(crate) async fn now(&self, client: &Client, namespace: Option<&str>, limit: Duration) -> std::sync::Arc<Usage> {
        let mut known = self.0.lock().await;
        if let Some((at, usage)) = &*known {
            let good_for = if usage.is_ok() { AGE_MAX } else { ABSENT_MAX };
            if at.elapsed() < good_for {
                return std::sync::Arc::clone(usage);
            }
        }
        let usage = std::sync::Arc::new(ask(client, namespace, limit).await);
        *known = Some((Instant::now(), std::sync::Arc::clone(&usage)));
        usage
    }
}

async fn ask(client: &Client, namespace: Option<&str>, limit: Duration) -> Usage {
    let path = match namespace {
        Some(namespace) => format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"),
        None => "/apis/metrics.k8s.io/v1beta1/pods".to_owned(),
    };
    let request = http_request(&path)?;
    let listed = tokio::time::timeout(limit, client.request::<Listed>(request)).await;
    match listed {
        Err(_) => Err("the cluster's metrics API did not answer in time".to_owned()),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
            Err("the cluster serves no metrics.k8s.io; install metrics-server, or give the signal a query".to_owned())
        }
        Ok(Err(error)) => Err(format!("the cluster's metrics API failed: {error}")),
        Ok(Ok(listed)) => Ok(listed.items.iter().map(used).collect()),
    }
}

fn http_request(path: &str) -> Result<http::Request<Vec<u8>>, String> {
    http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())
}

fn used(item: &PodMetricsItem) -> ((String, String), Used) {
    let sum = |resource: &str| {
        item.containers.iter().try_fold(0_i64, |sum, container| {
            Some(sum.saturating_add(quantity::parse(container.usage.get(resource)?)?.0))
        })
    };
    let at = pods::instant(item.timestamp);
    let sample = |value: i64| sample(&item.metadata.name, value, at, &item.window);
    let key = (item.metadata.namespace.clone(), item.metadata.name.clone());
    let own = |container: &ContainerUsage| {
        let value = |resource: &str| quantity::parse(container.usage.get(resource)?);
        (container.name.clone(), Resources { cpu: value("cpu"), memory: value("memory") })
    };
    let containers = item.containers.iter().map(own).collect();
    (key, Used { cpu: sum("cpu").map(sample), memory: sum("memory").map(sample), at, containers })
}

fn sample(pod: &str, value: i64, at: Timestamp, window: &str) -> PodSample {
    PodSample { pod: pod.to_owned(), value: Milli(value), at, window: window_of(window) }
}

/// Go's way to write a length of time, such as `15.057s`; half a minute where it cannot be read.
fn window_of(text: &str) -> Span {
    let secs = text.strip_suffix('s').and_then(|number| number.parse::<f64>().ok());
    let secs = secs.filter(|secs| (0.0..86_400.0).contains(secs));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
    secs.map_or_else(|| text.parse().unwrap_or(Span::from_secs(30)), |secs| Span::from_millis((secs * 1000.0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_summed_over_containers() {
        let item: PodMetricsItem = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "web-1", "namespace": "acme" },
            "timestamp": "2026-01-01T00:00:00Z",
            "window": "15.057s",
            "containers": [
                { "name": "a", "usage": { "cpu": "1500000n", "memory": "1Mi" } },
                { "name": "b", "usage": { "cpu": "10m", "memory": "2Mi" } }
            ]
        }))
        .unwrap();
        let (key, used) = used(&item);
        assert_eq!(key, ("acme".to_owned(), "web-1".to_owned()));
        let cpu = used.cpu.unwrap();
        assert_eq!((cpu.value, cpu.window), (Milli(12), Span::from_millis(15_057)));
        assert_eq!(used.memory.unwrap().value, Milli(3 * 1_048_576 * 1000));
        assert_eq!(used.containers["b"], Resources { cpu: Some(Milli(10)), memory: Some(Milli(2 * 1_048_576 * 1000)) });
        assert_eq!(window_of("1m0s"), Span::from_secs(60));
    }
}
