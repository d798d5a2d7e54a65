//! Telling the cluster's own users what was done, as Kubernetes Events. Never waited for, and never in the way.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tenantry_engine::ports::cluster::ScaleRequest;
use tokio::sync::mpsc;
use tracing::debug;

/// Events that wait to be written; beyond it they are dropped, as decisions are recorded anyway.
const WAITING_MAX: usize = 1024;
/// Longest note that Kubernetes takes.
const NOTE_MAX: usize = 1000;

/// Writes events in the background.
pub(crate) struct Announcer(mpsc::Sender<(Event, ObjectReference)>);

impl Announcer {
    pub(crate) fn new(client: &Client, holder: &str) -> Self {
        let reporter = Reporter { controller: "tenantry".to_owned(), instance: Some(holder.to_owned()) };
        let recorder = Recorder::new(client.clone(), reporter);
        let (sender, mut waiting) = mpsc::channel::<(Event, ObjectReference)>(WAITING_MAX);
        // Ends when the sender is dropped.
        tokio::spawn(async move {
            while let Some((event, about)) = waiting.recv().await {
                if let Err(error) = recorder.publish(&event, &about).await {
                    debug!(%error, "an event was not written");
                }
            }
        });
        Self(sender)
    }

    pub(crate) fn announce(&self, request: &ScaleRequest) {
        let grew = request.to > request.from;
        let note = format!("{} to {} replicas: {}", request.from, request.to, request.reason);
        let event = Event {
            type_: EventType::Normal,
            reason: if grew { "ScaledUp" } else { "ScaledDown" }.to_owned(),
            note: Some(note.chars().take(NOTE_MAX).collect()),
            action: "Scale".to_owned(),
            secondary: None,
        };
        let about = ObjectReference {
            api_version: Some(request.target.api_version.clone()),
            kind: Some(request.target.kind.clone()),
            name: Some(request.name.clone()),
            namespace: Some(request.target.namespace.clone()),
            ..ObjectReference::default()
        };
        if self.0.try_send((event, about)).is_err() {
            debug!("an event was dropped: too many wait");
        }
    }
}
