//! Watches that know whether they still see the present.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use kube::Resource;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, reflector::Lookup};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tracing::debug;

/// A watch that broke off is mended within moments; what it saw last still counts for so long.
const BORNE: Duration = Duration::from_secs(5);

/// How a watch is.
#[derive(Debug, Default)]
struct Health {
    synced: bool,
    broken: Option<(Instant, String)>,
}

/// Objects of one kind as the API server last told, kept up to date in the background until this is dropped.
pub(crate) struct Watch<K>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Hash + Eq,
{
    store: Store<K>,
    health: Arc<Mutex<Health>>,
    task: JoinHandle<()>,
}

impl<K> Drop for Watch<K>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Hash + Eq,
{
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K> Watch<K>
where
    K: Resource
        + Lookup<DynamicType = <K as Resource>::DynamicType>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
    <K as Resource>::DynamicType: Hash + Eq + Clone + Send + Sync,
{
    /// Begins to watch; `trim` takes away what is not needed, as most of an object is not.
    pub(crate) fn start(
        events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
        kind: <K as Resource>::DynamicType,
        trim: fn(&mut K),
    ) -> Self {
        let mut writer = reflector::store::Writer::new(kind);
        let store = writer.as_reader();
        let health = Arc::new(Mutex::new(Health::default()));
        let known = Arc::clone(&health);
        // The back-off keeps a broken server from being asked without rest; 410 Gone begins a new list by itself.
        let mut events = Box::pin(events.default_backoff());
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => {
                        let done = matches!(event, Event::InitDone | Event::Apply(_) | Event::Delete(_));
                        writer.apply_watcher_event(&event.modify(trim));
                        let mut health = known.lock().unwrap_or_else(PoisonError::into_inner);
                        if done {
                            *health = Health { synced: true, broken: None };
                        }
                    }
                    Err(error) => {
                        debug!(%error, "a watch broke off");
                        let mut health = known.lock().unwrap_or_else(PoisonError::into_inner);
                        let since = health.broken.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                        health.broken = Some((since, error.to_string()));
                    }
                }
            }
        });
        Self { store, health, task }
    }

    /// What is there now.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(crate) fn now(&self) -> Result<Vec<Arc<K>>, String> {
        self.state()?;
        Ok(self.store.state())
    }

    fn state(&self) -> Result<(), String> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match &health.broken {
            Some((since, why)) if since.elapsed() > BORNE || !health.synced => Err(why.clone()),
            _ if !health.synced => Err("the first list has not come yet".to_owned()),
            _ => Ok(()),
        }
    }

    /// Waits for the first list, but not for longer than `limit`.
    pub(crate) async fn settled(&self, limit: Duration) {
        let end = Instant::now() + limit;
        while self.state().is_err() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
