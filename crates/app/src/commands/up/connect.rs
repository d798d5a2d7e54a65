//! Reaching Kubernetes at the start.

use std::sync::Arc;
use std::time::Duration;

use tenantry_domain::plan::Generation;
use tenantry_domain::unit::Span;
use tenantry_engine::status::ControllerStatus;
use tenantry_engine::view;
use tenantry_operator::{ConnectError, Connection};
use tenantry_store::Store;
use tokio::signal::unix::Signal;
use tracing::warn;

use super::noticed::Noticed;
use super::settings::{Mode, Resolved};
use crate::time;

/// An API server that does not answer at the start is asked again after so long.
const KNOCK_EVERY: Duration = Duration::from_secs(3);

/// Connects; a server that does not answer yet is waited for, and a signal ends the waiting.
///
/// # Errors
/// A configuration that can never connect.
pub(super) async fn connect(
    settings: &Resolved,
    store: &Arc<Store>,
    ends: &mut [Signal; 2],
    noticed: &Noticed,
) -> anyhow::Result<Option<Connection>> {
    let mut waits = ControllerStatus {
        holder: settings.holder.clone(),
        at: time::now(),
        started_at: time::now(),
        leading: false,
        acts: settings.mode == Mode::Act,
        period: settings.cycle,
        generation: Generation { epoch: 0, cycle: 0 },
        took: Span::from_millis(0),
        workloads: 0,
        failed_queries: Vec::new(),
        troubles: Vec::new(),
        notices: Vec::new(),
    };
    loop {
        match Connection::open(&settings.kubernetes).await {
            Ok(connection) => return Ok(Some(connection)),
            Err(error @ ConnectError::Configuration { .. }) => return Err(error.into()),
            Err(error) => {
                warn!(%error, "trying again");
                // `tenantry status` is asked just now.
                (waits.at, waits.troubles) = (time::now(), vec![format!("it waits: {error}")]);
                waits.notices = noticed.all();
                if let Err(error) = view::keep_controller(store.as_ref(), &waits).await {
                    warn!(%error, "what `tenantry status` shows is old");
                }
            }
        }
        let [terminated, interrupted] = &mut *ends;
        tokio::select! {
            () = tokio::time::sleep(KNOCK_EVERY) => {}
            // What is new is told at once, after a knock more.
            () = noticed.changed() => {}
            _ = terminated.recv() => return Ok(None),
            _ = interrupted.recv() => return Ok(None),
        }
    }
}
